//! Records that a step sends to another topic: where that is on the target. It must not write them. A record chooses the
//! name, so a topic of Sluice's own or of a broker's is never one, and no log line has it; a record keeps its source's
//! partition number.

use std::collections::HashSet;

use super::{Failure, Working};
use crate::chain::{LossyKey, Row};
use crate::config::topics::{is_internal, is_topic_name};
use crate::sink::SinkError;
use crate::topics::TopicError;

/// The name is none that a record may choose.
const REFUSED: &str = "route_refused";
/// The topic is not there, and the target has rules against making it.
const NO_TOPIC: &str = "route_no_topic";
/// It has too few partitions for the record's own, and cannot be grown.
const NO_PARTITION: &str = "route_no_partition";
/// It is compacted, and a step may lose records there.
const COMPACTED: &str = "route_compacted";

/// The record's topic would be one more than a lane sends records to.
const TOO_MANY: &str = "route_too_many";

/// How many topics one lane sends records to at most, those of its predecessors counted. A record chooses a part of the
/// name: without a bound, whoever writes to the source makes as many topics on the target as it likes.
const MOST_TOPICS: usize = 256;

impl Working<'_> {
    /// The number in the sink of the topic `name`, for records of `slot`; or the code of why they cannot go there. One
    /// that is missing is made with the partition count of the source's topic, one that has fewer is grown to it. A target
    /// that does not answer is no record's fault: the lane tries again.
    pub(super) fn route(&mut self, slot: usize, name: &str) -> Result<Result<u16, &'static str>, Failure> {
        let partition = self.slots[slot].partition;
        let known = match self.routed.get(name) {
            Some(Ok(count)) if partition < *count => return Ok(Ok(self.sink.topic(name)?)),
            Some(Err(code)) => return Ok(Err(code)),
            Some(Ok(_)) => true,
            None => false,
        };
        if !is_topic_name(name) || is_internal(name) {
            return Ok(Err(REFUSED));
        }
        if !known && is_one_more(name, self.slots.iter().flat_map(|slot| slot.committed.reached.keys()), self.routed.keys()) {
            return Ok(Err(TOO_MANY));
        }
        let found = self.look_up(slot, name)?;
        self.routed.insert(name.to_owned(), found);
        match found {
            Ok(count) if partition < count => Ok(Ok(self.sink.topic(name)?)),
            Ok(_) => Ok(Err(NO_PARTITION)),
            Err(code) => Ok(Err(code)),
        }
    }

    /// How many partitions the topic has, once it was made or grown where that is needed.
    fn look_up(&mut self, slot: usize, name: &str) -> Result<Result<i32, &'static str>, Failure> {
        let (shared, lane) = (&self.lane.shared, self.lane.number);
        let pipeline = &shared.pipeline.name;
        let at = &self.slots[slot];
        let wanted = shared.discovery.now().topics.get(&*at.topic).map_or(0, |topic| topic.partitions).max(at.partition + 1);
        let targets = &shared.target_topics;
        let failed = |error: TopicError| match error.nameless() {
            denied @ TopicError::Denied { .. } => SinkError::denied("write to a topic that records are sent to", denied.to_string()).into(),
            other => Failure::Client(other.to_string()),
        };
        let found = targets.ensure_partitions(name, wanted);
        if matches!(found, Ok((_, true))) {
            tracing::info!(pipeline, lane, partitions = wanted, "topic created for records that a step routes; its name is theirs");
        }
        match found {
            Ok((None, _)) => return Ok(Err(NO_TOPIC)),
            Ok((Some(count), _)) => {
                let chain = &self.chain;
                let lossy = self.lossy.entry(at.topic.clone()).or_insert_with(|| chain.lossy_keys(&at.topic).first().copied().cloned());
                let Some(LossyKey { at, why, mend }) = targets.refused_by(name, lossy.as_ref()).map_err(failed)? else {
                    return Ok(Ok(i32::try_from(count).unwrap_or(i32::MAX)));
                };
                tracing::warn!(
                    pipeline,
                    lane,
                    "records are not sent where they are routed: {at}: a topic there is compacted, and {why}; {mend}"
                );
            }
            Err(error @ TopicError::Refused { .. }) => {
                tracing::warn!(pipeline, lane, error = %error.nameless(), "a record's topic cannot be made");
                return Ok(Err(NO_TOPIC));
            }
            Err(other) => return Err(failed(other)),
        }
        Ok(Err(COMPACTED))
    }

    /// Opens the partitions that a batch's rows go to, before the first of them is written. A topic that a record cannot
    /// go to is left to the record.
    pub(super) fn open_routes(&mut self, slot: usize, rows: &[Row<'_>], missed: &[u32]) -> Result<(), Failure> {
        let partition = self.slots[slot].partition;
        let mut wanted: Vec<(u16, i32)> = Vec::new();
        for name in rows.iter().filter_map(|row| row.topic.as_deref()) {
            if let Ok(topic) = self.route(slot, name)? {
                let at = (topic, partition);
                if !self.opened.contains(&at) && !wanted.contains(&at) {
                    wanted.push(at);
                }
            }
        }
        self.open_partitions(slot, missed, &wanted)
    }
}

/// Whether `name` would be one topic too many, beside those that records reached and those that were looked up since.
fn is_one_more<'a>(name: &str, reached: impl Iterator<Item = &'a String>, looked_up: impl Iterator<Item = &'a String>) -> bool {
    let all: HashSet<&str> = reached.chain(looked_up).map(String::as_str).collect();
    all.len() >= MOST_TOPICS && !all.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_topics_is_bounded() {
        let names = |from: usize, to: usize| (from..to).map(|number| format!("t{number}")).collect::<Vec<_>>();
        let (reached, looked_up) = (names(0, 200), names(150, MOST_TOPICS - 1));
        assert!(!is_one_more("new", reached.iter(), looked_up.iter()), "each counts once");
        let looked_up = names(150, MOST_TOPICS);
        assert!(is_one_more("new", reached.iter(), looked_up.iter()));
        assert!(!is_one_more("t3", reached.iter(), looked_up.iter()), "one that is there stays open after a take-over");
    }
}
