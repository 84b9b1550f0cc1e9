//! `+`, `-`, `*`, `/`, `%`. It must not wrap round: an integer beyond 64 bits has no value.
use crate::evaluate::{Budget, Failure, MOST_LENGTH, Result, owned};
use crate::tree::Operation;
use crate::value::Value;

/// `-value`.
pub(crate) fn negate<'a>(value: &Value<'a>) -> Result<Value<'a>> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or(Failure::Range),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Duration(length) => length.negated().map(Value::Duration).ok_or(Failure::Range),
        _ => Err(Failure::Type),
    }
}

/// An operation on two values. An integer beside a double is taken as one: JSON does not tell `1` from `1.0`.
pub(crate) fn calculate<'a>(operation: Operation, left: &Value<'a>, right: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    #[allow(clippy::cast_precision_loss, reason = "what double(…) does, too")]
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => integers(operation, *left, *right),
        (Value::Double(left), Value::Double(right)) => doubles(operation, *left, *right),
        (Value::Int(left), Value::Double(right)) => doubles(operation, *left as f64, *right),
        (Value::Double(left), Value::Int(right)) => doubles(operation, *left, *right as f64),
        _ => match operation {
            Operation::Add => add(left, right, budget),
            Operation::Subtract => subtract(left, right),
            _ => Err(Failure::Type),
        },
    }
}

fn integers<'a>(operation: Operation, left: i64, right: i64) -> Result<Value<'a>> {
    let number = match operation {
        Operation::Add => left.checked_add(right),
        Operation::Subtract => left.checked_sub(right),
        Operation::Multiply => left.checked_mul(right),
        Operation::Divide => left.checked_div(right),
        Operation::Remainder => left.checked_rem(right),
        _ => return Err(Failure::Type),
    };
    number.map(Value::Int).ok_or(Failure::Range)
}

fn doubles<'a>(operation: Operation, left: f64, right: f64) -> Result<Value<'a>> {
    Ok(Value::Double(match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
        _ => return Err(Failure::Type),
    }))
}

fn add<'a>(left: &Value<'a>, right: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            budget.spend_bytes(left.len() + right.len())?;
            Ok(owned([&**left, &**right].concat()))
        }
        (Value::Bytes(left), Value::Bytes(right)) => {
            budget.spend_bytes(left.len() + right.len())?;
            Ok(Value::Bytes([&**left, &**right].concat().into()))
        }
        (Value::List(left), Value::List(right)) => {
            let length = left.len() + right.len();
            budget.spend(length)?;
            if length > MOST_LENGTH {
                return Err(Failure::Budget);
            }
            Ok(Value::List(left.iter().chain(right.iter()).cloned().collect()))
        }
        (Value::Time(time), Value::Duration(length)) | (Value::Duration(length), Value::Time(time)) => {
            time.after(*length).map(Value::Time).ok_or(Failure::Range)
        }
        (Value::Duration(left), Value::Duration(right)) => left.sum(*right).map(Value::Duration).ok_or(Failure::Range),
        _ => Err(Failure::Type),
    }
}

fn subtract<'a>(left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>> {
    let value = match (left, right) {
        (Value::Time(time), Value::Duration(length)) => length.negated().and_then(|back| time.after(back)).map(Value::Time),
        (Value::Time(left), Value::Time(right)) => left.since(*right).map(Value::Duration),
        (Value::Duration(left), Value::Duration(right)) => right.negated().and_then(|back| left.sum(back)).map(Value::Duration),
        _ => return Err(Failure::Type),
    };
    value.ok_or(Failure::Range)
}
