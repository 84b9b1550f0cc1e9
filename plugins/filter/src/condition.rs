//! Judges whole columns under a tree of conditions, in three values: what a missing field leaves open is unknown, and
//! stays so under `not`. It must not decide what becomes of a record that stays unknown.
use sluice_plugin::{Batch, Column};

use crate::operator::Operator;

/// Whether a condition holds for a record. The order is the one of Kleene's logic: `all` is the least, `any` the
/// greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    False,
    /// A field that it needs is missing.
    Unknown,
    /// It holds.
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// A tree of conditions.
#[derive(Debug)]
pub enum Condition {
    /// Every one holds; there is at least one.
    All(Vec<Condition>),
    /// One of them holds; there is at least one.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// An operator on the values of a granted field, by its index.
    Field(usize, Operator),
}

impl Condition {
    /// The truth for every record of the batch.
    pub fn judge(&self, batch: &Batch) -> Vec<Truth> {
        match self {
            Self::All(conditions) => fold(conditions, batch, Truth::True, Truth::min),
            Self::Any(conditions) => fold(conditions, batch, Truth::False, Truth::max),
            Self::Not(condition) => {
                let mut truths = condition.judge(batch);
                for truth in &mut truths {
                    *truth = match *truth {
                        Truth::False => Truth::True,
                        Truth::Unknown => Truth::Unknown,
                        Truth::True => Truth::False,
                    };
                }
                truths
            }
            Self::Field(field, operator) => judge_field(operator, batch.fields.get(*field), batch.count as usize),
        }
    }
}

fn fold(conditions: &[Condition], batch: &Batch, start: Truth, join: fn(Truth, Truth) -> Truth) -> Vec<Truth> {
    let mut truths = vec![start; batch.count as usize];
    for condition in conditions {
        for (truth, more) in truths.iter_mut().zip(condition.judge(batch)) {
            *truth = join(*truth, more);
        }
    }
    truths
}

/// Of several values in a record one must do; for `ne` and `not_in` all must.
fn judge_field(operator: &Operator, column: Option<&Column>, count: usize) -> Vec<Truth> {
    let missing = match operator {
        // The one question that a missing field answers.
        Operator::Exists(there) => Truth::from(!there),
        _ => Truth::Unknown,
    };
    // What one value settles for the whole record.
    let settled = !matches!(operator, Operator::NotIn(_) | Operator::Exists(false));
    let mut truths = vec![missing; count];
    for (row, value) in column.into_iter().flatten() {
        let Some(truth) = truths.get_mut(row as usize) else { continue };
        let holds = operator.holds(value);
        if holds == settled || *truth == Truth::Unknown {
            *truth = Truth::from(holds);
        }
    }
    truths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use serde_json::json;
    use sluice_plugin::testing::{batch, parse_scalars};

    use super::Truth::{False, True, Unknown};
    use super::*;
    use crate::operator::{Comparison, Operand, Set};

    fn is(value: &serde_json::Value) -> Operator {
        Operator::In(Set::of([value]).unwrap())
    }

    fn is_not(value: &serde_json::Value) -> Operator {
        Operator::NotIn(Set::of([value]).unwrap())
    }

    fn judge(condition: &Condition, records: &[Option<&str>]) -> Vec<Truth> {
        let records: Vec<_> = records.iter().map(|json| vec![json.map_or(Vec::new(), |json| parse_scalars(json).unwrap())]).collect();
        condition.judge(&batch(1, &records))
    }

    #[test]
    fn a_missing_field_is_unknown_except_to_exists() {
        let records = [None, Some("1"), Some("2"), Some("null"), Some("{}")];
        let less = || Operator::Compare(Comparison::Lt, Operand::Number("2".to_owned()));
        let not = |operator| Condition::Not(Box::new(Condition::Field(0, operator)));
        for (condition, expected) in [
            (Condition::Field(0, is(&json!(1))), [Unknown, True, False, False, False]),
            (Condition::Field(0, is_not(&json!(1))), [Unknown, False, True, True, False]),
            (Condition::Field(0, less()), [Unknown, True, False, False, False]),
            (not(less()), [Unknown, False, True, True, True]),
            (Condition::Field(0, Operator::Exists(true)), [False, True, True, True, True]),
            (Condition::Field(0, Operator::Exists(false)), [True, False, False, False, False]),
            (not(Operator::Exists(true)), [True, False, False, False, False]),
        ] {
            assert_eq!(judge(&condition, &records), expected, "{condition:?}");
        }
    }

    #[test]
    fn one_of_several_values_does_and_ne_needs_all() {
        let records = [Some("[1,2]"), Some("[2,1]"), Some("[2,3]"), Some("[1]"), Some("[]")];
        for (operator, expected) in [
            (is(&json!(1)), [True, True, False, True, Unknown]),
            (is_not(&json!(1)), [False, False, True, False, Unknown]),
            (Operator::Exists(true), [True, True, True, True, False]),
            (Operator::Exists(false), [False, False, False, False, True]),
        ] {
            assert_eq!(judge(&Condition::Field(0, operator), &records), expected);
        }
    }

    #[test]
    fn unknown_yields_only_to_what_decides_alone() {
        let known = |there: bool| Condition::Field(0, Operator::Exists(!there));
        let unknown = || Condition::Field(0, is(&json!(1)));
        for (condition, expected) in [
            (Condition::All(vec![unknown(), known(true)]), Unknown),
            (Condition::All(vec![unknown(), known(false)]), False),
            (Condition::Any(vec![unknown(), known(true)]), True),
            (Condition::Any(vec![unknown(), known(false)]), Unknown),
            (Condition::Not(Box::new(Condition::Any(vec![unknown(), known(false)]))), Unknown),
        ] {
            assert_eq!(judge(&condition, &[None]), [expected], "{condition:?}");
        }
    }
}
