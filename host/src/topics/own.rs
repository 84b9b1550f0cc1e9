//! A pipeline's own topics: made where they are missing, checked, and tightened where their settings would make a
//! take-over slow. It must not touch a data topic, and loosens nothing.

use super::compacted::has_compact;
use super::{ASK_WITHIN, StateTopics, TargetTopics, TopicError};
use crate::kafka::{self, ffi};
use rdkafka::consumer::Consumer;

/// What the positions topic is made with.
const POLICY: (&str, &str) = ("cleanup.policy", "compact");

/// Small segments and a bounded compaction lag: a take-over reads the partition in well under 2 s after days. A topic
/// that was made otherwise may have less of each, never more.
const AT_MOST: [(&str, &str); 4] =
    [("segment.bytes", "4194304"), ("segment.ms", "600000"), ("max.compaction.lag.ms", "900000"), ("min.cleanable.dirty.ratio", "0.1")];

/// How many replicas have to have a record before it counts as acknowledged.
const IN_SYNC: &str = "min.insync.replicas";

impl TargetTopics {
    /// Makes the pipeline's own topics where they are missing and checks the ones that are there.
    pub fn ensure_state(&self, names: &StateTopics, lanes: u32) -> Result<(), TopicError> {
        let count = lanes as i32;
        let positions: Vec<(&str, &str)> = [POLICY].into_iter().chain(AT_MOST).collect();
        self.create(&names.positions, count, &positions)?;
        // Kept a month: as long as a group may take to be translated.
        self.create(&names.offset_map, count, &[("cleanup.policy", "delete"), ("retention.ms", "2592000000")])?;
        if let Some(quarantine) = &names.quarantine {
            self.create(quarantine, count, &[("cleanup.policy", "delete"), ("retention.ms", "-1")])?;
        }
        self.check_positions(&names.positions, lanes)?;
        self.check_offset_map(&names.offset_map, lanes)
    }

    fn check_positions(&self, topic: &str, lanes: u32) -> Result<(), TopicError> {
        let replicas = self.partitions(topic, |partition| partition.replicas().len())?.unwrap_or_default();
        let found = replicas.len();
        if found != lanes as usize {
            return Err(TopicError::Lanes { topic: topic.into(), cluster: self.cluster.clone(), found, lanes });
        }
        if self.is_premade() {
            return Ok(());
        }
        let settings = self.settings(topic)?;
        let policy = settings.get(POLICY.0).map_or("", String::as_str);
        if policy != POLICY.1 {
            return Err(self.unfit(topic, format!("its cleanup.policy is {policy:?}, not exactly \"compact\"")));
        }
        let (replicas, in_sync) = (replicas.into_iter().min().unwrap_or_default(), settings.get(IN_SYNC).map_or("", String::as_str));
        if is_thin(replicas, in_sync) {
            tracing::warn!(
                topic,
                cluster = self.cluster,
                replicas,
                in_sync,
                "the brokers keep what they acknowledged only with replication factor 3 and min.insync.replicas 2; losing one broker may lose positions"
            );
        }
        for (name, most) in AT_MOST {
            let Some(found) = settings.get(name).filter(|found| is_looser(found, most)) else { continue };
            match ffi::change_topic_settings(self.observer().client(), topic, &[(name, Some(most))], ASK_WITHIN) {
                Ok(()) => {
                    tracing::info!(topic, cluster = self.cluster, name, found, now = most, "setting of the positions topic tightened")
                }
                Err(code) => tracing::warn!(
                    topic,
                    cluster = self.cluster,
                    name,
                    found,
                    wanted = most,
                    reason = kafka::reason(code),
                    "setting of the positions topic cannot be tightened; take-overs may become slow"
                ),
            }
        }
        Ok(())
    }

    /// A compacted offset map would forget all but the last segment of each partition.
    fn check_offset_map(&self, topic: &str, lanes: u32) -> Result<(), TopicError> {
        if self.is_premade() {
            return Ok(());
        }
        let found = self.partition_count(topic)?.unwrap_or(0);
        if found < lanes as usize {
            return Err(self.unfit(topic, format!("it has {found} partitions, and each of the {lanes} lanes writes to its own")));
        }
        match self.setting(topic, POLICY.0)? {
            Some(policy) if has_compact(&policy) => {
                Err(self.unfit(topic, format!("its cleanup.policy is {policy:?}, which would delete what it maps; set it to delete")))
            }
            _ => Ok(()),
        }
    }

    fn unfit(&self, topic: &str, reason: String) -> TopicError {
        TopicError::Unfit { topic: topic.into(), cluster: self.cluster.clone(), reason }
    }
}

/// Whether the loss of one broker may lose what was acknowledged. A setting that is no number is not judged.
fn is_thin(replicas: usize, in_sync: &str) -> bool {
    replicas < 2 || in_sync.parse::<u32>().is_ok_and(|in_sync| in_sync < 2)
}

/// Whether a setting's value is above the bound. One that is no number is not judged.
fn is_looser(found: &str, most: &str) -> bool {
    matches!((found.parse::<f64>(), most.parse::<f64>()), (Ok(found), Ok(most)) if found > most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_broker_may_hold_the_only_copy() {
        for (replicas, in_sync, thin) in [(1, "1", true), (1, "2", true), (3, "1", true), (2, "2", false), (3, "2", false), (3, "", false)]
        {
            assert_eq!(is_thin(replicas, in_sync), thin, "{replicas} replicas, {in_sync:?} in sync");
        }
    }

    #[test]
    fn looser_is_above_the_bound() {
        for (name, found, looser) in [
            ("segment.bytes", "1073741824", true),
            ("segment.bytes", "4194304", false),
            ("segment.bytes", "1048576", false),
            ("max.compaction.lag.ms", "9223372036854775807", true),
            ("min.cleanable.dirty.ratio", "0.5", true),
            ("min.cleanable.dirty.ratio", "0.05", false),
            ("segment.ms", "", false),
        ] {
            let most = AT_MOST.iter().find(|(known, _)| *known == name).map_or("", |(_, most)| most);
            assert_eq!(is_looser(found, most), looser, "{name}={found}");
        }
    }
}
