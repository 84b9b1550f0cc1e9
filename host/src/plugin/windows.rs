//! What a step of a lane remembers of the values that it met: the last distinct ones, per name and source partition. It
//! outlives the plugin's instances, must not outlive its lane, and keeps hashes, never values.
//!
//! Every change is written down until the transaction that it belongs to is committed, so that a call that failed and a
//! transaction that was aborted are taken back exactly (I4):
//!
//! ```text
//! remember ─▶ remember ─▶ … ─▶ commit: the journal is forgotten
//!     ├─ rollback_to(mark): a call failed; rollback_to(0): the transaction was aborted
//!     └─ commit_to(mark): a transaction that has only what came before
//! ```

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

/// Bytes of a window's name.
pub const NAME_BYTES: usize = 64;
/// Names of one partition. Stops a guest that names its windows after its records, and keeps one topic's names from being
/// another's refusal.
pub const NAMES: usize = 16;
/// Values that one window may be asked to remember.
pub const LIMIT: u32 = 1_000_000;
/// Memory of one remembered value and of one change that can be taken back, bytes: what they measure to with the maps
/// around them, rounded up.
const VALUE_BYTES: usize = 112;
const CHANGE_BYTES: usize = 56;
/// Memory of a window without values.
const WINDOW_BYTES: usize = 512;

/// The first half of a value's SHA-256.
type Hash = [u8; 16];

/// Why values are not remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A name or a limit that is none.
    Malformed,
    /// More than [`NAMES`].
    TooManyNames,
    /// More changes than one transaction may make: the call fails, the lane commits what it has, and the call succeeds
    /// with an empty journal.
    TooManyChanges,
}

/// Which window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) topic: &'a str,
    pub(super) partition: i32,
}

/// The names of one partition, and which window each is.
type Names = Vec<(Box<str>, usize)>;

/// All windows of one step in one lane.
pub struct Windows {
    /// By topic and partition.
    places: HashMap<(Box<str>, i32), Names>,
    windows: Vec<Window>,
    /// By size, the largest last, the first of several after the others.
    sizes: BTreeSet<(usize, Reverse<usize>)>,
    journal: Vec<Change>,
    /// Bytes that the values may take together, and the changes of one transaction.
    half: usize,
    /// Values of all windows.
    values: usize,
    /// Marks are given in this order.
    stamp: u64,
    /// Records that asked, counted on for ever.
    record: u64,
}

#[derive(Default)]
struct Window {
    marks: HashMap<Hash, Mark>,
    /// The values by the stamp of their mark: the oldest first.
    order: BTreeMap<u64, Hash>,
}

/// When a value was seen last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    stamp: u64,
    /// The record that it was seen in, twice its number, and 1 where an earlier record had it.
    record: u64,
}

/// What a value's mark was before: none, if it was not in the window.
struct Change {
    window: u32,
    hash: Hash,
    before: Option<Mark>,
}

impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Windows({} windows, {} values, {} changes)", self.windows.len(), self.values, self.journal.len())
    }
}

impl Windows {
    /// Windows that hold at most so many bytes: a half for what they remember, a half for what can be taken back. Stops
    /// windows of many partitions from filling the memory that all lanes share.
    pub fn of(bytes: usize) -> Self {
        let half = bytes / 2;
        Self {
            places: HashMap::new(),
            windows: Vec::new(),
            sizes: BTreeSet::new(),
            journal: Vec::new(),
            half,
            values: 0,
            stamp: 0,
            record: 0,
        }
    }

    /// Values that all windows may remember together now.
    fn most_values(&self) -> usize {
        (self.half.saturating_sub(self.windows.len() * WINDOW_BYTES) / VALUE_BYTES).max(1)
    }

    /// Changes that one transaction may make.
    fn most_changes(&self) -> usize {
        (self.half / CHANGE_BYTES).max(2)
    }

    /// Bytes that all of it takes, as it is counted.
    pub fn bytes(&self) -> usize {
        self.windows.len() * WINDOW_BYTES + self.values * VALUE_BYTES + self.journal.len() * CHANGE_BYTES
    }

    /// For each value whether an earlier record had it, within the last `limit` distinct values; each is the latest from
    /// then on. `values` come with the row of their record, rows ascending; a call is later than those before it.
    pub(super) fn seen<'v>(
        &mut self,
        at: Place<'_>,
        limit: u32,
        values: impl Iterator<Item = (u32, &'v [u8])>,
    ) -> Result<Vec<u8>, Refusal> {
        if at.name.is_empty() || at.name.len() > NAME_BYTES || limit == 0 || limit > LIMIT {
            return Err(Refusal::Malformed);
        }
        let window = self.window(at)?;
        let (most_values, most_changes) = (self.most_values(), self.most_changes());
        let mut answers = Vec::with_capacity(values.size_hint().0);
        let mut last = None;
        for (row, value) in values {
            if last != Some(row) {
                last = Some(row);
                self.record += 1;
            }
            answers.push(u8::from(self.remember(window, hash(value))));
            while self.windows[window].marks.len() > limit as usize {
                self.forget_oldest(window);
            }
            while self.values > most_values {
                self.forget_oldest(self.largest());
            }
            if self.journal.len() > most_changes {
                return Err(Refusal::TooManyChanges);
            }
        }
        Ok(answers)
    }

    /// Where the journal stands, to come back to.
    pub fn mark(&self) -> usize {
        self.journal.len()
    }

    /// I4: takes back all changes since then.
    pub fn rollback_to(&mut self, mark: usize) {
        let back = self.journal.split_off(mark.min(self.journal.len()));
        for Change { window, hash, before } in back.into_iter().rev() {
            let Window { marks, order } = &mut self.windows[window as usize];
            let size = marks.len();
            let now = match before {
                Some(mark) => {
                    order.insert(mark.stamp, hash);
                    marks.insert(hash, mark)
                }
                None => marks.remove(&hash),
            };
            if let Some(now) = now {
                order.remove(&now.stamp);
            }
            self.resized(window as usize, size);
        }
    }

    /// The transaction is committed: its changes stay.
    pub fn commit(&mut self) {
        self.journal.clear();
    }

    /// A transaction is committed that has only the changes up to `mark`: they stay, later ones can still be taken back.
    pub fn commit_to(&mut self, mark: usize) {
        self.journal.drain(..mark.min(self.journal.len()));
    }

    fn window(&mut self, at: Place<'_>) -> Result<usize, Refusal> {
        let names = self.places.entry((at.topic.into(), at.partition)).or_default();
        if let Some((_, known)) = names.iter().find(|(name, _)| **name == *at.name) {
            return Ok(*known);
        }
        if names.len() == NAMES {
            return Err(Refusal::TooManyNames);
        }
        let window = self.windows.len();
        names.push((at.name.into(), window));
        self.windows.push(Window::default());
        self.sizes.insert((0, Reverse(window)));
        Ok(window)
    }

    /// Books that a window had that many values before.
    fn resized(&mut self, window: usize, before: usize) {
        let now = self.windows[window].marks.len();
        if now != before {
            self.sizes.remove(&(before, Reverse(window)));
            self.sizes.insert((now, Reverse(window)));
            self.values = self.values + now - before;
        }
    }

    /// Makes a value the latest of its window; whether an earlier record had it.
    fn remember(&mut self, window: usize, hash: Hash) -> bool {
        let Window { marks, order } = &mut self.windows[window];
        let before = marks.get(&hash).copied();
        if let Some(mark) = before
            && mark.record / 2 == self.record
        {
            return mark.record % 2 == 1;
        }
        self.stamp += 1;
        marks.insert(hash, Mark { stamp: self.stamp, record: 2 * self.record + u64::from(before.is_some()) });
        order.insert(self.stamp, hash);
        match before {
            Some(mark) => {
                order.remove(&mark.stamp);
            }
            None => {
                let size = marks.len() - 1;
                self.resized(window, size);
            }
        }
        self.journal.push(Change { window: window as u32, hash, before });
        before.is_some()
    }

    fn forget_oldest(&mut self, window: usize) {
        let Window { marks, order } = &mut self.windows[window];
        if let Some((_, hash)) = order.pop_first() {
            let before = marks.remove(&hash);
            let size = marks.len() + 1;
            self.resized(window, size);
            self.journal.push(Change { window: window as u32, hash, before });
        }
    }

    /// The window with the most values, the first of several.
    fn largest(&self) -> usize {
        self.sizes.last().map_or(0, |(_, window)| window.0)
    }
}

fn hash(value: &[u8]) -> Hash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(value)[..16]);
    hash
}

#[cfg(test)]
mod tests;
