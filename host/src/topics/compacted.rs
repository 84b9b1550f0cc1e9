//! On a compacted topic records of one key replace each other, so that a step which may make one key of two would delete
//! what has nothing to do with it. Says which topics are compacted, and why such a step is refused there; it must not
//! change a topic.

use super::{TargetTopics, TopicError};
use crate::chain::LossyKey;

impl TargetTopics {
    /// Whether a topic's `cleanup.policy` has `compact` in it. False for one that is not there.
    pub fn is_compacted(&self, topic: &str) -> Result<bool, TopicError> {
        if self.is_premade() || self.partition_count(topic)?.is_none() {
            return Ok(false);
        }
        Ok(self.setting(topic, "cleanup.policy")?.is_some_and(|policy| has_compact(&policy)))
    }

    /// Why records with keys that these steps made must not go to `topic` as it is on this cluster.
    ///
    /// Fails where the brokers do not say: asked only where a step is lossy, so that who masks keys well needs no more
    /// rights than before.
    pub fn refuses<'a>(&self, topic: &str, lossy: impl IntoIterator<Item = &'a LossyKey>) -> Result<Option<String>, TopicError> {
        let mut lossy = lossy.into_iter().peekable();
        if lossy.peek().is_none() || !self.is_compacted(topic)? {
            return Ok(None);
        }
        Ok(lossy.next().map(|step| {
            format!(
                "{}: topic {topic} on {} is compacted, and {}; of keys there never two may become one: {}",
                step.at, self.cluster, step.why, step.instead
            )
        }))
    }
}

/// Whether a `cleanup.policy` has `compact` in it.
pub(super) fn has_compact(policy: &str) -> bool {
    policy.split(',').any(|word| word.trim() == "compact")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_a_list() {
        for (policy, compacted) in
            [("compact", true), ("compact,delete", true), ("delete, compact", true), ("delete", false), ("", false), ("compacted", false)]
        {
            assert_eq!(has_compact(policy), compacted, "{policy}");
        }
    }
}
