//! A Protobuf schema as a registry keeps it, compiled, and the message of it that a record's index list names. Does not
//! fetch schemas and reads no message.

use std::sync::Arc;

use prost_reflect::MessageDescriptor;

use super::compiler;
use super::descriptor::Tables;

/// A schema with its imports. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) tables: Arc<Tables>,
    /// The messages of the file itself, in order.
    roots: Arc<[Nested]>,
}

/// A message of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(pub(super) u32);

#[derive(Debug)]
struct Nested {
    message: MessageId,
    map_entry: bool,
    inside: Vec<Nested>,
}

/// Why a schema cannot be used. It says names of the schema, never anything of a record.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Above 4 MiB with its imports.
    #[error("cannot compile the schema: it and its imports are larger than 4 MiB")]
    TooLarge,
    /// Above 1000 references.
    #[error("cannot compile the schema: more than 1000 imports")]
    TooManyImports,
    /// More than 64 brackets in each other.
    #[error("cannot compile the schema: brackets nested deeper than 64 levels")]
    TooNested,
    /// `edition = "…"`: only `proto2` and `proto3` are read.
    #[error("cannot compile the schema: editions are not supported, only proto2 and proto3")]
    Editions,
    /// Two references of one name with different texts.
    #[error("cannot compile the schema: {name} is imported with two different texts")]
    ImportTwice { name: String },
    /// It looks like base64 and is not that of a `FileDescriptorProto`.
    #[error("cannot compile the schema: neither source nor a serialized file descriptor")]
    NotDescriptor,
    /// The compiler's words.
    #[error("cannot compile the schema: {message}")]
    Invalid { message: String },
    /// A panic in the compiler.
    #[error("cannot compile the schema: the compiler failed on it")]
    CompilerFailed,
    /// No thread to compile on.
    #[error("cannot compile the schema: no thread")]
    Thread(#[source] std::io::Error),
    /// The index list leads nowhere.
    #[error("the schema has no message at index {indexes:?}")]
    NoMessage { indexes: Vec<i32> },
    /// Serializers differ on whether the entry of a map counts as a nested message, and here that is another message.
    #[error("the schema has two messages at index {indexes:?}: clients differ on whether map fields count")]
    AmbiguousMessage { indexes: Vec<i32> },
}

impl Schema {
    /// Compiles a schema. `text` and the texts of `references` are what a registry returns: source, or a
    /// `FileDescriptorProto` in base64. References go by the name under which they are imported, those of imports
    /// included. The imports `google/protobuf/…`, `google/type/…` and `confluent/…` that registries know by
    /// themselves need no reference.
    pub fn parse(text: &str, references: &[(String, String)]) -> Result<Self, SchemaError> {
        let pool = compiler::compile(text, references)?;
        let tables = Tables::new(&pool);
        let file = pool.get_file_by_name(compiler::MAIN);
        let roots = file.map(|file| file.messages().map(|message| Nested::new(&message, &tables)).collect()).unwrap_or_default();
        Ok(Self { tables: Arc::new(tables), roots })
    }

    /// The message that an index list (see [`indexes`](super::indexes)) names: the position among the messages of the
    /// file, then among those nested in it, and so on. Some serializers count the hidden entry message of a map field
    /// as nested, others do not; where both readings name a message and not the same one, neither is taken.
    pub fn message(&self, indexes: &[i32]) -> Result<MessageId, SchemaError> {
        let all = find(&self.roots, indexes, true);
        let written = find(&self.roots, indexes, false);
        match (all, written) {
            (Some(all), Some(written)) if all != written => Err(SchemaError::AmbiguousMessage { indexes: indexes.to_vec() }),
            (Some(message), _) | (None, Some(message)) => Ok(message),
            (None, None) => Err(SchemaError::NoMessage { indexes: indexes.to_vec() }),
        }
    }

    /// The messages at the top of the file, in its order.
    pub fn roots(&self) -> impl Iterator<Item = MessageId> {
        self.roots.iter().map(|root| root.message)
    }

    /// A message's name with its package.
    #[must_use]
    pub fn name(&self, message: MessageId) -> &str {
        &self.tables.message(message.0).name
    }
}

impl Nested {
    fn new(message: &MessageDescriptor, tables: &Tables) -> Self {
        let inside = message.child_messages().map(|child| Self::new(&child, tables)).collect();
        Self { message: MessageId(tables.find(message.full_name())), map_entry: message.is_map_entry(), inside }
    }
}

/// The message at a path, where map entries count or do not.
fn find(mut list: &[Nested], indexes: &[i32], entries: bool) -> Option<MessageId> {
    let mut found = None;
    for &index in indexes {
        let index = usize::try_from(index).ok()?;
        let nested = list.iter().filter(|nested| entries || !nested.map_entry).nth(index).filter(|nested| !nested.map_entry)?;
        found = Some(nested.message);
        list = &nested.inside;
    }
    found
}
