//! From the datum to JSON. Allocates nothing but the output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::hit::{DecodeError, Kind};
use super::super::super::names::SeenNames;
use super::super::super::text::push_string;
use super::super::read::{Reader, enter};
use super::super::scalar::{self, Value};
use super::super::schema::{Run, Tables, Type};
use super::stand_alone;

/// Appends the datum as JSON; bytes behind it are an error. After an error `out` may hold a part of it.
pub(super) fn datum(tables: &Tables, body: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    if u32::try_from(body.len()).is_err() {
        return Err(DecodeError::TooLarge);
    }
    let mut writer = Writer { reader: Reader::new(tables, body, 0), names: SeenNames::default(), out };
    writer.value(tables.root, 0)?;
    if writer.reader.pos == body.len() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
}

struct Writer<'a> {
    reader: Reader<'a>,
    /// The keys of the maps around the value.
    names: SeenNames,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self, number: u32, depth: usize) -> Result<(), DecodeError> {
        let tables = self.reader.schema;
        match tables.get(number) {
            Type::Union(branches) => self.union(branches, depth),
            Type::Array(item) => self.array(item, depth),
            Type::Map(value) => self.map(value, depth),
            Type::Record { number: record, fields } => {
                enter(depth)?;
                if tables.empty[number as usize] {
                    self.reader.empty(1)?;
                }
                self.out.push(b'{');
                for (at, (&child, field)) in tables.children(fields).iter().zip(&tables.records[record as usize].fields).enumerate() {
                    self.comma(at > 0);
                    self.name(&field.name);
                    self.value(child, depth + 1)?;
                }
                self.out.push(b'}');
                Ok(())
            }
            scalar => {
                let value = scalar::read(&mut self.reader, scalar)?;
                self.scalar(&value);
                Ok(())
            }
        }
    }

    fn union(&mut self, branches: Run, depth: usize) -> Result<(), DecodeError> {
        let tables = self.reader.schema;
        let branch = self.reader.index(branches.count)?;
        let branch = tables.children(branches)[branch as usize];
        if matches!(tables.get(branch), Type::Null) || stand_alone(tables, branches) {
            return self.value(branch, depth);
        }
        self.out.push(b'{');
        self.name(tables.branch_name(branch));
        self.value(branch, depth)?;
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, item: u32, depth: usize) -> Result<(), DecodeError> {
        enter(depth)?;
        self.out.push(b'[');
        let mut more = false;
        while let Some(head) = self.reader.block(item, false)? {
            let start = self.reader.pos;
            for _ in 0..head.count {
                self.comma(std::mem::replace(&mut more, true));
                self.value(item, depth + 1)?;
            }
            self.reader.end_block(head, start)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn map(&mut self, value: u32, depth: usize) -> Result<(), DecodeError> {
        enter(depth)?;
        self.out.push(b'{');
        let mark = self.names.mark();
        let mut more = false;
        while let Some(head) = self.reader.block(value, true)? {
            let start = self.reader.pos;
            for _ in 0..head.count {
                self.comma(std::mem::replace(&mut more, true));
                let key = self.reader.string()?;
                let end = self.reader.pos;
                self.names.push(key.as_bytes(), (end - key.len()) as u32, end as u32);
                self.name(key);
                self.value(value, depth + 1)?;
            }
            self.reader.end_block(head, start)?;
        }
        self.out.push(b'}');
        // No plugin could tell the two apart.
        if self.names.close(self.reader.body, mark) { Err(DecodeError::DuplicateName) } else { Ok(()) }
    }

    fn comma(&mut self, more: bool) {
        if more {
            self.out.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        push_string(name, self.out);
        self.out.push(b':');
    }

    fn scalar(&mut self, value: &Value<'_>) {
        match (value, value.kind()) {
            (Value::Null, _) => self.out.extend_from_slice(b"null"),
            (Value::Text(text), _) => push_string(text, self.out),
            (Value::Bytes(bytes), _) => {
                self.out.push(b'"');
                self.out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
                self.out.push(b'"');
            }
            // Dates, uuids and what is not a number: nothing in them needs an escape.
            (_, Kind::Text) => {
                self.out.push(b'"');
                value.push(self.out);
                self.out.push(b'"');
            }
            _ => value.push(self.out),
        }
    }
}
