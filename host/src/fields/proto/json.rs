//! A message as one JSON text and back, for steps that see whole values as JSON (`view: json`). Lossless: what comes back
//! is a message equal in value, unknown fields included, though perhaps not in bytes, so a view that nobody changed is
//! not turned back at all.
//!
//! It is the JSON mapping of proto3, also for proto2, but for what would lose something:
//!
//! | Protobuf | JSON |
//! |---|---|
//! | message, group | an object, its members in the order of field numbers |
//! | field | under its name in the schema, not the JSON name; an extension as `[package.name]`; nothing where it is absent |
//! | bool, int32, uint32, sint32, fixed32, sfixed32 | `true`, `false`; a number |
//! | int64, uint64, sint64, fixed64, sfixed64 | a string of all digits, since JSON readers round such numbers |
//! | float, double | a number, the shortest that reads back the same; `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | string | a string; it must be valid UTF-8 |
//! | bytes | a string in base64 (RFC 4648, padded) |
//! | enum | the symbol; a number without one as the number |
//! | repeated, map | an array; an object, its names the keys as text |
//! | well-known types | messages like others, so that no value of theirs is without a form |
//! | fields that the schema does not have, or has as another wire type | together as base64 of their bytes, in the member `$unknown` of their message |
//!
//! Of a singular field that occurs more than once the last counts, messages are joined, and of an entry with a key that
//! was there before the later one counts, all as readers do.
//!
//! Back again: members may stand in any order, under the name or the JSON name; null is an absent field; integers may be
//! numbers or strings. A member that the message does not have, one that occurs twice, a value that its type does not
//! have, and a required field that is missing are refused.

use super::super::hit::DecodeError;
use super::schema::{MessageId, Schema};

mod read;
#[cfg(test)]
mod tests;
mod write;

/// The member with the bytes of unknown fields. No field can have the name.
const UNKNOWN: &str = "$unknown";

/// Why a JSON text is not a message of the schema. The record follows the pipeline's `on_error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ViewError {
    /// Not a JSON text that can be read: the reason is that of any document.
    #[error("cannot turn the JSON view back into Protobuf")]
    Json(#[source] DecodeError),
    /// A value that the type at its place does not have.
    #[error("cannot turn the JSON view back into Protobuf: a value that its type does not have")]
    DoesNotFit,
    /// A member that the message does not have.
    #[error("cannot turn the JSON view back into Protobuf: a name that the schema does not have")]
    UnknownName,
    /// A field that has to stand in its message is not there.
    #[error("cannot turn the JSON view back into Protobuf: a required field is missing")]
    MissingField,
    /// Two members of one name, or of the two names of one field.
    #[error("cannot turn the JSON view back into Protobuf: a name occurs twice in one object")]
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

impl From<DecodeError> for ViewError {
    fn from(error: DecodeError) -> Self {
        Self::Json(error)
    }
}

/// Appends the message as JSON, after checking that all of it is valid. After an error `out` is what it was before.
pub fn to_json(schema: &Schema, message: MessageId, body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    let result = write::message(&schema.tables, message.0, body, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends the message that a JSON text stands for. After an error `out` is what it was before.
pub fn from_json(schema: &Schema, message: MessageId, json: &[u8], out: &mut Vec<u8>) -> Result<(), ViewError> {
    let start = out.len();
    let result = read::message(&schema.tables, message.0, json, out);
    if result.is_err() {
        out.truncate(start);
    }
    result
}
