//! What the host does for a plugin: keyed operations, look-ups, windows, counters, log. It must not work on single
//! values: a call across the border costs more than a value is worth. Native builds reach the stand-ins of `testing`.
use crate::Column;
pub use crate::bindings::sluice::plugin::keys::{Failure, Sealed};
pub use crate::bindings::sluice::plugin::log::Level;
pub use crate::bindings::sluice::plugin::tables::{Failure as TableFailure, Found};
pub use crate::bindings::sluice::plugin::windows::Failure as WindowFailure;

#[cfg(target_family = "wasm")]
use crate::bindings::sluice::plugin as import;
#[cfg(not(target_family = "wasm"))]
use crate::testing::import;

/// Bytes of one hash in the answer of [`hmac_sha256`].
pub const HMAC_BYTES: usize = 32;

/// HMAC-SHA-256 of every value of a column, nulls (as no bytes) included: [`HMAC_BYTES`] a value, back to back, so
/// `chunks_exact(HMAC_BYTES)` goes with the column. The key is named, never seen; `domain` keeps the tokens of one
/// purpose apart from those of another.
///
/// # Errors
/// The host has no such key, or the step's settings do not name it.
pub fn hmac_sha256(key: &str, domain: &str, column: &Column) -> Result<Vec<u8>, Failure> {
    import::keys::hmac_sha256(key, domain, &column.ends, &column.data)
}

/// AES-SIV of every value of a column: the same value gives the same bytes, and the program can open them again. 16
/// bytes longer than the value.
///
/// # Errors
/// The host has no such key, or the step's settings do not name it.
pub fn seal(key: &str, domain: &str, column: &Column) -> Result<Sealed, Failure> {
    import::keys::seal(key, domain, &column.ends, &column.data)
}

/// FF1 of every value of a column: text of the same length over the same alphabet, deterministic, to be opened again by
/// the program. Hand over only characters of `alphabet` (a column of your own: [`Column::push`]).
///
/// # Errors
/// As above; a value with another character (`Malformed`); a value so short that there are fewer than a million of its
/// kind (`DomainTooSmall`). One such value fails the whole call: leave it out.
pub fn fpe(key: &str, domain: &str, alphabet: &str, column: &Column) -> Result<Sealed, Failure> {
    import::keys::fpe(key, domain, alphabet, &column.ends, &column.data)
}

/// AES-GCM-SIV of every value of a column: the same value looks different in every record, and the program can open it
/// again. 28 bytes longer than the value. `field` is the index of the column in `Batch::fields`; call once a column.
///
/// # Errors
/// The host has no such key, the step's settings do not name it, or rows that do not ascend or do not exist.
pub fn encrypt(key: &str, domain: &str, field: u32, column: &Column) -> Result<Sealed, Failure> {
    import::keys::encrypt(key, domain, field, &column.rows, &column.ends, &column.data)
}

/// The public fingerprint of the key, 16 hexadecimal digits: it belongs into whatever shall be opened one day.
///
/// # Errors
/// The host has no such key, or the step's settings do not name it.
pub fn key_id(key: &str) -> Result<String, Failure> {
    import::keys::key_id(key)
}

/// Whether the host works under this key: a question for `Plugin::new`, so that a name mistyped is found before the
/// first record.
///
/// # Errors
/// The host has no such key, or the step's settings do not name it.
pub fn check_key(key: &str, domain: &str) -> Result<(), Failure> {
    import::keys::hmac_sha256(key, domain, &[], &[]).map(|_| ())
}

/// Whether the host has this table for the step: a question for `Plugin::new`, so that a name mistyped is found before
/// the first record. The table's rows are not there yet.
///
/// # Errors
/// The host has no such table, or the step's settings do not name it.
pub fn check_table(table: &str) -> Result<(), TableFailure> {
    import::tables::get(table, &[], &[]).map(|_| ())
}

/// Looks up every value of a column in a table, all in the same state of it: [`Found::iter`] goes with the column.
///
/// # Errors
/// The host has no such table, the step's settings do not name it, or it cannot be kept any more.
pub fn look_up(table: &str, keys: &Column) -> Result<Found, TableFailure> {
    import::tables::get(table, &keys.ends, &keys.data)
}

/// Whether each value of a column was in an earlier record of this partition, within the last `limit` distinct values of
/// the window of that name. Values of one record do not make each other seen.
///
/// # Errors
/// A limit that is none or above a million, rows that do not ascend or do not exist, more than 16 names.
pub fn seen(window: &str, limit: u32, column: &Column) -> Result<Vec<bool>, WindowFailure> {
    let seen = import::windows::seen(window, limit, &column.rows, &column.ends, &column.data)?;
    Ok(seen.into_iter().map(|seen| seen == 1).collect())
}

/// Adds to the counter of that index in the description; it shows in the metrics once the batch is committed.
pub fn count(counter: u32, delta: u64) {
    import::metrics::add(counter, delta);
}

/// Writes a line for whoever develops the plugin. In production it is counted, not written: it could carry data.
pub fn log(level: Level, message: &str) {
    import::log::write(level, message);
}

impl Sealed {
    /// The values, in the order of the column.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        slices(&self.ends, &self.data)
    }
}

impl Found {
    /// For each key the text of its row, a JSON object; None where there is no such row.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.present.iter().zip(slices(&self.ends, &self.data)).map(|(present, row)| present.then_some(row))
    }
}

/// Values back to back; it ends early where the ends do not fit, and the answers come out short.
fn slices<'a>(ends: &'a [u32], data: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map_while(move |&end| {
        let value = data.get(start..end as usize)?;
        start = end as usize;
        Some(value)
    })
}
