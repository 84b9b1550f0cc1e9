//! From JSON back to a message, in the order of the members. Goes down by recursion, at most [`MAX_DEPTH`] messages deep.

use std::borrow::Cow;
use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::hit::{DecodeError, Kind};
use super::super::super::scan::{self, MAX_DEPTH, byte, skip_space};
use super::super::super::text;
use super::super::descriptor::{Field, Label, Scalar, Tables, Type};
use super::super::scalar::Encoded;
use super::super::wire::{self, Tag, Varint};
use super::{UNKNOWN, ViewError};

const NOT_JSON: ViewError = ViewError::Json(DecodeError::NotJson);

/// Appends the message that the JSON text stands for. After an error `out` may hold a part of it.
pub(super) fn message(tables: &Tables, number: u32, json: &[u8], out: &mut Vec<u8>) -> Result<(), ViewError> {
    if std::str::from_utf8(json).is_err() {
        return Err(ViewError::Json(DecodeError::InvalidUtf8));
    }
    let mut reader = Reader { tables, json, pos: skip_space(json, 0), out };
    reader.message(number, 0)?;
    if skip_space(json, reader.pos) == json.len() { Ok(()) } else { Err(NOT_JSON) }
}

struct Reader<'a> {
    tables: &'a Tables,
    json: &'a [u8],
    pos: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Reader<'a> {
    fn message(&mut self, number: u32, depth: usize) -> Result<(), ViewError> {
        if depth >= MAX_DEPTH {
            return Err(ViewError::Json(DecodeError::TooDeep));
        }
        let fields = &self.tables.message(number).fields;
        let mut seen = vec![false; fields.len() + 1];
        let mut there = vec![false; fields.len()];
        self.each(b'{', |reader| {
            let name = reader.name()?;
            let by = |get: fn(&Field) -> &str| fields.iter().position(|field| get(field) == name);
            let at = by(|field| &field.name).or_else(|| by(|field| &field.json_name));
            let at = match at {
                Some(at) => at,
                None if name == UNKNOWN => fields.len(),
                None => return Err(ViewError::UnknownName),
            };
            if std::mem::replace(&mut seen[at], true) {
                return Err(ViewError::DuplicateName);
            }
            let Some(field) = fields.get(at) else { return reader.unknown() };
            there[at] = !reader.null();
            if there[at] { reader.field(field, depth) } else { Ok(()) }
        })?;
        let missing = fields.iter().zip(&there).any(|(field, there)| field.label == Label::Required && !there);
        if missing { Err(ViewError::MissingField) } else { Ok(()) }
    }

    fn field(&mut self, field: &Field, depth: usize) -> Result<(), ViewError> {
        match (field.label, field.kind) {
            (Label::Map, _) => self.map(field, depth),
            (Label::Repeated, Type::Scalar(scalar)) if field.packed => {
                let start = self.out.len();
                Tag::new(field.number, wire::LEN).push(self.out);
                let content = self.out.len();
                self.each(b'[', |reader| reader.scalar(scalar))?;
                if self.out.len() == content {
                    self.out.truncate(start);
                } else {
                    self.close(content);
                }
                Ok(())
            }
            (Label::Repeated, kind) => self.each(b'[', |reader| reader.value(field.number, kind, depth)),
            (Label::Implicit, Type::Scalar(scalar)) => {
                let start = self.out.len();
                Tag::new(field.number, scalar.wire()).push(self.out);
                let value = self.out.len();
                self.scalar(scalar)?;
                // Absent is what it means.
                if self.out.get(value..).is_some_and(|raw| Encoded::zero(scalar, self.tables).is(raw)) {
                    self.out.truncate(start);
                }
                Ok(())
            }
            (_, kind) => self.value(field.number, kind, depth),
        }
    }

    fn map(&mut self, field: &Field, depth: usize) -> Result<(), ViewError> {
        let tables = self.tables;
        let fields = field.entry().map(|entry| &*tables.message(entry).fields).unwrap_or_default();
        let [Field { kind: Type::Scalar(key), .. }, Field { kind: value, .. }] = fields else { return Err(ViewError::DoesNotFit) };
        let mut seen = HashSet::new();
        self.each(b'{', |reader| {
            let name = reader.name()?;
            Tag::new(field.number, wire::LEN).push(reader.out);
            let start = reader.out.len();
            let kind = match key {
                Scalar::Bool => Kind::Boolean,
                Scalar::String => Kind::Text,
                _ => Kind::Integer,
            };
            Tag::new(1, key.wire()).push(reader.out);
            encoded(*key, tables, kind, name.as_bytes())?.push(reader.out);
            if !seen.insert(name) {
                return Err(ViewError::DuplicateName);
            }
            reader.value(2, *value, depth)?;
            reader.close(start);
            Ok(())
        })
    }

    /// A value with its tag.
    fn value(&mut self, number: u32, kind: Type, depth: usize) -> Result<(), ViewError> {
        Tag::new(number, kind.wire()).push(self.out);
        match kind {
            Type::Scalar(scalar) => self.scalar(scalar),
            Type::Message(message) => {
                let start = self.out.len();
                self.message(message, depth + 1)?;
                self.close(start);
                Ok(())
            }
            Type::Group(message) => {
                self.message(message, depth + 1)?;
                Tag::new(number, wire::END).push(self.out);
                Ok(())
            }
        }
    }

    /// Puts the length before what was written since `start`.
    fn close(&mut self, start: usize) {
        let length = Varint::new((self.out.len() - start) as u64);
        self.out.splice(start..start, length.bytes().iter().copied());
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<(), ViewError> {
        let tables = self.tables;
        if byte(self.json, self.pos) == b'"' {
            let text = self.string()?;
            return match scalar {
                Scalar::Bytes => {
                    let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| ViewError::DoesNotFit)?;
                    encoded(scalar, tables, Kind::Bytes, &bytes)?.push(self.out);
                    Ok(())
                }
                Scalar::String | Scalar::Enum(_) | Scalar::Double | Scalar::Float => {
                    encoded(scalar, tables, Kind::Text, text.as_bytes())?.push(self.out);
                    Ok(())
                }
                _ => {
                    encoded(scalar, tables, Kind::Integer, text.as_bytes())?.push(self.out);
                    Ok(())
                }
            };
        }
        let found = match byte(self.json, self.pos) {
            b'{' | b'[' => return Err(ViewError::DoesNotFit),
            _ => scan::scalar(self.json, self.pos)?,
        };
        let raw = self.json.get(self.pos..found.end).unwrap_or_default();
        self.pos = found.end;
        encoded(scalar, tables, found.kind, raw)?.push(self.out);
        Ok(())
    }

    /// The bytes of unknown fields: whole fields, whatever they are.
    fn unknown(&mut self) -> Result<(), ViewError> {
        if byte(self.json, self.pos) != b'"' {
            return Err(ViewError::DoesNotFit);
        }
        let bytes = STANDARD.decode(self.string()?.as_bytes()).map_err(|_| ViewError::DoesNotFit)?;
        let mut pos = 0;
        while pos < bytes.len() {
            let (tag, start) = wire::tag(&bytes, pos).map_err(|_| ViewError::DoesNotFit)?;
            pos = wire::skip(&bytes, start, tag, 0).map_err(|_| ViewError::DoesNotFit)?;
        }
        self.out.extend_from_slice(&bytes);
        Ok(())
    }

    /// Passes over null.
    fn null(&mut self) -> bool {
        let null = self.json.get(self.pos..).is_some_and(|rest| rest.starts_with(b"null"));
        if null {
            self.pos += 4;
        }
        null
    }

    /// The members or elements of the container at the position, each at its name or value.
    fn each(&mut self, open: u8, mut read: impl FnMut(&mut Self) -> Result<(), ViewError>) -> Result<(), ViewError> {
        if byte(self.json, self.pos) != open {
            // Another value, or none.
            scan::skip_value(self.json, self.pos, 0)?;
            return Err(ViewError::DoesNotFit);
        }
        // `{` and `[` are two below their closing brackets.
        let close = open + 2;
        self.pos = skip_space(self.json, self.pos + 1);
        let mut first = true;
        while byte(self.json, self.pos) != close {
            if !std::mem::take(&mut first) {
                if byte(self.json, self.pos) != b',' {
                    return Err(NOT_JSON);
                }
                self.pos = skip_space(self.json, self.pos + 1);
            }
            read(self)?;
            self.pos = skip_space(self.json, self.pos);
        }
        self.pos += 1;
        Ok(())
    }

    /// The name at the position; then the position is at its value.
    fn name(&mut self) -> Result<Cow<'a, str>, ViewError> {
        if byte(self.json, self.pos) != b'"' {
            return Err(NOT_JSON);
        }
        let name = self.string()?;
        self.pos = scan::skip_colon(self.json, self.pos)?;
        Ok(name)
    }

    /// The string at the position, as text.
    fn string(&mut self) -> Result<Cow<'a, str>, ViewError> {
        let json = self.json;
        let (quote, escaped) = scan::string(json, self.pos + 1)?;
        let raw = json.get(self.pos + 1..quote).unwrap_or_default();
        self.pos = quote + 1;
        let invalid = |_| ViewError::Json(DecodeError::InvalidUtf8);
        if !escaped {
            return std::str::from_utf8(raw).map(Cow::Borrowed).map_err(invalid);
        }
        let mut text = Vec::with_capacity(raw.len());
        text::unescape(raw, &mut text)?;
        String::from_utf8(text).map(Cow::Owned).map_err(|_| ViewError::Json(DecodeError::InvalidUtf8))
    }
}

fn encoded<'a>(scalar: Scalar, tables: &Tables, kind: Kind, data: &'a [u8]) -> Result<Encoded<'a>, ViewError> {
    // Null has no bytes, and here no place.
    let data = if kind == Kind::Null { b"" } else { data };
    Encoded::new(scalar, tables, kind as u8, data).map_err(|_| ViewError::DoesNotFit)
}
