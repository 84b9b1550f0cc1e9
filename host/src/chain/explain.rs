//! What the steps make of a schema: which operator each of its places gets, what stays clear, what does not fit. For people,
//! before a record passes; it must not touch records.

use serde::Serialize;

use super::format::{Compiled, Parsed, Watch, Watching, map_names};
use super::operator::{Operator, misfits};
use super::part::{PartPlan, key_name};
use super::plan::{ChainPlan, StepPlan};
use super::traits::Traits;
use crate::fields::{Leaf, Nest, Path, proto};
use crate::schemas::wire::Part;

#[cfg(test)]
mod tests;

/// One place of a schema, as one step treats it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// As a selector would write it; `key`, and `key $.a`, in the key.
    pub path: String,
    /// Its type, in words; empty where only the record says.
    pub type_name: String,
    /// The operator, or the plugin, that gets the value; none where no field of the step names it.
    pub operator: Option<String>,
    /// What the operator is: `reversible`, `pseudonymised` (keyed), `one-way`, `clear`; none where the plugin does not say.
    pub nature: Option<&'static str>,
    /// What becomes of a place that no field names: `clear`, `dropped` or `null`.
    pub otherwise: Option<&'static str>,
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

/// The latest schemas of a topic, where it has some.
#[derive(Clone, Copy, Debug, Default)]
pub struct TopicSchemas<'a> {
    pub key: Option<&'a Parsed>,
    pub value: Option<&'a Parsed>,
}

/// What all steps make of one topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TopicExplained {
    /// The messages that they were held against, with their packages; Protobuf alone.
    pub message: Option<String>,
    pub key_message: Option<String>,
    /// Those that there is something to say of.
    pub steps: Vec<StepExplained>,
}

/// What all steps make of one schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SchemaExplained {
    message: Option<String>,
    /// Those that select something; nothing where the schema has no types.
    steps: Vec<StepExplained>,
}

impl ChainPlan {
    /// What the steps make of a topic; of a half without a schema what can be said without.
    ///
    /// Which message of a Protobuf file a record holds only the record says. It is taken to be the one that leaves the
    /// fewest selectors without a match, the first of several, among those that stand at the top of the file.
    pub fn explain(&self, schemas: TopicSchemas<'_>) -> TopicExplained {
        let half = |schema: Option<&Parsed>, part: fn(&StepPlan) -> Option<&PartPlan>| {
            let subjects: Vec<Subject<'_>> = self.steps.iter().filter_map(|step| Some(Subject::of(step, part(step)?))).collect();
            match schema {
                Some(schema) => explain(&subjects, schema),
                None => SchemaExplained { message: None, steps: subjects.iter().map(Subject::without_schema).collect() },
            }
        };
        let value = half(schemas.value, |step| step.value.as_ref());
        let key = half(schemas.key, |step| step.key.as_ref());
        let mut steps = Vec::new();
        for step in &self.steps {
            let number = step.number() + 1;
            let of = |half: &SchemaExplained| half.steps.iter().find(|found| found.step == number).cloned();
            let mut found = of(&value).unwrap_or_else(|| StepExplained::none(step));
            let of_key = of(&key).unwrap_or_else(|| step.key_without_schema());
            found.places.extend(of_key.places);
            found.errors.extend(of_key.errors);
            if !found.places.is_empty() || !found.errors.is_empty() {
                steps.push(found);
            }
        }
        TopicExplained { message: value.message, key_message: key.message, steps }
    }
}

impl StepExplained {
    fn none(step: &StepPlan) -> Self {
        Self { step: step.number() + 1, plugin: step.name.clone(), ..Self::default() }
    }
}

impl StepPlan {
    /// What becomes of a key whose schema is not known, or has no types; nothing where the step masks nothing.
    fn key_without_schema(&self) -> StepExplained {
        let mut explained = StepExplained::none(self);
        match &self.key {
            Some(part) => return Subject::of(self, part).without_schema(),
            None if self.masks() || self.null_key => {
                let otherwise = Some(if self.null_key { "null" } else { "clear" });
                explained.places.push(Explained { otherwise, ..Explained::of("key".to_owned(), String::new()) });
            }
            None => {}
        }
        explained
    }
}

impl Explained {
    /// A place of which nothing else is known.
    fn of(path: String, type_name: String) -> Self {
        Self { path, type_name, operator: None, nature: None, otherwise: None }
    }
}

/// One half of a step, as far as it matters to a schema.
struct Subject<'a> {
    /// From 1.
    step: usize,
    plugin: &'a str,
    part: Part,
    nest: &'a Nest,
    /// By field: what it is called.
    names: &'a [String],
    operators: &'a [Operator],
    allow_list: bool,
    watch: Watch,
}

fn explain(subjects: &[Subject<'_>], schema: &Parsed) -> SchemaExplained {
    match schema {
        Parsed::Avro(schema) => {
            let compiled = |subject: &Subject<'_>| Compiled::avro(subject.nest.selection(), schema).map_err(|error| error.to_string());
            SchemaExplained { message: None, steps: subjects.iter().map(|subject| subject.explain(compiled(subject))).collect() }
        }
        Parsed::Protobuf(schema) => {
            let under = |message: proto::MessageId| -> Vec<Result<Compiled, String>> {
                let compiled = subjects.iter().map(|subject| Compiled::protobuf(subject.nest.selection(), schema, message));
                compiled.map(|plan| plan.map_err(|error| error.to_string())).collect()
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
        Parsed::Json(schema) => {
            let compiled = |subject: &Subject<'_>| Ok(Compiled::json_schema(subject.nest.selection(), schema));
            SchemaExplained { message: None, steps: subjects.iter().map(|subject| subject.explain(compiled(subject))).collect() }
        }
        Parsed::Unusable(_) => SchemaExplained::default(),
    }
}

impl<'a> Subject<'a> {
    fn of(step: &'a StepPlan, part: &'a PartPlan) -> Self {
        Self {
            step: step.number() + 1,
            plugin: &step.name,
            part: part.half.part(),
            nest: &part.nest,
            names: &part.names,
            operators: &part.operators,
            allow_list: step.is_allow_list(),
            watch: part.watch(),
        }
    }

    /// What can be said where only the records know their fields: what becomes of those that are named, and of all others.
    fn without_schema(&self) -> StepExplained {
        let named = (0..).zip(self.names).map(|(field, name)| self.masked(field, name.clone(), String::new()));
        let mut explained = StepExplained { step: self.step, plugin: self.plugin.to_owned(), places: named.collect(), errors: Vec::new() };
        if self.part == Part::Value {
            let otherwise = Some(if self.allow_list { "dropped, unless kept" } else { "clear" });
            explained.places.push(Explained { otherwise, ..Explained::of("all others".to_owned(), String::new()) });
        }
        explained
    }

    /// A place of this half, by its path in the document.
    fn named(&self, path: &str) -> String {
        match self.part {
            Part::Key => key_name(path),
            Part::Value => path.to_owned(),
        }
    }

    fn masked(&self, field: u32, path: String, type_name: String) -> Explained {
        let operator = self.operators.get(field as usize);
        let nature = operator.and_then(|operator| operator.traits.as_ref()).map(Traits::nature);
        Explained { operator: operator.map(|operator| operator.name.clone()), nature, ..Explained::of(path, type_name) }
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
        // Also where nobody halts at it: a condition on a name that is mistyped drops everything without a word.
        for field in unmatched.filter(|_| self.watch.unmatched != Watching::Allowed) {
            explained.errors.push(format!("selector {} names nothing in the schema", self.selector(field)));
        }
        if self.watch.unlisted == Watching::Halts {
            let unlisted = compiled.unlisted();
            let sentence = |path: &String| format!("{} is neither masked nor kept: the step halts at this schema", self.named(path));
            explained.errors.extend(unlisted.iter().map(sentence));
        }
        for (outer, path) in compiled.open_names() {
            explained.places.push(self.names(&path));
            // A text that is opened for `keep` alone has no field behind it.
            if let (Watching::Halts, Some(&field)) = (self.watch.names, self.nest.behind(outer as usize).first()) {
                let path = self.named(&path);
                explained.errors.push(map_names(&path, &format!("step {}", self.step), self.selector(field), "the schema"));
            }
        }
        explained.errors.extend(misfits(self.nest, self.operators, &compiled));
        explained
    }

    /// The names of a map, which no operator is given.
    fn names(&self, path: &str) -> Explained {
        Explained { otherwise: Some("clear"), ..Explained::of(self.named(path), "names of the map".to_owned()) }
    }

    /// One place of the schema; where it is a text that is opened, what the step looks for in it, and the rest of it.
    fn places(&self, leaf: Leaf) -> Vec<Explained> {
        let clear = |path: String, type_name: String, clear: bool| {
            let otherwise = Some(if clear { "clear" } else { "dropped" });
            Explained { otherwise, ..Explained::of(path, type_name) }
        };
        let path = self.named(&leaf.path);
        let Some(outer) = leaf.field.map(|field| field as usize) else {
            return vec![clear(path, leaf.type_name, leaf.listed)];
        };
        let fields = self.nest.behind(outer);
        if !self.nest.opens(outer) {
            return fields.into_iter().map(|field| self.masked(field, path.clone(), leaf.type_name.clone())).collect();
        }
        let type_name = format!("JSON in {}", leaf.type_name);
        let inside = |field: u32| {
            let selector = self.selector(field);
            let selector = selector.strip_prefix("key ").unwrap_or(selector);
            let inner = Path::parse(selector).ok().and_then(|path| path.inside()).unwrap_or_default();
            self.masked(field, format!("{path} >> {inner}"), type_name.clone())
        };
        let rest = clear(format!("{path} >> …"), type_name.clone(), !self.allow_list);
        fields.into_iter().map(inside).chain([rest]).collect()
    }

    fn selector(&self, field: u32) -> &str {
        self.names.get(field as usize).map_or("", String::as_str)
    }
}
