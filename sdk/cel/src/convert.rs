//! `int(…)`, `string(…)` and their like: one type from another. It must not guess: what does not read exactly as the
//! language says has no value.
use std::borrow::Cow;

use crate::evaluate::{Budget, Failure, Result, owned};
use crate::time::{Duration, Time};
use crate::value::Value;

/// 2^63, the first double that is too large for an integer.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

pub(crate) fn bool<'a>(from: &Value<'a>) -> Result<Value<'a>> {
    match from {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::Text(text) => match &**text {
            "true" | "TRUE" | "True" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "FALSE" | "False" | "f" | "0" => Ok(Value::Bool(false)),
            _ => Err(Failure::Conversion),
        },
        _ => Err(Failure::Type),
    }
}

pub(crate) fn bytes<'a>(from: &Value<'a>) -> Result<Value<'a>> {
    match from {
        Value::Bytes(_) => Ok(from.clone()),
        Value::Text(text) => Ok(Value::Bytes(Cow::Owned(text.as_bytes().to_vec()))),
        _ => Err(Failure::Type),
    }
}

pub(crate) fn double<'a>(from: &Value<'a>) -> Result<Value<'a>> {
    let number = match from {
        Value::Double(number) => *number,
        #[allow(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
        Value::Int(number) => *number as f64,
        Value::Text(text) => parse_double(text).ok_or(Failure::Conversion)?,
        _ => return Err(Failure::Type),
    };
    Ok(Value::Double(number))
}

/// A number as the language writes it, `Infinity` and `NaN` too.
fn parse_double(text: &str) -> Option<f64> {
    let letters = text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E'));
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if letters => None,
        _ => text.parse().ok(),
    }
}

pub(crate) fn int<'a>(from: &Value<'a>) -> Result<Value<'a>> {
    let number = match from {
        Value::Int(number) => *number,
        #[allow(clippy::cast_possible_truncation, reason = "held against both limits, cut towards zero")]
        Value::Double(number) if *number > -LIMIT && *number < LIMIT => *number as i64,
        Value::Double(_) => return Err(Failure::Range),
        Value::Text(text) => text.parse().map_err(|_| Failure::Conversion)?,
        Value::Time(time) => time.seconds(),
        Value::Duration(length) => length.whole_seconds(),
        _ => return Err(Failure::Type),
    };
    Ok(Value::Int(number))
}

pub(crate) fn text<'a>(from: &Value<'a>, budget: &mut Budget) -> Result<Value<'a>> {
    match from {
        Value::Text(_) => Ok(from.clone()),
        Value::Bool(value) => Ok(owned(value.to_string())),
        Value::Int(number) => Ok(owned(number.to_string())),
        Value::Double(number) => Ok(owned(double_text(*number))),
        Value::Bytes(bytes) => {
            budget.spend_bytes(bytes.len())?;
            std::str::from_utf8(bytes).map(|text| owned(text.to_owned())).map_err(|_| Failure::Conversion)
        }
        Value::Time(time) => Ok(owned(time.to_string())),
        Value::Duration(length) => Ok(owned(length.to_string())),
        _ => Err(Failure::Type),
    }
}

/// The fewest digits that read back the same; an exponent from 10^21 up and below 10^-6, as in JavaScript.
fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Infinity" } else { "-Infinity" }.to_owned();
    }
    if number != 0.0 && !(1e-6..1e21).contains(&number.abs()) { format!("{number:e}") } else { number.to_string() }
}

pub(crate) fn time<'a>(from: &Value<'a>) -> Result<Value<'a>> {
    match from {
        Value::Time(_) => Ok(from.clone()),
        Value::Text(text) => Time::parse(text).map(Value::Time).ok_or(Failure::Conversion),
        Value::Int(seconds) => Time::of_seconds(*seconds).map(Value::Time).ok_or(Failure::Range),
        _ => Err(Failure::Type),
    }
}

pub(crate) fn duration<'a>(from: &Value<'a>) -> Result<Value<'a>> {
    match from {
        Value::Duration(_) => Ok(from.clone()),
        Value::Text(text) => Duration::parse(text).map(Value::Duration).ok_or(Failure::Conversion),
        _ => Err(Failure::Type),
    }
}
