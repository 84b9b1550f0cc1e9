//! Field selection and patching: which values a selector names, where they stand in the document, and how new ones
//! replace them. Here for JSON, in [`avro`] for Avro, in [`proto`] for Protobuf, with the same meaning; [`Reader`] is one of
//! them. What a JSON Schema says of the places is in [`json_schema`]. Knows nothing of records, columns or plugins, and never puts a document's bytes in an error.
//!
//! ```text
//! Selector ──┐                          ┌─ Hits: spans of the selected values
//! Selector ──┴─ Selection ── select() ──┤        spans to prune (allow list)
//!                                       └─ which fields matched
//! Hits + one Edit a hit ── patch() ── the new document, every other byte as it was
//! ```
//!
//! A [`Nest`] is the selections of one step, for the document and for those inside its texts (`$.payload >> $.email`).
//!
//! A document is validated whole (JSON: RFC 8259) before anything of it is handed out, and steps of a chain compose by
//! selecting again in the patched bytes.

mod automaton;
pub mod avro;
mod hit;
pub mod json_schema;
mod names;
mod nest;
mod patch;
mod path;
mod place;
pub mod proto;
mod rank;
mod reach;
mod reader;
mod scan;
mod selection;
mod selector;
mod text;
mod walk;
mod whole;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod reference;

pub use hit::{DecodeError, Hit, Hits, Kind, append_value};
pub use nest::{Fault, Found, Nest, NestError, Value};
pub use patch::{Copied, Edit, PatchError, Patched, patch};
pub use path::Path;
pub use place::{Kinds, Leaf, Place};
pub use reader::Reader;
pub use scan::MAX_DEPTH;
pub use selection::{Containers, Selection, SelectionError};
pub use selector::{Selector, SelectorError};
pub use walk::check_json;
pub use whole::patch_whole;
