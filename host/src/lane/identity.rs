//! Whether the source's topics are still those that the positions speak of. It must not read records.
//!
//! The client library goes on at the same offset when a topic of the same name takes the place of another (librdkafka
//! 2.12.1, `rd_kafka_topic_metadata_update`), and tells nobody. But an id never comes back: where an id that was asked
//! for after a record was read is the one of before, the record is of that topic. So every transaction asks once for
//! the topics that it moves, after its last record and while the target is waited for anyway, and commits nothing
//! without that answer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;

use super::{Failure, Working};
use crate::discovery::REFRESH;
use crate::failpoint;
use crate::kafka::Context;
use crate::kafka::ffi::{self, AskedIds, Spec};
use crate::metrics::Reason;
use crate::sink::{Kind, SinkError};

/// How long the source may take to say which topic it has.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// A question that is on its way; none where the open transaction moves nothing that has an id.
pub(super) struct Asked(Option<(BTreeSet<Arc<str>>, AskedIds<Context>)>);

fn named(topics: &BTreeSet<Arc<str>>) -> Vec<&str> {
    topics.iter().map(|topic| &**topic).collect()
}

/// What the source says of the topic that a partition is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// It is the one of the position, or the source names no ids.
    Same,
    /// The source does not tell at present.
    Unknown,
    /// It is another one, and the partition halted.
    Halted,
    /// It is another one, and the partition was set to its beginning.
    Restarted,
}

impl Working<'_> {
    /// Asks which topics those are that the open transaction moves. To be called after its last record was read.
    pub(super) fn ask_identity(&self) -> Result<Asked, Failure> {
        if failpoint::mutant("topic_ids_unasked") {
            return Ok(Asked(None));
        }
        let moved = self.slots.iter().filter(|slot| slot.moved() && !slot.topic_id().is_empty());
        let topics: BTreeSet<Arc<str>> = moved.map(|slot| slot.topic.clone()).collect();
        if topics.is_empty() {
            return Ok(Asked(None));
        }
        let asked = AskedIds::ask(self.lane.shared.observer.client(), &named(&topics), ASK_WITHIN)
            .map_err(|code| not_committed(format!("the source cannot be asked for its topics: {code}")))?;
        Ok(Asked(Some((topics, asked))))
    }

    /// The answer; where there was none, that of another client, if there is one by now.
    fn topic_ids(&self, topics: &BTreeSet<Arc<str>>, asked: &AskedIds<Context>) -> Result<ffi::TopicIds, RDKafkaErrorCode> {
        let answer = if failpoint::mutant("topic_ids_unanswered") { Err(RDKafkaErrorCode::OperationTimedOut) } else { asked.answer() };
        let Err(error) = answer else { return answer };
        let (pipeline, lane, observer) = (&self.lane.shared.pipeline.name, self.lane.number, &self.lane.shared.observer);
        tracing::warn!(pipeline, lane, %error, "no answer to what the source's topics are; asking once more");
        observer.unanswered(&asked.client);
        observer.ask(|client| ffi::topic_ids(client.client(), &named(topics), ASK_WITHIN))
    }

    /// Fails, so that the transaction is aborted and read again, unless everything it moves is of the topics that its
    /// positions speak of. What is another topic is dealt with before anything else is read.
    pub(super) fn confirm_identity(&mut self, asked: Asked) -> Result<(), Failure> {
        let Asked(Some((topics, asked))) = asked else { return Ok(()) };
        let ids = match self.topic_ids(&topics, &asked) {
            Ok(ids) => ids,
            Err(why) => return Err(not_committed(format!("the source does not say whether its topics are still the same: {why}"))),
        };
        let mut why = None;
        for slot in self.slots.iter_mut().filter(|slot| slot.moved() && !slot.topic_id().is_empty()) {
            let topic = &slot.topic;
            let doubt = match ids.get(&**topic) {
                Some(Ok(id)) if id == slot.topic_id() => continue,
                Some(Ok(_)) => format!("topic {topic} was deleted and created again on the source"),
                Some(Err(code)) => format!("the source does not say whether topic {topic} is still the same: {code}"),
                None => format!("the source does not say whether topic {topic} is still the same"),
            };
            slot.doubted = true;
            why.get_or_insert(doubt);
        }
        let Some(why) = why else { return Ok(()) };
        self.look_again = Some(Instant::now());
        Err(not_committed(why))
    }

    /// Asks which topic a partition is read from, and halts it or sets it to the beginning, as the configuration says,
    /// where that is another one than its position's. Fails where the open transaction may hold records of both: it is
    /// aborted, and then this is asked again.
    pub(super) fn meet_identity(&mut self, slot: usize) -> Result<Identity, Failure> {
        let at = &mut self.slots[slot];
        let (topic, known) = (at.topic.clone(), at.committed.topic_id.clone());
        if known.is_empty() {
            return Ok(self.trust(slot, Identity::Same));
        }
        let ids = self.lane.shared.observer.ask(|client| ffi::topic_ids(client.client(), &[&topic], ASK_WITHIN));
        let Some(id) = ids.ok().and_then(|mut ids| ids.remove(&*topic)?.ok()).filter(|id| !id.is_empty()) else {
            return self.ask_later(slot, format!("topic {topic} may be another one than before, and the source does not say which it is"));
        };
        if id == known {
            return Ok(self.trust(slot, Identity::Same));
        }
        let what = format!("topic {topic} was deleted and created again on the source: its id was {known} and is {id}");
        if at.moved() {
            at.doubted = true;
            self.look_again = Some(Instant::now());
            return Err(not_committed(what));
        }
        if self.lane.shared.pipeline.restart_recreated {
            return self.restart(slot, &id, &what);
        }
        let next = at.next;
        let detail = format!("{what}; a new pipeline name copies the new topic, and so does on_topic_recreated: restart");
        self.halt(slot, Reason::TopicRecreated.as_str(), next, detail)?;
        Ok(self.trust(slot, Identity::Halted))
    }

    /// Sets a partition to the beginning of the topic `id`; what is next looks at it again and reads it.
    fn restart(&mut self, slot: usize, id: &str, what: &str) -> Result<Identity, Failure> {
        let at = &mut self.slots[slot];
        let (topic, partition, next) = (at.topic.clone(), at.partition, at.next);
        // Should a commit fail, the replay has to look again.
        at.doubted = true;
        let first = match self.lane.offsets(&[(&topic, partition)], Spec::Earliest) {
            Ok(offsets) => offsets[&(topic.to_string(), partition)],
            Err(failure) => return self.ask_later(slot, format!("{what}; its beginning is not to be had: {failure}")),
        };
        self.look_again = Some(Instant::now());
        self.settle_apart(|slots| {
            slots[slot].release();
            slots[slot].restart(id, first);
        })?;
        // What the target refused was a record of the topic before.
        self.refused.retain(|(of, _), _| *of != slot);
        self.source.stop(slot)?;
        tracing::warn!(
            event = "audit.topic_recreated",
            pipeline = self.lane.shared.pipeline.name,
            topic = &*topic,
            partition,
            next,
            first,
            "{what}; copied from its beginning"
        );
        let met = self.trust(slot, Identity::Restarted);
        self.tell_state();
        Ok(met)
    }

    /// Nothing more is read of the partition before the source has answered.
    fn ask_later(&mut self, slot: usize, detail: String) -> Result<Identity, Failure> {
        self.slots[slot].doubted = true;
        self.look_again = Some(Instant::now() + REFRESH);
        self.source.stop(slot)?;
        self.park(slot, Reason::TopicRecreated, detail);
        Ok(Identity::Unknown)
    }

    /// The source has answered.
    fn trust(&mut self, slot: usize, met: Identity) -> Identity {
        let at = &mut self.slots[slot];
        at.doubted = false;
        if at.parked.as_ref().is_some_and(|(reason, _)| *reason == Reason::TopicRecreated) {
            self.served(slot);
        }
        met
    }
}

/// Whether a halt may have come of a topic that took the place of another: its offsets did not fit.
pub(super) fn may_be_another(code: &str) -> bool {
    [Reason::Gap, Reason::LogTruncated].iter().any(|reason| reason.as_str() == code)
}

fn not_committed(reason: String) -> Failure {
    Failure::Sink(SinkError::new("commit", reason, None, Kind::Abort))
}
