//! Records that a step sends to another topic: where that is on the target. It must not write them. A record chooses the
//! name, so a topic of Sluice's own or of a broker's is never one, and no log line has it; a record keeps its source's
//! partition number.

use super::{Failure, Working};
use crate::chain::LossyKey;
use crate::config::topics::{is_internal, is_topic_name};

/// The name is none that a record may choose.
const REFUSED: &str = "route_refused";
/// The topic is not there and could not be made.
const NO_TOPIC: &str = "route_no_topic";
/// It has too few partitions for the record's own.
const NO_PARTITION: &str = "route_no_partition";
/// It is compacted, and a step may lose records there.
const COMPACTED: &str = "route_compacted";

impl Working<'_> {
    /// The number in the sink of the topic `name`, for records of `slot`; or the code of why they cannot go there. One
    /// that is missing is made with the partition count of the source's topic.
    pub(super) fn route(&mut self, slot: usize, name: &str) -> Result<Result<u16, &'static str>, Failure> {
        let at = &self.slots[slot];
        let partition = at.partition;
        if let Some(known) = self.routed.get(name) {
            return match known {
                Ok(count) if partition < *count => Ok(Ok(self.sink.topic(name)?)),
                Ok(_) => Ok(Err(NO_PARTITION)),
                Err(code) => Ok(Err(code)),
            };
        }
        if !is_topic_name(name) || is_internal(name) {
            return Ok(Err(REFUSED));
        }
        let shared = &self.lane.shared;
        let wanted = shared.discovery.now().topics.get(&*at.topic).map_or(partition + 1, |topic| topic.partitions);
        let (targets, chain) = (&shared.target_topics, shared.current.now().chain.clone());
        let (pipeline, lane) = (&shared.pipeline.name, self.lane.number);
        let made = targets.make(name, wanted, &[]).and_then(|made| {
            if made {
                tracing::info!(pipeline, lane, partitions = wanted, "topic created for records that a step routes; its name is theirs");
            }
            Ok((targets.partition_count(name)?, targets.refused_by(name, chain.lossy_keys())?))
        });
        match made {
            Ok((Some(count), refused)) => {
                let known = match refused {
                    None => Ok(i32::try_from(count).unwrap_or(i32::MAX)),
                    Some(LossyKey { at, why, mend }) => {
                        tracing::warn!(
                            pipeline,
                            lane,
                            "records are not sent where they are routed: {at}: a topic there is compacted, and {why}; {mend}"
                        );
                        Err(COMPACTED)
                    }
                };
                self.routed.insert(name.to_owned(), known);
                self.route(slot, name)
            }
            Ok((None, _)) => Ok(Err(NO_TOPIC)),
            Err(error) => {
                tracing::warn!(pipeline, lane, error = %error.nameless(), "a record's topic cannot be made");
                Ok(Err(NO_TOPIC))
            }
        }
    }
}
