//! What a run that ends by itself has to reach in each source partition. It must not ask a cluster.

use std::collections::BTreeMap;

use crate::pipeline::Offsets;
use crate::position::Position;

/// What is to be reached in each source partition.
pub type Goals = BTreeMap<(String, i32), Goal>;

/// The last stable offset that a source partition had as the run began.
pub struct Goal {
    /// None: the source did not list its topic, though it was copied before. Nobody can say that all of it was.
    end: Option<i64>,
    /// Next offset and number of records read of a position that stood above it already: the log was truncated below the
    /// position, and its lane has yet to meet that.
    above: Option<(i64, u64)>,
}

impl Goal {
    /// `found` is the position as it was before the partition's end was asked for.
    pub fn new(end: i64, found: Option<&Position>) -> Self {
        Self { end: Some(end), above: found.filter(|position| position.next > end).map(progress) }
    }

    /// Of a partition that the source does not list.
    pub fn gone() -> Self {
        Self { end: None, above: None }
    }

    /// Whether there is nothing that could be reached.
    pub fn is_gone(&self) -> bool {
        self.end.is_none()
    }

    /// Whether a position has come there. One that stood above its goal says nothing until it moves.
    pub fn is_reached(&self, position: &Position) -> bool {
        self.end.is_some_and(|end| position.next >= end) && self.above != Some(progress(position))
    }
}

/// The goals of a pipeline by the ends of its source partitions.
pub fn goals(ends: Offsets, found: &BTreeMap<(String, i32), Position>) -> Goals {
    ends.into_iter()
        .map(|(at, end)| {
            let goal = Goal::new(end, found.get(&at));
            (at, goal)
        })
        .collect()
}

fn progress(position: &Position) -> (i64, u64) {
    (position.next, position.account.read)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn position(next: i64, read: u64) -> Position {
        serde_json::from_value(serde_json::json!({
            "version": 1, "topic_id": "", "start": 0, "next": next, "leader_epoch": 0, "generation": 1, "config": "c",
            "target_start": 0, "account": { "read": read, "passed": read, "filtered": 0, "quarantined": 0, "emitted": 0 },
        }))
        .unwrap()
    }

    #[test]
    fn a_position_above_the_log_has_reached_nothing_until_it_moves() {
        for (found, now, reached) in [
            (None, (99, 99), false),
            (None, (100, 100), true),
            (None, (130, 130), true),
            (Some((80, 80)), (80, 80), false),
            (Some((80, 80)), (130, 130), true),
            (Some((100, 100)), (100, 100), true),
            // The log was truncated at 100, and its lane has not met that yet.
            (Some((150, 150)), (150, 150), false),
            // It went on where the log parted, and has grown past its old position since.
            (Some((150, 150)), (99, 150), false),
            (Some((150, 150)), (100, 150), true),
            (Some((150, 150)), (150, 200), true),
        ] {
            let found = found.map(|(next, read)| position(next, read));
            let goal = Goal::new(100, found.as_ref());
            assert_eq!(goal.is_reached(&position(now.0, now.1)), reached, "{found:?} {now:?}");
        }
    }
}
