//! Equality and order. It must not call values of different types equal, nor give them an order; integers and doubles
//! are numbers, and compare by their exact value.
use std::cmp::Ordering;

use crate::evaluate::{Budget, Failure, Result};
use crate::value::Value;

/// 2^63, the first integer that is too large.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// Whether two values are equal; of what is opaque that cannot be said.
pub(crate) fn equal(left: &Value<'_>, right: &Value<'_>, budget: &mut Budget) -> Result<bool> {
    Ok(match (left, right) {
        (Value::Opaque, Value::Null) | (Value::Null, Value::Opaque) => false,
        (Value::Opaque, _) | (_, Value::Opaque) => return Err(Failure::Type),
        (Value::Null, Value::Null) => true,
        (Value::Kind(left), Value::Kind(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            budget.spend(left.len().min(right.len()))?;
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !equal(left, right, budget)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (key, value) in left.iter() {
                let mut same = false;
                for (other, twin) in right.iter() {
                    budget.spend(1)?;
                    if equal(key, other, budget)? {
                        same = equal(value, twin, budget)?;
                        break;
                    }
                }
                if !same {
                    return Ok(false);
                }
            }
            true
        }
        // What has no order with each other is not equal.
        (left, right) => order(left, right).is_ok_and(|order| order == Some(Ordering::Equal)),
    })
}

/// How two values of one type compare; none for what is not a number.
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Result<Option<Ordering>> {
    Ok(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Double(right)) => mixed(*left, *right),
        (Value::Double(left), Value::Int(right)) => mixed(*right, *left).map(Ordering::reverse),
        // The bytes of UTF-8 have the order of the code points.
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        _ => return Err(Failure::Type),
    })
}

fn mixed(integer: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    if double >= LIMIT {
        return Some(Ordering::Less);
    }
    if double < -LIMIT {
        return Some(Ordering::Greater);
    }
    // Within 64 bits: the whole part is exact.
    #[allow(clippy::cast_possible_truncation, reason = "just held against both limits")]
    let whole = double.trunc() as i64;
    Some(integer.cmp(&whole).then_with(|| 0.0f64.partial_cmp(&double.fract()).unwrap_or(Ordering::Equal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_doubles_compare_exactly() {
        use Ordering::{Equal, Greater, Less};
        for (integer, double, expected) in [
            (1, 1.0, Some(Equal)),
            (1, 1.5, Some(Less)),
            (-1, -1.5, Some(Greater)),
            (-2, -1.5, Some(Less)),
            (i64::MAX, 9_223_372_036_854_775_808.0, Some(Less)),
            (i64::MIN, -9_223_372_036_854_775_808.0, Some(Equal)),
            (i64::MIN, -9_223_372_036_854_777_856.0, Some(Greater)),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Some(Greater)),
            (0, -0.0, Some(Equal)),
            (0, f64::NAN, None),
            (0, f64::INFINITY, Some(Less)),
            (0, f64::NEG_INFINITY, Some(Greater)),
        ] {
            assert_eq!(mixed(integer, double), expected, "{integer} {double}");
        }
    }
}
