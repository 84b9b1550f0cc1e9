//! Reads the tree of conditions, and says all that is wrong with it. It must not accept a key that it does not know: a
//! condition that has no effect keeps what its author thinks is dropped.
use regex_lite::Regex;
use serde_json::{Map, Value};
use sluice_plugin::{Field, Problem, nearest, pointer};

use crate::Filter;
use crate::condition::Condition;
use crate::operator::{Comparison, NAMES, Operand, Operator, Set};

/// The keys of a step's settings.
const KEYS: [&str; 2] = ["where", "absent"];
/// The keys that join conditions.
const JOINS: [&str; 3] = ["all", "any", "not"];

/// Reads a step's settings, and those of its fields: short for a condition on that field, or nothing.
pub fn read(settings: &Map<String, Value>, fields: &[Field<Map<String, Value>>]) -> Result<Filter, Vec<Problem>> {
    let mut reader = Reader { selectors: fields.iter().map(|field| field.selector.as_str()).collect(), problems: Vec::new() };
    for key in settings.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        reader.unknown("/settings", key, &KEYS);
    }
    let keep_absent = match settings.get("absent").map(Value::as_str) {
        None | Some(Some("drop")) => false,
        Some(Some("keep")) => true,
        Some(_) => {
            reader.problem("/settings/absent", "must be keep or drop");
            false
        }
    };
    let mut conditions: Vec<Condition> = Vec::new();
    if let Some(tree) = settings.get("where") {
        conditions.extend(reader.condition("/settings/where", tree));
    }
    for (n, field) in fields.iter().enumerate() {
        for (name, operand) in &field.settings {
            let operator = reader.operator(&format!("/fields/{n}"), name, operand);
            conditions.extend(operator.map(|operator| Condition::Field(n, operator)));
        }
    }
    if conditions.is_empty() && reader.problems.is_empty() {
        reader.problem("/settings", "`where` is missing: it says what is kept");
    }
    if reader.problems.is_empty() { Ok(Filter { condition: Condition::All(conditions), keep_absent }) } else { Err(reader.problems) }
}

struct Reader<'a> {
    /// Selectors of the granted fields, in their order.
    selectors: Vec<&'a str>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// One node of the tree: `all`, `any`, `not`, or operators on a field. None where there is a problem.
    fn condition(&mut self, at: &str, node: &Value) -> Option<Condition> {
        let Value::Object(node) = node else {
            self.problem(at, "must be an object: all, any, not, or a field with operators");
            return None;
        };
        if node.contains_key("field") {
            return self.field(at, node);
        }
        let mut entries = node.iter();
        let (Some((join, below)), None) = (entries.next(), entries.next()) else {
            self.problem(at, "must have one of all, any and not, or a `field`");
            return None;
        };
        let below_at = pointer(at, join);
        match join.as_str() {
            "all" => self.conditions(&below_at, below).map(Condition::All),
            "any" => self.conditions(&below_at, below).map(Condition::Any),
            "not" => Some(Condition::Not(Box::new(self.condition(&below_at, below)?))),
            operator if NAMES.contains(&operator) => {
                self.problem(at, "`field` is missing");
                None
            }
            other => {
                self.unknown(at, other, &[&JOINS[..], &["field"]].concat());
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
        let operands: Vec<_> = node.iter().filter(|(name, _)| *name != "field").collect();
        if operands.is_empty() {
            self.problem(at, format!("has no operator; there are {}", NAMES.join(", ")));
        }
        let operators: Vec<_> = operands.into_iter().map(|(name, operand)| self.operator(at, name, operand)).collect();
        let column = column?;
        let mut conditions: Vec<_> =
            operators.into_iter().map(|operator| Some(Condition::Field(column, operator?))).collect::<Option<_>>()?;
        if conditions.len() == 1 { conditions.pop() } else { Some(Condition::All(conditions)) }
    }

    fn column(&mut self, at: &str, field: &Value) -> Option<usize> {
        let column = field.as_str().map(|selector| self.selectors.iter().position(|granted| *granted == selector));
        match column {
            Some(Some(column)) => return Some(column),
            Some(None) => self.problem(&pointer(at, "field"), "is not among the fields that the step grants"),
            None => self.problem(&pointer(at, "field"), "must be a selector as text"),
        }
        None
    }

    fn operator(&mut self, at: &str, name: &str, operand: &Value) -> Option<Operator> {
        let comparison = match name {
            "lt" => Comparison::Lt,
            "le" => Comparison::Le,
            "gt" => Comparison::Gt,
            "ge" => Comparison::Ge,
            _ => return self.test(at, name, operand),
        };
        let operand = match operand {
            Value::String(text) => Operand::Text(text.clone()),
            Value::Number(number) => Operand::Number(number.to_string()),
            _ => {
                self.problem(&pointer(at, name), "must be a number or text");
                return None;
            }
        };
        Some(Operator::Compare(comparison, operand))
    }

    fn test(&mut self, at: &str, name: &str, operand: &Value) -> Option<Operator> {
        let many = || operand.as_array().filter(|values| !values.is_empty()).and_then(Set::of);
        let (operator, wanted) = match name {
            "eq" => (Set::of([operand]).map(Operator::In), "must be text, a number, a boolean or null"),
            "ne" => (Set::of([operand]).map(Operator::NotIn), "must be text, a number, a boolean or null"),
            "in" => (many().map(Operator::In), "must be a list of text, numbers, booleans or null that is not empty"),
            "not_in" => (many().map(Operator::NotIn), "must be a list of text, numbers, booleans or null that is not empty"),
            "exists" => (operand.as_bool().map(Operator::Exists), "must be true or false"),
            "matches" => return self.pattern(&pointer(at, name), operand),
            other => {
                self.unknown(at, other, &NAMES);
                return None;
            }
        };
        if operator.is_none() {
            self.problem(&pointer(at, name), wanted);
        }
        operator
    }

    fn pattern(&mut self, at: &str, operand: &Value) -> Option<Operator> {
        let Some(pattern) = operand.as_str() else {
            self.problem(at, "must be a regular expression as text");
            return None;
        };
        match Regex::new(pattern) {
            Ok(pattern) => Some(Operator::Matches(pattern)),
            Err(error) => {
                self.problem(at, format!("is not a regular expression: {error}"));
                None
            }
        }
    }

    fn unknown(&mut self, at: &str, key: &str, known: &[&str]) {
        let hint = match nearest(key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.problem(&pointer(at, key), format!("unknown key; {hint}"));
    }

    fn problem(&mut self, at: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(at, message));
    }
}

#[cfg(test)]
mod tests {
    use sluice_plugin::testing;

    use super::*;

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let scalar = "must be text, a number, a boolean or null";
        for (settings, expected) in [
            ("{}", vec!["/settings: `where` is missing: it says what is kept".to_owned()]),
            (r#"{"were":{}}"#, vec!["/settings/were: unknown key; did you mean `where`?".to_owned()]),
            (r#"{"where":[]}"#, vec!["/settings/where: must be an object: all, any, not, or a field with operators".to_owned()]),
            (r#"{"where":{}}"#, vec!["/settings/where: must have one of all, any and not, or a `field`".to_owned()]),
            (r#"{"where":{"eq":1}}"#, vec!["/settings/where: `field` is missing".to_owned()]),
            (r#"{"where":{"alll":[]}}"#, vec!["/settings/where/alll: unknown key; did you mean `all`?".to_owned()]),
            (r#"{"where":{"all":[]}}"#, vec!["/settings/where/all: must be a list of conditions that is not empty".to_owned()]),
            (r#"{"where":{"field":"$.a"}}"#, vec![format!("/settings/where: has no operator; there are {}", NAMES.join(", "))]),
            (
                r#"{"where":{"any":[{"field":"$.c","eq":1},{"not":{"field":"$.a","eqq":1}},{"field":"$.a","eq":{}}]}}"#,
                vec![
                    "/settings/where/any/0/field: is not among the fields that the step grants".to_owned(),
                    "/settings/where/any/1/not/eqq: unknown key; did you mean `eq`?".to_owned(),
                    format!("/settings/where/any/2/eq: {scalar}"),
                ],
            ),
            (
                r#"{"where":{"field":"$.a","in":[],"lt":null,"exists":1},"absent":"pass"}"#,
                vec![
                    "/settings/absent: must be keep or drop".to_owned(),
                    "/settings/where/exists: must be true or false".to_owned(),
                    "/settings/where/in: must be a list of text, numbers, booleans or null that is not empty".to_owned(),
                    "/settings/where/lt: must be a number or text".to_owned(),
                ],
            ),
            (r#"{"where":{"field":7,"eq":1}}"#, vec!["/settings/where/field: must be a selector as text".to_owned()]),
        ] {
            let problems = testing::init::<Filter>(settings, &[("$.a", "{}"), ("$.b", "{}")]).err().unwrap_or_default();
            let mut found: Vec<_> = problems.into_iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect();
            found.sort();
            let mut expected = expected;
            expected.sort();
            assert_eq!(found, expected, "{settings}");
        }
    }

    #[test]
    fn a_bad_pattern_is_a_problem() {
        let problems = testing::init::<Filter>(r#"{"where":{"field":"$.a","matches":"("}}"#, &[("$.a", "{}")]).err().unwrap_or_default();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].at, "/settings/where/matches");
    }

    #[test]
    fn settings_of_fields_are_conditions() {
        let problems = testing::init::<Filter>("{}", &[("$.a", r#"{"eq":1}"#), ("$.b", r#"{"near":1}"#)]).err().unwrap_or_default();
        assert_eq!(problems[0].at, "/fields/1/near");
        assert!(testing::init::<Filter>("{}", &[("$.a", r#"{"eq":1}"#), ("$.b", "{}")]).is_ok());
    }
}
