//! What the demo prints: progress, a few records before and after, the account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::Offset;

use super::data::{Payment, TOPIC};
use crate::cli::Failure;
use crate::config::plan::Cluster;
use crate::gateway::{Gateway, Outcome};
use crate::kafka;
use crate::kafka::ffi::{FetchQueue, Fetched};
use crate::lane::Stop;
use crate::say::{say, tell};

/// Records shown before and after.
const SAMPLES: usize = 3;

/// Waits until the pipeline has caught up, with a line now and then. None: it was stopped, or time ran out.
pub fn follow(gateway: &Gateway, stop: &Arc<Stop>, deadline: Instant) -> Option<Outcome> {
    let mut told = Instant::now();
    while !stop.requested() && Instant::now() < deadline {
        if let Some(outcome) = gateway.caught_up() {
            progress(gateway);
            return Some(outcome);
        }
        if told.elapsed() > Duration::from_millis(500) {
            told = Instant::now();
            progress(gateway);
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    None
}

/// One line: how far it is.
pub fn progress(gateway: &Gateway) {
    for running in gateway.pipelines() {
        let account = running.shared.view.now().account();
        tell!(
            "  {:>7} read, {:>7} passed, {:>5} filtered, {:>3} quarantined",
            account.read,
            account.passed,
            account.filtered,
            account.quarantined
        );
    }
}

/// A few records as they went in and as they came out.
pub fn samples(target: &Cluster, payments: &[Payment]) -> Result<(), Failure> {
    let by_id: HashMap<String, &str> =
        payments.iter().filter_map(|payment| Some((id(payment.value?.as_bytes())?, payment.value?))).collect();
    say!("\nbefore and after:");
    for after in first_values(target)? {
        let Some(before) = id(&after).and_then(|id| by_id.get(&id).copied()) else { continue };
        say!("  - {before}");
        say!("  + {}", String::from_utf8_lossy(&after));
    }
    Ok(())
}

fn id(value: &[u8]) -> Option<String> {
    Some(serde_json::from_slice::<serde_json::Value>(value).ok()?.get("id")?.to_string())
}

/// Copies: a client does not close while one of its records is held.
fn first_values(target: &Cluster) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(format!("cannot read back from {}: {error}", target.name));
    let reader = kafka::state_reader(target, "demo").map_err(|error| failed(&error))?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Beginning).map_err(|error| failed(&error))?;
    reader.assign(&list).map_err(|error| failed(&error))?;
    let mut queue = FetchQueue::new(reader).ok_or_else(|| failed(&"the reader has no queue"))?;
    let deadline = Instant::now() + Duration::from_secs(10);
    let (mut found, mut batch): (Vec<Vec<u8>>, Vec<Fetched>) = (Vec::new(), Vec::new());
    while found.len() < SAMPLES && Instant::now() < deadline {
        queue.take(&mut batch, SAMPLES, Duration::from_millis(100));
        found.extend(batch.drain(..).filter(|record| record.error().is_none()).filter_map(|record| Some(record.value()?.to_vec())));
    }
    found.truncate(SAMPLES);
    Ok(found)
}

/// The account, by source record, and what was masked. Says whether it balances over at least `sent` records.
pub fn account(gateway: &Gateway, sent: usize, took: Duration) -> Result<bool, Failure> {
    let mut balanced = true;
    for running in gateway.pipelines() {
        let account = running.shared.view.now().account();
        balanced &= account.balances() && account.read >= sent as u64;
        say!("\naccount of {}, by source record:", running.shared.pipeline.name);
        say!("  read {} = passed {} + filtered {} + quarantined {}", account.read, account.passed, account.filtered, account.quarantined);
        say!("  {:.0} records/s, start of the pipeline included", account.read as f64 / took.as_secs_f64());
        say!("  masked fields:");
        for (operator, count) in masked(&running.shared.metrics.page().map_err(Failure::new)?) {
            say!("    {operator:<12} {count:>8}");
        }
    }
    Ok(balanced)
}

/// Operator and count from the metrics page.
fn masked(page: &str) -> Vec<(String, u64)> {
    let prefix = "sluice_masked_fields_total{operator=\"";
    let mut found: Vec<(String, u64)> = page
        .lines()
        .filter_map(|line| line.strip_prefix(prefix)?.split_once("\"} "))
        .filter_map(|(operator, count)| Some((operator.to_owned(), count.parse().ok()?)))
        .collect();
    found.retain(|(_, count)| *count > 0);
    found.sort();
    found
}
