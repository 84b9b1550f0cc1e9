//! The full run: which size a case takes. Must not skip a case: `tests/run` leaves out those that passed before, and in the
//! quick run those whose name ends with `_in_the_full_run`.

/// `quick` in the ordinary run, `full` in the full one.
pub fn size<T>(quick: T, full: T) -> T {
    // as `tests/run --full` sets it
    let is_full = std::env::var_os("SLUICE_TEST_FULL").is_some_and(|v| v == "1");
    if is_full { full } else { quick }
}
