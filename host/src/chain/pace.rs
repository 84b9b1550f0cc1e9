//! How many records one call takes: all that the configuration allows, fewer for a while where a call failed as a whole
//! and passed in parts. It must not look at records; plugins do not depend on where a batch ends.

/// Codes of calls that fail for how much they were handed.
const TOO_MUCH: [&str; 2] = ["plugin_output", "plugin_memory"];

/// Batches in a row whose call may fail as a whole and pass in parts, before the partition halts. A plugin that fails now
/// and then, whatever it is handed, costs an instance and a search each time.
pub const SETBACKS: u32 = 20;

/// Batches that have to pass at once before one of twice the size is tried again.
pub const STEADY: u32 = 16;

/// The size of the next batch.
///
/// ```text
/// all ──failed, passed in parts──▶ half, or half of what was too much ──again──▶ … one ──SETBACKS in a row──▶ halt
///  ▲                                │
///  └──────────STEADY passed─────────┘
/// ```
#[derive(Debug)]
pub struct Pace {
    most: usize,
    now: usize,
    /// Batches that passed since the last setback or growth.
    steady: u32,
    /// Setbacks without [`STEADY`] batches between them.
    setbacks: u32,
    /// The fewest records that were too much since the last search.
    too_much: Option<usize>,
}

impl Pace {
    /// All that is allowed, to begin with.
    pub fn new(most: usize) -> Self {
        Self { most, now: most, steady: 0, setbacks: 0, too_much: None }
    }

    /// Most records that the next call takes.
    pub fn batch(&self) -> usize {
        self.now
    }

    /// A batch passed at once.
    pub fn went_well(&mut self) {
        if self.now == self.most && self.setbacks == 0 {
            return;
        }
        self.steady += 1;
        if self.steady >= STEADY {
            *self = Self { now: (self.now * 2).min(self.most), ..Self::new(self.most) };
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

    #[test]
    fn batches_shrink_and_grow_again() {
        let mut pace = Pace::new(500);
        let mut after = |failures: &[(usize, &str)], guilty| {
            failures.iter().for_each(|(records, code)| pace.failed(*records, code));
            assert!(!pace.searched(guilty));
            let shrunk = pace.batch();
            let grown = [STEADY - 1, 1, 3 * STEADY].map(|batches| {
                (0..batches).for_each(|_| pace.went_well());
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
        let mut pace = Pace::new(4);
        assert!((0..SETBACKS).all(|_| !pace.searched(false)));
        assert!(pace.searched(false));
    }
}
