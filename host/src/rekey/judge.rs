//! Judges the evidence for one topic: each sentence that comes back is a reason why its rekey does not hold. Pure: it asks
//! nobody.

use std::collections::BTreeMap;

use serde::Serialize;

use super::coverage::{Coverage, Dealt, Landed, Partition};
use super::survey::State;
use crate::position::{Position, Rekeyed};

/// How long a broker may take to write down where its logs begin (`log.flush.start.offset.checkpoint.interval.ms`, 60 s
/// by default): were all replicas of a partition killed before, old records would be there again. Some seconds on top.
pub const WRITTEN_DOWN_AFTER: i64 = 65_000;

/// What was seen of a topic on both clusters.
pub struct Evidence<'a> {
    pub topic: &'a str,
    pub done: &'a Rekeyed,
    /// The configuration that everything has to stand under.
    pub config: &'a str,
    /// SHA-256 of each step's plugin, in chain order.
    pub digests: Vec<String>,
    /// The pipeline begins a topic that was made anew from its beginning.
    pub restarts: bool,
    /// The source topic is compacted: it may hold less than was copied.
    pub compacted: bool,
    /// Milliseconds since the epoch.
    pub now: i64,
    pub state: &'a State,
    /// Counted within `goals`.
    pub coverage: &'a Coverage,
    /// First offset and last stable offset of the source partitions when the verdict began.
    pub goals: &'a BTreeMap<Partition, (i64, i64)>,
    /// Records that each source partition holds between its start, or where it begins now, and its goal.
    pub read: BTreeMap<i32, u64>,
    /// What each target partition holds, of [`targets`].
    pub found: BTreeMap<Partition, Found>,
}

/// What a target partition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// First offset, and last stable offset, when the verdict began.
    pub start: i64,
    pub end: i64,
    /// First offset after it was read.
    pub start_after: i64,
    /// The topic is compacted: it may hold less than landed in it.
    pub compacted: bool,
    /// Records of this configuration, each with a source coordinate.
    pub records: u64,
    /// The first records that are not, and how many there are.
    pub old: Option<i64>,
    pub unknown: Option<i64>,
    pub other: Option<i64>,
    pub wrong: u64,
}

impl Found {
    /// Takes a record of the target partition `at` into account.
    pub fn see(&mut self, at: &Partition, offset: i64, recorded: i64, coverage: &Coverage, config: &str) {
        let behind = coverage.behind(at, offset);
        let made_under = behind.and_then(|landed| coverage.admission(landed.maker)).map(|admission| admission.config_hash.as_str());
        let wrong = match made_under {
            _ if offset < recorded => &mut self.old,
            None => &mut self.unknown,
            Some(made) if made != config => &mut self.other,
            Some(_) => {
                self.records += 1;
                return;
            }
        };
        wrong.get_or_insert(offset);
        self.wrong += 1;
    }
}

/// What is said of one topic.
#[derive(Clone, Debug, Serialize)]
pub struct TopicVerdict {
    pub topic: String,
    pub holds: bool,
    /// Each reason why it does not.
    pub broken: Vec<String>,
    pub partitions: Vec<PartitionVerdict>,
    pub targets: Vec<TargetVerdict>,
}

/// What was made of one source partition since its rekey, counted on both clusters: `read = passed + filtered + quarantined`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionVerdict {
    pub partition: i32,
    /// The next source offset to read, and the end of the source that it had to reach.
    pub position: i64,
    pub source_end: i64,
    pub read: u64,
    pub passed: u64,
    pub filtered: u64,
    pub quarantined: u64,
    pub emitted: u64,
}

/// One target partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetVerdict {
    pub topic: String,
    pub partition: i32,
    /// Where it ended when it was emptied: it has to begin there or later. 0: the topic reached it only since.
    pub emptied_to: i64,
    pub begins: i64,
    pub records: u64,
}

/// Says what holds. `quarantined` counts records put aside, by source partition.
pub fn judge(evidence: &Evidence<'_>, quarantined: &BTreeMap<Partition, u64>) -> TopicVerdict {
    let mut verdict =
        TopicVerdict { topic: evidence.topic.to_owned(), holds: false, broken: Vec::new(), partitions: Vec::new(), targets: Vec::new() };
    if evidence.done.config != evidence.config {
        verdict.broken.push("it was rekeyed to another configuration than the one given; run `sluice rekey apply` with this file".into());
    }
    let wait = evidence.done.since + WRITTEN_DOWN_AFTER - evidence.now;
    if wait > 0 {
        verdict.broken.push(format!(
            "it was emptied a moment ago, and brokers take a minute to write down where a log begins; ask again in {} s",
            (wait + 999) / 1000
        ));
    }
    for (at, recorded) in targets(evidence.topic, evidence.done, evidence.coverage) {
        target(evidence, &mut verdict, &at, recorded);
    }
    let of_topic = evidence.state.positions.iter().filter(|((topic, _), _)| topic == evidence.topic);
    for ((topic, number), position) in of_topic {
        let aside = quarantined.get(&(topic.clone(), *number)).copied().unwrap_or(0);
        partition(evidence, &mut verdict, *number, position, aside);
    }
    verdict.holds = verdict.broken.is_empty();
    verdict
}

/// The target partitions to judge a topic by: those that its rekey emptied, with where they ended then, and those that its
/// records reached for the first time since, a topic that a step sends records to or a partition of one that grew.
pub fn targets(topic: &str, done: &Rekeyed, coverage: &Coverage) -> BTreeMap<Partition, Option<i64>> {
    let mut targets: BTreeMap<Partition, Option<i64>> = coverage.reached_by(topic).map(|at| (at.clone(), None)).collect();
    for (topic, ends) in &done.ends {
        targets.extend(ends.iter().map(|(partition, end)| ((topic.clone(), *partition), Some(*end))));
    }
    targets
}

/// Whether a target partition's record counts in the verdict on `topic`: all of one that was emptied, but of one that it
/// reached since only its own. What other topics have there is judged with theirs.
pub fn counts(topic: &str, recorded: Option<i64>, coverage: &Coverage, behind: Option<&Landed>) -> bool {
    recorded.is_some() || behind.is_none_or(|landed| coverage.source(landed.source).topic == topic)
}

/// Nothing old is to be read, everything new is known, and nothing that landed is missing.
fn target(evidence: &Evidence<'_>, verdict: &mut TopicVerdict, at: &Partition, emptied: Option<i64>) {
    let recorded = emptied.unwrap_or(0);
    let name = format!("target {}-{}", at.0, at.1);
    let Some(found) = evidence.found.get(at) else {
        verdict.broken.push(format!("{name} does not say what it holds"));
        return;
    };
    let mut broken = |reason: String| verdict.broken.push(format!("{name} {reason}"));
    if found.start < recorded {
        broken(format!(
            "begins at {}, below {recorded}: what stood there before is to be read again; run `sluice rekey apply`",
            found.start
        ));
    }
    if let Some(first) = found.old {
        broken(format!("holds records below {recorded}, the first at {first}"));
    }
    if let Some(first) = found.unknown {
        broken(format!(
            "holds records that the offset map does not know, the first at {first}: somebody else writes there, or the map is gone"
        ));
    }
    if let Some(first) = found.other {
        broken(format!("holds records of another configuration, the first at {first}"));
    }
    let landed: u64 = evidence
        .coverage
        .landed(at)
        .filter(|(from, landed)| *from >= found.start_after && landed.to <= found.end)
        .filter(|(_, landed)| counts(evidence.topic, emptied, evidence.coverage, Some(landed)))
        .map(|(_, landed)| landed.records)
        .sum();
    if !found.compacted && found.start == found.start_after && found.records < landed {
        broken(format!("lacks {} of the {landed} records that landed in it", landed - found.records));
    }
    let (emptied_to, begins, records) = (recorded, found.start, found.records);
    verdict.targets.push(TargetVerdict { topic: at.0.clone(), partition: at.1, emptied_to, begins, records });
}

/// Everything that the source has is dealt with, once, under this configuration.
fn partition(evidence: &Evidence<'_>, verdict: &mut TopicVerdict, number: i32, position: &Position, quarantined: u64) {
    let name = format!("{}-{number}", evidence.topic);
    let mut broken = |reason: String| verdict.broken.push(format!("{name} {reason}"));
    let Some(&(first, goal)) = evidence.goals.get(&(evidence.topic.to_owned(), number)) else {
        broken("is not to be found on the source".into());
        return;
    };
    if position.next < goal {
        broken(format!("stands at {}, the source ends at {goal}: the run has not caught up", position.next));
    }
    if let Some(halted) = &position.halted {
        broken(format!("is halted at {}: {}", halted.offset, halted.code));
    }
    if position.config != evidence.config {
        broken("has a position of another configuration".into());
    } else if position.digests != evidence.digests {
        broken("has a position of other plugins".into());
    }
    let none = Dealt::default();
    let dealt = evidence.coverage.dealt(evidence.topic, number).unwrap_or(&none);
    uncovered(evidence, position, goal.min(position.next), dealt).into_iter().for_each(&mut broken);
    let read = evidence.read.get(&number).copied().unwrap_or(0);
    let account = dealt.account;
    if position.next >= goal {
        if read > account.read {
            broken(format!("has {read} records from {} on, of which {} are accounted for", first.max(position.start), account.read));
        } else if read < account.read && !evidence.compacted && !dealt.inexact {
            broken(format!("has {read} records from {} on, but {} are accounted for", first.max(position.start), account.read));
        }
    }
    if quarantined > account.filtered {
        broken(format!("has {quarantined} records in quarantine, but only {} that did not pass", account.filtered));
    }
    verdict.partitions.push(PartitionVerdict {
        partition: number,
        position: position.next,
        source_end: goal,
        read: account.read,
        passed: account.passed,
        filtered: account.filtered.saturating_sub(quarantined),
        quarantined,
        emitted: account.emitted,
    });
}

/// Segments follow each other from the start to the goal, without a hole that the position does not own up to, and none
/// twice.
fn uncovered(evidence: &Evidence<'_>, position: &Position, goal: i64, dealt: &Dealt) -> Vec<String> {
    let mut broken = Vec::new();
    let (from, to) = dealt.covered.unwrap_or((position.start, position.start));
    let before = (from - position.start).max(0).unsigned_abs();
    let after = (goal - to).max(0).unsigned_abs();
    let missing = (dealt.holes + before + after).saturating_sub(position.lost);
    if missing > 0 {
        broken.push(format!(
            "has {missing} source offsets between {} and {goal} that the offset map does not name (it keeps a month)",
            position.start
        ));
    }
    if let Some(first) = dealt.again.first().filter(|_| !dealt.inexact && !evidence.restarts) {
        broken.push(format!("was copied again from source offset {first} on: records may be on the target twice"));
    }
    broken
}

#[cfg(test)]
mod tests;
