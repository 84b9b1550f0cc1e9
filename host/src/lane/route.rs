//! Records that a step sends to another topic: where that is on the target. It must not write them. A record chooses the
//! name, so a topic of Sluice's own or of a broker's is never one, and a record keeps its source's partition number.

use super::{Failure, Working};
use crate::config::topics::{is_internal, is_topic_name};

/// The name is none that a record may choose.
const REFUSED: &str = "route_refused";
/// The topic is not there and could not be made.
const NO_TOPIC: &str = "route_no_topic";
/// It has too few partitions for the record's own.
const NO_PARTITION: &str = "route_no_partition";

impl Working<'_> {
    /// The number in the sink of the topic `name`, for records of `slot`; or the code of why they cannot go there. One
    /// that is missing is made with the partition count of the source's topic.
    pub(super) fn route(&mut self, slot: usize, name: &str) -> Result<Result<u16, &'static str>, Failure> {
        let at = &self.slots[slot];
        let partition = at.partition;
        if let Some(count) = self.routed.get(name) {
            return if partition < *count { Ok(Ok(self.sink.topic(name)?)) } else { Ok(Err(NO_PARTITION)) };
        }
        if !is_topic_name(name) || is_internal(name) {
            return Ok(Err(REFUSED));
        }
        let shared = &self.lane.shared;
        let wanted = shared.discovery.now().topics.get(&*at.topic).map_or(partition + 1, |topic| topic.partitions);
        let made = shared.target_topics.create(name, wanted, &[]).and_then(|()| shared.target_topics.partition_count(name));
        match made {
            Ok(Some(count)) => {
                self.routed.insert(name.to_owned(), i32::try_from(count).unwrap_or(i32::MAX));
                self.route(slot, name)
            }
            Ok(None) => Ok(Err(NO_TOPIC)),
            Err(error) => {
                tracing::warn!(pipeline = shared.pipeline.name, lane = self.lane.number, %error, "a record's topic cannot be made");
                Ok(Err(NO_TOPIC))
            }
        }
    }
}
