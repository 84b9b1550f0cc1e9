//! Pipelines: from file to plan. Its steps are built by the neighbour; no cluster is asked anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::error::Report;
use super::super::file::TransactionFile;
use super::super::file::{
    DeliveryFile, OnErrorFile, OnGapFile, OnTopicRecreatedFile, PayloadFile, PipelineFile, StartFile, TopicPattern, TopicsFile,
};
use super::super::place::{At, Spot};
use super::super::suggest::hint;
use super::super::topics::{Pattern, TopicFilter, is_internal, is_topic_name};
use super::super::units::Span;
use super::cluster::{in_range, size_in_range, span_in_range};
use super::{Cluster, Context, Delivery, OnError, Payload, Pipeline, PluginLimits, Start, Transaction, format, step, view};

/// What a pipeline may name.
pub(super) struct Known<'a> {
    pub(super) clusters: &'a BTreeMap<String, Arc<Cluster>>,
    pub(super) cluster_names: Vec<&'a str>,
    /// The clusters that have a schema registry, be it one in order or not.
    pub(super) with_registry: BTreeSet<&'a str>,
    pub(super) key_names: Vec<&'a str>,
    pub(super) table_names: Vec<&'a str>,
    /// None where something is wrong with the section.
    pub(super) limits: Option<&'a PluginLimits>,
}

/// The pipelines whose clusters and topics can be had; no pipeline at all is an error, and so is each that is left out.
pub(super) fn pipelines(files: &[At<PipelineFile>], known: &Known<'_>, context: &Context<'_>, report: &mut Report) -> Vec<Pipeline> {
    if files.is_empty() {
        report.invalid(Spot::default(), "there is no pipeline; write one under \"pipelines\"");
    }
    files.iter().filter_map(|file| pipeline(&file.value, known, context, report)).collect()
}

fn pipeline(file: &PipelineFile, known: &Known<'_>, context: &Context<'_>, report: &mut Report) -> Option<Pipeline> {
    refuse_unbuilt(file, report);
    let named = is_pipeline_name(&file.name.value);
    if !named {
        let message = format!("the pipeline name \"{}\" has to be [a-z0-9][a-z0-9._-]*, at most 100 bytes", file.name.value);
        report.invalid(file.name.spot, message);
    }
    let source = cluster(&file.source, known, report);
    let target = cluster(&file.target, known, report);
    if let (Some(source), Some(target)) = (&source, &target) {
        refuse_loop(source, target, &file.target, report);
    }
    let topics = topics(&file.topics, report);
    let start = start(&file.start, topics.as_ref(), report);
    let on_error = on_error(file, topics.as_ref(), report);
    let lanes = in_range("lanes", &file.lanes, 1, 256, report);
    let transaction = transaction(&file.transaction, report);
    refuse_short_timeout(file, known.limits, report);
    let (formats, topic_rules) = format::formats(file, without_registry(source.as_deref(), known), report);
    view::refuse_scalars(&file.steps, formats, &topic_rules, report);
    let steps = file.steps.iter();
    let steps: Vec<_> = steps.filter_map(|file| step::step(file, known, context, report)).collect();
    format::refuse_places(&steps, formats, &topic_rules, context.selectors, report);
    Some(Pipeline {
        name: file.name.value.clone(),
        source: source?,
        target: target?,
        topics: topics?,
        start,
        delivery: match file.delivery.value {
            DeliveryFile::ExactlyOnce => Delivery::ExactlyOnce,
            DeliveryFile::AtLeastOnce => Delivery::AtLeastOnce,
        },
        lanes,
        transaction,
        on_error,
        continue_after_gap: file.on_gap.value == OnGapFile::Continue,
        restart_recreated: file.on_topic_recreated.value == OnTopicRecreatedFile::Restart,
        formats,
        topic_rules,
        steps,
        at: report.locate(file.name.spot),
    })
}

/// The cluster, where formats that need a registry have to be refused.
fn without_registry<'a>(source: Option<&'a Cluster>, known: &Known<'_>) -> Option<&'a Cluster> {
    source.filter(|source| !known.with_registry.contains(source.name.as_str()))
}

fn refuse_unbuilt(file: &PipelineFile, report: &mut Report) {
    let sections = [
        ("schemas", &file.schemas),
        ("groups", &file.groups),
        ("acls", &file.acls),
        ("topic_config", &file.topic_config),
        ("rename", &file.rename),
    ];
    for (name, section) in sections {
        if let Some(section) = section {
            report.not_supported(section.spot, name);
        }
    }
}

fn is_pipeline_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 100 && name.bytes().next().is_some_and(plain) && name.bytes().all(|b| plain(b) || b"._-".contains(&b))
}

fn cluster(name: &At<String>, known: &Known<'_>, report: &mut Report) -> Option<Arc<Cluster>> {
    let found = known.clusters.get(&name.value);
    if found.is_none() {
        let names = &known.cluster_names;
        let near = match hint(&name.value, names.iter().copied()) {
            near if !near.is_empty() => near,
            _ if names.is_empty() => "; none is given under \"clusters\"".to_owned(),
            _ => format!("; there are {}", names.join(", ")),
        };
        report.invalid(name.spot, format!("there is no cluster \"{}\"{near}", name.value));
    }
    found.cloned()
}

/// A pipeline into the cluster that it reads from would feed itself for ever. One broker in both lists makes them one
/// cluster; other names of one cluster show only when both are asked for their ids.
fn refuse_loop(source: &Cluster, target: &Cluster, at: &At<String>, report: &mut Report) {
    if source.name == target.name {
        let message = format!("source and target are both \"{}\": the pipeline would feed itself", source.name);
        report.unsafe_(at.spot, message);
        return;
    }
    let of_source = servers(source);
    if let Some(shared) = servers(target).intersection(&of_source).next() {
        let message =
            format!("the clusters \"{}\" and \"{}\" share the broker {shared}: the pipeline would feed itself", source.name, target.name);
        report.unsafe_(at.spot, message);
    }
}

fn servers(cluster: &Cluster) -> BTreeSet<String> {
    let servers = cluster.bootstrap_servers.split(',');
    servers.map(|s| s.trim().to_ascii_lowercase()).collect()
}

fn topics(file: &At<TopicsFile>, report: &mut Report) -> Option<TopicFilter> {
    let mut include = Vec::new();
    match (&file.value.include, &file.value.regex) {
        (Some(list), None) if list.value.is_empty() => {
            report.invalid(list.spot, "topics.include is empty; write [\"*\"] for all topics");
            return None;
        }
        (Some(list), None) => include.extend(list.value.iter().map(pattern)),
        (None, Some(regex)) => include.push((regex.spot, Pattern::Regex(regex.value.clone()))),
        (Some(_), Some(regex)) => {
            report.invalid(regex.spot, "topics has both include and regex; write { regex: … } as an entry of include");
            return None;
        }
        (None, None) => {
            report.invalid(file.spot, "topics needs include or regex; write { include: [\"*\"] } for all topics");
            return None;
        }
    }
    let exclude: Vec<_> = file.value.exclude.iter().map(pattern).collect();
    let valid = [are_patterns("topics", &include, report), are_patterns("topics", &exclude, report)];
    refuse_internal("topics", &include, report);
    let patterns = |list: Vec<(Spot, Pattern)>| list.into_iter().map(|(_, p)| p).collect::<Vec<_>>();
    let filter = TopicFilter::new(&patterns(include), &patterns(exclude));
    filter.ok().filter(|_| valid == [true, true])
}

/// The patterns of the section called `name`, where all of them are ones.
pub(super) fn patterns(name: &str, files: &[At<TopicPattern>], report: &mut Report) -> Option<Vec<(Spot, Pattern)>> {
    let patterns: Vec<_> = files.iter().map(pattern).collect();
    let valid = are_patterns(name, &patterns, report);
    refuse_internal(name, &patterns, report);
    valid.then_some(patterns)
}

fn are_patterns(name: &str, patterns: &[(Spot, Pattern)], report: &mut Report) -> bool {
    let mut valid = true;
    for (spot, pattern) in patterns {
        if let Err(error) = TopicFilter::new(std::slice::from_ref(pattern), &[]) {
            report.invalid(*spot, format!("{name}: {error}"));
            valid = false;
        }
    }
    valid
}

fn refuse_internal(name: &str, patterns: &[(Spot, Pattern)], report: &mut Report) {
    for (spot, pattern) in patterns {
        if let Pattern::Glob(topic) = pattern
            && is_internal(topic)
        {
            let message = format!("{name}: \"{topic}\" is an internal topic of a broker or tool, and never copied");
            report.invalid(*spot, message);
        }
    }
}

fn pattern(file: &At<TopicPattern>) -> (Spot, Pattern) {
    let pattern = match &file.value {
        TopicPattern::Glob(text) => Pattern::Glob(text.clone()),
        TopicPattern::Regex(pattern) => Pattern::Regex(pattern.regex.clone()),
    };
    (file.spot, pattern)
}

fn start(file: &At<StartFile>, topics: Option<&TopicFilter>, report: &mut Report) -> Start {
    match &file.value {
        StartFile::Earliest => Start::Earliest,
        StartFile::Latest => Start::Latest,
        StartFile::Timestamp(moment) => {
            if moment.value.0 < 0 {
                report.invalid(moment.spot, "start.timestamp is before 1970");
            }
            Start::Timestamp(moment.value.0)
        }
        StartFile::Offsets(by_topic) => {
            let mut offsets = BTreeMap::new();
            for (topic, by_partition) in &by_topic.0 {
                if topics.is_some_and(|topics| !topics.matches(&topic.value)) {
                    let message = format!("start.offsets: \"{}\" is not among the pipeline's topics", topic.value);
                    report.invalid(topic.spot, message);
                }
                let by_partition = by_partition.0.iter();
                let parsed = by_partition.filter_map(|(partition, offset)| {
                    let number = partition.value.parse::<i32>().ok().filter(|n| *n >= 0);
                    if number.is_none() {
                        let message = format!("start.offsets: \"{}\" is not a partition number", partition.value);
                        report.invalid(partition.spot, message);
                    }
                    if offset.value < 0 {
                        report.invalid(offset.spot, "start.offsets: an offset is 0 or more");
                    }
                    Some((number?, offset.value))
                });
                offsets.insert(topic.value.clone(), parsed.collect());
            }
            Start::Offsets(offsets)
        }
    }
}

fn transaction(file: &TransactionFile, report: &mut Report) -> Transaction {
    let longest = Span(Duration::from_secs(15 * 60));
    let timeout = span_in_range("transaction.timeout", &file.timeout, Span(Duration::from_secs(1)), longest, report);
    let max_age = span_in_range("transaction.max_age", &file.max_age, Span(Duration::from_millis(10)), longest, report);
    if max_age.0 > timeout.0 / 3 {
        let at = [file.max_age.spot, file.timeout.spot].into_iter().find(|spot| spot.line > 0);
        let message = format!("transaction.max_age ({max_age}) has to be at most a third of timeout ({timeout})");
        report.invalid(at.unwrap_or_default(), message);
    }
    Transaction {
        max_age: max_age.0,
        max_records: in_range("transaction.max_records", &file.max_records, 1, 10_000_000, report),
        max_bytes: size_in_range("transaction.max_bytes", &file.max_bytes, 64 << 10, 1 << 30, report),
        timeout: timeout.0,
    }
}

/// A batch that begins in an open transaction must not outlast it, or the target gives the transaction up with the lane,
/// and the same records come again.
fn refuse_short_timeout(file: &PipelineFile, limits: Option<&PluginLimits>, report: &mut Report) {
    let (Some(limits), steps) = (limits, file.steps.len()) else { return };
    let TransactionFile { timeout, max_age, .. } = &file.transaction;
    let a_step = limits.of_instances().transform_time(limits.batch_records);
    let longest = Span(a_step.saturating_mul(steps as u32).saturating_add(max_age.value.0));
    if steps == 0 || timeout.value.0 > longest.0 || matches!(file.delivery.value, DeliveryFile::AtLeastOnce) {
        return;
    }
    let at = [timeout.spot, max_age.spot].into_iter().find(|spot| spot.line > 0);
    let message = format!(
        "transaction.timeout ({}) has to be above {longest}: the transaction may be max_age ({}) old when a batch begins, for which each \
         of {steps} steps may take {}; raise it, or lower plugins.limits.time",
        timeout.value,
        max_age.value,
        Span(a_step),
    );
    report.invalid(at.unwrap_or(file.name.spot), message);
}

fn on_error(file: &PipelineFile, topics: Option<&TopicFilter>, report: &mut Report) -> OnError {
    let default = || format!("__sluice.{}.quarantine", file.name.value);
    let quarantine = match &file.on_error.value {
        OnErrorFile::Halt => return OnError::Halt,
        OnErrorFile::Quarantine(quarantine) => quarantine.as_ref(),
    };
    let topic = quarantine.and_then(|q| q.topic.as_ref());
    if let Some(topic) = topic {
        if !is_topic_name(&topic.value) {
            let message = format!("\"{}\" is not a topic name: [a-zA-Z0-9._-], at most 249 bytes", topic.value);
            report.invalid(topic.spot, message);
        } else if topic.value.starts_with("__sluice.") && topic.value != default() {
            let message = format!("the topic \"{}\" is reserved for Sluice's own state; choose another", topic.value);
            report.invalid(topic.spot, message);
        } else if topics.is_some_and(|topics| topics.matches(&topic.value)) {
            let message =
                format!("the quarantine topic \"{}\" is among the pipeline's topics: the pipeline would feed itself", topic.value);
            report.unsafe_(topic.spot, message);
        }
    }
    OnError::Quarantine {
        topic: topic.map_or_else(default, |topic| topic.value.clone()),
        payload: match quarantine.map(|q| q.payload) {
            Some(PayloadFile::Source) => Payload::Source,
            Some(PayloadFile::None) | None => Payload::None,
        },
    }
}
