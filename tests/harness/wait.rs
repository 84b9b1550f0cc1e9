//! Waiting for a condition with a deadline. The only place of the tests that sleeps, and only between two looks.

use std::thread::sleep;
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks until `look` answers; panics with `what` once `limit` has passed.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        sleep(LOOK_EVERY);
    }
}

/// Lets `span` pass on purpose, where the passing of time is the input of the case (a kill at a random moment, a
/// process that must do nothing for a while).
pub fn pass(span: Duration) {
    sleep(span);
}

/// `n` seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
