//! What the steps make of a schema: which operator each of its places gets, what stays clear, what does not fit. For people,
//! before a record passes; it must not touch records.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::format::{Parsed, Watch};
use super::plan::{ChainPlan, StepPlan};
use crate::fields::{Kind, Leaf, Nest, Path, Place, avro, proto};

#[cfg(test)]
mod tests;

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

/// What all steps make of one schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SchemaExplained {
    /// The message that they were held against, with its package; Protobuf alone.
    pub message: Option<String>,
    /// Those that select something.
    pub steps: Vec<StepExplained>,
}

impl ChainPlan {
    /// What the steps make of a schema; nothing where it has no types (JSON).
    ///
    /// Which message of a Protobuf file a record holds only the record says. It is taken to be the one that leaves the
    /// fewest selectors without a match, the first of several, among those that stand at the top of the file.
    pub fn explain(&self, schema: &Parsed) -> SchemaExplained {
        let subjects: Vec<Subject<'_>> = self.steps.iter().filter_map(|step| Subject::of(step)).collect();
        explain(&subjects, schema)
    }
}

/// A step, as far as it matters to a schema.
struct Subject<'a> {
    /// From 1.
    step: usize,
    plugin: &'a str,
    nest: &'a Nest,
    /// By field: the selector, as written, and its settings.
    fields: &'a [(String, String)],
    /// What the plugin says of a field's settings.
    field_schema: &'a Value,
    allow_list: bool,
    watch: Watch,
}

/// A step's selection compiled for a schema.
enum Compiled {
    Avro(avro::Plan),
    Protobuf(proto::Plan),
}

fn explain(subjects: &[Subject<'_>], schema: &Parsed) -> SchemaExplained {
    match schema {
        Parsed::Avro(schema) => {
            let compiled = |subject: &Subject<'_>| {
                let plan = avro::Plan::compile(subject.nest.selection(), schema).map(Compiled::Avro);
                plan.map_err(|error| error.to_string())
            };
            SchemaExplained { message: None, steps: subjects.iter().map(|subject| subject.explain(compiled(subject))).collect() }
        }
        Parsed::Protobuf(schema) => {
            let under = |message: proto::MessageId| -> Vec<Result<Compiled, String>> {
                let compiled = subjects.iter().map(|subject| proto::Plan::compile(subject.nest.selection(), schema, message));
                compiled.map(|plan| plan.map(Compiled::Protobuf).map_err(|error| error.to_string())).collect()
            };
            let missing = |plans: &Vec<Result<Compiled, String>>| {
                plans.iter().map(|plan| plan.as_ref().map_or(usize::MAX / 2, |plan| plan.unmatched().len())).fold(0, usize::saturating_add)
            };
            let messages = schema.roots().map(|message| (message, under(message)));
            let Some((message, plans)) = messages.min_by_key(|(_, plans)| missing(plans)) else {
                return SchemaExplained::default();
            };
            let steps = subjects.iter().zip(plans).map(|(subject, plan)| subject.explain(plan)).collect();
            SchemaExplained { message: Some(schema.name(message).to_owned()), steps }
        }
        Parsed::Json | Parsed::Unusable(_) => SchemaExplained::default(),
    }
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

impl<'a> Subject<'a> {
    /// None where the step selects nothing.
    fn of(step: &'a StepPlan) -> Option<Self> {
        Some(Self {
            step: step.number() + 1,
            plugin: &step.name,
            nest: step.nest.as_ref()?,
            fields: step.granted(),
            field_schema: step.field_schema(),
            allow_list: step.is_allow_list(),
            watch: step.watch(),
        })
    }

    fn explain(&self, compiled: Result<Compiled, String>) -> StepExplained {
        let mut explained = StepExplained { step: self.step, plugin: self.plugin.to_owned(), ..StepExplained::default() };
        let compiled = match compiled {
            Ok(compiled) => compiled,
            Err(reason) => {
                explained.errors.push(reason);
                return explained;
            }
        };
        explained.places = compiled.leaves().into_iter().flat_map(|leaf| self.places(leaf)).collect();
        let unmatched = compiled.unmatched().iter().flat_map(|&outer| self.nest.behind(outer));
        for field in unmatched.filter(|_| self.watch.unmatched) {
            explained.errors.push(format!("selector {} names nothing in the schema", self.selector(field)));
        }
        if self.allow_list && self.watch.unlisted {
            let unlisted = compiled.unlisted();
            let sentence = |path: &String| format!("{path} is neither masked nor kept: the step halts at this schema");
            explained.errors.extend(unlisted.iter().map(sentence));
        }
        for outer in 0..self.nest.selection().fields() {
            explained.errors.extend(self.misfits(outer, &compiled.places(outer as u32)));
        }
        explained
    }

    /// One place of the schema; where it is a text that is opened, what the step looks for in it, and the rest of it.
    fn places(&self, leaf: Leaf) -> Vec<Explained> {
        let otherwise = |clear: bool| Some(if clear { "clear" } else { "dropped" });
        let masked = |field: u32, path: &str, type_name: &str| Explained {
            path: path.to_owned(),
            type_name: type_name.to_owned(),
            operator: Some(self.operator(field)),
            nature: self.trait_of(field).map(|traits| nature(&traits)),
            otherwise: None,
        };
        let clear = |path: &str, type_name: &str, clear: bool| Explained {
            path: path.to_owned(),
            type_name: type_name.to_owned(),
            operator: None,
            nature: None,
            otherwise: otherwise(clear),
        };
        let Some(outer) = leaf.field.map(|field| field as usize) else {
            return vec![clear(&leaf.path, &leaf.type_name, leaf.listed)];
        };
        let fields = self.nest.behind(outer);
        if !self.nest.opens(outer) {
            return fields.into_iter().map(|field| masked(field, &leaf.path, &leaf.type_name)).collect();
        }
        let type_name = format!("JSON in {}", leaf.type_name);
        let inside = |field: u32| {
            let inner = Path::parse(self.selector(field)).ok().and_then(|path| path.inside()).unwrap_or_default();
            masked(field, &format!("{} >> {inner}", leaf.path), &type_name)
        };
        let rest = clear(&format!("{} >> …", leaf.path), &type_name, !self.allow_list);
        fields.into_iter().map(inside).chain([rest]).collect()
    }

    /// The places that cannot take what the operator of a field makes of them, or hold no text to open.
    fn misfits(&self, outer: usize, places: &[Place]) -> BTreeSet<String> {
        if self.nest.opens(outer) {
            let closed = places.iter().filter(|place| !(place.kinds.contains(Kind::Text) && place.any_text));
            return closed.map(|place| format!("{} is opened by `>>`, and holds no text: it is {}", place.path, place.type_name)).collect();
        }
        let misfit = |field: u32| -> Vec<String> {
            let Some(traits) = self.trait_of(field) else { return Vec::new() };
            let fits = |place: &Place| match traits["output"].as_str() {
                Some("text") => place.kinds.contains(Kind::Text) && place.any_text,
                Some("null") => place.nullable,
                Some("none") => place.removable || place.nullable,
                _ => true,
            };
            let sentence = |place: &Place| format!("{} at {} does not fit: it is {}", self.operator(field), place.path, place.type_name);
            places.iter().filter(|place| !fits(place)).map(sentence).collect()
        };
        self.nest.behind(outer).into_iter().flat_map(misfit).collect()
    }

    fn selector(&self, field: u32) -> &str {
        self.fields.get(field as usize).map_or("", |(selector, _)| selector)
    }

    fn settings(&self, field: u32) -> Value {
        let settings = self.fields.get(field as usize).and_then(|(_, settings)| serde_json::from_str(settings).ok());
        settings.unwrap_or_default()
    }

    /// The operator that the settings of `field` name, or the plugin where they name none.
    fn operator(&self, field: u32) -> String {
        self.settings(field)["use"].as_str().unwrap_or(self.plugin).to_owned()
    }

    /// What the plugin's schema says of the operator of `field`: the first form of that name that takes its settings.
    fn trait_of(&self, field: u32) -> Option<Value> {
        let (operator, settings) = (self.operator(field), self.settings(field));
        let named = |form: &&Value| form["properties"]["use"]["const"] == operator.as_str();
        let forms = || self.field_schema["oneOf"].as_array().into_iter().flatten().filter(named);
        let form = forms().find(|form| takes(form, &settings)).or_else(|| forms().next())?;
        Some(form["x-sluice"].clone()).filter(Value::is_object)
    }
}

/// Whether a form of the settings has all that stand there, as far as words tell forms apart.
fn takes(form: &Value, settings: &Value) -> bool {
    settings.as_object().into_iter().flatten().all(|(name, value)| match form["properties"].get(name) {
        None => false,
        Some(property) => {
            let listed = |list: &Vec<Value>| list.contains(value);
            property.get("const").is_none_or(|word| word == value) && property["enum"].as_array().is_none_or(listed)
        }
    })
}

fn nature(traits: &Value) -> &'static str {
    match (traits["reversible"].as_bool(), traits["keyed"].as_bool()) {
        (Some(true), _) => "reversible",
        (_, Some(true)) => "pseudonymised",
        _ => "one-way",
    }
}
