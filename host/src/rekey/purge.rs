//! Makes everything below an offset unreachable, in place: the topic stays, with its id, its settings, its ACLs and the
//! offsets of its readers. It must not delete anything at or above that offset.
//!
//! Brokers refuse to delete records from a topic that is only compacted. Such a topic is given `delete` beside its own
//! policy, without retention, for that moment; what stood before is noted on the target first, so that whoever takes a
//! broken-off rekey up puts it back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;

use super::settings::options;
use super::survey::{offsets, passes};
use super::{Rekey, RekeyError};
use crate::failpoint;
use crate::kafka;
use crate::kafka::ffi::Spec;
use crate::position::{EndsByTopic, Settings};
use crate::topics::TopicError;

/// How long brokers may take to know a changed policy, or a new leader.
const SETTLE_WITHIN: Duration = Duration::from_secs(30);

/// Pause between two tries.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What a compacted topic has while its records are deleted; `cleanup.policy` comes on top.
const NO_RETENTION: [&str; 2] = ["retention.bytes", "retention.ms"];

/// The settings that have to change before records of a topic can be deleted, as they are now; none where nothing has to.
pub fn to_put_back(rekey: &Rekey<'_>, topic: &str) -> Result<Option<Settings>, RekeyError> {
    let found = rekey.settings.of(topic)?;
    if found.get("cleanup.policy").is_some_and(|policy| policy.value.split(',').any(|part| part.trim() == "delete")) {
        return Ok(None);
    }
    let own = |name: &str| (name.to_owned(), found.get(name).filter(|setting| setting.own).map(|setting| setting.value.clone()));
    Ok(Some(["cleanup.policy"].into_iter().chain(NO_RETENTION).map(own).collect()))
}

/// Deletes the records below `ends`. Topics in `settings` are changed for it, and get back what stands there.
pub fn purge(rekey: &Rekey<'_>, ends: &EndsByTopic, settings: &BTreeMap<String, Settings>) -> Result<(), RekeyError> {
    if failpoint::mutant("rekey_keeps_records") {
        return Ok(());
    }
    for (topic, ends) in ends {
        let put_back = settings.get(topic);
        if let Some(put_back) = put_back {
            rekey.settings.change(topic, &for_the_moment(rekey, topic, put_back)?)?;
            tracing::info!(
                event = "audit.rekey_policy_changed",
                pipeline = rekey.pipeline.name,
                topic,
                "cleanup.policy gains delete for a moment"
            );
            failpoint::hit("rekey_policy_changed");
        }
        delete(rekey, topic, ends)?;
        failpoint::hit("rekey_topic_deleted");
        if let Some(put_back) = put_back {
            rekey.settings.change(topic, put_back)?;
            tracing::info!(
                event = "audit.rekey_policy_restored",
                pipeline = rekey.pipeline.name,
                topic,
                "the topic's own settings are back"
            );
        }
    }
    Ok(())
}

/// Compaction goes on; nothing is taken by age or size.
fn for_the_moment(rekey: &Rekey<'_>, topic: &str, put_back: &Settings) -> Result<Settings, RekeyError> {
    let policy = match put_back.get("cleanup.policy").cloned().flatten() {
        Some(policy) => policy,
        // The brokers' own.
        None => rekey.settings.of(topic)?.get("cleanup.policy").map_or_else(String::new, |policy| policy.value.clone()),
    };
    let mut parts: Vec<&str> = policy.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "delete").collect();
    parts.push("delete");
    let unlimited = NO_RETENTION.into_iter().map(|name| (name.to_owned(), Some("-1".to_owned())));
    Ok(unlimited.chain([("cleanup.policy".to_owned(), Some(parts.join(",")))]).collect())
}

fn delete(rekey: &Rekey<'_>, topic: &str, ends: &BTreeMap<i32, i64>) -> Result<(), RekeyError> {
    let deadline = Instant::now() + SETTLE_WITHIN;
    loop {
        let partitions: Vec<(&str, i32)> = ends.keys().map(|partition| (topic, *partition)).collect();
        let starts = offsets(rekey.target.observer().client(), &rekey.pipeline.target, &partitions, Spec::Earliest)?;
        let left: Vec<(i32, i64)> = ends
            .iter()
            .map(|(partition, end)| (*partition, *end))
            .filter(|(partition, end)| starts[&(topic.to_owned(), *partition)] < *end)
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let refused = ask(rekey, topic, &left)?;
        let in_time = Instant::now() < deadline;
        if let Some((partition, code)) = refused.into_iter().find(|(_, code)| !(in_time && may_pass(*code))) {
            return Err(failed(rekey, topic, format!("partition {partition}: {}", kafka::reason(code))));
        }
        if !in_time {
            return Err(failed(rekey, topic, "the brokers still show them".into()));
        }
        std::thread::park_timeout(AGAIN_AFTER);
    }
}

/// Asks for it once; answers with the partitions that refused.
fn ask(rekey: &Rekey<'_>, topic: &str, ends: &[(i32, i64)]) -> Result<Vec<(i32, RDKafkaErrorCode)>, RekeyError> {
    let of = |error: KafkaError| failed(rekey, topic, error.to_string());
    let mut list = TopicPartitionList::new();
    for (partition, end) in ends {
        list.add_partition_offset(topic, *partition, Offset::Offset(*end)).map_err(of)?;
    }
    let answers = rekey.settings.wait(rekey.settings.admin().delete_records(&list, &options())).map_err(of)?;
    let refused = answers.elements().into_iter().filter_map(|answer| {
        let code = answer.error().err()?.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
        Some((answer.partition(), code))
    });
    Ok(refused.collect())
}

/// Brokers learn of a policy a moment after it was changed.
fn may_pass(code: RDKafkaErrorCode) -> bool {
    code == RDKafkaErrorCode::PolicyViolation || passes(code)
}

fn failed(rekey: &Rekey<'_>, topic: &str, reason: String) -> RekeyError {
    let cluster = rekey.pipeline.target.name.clone();
    TopicError::Failed { doing: "delete the old records of", topic: topic.to_owned(), cluster, reason }.into()
}
