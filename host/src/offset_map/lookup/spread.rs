//! Which source partitions feed which target partitions, on which exactness depends.
//! It grows with the number of partitions, never with the map, and answers no offset.

use crate::offset_map::run::{SourcePartition, TargetPartition};
use std::collections::HashMap;

/// One partner, or several: more is never asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Partners {
    None,
    One(usize),
    Many,
}

impl Partners {
    fn add(&mut self, partner: usize) {
        *self = match *self {
            Partners::None => Partners::One(partner),
            Partners::One(known) if known == partner => return,
            _ => Partners::Many,
        }
    }
}

#[derive(Debug)]
struct Target {
    name: TargetPartition,
    feeders: Partners,
    other_writer: bool,
}

/// All partitions met, by index.
#[derive(Debug, Default)]
pub(super) struct Spread {
    sources: Vec<(SourcePartition, Partners)>,
    source_index: HashMap<SourcePartition, usize>,
    targets: Vec<Target>,
    target_index: HashMap<String, HashMap<i32, usize>>,
}

impl Spread {
    /// The index of a source partition; none if it was not met.
    pub(super) fn find_source(&self, name: &SourcePartition) -> Option<usize> {
        self.source_index.get(name).copied()
    }

    /// The index of a target partition; none if it was not met.
    pub(super) fn find_target(&self, topic: &str, partition: i32) -> Option<usize> {
        self.target_index.get(topic)?.get(&partition).copied()
    }

    /// The index of a source partition, which is met now if it was not before.
    pub(super) fn source(&mut self, name: &SourcePartition) -> usize {
        if let Some(index) = self.find_source(name) {
            return index;
        }
        self.sources.push((name.clone(), Partners::None));
        self.source_index.insert(name.clone(), self.sources.len() - 1);
        self.sources.len() - 1
    }

    /// The index of a target partition, which is met now if it was not before.
    pub(super) fn target(&mut self, topic: &str, partition: i32) -> usize {
        if let Some(index) = self.find_target(topic, partition) {
            return index;
        }
        let name = TargetPartition { topic: topic.to_owned(), partition };
        self.targets.push(Target { name, feeders: Partners::None, other_writer: false });
        self.target_index.entry(topic.to_owned()).or_default().insert(partition, self.targets.len() - 1);
        self.targets.len() - 1
    }

    /// The source partition has a record in that target partition; the target's index.
    pub(super) fn fed(&mut self, source: usize, topic: &str, partition: i32) -> usize {
        let target = self.target(topic, partition);
        self.targets[target].feeders.add(source);
        self.sources[source].1.add(target);
        target
    }

    /// Something that is not in the map took offsets of that target partition.
    pub(super) fn other_writer(&mut self, target: usize) {
        self.targets[target].other_writer = true;
    }

    /// Whether these two have no other partner, and nobody else writes.
    pub(super) fn alone(&self, source: usize, target: usize) -> bool {
        let Target { feeders, other_writer, .. } = &self.targets[target];
        *feeders == Partners::One(source) && self.sources[source].1 == Partners::One(target) && !other_writer
    }

    /// Whether nothing was seen that keeps these two from being [`Spread::alone`] once a record lands.
    pub(super) fn untouched(&self, source: usize, target: usize) -> bool {
        self.sources[source].1 == Partners::None && self.targets[target].feeders == Partners::None
    }

    /// The source partition of an index.
    pub(super) fn source_name(&self, source: usize) -> &SourcePartition {
        &self.sources[source].0
    }

    /// The target partition of an index.
    pub(super) fn target_name(&self, target: usize) -> &TargetPartition {
        &self.targets[target].name
    }
}
