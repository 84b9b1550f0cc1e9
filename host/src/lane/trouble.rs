//! What becomes of a partition whose source or target is not what it was: offsets that are gone, a truncated log, a topic
//! deleted, without a place on the target, or created again there, rights revoked. It must not read records, and goes on
//! over a gap only where the configuration says so.

use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;

use super::identity::{Identity, may_be_another};
use super::{Failure, Said, Slot, Working};
use crate::discovery::{REFRESH, Sources};
use crate::failpoint;
use crate::kafka::ffi::{self, Spec};
use crate::metrics::{LaneState, Reason};
use crate::sink::{Side, SinkError};
use crate::source::Trouble;

/// How long the lane asks the source for the range of a gap.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// Whether a halt outlives the abort of the transaction that was to write it: no replay would meet its cause.
pub(super) fn lasts(code: &str) -> bool {
    matches!(Reason::of(code), Reason::TopicRecreated | Reason::TargetTopic | Reason::Compacted)
}

/// What the source lacks of a partition.
#[derive(Debug, PartialEq, Eq)]
enum Missing {
    /// Only what was no record, below what comes next: it is read on without a look at the log before.
    Nothing,
    /// Retention took what comes next.
    Overtaken,
    /// The log parted there from the one that was read.
    Truncated(i64),
    /// It has what it does not serve.
    Unserved,
}

impl Missing {
    /// `held`: the first offset that the source has, and the one behind the last.
    fn of(next: i64, trouble: &Trouble, held: (i64, i64)) -> Self {
        let (first, end) = held;
        // Where the log is known to have parted, it may have grown again: what came since is not to be left out.
        let parted = trouble.log_end.or((end < next).then_some(end));
        if first > next {
            Self::Overtaken
        } else if let Some(at) = parted {
            Self::Truncated(at)
        } else if trouble.from < first {
            Self::Nothing
        } else {
            Self::Unserved
        }
    }
}

impl Working<'_> {
    /// Checks that both topics of a partition are the ones that its position speaks of, and reads it where nothing is
    /// wrong.
    pub(super) fn meet(&mut self, slot: usize, sources: &Sources) -> Result<(), Failure> {
        self.meet_target(slot, sources)?;
        if self.is_gone(slot, sources)? || self.meet_source(slot, sources)? == Identity::Unknown {
            return Ok(());
        }
        let at = &self.slots[slot];
        let refused = sources.topics.get(&*at.topic).and_then(|topic| topic.refused.clone());
        if let Some(why) = refused.filter(|_| at.halted.is_none()) {
            let next = at.next;
            self.halt(slot, Reason::Compacted.as_str(), next, why)?;
        }
        self.meet_place(slot, sources)?;
        let at = &self.slots[slot];
        if at.halted.is_some() || self.source.reads(slot) {
            return Ok(());
        }
        let (next, leader_epoch) = at.read_from();
        Ok(self.source.start(slot, next, leader_epoch)?)
    }

    /// Parks a partition whose topic the source does not have any more; ends that once it is back.
    fn is_gone(&mut self, slot: usize, sources: &Sources) -> Result<bool, Failure> {
        let at = &self.slots[slot];
        let parked = at.parked.as_ref().is_some_and(|(reason, _)| *reason == Reason::SourceTopic);
        let gone = sources.topics.get(&*at.topic).is_some_and(|topic| topic.gone);
        if gone && !parked {
            let detail =
                format!("topic {} is not on the source any more, or may not be described; copying goes on where it comes back", at.topic);
            self.source.stop(slot)?;
            self.park(slot, Reason::SourceTopic, detail);
        } else if parked && !gone {
            self.served(slot);
        }
        Ok(gone)
    }

    /// A source topic that was deleted and created again has another id: its offsets mean something else now.
    fn meet_source(&mut self, slot: usize, sources: &Sources) -> Result<Identity, Failure> {
        let at = &mut self.slots[slot];
        let id = sources.id(&at.topic);
        at.learn_topic_id(id);
        let settled = at.halted.as_ref().is_some_and(|halted| !may_be_another(&halted.code));
        if settled || !(at.doubted || (!id.is_empty() && id != at.topic_id())) {
            return Ok(Identity::Same);
        }
        self.meet_identity(slot)
    }

    /// A partition that has no place on the target halts until it has one.
    fn meet_place(&mut self, slot: usize, sources: &Sources) -> Result<(), Failure> {
        let at = &self.slots[slot];
        match sources.unplaced(&at.topic, at.partition) {
            Some(why) if at.halted.is_none() => {
                let (next, detail) = (at.next, format!("{why}; tried again all the time"));
                self.slots[slot].unplaced = true;
                self.halt(slot, Reason::TargetTopic.as_str(), next, detail)
            }
            None if at.unplaced => {
                let pair = [(&*at.topic, at.partition)];
                let Ok(ends) = self.lane.shared.target_ends(&pair) else {
                    self.look_again = Some(Instant::now() + REFRESH);
                    return Ok(());
                };
                let at = &mut self.slots[slot];
                if at.committed.target_start < 0 {
                    at.committed.target_start = ends.into_values().next().unwrap_or(-1);
                }
                at.unplaced = false;
                self.go_on(slot, "partition has its place on the target; going on");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A target topic that went, or came again, lacks what was copied: nothing more is written to it.
    fn meet_target(&mut self, slot: usize, sources: &Sources) -> Result<(), Failure> {
        let at = &mut self.slots[slot];
        let Some(target) = sources.topics.get(&*at.topic).map(|topic| &topic.target) else { return Ok(()) };
        if at.committed.target_id.is_empty() {
            at.committed.target_id.clone_from(&target.id);
        }
        let (known, has_id) = (&at.committed.target_id, !target.id.is_empty());
        // An id is of one topic for ever (KIP-516): the brokers did not know it for a while.
        if at.vanished && !target.missing && has_id && target.id == *known {
            at.vanished = false;
            self.go_on(slot, "the target knows the topic again; the partition goes on");
            return Ok(());
        }
        if at.halted.is_some() || !(target.missing || (has_id && target.id != *known)) {
            return Ok(());
        }
        at.vanished = target.missing;
        let happened = if target.missing { "is gone from the target" } else { "was deleted and created again on the target" };
        let detail = format!(
            "topic {} {happened}, with what was copied up to source offset {}; making it again brings nothing back: copy it anew under another pipeline name",
            at.topic, at.next
        );
        let next = at.next;
        self.halt(slot, Reason::TargetTopic.as_str(), next, detail)
    }

    /// The source says that it cannot go on with a partition.
    pub(super) fn broken(&mut self, slot: usize, trouble: &Trouble) -> Result<(), Failure> {
        use RDKafkaErrorCode as E;
        let (topic, partition, next) = (self.slots[slot].topic.clone(), self.slots[slot].partition, self.slots[slot].next);
        match trouble.code {
            E::AutoOffsetReset | E::OffsetOutOfRange => self.out_of_range(slot, trouble),
            E::BadMessage | E::BadCompression | E::NotImplemented => {
                // The client would go on behind what it cannot read; `Source` has dropped what came after.
                let detail =
                    format!("the source serves data of {topic}-{partition} from offset {next} on that cannot be read: {}", trouble.code);
                self.halt(slot, Reason::SourceCorrupt.as_str(), next, detail)
            }
            E::TopicAuthorizationFailed => {
                let detail =
                    format!("the source denies reading {topic}-{partition}; grant READ on the topic, and copying goes on by itself");
                self.park(slot, Reason::Authorization, detail);
                Ok(())
            }
            other => {
                // The client keeps trying; say it once a partition and process.
                if self.told.insert(slot) {
                    tracing::warn!(pipeline = self.lane.shared.pipeline.name, topic = &*topic, partition, code = %other, "the source cannot be read; will retry");
                }
                Ok(())
            }
        }
    }

    /// The log ends below what comes next. Where its leader has told all of it by now, it does not.
    pub(super) fn short(&mut self, slot: usize, end: i64) -> Result<(), Failure> {
        let at = &self.slots[slot];
        if at.halted.is_some() || self.held_from(slot)?.1 >= at.next {
            return Ok(());
        }
        self.out_of_range(slot, &Trouble { code: RDKafkaErrorCode::OffsetOutOfRange, log_end: Some(end), from: end })
    }

    /// The first offset that the source holds of a partition, and the one behind the last.
    fn held_from(&self, slot: usize) -> Result<(i64, i64), Failure> {
        let Slot { topic, partition, next, .. } = &self.slots[slot];
        let client = self.lane.shared.observer.client();
        let ask = |spec| ffi::list_offsets(client.client(), &[(&**topic, *partition)], spec, ASK_WITHIN).ok()?.into_values().next()?.ok();
        ask(Spec::Earliest)
            .zip(ask(Spec::Latest))
            .ok_or_else(|| Failure::Client(format!("the source does not serve offset {next} of {topic}-{partition}, and does not say why")))
    }

    /// The source does not have the offset that comes next, or another log than the one that was read.
    fn out_of_range(&mut self, slot: usize, trouble: &Trouble) -> Result<(), Failure> {
        let (topic, partition, next) = (self.slots[slot].topic.clone(), self.slots[slot].partition, self.slots[slot].next);
        let (first, end) = self.held_from(slot)?;
        // Asked after them: only where the topic is still the same are those its offsets.
        if !failpoint::mutant("topic_ids_unasked") && self.meet_identity(slot)? != Identity::Same {
            return Ok(());
        }
        let (reason, goes_on_at, detail) = match Missing::of(next, trouble, (first, end)) {
            Missing::Nothing => {
                self.source.stop(slot)?;
                return Ok(self.source.start(slot, next, None)?);
            }
            Missing::Overtaken => {
                let gone = format!("source offsets {next} to {} of {topic}-{partition} are gone, the log begins at {first}", first - 1);
                (Reason::Gap, Some(first), format!("{gone}: retention overtook the pipeline"))
            }
            Missing::Truncated(at) => {
                let detail = format!(
                    "the source log of {topic}-{partition} was truncated at {at}, below the position {next}: what stood from there on is no more"
                );
                (Reason::LogTruncated, Some(at.max(first)), detail)
            }
            Missing::Unserved => {
                let detail =
                    format!("the source does not serve offset {next} of {topic}-{partition}, though its log holds {first} to {end}");
                (Reason::Gap, None, detail)
            }
        };
        let Some(to) = goes_on_at.filter(|_| self.lane.shared.pipeline.continue_after_gap) else {
            return self.halt(slot, reason.as_str(), next, format!("{detail}; on_gap: continue goes on"));
        };
        let lost = u64::try_from(to - next).unwrap_or(0);
        // Stopped only once it is committed: an abort reads again what is being read.
        self.settle_apart(|slots| slots[slot].skip_to(to, lost))?;
        self.source.stop(slot)?;
        self.meters[slot].lost(lost);
        tracing::warn!(
            event = "audit.gap",
            pipeline = self.lane.shared.pipeline.name,
            topic = &*topic,
            partition,
            from = next,
            to,
            lost,
            reason = reason.as_str(),
            "{detail}; going on, as on_gap says"
        );
        Ok(self.source.start(slot, to, None)?)
    }

    /// Commits what is open, then `change` in a transaction of its own, so that no record is mapped across a position that
    /// jumps: forward over what is gone the offset map gets a segment without records, back to a beginning it gets none.
    pub(super) fn settle_apart(&mut self, change: impl FnOnce(&mut [super::Slot])) -> Result<(), Failure> {
        if self.open.is_some() {
            self.commit()?;
        }
        self.begin()?;
        change(&mut self.slots);
        self.commit()
    }

    /// The partition is not served; the others go on, and so does it once it is served again.
    pub(super) fn park(&mut self, slot: usize, reason: Reason, detail: String) {
        let at = &mut self.slots[slot];
        if at.halted.is_some() || at.parked.as_ref().is_some_and(|(parked, _)| *parked == reason) {
            return;
        }
        tracing::error!(pipeline = self.lane.shared.pipeline.name, topic = &*at.topic, partition = at.partition, code = %reason, "partition parked: {detail}");
        at.parked = Some((reason, detail));
        self.tell_state();
    }

    /// What a partition halted for has an end.
    pub(super) fn go_on(&mut self, slot: usize, why: &str) {
        let at = &mut self.slots[slot];
        at.release();
        tracing::info!(pipeline = self.lane.shared.pipeline.name, topic = &*at.topic, partition = at.partition, "{why}");
        self.tell_state();
    }

    /// The source served something of the partition.
    pub(super) fn served(&mut self, slot: usize) {
        let at = &mut self.slots[slot];
        if at.parked.take().is_some() {
            tracing::info!(
                pipeline = self.lane.shared.pipeline.name,
                topic = &*at.topic,
                partition = at.partition,
                "partition served again"
            );
            self.tell_state();
        }
    }

    /// Reports the lane as its partitions are: the first halted or parked one speaks for it.
    pub(super) fn tell_state(&self) {
        if let Some((reason, detail)) = &self.held {
            return self.lane.state(LaneState::Halted, *reason, detail);
        }
        let halted = self.slots.iter().find_map(|slot| slot.halted.as_ref()).map(|halted| (Reason::of(&halted.code), &*halted.detail));
        let first_parked = || self.slots.iter().find_map(|slot| slot.parked.as_ref()).map(|(reason, detail)| (*reason, &**detail));
        let (state, reason, detail) = match halted.or_else(first_parked) {
            Some((reason, detail)) => (LaneState::Halted, reason, detail),
            None => (LaneState::Running, Reason::None, ""),
        };
        // A topic that may be another one is asked about again, and waits for nobody.
        let waits = |slot: &&Slot| slot.parked.as_ref().is_some_and(|(reason, _)| *reason != Reason::TopicRecreated);
        let parked = self.slots.iter().filter(waits).map(|slot| (slot.topic.clone(), slot.partition)).collect();
        self.lane.report.state(self.lane.number, Said { state, reason, detail, parked });
    }

    /// After an abort because the target does not know a topic: halts the partitions of those that are gone.
    pub(super) fn halt_without_target(&mut self, error: &SinkError) -> Result<(), Failure> {
        use RDKafkaErrorCode as E;
        let unknown = matches!(error.code, Some(E::UnknownTopic | E::UnknownTopicOrPartition | E::UnknownPartition));
        if !unknown || error.side == Side::Source {
            return Ok(());
        }
        for slot in 0..self.slots.len() {
            let at = &self.slots[slot];
            let count = self.lane.shared.target_topics.partition_count(&at.topic).map_err(|error| Failure::Client(error.to_string()))?;
            if at.halted.is_some() || count.is_some_and(|count| count > at.partition as usize) {
                continue;
            }
            let detail = format!(
                "topic {} is gone from the target, or has too few partitions, with what was copied up to source offset {}; making it again brings nothing back: copy it anew under another pipeline name",
                at.topic, at.next
            );
            let next = at.next;
            self.slots[slot].vanished = count.is_none();
            self.look_again = Some(Instant::now() + REFRESH);
            self.halt(slot, Reason::TargetTopic.as_str(), next, detail)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_by_what_the_source_holds() {
        let (truncated, at) = (Missing::Truncated, 12);
        for (from, log_end, held, missing) in [
            (at, None, (20, 30), Missing::Overtaken),
            (at, Some(5), (20, 30), Missing::Overtaken),
            (at, None, (0, 11), truncated(11)),
            (at, Some(5), (0, 30), truncated(5)),
            (at, Some(5), (0, 8), truncated(5)),
            (at, None, (0, 30), Missing::Unserved),
            // Read from 11 on, where the last record's epoch holds.
            (11, None, (12, 30), Missing::Nothing),
            (11, None, (12, 12), Missing::Nothing),
            (11, None, (13, 30), Missing::Overtaken),
            (11, None, (0, 30), Missing::Unserved),
            (11, Some(11), (0, 30), truncated(11)),
            (11, None, (0, 11), truncated(11)),
        ] {
            let trouble = Trouble { code: RDKafkaErrorCode::OffsetOutOfRange, log_end, from };
            assert_eq!(Missing::of(at, &trouble, held), missing, "{from} {log_end:?} {held:?}");
        }
    }
}
