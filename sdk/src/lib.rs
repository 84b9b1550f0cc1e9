//! Write a Sluice plugin in Rust: bindings of the contract, one trait, one macro. It must not decide anything for a
//! plugin that the contract leaves to it, and hides no value from the host's checks.
//!
//! - [`FieldPlugin`]: a plugin that is a function from a value to a value; most masking plugins are.
//! - [`Plugin`]: everything the contract can do; `register!` takes either (the first wrapped in [`Fields`]).
//! - [`Column::iter`] hands out values, [`ColumnAnswers`] takes one answer for each.
//! - [`host`]: what the host does for a plugin: keyed hashes on whole columns, counters, log.
//! - `testing` (native builds only): a stand-in for the host, and fixtures as files.
#![deny(missing_docs)]

#[doc(hidden)]
pub mod bindings;

mod answers;
mod column;
mod description;
mod field_plugin;
pub mod host;
mod nearest;
mod plugin;
#[doc(hidden)]
pub mod register;
mod settings;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use answers::{ColumnAnswers, action};
pub use bindings::sluice::plugin::types::{
    Answers, Batch, Changes, Column, Description, Effects, Emitted, FieldAnswers, Header, Problem, Rejection, Route, Sees, Stamp,
};
pub use column::{Kind, Value, Values};
pub use field_plugin::{Answer, Answered, FieldPlugin, Fields};
pub use nearest::{hint, nearest};
pub use plugin::{Field, Grants, Plugin, Rejected};
pub use settings::{NoSettings, pointer};
