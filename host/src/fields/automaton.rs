//! Compiles selectors into a deterministic automaton over paths: one node for each set of things that can be true of a
//! value, with the node of every child. Built once for a step; knows no documents.
//!
//! A node stands for: which selectors are how far along, which name this very value, which field owns it by an expanded
//! container around it, and whether it stays under the allow list. Names and indexes that no selector writes lead to
//! one common node, so the automaton is as large as the selectors, not as the documents.

use std::collections::HashMap;

use super::rank::{self, Class, Order};
use super::selection::Containers;
use super::selector::{Selector, Step};

/// At most this many transitions, names and indexes of all nodes together. Stops selectors like `$..a[*][*][*]…`, whose
/// combinations multiply, from taking the memory at start. 100 descendant names need some 20,000.
const MAX_TRANSITIONS: usize = 1 << 18;

/// What an automaton is built from; without `keep` there is no allow list.
pub(super) struct Sources<'a> {
    pub(super) fields: &'a [Selector],
    pub(super) keep: Option<&'a [Selector]>,
    pub(super) containers: Containers,
}

/// The node of the root value.
pub(super) const ROOT: u32 = 0;

/// What is true of a value, and where its children go.
#[derive(Debug)]
pub(super) struct Node {
    /// Fields whose selector names this very value.
    pub(super) accepts: Box<[u32]>,
    /// Fields that get the value as a hit: of a scalar, and with `Composite` of any value.
    pub(super) hits: Box<[u32]>,
    /// Something can be found or has to be pruned inside.
    pub(super) live: bool,
    /// The value stays; always so without an allow list.
    pub(super) covered: bool,
    /// Nothing happens here or below: the value is only validated.
    pub(super) inert: bool,
    /// All names of an object count for duplicates, not only those in `names`.
    pub(super) strict: bool,
    pub(super) names: Names,
    pub(super) elements: Elements,
}

impl Node {
    /// Calls with every node that a child may have, some more than once.
    pub(super) fn each_child(&self, mut call: impl FnMut(u32)) {
        self.names.known().map(|(_, child)| child).chain([self.names.other()]).for_each(&mut call);
        self.elements.all().map(|(_, child)| child).for_each(call);
    }
}

/// Where the members of an object go.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// By length, so that a look-up compares bytes with few or none.
    names: Vec<(Box<[u8]>, u32)>,
    /// `names[first[n]..first[n + 1]]` are those of n bytes.
    first: Vec<u32>,
    other: u32,
}

/// Where a name leads.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) node: u32,
    /// Which of the node's names it was.
    pub(super) known: Option<u32>,
}

impl Names {
    /// `names` each once, with the node it leads to; all others lead to `other`.
    pub(super) fn new(mut names: Vec<(Box<[u8]>, u32)>, other: u32) -> Self {
        names.sort_by_key(|(name, _)| name.len());
        let longest = names.last().map_or(0, |(name, _)| name.len());
        let first = (0..longest + 2).map(|length| names.partition_point(|(name, _)| name.len() < length) as u32).collect();
        Self { names, first, other }
    }

    /// Where a member goes; `name` has its escapes resolved.
    #[inline(always)]
    pub(super) fn find(&self, name: &[u8]) -> Target {
        if let Some(&[first, end]) = self.first.get(name.len()..).and_then(|rest| rest.first_chunk::<2>()) {
            for at in first..end {
                if let Some((known, node)) = self.names.get(at as usize)
                    && **known == *name
                {
                    return Target { node: *node, known: Some(at) };
                }
            }
        }
        Target { node: self.other, known: None }
    }

    /// How many names selectors write here.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Every name that some selector writes, and where it leads.
    pub(super) fn known(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.names.iter().map(|(name, node)| (&**name, *node))
    }

    /// Where all other names lead.
    pub(super) fn other(&self) -> u32 {
        self.other
    }

    /// The same names, each leading elsewhere: from the automaton's nodes to those of a format's plan.
    pub(super) fn map(self, mut node: impl FnMut(u32) -> u32) -> Self {
        let names = self.names.into_iter().map(|(name, target)| (name, node(target))).collect();
        Self { names, first: self.first, other: node(self.other) }
    }
}

/// Where the elements of an array go: a table over (index that some selector writes, or none) and (index from the end,
/// or none).
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// Ascending.
    front: Vec<u64>,
    /// Ascending; 1 is the last.
    back: Vec<u64>,
    table: Vec<u32>,
}

impl Elements {
    /// Whether some index counts from the end, so that the array's length has to be known first.
    pub(super) fn has_back(&self) -> bool {
        !self.back.is_empty()
    }

    /// The node of element `index` of an array of `length` (which only matters with `has_back`).
    #[inline]
    pub(super) fn find(&self, index: u32, length: u32) -> u32 {
        let place = |list: &[u64], wanted: u64| list.binary_search(&wanted).unwrap_or(list.len());
        let front = place(&self.front, u64::from(index));
        let back = place(&self.back, u64::from(length.saturating_sub(index)));
        self.table.get(front * (self.back.len() + 1) + back).copied().unwrap_or(ROOT)
    }

    /// Every node that an element can have, by the index that leads there; none: any other.
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<i64>, u32)> {
        let width = self.back.len() + 1;
        self.table.iter().enumerate().map(move |(at, &node)| {
            let front = self.front.get(at / width).map(|&index| index as i64);
            let back = self.back.get(at % width).map(|&index| -(index as i64));
            (front.or(back), node)
        })
    }

    /// The same indexes, each leading elsewhere; see [`Names::map`].
    pub(super) fn map(self, node: impl FnMut(u32) -> u32) -> Self {
        Self { table: self.table.into_iter().map(node).collect(), ..self }
    }
}

/// One step down, as selectors can tell it apart.
#[derive(Clone, Copy)]
enum Child<'a> {
    /// The names that the member has, one in JSON; none: a name that no selector writes.
    Names(&'a [&'a str]),
    /// An index that some selector writes, and one from the end, or any other.
    Element { front: Option<u64>, back: Option<u64> },
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    /// (selector, segments passed) of the selectors under way, ascending. Fields come first, then keep.
    under_way: Vec<(usize, usize)>,
    accepts: Vec<u32>,
    /// The field that owns the value by itself or by a container around it; only with `Expand`.
    owner: Option<u32>,
    kept: bool,
    /// The root is no child: where the allow list is empty it still stays.
    root: bool,
}

/// The automaton, its root first; none past the limit.
pub(super) fn build(sources: &Sources<'_>) -> Option<Vec<Node>> {
    let mut builder = Builder::new(sources);
    let mut nodes = Vec::new();
    let mut transitions = 0;
    while nodes.len() < builder.states.len() {
        let node = builder.node(nodes.len() as u32);
        transitions += node.names.len() + node.elements.table.len() + 1;
        if transitions > MAX_TRANSITIONS {
            return None;
        }
        nodes.push(node);
    }
    for at in 0..nodes.len() {
        let other_is_inert = nodes.get(nodes[at].names.other as usize).is_some_and(|other| other.inert);
        nodes[at].strict = builder.allow_list || !other_is_inert || nodes[at].names.len() > u64::BITS as usize;
    }
    Some(nodes)
}

/// The automaton while it grows, node after node as somebody asks: all of it for documents that are not known
/// beforehand, or what a schema can reach.
pub(super) struct Builder<'a> {
    selectors: Vec<&'a Selector>,
    /// Of the fields.
    ranks: Vec<(Class, Order)>,
    allow_list: bool,
    containers: Containers,
    numbers: HashMap<State, u32>,
    /// By number.
    states: Vec<State>,
}

impl<'a> Builder<'a> {
    /// With the root as node [`ROOT`].
    pub(super) fn new(sources: &Sources<'a>) -> Self {
        let mut builder = Builder {
            selectors: sources.fields.iter().chain(sources.keep.unwrap_or_default()).collect(),
            ranks: sources.fields.iter().map(|field| (rank::class(field), rank::order(field))).collect(),
            allow_list: sources.keep.is_some(),
            containers: sources.containers,
            numbers: HashMap::new(),
            states: Vec::new(),
        };
        let nowhere = State { under_way: Vec::new(), accepts: Vec::new(), owner: None, kept: !builder.allow_list, root: true };
        let start = (0..builder.selectors.len()).map(|selector| (selector, 0)).collect();
        let root = State { root: true, ..builder.settle(&nowhere, start) };
        builder.number(root);
        builder
    }

    fn number(&mut self, state: State) -> u32 {
        let next = self.states.len() as u32;
        *self.numbers.entry(state).or_insert_with_key(|state| {
            self.states.push(state.clone());
            next
        })
    }

    /// What is true of a child, given what is true of its parent and which selectors have come how far.
    fn settle(&self, parent: &State, mut reached: Vec<(usize, usize)>) -> State {
        reached.sort_unstable();
        reached.dedup();
        let State { owner, kept, .. } = *parent;
        let mut state = State { under_way: Vec::new(), accepts: Vec::new(), owner, kept, root: false };
        for (selector, passed) in reached {
            if passed < self.selectors[selector].segments().len() {
                state.under_way.push((selector, passed));
            } else if selector < self.ranks.len() {
                state.accepts.push(selector as u32);
            } else {
                state.kept = true;
            }
        }
        match self.containers {
            Containers::Composite => state.kept |= !state.accepts.is_empty(),
            Containers::Expand => {
                let nearest = state.accepts.iter().copied().max_by_key(|&field| self.ranks[field as usize].1);
                let class = |field: Option<u32>| field.map(|field| self.ranks[field as usize].0);
                if nearest.is_some() && class(nearest) >= class(state.owner) {
                    state.owner = nearest;
                }
            }
        }
        state
    }

    /// The node of a member that has several names. It is what every selector says that writes one of them.
    pub(super) fn member(&mut self, number: u32, names: &[&str]) -> u32 {
        let state = self.states[number as usize].clone();
        self.child(&state, Child::Names(names))
    }

    fn child(&mut self, state: &State, child: Child<'_>) -> u32 {
        let mut reached = Vec::new();
        for &(selector, passed) in &state.under_way {
            let segment = &self.selectors[selector].segments()[passed];
            if segment.descendant {
                reached.push((selector, passed));
            }
            if picks(&segment.step, child) {
                reached.push((selector, passed + 1));
            }
        }
        let state = self.settle(state, reached);
        self.number(state)
    }

    /// A node with everything but `strict`, which needs those of its children.
    pub(super) fn node(&mut self, number: u32) -> Node {
        let state = &self.states[number as usize].clone();
        let covered = state.kept || state.owner.is_some();
        let live = !state.under_way.is_empty() || state.owner.is_some() || (state.root && !covered);
        let hits: Box<[u32]> = match self.containers {
            Containers::Composite => state.accepts.as_slice().into(),
            Containers::Expand => state.owner.into_iter().collect(),
        };
        let inert = covered && !live && hits.is_empty();
        let accepts = state.accepts.as_slice().into();
        let names = self.names(state);
        let elements = self.elements(state);
        Node { accepts, hits, live, covered, inert, strict: true, names, elements }
    }

    fn steps(&self, state: &State) -> Vec<&'a Step> {
        state.under_way.iter().map(|&(selector, passed)| &self.selectors[selector].segments()[passed].step).collect()
    }

    fn names(&mut self, state: &State) -> Names {
        let steps = self.steps(state);
        let mut names: Vec<&str> = steps.iter().filter_map(|step| if let Step::Name(name) = step { Some(&**name) } else { None }).collect();
        names.sort_unstable();
        names.dedup();
        let known = names.iter().map(|name| (name.as_bytes().into(), self.child(state, Child::Names(&[name])))).collect();
        let other = self.child(state, Child::Names(&[]));
        Names::new(known, other)
    }

    fn elements(&mut self, state: &State) -> Elements {
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for step in self.steps(state) {
            match step {
                Step::Index(index @ 0..) => front.push(index.unsigned_abs()),
                Step::Index(index) => back.push(index.unsigned_abs()),
                Step::Name(_) | Step::Wildcard => {}
            }
        }
        for list in [&mut front, &mut back] {
            list.sort_unstable();
            list.dedup();
        }
        let mut table = Vec::new();
        for front in front.iter().copied().map(Some).chain([None]) {
            for back in back.iter().copied().map(Some).chain([None]) {
                table.push(self.child(state, Child::Element { front, back }));
            }
        }
        Elements { front, back, table }
    }
}

fn picks(step: &Step, child: Child<'_>) -> bool {
    match (step, child) {
        (Step::Wildcard, _) => true,
        (Step::Name(name), Child::Names(found)) => found.contains(&&**name),
        (Step::Index(index @ 0..), Child::Element { front, .. }) => front == Some(index.unsigned_abs()),
        (Step::Index(index), Child::Element { back, .. }) => back == Some(index.unsigned_abs()),
        _ => false,
    }
}
