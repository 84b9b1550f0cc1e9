//! Protobuf: field selection and patching on the encoded bytes, by walking the message's descriptor. Never decodes a
//! message into a tree and encodes it again, and knows nothing of registries and wire headers: a body begins at the
//! message, behind the index list.
//!
//! ```text
//! schema text + references ── Schema ── message(index list) ──┐
//!                                                             ├─ Plan ── select() ── Hits ── patch() ── the new message
//! selectors ───────────────────────────────────── Selection ──┘    └── leaves(), places(), unmatched(), unlisted()
//! ```
//!
//! # What crosses
//! | Protobuf | kind | as |
//! |---|---|---|
//! | bool | boolean | `true`, `false` |
//! | all integers | integer | exact text |
//! | float, double | decimal | the shortest text that reads back the same, `1.0` and not `1`; NaN, Infinity and -Infinity as text |
//! | string | text | it must be valid UTF-8, in proto2 too |
//! | bytes | bytes | as they are |
//! | enum | text | the symbol, the first declared of aliases; a number without a symbol as integer |
//!
//! A place takes back what it hands out, integers of an enum, and for a float any number text, as the nearest.
//!
//! # Names
//! A field has its name in the schema and its JSON name, an extension `[package.name]`. A repeated field is an array, a
//! map an object with its keys as names (text, decimal digits, `true`, `false`), a oneof is transparent, and messages of
//! well-known types are messages like others.
//!
//! # Fail closed
//! - A field that is not there is not matched, also where its absence means a default.
//! - A singular field that occurs more than once is selected each time: readers take the last, or join messages. Where
//!   elements inside such a message are selected by index, which joining would move, it is refused.
//! - A field that is asked for, or under an allow list any, in another wire type than the schema's is refused: readers
//!   pass it on as unknown. Numbers may stand packed or not.
//! - A field that the schema does not have stays, goes under an allow list unless `keep` names the message around it
//!   or all that is in it, and is refused where a field of the step would have to take it: `$`, `$.*`, `$.customer` for
//!   what is inside.
//! - The entry of a map with two keys, two values or anything else is refused.
//! - What the plan does not ask for is skipped by its length, unseen.

mod compiler;
mod descriptor;
mod explain;
pub mod indexes;
pub mod json;
mod known;
mod patch;
mod plan;
mod scalar;
mod schema;
mod walk;
mod wire;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod random;

pub use explain::MAX_LEAVES;
pub use plan::{Plan, PlanError};
pub use schema::{MessageId, Schema, SchemaError};
pub(super) use walk::Scratch;
