//! Field selection and patching: which values a selector names, where they stand in the document, and how new ones
//! replace them. Here for JSON, in [`avro`] for Avro, in [`proto`] for Protobuf, with the same meaning. Knows nothing of
//! records, columns or plugins, and never puts a document's bytes in an error.
//!
//! ```text
//! Selector ──┐                          ┌─ Hits: spans of the selected values
//! Selector ──┴─ Selection ── select() ──┤        spans to prune (allow list)
//!                                       └─ which fields matched
//! Hits + one Edit a hit ── patch() ── the new document, every other byte as it was
//! ```
//!
//! A document is validated whole (JSON: RFC 8259) before anything of it is handed out, and steps of a chain compose by
//! selecting again in the patched bytes.

mod automaton;
pub mod avro;
mod hit;
mod names;
mod patch;
mod place;
pub mod proto;
mod rank;
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
pub use patch::{Edit, PatchError, Patched, patch};
pub use place::{Kinds, Leaf, Place};
pub use scan::MAX_DEPTH;
pub use selection::{Containers, Selection, SelectionError};
pub use selector::{Selector, SelectorError};
pub use whole::patch_whole;
