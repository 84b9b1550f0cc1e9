//! The product of a selection and a schema: for every message that a selector can reach, what becomes of each of its
//! fields, by number. Made once for a step and a schema; reads no message.
//!
//! A state stands for a message type at a node of the selection's automaton. Both are finite, so recursive types end. A
//! state in which nothing can be found and nothing has to go is never entered: such messages are skipped by length.

use std::sync::Arc;

use super::super::automaton::{Elements, Names};
use super::descriptor::{Scalar, Tables, Type};

mod compile;
mod masked;
mod trim;

/// Field numbers below this are found by place, others by search.
pub(super) const DIRECT: u32 = 64;

/// What one step does with the messages of one type.
#[derive(Debug)]
pub struct Plan {
    pub(super) tables: Arc<Tables>,
    /// The root message.
    pub(super) message: u32,
    pub(super) fields: usize,
    pub(super) states: Vec<State>,
    pub(super) slots: Vec<Slot>,
    pub(super) visits: Vec<Visit>,
    pub(super) sites: Vec<Site>,
    /// The visit of the root message.
    pub(super) root: u32,
    allow_list: bool,
    unmatched: Vec<usize>,
}

/// Why a selection and a schema do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Past the limit on compiled states.
    #[error("these selectors are too complex together for this schema; use fewer descendants and wildcards")]
    TooComplex,
}

/// A message type at a node.
#[derive(Debug, Default)]
pub(super) struct State {
    /// By number, those below [`DIRECT`].
    direct: Vec<Entry>,
    /// Ascending by number, the others.
    rest: Vec<(u32, Entry)>,
    /// For numbers that the schema does not have.
    unknown: Entry,
    /// How many of its slots count their occurrences.
    pub(super) counters: u32,
    /// Some slot has to know how many occurrences there are in all.
    pub(super) from_end: bool,
    /// Some element below is selected by its index, and in a message that came in parts it would have another.
    indexed: bool,
}

/// What becomes of a field number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) action: Action,
    /// One bit a wire type that is right here.
    pub(super) wires: u8,
    pub(super) slot: u32,
}

/// What the walk does with an occurrence of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It stays, unseen.
    Pass,
    /// It goes.
    Prune,
    /// See its slot.
    Visit,
    /// It is not in the schema, and all that is here would have to be selected.
    Refuse,
}

/// All wire types but the end of a group.
const ANY: u8 = 0b10_1111;

impl Default for Entry {
    fn default() -> Self {
        Self { action: Action::Pass, wires: ANY, slot: 0 }
    }
}

/// A field on the way or selected.
#[derive(Debug)]
pub(super) struct Slot {
    /// The wire type of one value.
    pub(super) wire: u8,
    /// Of a repeated field as a whole: what is true of it besides its elements.
    pub(super) whole: Option<Whole>,
    pub(super) counter: Option<u32>,
    pub(super) which: Which,
    /// A number that may stand packed.
    pub(super) packs: bool,
    /// It must not occur twice: elements inside are selected by index.
    pub(super) once: bool,
}

/// The fields whose selectors name a repeated field as one value.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) accepts: Box<[u32]>,
    /// Only with [`Containers::Composite`].
    pub(super) hits: Box<[u32]>,
}

/// Which visit an occurrence is.
#[derive(Debug)]
pub(super) enum Which {
    One(u32),
    Element(Elements),
    /// By the key, of a scalar type; the value's wire type follows from the visit.
    Entry {
        key: Scalar,
        value: Type,
        names: Names,
        /// The first field that edits what stands under keys that no selector writes, or something in it.
        masked: Option<u32>,
    },
}

/// A value at a node.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) accepts: Box<[u32]>,
    pub(super) hits: Box<[u32]>,
    pub(super) what: What,
}

/// What becomes of a value. `Blank` and `Scalar` have the number of a [`Site`], `Enter` of a [`State`].
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// It stays.
    Pass,
    /// It goes.
    Prune,
    /// A scalar that has to stand there and is not listed: it becomes zero.
    Blank(u32),
    Scalar(u32),
    /// A message or group to be entered.
    Enter(u32),
}

/// A description of a scalar's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Site {
    pub(super) scalar: Scalar,
    pub(super) spot: Spot,
}

/// What a value is in its message, which decides whether it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spot {
    /// A field that has to stand in its message.
    Required,
    /// A field whose absence is told from its default.
    Optional,
    /// A field whose absence is its default.
    Implicit,
    Element,
    /// The value of a map's entry.
    Value,
}

impl State {
    /// What becomes of that field number; also of one that the schema does not have.
    #[inline(always)]
    pub(super) fn find(&self, number: u32) -> Entry {
        match self.direct.get(number as usize) {
            Some(entry) => *entry,
            None if number < DIRECT => self.unknown,
            None => self.search(number),
        }
    }

    fn search(&self, number: u32) -> Entry {
        let at = self.rest.binary_search_by_key(&number, |(known, _)| *known).ok();
        at.and_then(|at| self.rest.get(at)).map_or(self.unknown, |(_, entry)| *entry)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.direct.iter().chain(self.rest.iter().map(|(_, entry)| entry)).chain([&self.unknown])
    }

    fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.direct.iter_mut().chain(self.rest.iter_mut().map(|(_, entry)| entry))
    }
}

impl Plan {
    /// The fields, by index, whose selector names no place of the schema: a typo, or a field that was renamed.
    #[must_use]
    pub fn unmatched(&self) -> &[usize] {
        &self.unmatched
    }

    /// The fields that edit the entries of a map, or what is in them, whatever their keys.
    pub(super) fn masked_maps(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().filter_map(|slot| if let Which::Entry { masked, .. } = slot.which { masked } else { None })
    }

    fn find_unmatched(&self) -> Vec<usize> {
        let mut seen = vec![false; self.fields];
        let wholes = self.slots.iter().filter_map(|slot| slot.whole.as_ref()).flat_map(|whole| &whole.accepts);
        let accepts = self.visits.iter().flat_map(|visit| &visit.accepts).chain(wholes);
        accepts.for_each(|&field| seen[field as usize] = true);
        (0..self.fields).filter(|&field| !seen[field]).collect()
    }
}
