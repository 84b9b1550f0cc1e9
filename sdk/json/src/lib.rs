//! JSON documents for plugins that see whole values: read by path, edited in place. It must not change a byte that no edit
//! names (numbers, order, white space, escapes), and must not take what is no JSON: a document is checked whole before
//! anything of it is used.
//!
//! `scan` (bytes) → `path` (where) → `read` (what stands there) and `document` (edits), with `text` for escapes.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod document;
mod object;
mod path;
mod read;
mod scan;
mod text;

pub use document::{Document, EditError};
pub use path::{Path, PathError, Segment};
pub use read::{Duplicate, Json, Kind};
pub use scan::{MOST_DEPTH, Malformed};
pub use text::{quote, unquote};
