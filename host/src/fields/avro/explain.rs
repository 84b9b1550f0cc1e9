//! A plan in words: every place of the schema, what the selection makes of it, and what may be set there. Looks at no
//! datum and decides nothing.

use super::super::hit::Kind;
use super::super::place::{Kinds, Leaf, Place, UNLISTED_MAP, push_name};
use super::super::scan::MAX_DEPTH;
use super::logical::Logical;
use super::plan::{Node, Parent, Plan, Walk};
use super::schema::{Tables, Type};

#[cfg(test)]
mod tests;

/// At most so many leaves and containers are listed. Stops schemas whose records lie in each other in ever more ways.
pub const MAX_LEAVES: usize = 1 << 14;

impl Plan {
    /// Every place of the schema where a single value stands, in its order. A container that lies in itself is listed
    /// as one where it comes again. The list ends at [`MAX_LEAVES`].
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.each_leaf(&mut |path, _, found| {
            leaves.push(Leaf { path: path.to_owned(), type_name: found.type_name, field: found.field, listed: found.listed });
        });
        leaves
    }

    /// Where the allow list names neither the place nor a container around it, as paths: what a new version of a schema
    /// brought along. Empty without an allow list.
    #[must_use]
    pub fn unlisted(&self) -> Vec<String> {
        self.leaves().into_iter().filter(|leaf| !leaf.listed).map(|leaf| leaf.path).collect()
    }

    /// Every place that hands its values to the field, and what may be set there.
    pub fn places(&self, field: u32) -> impl Iterator<Item = Place> {
        let tables = &*self.schema.tables;
        let mut places = Vec::new();
        self.each_leaf(&mut |path, parent, found| {
            if found.field != Some(field) {
                return;
            }
            let types = || found.types.iter().map(|&of| tables.get(of));
            let nullable = types().any(|of| matches!(of, Type::Null));
            places.push(Place {
                path: path.to_owned(),
                nullable,
                removable: nullable && parent != Parent::Root || matches!(parent, Parent::Element | Parent::Entry),
                kinds: types().map(kinds).fold(Kinds::default(), Kinds::or),
                uuid: types().any(|of| matches!(of, Type::String(Logical::Uuid) | Type::Fixed { logical: Logical::Uuid, .. })),
                sized: types().all(|of| !matches!(of, Type::Bytes(_))) && types().any(|of| matches!(of, Type::Fixed { .. })),
                several: types().filter(|of| !matches!(of, Type::Null)).count() > 1,
                any_text: types().any(|of| matches!(of, Type::String(Logical::None))),
                type_name: found.type_name,
            });
        });
        places.into_iter()
    }

    /// The maps in whose entries a field edits something whatever their names, which are data, and stay: by field, with the
    /// path.
    #[must_use]
    pub fn open_names(&self) -> Vec<(u32, String)> {
        let mut found = Vec::new();
        self.each(&mut |_, _, _| {}, &mut |path, field| found.push((field, path.to_owned())));
        // The list of places has an end, this must have none.
        let beyond: Vec<u32> = self.masked_maps().filter(|field| found.iter().all(|(known, _)| known != field)).collect();
        found.into_iter().chain(beyond.into_iter().map(|field| (field, UNLISTED_MAP.to_owned()))).collect()
    }

    fn each_leaf(&self, call: &mut dyn FnMut(&str, Parent, Found)) {
        self.each(call, &mut |_, _| {});
    }

    fn each(&self, call: &mut dyn FnMut(&str, Parent, Found), names: &mut dyn FnMut(&str, u32)) {
        let tables = &*self.schema.tables;
        Visit { plan: self, tables, path: String::from("$"), around: Vec::new(), count: 0, call, names }.node(0, Parent::Root);
    }
}

/// What was found at a place.
struct Found {
    type_name: String,
    /// The scalar types that a value may have there.
    types: Vec<u32>,
    field: Option<u32>,
    listed: bool,
}

struct Visit<'a> {
    plan: &'a Plan,
    tables: &'a Tables,
    path: String,
    /// The containers around the place.
    around: Vec<Around>,
    count: usize,
    call: &'a mut dyn FnMut(&str, Parent, Found),
    /// Of a map in whose entries a field edits something whatever their names.
    names: &'a mut dyn FnMut(&str, u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Node(u32),
    /// Below a node that the walk passes over.
    Type(u32),
}

impl Visit<'_> {
    fn node(&mut self, number: u32, parent: Parent) {
        let plan = self.plan;
        let node = &plan.nodes[number as usize];
        match &node.walk {
            Walk::Union(branches) => {
                let branches = || branches.iter().map(|&branch| (branch, &plan.nodes[branch as usize]));
                let types = branches().map(|(_, node)| node.of).collect();
                let scalar = branches().map(|(_, node)| node).find(|node| matches!(node.walk, Walk::Scalar));
                self.leaf_of_union(
                    types,
                    parent,
                    scalar.and_then(|node| node.hits.first().copied()),
                    scalar.is_none_or(|node| node.covered),
                );
                branches().filter(|(_, node)| !matches!(node.walk, Walk::Scalar)).for_each(|(branch, _)| self.node(branch, parent));
            }
            Walk::Scalar => self.leaf(vec![node.of], parent, node.hits.first().copied(), node.covered),
            Walk::Over => {
                self.taken_whole(node, parent);
                if !self.plan.composite || node.hits.is_empty() {
                    self.types(node.of, parent, node.covered);
                }
            }
            Walk::Record(_) | Walk::Array { .. } | Walk::Map { .. } => {
                self.taken_whole(node, parent);
                self.within(Around::Node(number), node.of, parent, |visit| visit.children(node));
            }
        }
    }

    /// Where a field gets a container as one.
    fn taken_whole(&mut self, node: &Node, parent: Parent) {
        if let (true, Some(&field)) = (self.plan.composite, node.hits.first()) {
            self.leaf(vec![node.of], parent, Some(field), node.covered);
        }
    }

    fn children(&mut self, node: &Node) {
        match (&node.walk, self.tables.get(node.of)) {
            (Walk::Record(fields), Type::Record { number, .. }) => {
                let names = &self.tables.records[number as usize].fields;
                for (&child, name) in fields.nodes.iter().zip(names) {
                    self.step(|path| push_name(path, &name.name), |visit| visit.node(child, Parent::Field));
                }
            }
            (Walk::Map { names, masked, .. }, _) => {
                if let Some(field) = *masked {
                    (self.names)(&self.path, field);
                }
                for (name, child) in names.known() {
                    let name = String::from_utf8_lossy(name);
                    self.step(|path| push_name(path, &name), |visit| visit.node(child, Parent::Entry));
                }
                self.step(|path| path.push_str("[*]"), |visit| visit.node(names.other(), Parent::Entry));
            }
            (Walk::Array { elements, .. }, _) => {
                let all: Vec<(Option<i64>, u32)> = elements.all().collect();
                for (at, &(index, child)) in all.iter().enumerate() {
                    // Several indexes may lead to one node; the last is any other element.
                    if all.iter().skip(at + 1).any(|&(_, other)| other == child) {
                        continue;
                    }
                    let step = index.map_or("[*]".to_owned(), |index| format!("[{index}]"));
                    self.step(|path| path.push_str(&step), |visit| visit.node(child, Parent::Element));
                }
            }
            _ => {}
        }
    }

    /// Below a node where nothing happens, or all goes.
    fn types(&mut self, number: u32, parent: Parent, listed: bool) {
        let tables = self.tables;
        match tables.get(number) {
            Type::Union(run) => {
                let branches = tables.children(run);
                self.leaf_of_union(branches.to_vec(), parent, None, listed);
                branches.iter().filter(|&&branch| tables.get(branch).is_container()).for_each(|&branch| self.types(branch, parent, listed));
            }
            Type::Record { number: record, fields } => self.within(Around::Type(number), number, parent, |visit| {
                for (&child, name) in tables.children(fields).iter().zip(&tables.records[record as usize].fields) {
                    visit.step(|path| push_name(path, &name.name), |visit| visit.types(child, Parent::Field, listed));
                }
            }),
            Type::Array(item) => self.within(Around::Type(number), number, parent, |visit| {
                visit.step(|path| path.push_str("[*]"), |visit| visit.types(item, Parent::Element, listed));
            }),
            Type::Map(value) => self.within(Around::Type(number), number, parent, |visit| {
                visit.step(|path| path.push_str("[*]"), |visit| visit.types(value, Parent::Entry, listed));
            }),
            _ => self.leaf(vec![number], parent, None, listed),
        }
    }

    fn step(&mut self, push: impl FnOnce(&mut String), visit: impl FnOnce(&mut Self)) {
        if self.count >= MAX_LEAVES {
            return;
        }
        let length = self.path.len();
        push(&mut self.path);
        visit(self);
        self.path.truncate(length);
    }

    /// Goes into a container, unless it lies in itself.
    fn within(&mut self, around: Around, of: u32, parent: Parent, visit: impl FnOnce(&mut Self)) {
        if self.around.contains(&around) || self.around.len() == MAX_DEPTH {
            return self.leaf(vec![of], parent, None, true);
        }
        self.count += 1;
        self.around.push(around);
        visit(self);
        self.around.pop();
    }

    /// The scalars of a union, as one; nothing where there is at most null beside containers.
    fn leaf_of_union(&mut self, mut types: Vec<u32>, parent: Parent, field: Option<u32>, listed: bool) {
        let containers = types.iter().any(|&of| self.tables.get(of).is_container());
        types.retain(|&of| !self.tables.get(of).is_container());
        let more_than_null = types.iter().any(|&of| !matches!(self.tables.get(of), Type::Null));
        if more_than_null || !containers {
            self.leaf(types, parent, field, listed);
        }
    }

    fn leaf(&mut self, types: Vec<u32>, parent: Parent, field: Option<u32>, listed: bool) {
        self.count += 1;
        let words: Vec<String> = types.iter().map(|&of| self.tables.words(of)).collect();
        (self.call)(&self.path, parent, Found { type_name: words.join(" or "), types, field, listed });
    }
}

impl Tables {
    /// A type as a person reads it.
    fn words(&self, number: u32) -> String {
        let name = self.branch_name(number);
        let (words, logical) = match self.get(number) {
            Type::Int(logical) | Type::Long(logical) | Type::Bytes(logical) | Type::String(logical) => (name.to_owned(), logical),
            Type::Fixed { size, logical } => (format!("fixed {name} of {size} bytes"), logical),
            Type::Enum { .. } => (format!("enum {name}"), Logical::None),
            Type::Record { .. } => (format!("record {name}"), Logical::None),
            _ => (name.to_owned(), Logical::None),
        };
        logical.words().map_or_else(|| words.clone(), |logical| format!("{words} ({logical})"))
    }
}

/// The kinds of which a type takes some values.
fn kinds(of: Type) -> Kinds {
    let kinds: &[Kind] = match of {
        Type::Null => &[Kind::Null],
        Type::Boolean => &[Kind::Boolean],
        Type::Int(Logical::None) | Type::Long(Logical::None) => &[Kind::Integer],
        Type::Int(_) | Type::Long(_) => &[Kind::Integer, Kind::Text],
        Type::Float | Type::Double => &[Kind::Integer, Kind::Decimal],
        Type::Bytes(Logical::Decimal { .. }) | Type::Fixed { logical: Logical::Decimal { .. }, .. } => &[Kind::Integer, Kind::Decimal],
        Type::String(_) | Type::Enum { .. } | Type::Fixed { logical: Logical::Uuid, .. } => &[Kind::Text],
        Type::Bytes(_) | Type::Fixed { .. } => &[Kind::Bytes],
        Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record { .. } => &[],
    };
    Kinds::of(kinds)
}
