//! Reads the tree of conditions, and says all that is wrong with it. It must not accept a key that it does not know: a
//! condition that has no effect keeps what its author thinks is dropped.
use serde_json::{Map, Value};
use sluice_plugin::{Field, Problem, Sees, hint, pointer};

mod leaves;
mod operators;

pub use leaves::LEAVES;

use crate::condition::Condition;
use crate::operator::{NAMES, Operator};
use crate::{Filter, First};

/// The keys of a step's settings.
const KEYS: [&str; 3] = ["where", "absent", "on_drop"];
/// The keys that join conditions.
const JOINS: [&str; 3] = ["all", "any", "not"];

/// Reads a step's settings, and those of its fields: short for a condition on that field, or nothing.
pub fn read(settings: &Map<String, Value>, fields: &[Field<Map<String, Value>>], sees: Sees) -> Result<Filter, Vec<Problem>> {
    let selectors = fields.iter().map(|field| field.selector.as_str()).collect();
    let mut reader = Reader { selectors, sees, first: None, problems: Vec::new() };
    for key in settings.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        reader.unknown("/settings", key, &KEYS);
    }
    let keep_absent = reader.choice(settings, "absent", ["drop", "keep"]);
    let tombstone_on_drop = reader.choice(settings, "on_drop", ["keep_old", "tombstone"]);
    let mut conditions: Vec<Condition> = Vec::new();
    if let Some(tree) = settings.get("where") {
        conditions.extend(reader.root("/settings/where", tree));
    }
    for (n, field) in fields.iter().enumerate() {
        for (name, operand) in &field.settings {
            let operator = reader.operator(&format!("/fields/{n}"), name, operand);
            conditions.extend(operator.map(|operator| Condition::Field(n, operator)));
        }
    }
    if tombstone_on_drop {
        reader.needs("/settings/on_drop", Sees::SIZES, "sizes", "which records have a key");
        if reader.first.is_some() {
            reader.problem("/settings/on_drop", "cannot be tombstone beside `first`: a record that came again is no deletion");
        }
    }
    if conditions.is_empty() && reader.first.is_none() && reader.problems.is_empty() {
        reader.problem("/settings", "`where` is missing: it says what is kept");
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let only = if conditions.len() == 1 { conditions.pop() } else { None };
    let condition = only.unwrap_or(Condition::All(conditions));
    Ok(Filter { condition, first: reader.first, keep_absent, tombstone_on_drop })
}

struct Reader<'a> {
    /// Selectors of the granted fields, in their order.
    selectors: Vec<&'a str>,
    /// What the step grants beside them.
    sees: Sees,
    first: Option<First>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// One of two words, the first one unless given; whether it is the second.
    fn choice(&mut self, settings: &Map<String, Value>, key: &str, words: [&str; 2]) -> bool {
        let [preset, other] = words;
        match settings.get(key).map(Value::as_str) {
            None => false,
            Some(Some(word)) if word == preset => false,
            Some(Some(word)) if word == other => true,
            Some(_) => {
                self.problem(&pointer("/settings", key), format!("must be {other} or {preset}"));
                false
            }
        }
    }

    /// The tree from its top, where alone `first` can stand: by itself, or directly in `all`. None where there is a
    /// problem, or nothing else.
    fn root(&mut self, at: &str, tree: &Value) -> Option<Condition> {
        if let Some(first) = sole(tree, "first") {
            self.first(&pointer(at, "first"), first);
            return None;
        }
        let Some(Value::Array(nodes)) = sole(tree, "all") else { return self.condition(at, tree) };
        if !nodes.iter().any(|node| sole(node, "first").is_some()) {
            return self.condition(at, tree);
        }
        let mut read = Vec::new();
        for (n, node) in nodes.iter().enumerate() {
            let at = format!("{at}/all/{n}");
            match sole(node, "first") {
                Some(first) => self.first(&pointer(&at, "first"), first),
                None => read.push(self.condition(&at, node)),
            }
        }
        let conditions: Vec<Condition> = read.into_iter().collect::<Option<_>>()?;
        (!conditions.is_empty()).then_some(Condition::All(conditions))
    }

    /// One node of the tree: `all`, `any`, `not`, a leaf of another kind, or operators on a field. None where there is a
    /// problem.
    fn condition(&mut self, at: &str, node: &Value) -> Option<Condition> {
        let Value::Object(node) = node else {
            self.problem(at, "must be an object: all, any, not, or a field with operators");
            return None;
        };
        if node.contains_key("field") {
            return self.field(at, node);
        }
        if node.contains_key("header") {
            return self.header(at, node);
        }
        if let Some(expression) = node.get("cel") {
            return self.cel(at, expression, node);
        }
        let mut entries = node.iter();
        let (Some((join, below)), None) = (entries.next(), entries.next()) else {
            self.problem(at, format!("must have one of all, any, not, {}, or a `field`", LEAVES.join(", ")));
            return None;
        };
        let below_at = pointer(at, join);
        match join.as_str() {
            "all" => self.conditions(&below_at, below).map(Condition::All),
            "any" => self.conditions(&below_at, below).map(Condition::Any),
            "not" => Some(Condition::Not(Box::new(self.condition(&below_at, below)?))),
            "sample" => self.sample(&below_at, below),
            "time" => self.time(&below_at, below),
            "tombstone" => self.tombstone(&below_at, below),
            "first" => {
                self.problem(&below_at, "belongs at the top of `where`, or directly into its `all`: it applies last, to what is kept");
                None
            }
            operator if NAMES.contains(&operator) => {
                self.problem(at, "`field` is missing");
                None
            }
            other => {
                self.unknown(at, other, &[&JOINS[..], &LEAVES, &["field"]].concat());
                None
            }
        }
    }

    fn conditions(&mut self, at: &str, nodes: &Value) -> Option<Vec<Condition>> {
        let Some(nodes) = nodes.as_array().filter(|nodes| !nodes.is_empty()) else {
            self.problem(at, "must be a list of conditions that is not empty");
            return None;
        };
        // Every node is read, so that every problem is found.
        let read: Vec<_> = nodes.iter().enumerate().map(|(n, node)| self.condition(&format!("{at}/{n}"), node)).collect();
        read.into_iter().collect()
    }

    /// Operators on one field: all of them hold.
    fn field(&mut self, at: &str, node: &Map<String, Value>) -> Option<Condition> {
        let column = self.column(at, node.get("field")?);
        let operators = self.operators(at, node, "field");
        joined(operators?.into_iter().map(|operator| Some(Condition::Field(column?, operator))))
    }

    /// Operators on the headers of one name.
    fn header(&mut self, at: &str, node: &Map<String, Value>) -> Option<Condition> {
        let seen = self.needs(&pointer(at, "header"), Sees::HEADERS, "headers", "the record's headers");
        let name = node.get("header").and_then(Value::as_str);
        if name.is_none() {
            self.problem(&pointer(at, "header"), "must be the name of a header as text");
        }
        let name = name.filter(|_| seen).map(str::as_bytes);
        let operators = self.operators(at, node, "header");
        joined(operators?.into_iter().map(|operator| Some(Condition::Header(name?.to_vec(), operator))))
    }

    /// The operators beside `subject`; there is one at least.
    fn operators(&mut self, at: &str, node: &Map<String, Value>, subject: &str) -> Option<Vec<Operator>> {
        let operands: Vec<_> = node.iter().filter(|(name, _)| *name != subject).collect();
        if operands.is_empty() {
            self.problem(at, format!("has no operator; there are {}", NAMES.join(", ")));
            return None;
        }
        // Every one is read, so that every problem is found.
        let read: Vec<_> = operands.into_iter().map(|(name, operand)| self.operator(at, name, operand)).collect();
        read.into_iter().collect()
    }

    fn column(&mut self, at: &str, field: &Value) -> Option<usize> {
        let column = field.as_str().map(|selector| self.selectors.iter().position(|granted| *granted == selector));
        match column {
            Some(Some(column)) => return Some(column),
            Some(None) => {
                let selector = field.as_str().unwrap_or_default();
                self.problem(&pointer(at, "field"), format!("`{selector}` is not among the fields that the step grants"));
            }
            None => self.problem(&pointer(at, "field"), "must be a selector as text"),
        }
        None
    }

    /// Whether the step sees what a condition needs.
    fn needs(&mut self, at: &str, part: Sees, name: &str, why: &str) -> bool {
        let granted = self.sees.contains(part);
        if !granted {
            self.problem(at, format!("needs to see {why}: write `{name}` into the step's `sees`"));
        }
        granted
    }

    fn unknown(&mut self, at: &str, key: &str, known: &[&str]) {
        self.problem(&pointer(at, key), format!("unknown key; {}", hint(key, known)));
    }

    fn problem(&mut self, at: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(at, message));
    }
}

/// Conditions that all have to hold.
fn joined(conditions: impl Iterator<Item = Option<Condition>>) -> Option<Condition> {
    let mut conditions: Vec<_> = conditions.collect::<Option<_>>()?;
    if conditions.len() == 1 { conditions.pop() } else { Some(Condition::All(conditions)) }
}

/// The value of an object's one key, if that is it.
fn sole<'v>(node: &'v Value, key: &str) -> Option<&'v Value> {
    node.as_object().filter(|node| node.len() == 1)?.get(key)
}

#[cfg(test)]
mod tests;
