//! Whether a rekey holds: recomputed from what both clusters serve, never from this program's own counters. It must not
//! change anything, and says yes to nothing that it has not seen.

use std::collections::{BTreeMap, BTreeSet};

use rdkafka::client::Client;
use rdkafka::consumer::Consumer;
use serde::Serialize;

use super::coverage::{Coverage, Partition};
use super::judge::{self, Evidence, Found, TopicVerdict};
use super::survey::{self, State, offsets};
use super::{Rekey, RekeyError};
use crate::clock::now_millis;
use crate::config::plan::{Cluster, OnError};
use crate::kafka::Context;
use crate::kafka::ffi::Spec;
use crate::position::{MapEnds, Rekeyed};
use crate::scan::{self, Range};

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub pipeline: String,
    /// All of it holds.
    pub holds: bool,
    /// The configuration that everything has to stand under.
    pub config: String,
    /// Why it does not hold, beyond what the topics say.
    pub broken: Vec<String>,
    pub topics: Vec<TopicVerdict>,
}

impl Rekey<'_> {
    /// Judges the chosen topics: those that were named, or all that were rekeyed. What is written while it looks is left
    /// to the next time.
    pub fn verdict(&self) -> Result<Verdict, RekeyError> {
        let (topics, lanes) = self.state_topics()?;
        let mut verdict = Verdict {
            pipeline: self.pipeline.name.clone(),
            holds: false,
            config: self.admission.config.clone(),
            broken: Vec::new(),
            topics: Vec::new(),
        };
        // In this order: what was on the source is to be copied, what was on the target is to be in the map.
        let before = self.committed(&topics, lanes)?;
        let chosen = self.rekeyed_of(&before);
        let goals = self.goals(&before, &chosen)?;
        let mut ends = self.target_ends(&before, &chosen)?;
        let state = self.committed(&topics, lanes)?;
        if state.controls.values().any(|control| control.moving.is_some()) {
            verdict.broken.push("a rekey or a resize was broken off; run it to its end".into());
        }
        if state.controls.values().any(|control| control.source != self.source_id) {
            verdict.broken.push("the positions are of another source cluster than the configured one".into());
        }
        if chosen.is_empty() {
            verdict.broken.push("no topic of the pipeline was rekeyed".into());
        }
        let map = || survey::coverage(self, &topics, goals.clone(), MapEnds::of(state.controls.get(&0)));
        let mut coverage = map()?;
        // What was reached only since is named by the map alone; its ends come before the map that has to know them.
        let since: BTreeSet<(&str, i32)> = chosen
            .iter()
            .flat_map(|topic| coverage.reached_by(topic))
            .filter(|at| !ends.contains_key(*at))
            .map(|(topic, partition)| (topic.as_str(), *partition))
            .collect();
        if !since.is_empty() {
            let since: Vec<(&str, i32)> = since.into_iter().collect();
            ends.extend(ranges(self.target.observer().client(), &self.pipeline.target, &since)?);
            coverage = map()?;
        }
        let seen = Seen { state, coverage, goals, ends };
        let rekeyed = seen.state.controls.get(&0).map(|control| &control.rekeyed);
        let quarantined = self.quarantined(&seen)?;
        for topic in &chosen {
            match rekeyed.and_then(|rekeyed| rekeyed.get(topic)) {
                Some(done) => verdict.topics.push(judge::judge(&self.evidence(topic, done, &seen)?, &quarantined)),
                None => verdict.broken.push(format!("topic {topic} was not rekeyed")),
            }
        }
        verdict.holds = verdict.broken.is_empty() && verdict.topics.iter().all(|topic| topic.holds);
        for topic in &verdict.topics {
            let (name, holds) = (&topic.topic, topic.holds);
            tracing::info!(
                event = "audit.rekey_verdict",
                pipeline = self.pipeline.name,
                topic = name,
                holds,
                config = verdict.config,
                "verdict on a rekey"
            );
        }
        Ok(verdict)
    }

    /// The topics that were named, or all that were rekeyed.
    fn rekeyed_of(&self, state: &State) -> BTreeSet<String> {
        let all = || state.controls.get(&0).into_iter().flat_map(|control| control.rekeyed.keys().cloned()).collect();
        if self.topics.is_empty() { all() } else { self.topics.clone() }
    }

    /// First offset and last stable offset of every source partition of these topics that has a position.
    fn goals(&self, state: &State, chosen: &BTreeSet<String>) -> Result<Ranges, RekeyError> {
        let of_chosen = state.positions.keys().filter(|(topic, _)| chosen.contains(topic));
        let asked: Vec<(&str, i32)> = of_chosen.map(|(topic, partition)| (topic.as_str(), *partition)).collect();
        ranges(self.source.client(), &self.pipeline.source, &asked)
    }

    /// First offset and last stable offset of every target partition that their rekey emptied.
    fn target_ends(&self, state: &State, chosen: &BTreeSet<String>) -> Result<Ranges, RekeyError> {
        let rekeyed = state.controls.get(&0).into_iter().flat_map(|control| &control.rekeyed);
        let asked: BTreeSet<(&str, i32)> = rekeyed
            .filter(|(topic, _)| chosen.contains(*topic))
            .flat_map(|(_, done)| &done.ends)
            .flat_map(|(topic, ends)| ends.keys().map(move |partition| (topic.as_str(), *partition)))
            .collect();
        let asked: Vec<(&str, i32)> = asked.into_iter().collect();
        ranges(self.target.observer().client(), &self.pipeline.target, &asked)
    }

    fn evidence<'e>(&'e self, topic: &'e str, done: &'e Rekeyed, seen: &'e Seen) -> Result<Evidence<'e>, RekeyError> {
        let Seen { state, coverage, goals, ends } = seen;
        let pipeline = self.pipeline;
        let mut read = BTreeMap::new();
        for ((name, partition), position) in state.positions.iter().filter(|((name, _), _)| name == topic) {
            let Some((first, goal)) = goals.get(&(name.clone(), *partition)) else { continue };
            let range = Range { topic: name, partition: *partition, from: position.start.max(*first), to: *goal };
            read.insert(*partition, survey::records(&pipeline.source, self, range)?);
        }
        let mut found = BTreeMap::new();
        for (at, emptied) in judge::targets(topic, done, coverage) {
            let Some(&(start, to)) = ends.get(&at) else { continue };
            let (name, partition) = (&at.0, at.1);
            let compacted = self.settings.of(name)?.get("cleanup.policy").is_some_and(|policy| policy.value.contains("compact"));
            let mut target = Found { start, end: to, compacted, ..Found::default() };
            let range = Range { topic: name, partition, from: start, to };
            scan::range(&pipeline.target, &pipeline.name, range, &mut |record| {
                if judge::counts(topic, emptied, coverage, coverage.behind(&at, record.offset())) {
                    target.see(&at, record.offset(), emptied.unwrap_or(0), coverage, &self.admission.config);
                }
            })?;
            // Asked again: what retention takes meanwhile is not missing.
            let later = offsets(self.target.observer().client(), &pipeline.target, &[(name, partition)], Spec::Earliest)?;
            target.start_after = later.get(&at).copied().unwrap_or(start);
            found.insert(at, target);
        }
        Ok(Evidence {
            topic,
            done,
            config: &self.admission.config,
            digests: self.admission.digests(),
            restarts: pipeline.restart_recreated,
            // Where that cannot be asked, the count of its records has to agree.
            compacted: survey::is_compacted(self, topic) == Some(true),
            now: now_millis(),
            state,
            coverage,
            goals,
            read,
            found,
        })
    }

    /// How many records of each source partition were put aside since its rekey, each once.
    fn quarantined(&self, seen: &Seen) -> Result<BTreeMap<Partition, u64>, RekeyError> {
        let pipeline = self.pipeline;
        let OnError::Quarantine { topic, .. } = &pipeline.on_error else { return Ok(BTreeMap::new()) };
        let Some(partitions) = self.target.partition_count(topic)? else { return Ok(BTreeMap::new()) };
        let asked: Vec<(&str, i32)> = (0..partitions as i32).map(|partition| (topic.as_str(), partition)).collect();
        let rekeyed = seen.state.controls.get(&0).map(|control| &control.rekeyed);
        let mut aside: BTreeSet<(Partition, i64)> = BTreeSet::new();
        for ((topic, partition), (from, to)) in ranges(self.target.observer().client(), &pipeline.target, &asked)? {
            let range = Range { topic: &topic, partition, from, to };
            scan::range(&pipeline.target, &pipeline.name, range, &mut |record| {
                let Ok(put) = serde_json::from_slice::<PutAside>(record.value().unwrap_or_default()) else { return };
                let since = rekeyed.and_then(|rekeyed| rekeyed.get(&put.topic)).is_some_and(|done| put.generation >= done.generation);
                let at = (put.topic, put.partition);
                let within = seen.goals.get(&at).is_some_and(|(first, goal)| (*first..*goal).contains(&put.offset));
                if since && within && put.source == self.source_id && put.pipeline == pipeline.name {
                    aside.insert((at, put.offset));
                }
            })?;
        }
        let mut counts = BTreeMap::new();
        for (at, _) in aside {
            *counts.entry(at).or_default() += 1;
        }
        Ok(counts)
    }
}

/// What the verdict is made from, beside the topics' records.
struct Seen {
    state: State,
    /// Counted within `goals`.
    coverage: Coverage,
    goals: Ranges,
    ends: Ranges,
}

/// First offset and last stable offset, by partition.
type Ranges = BTreeMap<Partition, (i64, i64)>;

fn ranges(client: &Client<Context>, cluster: &Cluster, asked: &[(&str, i32)]) -> Result<Ranges, RekeyError> {
    let first = offsets(client, cluster, asked, Spec::Earliest)?;
    let end = offsets(client, cluster, asked, Spec::LatestStable)?;
    Ok(first.into_iter().filter_map(|(at, first)| Some((at.clone(), (first, *end.get(&at)?)))).collect())
}

/// What the quarantine topic says of a record; see [`crate::quarantine::Coordinates`].
#[derive(serde::Deserialize)]
struct PutAside {
    pipeline: String,
    source: String,
    topic: String,
    partition: i32,
    offset: i64,
    generation: u64,
}
