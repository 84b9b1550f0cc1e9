//! The operators of a condition, on one value. They must not compare values of different kinds: `1` is not `"1"`, and
//! neither is less than the other.
use std::cmp::Ordering;

use sluice_plugin::{Kind, Value};

use crate::number::Number;
use crate::pattern::Pattern;

/// Every operator by the name that settings use.
pub const NAMES: [&str; 10] = ["eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "matches", "exists"];

/// One operator with its operand.
#[derive(Debug)]
pub enum Operator {
    /// `eq` and `in`: equal to one of them.
    In(Set),
    /// `ne` and `not_in`: equal to none of them.
    NotIn(Set),
    /// `lt`, `le`, `gt` and `ge`.
    Compare(Comparison, Operand),
    /// Text in which the pattern matches somewhere.
    Matches(Pattern),
    /// Whether there is a value, whichever.
    Exists(bool),
}

impl Operator {
    /// Whether it holds for this value. Of an object or array only `exists` is known.
    pub fn holds(&self, value: Value<'_>) -> bool {
        match self {
            Self::In(set) => set.contains(value),
            Self::NotIn(set) => value.kind != Kind::COMPOSITE && !set.contains(value),
            Self::Compare(comparison, operand) => operand.order_of(value).is_some_and(|order| comparison.accepts(order)),
            Self::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
            Self::Exists(there) => *there,
        }
    }
}

/// How a value compares with its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl Comparison {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

/// What has an order: text by code points, numbers by value.
#[derive(Debug)]
pub enum Operand {
    /// Text.
    Text(String),
    /// The exact text of a number.
    Number(String),
}

impl Operand {
    /// How a value compares; none where it is of another kind.
    fn order_of(&self, value: Value<'_>) -> Option<Ordering> {
        match self {
            // The bytes of UTF-8 have the order of the code points.
            Self::Text(text) if value.kind == Kind::TEXT => Some(value.bytes.cmp(text.as_bytes())),
            Self::Number(number) if value.is_number() => Some(Number::parse(value.bytes)?.compare(&Number::parse(number.as_bytes())?)),
            _ => None,
        }
    }
}

/// Values to be equal to, sorted by kind and value.
#[derive(Debug, Default)]
pub struct Set {
    null: bool,
    r#false: bool,
    r#true: bool,
    texts: Vec<String>,
    numbers: Vec<String>,
}

impl Set {
    /// The values of a setting; none where one is an object or array.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a serde_json::Value>) -> Option<Self> {
        let mut set = Self::default();
        for value in values {
            match value {
                serde_json::Value::Null => set.null = true,
                serde_json::Value::Bool(true) => set.r#true = true,
                serde_json::Value::Bool(false) => set.r#false = true,
                serde_json::Value::String(text) => set.texts.push(text.clone()),
                serde_json::Value::Number(number) => set.numbers.push(number.to_string()),
                serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
            }
        }
        set.texts.sort_unstable();
        set.numbers.sort_unstable_by(|a, b| order(a.as_bytes(), b.as_bytes()));
        Some(set)
    }

    fn contains(&self, value: Value<'_>) -> bool {
        match value.kind {
            Kind::NULL => self.null,
            Kind::BOOLEAN => {
                if value.bytes == b"true" {
                    self.r#true
                } else {
                    self.r#false
                }
            }
            Kind::TEXT => self.texts.binary_search_by(|text| text.as_bytes().cmp(value.bytes)).is_ok(),
            Kind::INTEGER | Kind::DECIMAL => self.numbers.binary_search_by(|number| order(number.as_bytes(), value.bytes)).is_ok(),
            _ => false,
        }
    }
}

/// Orders the texts of numbers by value; what is no number comes first, and is equal to nothing.
fn order(a: &[u8], b: &[u8]) -> Ordering {
    match (Number::parse(a), Number::parse(b)) {
        (Some(a), Some(b)) => a.compare(&b),
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use serde_json::json;
    use sluice_plugin::testing::parse_scalars;

    use super::*;

    fn holds(operator: &Operator, value: &str) -> bool {
        let scalar = parse_scalars(value).unwrap().remove(0);
        operator.holds(Value { kind: scalar.kind, bytes: &scalar.bytes })
    }

    #[test]
    fn sets_know_kinds_apart_and_numbers_by_value() {
        let set = || Set::of(&[json!(1), json!("a"), json!(10.50), json!(true), json!("1e2"), json!(-3)]).unwrap();
        for (value, expected) in [
            ("1", true),
            ("1.0", true),
            ("10e-1", true),
            ("\"1\"", false),
            ("\"a\"", true),
            ("\"b\"", false),
            ("10.5", true),
            ("true", true),
            ("false", false),
            ("null", false),
            ("100", false),
            ("\"1e2\"", true),
            ("-3.0", true),
            ("3", false),
        ] {
            assert_eq!(holds(&Operator::In(set()), value), expected, "{value}");
            assert_eq!(holds(&Operator::NotIn(set()), value), !expected, "{value}");
        }
        for value in ["{}", "[[1]]"] {
            assert!(!holds(&Operator::In(set()), value) && !holds(&Operator::NotIn(set()), value), "{value}");
        }
    }

    #[test]
    fn comparisons_need_the_same_kind() {
        let number = |comparison| Operator::Compare(comparison, Operand::Number("10".to_owned()));
        let text = |comparison| Operator::Compare(comparison, Operand::Text("m".to_owned()));
        for (value, lt, le, gt, ge) in [
            ("9.99", true, true, false, false),
            ("10.0", false, true, false, true),
            ("1e400", false, false, true, true),
            ("\"9\"", false, false, false, false),
            ("null", false, false, false, false),
            ("true", false, false, false, false),
            ("{}", false, false, false, false),
        ] {
            let found = [Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge].map(|c| holds(&number(c), value));
            assert_eq!(found, [lt, le, gt, ge], "{value}");
        }
        for (value, lt) in [("\"l\"", true), ("\"\"", true), ("\"m\"", false), ("\"é\"", false), ("\"Z\"", true), ("5", false)] {
            assert_eq!(holds(&text(Comparison::Lt), value), lt, "{value}");
        }
    }

    #[test]
    fn a_pattern_matches_anywhere_in_text() {
        let matches = |pattern: &str, value| holds(&Operator::Matches(Pattern::new(pattern).unwrap()), value);
        assert!(matches("b", "\"abc\""));
        assert!(!matches("^b$", "\"abc\""));
        assert!(matches("^[a-c]+$", "\"abc\""));
        assert!(!matches("1", "1"), "a number is no text");
        assert!(!matches("", "null"));
    }
}
