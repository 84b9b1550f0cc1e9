//! What one record's key or value is written in: the topic's format, the framing, and the schema that it names. It must not guess:
//! what is not what the topic says has a code instead.

use super::Unread;
use super::schemas::{Parsed, Schemas};
use crate::config::plan::Format;
use crate::fields::{Kind, avro, json_schema, proto};
use crate::schemas::wire::{self, Part, WireError};
use crate::schemas::{SchemaKind, SchemaRef};

/// How a value is written, and with which schema.
#[derive(Clone, Debug)]
pub enum Written {
    Json,
    /// One scalar.
    Whole(Kind),
    /// JSON, of which a schema says something.
    JsonSchema(SchemaRef, json_schema::Schema),
    Avro(SchemaRef, avro::Schema),
    /// With the list that leads to the message in its file.
    Protobuf(SchemaRef, proto::Schema, Vec<i32>),
}

/// What bytes without framing are where the format is `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unframed {
    /// A JSON document.
    Json,
    /// One scalar: text, or bytes where it is no UTF-8. Guessing JSON would make one token of the keys `7` and `"7"`, and
    /// write one of them in quotes that it did not have.
    Scalar,
}

/// A half of a record, and what it is without framing.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    pub part: Part,
    pub unframed: Unframed,
}

impl Half {
    /// The value.
    pub const VALUE: Self = Self { part: Part::Value, unframed: Unframed::Json };

    fn unframed(self, bytes: &[u8]) -> Written {
        match self.unframed {
            Unframed::Json => Written::Json,
            Unframed::Scalar => Written::Whole(if std::str::from_utf8(bytes).is_ok() { Kind::Text } else { Kind::Bytes }),
        }
    }
}

impl Schemas {
    /// How a half of a topic's records is written where every record's says the same, whatever stands in it.
    pub fn fixed(&self, half: Half, format: Format) -> Option<Written> {
        match format {
            Format::Json => Some(Written::Json),
            Format::Auto if !self.has_registry() && half.unframed == Unframed::Json => Some(Written::Json),
            Format::Text => Some(Written::Whole(Kind::Text)),
            Format::Bytes => Some(Written::Whole(Kind::Bytes)),
            Format::Auto | Format::Avro | Format::Protobuf | Format::JsonSchema => None,
        }
    }

    /// How `value`, a key or a value, is written, and where behind the framing its body begins. `headers` are those that may name its schema.
    pub fn written(
        &self,
        half: Half,
        format: Format,
        value: &[u8],
        headers: &[(Vec<u8>, Option<Vec<u8>>)],
    ) -> Result<(Written, usize), Unread> {
        if let Some(written) = self.fixed(half, format) {
            return Ok((written, 0));
        }
        if format == Format::Auto && !self.has_registry() {
            return Ok((half.unframed(value), 0));
        }
        let wanted = match format {
            Format::Avro => Some(SchemaKind::Avro),
            Format::Protobuf => Some(SchemaKind::Protobuf),
            Format::JsonSchema => Some(SchemaKind::Json),
            _ => None,
        };
        let wire_error = |error: WireError| Unread::code(error.code());
        let named = headers.iter().map(|(name, value)| (&name[..], value.as_deref()));
        let Some(framing) = wire::read(half.part, value, named).map_err(wire_error)? else {
            return if wanted.is_none() { Ok((half.unframed(value), 0)) } else { Err(Unread::code("not_framed")) };
        };
        let parsed = self.known(framing.reference).ok_or(Unread::Schema(framing.reference))?;
        if wanted.is_some_and(|wanted| parsed.kind().is_some_and(|kind| kind != wanted)) {
            return Err(Unread::code("schema_kind"));
        }
        match parsed {
            Parsed::Unusable(code) => Err(Unread::code(code)),
            Parsed::Json(schema) => Ok((Written::JsonSchema(framing.reference, schema), framing.body().map_err(wire_error)?)),
            Parsed::Avro(schema) => Ok((Written::Avro(framing.reference, schema), framing.body().map_err(wire_error)?)),
            Parsed::Protobuf(schema) => {
                let (indexes, body) = framing.message(value).map_err(wire_error)?;
                let indexes = indexes.path().into_iter().map(|index| i32::try_from(index).unwrap_or(i32::MAX)).collect();
                Ok((Written::Protobuf(framing.reference, schema, indexes), body))
            }
        }
    }
}
