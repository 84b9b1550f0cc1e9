//! What the page says of lanes: their state, the age of the open transaction, how transactions ended.
//! Rows live while a handle does, so a lane that moved away leaves no state behind; ages are taken at the scrape.

use super::state::names;
use super::{LaneState, Reason, lock};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

names! {
    /// How a transaction ended.
    TransactionResult {
        /// Committed.
        Committed = "committed",
        /// Aborted; its records are transformed again.
        Aborted = "aborted",
        /// The producer was fenced.
        Fenced = "fenced",
        /// The answer did not come; the next owner finds out.
        Unknown = "unknown",
    }
}

type Key = (String, u32);

#[derive(Debug, Default)]
struct Row {
    handles: usize,
    state: Option<(LaneState, Reason)>,
    began: Option<Instant>,
    results: [u64; TransactionResult::ALL.len()],
}

/// The rows of all lanes that this process has had.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    rows: Mutex<BTreeMap<Key, Row>>,
}

impl Lanes {
    fn with<T>(&self, key: &Key, change: impl FnOnce(&mut Row) -> T) -> T {
        let mut rows = lock(&self.rows);
        change(rows.entry(key.clone()).or_default())
    }
}

/// One lane's handle. Calls take a short lock; make them on changes and at transaction borders, not per record.
#[derive(Debug)]
pub struct LaneMetrics {
    lanes: Arc<Lanes>,
    key: Key,
}

impl LaneMetrics {
    /// A handle of the lane. A row without a state begins as waiting, not assigned.
    pub(super) fn open(lanes: &Arc<Lanes>, pipeline: &str, lane: u32) -> Self {
        let key = (pipeline.to_owned(), lane);
        lanes.with(&key, |row| {
            row.handles += 1;
            row.state.get_or_insert((LaneState::Waiting, Reason::NotAssigned));
        });
        Self { lanes: Arc::clone(lanes), key }
    }

    /// The lane is in this state now, and in no other.
    pub fn set(&self, state: LaneState, reason: Reason) {
        self.lanes.with(&self.key, |row| row.state = Some((state, reason)));
    }

    /// A transaction begins; its age counts until it ends.
    pub fn transaction_began(&self) {
        self.lanes.with(&self.key, |row| row.began = Some(Instant::now()));
    }

    /// The open transaction ended.
    pub fn transaction_ended(&self, result: TransactionResult) {
        self.lanes.with(&self.key, |row| {
            row.began = None;
            row.results[result as usize] += 1;
        });
    }
}

impl Clone for LaneMetrics {
    fn clone(&self) -> Self {
        self.lanes.with(&self.key, |row| row.handles += 1);
        Self { lanes: Arc::clone(&self.lanes), key: self.key.clone() }
    }
}

impl Drop for LaneMetrics {
    fn drop(&mut self) {
        self.lanes.with(&self.key, |row| {
            row.handles -= 1;
            if row.handles == 0 {
                (row.state, row.began) = (None, None);
            }
        });
    }
}

impl Collector for Lanes {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let rows = lock(&self.rows);
        let name = |(pipeline, lane): &Key| [("pipeline", pipeline.clone()), ("lane", lane.to_string())];

        let help = "Transactions ended, by result.";
        let mut metric = encoder.encode_descriptor("sluice_transactions", help, None, MetricType::Counter)?;
        for (key, row) in rows.iter() {
            for result in TransactionResult::ALL {
                let [pipeline, lane] = name(key);
                let labels = [pipeline, lane, ("result", result.to_string())];
                ConstCounter::new(row.results[*result as usize]).encode(metric.encode_family(&labels)?)?;
            }
        }
        let help = "Age of the lane's open transaction, 0 without one.";
        let mut metric = encoder.encode_descriptor("sluice_transaction_age_seconds", help, None, MetricType::Gauge)?;
        for (key, row) in rows.iter().filter(|(_, row)| row.state.is_some()) {
            let age = row.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
            ConstGauge::new(age).encode(metric.encode_family(&name(key))?)?;
        }
        let help = "1 for the state that the lane is in, with its reason.";
        let mut metric = encoder.encode_descriptor("sluice_lane_state", help, None, MetricType::Gauge)?;
        for (key, row) in rows.iter() {
            let Some((state, reason)) = row.state else { continue };
            let [pipeline, lane] = name(key);
            let labels = [pipeline, lane, ("state", state.to_string()), ("reason", reason.to_string())];
            ConstGauge::new(1i64).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
