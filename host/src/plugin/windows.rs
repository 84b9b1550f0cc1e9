//! What a step of a lane remembers of the values that it met: the last distinct ones, per name and source partition. It
//! outlives the plugin's instances, must not outlive its lane, and keeps hashes, never values.
//!
//! Every change is written down until the transaction that it belongs to is committed, so that a call that failed and a
//! transaction that was aborted are taken back exactly (I4):
//!
//! ```text
//! remember ─▶ remember ─▶ … ─▶ commit: the journal is forgotten
//!     └─ rollback_to(mark): a call failed; rollback_to(0): the transaction was aborted
//! ```

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

/// Bytes of a window's name.
pub const NAME_BYTES: usize = 64;
/// Names of one step. Stops a guest that names its windows after its records.
pub const NAMES: usize = 16;
/// Values that one window may remember.
pub const LIMIT: u32 = 1_000_000;
/// Values that all windows of one step in one lane remember together, about a hundred bytes each. Stops windows of many
/// partitions from filling the memory that all lanes share.
pub const VALUES: usize = 1_000_000;
/// Changes that one transaction may make, about fifty bytes each. Stops a guest that asks in a loop; a call that reaches
/// it fails, the lane commits what it has, and the call succeeds with an empty journal.
pub const CHANGES: usize = 1 << 20;

/// The first half of a value's SHA-256.
type Hash = [u8; 16];

/// Why values are not remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A name or a limit that is none.
    Malformed,
    /// More than [`NAMES`].
    TooManyNames,
    /// More than [`CHANGES`].
    TooManyChanges,
}

/// Which window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) topic: &'a str,
    pub(super) partition: i32,
}

/// All windows of one step in one lane.
#[derive(Default)]
pub struct Windows {
    places: HashMap<(Box<str>, Box<str>, i32), usize>,
    windows: Vec<Window>,
    names: Vec<Box<str>>,
    journal: Vec<Change>,
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
            if self.values > VALUES {
                self.forget_oldest(self.largest());
            }
            if self.journal.len() > CHANGES {
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
        for Change { window, hash, before } in self.journal.drain(mark.min(self.journal.len())..).rev() {
            let Window { marks, order } = &mut self.windows[window as usize];
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
            self.values = self.values + usize::from(before.is_some()) - usize::from(now.is_some());
        }
    }

    /// The transaction is committed: its changes stay.
    pub fn commit(&mut self) {
        self.journal.clear();
    }

    fn window(&mut self, at: Place<'_>) -> Result<usize, Refusal> {
        if !self.names.iter().any(|name| **name == *at.name) {
            if self.names.len() == NAMES {
                return Err(Refusal::TooManyNames);
            }
            self.names.push(at.name.into());
        }
        Ok(match self.places.entry((at.name.into(), at.topic.into(), at.partition)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.windows.push(Window::default());
                *new.insert(self.windows.len() - 1)
            }
        })
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
            None => self.values += 1,
        }
        self.journal.push(Change { window: window as u32, hash, before });
        before.is_some()
    }

    fn forget_oldest(&mut self, window: usize) {
        let Window { marks, order } = &mut self.windows[window];
        if let Some((_, hash)) = order.pop_first() {
            let before = marks.remove(&hash);
            self.values -= 1;
            self.journal.push(Change { window: window as u32, hash, before });
        }
    }

    /// The window with the most values, the first of several.
    fn largest(&self) -> usize {
        let sizes = self.windows.iter().map(|window| window.marks.len());
        sizes.enumerate().rev().max_by_key(|(_, size)| *size).map_or(0, |(largest, _)| largest)
    }
}

fn hash(value: &[u8]) -> Hash {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(value)[..16]);
    hash
}

#[cfg(test)]
mod tests;
