//! What the host does for a plugin: keyed hashes, counters, log. It must not work on single values: a call across the
//! border costs more than a value is worth. Native builds reach the stand-ins of `testing`.
use crate::Column;
pub use crate::bindings::sluice::plugin::keys::Failure;
pub use crate::bindings::sluice::plugin::log::Level;

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

/// Whether the host hands out hashes under this key: a question for `Plugin::new`, so that a name mistyped is found
/// before the first record.
///
/// # Errors
/// The host has no such key, or the step's settings do not name it.
pub fn check_key(key: &str, domain: &str) -> Result<(), Failure> {
    import::keys::hmac_sha256(key, domain, &[], &[]).map(|_| ())
}

/// Adds to the counter of that index in the description; it shows in the metrics once the batch is committed.
pub fn count(counter: u32, delta: u64) {
    import::metrics::add(counter, delta);
}

/// Writes a line for whoever develops the plugin. In production it is counted, not written: it could carry data.
pub fn log(level: Level, message: &str) {
    import::log::write(level, message);
}
