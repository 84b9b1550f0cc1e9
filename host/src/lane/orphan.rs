//! Records of our own that a broker left without an end. A coordinator that comes back and does not know a partition's
//! leader yet takes the partition for deleted and writes no marker to it ("likely deleted already and hence can be
//! skipped"; seen with 4.3.1, whose only broker was killed and started again). The transaction counts as aborted then,
//! and its records hang in the log until the next commit of the same producer id takes them along: doubled. So a
//! take-over looks for partitions whose last stable offset stands still and ends what is ours in them, before it writes.
//! Where it was a commit that lost its markers, the next abort takes its records along: after an abort the lane goes on
//! from memory only where the target has the positions that memory has.

use std::collections::{BTreeMap, HashSet};

use rdkafka::types::RDKafkaErrorCode;

use super::{Failure, Found, Lane, Working};
use crate::clock::now_millis;
use crate::config::topics::is_internal;
use crate::kafka;
use crate::kafka::ffi::Spec;
use crate::pipeline::Offsets;
use crate::position::Position;
use crate::sink::{Record, Sink, SinkError};

/// How long a question for offsets may take.
const ASK_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// Key of the record that carries an abort into a partition; a compacted topic takes none without a key. Nobody who reads
/// committed records ever sees it.
const KEY: &[u8] = b"sluice";

/// A partition whose last stable offset, `stands_at`, is not its end.
struct Hanging<'p> {
    topic: &'p str,
    partition: i32,
    /// The last offset that the positions say is committed; -1: none.
    landed: i64,
    stands_at: i64,
}

/// What a look at partitions found.
#[derive(Default)]
struct Look<'p> {
    /// Those that the target has and lets us look at.
    seen: Vec<(&'p str, i32)>,
    hanging: Vec<Hanging<'p>>,
}

impl Lane {
    /// Ends what hangs in the lane's own partitions of the positions and of the offset map; nobody else writes there.
    pub(super) fn end_own_orphans(&self, sink: &mut Sink) -> Result<(), Failure> {
        let lane = self.number as i32;
        let topics = &self.shared.topics;
        self.end_orphans(sink, &[(&topics.positions, lane, -1), (&topics.offset_map, lane, -1)]).map(drop)
    }

    /// Ends what hangs in the target partitions that the positions speak of, and in the lane's of the quarantine topic.
    /// Answers with those of them that could be looked at, by their numbers in the sink.
    pub(super) fn end_data_orphans(&self, sink: &mut Sink, found: &Found) -> Result<HashSet<(u16, i32)>, Failure> {
        let topics = &self.shared.topics;
        let aside = topics.quarantine.as_deref().map(|topic| (topic, self.shared.quarantine_partition(self.number)));
        let at = spoken_of(found.positions.iter(), aside);
        let at: Vec<_> = at.iter().map(|((topic, partition), landed)| (*topic, *partition, *landed)).collect();
        let seen = self.end_orphans(sink, &at)?;
        seen.iter().map(|(topic, partition)| Ok((sink.topic(topic)?, *partition))).collect()
    }

    /// Ends what hangs in `partitions` of the target: topic, partition, and the last target offset that the position says
    /// is committed, -1 where there is none. In a data topic it may be somebody else's open transaction that hangs; an
    /// abort of ours does it no harm. Answers with those that could be looked at.
    fn end_orphans<'p>(&self, sink: &mut Sink, partitions: &[(&'p str, i32, i64)]) -> Result<Vec<(&'p str, i32)>, Failure> {
        let look = self.look(partitions)?;
        if !look.hanging.is_empty() {
            self.end_hanging(sink, &look.hanging)?;
        }
        Ok(look.seen)
    }

    /// Looks which of `partitions` have a last stable offset that is not their end.
    fn look<'p>(&self, partitions: &[(&'p str, i32, i64)]) -> Result<Look<'p>, Failure> {
        let asked: Vec<(&str, i32)> = partitions.iter().map(|(topic, partition, _)| (*topic, *partition)).collect();
        if !self.shared.exactly_once() || partitions.is_empty() {
            return Ok(Look { seen: asked, hanging: Vec::new() });
        }
        // In this order: what is stable later than it was the end is not hanging.
        let ends = self.ends(&asked, Spec::Latest)?;
        let stable = self.ends(&asked, Spec::LatestStable)?;
        let mut look = Look::default();
        for &(topic, partition, landed) in partitions {
            let at = (topic.to_owned(), partition);
            let (Some(&stands_at), Some(&end)) = (stable.get(&at), ends.get(&at)) else { continue };
            look.seen.push((topic, partition));
            if stands_at < end {
                look.hanging.push(Hanging { topic, partition, landed, stands_at });
            }
        }
        Ok(look)
    }

    /// No transaction may be open.
    fn end_hanging(&self, sink: &mut Sink, hanging: &[Hanging<'_>]) -> Result<(), SinkError> {
        carry_abort(sink, &self.tell_hanging(hanging))
    }

    /// Those in which an abort is to end what is ours.
    fn tell_hanging<'p>(&self, hanging: &[Hanging<'p>]) -> Vec<(&'p str, i32)> {
        let mut ours = Vec::new();
        for &Hanging { topic, partition, landed, stands_at } in hanging {
            let pipeline = &self.shared.pipeline.name;
            // The name of a topic that records are routed to is data (I8).
            let told = self.shared.discovery.now().topics.contains_key(topic) || is_internal(topic);
            let told = if told { topic } else { "that a record chose" };
            if landed >= stands_at {
                // Committed, though the marker is missing: an abort would lose it, and our next commit brings it.
                tracing::warn!(
                    pipeline,
                    lane = self.number,
                    topic = told,
                    partition,
                    stands_at,
                    "committed records lack their marker; the next commit brings it"
                );
                continue;
            }
            tracing::info!(
                pipeline,
                lane = self.number,
                topic = told,
                partition,
                stands_at,
                "a transaction is open or was never ended; ending what is ours"
            );
            ours.push((topic, partition));
        }
        ours
    }

    /// The ends of those that the target has and lets us look at.
    fn ends(&self, partitions: &[(&str, i32)], spec: Spec) -> Result<Offsets, Failure> {
        // Where none of what is asked for exists, the client library fails the question as a whole: the lane's own does.
        let state = &self.shared.topics;
        let own_topics = [Some(&*state.positions), Some(&*state.offset_map), state.quarantine.as_deref()];
        let own = (state.positions.as_str(), self.number as i32);
        let asked: Vec<(&str, i32)> = partitions.iter().copied().filter(|at| *at != own).chain([own]).collect();
        let answers = self
            .shared
            .target_topics
            .list_offsets(&asked, spec, ASK_WITHIN)
            .map_err(|error| Failure::Client(format!("cannot ask the target for its ends: {error}")))?;
        let mut ends = Offsets::new();
        for (at, end) in answers {
            use RDKafkaErrorCode as E;
            match end {
                Ok(end) => drop(ends.insert(at, end)),
                Err(E::UnknownTopic | E::UnknownTopicOrPartition | E::UnknownPartition) => {}
                // Its partitions stand for that. It is looked at again before a record goes there.
                Err(E::TopicAuthorizationFailed) if !own_topics.contains(&Some(&*at.0)) => {}
                Err(code) => {
                    return Err(Failure::Client(format!("cannot ask the target for the end of a partition: {}", kafka::reason(code))));
                }
            }
        }
        Ok(ends)
    }
}

/// Writes a record to each of these partitions and aborts: the marker ends all that this producer's id left there. Where
/// that is refused, no source record is to blame, and fewer of them would meet the same.
fn carry_abort(sink: &mut Sink, partitions: &[(&str, i32)]) -> Result<(), SinkError> {
    let mut carry = || {
        sink.begin()?;
        for (topic, partition) in partitions {
            let topic = sink.topic(topic)?;
            let record = Record { topic, partition: *partition, key: Some(KEY), value: None, headers: None, timestamp: now_millis() };
            sink.send_untracked(record)?;
        }
        // The broker has it, so its abort marker comes into the partition too.
        sink.settle()?;
        sink.abort()
    };
    carry().map_err(SinkError::owned)
}

impl Working<'_> {
    /// After an abort, with `stated` of a transaction that had positions of its own: fails where those that were committed
    /// last may have gone with it, and the lane is taken over again, from what is there. Costs one question where nothing
    /// is wrong, and reads the positions where the abort may have touched them.
    pub(super) fn confirm_committed(&self, stated: bool) -> Result<(), Failure> {
        let (lane, topics) = (self.lane, &self.lane.shared.topics);
        let touched = lane.shared.exactly_once() && stated;
        // Nobody else writes there: what hangs is a commit that has no marker, or that is about to get it.
        if !touched && lane.look(&[(&topics.positions, lane.number as i32, -1)])?.hanging.is_empty() {
            return Ok(());
        }
        let found = lane.read_state(&|| lane.stop.requested())?;
        let lost = |slot: &&super::Slot| !slot.is_kept(found.positions.get(&(slot.topic.to_string(), slot.partition)));
        let Some(slot) = self.slots.iter().find(lost) else { return Ok(()) };
        Err(Failure::Client(format!(
            "the position of {}-{}, {}, was acknowledged as committed and is not on the target after an abort",
            slot.topic, slot.partition, slot.committed.next
        )))
    }

    /// Before the first record of this lane goes to these partitions: ends what a predecessor left hanging there, or the
    /// first commit would take it along. What is open is committed first, with `missed` for the slot at hand.
    pub(super) fn open_partitions(&mut self, slot: usize, missed: &[u32], wanted: &[(u16, i32)]) -> Result<(), Failure> {
        let new: Vec<(u16, i32)> = wanted.iter().copied().filter(|at| !self.opened.contains(at)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let at: Vec<(String, i32, i64)> = new
            .iter()
            .map(|(number, partition)| {
                let topic = self.sink.topic_name(*number);
                let landed = |slot: &super::Slot| slot.committed.landed_in(&slot.topic, slot.partition, topic, *partition);
                (topic.to_owned(), *partition, self.slots.iter().map(landed).max().unwrap_or(-1))
            })
            .collect();
        let at: Vec<(&str, i32, i64)> = at.iter().map(|(topic, partition, landed)| (topic.as_str(), *partition, *landed)).collect();
        let look = self.lane.look(&at)?;
        if look.seen.len() < at.len() {
            return Err(Failure::Client(
                "the target does not tell the ends of a partition; nothing is written there before it does".into(),
            ));
        }
        if !look.hanging.is_empty() {
            self.commit_before(slot, missed)?;
            self.lane.end_hanging(&mut self.sink, &look.hanging)?;
        }
        self.opened.extend(new);
        Ok(())
    }
}

/// The partitions that records of these source partitions reached, with the last offset that is committed there, and
/// `aside` whether or not one did.
fn spoken_of<'a>(
    positions: impl Iterator<Item = (&'a (String, i32), &'a Position)>,
    aside: Option<(&'a str, i32)>,
) -> BTreeMap<(&'a str, i32), i64> {
    let mut all: BTreeMap<(&str, i32), i64> = aside.into_iter().map(|at| (at, -1)).collect();
    let mut meet = |at, landed: i64| {
        all.entry(at).and_modify(|known| *known = landed.max(*known)).or_insert(landed);
    };
    for ((topic, partition), position) in positions {
        meet((topic.as_str(), *partition), position.landed);
        for (topic, (partition, landed)) in &position.reached {
            meet((topic.as_str(), *partition), *landed);
        }
    }
    all
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Location;
    use crate::config::plan::Cluster;
    use crate::kafka::ProducerSettings;

    #[test]
    fn an_abort_that_is_not_taken_blames_no_record() {
        let at = Location { file: "s.yaml".into(), line: 1, column: 1 };
        let cluster = Cluster { name: "b".into(), bootstrap_servers: "localhost:1".into(), properties: Vec::new(), registry: None, at };
        let transaction_timeout = Duration::from_secs(10);
        let settings = ProducerSettings { transactional_id: Some("t"), transaction_timeout, memory: 1 << 20, batch_bytes: 1 << 16 };
        let mut sink = Sink::new(kafka::producer(&cluster, &settings).unwrap(), true, transaction_timeout);
        // Transactions were not initialised: the client refuses, and asks no broker.
        assert!(carry_abort(&mut sink, &[("t", 0)]).is_err_and(|error| error.own));
    }

    /// A position as it is written, with what the test says of it.
    fn position(landed: i64, reached: &serde_json::Value) -> Position {
        let account = serde_json::json!({ "read": 0, "passed": 0, "filtered": 0, "quarantined": 0, "emitted": 0 });
        let position = serde_json::json!({
            "version": 1, "topic_id": "", "start": 0, "next": 9, "leader_epoch": -1, "generation": 1, "config": "c",
            "target_start": 0, "account": account, "landed": landed, "reached": reached,
        });
        serde_json::from_value(position).unwrap()
    }

    #[test]
    fn topics_that_records_were_sent_to_are_looked_at_too() {
        let positions = [
            (("t".to_owned(), 0), position(7, &serde_json::json!({ "eu": [0, 40], "aside": [2, 5] }))),
            (("u".to_owned(), 0), position(3, &serde_json::json!({ "eu": [0, 60], "t": [0, 9] }))),
        ];
        let all = |aside| spoken_of(positions.iter().map(|at| (&at.0, &at.1)), aside);
        let expected = [(("aside", 2), 5), (("eu", 0), 60), (("t", 0), 9), (("u", 0), 3)];
        assert_eq!(all(Some(("aside", 2))).into_iter().collect::<Vec<_>>(), expected, "the last offset of all that went there");
        assert_eq!(all(Some(("aside", 3)))[&("aside", 3)], -1, "looked at before the first record goes there");
    }
}
