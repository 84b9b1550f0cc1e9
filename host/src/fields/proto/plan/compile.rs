//! Makes a plan: takes the automaton and the schema along each other, a message type at a node at a time. Reads no
//! message.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::super::automaton::{Builder, Node, ROOT};
use super::super::super::selection::{Containers, Selection};
use super::super::descriptor::Scalar;
use super::super::descriptor::{Field, Label, Tables, Type};
use super::super::schema::{MessageId, Schema};
use super::super::wire;
use super::{ANY, Action, DIRECT, Entry, Plan, PlanError, Site, Slot, Spot, State, Visit, What, Which, Whole};

/// At most this many fields of all states together. Stops selectors whose combinations multiply over a large schema from
/// taking the memory; a message of 100 fields at 100 nodes has 10,000.
const MAX_FIELDS: usize = 1 << 19;

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
        let Compiler { expand, allow_list, states, slots, visits, sites, .. } = compiler;
        let (tables, fields) = (Arc::clone(&schema.tables), selection.fields());
        let mut plan = Self { tables, message: message.0, fields, states, slots, visits, sites, root, allow_list, unmatched: Vec::new() };
        plan.unmatched = plan.find_unmatched();
        plan.trim();
        if expand {
            plan.mark_masked();
        }
        Ok(plan)
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
        let expand = self.expand;
        let masked = self.node(names.other()).hits.first().copied().filter(|_| expand);
        Which::Entry { key, value, names: names.map(|node| self.visit(node, value, Spot::Value)), masked }
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
