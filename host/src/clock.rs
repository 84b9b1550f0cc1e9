//! This machine's clock. No decision about a record may rest on it.

/// Milliseconds since the epoch by this machine's clock; only ever for people and retention.
pub fn now_millis() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX).max(1)
}
