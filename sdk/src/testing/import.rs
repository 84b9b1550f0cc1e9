//! Stand-ins for the host's imports, with the same signatures. They must compute what the contract says, not what a
//! test wants; and nothing that the host does for people alone, such as opening what was sealed.
use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::host::{Level, TableFailure};

pub(crate) mod keys;
pub(crate) mod windows;

#[derive(Default)]
struct Host {
    keys: BTreeMap<String, Vec<u8>>,
    tables: BTreeMap<String, BTreeMap<Vec<u8>, String>>,
    windows: windows::Windows,
    /// Offset of the first record of the running batch.
    offset: i64,
    counters: BTreeMap<u32, u64>,
    lines: Vec<(Level, String)>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Forgets keys, tables, windows, counters and log lines of this thread.
pub fn reset() {
    HOST.with_borrow_mut(|host| *host = Host::default());
}

/// A key that plugins of this thread may use by its name.
pub fn add_key(name: &str, secret: &[u8]) {
    HOST.with_borrow_mut(|host| host.keys.insert(name.to_owned(), secret.to_vec()));
}

/// A row, as the text of a JSON object, of a table that plugins of this thread may use by its name.
pub fn add_row(table: &str, key: &[u8], row: &str) {
    HOST.with_borrow_mut(|host| host.tables.entry(table.to_owned()).or_default().insert(key.to_vec(), row.to_owned()));
}

/// An empty table that plugins of this thread may use by its name.
pub fn add_table(table: &str) {
    HOST.with_borrow_mut(|host| {
        host.tables.entry(table.to_owned()).or_default();
    });
}

/// The source offset of the next batch's first record; the others follow it without a gap. 0 unless set.
pub fn at_offset(first: i64) {
    HOST.with_borrow_mut(|host| host.offset = first);
}

/// What was counted on this thread, by index; counters never touched are not in it.
#[must_use]
pub fn counters() -> BTreeMap<u32, u64> {
    HOST.with_borrow(|host| host.counters.clone())
}

/// What was logged on this thread.
#[must_use]
pub fn log_lines() -> Vec<(Level, String)> {
    HOST.with_borrow(|host| host.lines.clone())
}

/// Values back to back; None where the ends do not ascend or do not fit the data.
fn values<'a>(ends: &[u32], data: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    let mut start = 0;
    let mut values = Vec::with_capacity(ends.len());
    for &end in ends {
        values.push(data.get(start..end as usize)?);
        start = end as usize;
    }
    (start == data.len()).then_some(values)
}

/// One row a value, ascending.
fn rows_fit(rows: &[u32], ends: &[u32]) -> bool {
    rows.len() == ends.len() && rows.is_sorted()
}

pub(crate) mod log {
    //! Stand-in for `sluice:plugin/log`. It must not print.
    use super::{HOST, Level};

    pub(crate) fn write(level: Level, message: &str) {
        HOST.with_borrow_mut(|host| host.lines.push((level, message.to_owned())));
    }
}

pub(crate) mod metrics {
    //! Stand-in for `sluice:plugin/metrics`. It must not know names.
    use super::HOST;

    pub(crate) fn add(counter: u32, delta: u64) {
        HOST.with_borrow_mut(|host| *host.counters.entry(counter).or_default() += delta);
    }
}

pub(crate) mod tables {
    //! Stand-in for `sluice:plugin/tables`. Its tables never change, so that their revision is one.
    use super::{HOST, TableFailure, values};
    use crate::host::Found;

    pub(crate) fn get(table: &str, ends: &[u32], data: &[u8]) -> Result<Found, TableFailure> {
        HOST.with_borrow(|host| {
            let table = host.tables.get(table).ok_or(TableFailure::UnknownTable)?;
            let mut found = Found { present: Vec::new(), ends: Vec::new(), data: Vec::new(), revision: 1 };
            for key in values(ends, data).ok_or(TableFailure::Malformed)? {
                let row = table.get(key);
                found.present.push(row.is_some());
                found.data.extend_from_slice(row.map_or(&[][..], |row| row.as_bytes()));
                found.ends.push(u32::try_from(found.data.len()).expect("a test table is small"));
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests;
