//! The product of a selection and a schema: for every message that a selector can reach, what becomes of each of its
//! fields, by number. Made once for a step and a schema; reads no message.
//!
//! A state stands for a message type at a node of the selection's automaton. Both are finite, so recursive types end. A
//! state in which nothing can be found and nothing has to go is never entered: such messages are skipped by length.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::automaton::{Builder, Elements, Names, Node, ROOT};
use super::super::selection::{Containers, Selection};
use super::descriptor::{Field, Label, Scalar, Tables, Type};
use super::schema::{MessageId, Schema};
use super::wire;

mod trim;

/// At most this many fields of all states together. Stops selectors whose combinations multiply over a large schema from
/// taking the memory; a message of 100 fields at 100 nodes has 10,000.
const MAX_FIELDS: usize = 1 << 19;

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
    },
}

/// A value at a node.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) accepts: Box<[u32]>,
    pub(super) hits: Box<[u32]>,
    pub(super) what: What,
}

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
    /// Compiles what a selection does with messages of one type.
    pub fn compile(selection: &Selection, schema: &Schema, message: MessageId) -> Result<Self, PlanError> {
        let sources = selection.sources();
        let mut compiler = Compiler {
            tables: &schema.tables,
            expand: selection.containers == Containers::Expand,
            allow_list: sources.keep.is_some(),
            builder: Builder::new(&sources),
            nodes: HashMap::new(),
            state_numbers: HashMap::new(),
            todo: Vec::new(),
            visit_numbers: HashMap::new(),
            states: Vec::new(),
            slots: Vec::new(),
            visits: Vec::new(),
            sites: Vec::new(),
            size: 0,
        };
        // The root is entered whatever is in it, so that all of its tags are read.
        let state = compiler.state(ROOT, message.0);
        let root = compiler.add_visit(ROOT, What::Enter(state));
        compiler.run()?;
        let Compiler { allow_list, states, slots, visits, sites, .. } = compiler;
        let (tables, fields) = (Arc::clone(&schema.tables), selection.fields());
        let mut plan = Self { tables, message: message.0, fields, states, slots, visits, sites, root, allow_list, unmatched: Vec::new() };
        plan.unmatched = plan.find_unmatched();
        plan.trim();
        Ok(plan)
    }

    /// The fields, by index, whose selector names no place of the schema: a typo, or a field that was renamed.
    #[must_use]
    pub fn unmatched(&self) -> &[usize] {
        &self.unmatched
    }

    fn find_unmatched(&self) -> Vec<usize> {
        let mut seen = vec![false; self.fields];
        let wholes = self.slots.iter().filter_map(|slot| slot.whole.as_ref()).flat_map(|whole| &whole.accepts);
        let accepts = self.visits.iter().flat_map(|visit| &visit.accepts).chain(wholes);
        accepts.for_each(|&field| seen[field as usize] = true);
        (0..self.fields).filter(|&field| !seen[field]).collect()
    }
}

struct Compiler<'a> {
    tables: &'a Tables,
    expand: bool,
    allow_list: bool,
    builder: Builder<'a>,
    nodes: HashMap<u32, Node>,
    state_numbers: HashMap<(u32, u32), u32>,
    /// States that are numbered and not compiled.
    todo: Vec<(u32, u32, u32)>,
    visit_numbers: HashMap<(u32, Type, Spot), u32>,
    states: Vec<State>,
    slots: Vec<Slot>,
    visits: Vec<Visit>,
    sites: Vec<Site>,
    size: usize,
}

impl Compiler<'_> {
    fn run(&mut self) -> Result<(), PlanError> {
        while let Some((number, node, message)) = self.todo.pop() {
            self.compile(number, node, message);
            if self.size > MAX_FIELDS {
                return Err(PlanError::TooComplex);
            }
        }
        Ok(())
    }

    fn node(&mut self, number: u32) -> &Node {
        self.nodes.entry(number).or_insert_with(|| self.builder.node(number))
    }

    fn state(&mut self, node: u32, message: u32) -> u32 {
        let next = self.states.len() as u32;
        let number = *self.state_numbers.entry((node, message)).or_insert(next);
        if number == next {
            self.states.push(State::default());
            self.todo.push((number, node, message));
        }
        number
    }

    fn compile(&mut self, number: u32, node: u32, message: u32) {
        let mut state = State { unknown: self.unknown(node), ..State::default() };
        let tables = self.tables;
        for field in &tables.message(message).fields {
            let entry = self.field(node, field, &mut state);
            if field.number < DIRECT {
                let at = field.number as usize;
                state.direct.resize(state.direct.len().max(at + 1), state.unknown);
                state.direct[at] = entry;
            } else {
                state.rest.push((field.number, entry));
            }
            self.size += 1;
        }
        self.states[number as usize] = state;
    }

    /// What becomes of a field that the schema does not have. Its name and its type are not known: where everything is
    /// edited it cannot be, and where everything stays it does.
    fn unknown(&mut self, node: u32) -> Entry {
        let other = self.node(node).names.other();
        let expand = self.expand;
        let other = self.node(other);
        let action = match (expand && !other.hits.is_empty(), other.covered) {
            (true, _) => Action::Refuse,
            (false, true) => Action::Pass,
            (false, false) => Action::Prune,
        };
        Entry { action, ..Entry::default() }
    }

    fn field(&mut self, node: u32, field: &Field, state: &mut State) -> Entry {
        let child = self.builder.member(node, &[&field.name, &field.json_name]);
        let packs = field.packs();
        let wires = 1 << field.kind.wire() | if packs { 1 << wire::LEN } else { 0 };
        // Under an allow list nothing stays that a reader would take for an unknown field.
        let pass = Entry { action: Action::Pass, wires: if self.allow_list { wires } else { ANY }, slot: 0 };
        let found = self.node(child);
        if found.inert {
            return pass;
        }
        let gone = !found.covered && !found.live;
        let whole = Whole { accepts: found.accepts.clone(), hits: found.hits.clone() };
        let (which, repeated) = match field.label {
            Label::Repeated | Label::Map if gone => return Entry { action: Action::Prune, wires, slot: 0 },
            Label::Repeated => (self.elements(child, field.kind), true),
            Label::Map => (self.map(child, field), true),
            Label::Required => (Which::One(self.visit(child, field.kind, Spot::Required)), false),
            Label::Optional => (Which::One(self.visit(child, field.kind, Spot::Optional)), false),
            Label::Implicit => (Which::One(self.visit(child, field.kind, Spot::Implicit)), false),
        };
        let from_end = matches!(&which, Which::Element(elements) if elements.has_back());
        let whole = Some(whole).filter(|_| repeated).map(|whole| if self.expand { Whole { hits: Box::default(), ..whole } } else { whole });
        let counts = matches!(which, Which::Element(_)) || whole.as_ref().is_some_and(|whole| !whole.hits.is_empty());
        let counter = counts.then_some(state.counters);
        state.counters += u32::from(counts);
        state.from_end |= from_end;
        state.indexed |= matches!(which, Which::Element(_));
        let slot = self.slots.len() as u32;
        self.slots.push(Slot { wire: field.kind.wire(), whole, counter, which, packs, once: false });
        Entry { action: Action::Visit, wires, slot }
    }

    fn elements(&mut self, node: u32, kind: Type) -> Which {
        let Node { elements, .. } = self.builder.node(node);
        let elements = elements.map(|element| self.visit(element, kind, Spot::Element));
        let mut all = elements.all();
        match (all.next(), all.next()) {
            (Some((_, one)), None) => Which::One(one),
            _ => {
                drop(all);
                Which::Element(elements)
            }
        }
    }

    fn map(&mut self, node: u32, field: &Field) -> Which {
        let tables = self.tables;
        let entry = field.entry().map(|entry| tables.message(entry));
        let part = |number| entry.and_then(|entry| entry.field(number)).map(|part| part.kind);
        // The compiler has checked that an entry has a scalar key, field 1, and a value, field 2.
        let key = part(1).and_then(|kind| if let Type::Scalar(key) = kind { Some(key) } else { None }).unwrap_or(Scalar::String);
        let value = part(2).unwrap_or(Type::Scalar(Scalar::Bytes));
        let Node { names, .. } = self.builder.node(node);
        Which::Entry { key, value, names: names.map(|node| self.visit(node, value, Spot::Value)) }
    }

    /// The number of what happens to a value of a type at a node.
    fn visit(&mut self, node: u32, kind: Type, spot: Spot) -> u32 {
        if let Some(&number) = self.visit_numbers.get(&(node, kind, spot)) {
            return number;
        }
        let Node { live, covered, inert, .. } = *self.node(node);
        let what = match kind {
            _ if inert => What::Pass,
            Type::Scalar(scalar) => {
                let site = Site { scalar, spot };
                match (covered, spot) {
                    (true, _) if self.node(node).hits.is_empty() => What::Pass,
                    (true, _) => What::Scalar(self.site(site)),
                    (false, Spot::Required) => What::Blank(self.site(site)),
                    (false, _) => What::Prune,
                }
            }
            // A message that has to stand there is emptied.
            Type::Message(message) | Type::Group(message) if live || (!covered && spot == Spot::Required) => {
                What::Enter(self.state(node, message))
            }
            Type::Message(_) | Type::Group(_) if covered => What::Pass,
            Type::Message(_) | Type::Group(_) => What::Prune,
        };
        let number = self.add_visit(node, what);
        self.visit_numbers.insert((node, kind, spot), number);
        number
    }

    fn add_visit(&mut self, node: u32, what: What) -> u32 {
        let expand = self.expand;
        let node = self.node(node);
        let accepts = node.accepts.clone();
        // Expanded, only scalars are hits.
        let hits = if expand && !matches!(what, What::Scalar(_)) { Box::default() } else { node.hits.clone() };
        self.visits.push(Visit { accepts, hits, what });
        self.visits.len() as u32 - 1
    }

    fn site(&mut self, site: Site) -> u32 {
        let found = self.sites.iter().position(|known| *known == site);
        found.unwrap_or_else(|| {
            self.sites.push(site);
            self.sites.len() - 1
        }) as u32
    }
}
