//! How many records one call takes: all that the configuration allows, fewer for a while where a batch was too much
//! though none of its records was. It must not look at records; plugins do not depend on where a batch ends.

/// Codes of calls that fail for how much they were handed.
const TOO_MUCH: [&str; 2] = ["plugin_output", "plugin_memory"];

/// Calls that go well before a smaller batch is doubled again: a search every so often costs less than small batches.
const CALM_CALLS: u32 = 100;

/// The size of the next batch.
#[derive(Debug)]
pub struct Pace {
    most: usize,
    now: usize,
    /// Calls in a row that went well at this size.
    calm: u32,
    /// The fewest records that were too much since the last search.
    too_much: Option<usize>,
}

impl Pace {
    pub fn new(most: usize) -> Self {
        Self { most, now: most, calm: 0, too_much: None }
    }

    /// Most records that the next call takes.
    pub fn batch(&self) -> usize {
        self.now
    }

    /// A call went well.
    pub fn went_well(&mut self) {
        if self.now < self.most {
            self.calm += 1;
            if self.calm >= CALM_CALLS {
                (self.now, self.calm) = ((self.now * 2).min(self.most), 0);
            }
        }
    }

    /// A call with so many records failed with this code.
    pub fn failed(&mut self, records: usize, code: &str) {
        if records > 1 && TOO_MUCH.contains(&code) {
            self.too_much = Some(self.too_much.map_or(records, |fewest| fewest.min(records)));
        }
    }

    /// The search after a failed call is over. Where no record was to blame, half of what was too much fits.
    pub fn searched(&mut self, guilty: bool) {
        if let Some(fewest) = self.too_much.take()
            && !guilty
        {
            (self.now, self.calm) = ((fewest / 2).clamp(1, self.most), 0);
        }
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
            pace.searched(guilty);
            let shrunk = pace.batch();
            let grown = [99, 1, 300].map(|calls| {
                (0..calls).for_each(|_| pace.went_well());
                pace.batch()
            });
            (shrunk, grown)
        };
        let halves = [(500, "plugin_output"), (250, "plugin_output"), (125, "plugin_timeout"), (1, "plugin_output")];
        assert_eq!(after(&halves, false), (125, [125, 250, 500]));
        assert_eq!(after(&[(2, "plugin_memory")], false), (1, [1, 2, 16]));
        assert_eq!(after(&[], false).0, 16, "what failed for another reason says nothing of sizes");
        assert_eq!(after(&halves, true).0, 256, "a record was to blame");
    }
}
