//! Protobuf: field selection and patching on the encoded bytes, by walking the message's descriptor. Knows nothing of
//! registries and wire headers.

mod compiler;
mod descriptor;
pub mod indexes;
mod known;
mod schema;
mod wire;

pub use schema::{MessageId, Schema, SchemaError};
