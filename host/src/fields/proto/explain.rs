//! A plan in words: every place of the schema, what the selection makes of it, and what may be set there. Reads no
//! message and decides nothing.

use super::super::hit::Kind;
use super::super::place::{Kinds, Leaf, Place, UNLISTED_MAP, push_name};
use super::super::scan::MAX_DEPTH;
use super::descriptor::{Field, Label, Scalar, Type};
use super::plan::{Action, Plan, Site, Spot, What, Which};

#[cfg(test)]
mod tests;

/// At most so many leaves and messages are listed. Stops schemas whose messages lie in each other in ever more ways.
pub const MAX_LEAVES: usize = 1 << 14;

impl Plan {
    /// Every place of the schema where a single value stands, in the order of field numbers. A message that lies in
    /// itself is listed as one where it comes again. The list ends at [`MAX_LEAVES`].
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.each_leaf(&mut |path, found| {
            let type_name = self.tables.words(found.kind);
            leaves.push(Leaf { path: path.to_owned(), type_name, field: found.field, listed: found.listed });
        });
        leaves
    }

    /// What the allow list does not name, nor a container around it, as paths: what a new version of a schema brought
    /// along. Empty without an allow list.
    #[must_use]
    pub fn unlisted(&self) -> Vec<String> {
        self.leaves().into_iter().filter(|leaf| !leaf.listed).map(|leaf| leaf.path).collect()
    }

    /// Every place that hands its values to the field, and what may be set there.
    pub fn places(&self, field: u32) -> impl Iterator<Item = Place> {
        let mut places = Vec::new();
        self.each_leaf(&mut |path, found| {
            if let (Some(site), true) = (found.site, found.field == Some(field)) {
                let type_name = self.tables.words(found.kind);
                let nullable = site.spot == Spot::Optional;
                places.push(Place {
                    path: path.to_owned(),
                    type_name,
                    nullable,
                    removable: site.spot != Spot::Required,
                    kinds: kinds(site.scalar).or(if nullable { Kinds::of(&[Kind::Null]) } else { Kinds::default() }),
                    uuid: false,
                    sized: false,
                    several: false,
                    any_text: site.scalar == Scalar::String,
                });
            }
        });
        places.into_iter()
    }

    /// The maps in whose entries a field edits something whatever their keys, which are data, and stay: by field, with the
    /// path.
    #[must_use]
    pub fn open_names(&self) -> Vec<(u32, String)> {
        let mut found = Vec::new();
        self.each(&mut |_, _| {}, &mut |path, field| found.push((field, path.to_owned())));
        // The list of places has an end, this must have none.
        let beyond: Vec<u32> = self.masked_maps().filter(|field| found.iter().all(|(known, _)| known != field)).collect();
        found.into_iter().chain(beyond.into_iter().map(|field| (field, UNLISTED_MAP.to_owned()))).collect()
    }

    fn each_leaf(&self, call: &mut dyn FnMut(&str, Found)) {
        self.each(call, &mut |_, _| {});
    }

    fn each(&self, call: &mut dyn FnMut(&str, Found), names: &mut dyn FnMut(&str, u32)) {
        let mut lister = Lister { plan: self, path: String::from("$"), around: Vec::new(), count: 0, call, names };
        lister.visit(self.root, Type::Message(self.message));
    }
}

/// What was found at a place.
struct Found {
    kind: Type,
    site: Option<Site>,
    field: Option<u32>,
    listed: bool,
}

struct Lister<'a> {
    plan: &'a Plan,
    path: String,
    /// The messages around the place.
    around: Vec<Around>,
    count: usize,
    call: &'a mut dyn FnMut(&str, Found),
    /// Of a map in whose entries a field edits something whatever their keys.
    names: &'a mut dyn FnMut(&str, u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    State(u32),
    /// A message in which nothing happens, or that goes.
    Message(u32),
}

impl Lister<'_> {
    fn visit(&mut self, number: u32, kind: Type) {
        let visit = &self.plan.visits[number as usize];
        let field = visit.hits.first().copied();
        match (visit.what, kind) {
            (What::Scalar(site), _) => self.leaf(kind, self.plan.sites.get(site as usize).copied(), field, true),
            (What::Enter(state), Type::Message(message) | Type::Group(message)) => {
                self.whole(kind, field);
                self.within(Around::State(state), kind, |lister| lister.state(state, message));
            }
            (What::Pass | What::Enter(_), _) => {
                self.whole(kind, field);
                self.under(kind, true);
            }
            (What::Prune | What::Blank(_), _) => self.under(kind, false),
        }
    }

    /// Where a field gets a message or a repeated field as one.
    fn whole(&mut self, kind: Type, field: Option<u32>) {
        if field.is_some() {
            self.leaf(kind, None, field, true);
        }
    }

    fn state(&mut self, number: u32, message: u32) {
        let plan = self.plan;
        for field in &plan.tables.message(message).fields {
            let entry = plan.states[number as usize].find(field.number);
            self.step(&name(field), |lister| match entry.action {
                Action::Visit => lister.slot(entry.slot, field),
                Action::Pass => lister.field(field, true),
                Action::Prune | Action::Refuse => lister.field(field, false),
            });
        }
    }

    fn slot(&mut self, number: u32, field: &Field) {
        let slot = &self.plan.slots[number as usize];
        let whole = slot.whole.as_ref();
        self.whole(field.kind, whole.and_then(|whole| whole.hits.first()).copied());
        match &slot.which {
            Which::One(visit) if whole.is_some() => self.step("[*]", |lister| lister.visit(*visit, field.kind)),
            Which::One(visit) => self.visit(*visit, field.kind),
            Which::Element(elements) => {
                let all: Vec<(Option<i64>, u32)> = elements.all().collect();
                for (at, &(index, visit)) in all.iter().enumerate() {
                    // Several indexes may lead to one visit; the last is any other element.
                    if !all.iter().skip(at + 1).any(|&(_, other)| other == visit) {
                        let step = index.map_or("[*]".to_owned(), |index| format!("[{index}]"));
                        self.step(&step, |lister| lister.visit(visit, field.kind));
                    }
                }
            }
            Which::Entry { value, names, masked, .. } => {
                if let Some(field) = *masked {
                    (self.names)(&self.path, field);
                }
                for (key, visit) in names.known() {
                    let mut step = String::new();
                    push_name(&mut step, &String::from_utf8_lossy(key));
                    self.step(&step, |lister| lister.visit(visit, *value));
                }
                self.step("[*]", |lister| lister.visit(names.other(), *value));
            }
        }
    }

    /// A field in which nothing happens, or that goes.
    fn field(&mut self, field: &Field, listed: bool) {
        match field.label {
            Label::Repeated => self.step("[*]", |lister| lister.under(field.kind, listed)),
            Label::Map => {
                let value = field.entry().and_then(|entry| self.plan.tables.message(entry).field(2));
                if let Some(value) = value.map(|value| value.kind) {
                    self.step("[*]", |lister| lister.under(value, listed));
                }
            }
            Label::Required | Label::Optional | Label::Implicit => self.under(field.kind, listed),
        }
    }

    fn under(&mut self, kind: Type, listed: bool) {
        let plan = self.plan;
        match kind {
            Type::Scalar(_) => self.leaf(kind, None, None, listed),
            Type::Message(message) | Type::Group(message) => self.within(Around::Message(message), kind, |lister| {
                for field in &plan.tables.message(message).fields {
                    lister.step(&name(field), |lister| lister.field(field, listed));
                }
            }),
        }
    }

    fn step(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        if self.count >= MAX_LEAVES {
            return;
        }
        let length = self.path.len();
        self.path.push_str(step);
        visit(self);
        self.path.truncate(length);
    }

    /// Goes into a message, unless it lies in itself.
    fn within(&mut self, around: Around, kind: Type, visit: impl FnOnce(&mut Self)) {
        if self.around.contains(&around) || self.around.len() == MAX_DEPTH {
            return self.leaf(kind, None, None, true);
        }
        self.count += 1;
        self.around.push(around);
        visit(self);
        self.around.pop();
    }

    fn leaf(&mut self, kind: Type, site: Option<Site>, field: Option<u32>, listed: bool) {
        self.count += 1;
        (self.call)(&self.path, Found { kind, site, field, listed });
    }
}

fn name(field: &Field) -> String {
    let mut name = String::new();
    push_name(&mut name, &field.name);
    name
}

/// The kinds of which a type takes some values.
fn kinds(scalar: Scalar) -> Kinds {
    Kinds::of(match scalar {
        Scalar::Bool => &[Kind::Boolean],
        Scalar::String => &[Kind::Text],
        Scalar::Bytes => &[Kind::Bytes],
        Scalar::Enum(_) => &[Kind::Integer, Kind::Text],
        Scalar::Double | Scalar::Float => &[Kind::Integer, Kind::Decimal],
        _ => &[Kind::Integer],
    })
}
