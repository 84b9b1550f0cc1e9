//! The metrics page: typed handles that cost an atomic addition, and the text that Prometheus reads.
//! It counts what others tell it after their commit; no verdict is ever taken from it.
//!
//! | metric | labels |
//! |---|---|
//! | `sluice_records_total` | pipeline, source, target, topic, partition, outcome: passed, filtered, quarantined, emitted |
//! | `sluice_bytes_total`, `sluice_lost_offsets_total` | pipeline, source, target, topic, partition |
//! | `sluice_lag_records`, `sluice_lag_seconds` | pipeline, source, target, topic, partition |
//! | `sluice_transactions_total` | pipeline, lane, result |
//! | `sluice_transaction_age_seconds` | pipeline, lane |
//! | `sluice_lane_state` | pipeline, lane, state, reason |
//! | `sluice_drift_total` | pipeline, topic, kind: unmatched, unlisted, map_names, type; partitions that halted |
//! | `sluice_plugin_duration_seconds` | plugin |
//! | `sluice_plugin_failures_total` | plugin, kind |
//! | `sluice_plugin_counter_total` | pipeline, plugin, step (from 1), name: as the plugin declares it |
//! | `sluice_plugin_log_lines_total` | plugin, result: counted, dropped |
//! | `sluice_plugin_memory_bytes` | plugin: of the instance that was called last |
//! | `sluice_plugin_swaps_total` | plugin, result: switched, refused |
//! | `sluice_plugin_info` | plugin, digest: 1 for the one that is admitted |
//! | `sluice_masked_fields_total` | operator |
//! | `sluice_table_rows`, `sluice_table_skipped_total`, `sluice_table_current` | table |
//! | `sluice_build_info` | version |
//!
//! Names and labels are what users rely on; change one only with a change-log line.

mod lane;
mod partition;
mod plugin;
mod state;
mod table;

pub use lane::{LaneMetrics, TransactionResult};
pub use partition::{Counted, PartitionLabels, PartitionMetrics};
pub use plugin::{FailureKind, MaskedFields, PluginCounter, PluginMetrics, SwapResult};
pub use state::{LaneState, Reason};
pub use table::TableMetrics;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What `/metrics` answers as its content type.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of the process. Cheap to clone; every clone is the same metrics.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    lanes: Arc<lane::Lanes>,
    partitions: Arc<partition::Partitions>,
    plugins: plugin::Plugins,
    drift: Family<[(&'static str, String); 3], Counter>,
    tables: table::Tables,
}

impl Metrics {
    /// Metrics of a build of that version.
    pub fn new(version: &'static str) -> Self {
        let mut registry = Registry::default();
        registry.register("sluice_build", "The build that runs", Info::new([("version", version)]));
        let lanes = Arc::new(lane::Lanes::default());
        let partitions = Arc::new(partition::Partitions::default());
        registry.register_collector(Box::new(Arc::clone(&partitions)));
        registry.register_collector(Box::new(Arc::clone(&lanes)));
        let plugins = plugin::Plugins::register(&mut registry);
        let drift = Family::default();
        registry.register("sluice_drift", "Partitions that halted as records and steps do not go together any more", drift.clone());
        let tables = table::Tables::register(&mut registry);
        Self { registry: Arc::new(registry), lanes, partitions, plugins, drift, tables }
    }

    /// The handle of one lane. Handles of the same lane are one; when the last is dropped its state goes from the
    /// page. It starts in [`LaneState::Waiting`] with [`Reason::NotAssigned`].
    pub fn lane(&self, pipeline: &str, lane: u32) -> LaneMetrics {
        LaneMetrics::open(&self.lanes, pipeline, lane)
    }

    /// The handle of one source partition of a pipeline. Handles of the same partition are one; when the last is
    /// dropped its lag goes from the page, and its counts stay: this process has copied them.
    pub fn partition(&self, labels: PartitionLabels) -> PartitionMetrics {
        PartitionMetrics::open(&self.partitions, labels)
    }

    /// The handle of one plugin, by its name.
    pub fn plugin(&self, name: &str) -> PluginMetrics {
        self.plugins.plugin(name)
    }

    /// A component was dropped in for a plugin, and what came of it.
    pub fn swap(&self, plugin: &str, result: SwapResult) {
        self.plugins.swap(plugin, result);
    }

    /// The component with this SHA-256 (hexadecimal) is the plugin from now on.
    pub fn admitted(&self, plugin: &str, digest: &str) {
        self.plugins.admitted(plugin, digest);
    }

    /// The counter of fields masked by an operator.
    pub fn masked(&self, operator: &str) -> MaskedFields {
        self.plugins.masked(operator)
    }

    /// A partition of a topic halted, as its records and the steps do not go together any more in this way.
    pub fn drifted(&self, pipeline: &str, topic: &str, kind: &'static str) {
        let labels = [("pipeline", pipeline.to_owned()), ("topic", topic.to_owned()), ("kind", kind.to_owned())];
        self.drift.get_or_create_owned(&labels).inc();
    }

    /// A counter that a plugin declared, in one step (from 1) of a pipeline.
    pub fn counter(&self, pipeline: &str, plugin: &str, step: u32, name: &str) -> PluginCounter {
        self.plugins.counter(pipeline, plugin, step, name)
    }

    /// The handle of one table, by its name in the configuration.
    pub fn table(&self, name: &str) -> TableMetrics {
        self.tables.table(name)
    }

    /// The page, as [`CONTENT_TYPE`].
    pub fn page(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A lock that a panic elsewhere does not poison: rows are single values, whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
