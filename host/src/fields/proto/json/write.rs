//! From a message to JSON. Goes down by recursion, at most [`MAX_DEPTH`] messages deep.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::hit::DecodeError;
use super::super::super::scan::MAX_DEPTH;
use super::super::super::text;
use super::super::descriptor::{Field, Label, Scalar, Tables, Type};
use super::super::scalar::{self, Value};
use super::super::wire::{self, Tag};
use super::UNKNOWN;

/// Appends the message as JSON. After an error `out` may hold a part of it.
pub(super) fn message(tables: &Tables, number: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    if i32::try_from(body.len()).is_err() {
        return Err(DecodeError::TooLarge);
    }
    Writer { tables, out }.message(number, body, 0)
}

struct Writer<'a> {
    tables: &'a Tables,
    out: &'a mut Vec<u8>,
}

/// One occurrence of a field: where it stands among those of its message, and its value; of a message the content.
struct Found {
    field: usize,
    wire: u8,
    value: Range<usize>,
}

impl Writer<'_> {
    fn message(&mut self, number: u32, body: &[u8], depth: usize) -> Result<(), DecodeError> {
        if depth >= MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let fields = &self.tables.message(number).fields;
        let (found, unknown) = sort(fields, body, depth)?;
        self.out.push(b'{');
        let mut first = true;
        for same in found.chunk_by(|one, other| one.field == other.field) {
            let Some(field) = same.first().and_then(|found| fields.get(found.field)) else { continue };
            self.name(&field.name, &mut first);
            match field.label {
                Label::Repeated => self.list(field, body, same, depth)?,
                Label::Map => self.map(field, body, same, depth)?,
                Label::Required | Label::Optional | Label::Implicit => self.value(field.kind, &joined(field.kind, body, same), depth)?,
            }
        }
        if !unknown.is_empty() {
            self.name(UNKNOWN, &mut first);
            self.base64(&unknown);
        }
        self.out.push(b'}');
        Ok(())
    }

    fn name(&mut self, name: &str, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(b',');
        }
        text::push_string(name, self.out);
        self.out.push(b':');
    }

    fn list(&mut self, field: &Field, body: &[u8], same: &[Found], depth: usize) -> Result<(), DecodeError> {
        self.out.push(b'[');
        let mut first = true;
        let mut comma = |out: &mut Vec<u8>| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
        };
        for found in same {
            let value = &body[found.value.clone()];
            if found.wire == field.kind.wire() {
                comma(self.out);
                self.value(field.kind, value, depth)?;
                continue;
            }
            let (mut pos, end) = wire::content(value, 0)?;
            while pos < end {
                let next = wire::skip(&value[..end], pos, Tag::new(field.number, field.kind.wire()), depth)?;
                comma(self.out);
                self.value(field.kind, &value[pos..next], depth)?;
                pos = next;
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(&mut self, field: &Field, body: &[u8], same: &[Found], depth: usize) -> Result<(), DecodeError> {
        let tables = self.tables;
        let fields = field.entry().map(|entry| &*tables.message(entry).fields).unwrap_or_default();
        let [Field { kind: Type::Scalar(key_type), .. }, Field { kind: value_type, .. }] = fields else {
            return Err(DecodeError::WireType);
        };
        // In the order of the message; the last of each key counts.
        let mut entries: Vec<(Vec<u8>, Cow<'_, [u8]>)> = Vec::with_capacity(same.len());
        let mut places = HashMap::new();
        for found in same {
            let entry = &body[found.value.clone()];
            let (parts, unknown) = sort(fields, entry, depth)?;
            if !unknown.is_empty() {
                // No member could carry them.
                return Err(DecodeError::UnknownField);
            }
            let middle = parts.partition_point(|part| part.field == 0);
            let (keys, values) = parts.split_at(middle);
            let mut name = Vec::new();
            match keys.last() {
                Some(key) => scalar::read(*key_type, tables, &entry[key.value.clone()])?.push(&mut name),
                None => scalar::absent(*key_type, tables).push(&mut name),
            }
            let value = joined(*value_type, entry, values);
            places.insert(name.clone(), entries.len());
            entries.push((name, value));
        }
        self.out.push(b'{');
        let mut first = true;
        for (at, (name, value)) in entries.iter().enumerate() {
            if places.get(name) != Some(&at) {
                continue;
            }
            let name = std::str::from_utf8(name).map_err(|_| DecodeError::InvalidUtf8)?;
            self.name(name, &mut first);
            match value_type {
                Type::Scalar(scalar) if value.is_empty() => self.scalar(*scalar, &scalar::absent(*scalar, tables)),
                kind => self.value(*kind, value, depth)?,
            }
        }
        self.out.push(b'}');
        Ok(())
    }

    /// A value from its bytes: a scalar's with its length, a message's without.
    fn value(&mut self, kind: Type, bytes: &[u8], depth: usize) -> Result<(), DecodeError> {
        match kind {
            Type::Scalar(scalar) => {
                let tables = self.tables;
                self.scalar(scalar, &scalar::read(scalar, tables, bytes)?);
                Ok(())
            }
            Type::Message(number) | Type::Group(number) => self.message(number, bytes, depth + 1),
        }
    }

    fn scalar(&mut self, scalar: Scalar, value: &Value<'_>) {
        match value {
            Value::Text(value) => text::push_string(value, self.out),
            Value::Bytes(value) => self.base64(value),
            Value::Float(number) if number.is_finite() => value.push(self.out),
            Value::Double(number) if number.is_finite() => value.push(self.out),
            Value::Bool(_) => value.push(self.out),
            Value::Signed(_) | Value::Unsigned(_) if !scalar.is_wide() => value.push(self.out),
            Value::Float(_) | Value::Double(_) | Value::Signed(_) | Value::Unsigned(_) => {
                self.out.push(b'"');
                value.push(self.out);
                self.out.push(b'"');
            }
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        text::push_string(&STANDARD.encode(bytes), self.out);
    }
}

/// The occurrences of the fields that a message has, by field, and the bytes of all others.
fn sort(fields: &[Field], body: &[u8], depth: usize) -> Result<(Vec<Found>, Vec<u8>), DecodeError> {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    let mut pos = 0;
    while pos < body.len() {
        let (tag, start) = wire::tag(body, pos)?;
        let end = wire::skip(body, start, tag, depth + 1)?;
        let known = fields.binary_search_by_key(&tag.number(), |field| field.number).ok();
        let known = known.and_then(|at| Some((at, fields.get(at)?)));
        match known.filter(|(_, field)| field.takes(tag.wire())) {
            Some((at, Field { kind: Type::Scalar(_), .. })) => found.push(Found { field: at, wire: tag.wire(), value: start..end }),
            Some((at, Field { kind: Type::Message(_), .. })) => {
                let (start, end) = wire::content(body, start)?;
                found.push(Found { field: at, wire: tag.wire(), value: start..end });
            }
            Some((at, Field { kind: Type::Group(_), .. })) => {
                found.push(Found { field: at, wire: tag.wire(), value: start..group_end(body, start, end)? });
            }
            None => unknown.extend_from_slice(body.get(pos..end).unwrap_or_default()),
        }
        pos = end;
    }
    found.sort_by_key(|found| found.field);
    Ok((found, unknown))
}

/// Where the content of a group ends that ends at `end` with its tag.
fn group_end(body: &[u8], mut pos: usize, end: usize) -> Result<usize, DecodeError> {
    loop {
        let (tag, start) = wire::tag(body, pos)?;
        if tag.wire() == wire::END || start > end {
            return Ok(pos);
        }
        pos = wire::skip(body, start, tag, 0)?;
    }
}

/// The value of a singular field: the last scalar, or all parts of a message.
fn joined<'a>(kind: Type, body: &'a [u8], same: &[Found]) -> Cow<'a, [u8]> {
    let part = |found: &Found| body.get(found.value.clone()).unwrap_or_default();
    match (kind, same) {
        (Type::Message(_) | Type::Group(_), [_, _, ..]) => Cow::Owned(same.iter().flat_map(part).copied().collect()),
        _ => Cow::Borrowed(same.last().map(part).unwrap_or_default()),
    }
}
