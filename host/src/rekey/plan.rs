//! What a rekey would do, judged from facts: which topics begin anew and where, what cannot be made again, and what
//! forbids it. Pure: it asks nobody, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::coverage::{Coverage, Partition};
use super::loss::{self, Loss};
use crate::position::{Control, Position};

/// A source topic as it is.
#[derive(Clone, Debug, Default)]
pub struct SourceTopic {
    /// Its id; empty where the source has none.
    pub id: String,
    /// Whether compaction takes values from it; none where that may not be asked.
    pub compacted: Option<bool>,
    /// First offset and last stable offset, by partition.
    pub ranges: BTreeMap<i32, (i64, i64)>,
}

/// A target topic as it is.
#[derive(Clone, Debug, Default)]
pub struct TargetTopic {
    /// Its id; empty where the target has none.
    pub id: String,
    pub cleanup_policy: String,
    /// First offset and last stable offset, by partition.
    pub ranges: BTreeMap<i32, (i64, i64)>,
}

/// What would be admitted.
#[derive(Clone, Debug, Default)]
pub struct Next {
    pub config: String,
    /// Public ids of the keys that steps name, as `name:id`.
    pub keys: Vec<String>,
    /// A step may send records to topics of other names.
    pub routes: bool,
    /// It may be one that was replaced.
    pub readmit: bool,
}

/// Everything that a plan is made from.
#[derive(Debug, Default)]
pub struct Facts {
    pub pipeline: String,
    pub next: Next,
    /// By lane.
    pub controls: BTreeMap<u32, Control>,
    /// Of all source partitions of the pipeline.
    pub positions: BTreeMap<Partition, Position>,
    /// Source topics that were named; none: all that the pipeline has copied.
    pub asked: BTreeSet<String>,
    pub sources: BTreeMap<String, SourceTopic>,
    pub targets: BTreeMap<String, TargetTopic>,
    pub coverage: Coverage,
    /// Ranges of target records that the offset map does not account for, as reading them showed.
    pub foreign: BTreeMap<Partition, Vec<(i64, i64)>>,
    /// Records that source partitions still hold of what was copied, where they were counted.
    pub counted: BTreeMap<Partition, u64>,
}

/// What a rekey would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Plan {
    pub pipeline: String,
    /// The configuration that the new records are made under.
    pub config: String,
    /// Ids of its keys, as `name:id`.
    pub keys: Vec<String>,
    pub topics: Vec<TopicPlan>,
    /// What cannot be made again; `apply` goes over it with `--accept-loss` alone.
    pub losses: Vec<Loss>,
    /// What forbids it altogether.
    pub refused: Vec<String>,
    /// What an operator should know before.
    pub notes: Vec<String>,
}

/// One source topic.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TopicPlan {
    pub topic: String,
    /// It was rekeyed to this very configuration, no other has written since, and nothing old is to be read.
    pub done: bool,
    /// Under what its records on the target were made, as far as the offset map tells.
    pub made_under: Vec<Made>,
    pub partitions: Vec<PartitionPlan>,
    pub targets: Vec<TargetPlan>,
}

/// A configuration that records stand under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Made {
    pub config: String,
    /// Ids of its keys, as `name:id`: tokens carry the part behind the colon.
    pub keys: Vec<String>,
}

/// One source partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionPlan {
    pub partition: i32,
    /// The first source offset that was ever copied, and the one after the last.
    pub copied: (i64, i64),
    /// What the source holds: the first offset, and the one after the last committed record.
    pub source: (i64, i64),
    /// Where it would begin anew.
    pub begins: i64,
}

/// One target partition whose records become unreachable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetPlan {
    pub topic: String,
    pub partition: i32,
    /// What it holds: the first offset, and the one after the last committed record.
    pub holds: (i64, i64),
    pub cleanup_policy: String,
}

impl Facts {
    /// The source topics that are to begin anew: those that were named, or all, and those of a rekey that was broken off.
    pub fn chosen(&self) -> BTreeSet<String> {
        let all = || self.positions.keys().map(|(topic, _)| topic.clone()).collect();
        let mut chosen = if self.asked.is_empty() { all() } else { self.asked.clone() };
        chosen.extend(self.broken_off().into_iter().cloned());
        chosen
    }

    fn broken_off(&self) -> BTreeSet<&String> {
        self.controls.values().filter_map(|control| control.rekeying.as_ref()).flat_map(|rekeying| &rekeying.topics).collect()
    }

    /// The target partitions that records of a source topic are in: those of its own name, and wherever the map says that
    /// its records went.
    pub fn targets_of(&self, topic: &str) -> BTreeSet<Partition> {
        let own = self.partitions_of(topic).map(|(partition, _)| (topic.to_owned(), partition));
        let mut targets: BTreeSet<Partition> = own.filter(|at| self.range(at).is_some()).collect();
        let fed = |at: &&Partition| self.coverage.landed(at).any(|(_, landed)| self.coverage.source(landed.source).topic == topic);
        targets.extend(self.coverage.targets().filter(fed).filter(|at| self.range(at).is_some()).cloned());
        targets
    }

    /// First and last stable offset of a target partition that is there.
    pub fn range(&self, at: &Partition) -> Option<(i64, i64)> {
        self.targets.get(&at.0)?.ranges.get(&at.1).copied()
    }

    /// A topic's partitions that were copied.
    pub fn partitions_of<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = (i32, &'a Position)> {
        self.positions.iter().filter(move |((name, _), _)| name == topic).map(|((_, partition), position)| (*partition, position))
    }

    /// Whether the map still names everything that was copied of a partition.
    pub(super) fn is_mapped(&self, topic: &str, partition: i32, position: &Position) -> bool {
        let covered = self.coverage.dealt(topic, partition).and_then(|dealt| dealt.covered);
        position.start == position.next || covered.is_some_and(|(first, to)| first <= position.start && to >= position.next)
    }

    /// Whether a topic was rekeyed to what would be admitted, and stands so.
    fn is_done(&self, topic: &str) -> bool {
        let Some(rekeyed) = self.controls.get(&0).and_then(|control| control.rekeyed.get(topic)) else { return false };
        let newest = self.controls.values().max_by_key(|control| control.generation);
        let same = newest.is_some_and(|newest| newest.generation == rekeyed.same_to && newest.config == rekeyed.config);
        let ends = rekeyed.ends.iter().flat_map(|(topic, ends)| ends.iter().map(move |(partition, end)| (topic, *partition, *end)));
        // A broker that died before it wrote its log's start down brings old records back: that is not done.
        let mut gone = ends.map(|(topic, partition, end)| self.range(&(topic.clone(), partition)).is_none_or(|(start, _)| start >= end));
        same && rekeyed.config == self.next.config && !self.broken_off().contains(&topic.to_owned()) && gone.all(|gone| gone)
    }

    /// Where a source partition would begin anew: at the first offset that was ever copied, or where the source begins now.
    fn begins(position: &Position, source: (i64, i64)) -> i64 {
        position.start.max(source.0)
    }
}

impl Plan {
    /// Judges the facts.
    pub fn make(facts: &Facts) -> Self {
        let chosen = facts.chosen();
        let mut plan =
            Self { pipeline: facts.pipeline.clone(), config: facts.next.config.clone(), keys: facts.next.keys.clone(), ..Self::default() };
        for topic in &chosen {
            plan.topic(facts, topic);
        }
        plan.neighbours(facts, &chosen);
        let replaced =
            facts.controls.values().any(|control| control.config != facts.next.config && control.replaced.contains(&facts.next.config));
        if replaced && !facts.next.readmit && plan.to_do().next().is_some() {
            plan.refused
                .push("this configuration was replaced by a newer one; update the file, or go back on purpose with --readmit".into());
        }
        plan.notes(facts, &chosen);
        plan
    }

    /// The topics that there is something to do for.
    pub fn to_do(&self) -> impl Iterator<Item = &TopicPlan> {
        self.topics.iter().filter(|topic| !topic.done)
    }

    fn topic(&mut self, facts: &Facts, topic: &str) {
        let mut planned = TopicPlan { topic: topic.to_owned(), done: facts.is_done(topic), ..TopicPlan::default() };
        let mut made = BTreeSet::new();
        for (partition, position) in facts.partitions_of(topic) {
            let source = facts.sources.get(topic).and_then(|source| source.ranges.get(&partition)).copied().unwrap_or((0, 0));
            let begins = Facts::begins(position, source);
            planned.partitions.push(PartitionPlan { partition, copied: (position.start, position.next), source, begins });
            let makers = facts.coverage.dealt(topic, partition).into_iter().flat_map(|dealt| &dealt.makers);
            made.extend(
                makers
                    .filter_map(|maker| facts.coverage.admission(*maker))
                    .map(|admission| Made { config: admission.config_hash.clone(), keys: admission.key_ids.clone() }),
            );
        }
        planned.made_under = made.into_iter().collect();
        for at in facts.targets_of(topic) {
            let cleanup_policy = facts.targets.get(&at.0).map_or_else(String::new, |target| target.cleanup_policy.clone());
            let holds = facts.range(&at).unwrap_or((0, 0));
            planned.targets.push(TargetPlan { topic: at.0, partition: at.1, holds, cleanup_policy });
        }
        if !planned.done {
            self.refuse(facts, topic);
            self.losses.extend(loss::of_source(facts, topic));
            self.losses.extend(planned.targets.iter().flat_map(|target| loss::of_target(facts, target)));
        }
        self.topics.push(planned);
    }

    /// What forbids it for one topic.
    fn refuse(&mut self, facts: &Facts, topic: &str) {
        let mut positions = facts.partitions_of(topic).peekable();
        let Some((_, first)) = positions.peek() else {
            self.refused.push(format!("the pipeline has copied nothing of topic {topic}: it has no position"));
            return;
        };
        let moved = |id: &str, known: &str| !id.is_empty() && !known.is_empty() && id != known;
        match facts.sources.get(topic) {
            None => self.refused.push(format!("topic {topic} is not on the source: nothing of it can be made again; delete it on the target, where that is meant")),
            Some(source) if moved(&source.id, &first.topic_id) => self.refused.push(format!(
                "topic {topic} was deleted and created again on the source since it was copied; let the pipeline take up the new one first (on_topic_recreated: restart)"
            )),
            Some(source) => {
                for (partition, _) in facts.partitions_of(topic).filter(|(partition, _)| !source.ranges.contains_key(partition)) {
                    self.refused.push(format!("the source does not say what it holds of {topic}-{partition}"));
                }
            }
        }
        match facts.targets.get(topic) {
            None => self.refused.push(format!("topic {topic} is gone from the target; nothing of it is to be read there")),
            Some(target) if moved(&target.id, &first.target_id) => self.refused.push(format!(
                "topic {topic} was deleted and created again on the target since it was copied; what it holds is not the pipeline's"
            )),
            Some(_) => {}
        }
        let elsewhere = facts.next.routes || facts.targets_of(topic).iter().any(|(target, _)| target != topic);
        let mut unmapped = positions.filter(|(partition, position)| !facts.is_mapped(topic, *partition, position));
        if elsewhere && let Some((partition, _)) = unmapped.next() {
            self.refused.push(format!(
                "records of {topic} may have gone to other topics, and the offset map does not reach back to the first of {topic}-{partition}: where they went cannot be told"
            ));
        }
    }

    /// A target partition is emptied whole: whatever else feeds it begins anew with it.
    fn neighbours(&mut self, facts: &Facts, chosen: &BTreeSet<String>) {
        let emptied: BTreeSet<Partition> = self.to_do().flat_map(|topic| facts.targets_of(&topic.topic)).collect();
        let mut met = BTreeSet::new();
        for at in &emptied {
            let others = facts.coverage.landed(at).map(|(_, landed)| &facts.coverage.source(landed.source).topic);
            for other in others.filter(|other| !chosen.contains(*other)) {
                if met.insert((at.0.clone(), other.clone())) {
                    self.refused.push(format!(
                        "target topic {} holds records of source topic {other}, too, which would go with the others; name it as well: --topic {other}",
                        at.0
                    ));
                }
            }
        }
    }

    fn notes(&mut self, facts: &Facts, chosen: &BTreeSet<String>) {
        if !facts.broken_off().is_empty() {
            self.notes
                .push("a rekey was broken off: `sluice rekey apply` runs it to its end; until then nobody can run the pipeline".into());
        }
        if self.to_do().next().is_none() {
            return;
        }
        self.notes.push(
            "consumers of these topics read the records again: a group that stands at the end goes on with the first new record; one that stands before it is out of range, and its auto.offset.reset decides (with `latest` it misses what was copied by then)"
                .into(),
        );
        let compacted: BTreeSet<String> = self
            .to_do()
            .flat_map(|topic| &topic.targets)
            .filter(|target| !target.cleanup_policy.contains("delete"))
            .map(|target| target.topic.clone())
            .collect();
        self.notes.extend(compacted.into_iter().map(|topic| {
            format!("topic {topic} is compacted: its cleanup.policy gains `delete`, without retention, while its records are made unreachable, and is put back")
        }));
        let rest: BTreeSet<&str> =
            facts.positions.keys().map(|(topic, _)| topic.as_str()).filter(|topic| !chosen.contains(*topic)).collect();
        if !rest.is_empty() {
            let rest: Vec<&str> = rest.into_iter().collect();
            self.notes.push(format!(
                "what was copied of {} stays as it was made; from then on it is copied under this configuration, too",
                rest.join(", ")
            ));
        }
        self.notes.push(
            "untouched: quarantine topics on both sides, copies that consumers made, backups, topics of other pipelines; brokers keep the bytes until their segments are rolled and deleted"
                .into(),
        );
    }
}

#[cfg(test)]
mod tests;
