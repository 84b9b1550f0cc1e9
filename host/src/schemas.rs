//! Schemas: which one a key or a value was written with, and the registry that knows it. It reads framing and fetches
//! schemas; what a schema means for the bytes behind it is the formats' business.
//!
//! `wire` → `registry` (`cache`: one question per unknown schema, whoever asks) → `resolve` (references) → `answer`
//! (what a registry's JSON has to be) → `transport` (HTTP, TLS, fail-over).

mod answer;
mod cache;
mod counters;
mod error;
mod registry;
mod resolve;
mod transport;
pub mod wire;

pub use counters::Counters;
pub use error::{Consequence, Fault, LookupError, Unusable};
pub use registry::{Registry, Subject};
pub use transport::SetupError;
pub use wire::{Framing, SchemaRef, WireError};

use std::fmt;

/// The languages that schemas are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaKind {
    /// Apache Avro.
    Avro,
    /// Protocol Buffers.
    Protobuf,
    /// JSON Schema.
    Json,
}

impl SchemaKind {
    /// The registry's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Protobuf => "PROTOBUF",
            Self::Json => "JSON",
        }
    }

    /// A registry leaves the word out where it means Avro.
    fn of(word: Option<&str>) -> Option<Self> {
        match word {
            None | Some("AVRO") => Some(Self::Avro),
            Some("PROTOBUF") => Some(Self::Protobuf),
            Some("JSON") => Some(Self::Json),
            Some(_) => None,
        }
    }
}

impl fmt::Display for SchemaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
            Self::Json => "JSON Schema",
        })
    }
}

/// A schema with everything that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its language.
    pub kind: SchemaKind,
    /// As registered.
    pub text: String,
    /// What it refers to, directly or not: each name once, dependencies before what depends on them.
    pub references: Vec<Referenced>,
}

/// A schema that another one refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referenced {
    /// What it is called there: a full name in Avro, an import path in Protobuf, a `$ref` in JSON Schema.
    pub name: String,
    /// The subject that it is registered under.
    pub subject: String,
    /// Its version there, from 1 on.
    pub version: u32,
    /// As registered; its language is that of the schema that refers to it.
    pub text: String,
}
