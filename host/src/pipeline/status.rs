//! A pipeline's status from committed state on the target, with what this process alone knows of its own lanes. It must
//! not ask a cluster: whoever calls has asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::admitted::{Admitted, Refusal};
use super::table::LaneInfo;
use crate::config::plan::{Delivery, Pipeline};
use crate::metrics::{LaneState, Reason};
use crate::position::{Account, Position};
use crate::status::{self, Halt, LaneStatus, Owner, PartitionStatus, PipelineStatus, PluginStatus, Refused};
use crate::view::Snapshot;

/// What the process that answers knows of its own lanes and plugins.
pub struct Own {
    pub lanes: BTreeMap<u32, LaneInfo>,
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
            code: Reason::ALL.iter().copied().find(|reason| reason.as_str() == halted.code).unwrap_or(Reason::Internal),
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
    LaneStatus {
        lane,
        owner: owned_by,
        state: info.map_or(LaneState::Waiting, |info| info.state),
        reason: info.map_or(Reason::None, |info| info.reason),
        detail: info.map(|info| info.detail.clone()).filter(|detail| !detail.is_empty()),
        generation: control.map(|control| control.generation),
        transaction_age_ms: info.and_then(|info| info.transaction).map(age_ms),
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
