//! What `/status` and `sluice status -o json` say, as types.
//! It gathers nothing: whoever fills it reads committed state on the target, not this process's counters.

use crate::metrics::{LaneState, Reason};
use serde::{Deserialize, Serialize};

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the process that answers.
    pub version: String,
    /// All pipelines of its configuration, in that order.
    pub pipelines: Vec<PipelineStatus>,
}

/// One pipeline, over all its processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineStatus {
    /// Its name.
    pub name: String,
    /// The source cluster's name.
    pub source: String,
    /// The target cluster's name.
    pub target: String,
    /// What it promises.
    pub delivery: Delivery,
    /// The sum over its partitions.
    pub account: Account,
    /// All lanes, by number.
    pub lanes: Vec<LaneStatus>,
    /// All source partitions, by topic and number.
    pub partitions: Vec<PartitionStatus>,
    /// The chain, in order.
    pub plugins: Vec<PluginStatus>,
}

/// How records are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// In transactions with their positions.
    ExactlyOnce,
    /// Positions after the acknowledgements.
    AtLeastOnce,
}

/// What became of source records. By source record: read = passed + filtered + quarantined; emitted counts apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Records whose fate is committed.
    pub read: u64,
    /// Went on, changed or not.
    pub passed: u64,
    /// Dropped by a step.
    pub filtered: u64,
    /// Went to quarantine.
    pub quarantined: u64,
    /// Did not exist before.
    pub emitted: u64,
}

impl Account {
    /// An account that balances. The numbers are read back from a topic, so no sum of them may overflow.
    pub fn new(passed: u64, filtered: u64, quarantined: u64, emitted: u64) -> Self {
        Self { read: passed.saturating_add(filtered).saturating_add(quarantined), passed, filtered, quarantined, emitted }
    }
}

impl std::iter::Sum for Account {
    fn sum<I: Iterator<Item = Account>>(accounts: I) -> Account {
        accounts.fold(Account::default(), |sum, next| {
            let Account { passed, filtered, quarantined, emitted, .. } = sum;
            Account::new(
                passed.saturating_add(next.passed),
                filtered.saturating_add(next.filtered),
                quarantined.saturating_add(next.quarantined),
                emitted.saturating_add(next.emitted),
            )
        })
    }
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// Its number, from 0.
    pub lane: u32,
    /// Who owns it, by the group on the target.
    pub owner: Owner,
    /// What this process does with it. Where another owns it, what the target says: `halted` once the whole lane or a
    /// partition of it is, else `waiting`.
    pub state: LaneState,
    /// Why.
    pub reason: Reason,
    /// The reason in words, with what to do; null where there is nothing to say. Never a byte of a record.
    pub detail: Option<String>,
    /// The highest generation that has run it; null before the first.
    pub generation: Option<u64>,
    /// Age of its open transaction; null without one, and for lanes of others.
    pub transaction_age_ms: Option<u64>,
}

/// Who owns a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The process that answers.
    This,
    /// Another process.
    Other,
    /// Nobody.
    None,
}

/// One source partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionStatus {
    /// The source topic.
    pub topic: String,
    /// The source partition.
    pub partition: i32,
    /// The committed position: the next source offset to read; null before genesis.
    pub position: Option<i64>,
    /// The source's last stable offset; null while the source does not say.
    pub end: Option<i64>,
    /// Offsets from the position to the end; null where one of them is.
    pub lag: Option<u64>,
    /// What became of its records.
    pub account: Account,
    /// Source offsets that were gone before they were read, and went unread because `on_gap` says so.
    #[serde(default)]
    pub lost: u64,
    /// Why it stopped; null while it runs.
    pub halted: Option<Halt>,
}

impl PartitionStatus {
    /// The lag between a position and an end.
    pub fn lag_between(position: Option<i64>, end: Option<i64>) -> Option<u64> {
        Some(end?.saturating_sub(position?).max(0).unsigned_abs())
    }
}

/// Why a partition stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// From the closed list.
    pub code: Reason,
    /// The source offset at which it stopped, where there is one.
    pub offset: Option<i64>,
    /// In words, with the exact missing range of a gap. Never a byte of a record.
    pub detail: String,
}

/// One step's plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginStatus {
    /// The step, from 0.
    pub step: u32,
    /// The plugin's name.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// SHA-256 of the component, lower-case hex.
    pub digest: String,
    /// Since when this process admits it, milliseconds since the epoch.
    pub since: i64,
    /// The last component of that name that was not admitted since; null where there is none.
    pub refused: Option<Refused>,
}

/// A component that was dropped in and not admitted; the one before it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// SHA-256 of it, lower-case hex; null where it could not be read.
    pub digest: Option<String>,
    /// Why. Never a byte of a record.
    pub reason: String,
    /// When, milliseconds since the epoch.
    pub at: i64,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;

    #[test]
    fn the_json_is_what_scripts_rely_on() {
        let account = Account::new(7, 2, 1, 4);
        let partition = |position, halted| PartitionStatus {
            topic: "orders".into(),
            partition: 3,
            position: Some(position),
            end: Some(15),
            lag: PartitionStatus::lag_between(Some(position), Some(15)),
            account,
            lost: 0,
            halted,
        };
        let halt = Halt { code: Reason::Gap, offset: Some(10), detail: "offsets 10 to 12 are gone".into() };
        let partitions = vec![partition(10, Some(halt)), partition(15, None)];
        let status = Status {
            version: "0.1.0".into(),
            pipelines: vec![PipelineStatus {
                name: "p".into(),
                source: "landing".into(),
                target: "main".into(),
                delivery: Delivery::ExactlyOnce,
                account: partitions.iter().map(|partition| partition.account).sum(),
                lanes: vec![LaneStatus {
                    lane: 0,
                    owner: Owner::This,
                    state: LaneState::Halted,
                    reason: Reason::Gap,
                    detail: None,
                    generation: Some(2),
                    transaction_age_ms: None,
                }],
                partitions,
                plugins: vec![PluginStatus {
                    step: 0,
                    name: "mask".into(),
                    version: "0.1.0".into(),
                    digest: "ab".into(),
                    since: 7,
                    refused: Some(Refused { digest: None, reason: "it is empty".into(), at: 8 }),
                }],
            }],
        };
        let json = serde_json::json!({"version": "0.1.0", "pipelines": [{
            "name": "p", "source": "landing", "target": "main", "delivery": "exactly_once",
            "account": {"read": 20, "passed": 14, "filtered": 4, "quarantined": 2, "emitted": 8},
            "lanes": [{"lane": 0, "owner": "this", "state": "halted", "reason": "gap", "detail": null, "generation": 2, "transaction_age_ms": null}],
            "partitions": [
                {"topic": "orders", "partition": 3, "position": 10, "end": 15, "lag": 5,
                 "account": {"read": 10, "passed": 7, "filtered": 2, "quarantined": 1, "emitted": 4}, "lost": 0,
                 "halted": {"code": "gap", "offset": 10, "detail": "offsets 10 to 12 are gone"}},
                {"topic": "orders", "partition": 3, "position": 15, "end": 15, "lag": 0,
                 "account": {"read": 10, "passed": 7, "filtered": 2, "quarantined": 1, "emitted": 4}, "lost": 0, "halted": null},
            ],
            "plugins": [{"step": 0, "name": "mask", "version": "0.1.0", "digest": "ab", "since": 7,
                         "refused": {"digest": null, "reason": "it is empty", "at": 8}}],
        }]});
        assert_eq!(serde_json::to_value(&status).unwrap(), json);
        assert_eq!(serde_json::from_value::<Status>(json).unwrap(), status);
    }

    #[test]
    fn lag_needs_both_ends_and_is_never_negative() {
        for (position, end, lag) in [(Some(5), Some(9), Some(4)), (Some(9), Some(5), Some(0)), (None, Some(9), None), (Some(5), None, None)]
        {
            assert_eq!(PartitionStatus::lag_between(position, end), lag);
        }
    }
}
