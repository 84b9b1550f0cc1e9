//! What a step makes of a schema: which operator each of its places gets, what stays clear, what does not fit. For people,
//! before a record passes; it must not touch records.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::format::Parsed;
use super::plan::StepPlan;
use crate::fields::{Kind, Leaf, Place, Selection, avro, proto};

/// One place of a schema, as one step treats it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As a selector would write it.
    pub path: String,
    /// Its type, in words.
    pub type_name: String,
    /// The operator, or the plugin, that gets the value; none where no field of the step names it.
    pub operator: Option<String>,
    /// What the operator is: `reversible`, `pseudonymised` (keyed), `one-way`; none where the plugin does not say.
    pub nature: Option<&'static str>,
    /// What becomes of a place that no field names: `clear` or `dropped`.
    pub otherwise: Option<&'static str>,
}

/// What one step makes of one schema.
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
    /// What the step makes of a schema; none where it selects nothing, or the schema has no types (JSON).
    pub fn explain(self: &Arc<Self>, schema: &Parsed) -> Option<StepExplained> {
        let selection = self.selection.as_ref()?;
        let mut explained = StepExplained { step: self.number() + 1, plugin: self.name.clone(), ..StepExplained::default() };
        let compiled = match compile(selection, schema)? {
            Ok(compiled) => compiled,
            Err(reason) => {
                explained.errors.push(reason);
                return Some(explained);
            }
        };
        let allow_list = self.is_allow_list();
        for leaf in compiled.leaves() {
            let field = leaf.field.map(|field| field as usize);
            explained.places.push(Explained {
                path: leaf.path,
                type_name: leaf.type_name,
                operator: field.map(|field| self.operator(field)),
                nature: field.and_then(|field| self.trait_of(field)).map(|traits| nature(&traits)),
                otherwise: match (field, leaf.listed) {
                    (Some(_), _) => None,
                    (None, true) => Some("clear"),
                    (None, false) => Some("dropped"),
                },
            });
        }
        let watch = self.watch();
        for &field in compiled.unmatched().iter().filter(|_| watch.unmatched) {
            explained.errors.push(format!("selector {} names nothing in the schema", self.selector(field)));
        }
        if allow_list && watch.unlisted {
            let unlisted = compiled.unlisted();
            explained
                .errors
                .extend(unlisted.iter().map(|path| format!("{path} is neither masked nor kept: the step halts at this schema")));
        }
        for field in 0..self.fields.len() {
            explained.errors.extend(self.misfits(field, &compiled.places(field as u32)));
        }
        Some(explained)
    }

    /// The places that cannot take what the operator of `field` makes of them.
    fn misfits(&self, field: usize, places: &[Place]) -> BTreeSet<String> {
        let Some(traits) = self.trait_of(field) else { return BTreeSet::new() };
        let fits = |place: &Place| match traits["output"].as_str() {
            Some("text") => place.kinds.contains(Kind::Text) && place.any_text,
            Some("null") => place.nullable,
            Some("none") => place.removable || place.nullable,
            _ => true,
        };
        let sentence = |place: &Place| format!("{} at {} does not fit: it is {}", self.operator(field), place.path, place.type_name);
        places.iter().filter(|place| !fits(place)).map(sentence).collect()
    }

    /// The operator that the settings of `field` name, or the plugin where they name none.
    fn operator(&self, field: usize) -> String {
        self.setting(field).and_then(|settings| Some(settings["use"].as_str()?.to_owned())).unwrap_or_else(|| self.name.clone())
    }

    /// What the plugin's schema says of the operator of `field`: the first form of that name.
    fn trait_of(&self, field: usize) -> Option<Value> {
        let operator = self.operator(field);
        let forms = self.field_schema()["oneOf"].as_array()?;
        let form = forms.iter().find(|form| form["properties"]["use"]["const"] == operator.as_str())?;
        Some(form["x-sluice"].clone()).filter(Value::is_object)
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

fn nature(traits: &Value) -> &'static str {
    match (traits["reversible"].as_bool(), traits["keyed"].as_bool()) {
        (Some(true), _) => "reversible",
        (_, Some(true)) => "pseudonymised",
        _ => "one-way",
    }
}
