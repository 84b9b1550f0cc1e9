//! What a rekey leaves in the control records: while it is on its way, how to end it; afterwards, what it did. It must
//! not decide anything.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Partition to offset, by topic.
pub type EndsByTopic = BTreeMap<String, BTreeMap<i32, i64>>;

/// Values that settings had, by name; none where the topic had none of its own.
pub type Settings = BTreeMap<String, Option<String>>;

/// A rekey that is on its way. It stands beside the mark that the lane is being moved; whoever meets it runs the rekey to
/// its end, because records may be gone already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekeying {
    /// The source topics that begin anew.
    pub topics: BTreeSet<String>,
    /// By target topic: settings that are changed for the moment, as they were before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Settings>,
}

/// The last rekey that a source topic went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rekeyed {
    /// As in [`super::Control`]: the configuration under which the topic began anew.
    pub config: String,
    /// Generation of all lanes when it began anew.
    pub generation: u64,
    /// The newest generation that is known to be of the same configuration; a lane above it was under another one since.
    pub same_to: u64,
    /// Generation of the pipeline's own topics from which on the offset map speaks of this topic.
    pub map_from: u32,
    /// When, milliseconds since the epoch, by the clock of who did it.
    pub since: i64,
    /// Where each target partition ended then: nothing below is to be read any more.
    pub ends: EndsByTopic,
}

/// From which generation of the offset map on each source topic is spoken of: what earlier ones say of it ended with its
/// last rekey.
#[derive(Clone, Debug, Default)]
pub struct MapEnds(BTreeMap<String, u32>);

impl MapEnds {
    /// As lane 0's control record has it.
    pub fn of(lane_zero: Option<&super::Control>) -> Self {
        Self(lane_zero.iter().flat_map(|control| &control.rekeyed).map(|(topic, rekeyed)| (topic.clone(), rekeyed.map_from)).collect())
    }

    /// Whether what `generation` of the map says of a source topic is over.
    pub fn ended(&self, topic: &str, generation: u32) -> bool {
        self.0.get(topic).is_some_and(|from| generation < *from)
    }
}
