//! Rows by key, for look-ups from plugins: one state of a table a call. It must not know where rows come from; whoever
//! does puts them in.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use thiserror::Error;

use super::values::{Packed, values};

/// Bytes that one table may hold, keys, rows and [`ROW_BYTES`] for each. Stops a table that was not meant to fit into
/// memory.
pub const TABLE_BYTES: usize = 256 << 20;
/// What a row costs beside its bytes.
const ROW_BYTES: usize = 64;

/// All tables of a process, by name.
pub type Tables = BTreeMap<String, Arc<Table>>;

/// A table would pass [`TABLE_BYTES`].
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("it holds more than {} MiB", TABLE_BYTES >> 20)]
pub struct TableFull;

/// Rows by key; its `Debug` shows sizes, never a row.
#[derive(Default, Clone)]
pub struct Rows {
    by_key: HashMap<Box<[u8]>, Box<[u8]>>,
    bytes: usize,
}

impl Rows {
    /// Puts a row, the text of a JSON object, in; one of the same key goes. Whether there was one.
    pub fn put(&mut self, key: &[u8], row: &[u8]) -> Result<bool, TableFull> {
        let before = self.take(key);
        let bytes = self.bytes + key.len() + row.len() + ROW_BYTES;
        if bytes > TABLE_BYTES {
            return Err(TableFull);
        }
        self.bytes = bytes;
        self.by_key.insert(key.into(), row.into());
        Ok(before)
    }

    /// Takes a row out; whether there was one.
    pub fn take(&mut self, key: &[u8]) -> bool {
        let Some(row) = self.by_key.remove(key) else { return false };
        self.bytes -= key.len() + row.len() + ROW_BYTES;
        true
    }

    /// The row of that key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.by_key.get(key).map(|row| &**row)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({} rows, {} bytes)", self.len(), self.bytes)
    }
}

/// What a table is at one time.
#[derive(Debug, Default)]
pub struct State {
    /// The rows.
    pub rows: Rows,
    /// Tells one content from another; None before the table was read, and where it cannot be kept any more.
    pub revision: Option<u64>,
}

/// One table, read by all lanes while one thread changes it.
#[derive(Debug, Default)]
pub struct Table(RwLock<State>);

/// Why a look-up was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The table has no revision.
    Unavailable,
    /// Ends that do not ascend or do not fit the data.
    Malformed,
    /// The rows together are larger than asked for.
    TooMuch,
}

/// Answers to a column of keys.
pub(super) struct Found {
    pub(super) present: Vec<bool>,
    pub(super) rows: Packed,
    pub(super) revision: u64,
}

impl Table {
    /// The table as it is; look-ups wait until it is let go.
    pub fn change(&self) -> RwLockWriteGuard<'_, State> {
        // A thread that died left whole rows behind: each is put in or taken out by one call.
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The table as it is.
    pub fn now(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks up all keys in one state; the rows together are at most `most` bytes.
    pub(super) fn get(&self, ends: &[u32], data: &[u8], most: usize) -> Result<Found, Refusal> {
        let keys = values(ends, data).ok_or(Refusal::Malformed)?;
        let state = self.now();
        let revision = match state.revision {
            Some(revision) => revision,
            // A question whether the table may be asked, not what is in it.
            None if ends.is_empty() => 0,
            None => return Err(Refusal::Unavailable),
        };
        let mut found = Found { present: Vec::with_capacity(ends.len()), rows: Packed::with_capacity(ends.len(), 0), revision };
        for key in keys {
            let row = state.rows.get(key);
            found.present.push(row.is_some());
            found.rows.data.extend_from_slice(row.unwrap_or_default());
            if found.rows.data.len() > most {
                return Err(Refusal::TooMuch);
            }
            found.rows.end().ok_or(Refusal::TooMuch)?;
        }
        Ok(found)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn rows_come_and_go() {
        let mut rows = Rows::default();
        assert_eq!(rows.put(b"a", b"{}"), Ok(false));
        assert_eq!(rows.put(b"a", br#"{"n":1}"#), Ok(true));
        assert_eq!(rows.put(b"", b"{}"), Ok(false));
        assert_eq!((rows.get(b"a"), rows.get(b"b"), rows.len()), (Some(&br#"{"n":1}"#[..]), None, 2));
        assert_eq!((rows.take(b"a"), rows.take(b"a"), rows.take(b"")), (true, false, true));
        assert_eq!((rows.bytes, rows.is_empty()), (0, true));
        let large = vec![b' '; TABLE_BYTES - ROW_BYTES];
        assert_eq!((rows.put(b"", &large), rows.put(b"x", b"")), (Ok(false), Err(TableFull)));
        assert_eq!(format!("{rows:?}"), format!("Rows(1 rows, {TABLE_BYTES} bytes)"));
    }

    #[test]
    fn a_call_sees_one_state_and_every_key_is_answered() {
        let table = Table::default();
        assert!(matches!(table.get(&[1], b"a", 100), Err(Refusal::Unavailable)));
        assert!(matches!(table.get(&[], b"", 100), Ok(Found { revision: 0, .. })));
        {
            let mut state = table.change();
            state.rows.put(b"a", br#"{"n":1}"#).unwrap();
            state.revision = Some(7);
        }
        let found = table.get(&[1, 2, 3, 3], b"aba", 100).unwrap();
        assert_eq!((found.present, found.revision), (vec![true, false, true, false], 7));
        assert_eq!((found.rows.ends, found.rows.data), (vec![7, 7, 14, 14], br#"{"n":1}{"n":1}"#.to_vec()));
        assert!(matches!(table.get(&[2], b"a", 100), Err(Refusal::Malformed)));
        assert!(matches!(table.get(&[1, 2], b"aa", 13), Err(Refusal::TooMuch)));
    }
}
