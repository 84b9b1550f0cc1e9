//! The places of a schema, one after the other, along the nodes of a selection. What a schema says of a place is read in
//! the file above; a place inside itself is seen once.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::automaton::{Node, ROOT};
use super::super::place::push_name;
use super::super::reach::Reach;
use super::super::scan::MAX_DEPTH;
use super::super::selection::{Containers, Selection};
use super::{At, Facts, Found, MAX_LEAVES, Plan, Reading, Schema};

impl Plan {
    /// What a selection makes of the schema.
    pub fn compile(selection: &Selection, schema: &Schema) -> Self {
        let mut visit = Visit {
            schema,
            nodes: &selection.nodes,
            composite: selection.containers == Containers::Composite,
            seen: vec![false; selection.fields],
            possible: vec![false; selection.nodes.len()],
            path: String::from("$"),
            around: Vec::new(),
            count: 0,
            reach: Reach::default(),
            below: reach(&selection.nodes),
            maps: Vec::new(),
            plan: Self { found: Vec::new(), unmatched: Vec::new(), maps: Vec::new() },
        };
        visit.place(ROOT, &[At::root(schema)]);
        let Visit { seen, mut plan, reach, maps, composite, .. } = visit;
        if !composite {
            let first = reach.first();
            plan.maps = maps.into_iter().filter_map(|(path, entries)| Some((first[entries as usize]?, path))).collect();
        }
        plan.unmatched = (0..selection.fields).filter(|&field| !seen[field]).collect();
        plan
    }
}

/// What can be found at and below each node.
fn reach(nodes: &[Node]) -> Vec<Option<u32>> {
    let mut reach = Reach::default();
    nodes.iter().for_each(|node| {
        reach.add(node.hits.first().copied());
    });
    for (node, at) in nodes.iter().zip(0..) {
        node.each_child(|child| reach.lies_in(child, at));
    }
    reach.first()
}

/// A container around a place.
struct Around {
    /// Node and schemas.
    key: (u32, Vec<*const Value>),
    place: u32,
}

struct Visit<'s> {
    schema: &'s Schema,
    nodes: &'s [Node],
    composite: bool,
    /// By field: its selector can name something.
    seen: Vec<bool>,
    /// By node: everything below was marked as seen.
    possible: Vec<bool>,
    path: String,
    /// The containers around the place.
    around: Vec<Around>,
    count: usize,
    /// Of places as they are met.
    reach: Reach,
    /// By node: the first field that could edit something there or below, whatever the document.
    below: Vec<Option<u32>>,
    /// Objects that are maps, with the place of their entries.
    maps: Vec<(String, u32)>,
    plan: Plan,
}

impl<'s> Visit<'s> {
    /// What stands at a place of which all these schemas speak; answers its number.
    fn place(&mut self, number: u32, schemas: &[At<'s>]) -> u32 {
        let node = &self.nodes[number as usize];
        node.accepts.iter().for_each(|&field| self.seen[field as usize] = true);
        let mut reading = Reading { schema: self.schema, turns: 0 };
        // A place that only refers to another is that other, so that what lies in itself is seen to.
        let schemas: Vec<At<'s>> = schemas.iter().map(|at| reading.target(*at)).collect();
        let key = (number, schemas.iter().map(|at| std::ptr::from_ref(at.schema)).collect());
        if let Some(again) = self.around.iter().find(|around| around.key == key).map(|around| around.place) {
            self.anything(number);
            self.lies_here(again);
            return again;
        }
        let place = self.reach.add(node.hits.first().copied());
        self.lies_here(place);
        if self.around.len() == MAX_DEPTH || self.count >= MAX_LEAVES {
            // It is too deep to look: whatever comes may come.
            self.anything(number);
            self.reach.edited(place, self.below[number as usize]);
            return place;
        }
        let facts = schemas.iter().map(|at| reading.facts(*at)).reduce(Facts::or).unwrap_or_default();
        self.count += 1;
        let scalars = facts.types.as_ref().map(|types| types.iter().copied().filter(|of| !matches!(*of, "object" | "array")).collect());
        let structured = !facts.properties.is_empty() || !facts.additional.is_empty() || !facts.items.is_empty();
        let bare = ["object", "array"].iter().any(|of| facts.types.is_some() && facts.may_be(of)) && !structured;
        match scalars {
            // Where the schema says nothing, what stands there is one place.
            None if !structured => self.leaf(node, None, &facts),
            Some(types) if !BTreeSet::is_empty(&types) => self.leaf(node, Some(types), &facts),
            // A container of which nothing else is known, or one that a field takes whole.
            _ if bare && !facts.closed || self.composite && !node.hits.is_empty() => self.leaf(node, facts.types.clone(), &facts),
            _ => {}
        }
        self.around.push(Around { key, place });
        if facts.may_be("object") {
            self.members(node, &facts);
        }
        if facts.may_be("array") {
            self.elements(node, &facts);
        }
        self.around.pop();
        place
    }

    /// The place is in the innermost container.
    fn lies_here(&mut self, place: u32) {
        if let Some(around) = self.around.last() {
            self.reach.lies_in(place, around.place);
        }
    }

    fn members(&mut self, node: &'s Node, facts: &Facts<'s>) {
        let before = self.maps.len();
        for (name, schemas) in &facts.properties {
            let child = node.names.find(name.as_bytes()).node;
            self.step(|path| push_name(path, name), |visit| visit.place(child, schemas));
        }
        let others =
            node.names.known().filter(|(name, _)| std::str::from_utf8(name).is_ok_and(|name| !facts.properties.contains_key(name)));
        for (name, child) in others {
            match () {
                () if !facts.additional.is_empty() => {
                    let name = String::from_utf8_lossy(name);
                    self.step(|path| push_name(path, &name), |visit| visit.place(child, &facts.additional));
                }
                () if !facts.closed => self.unknown(child),
                () => {}
            }
        }
        let other = node.names.other();
        if !facts.additional.is_empty() {
            let path = self.path.clone();
            let entries = self.step(|path| path.push_str("[*]"), |visit| visit.place(other, &facts.additional));
            self.maps.insert(before, (path, entries));
        }
        if !facts.closed {
            self.unknown(other);
        }
    }

    fn elements(&mut self, node: &'s Node, facts: &Facts<'s>) {
        let all: Vec<(Option<i64>, u32)> = node.elements.all().collect();
        for (at, &(index, child)) in all.iter().enumerate() {
            // Several indexes may lead to one node; the last is any other element.
            if all.iter().skip(at + 1).any(|&(_, other)| other == child) {
                continue;
            }
            if facts.items.is_empty() {
                self.unknown(child);
                continue;
            }
            let step = index.map_or("[*]".to_owned(), |index| format!("[{index}]"));
            self.step(|path| path.push_str(&step), |visit| visit.place(child, &facts.items));
        }
    }

    /// Of what stands in the innermost container at this node nothing is said.
    fn unknown(&mut self, number: u32) {
        self.anything(number);
        if let Some(around) = self.around.last() {
            self.reach.edited(around.place, self.below[number as usize]);
        }
    }

    /// Whatever the selectors go on to from here may be there.
    fn anything(&mut self, number: u32) {
        let mut left = vec![number];
        while let Some(number) = left.pop() {
            if std::mem::replace(&mut self.possible[number as usize], true) {
                continue;
            }
            let node = &self.nodes[number as usize];
            node.accepts.iter().for_each(|&field| self.seen[field as usize] = true);
            node.each_child(|child| left.push(child));
        }
    }

    fn step<T>(&mut self, push: impl FnOnce(&mut String), visit: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.path.len();
        push(&mut self.path);
        let found = visit(self);
        self.path.truncate(length);
        found
    }

    fn leaf(&mut self, node: &Node, types: Option<BTreeSet<&'static str>>, facts: &Facts<'_>) {
        // What stays as a container, however little of it.
        let container = |of: &BTreeSet<&str>| of.contains("object") || of.contains("array");
        let listed = node.covered || node.live && types.as_ref().is_none_or(container);
        self.plan.found.push(Found {
            path: self.path.clone(),
            types,
            field: node.hits.first().copied(),
            listed,
            root: self.around.is_empty(),
            any_text: !facts.formed,
            uuid: facts.uuid,
        });
    }
}
