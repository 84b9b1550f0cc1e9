//! The framing that tells which schema a key or a value was written with, in the three forms that Confluent's
//! serializers write. It reads bytes alone: it asks no registry and knows no format.
//!
//! In the order that their deserializers look (`DualSchemaIdDeserializer`):
//! - a header `__key_schema_id` or `__value_schema_id` with one of the two forms below; the body is the whole value;
//! - `0x00` and a 4-byte id, then the body;
//! - `0x01` and a 16-byte GUID, then the body. Both numbers are big-endian.
//!
//! For Protobuf the reference is followed, where it stands, by a list that leads to the message in its file.

mod message;

use std::fmt;

pub use message::MessageIndexes;

/// The first byte of a reference by id.
const BY_ID: u8 = 0;

/// The first byte of a reference by GUID.
const BY_GUID: u8 = 1;

const ID_BYTES: usize = 5;

const GUID_BYTES: usize = 17;

/// Which half of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Part {
    /// The header that names its schema.
    pub fn header(self) -> &'static str {
        match self {
            Self::Key => "__key_schema_id",
            Self::Value => "__value_schema_id",
        }
    }

    /// The subject of its schema where producers follow Confluent's default (`TopicNameStrategy`).
    pub fn subject(self, topic: &str) -> String {
        match self {
            Self::Key => format!("{topic}-key"),
            Self::Value => format!("{topic}-value"),
        }
    }
}

/// How a record names its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaRef {
    /// A number that one registry gave.
    Id(u32),
    /// A hash of the schema's content, the same in every registry.
    Guid([u8; 16]),
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::Guid(guid) => write!(f, "GUID {}", Uuid(guid)),
        }
    }
}

/// Sixteen bytes as a registry's addresses name them.
pub(super) struct Uuid<'a>(pub(super) &'a [u8; 16]);

impl fmt::Display for Uuid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if [4, 6, 8, 10].contains(&i) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Which schema, and where the body begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing<'h> {
    /// The schema.
    pub reference: SchemaRef,
    /// Where in the key or value what follows the reference begins: 0 where the reference is in a header. For Protobuf
    /// without a header the message indexes stand there, before the body.
    pub body_start: usize,
    /// Whether a header names the schema.
    pub in_header: bool,
    /// What follows the reference in the header; empty but for Protobuf.
    header_rest: &'h [u8],
}

/// Framing that contradicts itself. No byte of the record is in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Readers disagree which one counts: some take the first, some the last.
    #[error("there is more than one header that names the schema")]
    SeveralHeaders,
    /// It is there, and says nothing that we know.
    #[error("the header that names the schema has another form than a reference")]
    HeaderForm,
    /// Only Protobuf has something to say there.
    #[error("the header that names the schema goes on after the reference")]
    HeaderRest,
    /// Cut short, too long or negative.
    #[error("the list of message indexes is not one")]
    MessageIndexes,
}

impl WireError {
    /// The code that a record is set aside with.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SeveralHeaders => "schema_headers_several",
            Self::HeaderForm | Self::HeaderRest => "schema_header_form",
            Self::MessageIndexes => "message_indexes",
        }
    }
}

/// The framing of a key or a value, none if it has none: `headers` are all headers of the record.
///
/// A header without a value counts as no header, as it does for Confluent's deserializers. What begins like framing and
/// is too short for it has none.
pub fn read<'h>(
    part: Part,
    bytes: &[u8],
    headers: impl IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
) -> Result<Option<Framing<'h>>, WireError> {
    let mut named = headers.into_iter().filter(|(name, _)| *name == part.header().as_bytes());
    let first = named.next();
    if named.next().is_some() {
        return Err(WireError::SeveralHeaders);
    }
    match first {
        Some((_, Some(value))) => {
            let (reference, length) = reference(value).ok_or(WireError::HeaderForm)?;
            Ok(Some(Framing { reference, body_start: 0, in_header: true, header_rest: &value[length..] }))
        }
        Some((_, None)) | None => {
            let found = reference(bytes);
            Ok(found.map(|(reference, body_start)| Framing { reference, body_start, in_header: false, header_rest: &[] }))
        }
    }
}

/// The reference that the bytes begin with, and how long it is.
fn reference(bytes: &[u8]) -> Option<(SchemaRef, usize)> {
    match *bytes.first()? {
        BY_ID => {
            let id = bytes.get(1..ID_BYTES)?.try_into().ok()?;
            Some((SchemaRef::Id(u32::from_be_bytes(id)), ID_BYTES))
        }
        BY_GUID => Some((SchemaRef::Guid(bytes.get(1..GUID_BYTES)?.try_into().ok()?), GUID_BYTES)),
        _ => None,
    }
}

impl<'h> Framing<'h> {
    /// Where the body begins, for every format but Protobuf.
    pub fn body(&self) -> Result<usize, WireError> {
        if self.header_rest.is_empty() { Ok(self.body_start) } else { Err(WireError::HeaderRest) }
    }

    /// Which message of the file it is, and where the body begins, for Protobuf. `bytes` are those that were read.
    pub fn message<'b>(&self, bytes: &'b [u8]) -> Result<(MessageIndexes<'b>, usize), WireError>
    where
        'h: 'b,
    {
        if self.in_header {
            let (indexes, length) = MessageIndexes::read(self.header_rest)?;
            return if length == self.header_rest.len() { Ok((indexes, 0)) } else { Err(WireError::HeaderRest) };
        }
        let rest = bytes.get(self.body_start..).ok_or(WireError::MessageIndexes)?;
        let (indexes, length) = MessageIndexes::read(rest)?;
        Ok((indexes, self.body_start + length))
    }
}

#[cfg(test)]
mod tests;
