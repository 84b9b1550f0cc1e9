//! The plugin host: loads WebAssembly components, runs them within limits, and believes nothing they answer.
//! It must not know Kafka, formats or configuration files; batches come in as columns and leave as changes.
//!
//! In the order of a plugin's life: bytes are checked and compiled in a process of their own ([`load`], [`compile`],
//! [`cache`]), linked against the five interfaces and the stubs of WASI (`imports`, [`wasi`]), asked to describe
//! themselves ([`describe`]), made into instances ([`instance`]) that see only their grants ([`grants`]), called with
//! batches ([`column`]) and answer with changes ([`changes`]), which are checked (`check`) before anybody acts on them.

mod bindings;
pub mod cache;
pub mod changes;
mod check;
pub mod column;
pub mod compile;
pub mod describe;
pub mod digest;
pub mod embedded;
pub mod engine;
pub mod failure;
pub mod grants;
#[cfg(test)]
pub(crate) mod guest;
#[cfg(test)]
mod hostile;
mod imports;
pub mod instance;
pub mod keys;
mod limiter;
pub mod limits;
pub mod load;
pub mod scalar;
mod state;
pub mod tables;
mod values;
pub mod wasi;
pub mod windows;

pub use cache::Cache;
pub use changes::{Answers, Changes, Emitted, FieldAnswers, Header};
pub use column::{Action, Batch, Column, ColumnFull, HeaderRef, Headers, Kind};
pub use compile::{CHILD_ARGUMENT, Compile, CompileError, compile_child_main};
pub use describe::Description;
pub use failure::CallError;
pub use grants::{Effects, Sees};
pub use instance::{InitError, Instance, Problem, StepPlace, StepSpec};
pub use keys::{KeyRing, OpenError, Opener};
pub use limits::Limits;
pub use load::{LoadError, Plugin, Plugins, SetUpError};
pub use state::{HostServices, LogLines, LogMode};
pub use tables::{Table, Tables};
pub use windows::Windows;
