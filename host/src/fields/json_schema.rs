//! JSON Schema as a set of places: which paths a selection names in it, which it misses, and which types stand there. For
//! explaining and for noticing drift; it validates no document, and what it cannot decide it calls unknown, never absent.
//!
//! Read are `type`, `properties`, `additionalProperties`, `items`, `prefixItems`, `$ref` within the schema and to its
//! references, `allOf`, `anyOf`, `oneOf`, `then` and `else`. An object is closed, so that a name it does not list cannot
//! occur, with `additionalProperties` or `unevaluatedProperties` false and without `patternProperties`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::hit::Kind;
use super::place::{Kinds, Leaf, Place};

mod visit;

#[cfg(test)]
mod tests;

/// At most so many places and containers are listed. Stops schemas whose objects lie in each other in ever more ways.
const MAX_LEAVES: usize = 1 << 14;

/// References and alternatives that are followed at one place. Stops schemas that lead in circles.
const MAX_TURNS: usize = 256;

/// A schema with those it refers to. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {
    /// By name; its own is the empty one.
    texts: Arc<BTreeMap<String, Value>>,
}

/// What a selection makes of a schema.
#[derive(Debug)]
pub struct Plan {
    found: Vec<Found>,
    unmatched: Vec<usize>,
    maps: Vec<(u32, String)>,
}

/// A place where a single value stands.
#[derive(Debug)]
struct Found {
    path: String,
    /// None: any.
    types: Option<BTreeSet<&'static str>>,
    field: Option<u32>,
    listed: bool,
    root: bool,
    any_text: bool,
    uuid: bool,
}

impl Schema {
    /// Reads a schema and those it refers to, by name. What is no JSON allows everything, as the empty schema does.
    pub fn parse(text: &str, references: &[(String, String)]) -> Self {
        let read = |text: &str| serde_json::from_str(text).unwrap_or(Value::Bool(true));
        let mut texts: BTreeMap<String, Value> = references.iter().map(|(name, text)| (name.clone(), read(text))).collect();
        texts.insert(String::new(), read(text));
        Self { texts: Arc::new(texts) }
    }
}

impl Plan {
    /// The fields, by index, whose selector can name nothing that the schema allows.
    #[must_use]
    pub fn unmatched(&self) -> &[usize] {
        &self.unmatched
    }

    /// Every place that the schema names and where a single value stands.
    #[must_use]
    pub fn leaves(&self) -> Vec<Leaf> {
        let leaf =
            |found: &Found| Leaf { path: found.path.clone(), type_name: found.type_name(), field: found.field, listed: found.listed };
        self.found.iter().map(leaf).collect()
    }

    /// Where the allow list names neither a place of the schema nor a container around it.
    #[must_use]
    pub fn unlisted(&self) -> Vec<String> {
        self.found.iter().filter(|found| !found.listed).map(|found| found.path.clone()).collect()
    }

    /// Objects that are maps, as what stands under any name has a type, and in whose entries a field edits something, or may,
    /// whatever their names, which stay.
    #[must_use]
    pub fn open_names(&self) -> &[(u32, String)] {
        &self.maps
    }

    /// Every place that hands its values to the field, and what may be set there.
    pub fn places(&self, field: u32) -> impl Iterator<Item = Place> {
        self.found.iter().filter(move |found| found.field == Some(field)).map(Found::place)
    }
}

impl Found {
    fn type_name(&self) -> String {
        match &self.types {
            // As the other formats have it.
            Some(types) => {
                let null = types.contains("null").then_some("null");
                null.into_iter().chain(types.iter().copied().filter(|of| *of != "null")).collect::<Vec<_>>().join(" or ")
            }
            None => "any".to_owned(),
        }
    }

    fn place(&self) -> Place {
        let has = |of: &str| self.types.as_ref().is_none_or(|types| types.contains(of));
        let mut kinds = Kinds::default();
        for (of, of_type) in [
            ("null", &[Kind::Null][..]),
            ("boolean", &[Kind::Boolean]),
            ("integer", &[Kind::Integer]),
            ("number", &[Kind::Integer, Kind::Decimal]),
            ("string", &[Kind::Text]),
        ] {
            kinds = if has(of) { kinds.or(Kinds::of(of_type)) } else { kinds };
        }
        Place {
            path: self.path.clone(),
            type_name: self.type_name(),
            nullable: has("null"),
            removable: !self.root,
            kinds,
            any_text: has("string") && self.any_text,
            uuid: self.uuid,
            sized: false,
            several: self.types.as_ref().is_none_or(|types| types.iter().filter(|of| **of != "null").count() > 1),
        }
    }
}

/// A schema inside one of the texts.
#[derive(Clone, Copy)]
struct At<'s> {
    /// The text's name.
    text: &'s str,
    schema: &'s Value,
}

impl<'s> At<'s> {
    fn root(schema: &'s Schema) -> Self {
        Self { text: "", schema: schema.texts.get("").unwrap_or(&Value::Null) }
    }

    fn of(self, schema: &'s Value) -> Self {
        Self { schema, ..self }
    }

    /// Appends those that are not there yet.
    fn join(mine: &mut Vec<Self>, others: Vec<Self>) {
        for other in others {
            if !mine.iter().any(|known| std::ptr::eq(known.schema, other.schema)) {
                mine.push(other);
            }
        }
    }
}

/// What holds of a value, by all that is said of it.
#[derive(Clone, Default)]
struct Facts<'s> {
    /// None: any.
    types: Option<BTreeSet<&'static str>>,
    properties: BTreeMap<&'s str, Vec<At<'s>>>,
    /// What stands under other names, where that is said.
    additional: Vec<At<'s>>,
    /// No other names occur.
    closed: bool,
    items: Vec<At<'s>>,
    /// Not every text may stand there.
    formed: bool,
    uuid: bool,
}

const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "object", "array"];

impl<'s> Facts<'s> {
    fn may_be(&self, of: &str) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(of))
    }

    /// Both hold.
    fn and(mut self, other: Self) -> Self {
        self.types = match (self.types.take(), other.types.clone()) {
            (Some(mine), Some(theirs)) => Some(mine.intersection(&theirs).copied().collect()),
            (mine, theirs) => mine.or(theirs),
        };
        let (closed, formed) = (self.closed || other.closed, self.formed || other.formed);
        Self { closed, formed, ..self.with(other) }
    }

    /// One of them holds.
    fn or(mut self, other: Self) -> Self {
        // What is no object has no names, and what is no text has no form.
        let closed = (self.closed || !self.may_be("object")) && (other.closed || !other.may_be("object"));
        let formed = (self.formed || !self.may_be("string")) && (other.formed || !other.may_be("string"));
        self.types = match (self.types.take(), other.types.clone()) {
            (Some(mine), Some(theirs)) => Some(mine.union(&theirs).copied().collect()),
            _ => None,
        };
        Self { closed, formed, ..self.with(other) }
    }

    /// The places of both.
    fn with(mut self, other: Self) -> Self {
        for (name, schemas) in other.properties {
            At::join(self.properties.entry(name).or_default(), schemas);
        }
        At::join(&mut self.additional, other.additional);
        At::join(&mut self.items, other.items);
        self.uuid |= other.uuid;
        self
    }
}

/// What is said of a value at all these places together.
struct Reading<'s> {
    schema: &'s Schema,
    turns: usize,
}

impl<'s> Reading<'s> {
    fn facts(&mut self, at: At<'s>) -> Facts<'s> {
        self.turns += 1;
        let Some(said) = at.schema.as_object().filter(|_| self.turns < MAX_TURNS) else {
            // `false` allows nothing; `true`, and what goes in circles, everything.
            let none = (at.schema == &Value::Bool(false)).then(BTreeSet::new);
            return Facts { types: none, ..Facts::default() };
        };
        let mut facts = own(at, said);
        if let Some(reference) = said.get("$ref").and_then(Value::as_str) {
            let referred = self.resolve(at, reference).map(|at| self.facts(at)).unwrap_or_default();
            facts = facts.and(referred);
        }
        for schema in said.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            facts = facts.and(self.facts(at.of(schema)));
        }
        for name in ["anyOf", "oneOf"] {
            let mut any: Option<Facts<'s>> = None;
            for schema in said.get(name).and_then(Value::as_array).into_iter().flatten() {
                let one = self.facts(at.of(schema));
                any = Some(match any {
                    Some(before) => before.or(one),
                    None => one,
                });
            }
            facts = any.map_or(facts.clone(), |any| facts.and(any));
        }
        if said.contains_key("if") {
            let branch = |reading: &mut Self, name: &str| said.get(name).map(|schema| reading.facts(at.of(schema))).unwrap_or_default();
            let (then, otherwise) = (branch(self, "then"), branch(self, "else"));
            facts = facts.and(then.or(otherwise));
        }
        facts
    }

    /// Where a schema that is a reference and nothing else leads, over any number of them.
    fn target(&mut self, mut at: At<'s>) -> At<'s> {
        while self.turns < MAX_TURNS {
            let alone = at.schema.as_object().filter(|said| said.len() == 1).and_then(|said| said.get("$ref")?.as_str());
            let Some(next) = alone.and_then(|reference| self.resolve(at, reference)) else { break };
            self.turns += 1;
            at = next;
        }
        at
    }

    /// Where a reference leads; none where that is not here.
    fn resolve(&self, at: At<'s>, reference: &str) -> Option<At<'s>> {
        let (name, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let (text, root) = match name {
            "" => self.schema.texts.get_key_value(at.text)?,
            _ => self.schema.texts.get_key_value(name)?,
        };
        let schema = if pointer.is_empty() { root } else { root.pointer(&pointer.replace("%25", "%"))? };
        Some(At { text, schema })
    }
}

/// Whether conditions, which are not read, may add to the names that count as evaluated (2020-12, section 11.3).
fn names_by_condition(said: &serde_json::Map<String, Value>) -> bool {
    let inside = |name: &str| match said.get(name) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_object).any(names_by_condition),
        Some(Value::Object(one)) => names_by_condition(one),
        _ => false,
    };
    said.contains_key("if") || said.contains_key("dependentSchemas") || ["allOf", "anyOf", "oneOf"].iter().any(|name| inside(name))
}

/// What a schema says itself, without those it refers to.
fn own<'s>(at: At<'s>, said: &'s serde_json::Map<String, Value>) -> Facts<'s> {
    let known = |of: &Value| of.as_str().and_then(|of| TYPES.into_iter().find(|known| *known == of));
    let types = match said.get("type") {
        Some(Value::Array(all)) => Some(all.iter().filter_map(known).collect()),
        Some(one) => known(one).map(|of| BTreeSet::from([of])),
        None => None,
    };
    let objects = |name: &str| said.get(name).and_then(Value::as_object).into_iter().flatten();
    let properties = objects("properties").map(|(name, schema)| (name.as_str(), vec![at.of(schema)])).collect();
    // A schema that says nothing gives no type.
    let says = |schema: &Value| schema.as_object().is_some_and(|schema| !schema.is_empty());
    let additional = said.get("additionalProperties").filter(|schema| says(schema));
    let patterns: Vec<&Value> = objects("patternProperties").map(|(_, schema)| schema).collect();
    let typed = patterns.iter().filter(|schema| says(schema)).map(|schema| at.of(schema));
    let shut = |name: &str| said.get(name) == Some(&Value::Bool(false));
    let closed = shut("additionalProperties") || (shut("unevaluatedProperties") && !names_by_condition(said));
    let listed = |name: &str| said.get(name).and_then(Value::as_array).into_iter().flatten();
    let items = said.get("items").filter(|items| items.is_object() || items.is_boolean());
    let tuple = listed("items").chain(listed("prefixItems")).chain(said.get("additionalItems").filter(|items| items.is_object()));
    Facts {
        types,
        properties,
        closed: closed && patterns.is_empty(),
        additional: additional.map(|schema| at.of(schema)).into_iter().chain(typed).collect(),
        items: items.into_iter().chain(tuple).map(|schema| at.of(schema)).collect(),
        formed: said.contains_key("enum") || said.contains_key("const"),
        uuid: said.get("format").and_then(Value::as_str) == Some("uuid"),
    }
}
