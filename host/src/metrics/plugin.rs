//! What the page says of plugins: how long calls take, how they fail, what was masked.
//! Names come from the plugin's description, which is checked before it gets here; data never becomes a label.

use super::lock;
use super::state::names;
use crate::plugin::LogLines;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

names! {
    /// How a plugin failed.
    FailureKind {
        /// It does not load: not a component, imports what is not granted, or does not compile in time.
        Load = "load",
        /// `init` refused the settings.
        Init = "init",
        /// It trapped.
        Trap = "trap",
        /// It ran past its time.
        Timeout = "timeout",
        /// It asked for more memory or table space than it has.
        Memory = "memory",
        /// It recursed too deeply.
        Stack = "stack",
        /// It answered with more records or bytes than allowed.
        Output = "output",
        /// Its answer breaks the contract.
        Invalid = "invalid",
        /// It rejected a record or a batch with a declared code.
        Rejected = "rejected",
    }
}

names! {
    /// What came of a component that was dropped in.
    SwapResult {
        /// Lanes take it up, each between two transactions.
        Switched = "switched",
        /// The one before it runs on.
        Refused = "refused",
    }
}

names! {
    /// What became of a line that a plugin logged. Its text is written nowhere.
    LineResult {
        /// It was within its call's limit.
        Counted = "counted",
        /// It was beyond.
        Dropped = "dropped",
    }
}

type Name = [(&'static str, String); 1];
type NameAndKind = [(&'static str, String); 2];
type Counted = [(&'static str, String); 4];

/// All series about plugins. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Plugins {
    duration: Family<Name, Histogram, fn() -> Histogram>,
    failures: Family<NameAndKind, Counter>,
    masked: Family<Name, Counter>,
    counters: Family<Counted, Counter>,
    lines: Family<NameAndKind, Counter>,
    memory: Family<Name, Gauge>,
    swaps: Family<NameAndKind, Counter>,
    info: Family<NameAndKind, Gauge>,
    /// The digest of each plugin that `info` shows.
    digests: Arc<Mutex<BTreeMap<String, String>>>,
}

/// A call takes from 10 µs (a small batch of a Rust guest) to the limit of some seconds: 10 µs to 10.5 s in steps of 2.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(10e-6, 2.0, 21))
}

impl Plugins {
    /// Puts the series on the page; called once a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self {
            duration: Family::new_with_constructor(durations as fn() -> Histogram),
            failures: Family::default(),
            masked: Family::default(),
            counters: Family::default(),
            lines: Family::default(),
            memory: Family::default(),
            swaps: Family::default(),
            info: Family::default(),
            digests: Arc::default(),
        };
        registry.register("sluice_plugin_duration_seconds", "Time of one call, a batch", this.duration.clone());
        registry.register("sluice_plugin_failures", "Failed calls and rejected records, by kind", this.failures.clone());
        registry.register("sluice_plugin_counter", "What plugins count, by their own names, after the commit", this.counters.clone());
        registry.register("sluice_plugin_log_lines", "Lines that plugins logged; nobody reads them", this.lines.clone());
        registry.register("sluice_plugin_memory_bytes", "Memory of the instance that was called last", this.memory.clone());
        registry.register("sluice_masked_fields", "Field values masked, by operator, counted after the commit", this.masked.clone());
        registry.register("sluice_plugin_swaps", "Components dropped in while running, by what came of them", this.swaps.clone());
        registry.register("sluice_plugin_info", "The component that each plugin is, by SHA-256", this.info.clone());
        this
    }

    /// Counts a component that was dropped in.
    pub(super) fn swap(&self, plugin: &str, result: SwapResult) {
        self.swaps.get_or_create_owned(&[("plugin", plugin.to_owned()), ("result", result.to_string())]).inc();
    }

    /// Shows the component with this digest as the plugin, in place of the one before.
    pub(super) fn admitted(&self, plugin: &str, digest: &str) {
        let mut digests = lock(&self.digests);
        if let Some(before) = digests.insert(plugin.to_owned(), digest.to_owned()) {
            self.info.remove(&[("plugin", plugin.to_owned()), ("digest", before)]);
        }
        self.info.get_or_create_owned(&[("plugin", plugin.to_owned()), ("digest", digest.to_owned())]).set(1);
    }

    /// The handle of a plugin, with every kind of failure on the page from the start.
    pub(super) fn plugin(&self, name: &str) -> PluginMetrics {
        let failures = FailureKind::ALL.iter().map(|kind| {
            let labels = [("plugin", name.to_owned()), ("kind", kind.to_string())];
            self.failures.get_or_create_owned(&labels)
        });
        let lines = LineResult::ALL.iter().map(|result| {
            let labels = [("plugin", name.to_owned()), ("result", result.to_string())];
            self.lines.get_or_create_owned(&labels)
        });
        PluginMetrics {
            duration: self.duration.get_or_create_owned(&[("plugin", name.to_owned())]),
            failures: failures.collect(),
            lines: lines.collect(),
            memory: self.memory.get_or_create_owned(&[("plugin", name.to_owned())]),
        }
    }

    /// A counter that the plugin declared; `step` is from 1.
    pub(super) fn counter(&self, pipeline: &str, plugin: &str, step: u32, name: &str) -> PluginCounter {
        let labels =
            [("pipeline", pipeline.to_owned()), ("plugin", plugin.to_owned()), ("step", step.to_string()), ("name", name.to_owned())];
        PluginCounter(self.counters.get_or_create_owned(&labels))
    }

    /// The counter of an operator, over all plugins and pipelines.
    pub(super) fn masked(&self, operator: &str) -> MaskedFields {
        MaskedFields(self.masked.get_or_create_owned(&[("operator", operator.to_owned())]))
    }
}

/// One plugin's handle; cheap to clone.
#[derive(Debug, Clone)]
pub struct PluginMetrics {
    duration: Histogram,
    /// By [`FailureKind`].
    failures: Vec<Counter>,
    /// By [`LineResult`].
    lines: Vec<Counter>,
    memory: Gauge,
}

impl PluginMetrics {
    /// A call took this long.
    pub fn called(&self, took: Duration) {
        self.duration.observe(took.as_secs_f64());
    }

    /// A call failed.
    pub fn failed(&self, kind: FailureKind) {
        self.failures[kind as usize].inc();
    }
}

impl PluginMetrics {
    /// A call logged so many lines.
    pub fn logged(&self, lines: LogLines) {
        if lines != LogLines::default() {
            self.lines[LineResult::Counted as usize].inc_by(lines.written);
            self.lines[LineResult::Dropped as usize].inc_by(lines.dropped);
        }
    }

    /// The instance that was called holds so many bytes.
    pub fn holds(&self, bytes: usize) {
        self.memory.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}

/// One counter of a plugin in one step, by the name that it declared; cheap to clone.
#[derive(Debug, Clone)]
pub struct PluginCounter(Counter);

impl PluginCounter {
    /// So much was counted, and committed.
    pub fn add(&self, count: u64) {
        self.0.inc_by(count);
    }
}

/// The counter of one operator; cheap to clone.
#[derive(Debug, Clone)]
pub struct MaskedFields(Counter);

impl MaskedFields {
    /// So many field values were masked, and committed.
    pub fn add(&self, values: u64) {
        self.0.inc_by(values);
    }
}
