//! Avro: field selection and patching on the encoded bytes, by walking the schema that wrote them. Never decodes a datum
//! into a tree and encodes it again, and knows nothing of registries and wire headers: a body begins at the datum.
//!
//! ```text
//! schema text + references ── Schema ──┐
//!                                      ├─ Plan ── select() ── Hits ── patch() ── the new datum
//! selectors ──────────────── Selection ┘    └── leaves(), places(), unmatched(), unlisted()
//! ```
//!
//! # What crosses
//! | Avro | kind | as |
//! |---|---|---|
//! | null, boolean, int, long | null, boolean, integer | exact text |
//! | float, double | decimal | the shortest text that reads back the same, `1.0` and not `1`; NaN, Infinity and -Infinity as text |
//! | string, enum | text | the string, the symbol |
//! | bytes, fixed, duration | bytes | as they are |
//! | decimal | decimal, or integer where the scale is 0 | exact, with all digits of the scale |
//! | date, time, timestamp, local timestamp | text | `2026-01-31`, `23:59:59.123`, `2026-01-31T23:59:59.123Z`, the same without `Z`; beyond the years 0000 to 9999 or the day: integer, the raw count |
//! | uuid | text | as it stands; from a fixed in lower case |
//!
//! A place takes back what it hands out, and other forms of the same value that lose nothing. A uuid stays a uuid.
//! Unions are transparent to selectors; a new value takes the branch that the old one had, if that can hold it, else
//! the first that can.

mod decimal;
mod explain;
pub mod json;
mod logical;
mod moment;
mod parse;
mod patch;
mod plan;
mod read;
mod scalar;
mod schema;
mod walk;
mod zero;

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod properties;

pub use parse::SchemaError;
pub use plan::{Plan, PlanError};
pub use schema::Schema;
