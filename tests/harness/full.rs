//! The full run: which size a case takes. Must not skip a case: `tests/run` leaves out those that passed before.

/// Is this `tests/run --full`?
pub fn is_full() -> bool {
    std::env::var_os("SLUICE_TEST_FULL").is_some_and(|v| v == "1")
}

/// `quick` in the ordinary run, `full` in the full one.
pub fn size<T>(quick: T, full: T) -> T {
    if is_full() { full } else { quick }
}
