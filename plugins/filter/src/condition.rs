//! Judges whole columns under a tree of conditions, in three values and failures: what a missing field leaves open is
//! unknown, and stays so under `not`. It must not decide what becomes of a record that stays unknown, or fails.
use sluice_plugin::{Batch, Column, Kind, Value};

use crate::Fault;
use crate::expression::Cel;
use crate::operator::Operator;
use crate::sample::Sample;

/// Whether a condition holds for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It does not hold.
    False,
    /// A field that it needs is missing.
    Unknown,
    /// It cannot be judged.
    Failed(Fault),
    /// It holds.
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// Whether both hold: one that does not decides, else one that fails, else one that is unknown.
pub fn both(one: Truth, other: Truth) -> Truth {
    match (one, other) {
        (Truth::False, _) | (_, Truth::False) => Truth::False,
        (failed @ Truth::Failed(_), _) | (_, failed @ Truth::Failed(_)) => failed,
        (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
        (Truth::True, Truth::True) => Truth::True,
    }
}

/// Whether one holds.
fn either(one: Truth, other: Truth) -> Truth {
    not(both(not(one), not(other)))
}

fn not(truth: Truth) -> Truth {
    match truth {
        Truth::False => Truth::True,
        Truth::True => Truth::False,
        unknown => unknown,
    }
}

/// A tree of conditions.
#[derive(Debug)]
pub enum Condition {
    /// Every one holds.
    All(Vec<Condition>),
    /// One of them holds; there is at least one.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// An operator on the values of a granted field, by its index.
    Field(usize, Operator),
    /// An operator on the values of the headers of that name.
    Header(Vec<u8>, Operator),
    /// An expression is true.
    Cel(Box<Cel>),
    /// The record is in a share.
    Sample(Box<Sample>),
    /// The record's timestamp is at or after the first, and before the second; milliseconds.
    Time(i64, i64),
    /// The record's value is null, or is not.
    Tombstone(bool),
}

impl Condition {
    /// The truth for every record of the batch.
    pub fn judge(&self, batch: &Batch) -> Vec<Truth> {
        let count = batch.count as usize;
        match self {
            Self::All(conditions) => fold(conditions, batch, Truth::True, both),
            Self::Any(conditions) => fold(conditions, batch, Truth::False, either),
            Self::Not(condition) => {
                let mut truths = condition.judge(batch);
                truths.iter_mut().for_each(|truth| *truth = not(*truth));
                truths
            }
            Self::Field(field, operator) => judge_field(operator, batch.fields.get(*field), count),
            Self::Header(name, operator) => judge_field(operator, Some(&header_column(batch, name)), count),
            Self::Cel(cel) => cel.judge(batch),
            Self::Sample(sample) => sample.judge(batch),
            // The step sees both, or it was refused.
            Self::Time(from, to) => known(count, batch.timestamps.iter().map(|stamp| (*from..*to).contains(stamp))),
            Self::Tombstone(wanted) => known(count, batch.value_sizes.iter().map(|size| (*size < 0) == *wanted)),
        }
    }
}

/// One truth a record; unknown where the host did not say.
fn known(count: usize, truths: impl Iterator<Item = bool>) -> Vec<Truth> {
    truths.map(Truth::from).chain(std::iter::repeat(Truth::Unknown)).take(count).collect()
}

fn fold(conditions: &[Condition], batch: &Batch, start: Truth, join: fn(Truth, Truth) -> Truth) -> Vec<Truth> {
    let Some((first, rest)) = conditions.split_first() else { return vec![start; batch.count as usize] };
    let mut truths = first.judge(batch);
    for condition in rest {
        for (truth, more) in truths.iter_mut().zip(condition.judge(batch)) {
            *truth = join(*truth, more);
        }
    }
    truths
}

/// The headers of one name as a column: text where they are UTF-8, else bytes; a header without a value is null.
fn header_column(batch: &Batch, name: &[u8]) -> Column {
    let mut column = Column::new();
    for header in batch.headers.iter().filter(|header| header.name == name) {
        let bytes = header.value.as_deref().unwrap_or_default();
        let kind = match header.value {
            None => Kind::NULL,
            Some(_) if std::str::from_utf8(bytes).is_ok() => Kind::TEXT,
            Some(_) => Kind::BYTES,
        };
        column.push(header.row, Value { kind, bytes });
    }
    column
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
    fn failure_counts_for_more_than_unknown_and_yields_to_what_decides() {
        let all = [Truth::False, Unknown, Truth::Failed(Fault::CelRange), True];
        let table = |join: fn(Truth, Truth) -> Truth| all.map(|one| all.map(|other| join(one, other)));
        let failed = Truth::Failed(Fault::CelRange);
        assert_eq!(table(both), [[False; 4], [False, Unknown, failed, Unknown], [False, failed, failed, failed], all]);
        assert_eq!(table(either), [all, [Unknown, Unknown, failed, True], [failed, failed, failed, True], [True; 4]]);
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
