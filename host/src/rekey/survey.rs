//! Asks both clusters for the facts that a plan is made from. It must not change anything, and judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

use super::coverage::{Coverage, Partition};
use super::plan::{Facts, Next, SourceTopic, TargetTopic};
use super::settings::Setting;
use super::{ASK_WITHIN, Rekey, RekeyError};
use crate::config::plan::Cluster;
use crate::kafka::ffi::{self, OffsetAnswers, Spec};
use crate::kafka::{self, Context};
use crate::position::{Claim, Control, MapEnds, Position};
use crate::scan::{self, Range};
use crate::topics::StateTopics;

/// Pause between two questions.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What the pipeline keeps of itself.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// By lane.
    pub controls: BTreeMap<u32, Control>,
    pub positions: BTreeMap<Partition, Position>,
}

/// A question to a cluster without an answer.
fn unanswered(doing: &str, cluster: &Cluster, reason: String) -> RekeyError {
    RekeyError::Ask { doing: doing.to_owned(), cluster: cluster.name.clone(), reason }
}

/// The facts, as they are now.
pub fn facts(rekey: &Rekey<'_>, topics: &StateTopics, state: State) -> Result<Facts, RekeyError> {
    let pipeline = rekey.pipeline;
    let next = Next {
        config: rekey.admission.config.clone(),
        keys: rekey.admission.keys.iter().map(|(name, id)| format!("{name}:{id}")).collect(),
        routes: rekey.admission.steps.iter().any(|step| step.routes()),
        readmit: rekey.admission.claim != Claim::Began,
    };
    let sources = sources(rekey, &state)?;
    let bounds = state.positions.keys().filter_map(|at| {
        let (first, _) = sources.get(&at.0)?.ranges.get(&at.1)?;
        Some((at.clone(), (*first, i64::MAX)))
    });
    let bounds: BTreeMap<Partition, (i64, i64)> = bounds.collect();
    let map = || coverage(rekey, topics, bounds.clone(), MapEnds::of(state.controls.get(&0)));
    let named = map()?;
    let own = state.positions.keys().map(|(topic, _)| topic.as_str());
    let recorded = state.controls.get(&0).into_iter().flat_map(|control| control.rekeyed.values()).flat_map(|rekeyed| rekeyed.ends.keys());
    let names: BTreeSet<&str> = own.chain(named.targets().map(|(topic, _)| topic.as_str())).chain(recorded.map(String::as_str)).collect();
    let targets = targets(rekey, &names)?;
    // Once more: what a running pipeline wrote before the target's ends were asked for must not pass for somebody else's.
    let coverage = map()?;
    let State { controls, positions } = state;
    let asked = rekey.topics.clone();
    let mut facts =
        Facts { pipeline: pipeline.name.clone(), next, controls, positions, asked, sources, targets, coverage, ..Facts::default() };
    facts.foreign = foreign(rekey, &facts)?;
    facts.counted = counted(rekey, &facts)?;
    Ok(facts)
}

/// The map of all generations.
pub fn coverage(
    rekey: &Rekey<'_>,
    topics: &StateTopics,
    bounds: BTreeMap<Partition, (i64, i64)>,
    ends: MapEnds,
) -> Result<Coverage, RekeyError> {
    let pipeline = rekey.pipeline;
    let mut coverage = Coverage::new(bounds, ends);
    for (generation, topic) in (1..).zip(topics.offset_maps()) {
        let Some(lanes) = rekey.target.partition_count(&topic)? else { continue };
        scan::map(&pipeline.target, &pipeline.name, &topic, lanes as u32, &mut |lane, record| coverage.feed(generation, lane, record))?;
    }
    Ok(coverage)
}

/// The source topics that have positions and are there.
fn sources(rekey: &Rekey<'_>, state: &State) -> Result<BTreeMap<String, SourceTopic>, RekeyError> {
    let cluster = &rekey.pipeline.source;
    let names: BTreeSet<&str> = state.positions.keys().map(|(topic, _)| topic.as_str()).collect();
    let mut sources = BTreeMap::new();
    for (name, (id, partitions)) in there(&rekey.source, cluster, &names)? {
        let compacted = is_compacted(rekey, &name);
        let ranges = ranges(rekey.source.client(), cluster, &name, partitions)?;
        sources.insert(name, SourceTopic { id, compacted, ranges });
    }
    Ok(sources)
}

/// Whether compaction takes values from a source topic; none without the right to ask, and then its records are counted.
pub fn is_compacted(rekey: &Rekey<'_>, topic: &str) -> Option<bool> {
    let policy = |found: BTreeMap<String, Setting>| found.get("cleanup.policy").is_some_and(|policy| policy.value.contains("compact"));
    rekey.source_settings.of(topic).ok().map(policy)
}

fn targets(rekey: &Rekey<'_>, names: &BTreeSet<&str>) -> Result<BTreeMap<String, TargetTopic>, RekeyError> {
    let cluster = &rekey.pipeline.target;
    let mut targets = BTreeMap::new();
    for (name, (id, partitions)) in there(&rekey.target.observer(), cluster, names)? {
        let settings = rekey.settings.of(&name)?;
        let cleanup_policy = settings.get("cleanup.policy").map_or_else(String::new, |policy| policy.value.clone());
        let ranges = ranges(rekey.target.observer().client(), cluster, &name, partitions)?;
        targets.insert(name, TargetTopic { id, cleanup_policy, ranges });
    }
    Ok(targets)
}

/// Those of `names` that a cluster has, with their ids and numbers of partitions. What it does not list but does not deny
/// either is a failure: a topic that is not seen for a moment is not gone.
fn there(client: &BaseConsumer<Context>, cluster: &Cluster, names: &BTreeSet<&str>) -> Result<BTreeMap<String, (String, i32)>, RekeyError> {
    let mut found = BTreeMap::new();
    for name in names {
        let metadata =
            client.fetch_metadata(Some(name), ASK_WITHIN).map_err(|error| unanswered("look for a topic", cluster, error.to_string()))?;
        let topic = metadata.topics().iter().find(|topic| topic.name() == *name);
        match topic.map(|topic| (topic.error().map(RDKafkaErrorCode::from), topic.partitions().len() as i32)) {
            Some((None, partitions)) if partitions > 0 => {
                found.insert((*name).to_owned(), (String::new(), partitions));
            }
            None | Some((Some(RDKafkaErrorCode::UnknownTopicOrPartition), _)) => {}
            Some((code, _)) => {
                let reason = code.map_or_else(|| "it has no partitions".to_owned(), kafka::reason);
                return Err(unanswered(&format!("look for topic {name}"), cluster, reason));
            }
        }
    }
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    // A cluster that cannot name ids costs the check for topics made anew, as it does a run.
    let ids = if names.is_empty() { BTreeMap::new() } else { ffi::topic_ids(client.client(), &names, ASK_WITHIN).unwrap_or_default() };
    for (name, id) in ids {
        if let (Some(topic), Ok(id)) = (found.get_mut(&name), id) {
            topic.0 = id;
        }
    }
    Ok(found)
}

/// First offset and last stable offset of each partition.
fn ranges(client: &Client<Context>, cluster: &Cluster, topic: &str, partitions: i32) -> Result<BTreeMap<i32, (i64, i64)>, RekeyError> {
    let asked: Vec<(&str, i32)> = (0..partitions).map(|partition| (topic, partition)).collect();
    let first = offsets(client, cluster, &asked, Spec::Earliest)?;
    let end = offsets(client, cluster, &asked, Spec::LatestStable)?;
    Ok(first.into_iter().filter_map(|(at, first)| Some((at.1, (first, *end.get(&at)?)))).collect())
}

/// One offset of each partition; one that does not answer in time fails the whole.
pub fn offsets(
    client: &Client<Context>,
    cluster: &Cluster,
    partitions: &[(&str, i32)],
    spec: Spec,
) -> Result<BTreeMap<Partition, i64>, RekeyError> {
    let deadline = Instant::now() + ASK_WITHIN;
    let mut found = BTreeMap::new();
    loop {
        let left: Vec<(&str, i32)> =
            partitions.iter().copied().filter(|(topic, partition)| !found.contains_key(&((*topic).to_owned(), *partition))).collect();
        if left.is_empty() {
            return Ok(found);
        }
        let answers = match ffi::list_offsets(client, &left, spec, ASK_WITHIN) {
            Ok(answers) => answers,
            Err(code) if passes(code) && Instant::now() < deadline => OffsetAnswers::new(),
            Err(code) => return Err(unanswered("ask for offsets", cluster, kafka::reason(code))),
        };
        for (topic, partition) in left {
            let at = (topic.to_owned(), partition);
            let refused = match answers.get(&at) {
                Some(Ok(offset)) => {
                    found.insert(at, *offset);
                    continue;
                }
                Some(Err(code)) => Some(*code),
                None => None,
            };
            if refused.is_some_and(|code| !passes(code)) || Instant::now() > deadline {
                let reason = refused.map_or_else(|| "no answer".to_owned(), kafka::reason);
                return Err(unanswered("ask for offsets", cluster, format!("{topic}-{partition}: {reason}")));
            }
            // The client asks the leader that it remembers; this makes it look for the present one.
            if let Err(error) = client.fetch_metadata(Some(topic), ASK_WITHIN) {
                tracing::debug!(%error, topic, cluster = cluster.name, "the leader is not to be had; asking again");
            }
            std::thread::park_timeout(AGAIN_AFTER);
        }
    }
}

/// Whether a refusal passes by itself: leaders move, and brokers come back.
pub fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(
        code,
        E::NotLeaderForPartition
            | E::LeaderNotAvailable
            | E::FencedLeaderEpoch
            | E::UnknownLeaderEpoch
            | E::RequestTimedOut
            | E::OperationTimedOut
            | E::NetworkException
            | E::BrokerTransportFailure
            | E::AllBrokersDown
    )
}

/// Reads what the map does not account for in target partitions that would be emptied: markers and aborted records show as
/// nothing, records of somebody else as what they are.
fn foreign(rekey: &Rekey<'_>, facts: &Facts) -> Result<BTreeMap<Partition, Vec<(i64, i64)>>, RekeyError> {
    let pipeline = rekey.pipeline;
    let chosen = facts.chosen();
    let emptied: BTreeSet<Partition> = chosen.iter().flat_map(|topic| facts.targets_of(topic)).collect();
    let mut foreign = BTreeMap::new();
    for at in emptied {
        let Some((start, end)) = facts.range(&at) else { continue };
        let mut found: Vec<(i64, i64)> = Vec::new();
        for (from, to) in facts.coverage.gaps(&at, start, end) {
            let range = Range { topic: &at.0, partition: at.1, from, to };
            scan::range(&pipeline.target, &pipeline.name, range, &mut |record| match found.last_mut() {
                Some((_, to)) if *to == record.offset() => *to += 1,
                _ => found.push((record.offset(), record.offset() + 1)),
            })?;
        }
        if !found.is_empty() {
            foreign.insert(at, found);
        }
    }
    Ok(foreign)
}

/// Counts what the source still holds of what was copied, where compaction may have taken some of it.
fn counted(rekey: &Rekey<'_>, facts: &Facts) -> Result<BTreeMap<Partition, u64>, RekeyError> {
    let mut counted = BTreeMap::new();
    for topic in facts.chosen() {
        let Some(source) = facts.sources.get(&topic).filter(|source| source.compacted != Some(false)) else { continue };
        for (partition, position) in facts.partitions_of(&topic) {
            let Some((first, end)) = source.ranges.get(&partition) else { continue };
            let (from, to) = (position.start.max(*first), position.next.min(*end));
            let records = records(&rekey.pipeline.source, rekey, Range { topic: &topic, partition, from, to })?;
            counted.insert((topic.clone(), partition), records);
        }
    }
    Ok(counted)
}

/// How many committed records stand in `range`.
pub fn records(cluster: &Cluster, rekey: &Rekey<'_>, range: Range<'_>) -> Result<u64, RekeyError> {
    let mut records = 0;
    scan::range(cluster, &rekey.pipeline.name, range, &mut |_| records += 1)?;
    Ok(records)
}
