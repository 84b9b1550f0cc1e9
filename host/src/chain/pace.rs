//! How many records one call takes: all that the configuration allows, fewer for a while where a call failed as a whole
//! and passed in parts, or took long. It must not look at records; plugins do not depend on where a batch ends.

use std::time::Duration;

/// Codes of calls that fail for how much they were handed.
const TOO_MUCH: [&str; 2] = ["plugin_output", "plugin_memory"];

/// Batches in a row whose call may fail as a whole and pass in parts, before the partition halts. A plugin that fails now
/// and then, whatever it is handed, costs an instance and a search each time.
pub const SETBACKS: u32 = 20;

/// Batches that have to pass at once before one of twice the size is tried again.
pub const STEADY: u32 = 16;

/// Longest that a batch may take before the next ones get smaller, however long a transaction may stay open: a lane that is
/// told to end does so between two batches, and has 20 s.
const SLOW: Duration = Duration::from_secs(10);

/// The size of the next batch.
///
/// ```text
/// all ──failed, passed in parts──▶ half, or half of what was too much ──again──▶ … one ──SETBACKS in a row──▶ halt
///  ▲ └──────────took long─────────▶ half of it
///  └──────────STEADY passed─────────┘
/// ```
#[derive(Debug)]
pub struct Pace {
    most: usize,
    /// A batch that takes longer is slow.
    slow_after: Duration,
    now: usize,
    /// The last batch that passed was slow.
    slow: bool,
    /// Batches that passed since the last setback or growth.
    steady: u32,
    /// Setbacks without [`STEADY`] batches between them.
    setbacks: u32,
    /// The fewest records that were too much since the last search.
    too_much: Option<usize>,
}

impl Pace {
    /// All that is allowed, to begin with. `timeout`: when the target gives up a transaction that stays open.
    pub fn new(most: usize, timeout: Duration) -> Self {
        Self::with(most, SLOW.min(timeout / 2))
    }

    fn with(most: usize, slow_after: Duration) -> Self {
        Self { most, slow_after, now: most, slow: false, steady: 0, setbacks: 0, too_much: None }
    }

    /// Most records that the next call takes.
    pub fn batch(&self) -> usize {
        self.now
    }

    /// Whether the last batch took so long that a transaction must not stay open for another one.
    pub fn is_slow(&self) -> bool {
        self.slow
    }

    /// A batch of so many records passed at once.
    pub fn went_well(&mut self, records: usize, took: Duration) {
        self.slow = took > self.slow_after;
        if self.slow {
            self.now = (records / 2).clamp(1, self.most);
            self.steady = 0;
            return;
        }
        if self.now == self.most && self.setbacks == 0 {
            return;
        }
        self.steady += 1;
        if self.steady >= STEADY {
            *self = Self { now: (self.now * 2).min(self.most), ..Self::with(self.most, self.slow_after) };
        }
    }

    /// A call with so many records failed with this code.
    pub fn failed(&mut self, records: usize, code: &str) {
        if records > 1 && TOO_MUCH.contains(&code) {
            self.too_much = Some(self.too_much.map_or(records, |fewest| fewest.min(records)));
        }
    }

    /// The search after a failed call is over, and whether there was one too many. Where a record was to blame, sizes were
    /// not.
    pub fn searched(&mut self, guilty: bool) -> bool {
        let too_much = self.too_much.take();
        if guilty {
            return false;
        }
        self.now = (too_much.unwrap_or(self.now) / 2).clamp(1, self.most);
        self.steady = 0;
        self.setbacks += 1;
        self.setbacks > SETBACKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(6);

    #[test]
    fn slow_batches_shrink_until_they_are_not() {
        let mut pace = Pace::new(500, TIMEOUT);
        let of = |seconds| Duration::from_secs(seconds);
        for (records, took, slow, next) in [
            (500, of(3), false, 500),
            (500, of(4), true, 250),
            // A run may end before the batch is full.
            (100, of(4), true, 50),
            (1, of(4), true, 1),
            (1, of(3), false, 1),
        ] {
            pace.went_well(records, took);
            assert_eq!((pace.is_slow(), pace.batch()), (slow, next), "{records} in {took:?}");
        }
        (1..STEADY).for_each(|_| pace.went_well(1, of(0)));
        assert_eq!(pace.batch(), 2, "it grows again");
        let mut patient = Pace::new(500, of(900));
        patient.went_well(500, of(11));
        assert_eq!(patient.batch(), 250, "nobody waits so long for a lane to end");
    }

    #[test]
    fn batches_shrink_and_grow_again() {
        let mut pace = Pace::new(500, TIMEOUT);
        let mut after = |failures: &[(usize, &str)], guilty| {
            failures.iter().for_each(|(records, code)| pace.failed(*records, code));
            assert!(!pace.searched(guilty));
            let shrunk = pace.batch();
            let grown = [STEADY - 1, 1, 3 * STEADY].map(|batches| {
                (0..batches).for_each(|_| pace.went_well(1, Duration::ZERO));
                pace.batch()
            });
            (shrunk, grown)
        };
        let halves = [(500, "plugin_output"), (250, "plugin_output"), (1, "plugin_output")];
        assert_eq!(after(&halves, false), (125, [125, 250, 500]));
        assert_eq!(after(&[(2, "plugin_memory")], false), (1, [1, 2, 16]));
        assert_eq!(after(&halves, true).0, 16, "a record was to blame");
        assert_eq!(after(&[], false).0, 128, "what failed for another reason is halved");
    }

    #[test]
    fn setbacks_in_a_row_end() {
        let mut pace = Pace::new(4, TIMEOUT);
        assert!((0..SETBACKS).all(|_| !pace.searched(false)));
        assert!(pace.searched(false));
    }
}
