//! What the page says of tables for look-ups: how many rows, which records made none, whether they still follow their
//! source. Names come from the configuration; no row becomes a label.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Name = [(&'static str, String); 1];

/// All series about tables. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    rows: Family<Name, Gauge>,
    skipped: Family<Name, Counter>,
    current: Family<Name, Gauge>,
}

impl Tables {
    /// Puts the series on the page; called once a registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let this = Self::default();
        registry.register("sluice_table_rows", "Rows of a table", this.rows.clone());
        registry.register(
            "sluice_table_skipped",
            "Records of a table's topic that are no row, as their value is not a JSON object",
            this.skipped.clone(),
        );
        registry.register("sluice_table_current", "1 while a table follows its source, 0 while it cannot be read", this.current.clone());
        this
    }

    /// The handle of a table, by its name in the configuration.
    pub(super) fn table(&self, name: &str) -> TableMetrics {
        let name = [("table", name.to_owned())];
        TableMetrics {
            rows: self.rows.get_or_create(&name).clone(),
            skipped: self.skipped.get_or_create(&name).clone(),
            current: self.current.get_or_create(&name).clone(),
        }
    }
}

/// The handle of one table.
#[derive(Debug, Clone, Default)]
pub struct TableMetrics {
    rows: Gauge,
    skipped: Counter,
    current: Gauge,
}

impl TableMetrics {
    /// It was read, or followed, and has so many rows.
    pub fn current(&self, rows: usize) {
        self.rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
        self.current.set(1);
    }

    /// Its source cannot be read: the rows stay as they were.
    pub fn stale(&self) {
        self.current.set(0);
    }

    /// Records that are no row.
    pub fn skipped(&self, records: u64) {
        self.skipped.inc_by(records);
    }
}
