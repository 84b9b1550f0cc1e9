//! The full run: which size a case takes, and which cases have passed already with this very program.
//! Must not skip a case by itself; `tests/run` leaves out those that a stamp names.

use std::fs;
use std::path::PathBuf;

/// Is this `tests/run --full`?
pub fn is_full() -> bool {
    std::env::var_os("SLUICE_TEST_FULL").is_some_and(|v| v == "1")
}

/// `quick` in the ordinary run, `full` in the full one.
pub fn size<T>(quick: T, full: T) -> T {
    if is_full() { full } else { quick }
}

/// In a full run, leaves a stamp for the running test in `SLUICE_TEST_STAMPS`.
pub fn note_passed() {
    let (Some(dir), true) = (std::env::var_os("SLUICE_TEST_STAMPS"), is_full()) else { return };
    let thread = std::thread::current();
    let name = thread.name().expect("the test runner names its threads");
    fs::write(PathBuf::from(dir).join(name.replace("::", "--")), "").expect("the stamp directory is writable");
}
