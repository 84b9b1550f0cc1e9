//! A datum as one JSON text and back, for steps that see whole values as JSON (`view: json`). Lossless: what comes back
//! is a datum equal in value, though perhaps not in bytes, so a view that nobody changed is not turned back at all.
//!
//! | Avro | JSON |
//! |---|---|
//! | null, boolean | the same |
//! | int, long | a number, with all digits |
//! | float, double | a number, the shortest that reads back the same; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | string, enum | a string |
//! | bytes, fixed, duration | a string in base64 (RFC 4648, padded) |
//! | decimal | a number with all digits of its scale |
//! | date, time, timestamp | the text that fields have; a number where it has none |
//! | uuid | a string |
//! | array, map, record | an array, an object, an object with every field |
//! | union | the value alone where its JSON tells the branch: null and branches that are never the same one of boolean, number, string, array and object. Else null alone, and everything else as `{"branch": value}`, where the branch is the type's word or fullname, as in Avro's own JSON |
//!
//! Back again: members of a record may stand in any order; one that is missing becomes null where its type allows that.
//! One that the schema does not have, one that occurs twice, and a value that its type does not have are refused.

use super::super::hit::DecodeError;
use super::logical::Logical;
use super::schema::{Run, Schema, Tables, Type};

mod read;
#[cfg(test)]
mod tests;
mod write;

/// Why a JSON text is not a datum of the schema. The record follows the pipeline's `on_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ViewError {
    /// Not a JSON text that can be read: the reason is that of any document.
    #[error("cannot turn the JSON view back into Avro")]
    Json(#[source] DecodeError),
    /// A value that the type at its place does not have.
    #[error("cannot turn the JSON view back into Avro: a value that its type does not have")]
    DoesNotFit,
    /// A member that the record does not have, or a branch that the union does not have.
    #[error("cannot turn the JSON view back into Avro: a name that the schema does not have")]
    UnknownName,
    /// A field whose type has no null is not there.
    #[error("cannot turn the JSON view back into Avro: a field is missing that cannot be null")]
    MissingField,
    /// Two members of one name.
    #[error("cannot turn the JSON view back into Avro: a name occurs twice in one object")]
    DuplicateName,
}

impl ViewError {
    /// A stable name, for metrics and quarantine records.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::DoesNotFit => "does_not_fit",
            Self::UnknownName => "unknown_name",
            Self::MissingField => "missing_field",
            Self::DuplicateName => "duplicate_name",
        }
    }
}

/// Appends the datum as JSON, after checking that all of it is valid. After an error `out` is what it was before.
pub fn to_json(schema: &Schema, body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    let result = write::datum(&schema.tables, body, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends the datum that a JSON text stands for. After an error `out` is what it was before.
pub fn from_json(schema: &Schema, json: &[u8], out: &mut Vec<u8>) -> Result<(), ViewError> {
    let start = out.len();
    let result = read::datum(&schema.tables, json, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// What a JSON value can be, beside null: one bit each.
const BOOLEAN: u8 = 1;
const NUMBER: u8 = 2;
const STRING: u8 = 4;
const ARRAY: u8 = 8;
const OBJECT: u8 = 16;

/// What the values of a type can be in JSON.
fn forms(of: Type) -> u8 {
    match of {
        Type::Null | Type::Union(_) => 0,
        Type::Boolean => BOOLEAN,
        Type::Int(Logical::None) | Type::Long(Logical::None) => NUMBER,
        Type::Int(_) | Type::Long(_) | Type::Float | Type::Double => NUMBER | STRING,
        Type::Bytes(Logical::Decimal { .. }) | Type::Fixed { logical: Logical::Decimal { .. }, .. } => NUMBER,
        Type::Bytes(_) | Type::Fixed { .. } | Type::String(_) | Type::Enum { .. } => STRING,
        Type::Array(_) => ARRAY,
        Type::Map(_) | Type::Record { .. } => OBJECT,
    }
}

/// Whether the values of a union stand alone.
fn stand_alone(tables: &Tables, union: Run) -> bool {
    let mut seen = 0;
    tables.children(union).iter().all(|&branch| {
        let forms = forms(tables.get(branch));
        let fresh = seen & forms == 0;
        seen |= forms;
        fresh
    })
}
