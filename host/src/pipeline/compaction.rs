//! Which topics must not be copied through a chain: on a compacted topic, here or there, records of one key replace each
//! other, and a chain that may make one key of two would lose some. It asks the clusters only where a chain is such a one.

use std::cell::OnceCell;
use std::sync::Arc;

use super::Shared;
use crate::chain::ChainPlan;
use crate::topics::{TargetTopics, TopicError};

/// A chain before the topics of its pipeline.
pub struct Compaction<'a> {
    shared: &'a Shared,
    chain: &'a ChainPlan,
    /// The source's topics: a client, made when it is first needed.
    source: OnceCell<Arc<TargetTopics>>,
}

impl<'a> Compaction<'a> {
    /// Asks nothing yet.
    pub fn of(shared: &'a Shared, chain: &'a ChainPlan) -> Self {
        Self { shared, chain, source: OnceCell::new() }
    }

    /// Why a topic must not be copied; none where it may.
    pub fn refuses(&self, topic: &str) -> Result<Option<String>, TopicError> {
        let lossy = self.chain.lossy_keys(topic);
        if lossy.is_empty() {
            return Ok(None);
        }
        match self.source()?.refuses(topic, lossy.iter().copied())? {
            None => self.shared.target_topics.refuses(topic, lossy),
            refused => Ok(refused),
        }
    }

    fn source(&self) -> Result<Arc<TargetTopics>, TopicError> {
        if let Some(known) = self.source.get() {
            return Ok(known.clone());
        }
        let made = Arc::new(TargetTopics::new(&self.shared.source, self.shared.target_topics.is_premade())?);
        Ok(self.source.get_or_init(|| made).clone())
    }
}
