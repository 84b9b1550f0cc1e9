//! The key that a record goes on under. It must not make one key of two different ones: several values are written as
//! JSON, which keeps them apart.
use sluice_json::quote;
use sluice_plugin::{Answers, Batch, Kind, Value, action};

use crate::{Fault, column};

/// Where a key comes from.
#[derive(Debug)]
pub struct Rekey {
    /// Granted fields, by their indexes; one at least.
    pub from: Vec<usize>,
    /// Whether it is written as JSON: a value as it would stand in a document, several as an array.
    pub json: bool,
    /// Where a value is missing or null.
    pub miss: Miss,
}

/// What to do where a value for the key is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// The record is rejected.
    Reject,
    /// The key becomes null.
    Null,
    /// The key stays.
    Keep,
}

/// What becomes of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// It stays.
    Stays,
    /// It becomes null.
    Null,
    /// It becomes this.
    Is(Vec<u8>),
}

impl Key {
    /// The bytes, for a new record: `own` where they stay.
    pub fn or(self, own: Option<&[u8]>) -> Option<Vec<u8>> {
        match self {
            Self::Is(bytes) => Some(bytes),
            Self::Null => None,
            Self::Stays => own.map(<[u8]>::to_vec),
        }
    }
}

impl Rekey {
    /// The key of every record of the batch.
    pub fn keys(&self, batch: &Batch) -> Vec<Result<Key, Fault>> {
        let columns: Vec<_> = self.from.iter().map(|field| column::values(batch, *field)).collect();
        (0..batch.count as usize).map(|row| self.key(columns.iter().filter_map(|column| column.get(row)))).collect()
    }

    fn key<'v>(&self, values: impl Iterator<Item = &'v Result<Option<Value<'v>>, Fault>>) -> Result<Key, Fault> {
        let mut key = Vec::new();
        for (n, value) in values.enumerate() {
            let Some(value) = (*value)?.filter(|value| !value.is_null()) else {
                return match self.miss {
                    Miss::Reject => Err(Fault::KeyMissing),
                    Miss::Null => Ok(Key::Null),
                    Miss::Keep => Ok(Key::Stays),
                };
            };
            if self.from.len() > 1 {
                key.push(if n == 0 { b'[' } else { b',' });
            }
            match (self.json, value.kind) {
                (true, Kind::TEXT) => quote(value.as_str().ok_or(Fault::NotAScalar)?, &mut key),
                // Bytes are no JSON.
                (true, Kind::BYTES) => return Err(Fault::NotAScalar),
                _ => key.extend_from_slice(value.bytes),
            }
        }
        if self.from.len() > 1 {
            key.push(b']');
        }
        Ok(Key::Is(key))
    }
}

/// Answers to the keys of a batch, in order.
#[derive(Debug)]
pub struct Answer {
    answers: Answers,
    changes: bool,
}

impl Answer {
    /// Room for so many.
    pub fn with_capacity(count: usize) -> Self {
        let list = || Vec::with_capacity(count);
        Self { answers: Answers { actions: list(), kinds: list(), ends: Vec::with_capacity(count), data: Vec::new() }, changes: false }
    }

    /// Answers the next key.
    pub fn push(&mut self, key: &Key) {
        let (action, kind, bytes) = match key {
            Key::Stays => (action::KEEP, Kind::NULL, &[][..]),
            Key::Null => (action::REMOVE, Kind::NULL, &[][..]),
            Key::Is(bytes) => (action::SET, Kind::BYTES, bytes.as_slice()),
        };
        self.changes |= action != action::KEEP;
        self.answers.data.extend_from_slice(bytes);
        self.answers.actions.push(action);
        self.answers.kinds.push(kind.0);
        // Output past 4 GiB does not fit a guest's memory; a cut end would be refused by the host.
        self.answers.ends.push(u32::try_from(self.answers.data.len()).unwrap_or(u32::MAX));
    }

    /// All of them; none where every key stays.
    pub fn finish(self) -> Option<Answers> {
        self.changes.then_some(self.answers)
    }
}
