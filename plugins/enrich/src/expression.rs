//! CEL over a document: JSON in, JSON out. It must not write what JSON does not have: a number that is none, bytes.
use std::collections::BTreeSet;

use sluice_cel::{Failure, Value};
use sluice_json::{Json, Kind, quote};
use sluice_plugin::Batch;

use crate::Fault;
use crate::record::{Names, Record};
use crate::source::Part;

/// Most values that one variable holds, an array's elements and an object's members counted. Stops a document of a
/// million elements from becoming a million values.
const MOST_VALUES: usize = 10_000;

/// An expression and what its variables stand for, in the order of their names.
#[derive(Debug)]
pub struct Expression {
    /// Compiled over the names of `variables`.
    pub compiled: sluice_cel::Expression,
    /// Where each variable comes from.
    pub variables: Vec<Variable>,
}

/// Where a variable comes from.
#[derive(Debug)]
pub struct Variable {
    /// Where.
    pub part: Part,
    /// JSON of the settings for where there is nothing.
    pub default: Option<Vec<u8>>,
}

impl Expression {
    /// What it reads.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.variables.iter().map(|variable| &variable.part)
    }

    /// What it comes to for a record, as JSON; none where a variable that is missing stands in the way.
    pub fn evaluate(&self, record: &Record<'_>, batch: &Batch, names: &Names) -> Result<Option<Vec<u8>>, Fault> {
        let mut texts = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            let text = record.part(&variable.part, batch, names)?;
            texts.push(text.or_else(|| variable.default.as_deref().map(Into::into)));
        }
        let values: Vec<Option<Value<'_>>> = texts.iter().map(|text| text.as_deref().map(read)).collect();
        match self.compiled.evaluate(&values) {
            Ok(value) => {
                let mut json = Vec::new();
                write(&value, &mut json)?;
                Ok(Some(json))
            }
            Err(Failure::Missing) => Ok(None),
            Err(Failure::Type) => Err(Fault::CelType),
            Err(Failure::Range) => Err(Fault::CelRange),
            Err(Failure::NoSuch) => Err(Fault::CelNoSuchKey),
            Err(Failure::Conversion) => Err(Fault::CelConversion),
            Err(Failure::Budget) => Err(Fault::CelBudget),
        }
    }
}

/// JSON as expressions know it.
fn read(json: &[u8]) -> Value<'_> {
    let mut room = MOST_VALUES;
    Json::parse(json).map_or(Value::Opaque, |json| value(json, &mut room))
}

/// As deep as the document, which is bounded.
fn value<'a>(json: Json<'a>, room: &mut usize) -> Value<'a> {
    let Some(left) = room.checked_sub(1) else { return Value::Opaque };
    *room = left;
    match json.kind() {
        Kind::Null => Value::Null,
        Kind::Boolean => Value::Bool(json.bytes() == b"true"),
        Kind::Integer | Kind::Decimal => Value::number(json.written()),
        Kind::Text => json.text().map_or(Value::Opaque, Value::Text),
        Kind::Array => Value::List(json.elements().map(|element| value(element, room)).collect()),
        Kind::Object => {
            let mut names = BTreeSet::new();
            // A name that is there twice is as good as no object at all.
            if !json.members().all(|(name, _)| name.text().is_some_and(|name| names.insert(name))) {
                return Value::Opaque;
            }
            let entry = |(name, json): (Json<'a>, Json<'a>)| (name.text().map_or(Value::Opaque, Value::Text), value(json, room));
            Value::Map(json.members().map(entry).collect())
        }
    }
}

/// What an expression came to, as JSON. Times and lengths of time are text.
fn write(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        // The fewest digits that read back the same, with a point or an exponent.
        Value::Double(number) if number.is_finite() => out.extend_from_slice(format!("{number:?}").as_bytes()),
        Value::Text(text) => quote(text, out),
        Value::Time(time) => quote(&time.to_string(), out),
        Value::Duration(length) => quote(&length.to_string(), out),
        Value::List(items) => {
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Map(entries) => {
            out.push(b'{');
            for (n, (key, value)) in entries.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                let Value::Text(key) = key else { return Err(Fault::CelResult) };
                quote(key, out);
                out.push(b':');
                write(value, out)?;
            }
            out.push(b'}');
        }
        Value::Double(_) | Value::Bytes(_) | Value::Kind(_) | Value::Opaque => return Err(Fault::CelResult),
    }
    Ok(())
}
