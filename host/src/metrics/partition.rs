//! What the page says of source partitions: records by outcome, bytes, lag.
//! A handle adds to atomics and looks nothing up; labels are written out at the scrape.

use super::lock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Which partition of which pipeline: the labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionLabels {
    /// The pipeline.
    pub pipeline: String,
    /// The source cluster's name in the configuration.
    pub source: String,
    /// The target cluster's name.
    pub target: String,
    /// The source topic.
    pub topic: String,
    /// The source partition.
    pub partition: i32,
}

impl PartitionLabels {
    fn pairs(&self) -> [(&'static str, String); 5] {
        [
            ("pipeline", self.pipeline.clone()),
            ("source", self.source.clone()),
            ("target", self.target.clone()),
            ("topic", self.topic.clone()),
            ("partition", self.partition.to_string()),
        ]
    }
}

/// What one committed transaction did with one partition. By source record: read = passed + filtered + quarantined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Records that went on, changed or not.
    pub passed: u64,
    /// Records that a step dropped.
    pub filtered: u64,
    /// Records that went to quarantine.
    pub quarantined: u64,
    /// Records that did not exist before.
    pub emitted: u64,
    /// Bytes of keys and values written to the target.
    pub bytes: u64,
}

/// No lag is known yet.
const UNKNOWN: u64 = u64::MAX;

#[derive(Debug)]
struct Row {
    handles: AtomicUsize,
    /// passed, filtered, quarantined, emitted
    records: [AtomicU64; 4],
    bytes: AtomicU64,
    lost: AtomicU64,
    lag_records: AtomicU64,
    lag_millis: AtomicU64,
}

const OUTCOMES: [&str; 4] = ["passed", "filtered", "quarantined", "emitted"];

/// The rows of all partitions that this process has copied; none is ever taken away.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    rows: Mutex<BTreeMap<PartitionLabels, Arc<Row>>>,
}

/// One partition's handle.
#[derive(Debug)]
pub struct PartitionMetrics {
    row: Arc<Row>,
}

impl PartitionMetrics {
    /// A handle of the partition; the counts of its row go on.
    pub(super) fn open(partitions: &Partitions, labels: PartitionLabels) -> Self {
        let mut rows = lock(&partitions.rows);
        let row = rows.entry(labels).or_insert_with(|| {
            Arc::new(Row {
                handles: AtomicUsize::new(0),
                records: Default::default(),
                bytes: AtomicU64::new(0),
                lost: AtomicU64::new(0),
                lag_records: AtomicU64::new(UNKNOWN),
                lag_millis: AtomicU64::new(0),
            })
        });
        row.handles.fetch_add(1, Relaxed);
        Self { row: Arc::clone(row) }
    }

    /// Adds what a transaction did; call it after the commit, never before.
    pub fn committed(&self, counted: &Counted) {
        let Counted { passed, filtered, quarantined, emitted, bytes } = *counted;
        for (counter, count) in self.row.records.iter().zip([passed, filtered, quarantined, emitted]) {
            counter.fetch_add(count, Relaxed);
        }
        self.row.bytes.fetch_add(bytes, Relaxed);
    }

    /// Adds source offsets that went unread because they were gone; call it after the commit.
    pub fn lost(&self, offsets: u64) {
        self.row.lost.fetch_add(offsets, Relaxed);
    }

    /// How far the committed position is behind the source's last stable offset: in offsets, and in the age of the
    /// last record read: zero where nothing is missing, none where that is not known.
    pub fn lag(&self, records: u64, age: Option<Duration>) {
        let millis = age.map_or(UNKNOWN, |age| age.as_millis().try_into().unwrap_or(UNKNOWN - 1));
        self.row.lag_millis.store(millis, Relaxed);
        self.row.lag_records.store(records.min(UNKNOWN - 1), Relaxed);
    }
}

impl Clone for PartitionMetrics {
    fn clone(&self) -> Self {
        self.row.handles.fetch_add(1, Relaxed);
        Self { row: Arc::clone(&self.row) }
    }
}

impl Drop for PartitionMetrics {
    fn drop(&mut self) {
        // Another owner reports the lag from here on; two of them would add up.
        self.row.handles.fetch_sub(1, Relaxed);
    }
}

impl Row {
    /// Lag in offsets and seconds, while somebody here keeps it true.
    fn lag(&self) -> Option<(i64, Option<f64>)> {
        let (records, millis) = (self.lag_records.load(Relaxed), self.lag_millis.load(Relaxed));
        let known = self.handles.load(Relaxed) > 0 && records != UNKNOWN;
        let seconds = (millis != UNKNOWN).then_some(millis as f64 / 1000.0);
        known.then(|| (records.try_into().unwrap_or(i64::MAX), seconds))
    }
}

impl Collector for Partitions {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let rows = lock(&self.rows);

        let help = "Records by outcome, counted after the commit.";
        let mut metric = encoder.encode_descriptor("sluice_records", help, None, MetricType::Counter)?;
        for (labels, row) in rows.iter() {
            for (outcome, count) in OUTCOMES.into_iter().zip(&row.records) {
                let [pipeline, source, target, topic, partition] = labels.pairs();
                let labels = [pipeline, source, target, topic, partition, ("outcome", outcome.to_owned())];
                ConstCounter::new(count.load(Relaxed)).encode(metric.encode_family(&labels)?)?;
            }
        }
        let help = "Bytes of keys and values written to the target, counted after the commit.";
        let mut metric = encoder.encode_descriptor("sluice_bytes", help, None, MetricType::Counter)?;
        for (labels, row) in rows.iter() {
            ConstCounter::new(row.bytes.load(Relaxed)).encode(metric.encode_family(&labels.pairs())?)?;
        }
        let help = "Source offsets that were gone before they were read, and went unread because on_gap says so.";
        let mut metric = encoder.encode_descriptor("sluice_lost_offsets", help, None, MetricType::Counter)?;
        for (labels, row) in rows.iter() {
            ConstCounter::new(row.lost.load(Relaxed)).encode(metric.encode_family(&labels.pairs())?)?;
        }
        let lags: Vec<_> = rows.iter().filter_map(|(labels, row)| Some((labels.pairs(), row.lag()?))).collect();
        let help = "Offsets between the committed position and the source's last stable offset.";
        let mut metric = encoder.encode_descriptor("sluice_lag_records", help, None, MetricType::Gauge)?;
        for (labels, (records, _)) in &lags {
            ConstGauge::new(*records).encode(metric.encode_family(labels)?)?;
        }
        let help = "Age of the last record read, 0 where nothing is missing; left out until one is read.";
        let mut metric = encoder.encode_descriptor("sluice_lag_seconds", help, None, MetricType::Gauge)?;
        for (labels, seconds) in lags.iter().filter_map(|(labels, (_, seconds))| Some((labels, (*seconds)?))) {
            ConstGauge::new(seconds).encode(metric.encode_family(labels)?)?;
        }
        Ok(())
    }
}
