//! What a rekey could not make again, with exact ranges. Pure: it names, and decides nothing.

use std::fmt;

use serde::Serialize;

use super::plan::{Facts, TargetPlan};

/// Why something cannot be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Retention took it from the source after it was copied.
    Retention,
    /// Compaction took older values from the source; the target keeps all.
    Superseded,
    /// It stood on the target before the pipeline began.
    BeforePipeline,
    /// Somebody else wrote it to the target.
    OtherWriter,
    /// The offset map does not reach back that far: it may be the pipeline's own, or not.
    Unattributed,
    /// It comes from a source topic of that name that was deleted since.
    TopicRecreated,
}

/// A range that cannot be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    pub why: Why,
    pub topic: String,
    pub partition: i32,
    /// Offsets of the source for `retention` and `superseded`, of the target for the others.
    pub from: i64,
    /// The offset after the last one.
    pub to: i64,
    /// Records on the target that it is about, where that is known.
    pub records: Option<u64>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, from, .. } = self;
        let last = self.to - 1;
        match self.why {
            Why::Retention => write!(f, "source offsets {from} to {last} of {topic}-{partition} were copied and are gone from the source"),
            Why::Superseded => write!(
                f,
                "source offsets {from} to {last} of {topic}-{partition} were compacted after they were copied: values that were replaced are gone from the source"
            ),
            Why::BeforePipeline => write!(f, "target offsets {from} to {last} of {topic}-{partition} were there before the pipeline began"),
            Why::OtherWriter => write!(f, "target offsets {from} to {last} of {topic}-{partition} were written by somebody else"),
            Why::Unattributed => write!(
                f,
                "target offsets {from} to {last} of {topic}-{partition} are older than the offset map: whose they are cannot be told"
            ),
            Why::TopicRecreated => write!(
                f,
                "target offsets {from} to {last} of {topic}-{partition} come from a source topic of that name that was deleted since"
            ),
        }?;
        match self.records {
            Some(records) => write!(f, " ({records} records)"),
            None => Ok(()),
        }
    }
}

/// What the source does not hold any more of what was copied.
pub(super) fn of_source(facts: &Facts, topic: &str) -> Vec<Loss> {
    let Some(source) = facts.sources.get(topic) else { return Vec::new() };
    let keeps_all = !facts.targets.get(topic).is_some_and(|target| target.cleanup_policy.contains("compact"));
    let mut losses = Vec::new();
    for (partition, position) in facts.partitions_of(topic) {
        let Some((first, _)) = source.ranges.get(&partition).copied() else { continue };
        let loss = |why, from, to, records| Loss { why, topic: topic.to_owned(), partition, from, to, records };
        let dealt = facts.coverage.dealt(topic, partition);
        let gone = first.min(position.next);
        if gone > position.start {
            // Markers, and records that made nothing, are no loss; what the map does not name may be one.
            let known = facts.is_mapped(topic, partition, position).then(|| dealt.map_or(0, |dealt| dealt.below));
            if known != Some(0) {
                losses.push(loss(Why::Retention, position.start, gone, known));
            }
        }
        if let (Some(held), Some(dealt)) = (facts.counted.get(&(topic.to_owned(), partition)), dealt)
            && keeps_all
            && dealt.account.read > *held
        {
            losses.push(loss(Why::Superseded, first.max(position.start), position.next, Some(dealt.account.read - held)));
        }
    }
    losses
}

/// What a target partition holds that no source record would make again.
pub(super) fn of_target(facts: &Facts, target: &TargetPlan) -> Vec<Loss> {
    let at = (target.topic.clone(), target.partition);
    let (start, _) = target.holds;
    let loss = |why, from, to, records| Loss { why, topic: at.0.clone(), partition: at.1, from, to, records };
    let mut losses: Vec<Loss> = facts
        .coverage
        .landed(&at)
        .filter(|(_, landed)| landed.gone && landed.to > start)
        .map(|(from, landed)| loss(Why::TopicRecreated, from.max(start), landed.to, None))
        .collect();
    let began = facts.positions.get(&at).map_or(-1, |position| position.target_start);
    let mapped = facts.coverage.landed(&at).map(|(_, landed)| facts.coverage.source(landed.source));
    let mut sources: Vec<_> = mapped.map(|source| (source.topic.clone(), source.partition)).chain([at.clone()]).collect();
    sources.sort();
    sources.dedup();
    let whole = sources.iter().all(|(topic, partition)| {
        facts.positions.get(&(topic.clone(), *partition)).is_none_or(|position| facts.is_mapped(topic, *partition, position))
    });
    // What an earlier rekey deleted and a broker serves again is not lost: it was made again.
    let emptied = facts.controls.get(&0).into_iter().flat_map(|control| control.rekeyed.values());
    let emptied = emptied.filter_map(|done| done.ends.get(&at.0)?.get(&at.1)).max().copied().unwrap_or(i64::MIN);
    for &(from, to) in facts.foreign.get(&at).into_iter().flatten() {
        let mut from = from.max(emptied);
        if from < began.min(to) {
            losses.push(loss(Why::BeforePipeline, from, to.min(began), None));
            from = began;
        }
        if from < to {
            losses.push(loss(if whole { Why::OtherWriter } else { Why::Unattributed }, from, to, None));
        }
    }
    losses
}
