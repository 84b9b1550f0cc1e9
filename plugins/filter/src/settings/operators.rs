//! Reads the operators of a condition on one field. It must not convert an operand: a number is its text, and `1` is not
//! `"1"`.
use serde_json::Value;
use sluice_plugin::pointer;

use super::Reader;
use crate::operator::{Comparison, NAMES, Operand, Operator, Set};
use crate::pattern::Pattern;

impl Reader<'_> {
    /// One operator with its operand.
    pub(super) fn operator(&mut self, at: &str, name: &str, operand: &Value) -> Option<Operator> {
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
        match Pattern::new(pattern) {
            Ok(pattern) => Some(Operator::Matches(pattern)),
            Err(problem) => {
                self.problem(at, problem);
                None
            }
        }
    }
}
