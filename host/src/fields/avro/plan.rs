//! A selection compiled for one schema: the product of the selection's automaton with the schema's types, so that a
//! record's fields are told apart once and not record by record, and what no selector reaches is passed over. Reads no
//! datum (`walk` does).

use std::collections::HashMap;
use std::fmt;

use super::super::automaton::{Builder, Elements, Names, ROOT};
use super::super::reach::Reach;
use super::super::selection::{Containers, Selection};
use super::schema::{Run, Schema, Tables, Type};

#[cfg(test)]
mod tests;

/// At most this many fields, names, indexes and branches of all nodes together. Stops selectors and schemas whose
/// combinations multiply.
const MAX_TRANSITIONS: usize = 1 << 18;

/// A selection compiled for one schema, once for a step and a schema.
///
/// Selecting and patching mean what they mean for JSON, with these differences, which come from the schema:
/// - A record's field cannot go. Removing it makes it null where its type allows that and is refused otherwise. Under an
///   allow list a field that is not named is cleared as [`Edit::Clear`](super::super::Edit::Clear) would with an empty
///   text: a string becomes empty, anything else null or its type's zero.
/// - Array elements and map entries go as in JSON.
/// - A name of a record in a selector may also be an alias of one of its fields.
/// - Where a selection does not expand containers nothing is edited.
pub struct Plan {
    pub(super) schema: Schema,
    /// The root's first.
    pub(super) nodes: Vec<Node>,
    pub(super) sites: Vec<Site>,
    pub(super) fields: usize,
    pub(super) composite: bool,
    /// An index from the end stands on the way to something.
    pub(super) from_end: bool,
    unmatched: Vec<usize>,
}

/// Why a selection and a schema do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Past the limit on compiled places.
    #[error("these selectors are too complex together for this schema; use fewer descendants and wildcards")]
    TooComplex,
}

/// What happens at a place of the schema, by what is true of it for the selection.
#[derive(Debug)]
pub(super) struct Node {
    /// The type; of a union's branch, not of the union.
    pub(super) of: u32,
    /// Fields whose selector names this very value.
    pub(super) accepts: Box<[u32]>,
    /// Fields that get the value.
    pub(super) hits: Box<[u32]>,
    /// The value stays; always so without an allow list.
    pub(super) covered: bool,
    /// Nothing happens here or below.
    pub(super) inert: bool,
    pub(super) site: u32,
    pub(super) walk: Walk,
}

/// Where the walk goes on from a node.
#[derive(Debug)]
pub(super) enum Walk {
    /// Nowhere: a scalar.
    Scalar,
    /// Over the value: a container without anything to find in it.
    Over,
    /// Into the branch that the value has.
    Union(Box<[u32]>),
    Record(Fields),
    Array {
        item: u32,
        elements: Elements,
    },
    Map {
        value: u32,
        names: Names,
        strict: bool,
        /// The first field that edits what stands under names that no selector writes, or something in it.
        masked: Option<u32>,
    },
}

/// The fields of a record.
#[derive(Debug)]
pub(super) struct Fields {
    /// Their types.
    pub(super) run: Run,
    /// The node of each.
    pub(super) nodes: Box<[u32]>,
    /// The same with the inert ones in runs.
    pub(super) steps: Box<[Step]>,
}

/// One stretch of a record's fields, in the order of the datum.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Fields that are passed over, as a run of the schema's children.
    Over(Run),
    Into(u32),
}

/// What a new value at a place has to know: the types around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Site {
    /// The type of the value itself.
    pub(super) of: u32,
    /// The union that it is a branch of, and which one.
    pub(super) union: Option<(u32, u32)>,
    pub(super) parent: Parent,
}

/// What a value is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Parent {
    /// It is the datum.
    Root,
    Field,
    Element,
    Entry,
}

impl Plan {
    /// Compiles a selection for the schema that wrote the bodies to come.
    pub fn compile(selection: &Selection, schema: &Schema) -> Result<Self, PlanError> {
        let tables = &*schema.tables;
        let mut compiler = Compiler {
            tables,
            automaton: Builder::new(&selection.sources()),
            expand: selection.containers == Containers::Expand,
            numbers: HashMap::new(),
            keys: Vec::new(),
            site_numbers: HashMap::new(),
            sites: Vec::new(),
        };
        compiler.number(ROOT, Site { of: tables.root, union: None, parent: Parent::Root });
        let mut nodes: Vec<Node> = Vec::new();
        let mut transitions = 0;
        while let Some(&(state, site)) = compiler.keys.get(nodes.len()) {
            let node = compiler.node(state, site);
            transitions += 1;
            node.walk.each_child(|_| transitions += 1);
            if transitions > MAX_TRANSITIONS {
                return Err(PlanError::TooComplex);
            }
            nodes.push(node);
        }
        mark_inert(&mut nodes);
        settle(&mut nodes, selection.keep.is_some());
        if compiler.expand {
            mark_masked(&mut nodes);
        }
        let mut seen = vec![false; selection.fields];
        nodes.iter().flat_map(|node| &node.accepts).for_each(|&field| seen[field as usize] = true);
        let unmatched = (0..selection.fields).filter(|&field| !seen[field]).collect();
        let from_end = nodes.iter().any(|node| matches!(&node.walk, Walk::Array { elements, .. } if elements.has_back() && !node.inert));
        Ok(Self {
            schema: schema.clone(),
            nodes,
            sites: compiler.sites,
            fields: selection.fields,
            composite: selection.containers == Containers::Composite,
            from_end,
            unmatched,
        })
    }

    /// The fields, by index, whose selector names no place of the schema: a typo, or a field that was renamed.
    #[must_use]
    pub fn unmatched(&self) -> &[usize] {
        &self.unmatched
    }

    /// The fields that edit the entries of a map, or what is in them, whatever their names.
    pub(super) fn masked_maps(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().filter_map(|node| if let Walk::Map { masked, .. } = node.walk { masked } else { None })
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plan").field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

impl Walk {
    /// Calls with every node that may come next, some more than once.
    pub(super) fn each_child(&self, mut call: impl FnMut(u32)) {
        match self {
            Self::Scalar | Self::Over => {}
            Self::Union(branches) => branches.iter().copied().for_each(call),
            Self::Record(fields) => fields.nodes.iter().copied().for_each(call),
            Self::Array { elements, .. } => elements.all().for_each(|(_, node)| call(node)),
            Self::Map { names, .. } => {
                names.known().for_each(|(_, node)| call(node));
                call(names.other());
            }
        }
    }
}

struct Compiler<'a> {
    tables: &'a Tables,
    automaton: Builder<'a>,
    expand: bool,
    numbers: HashMap<(u32, Site), u32>,
    /// By number: the automaton's node and the place.
    keys: Vec<(u32, Site)>,
    site_numbers: HashMap<Site, u32>,
    sites: Vec<Site>,
}

impl Compiler<'_> {
    fn number(&mut self, state: u32, site: Site) -> u32 {
        let next = self.keys.len() as u32;
        *self.numbers.entry((state, site)).or_insert_with(|| {
            self.keys.push((state, site));
            next
        })
    }

    fn child(&mut self, state: u32, of: u32, parent: Parent) -> u32 {
        self.number(state, Site { of, union: None, parent })
    }

    fn node(&mut self, state: u32, site: Site) -> Node {
        let known = self.automaton.node(state);
        let of = self.tables.get(site.of);
        let closed = known.inert || !known.live;
        let walk = match of {
            Type::Union(_) if known.inert => Walk::Over,
            Type::Union(run) => {
                let branches = self.tables.children(run).iter().zip(0..);
                let branch = |(&branch, at)| self.number(state, Site { of: branch, union: Some((site.of, at)), ..site });
                Walk::Union(branches.map(branch).collect())
            }
            _ if closed && of.is_container() => Walk::Over,
            Type::Record { number, fields } => {
                let nodes = self.tables.children(fields).iter().zip(&self.tables.records[number as usize].fields);
                let nodes = nodes.map(|(&child, field)| {
                    let names: Vec<&str> = std::iter::once(&field.name).chain(&field.aliases).map(|name| &**name).collect();
                    let state = self.automaton.member(state, &names);
                    self.child(state, child, Parent::Field)
                });
                Walk::Record(Fields { run: fields, nodes: nodes.collect(), steps: Box::default() })
            }
            Type::Array(item) => {
                let elements = known.elements.map(|state| self.child(state, item, Parent::Element));
                Walk::Array { item, elements }
            }
            Type::Map(value) => {
                let names = known.names.map(|state| self.child(state, value, Parent::Entry));
                Walk::Map { value, names, strict: true, masked: None }
            }
            _ => Walk::Scalar,
        };
        // A union is transparent: what is true of the value is true of the branch it has.
        let transparent = matches!(walk, Walk::Union(_));
        let list = |list: Box<[u32]>| if transparent { Box::default() } else { list };
        Node {
            of: site.of,
            accepts: list(known.accepts),
            hits: list(known.hits),
            covered: transparent || known.covered || (known.live && of.is_container()),
            inert: true,
            site: self.site(site),
            walk,
        }
    }

    fn site(&mut self, site: Site) -> u32 {
        let next = self.sites.len() as u32;
        *self.site_numbers.entry(site).or_insert_with(|| {
            self.sites.push(site);
            next
        })
    }
}

/// A node where something happens keeps all on the way to it from being passed over.
fn mark_inert(nodes: &mut [Node]) {
    let mut parents: Vec<Vec<u32>> = vec![Vec::new(); nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        node.walk.each_child(|child| parents[child as usize].push(at as u32));
    }
    let acts = |node: &Node| !node.covered || !node.hits.is_empty() || !node.accepts.is_empty();
    let mut active: Vec<u32> = (0..nodes.len() as u32).filter(|&at| acts(&nodes[at as usize])).collect();
    while let Some(at) = active.pop() {
        if std::mem::take(&mut nodes[at as usize].inert) {
            active.extend(&parents[at as usize]);
        }
    }
}

/// Fills in what needs to know which nodes are inert.
fn settle(nodes: &mut [Node], allow_list: bool) {
    for at in 0..nodes.len() {
        let mut walk = std::mem::replace(&mut nodes[at].walk, Walk::Over);
        match &mut walk {
            Walk::Record(fields) => fields.steps = steps(&fields.nodes, fields.run, nodes),
            Walk::Map { names, strict, .. } => {
                *strict = allow_list || !nodes[names.other() as usize].inert || names.len() > u64::BITS as usize;
            }
            _ => {}
        }
        nodes[at].walk = walk;
    }
}

/// Names are data where something is edited at or below entries that are picked whatever they are called.
fn mark_masked(nodes: &mut [Node]) {
    let mut reach = Reach::default();
    nodes.iter().for_each(|node| {
        reach.add(node.hits.first().copied());
    });
    for (node, at) in nodes.iter().zip(0..) {
        node.walk.each_child(|child| reach.lies_in(child, at));
    }
    let first = reach.first();
    for node in nodes {
        if let Walk::Map { names, masked, .. } = &mut node.walk {
            *masked = first[names.other() as usize];
        }
    }
}

fn steps(fields: &[u32], run: Run, nodes: &[Node]) -> Box<[Step]> {
    let mut steps: Vec<Step> = Vec::new();
    for (&node, child) in fields.iter().zip(run.first..) {
        match steps.last_mut() {
            _ if !nodes[node as usize].inert => steps.push(Step::Into(node)),
            Some(Step::Over(over)) => over.count += 1,
            _ => steps.push(Step::Over(Run { first: child, count: 1 })),
        }
    }
    steps.into()
}
