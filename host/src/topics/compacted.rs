//! On a compacted topic records of one key replace each other: a step that may make one key of two would delete what has
//! nothing to do with it, and one that drops an update would bring the one before it back. Says which topics are compacted,
//! and why such a step is refused there; it must not change a topic.

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

    /// Why records that these steps made or left must not go to `topic` as it is on this cluster.
    pub fn refuses<'a>(&self, topic: &str, lossy: impl IntoIterator<Item = &'a LossyKey>) -> Result<Option<String>, TopicError> {
        let refused = self.refused_by(topic, lossy)?;
        Ok(refused.map(|LossyKey { at, why, mend }| format!("{at}: topic {topic} on {} is compacted, and {why}; {mend}", self.cluster)))
    }

    /// The first of these steps that must not meet `topic` as it is on this cluster.
    ///
    /// Fails where the brokers do not say: asked only where a step is lossy, so that who masks keys well needs no more
    /// rights than before.
    pub fn refused_by<'a>(&self, topic: &str, lossy: impl IntoIterator<Item = &'a LossyKey>) -> Result<Option<&'a LossyKey>, TopicError> {
        match lossy.into_iter().next() {
            Some(step) if self.is_compacted(topic)? => Ok(Some(step)),
            _ => Ok(None),
        }
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
