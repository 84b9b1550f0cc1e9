//! A pipeline's status from committed state on the target, with what this process alone knows of its own lanes. It must
//! not ask a cluster: whoever calls has asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::admitted::{Admitted, Refusal};
use super::standing::Barred;
use super::table::LaneInfo;
use crate::config::plan::{Delivery, Pipeline};
use crate::metrics::{LaneState, Reason};
use crate::position::{Account, Position, lane_of};
use crate::status::{self, Halt, LaneStatus, Owner, PartitionStatus, PipelineStatus, PluginStatus, Refused};
use crate::view::Snapshot;

/// What the process that answers knows of its own lanes and plugins.
pub struct Own {
    pub lanes: BTreeMap<u32, LaneInfo>,
    /// Why the group gives it none.
    pub barred: Option<Barred>,
    pub admitted: Arc<Admitted>,
    /// The last refusal of each plugin.
    pub refusals: BTreeMap<String, Refusal>,
}

/// The status of one pipeline; `owner` is what this process writes as owner.
pub fn pipeline_status(
    pipeline: &Pipeline,
    snapshot: &Snapshot,
    ends: &BTreeMap<(String, i32), i64>,
    own: Option<&Own>,
    owner: &str,
) -> PipelineStatus {
    let lanes = snapshot.controls.values().next().map_or(pipeline.lanes, |control| control.lanes);
    let mut partitions: Vec<PartitionStatus> =
        snapshot.positions.iter().map(|(at, position)| partition_status(at, Some(position), ends.get(at).copied())).collect();
    let unknown = ends.iter().filter(|(at, _)| !snapshot.positions.contains_key(*at));
    partitions.extend(unknown.map(|(at, end)| partition_status(at, None, Some(*end))));
    partitions.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    PipelineStatus {
        name: pipeline.name.clone(),
        source: pipeline.source.name.clone(),
        target: pipeline.target.name.clone(),
        delivery: match pipeline.delivery {
            Delivery::ExactlyOnce => status::Delivery::ExactlyOnce,
            Delivery::AtLeastOnce => status::Delivery::AtLeastOnce,
        },
        account: account(&snapshot.account()),
        lanes: (0..lanes).map(|lane| lane_status(lane, snapshot, own, owner)).collect(),
        partitions,
        plugins: own.map_or_else(Vec::new, plugins),
    }
}

fn account(account: &Account) -> status::Account {
    let Account { read, passed, filtered, quarantined, emitted } = *account;
    status::Account { read, passed, filtered, quarantined, emitted }
}

fn partition_status(at: &(String, i32), position: Option<&Position>, end: Option<i64>) -> PartitionStatus {
    let next = position.map(|position| position.next);
    PartitionStatus {
        topic: at.0.clone(),
        partition: at.1,
        position: next,
        end,
        lag: PartitionStatus::lag_between(next, end),
        account: position.map_or_else(Default::default, |position| account(&position.account)),
        lost: position.map_or(0, |position| position.lost),
        halted: position.and_then(|position| position.halted.as_ref()).map(|halted| Halt {
            code: Reason::of(&halted.code),
            offset: Some(halted.offset),
            detail: halted.detail.clone(),
        }),
    }
}

fn lane_status(lane: u32, snapshot: &Snapshot, own: Option<&Own>, owner: &str) -> LaneStatus {
    let control = snapshot.controls.get(&lane);
    let info = own.and_then(|own| own.lanes.get(&lane));
    let owned_by = match (info, control) {
        (Some(_), _) => Owner::This,
        (None, Some(control)) if control.owner != owner => Owner::Other,
        (None, _) => Owner::None,
    };
    let (state, reason, detail) = match info {
        Some(info) => (info.state, info.reason, info.detail.clone()),
        None => waits(told(lane, snapshot), own.and_then(|own| own.barred.as_ref())),
    };
    LaneStatus {
        lane,
        owner: owned_by,
        state,
        reason,
        detail: Some(detail).filter(|detail| !detail.is_empty()),
        generation: control.map(|control| control.generation),
        transaction_age_ms: info.and_then(|info| info.transaction).map(age_ms),
    }
}

/// What the target says of a lane that this process does not own: that it was halted, as a whole or with one of its
/// partitions; else it waits for its turn here.
fn told(lane: u32, snapshot: &Snapshot) -> (LaneState, Reason, String) {
    if !snapshot.read.contains(&lane) {
        let detail = format!("partition {lane} of the positions topic cannot be read, or was not read to its end yet");
        return (LaneState::Waiting, Reason::ClusterUnreachable, detail);
    }
    let control = snapshot.controls.get(&lane);
    if let Some(halted) = control.and_then(|control| control.halted.as_ref()) {
        return (LaneState::Halted, Reason::of(&halted.code), halted.detail.clone());
    }
    let lanes = control.map_or(1, |control| control.lanes);
    let of_lane = snapshot.positions.iter().filter(|((topic, partition), _)| lane_of(topic, *partition, lanes) == lane);
    match of_lane.filter(|_| control.is_some()).find_map(|(_, position)| position.halted.as_ref()) {
        Some(halted) => (LaneState::Halted, Reason::of(&halted.code), halted.detail.clone()),
        None => (LaneState::Waiting, Reason::None, String::new()),
    }
}

/// A lane that waits for its turn here, which a process that the group does not take is never given.
fn waits(told: (LaneState, Reason, String), barred: Option<&Barred>) -> (LaneState, Reason, String) {
    match barred {
        Some(barred) if told.1 == Reason::None => (told.0, barred.reason, barred.detail.clone()),
        _ => told,
    }
}

fn age_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn plugins(own: &Own) -> Vec<PluginStatus> {
    let steps = own.admitted.chain.steps.iter().zip(&own.admitted.since).enumerate();
    steps
        .map(|(step, (plan, since))| PluginStatus {
            step: step as u32,
            name: plan.name.clone(),
            version: plan.version().to_owned(),
            digest: plan.digest.clone(),
            since: *since,
            refused: own.refusals.get(&plan.name).map(|Refusal { digest, reason, at }| Refused {
                digest: digest.clone(),
                reason: reason.clone(),
                at: *at,
            }),
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::position::{Control, LaneHalt};

    fn control(owner: &str, halted: Option<&str>) -> Control {
        let control = serde_json::json!({
            "version": 1, "lanes": 4, "source": "abc", "generation": 3, "config": "c", "known": {}, "owner": owner, "since": 0,
        });
        let halted = halted.map(|code| LaneHalt { code: code.into(), detail: "why".into() });
        Control { halted, ..serde_json::from_value(control).unwrap() }
    }

    #[test]
    fn a_halt_of_another_process_shows() {
        let (partition, lane) = (0..).map(|partition| (partition, lane_of("t", partition, 4))).find(|(_, lane)| *lane == 2).unwrap();
        let account = serde_json::json!({ "read": 0, "passed": 0, "filtered": 0, "quarantined": 0, "emitted": 0 });
        let position = serde_json::json!({
            "version": 1, "topic_id": "", "start": 0, "next": 9, "leader_epoch": -1, "generation": 1, "config": "c",
            "target_start": 0, "account": account, "halted": { "code": "gap", "offset": 9, "detail": "why" },
        });
        let snapshot = Snapshot {
            controls: (0..4).map(|lane| (lane, control("other", (lane == 1).then_some("target_refused")))).collect(),
            positions: BTreeMap::from([(("t".to_owned(), partition), serde_json::from_value(position).unwrap())]),
            read: [0, 1, 2].into(),
            unreadable: 0,
        };
        let said = |lane| {
            let status = lane_status(lane, &snapshot, None, "me");
            (status.owner, status.state, status.reason)
        };
        assert_eq!(said(0), (Owner::Other, LaneState::Waiting, Reason::None));
        assert_eq!(said(1), (Owner::Other, LaneState::Halted, Reason::TargetRefused));
        assert_eq!(said(lane), (Owner::Other, LaneState::Halted, Reason::Gap));
        assert_eq!(said(3), (Owner::Other, LaneState::Waiting, Reason::ClusterUnreachable), "nothing is known of it");
        let barred = Barred { reason: Reason::Authorization, detail: "no READ".into() };
        let here = |lane| waits(told(lane, &snapshot), Some(&barred)).1;
        assert_eq!(
            [here(0), here(1), here(lane), here(3)],
            [Reason::Authorization, Reason::TargetRefused, Reason::Gap, Reason::ClusterUnreachable],
            "why this process is given none, where nothing else is known"
        );
    }
}
