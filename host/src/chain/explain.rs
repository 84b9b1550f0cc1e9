//! What a step makes of a schema: which operator each of its places gets, what stays clear, what does not fit. For people,
//! before a record passes; it must not touch records.

use std::collections::BTreeSet;

use serde::Serialize;

use super::format::Parsed;
use super::part::{PartPlan, key_name};
use super::plan::StepPlan;
use super::traits::Traits;
use crate::fields::{Kind, Leaf, Place, Selection, avro, proto};
use crate::schemas::wire::Part;

/// One place of a schema, as one step treats it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As a selector would write it; `key`, and `key $.a`, in the key.
    pub path: String,
    /// Its type, in words; empty where only the record says.
    pub type_name: String,
    /// The operator, or the plugin, that gets the value; none where no field of the step names it.
    pub operator: Option<String>,
    /// What the operator is: `reversible`, `pseudonymised` (keyed), `one-way`; none where the plugin does not say.
    pub nature: Option<&'static str>,
    /// What becomes of a place that no field names: `clear`, `dropped` or `null`.
    pub otherwise: Option<&'static str>,
}

/// The latest schemas of a topic, where it has some.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopicSchemas<'a> {
    pub key: Option<&'a Parsed>,
    pub value: Option<&'a Parsed>,
}

/// What one step makes of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StepExplained {
    /// The step, from 1.
    pub step: usize,
    pub plugin: String,
    pub places: Vec<Explained>,
    /// Sentences: selectors that name nothing, operators that a type cannot take, fields that an allow list halts at.
    pub errors: Vec<String>,
}

/// What compiled the selection.
enum Compiled {
    Avro(avro::Plan),
    Protobuf(proto::Plan),
}

impl Compiled {
    fn leaves(&self) -> Vec<Leaf> {
        match self {
            Self::Avro(plan) => plan.leaves(),
            Self::Protobuf(plan) => plan.leaves(),
        }
    }

    fn unmatched(&self) -> &[usize] {
        match self {
            Self::Avro(plan) => plan.unmatched(),
            Self::Protobuf(plan) => plan.unmatched(),
        }
    }

    fn unlisted(&self) -> Vec<String> {
        match self {
            Self::Avro(plan) => plan.unlisted(),
            Self::Protobuf(plan) => plan.unlisted(),
        }
    }

    fn places(&self, field: u32) -> Vec<Place> {
        match self {
            Self::Avro(plan) => plan.places(field).collect(),
            Self::Protobuf(plan) => plan.places(field).collect(),
        }
    }
}

impl StepPlan {
    /// What the step makes of a topic; none where it selects nothing, or the schemas have no types (JSON).
    pub fn explain(&self, schemas: TopicSchemas<'_>) -> Option<StepExplained> {
        let mut explained = StepExplained { step: self.number() + 1, plugin: self.name.clone(), ..StepExplained::default() };
        if let (Some(part), Some(schema)) = (&self.value, schemas.value) {
            self.explain_part(part, schema, &mut explained);
        }
        match &self.key {
            Some(part) => {
                if !schemas.key.is_some_and(|schema| self.explain_part(part, schema, &mut explained)) {
                    explained.places.extend((0..part.watched.len()).map(|field| self.masked(part, field, part.name(field).to_owned())));
                }
            }
            None if self.masks() || self.null_key => {
                let otherwise = Some(if self.null_key { "null" } else { "clear" });
                explained.places.push(Explained { otherwise, ..Explained::of("key".to_owned(), String::new()) });
            }
            None => {}
        }
        (!explained.places.is_empty() || !explained.errors.is_empty()).then_some(explained)
    }

    /// The places of one half; false where its schema has no types.
    fn explain_part(&self, part: &PartPlan, schema: &Parsed, explained: &mut StepExplained) -> bool {
        let compiled = match compile(&part.selection, schema) {
            None => return false,
            Some(Ok(compiled)) => compiled,
            Some(Err(reason)) => {
                explained.errors.push(reason);
                return true;
            }
        };
        let path = |path: String| match part.part {
            Part::Key => key_name(&path),
            Part::Value => path,
        };
        for leaf in compiled.leaves() {
            explained.places.push(match leaf.field {
                Some(field) => Explained { type_name: leaf.type_name, ..self.masked(part, field as usize, path(leaf.path)) },
                None => {
                    let otherwise = Some(if leaf.listed { "clear" } else { "dropped" });
                    Explained { otherwise, ..Explained::of(path(leaf.path), leaf.type_name) }
                }
            });
        }
        let watch = part.watch();
        for &field in compiled.unmatched().iter().filter(|_| watch.unmatched) {
            explained.errors.push(format!("selector {} names nothing in the schema", part.name(field)));
        }
        if self.is_allow_list() && watch.unlisted {
            let unlisted = compiled.unlisted().into_iter().map(path);
            explained.errors.extend(unlisted.map(|path| format!("{path} is neither masked nor kept: the step halts at this schema")));
        }
        for field in 0..part.watched.len() {
            explained.errors.extend(self.misfits(part.first + field, &compiled.places(field as u32)));
        }
        true
    }

    fn masked(&self, part: &PartPlan, field: usize, path: String) -> Explained {
        let column = part.first + field;
        let nature = self.traits(column).map(|traits| traits.nature());
        Explained { operator: Some(self.operator(column)), nature, ..Explained::of(path, String::new()) }
    }

    /// The places that cannot take what the operator of a column makes of them.
    fn misfits(&self, column: usize, places: &[Place]) -> BTreeSet<String> {
        let Some(traits) = self.traits(column) else { return BTreeSet::new() };
        let fits = |place: &Place| match traits.output.as_deref() {
            Some("text") => place.kinds.contains(Kind::Text) && place.any_text,
            Some("null") => place.nullable,
            Some("none") => place.removable || place.nullable,
            _ => true,
        };
        let sentence = |place: &Place| format!("{} at {} does not fit: it is {}", self.operator(column), place.path, place.type_name);
        places.iter().filter(|place| !fits(place)).map(sentence).collect()
    }

    /// The operator that the settings of a column name, or the plugin where they name none.
    fn operator(&self, column: usize) -> String {
        self.setting(column).and_then(|settings| Some(settings["use"].as_str()?.to_owned())).unwrap_or_else(|| self.name.clone())
    }

    /// What the plugin's schema says of the operator of a column.
    fn traits(&self, column: usize) -> Option<Traits> {
        Traits::of(self.field_schema(), &self.setting(column)?)
    }
}

impl Explained {
    /// A place of which nothing else is known.
    fn of(path: String, type_name: String) -> Self {
        Self { path, type_name, operator: None, nature: None, otherwise: None }
    }
}

fn compile(selection: &Selection, schema: &Parsed) -> Option<Result<Compiled, String>> {
    match schema {
        Parsed::Avro(schema) => Some(avro::Plan::compile(selection, schema).map(Compiled::Avro).map_err(|error| error.to_string())),
        Parsed::Protobuf(schema) => {
            // Which message a record holds only the record says; the first of the file is the usual one.
            let message = match schema.message(&[0]) {
                Ok(message) => message,
                Err(error) => return Some(Err(error.to_string())),
            };
            Some(proto::Plan::compile(selection, schema, message).map(Compiled::Protobuf).map_err(|error| error.to_string()))
        }
        Parsed::Json | Parsed::Unusable(_) => None,
    }
}
