//! From JSON back to a datum. Reads the text once where a record's members stand in the schema's order, as they do in
//! every view that nobody reordered; a member that stands elsewhere is passed over and read where it belongs.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::super::hit::{DecodeError, Kind};
use super::super::super::scan::{self, byte, skip_space};
use super::super::super::text;
use super::super::decimal::MAX_DIGITS;
use super::super::logical::Logical;
use super::super::read::{enter, push_long};
use super::super::scalar::{self, push_bytes};
use super::super::schema::{Field, Run, Tables, Type};
use super::{ARRAY, BOOLEAN, NUMBER, OBJECT, STRING, ViewError, forms, stand_alone};

/// Appends the datum that the JSON text stands for. After an error `out` may hold a part of it.
pub(super) fn datum(tables: &Tables, json: &[u8], out: &mut Vec<u8>) -> Result<(), ViewError> {
    if std::str::from_utf8(json).is_err() {
        return Err(ViewError::Json(DecodeError::InvalidUtf8));
    }
    let mut reader = Reader { tables, json, pos: skip_space(json, 0), out };
    reader.value(tables.root, 0)?;
    if skip_space(json, reader.pos) == json.len() { Ok(()) } else { Err(NOT_JSON) }
}

const NOT_JSON: ViewError = ViewError::Json(DecodeError::NotJson);

impl From<DecodeError> for ViewError {
    fn from(error: DecodeError) -> Self {
        Self::Json(error)
    }
}

struct Reader<'a> {
    tables: &'a Tables,
    json: &'a [u8],
    pos: usize,
    out: &'a mut Vec<u8>,
}

impl<'a> Reader<'a> {
    /// The value at the position, encoded as a type.
    fn value(&mut self, number: u32, depth: usize) -> Result<(), ViewError> {
        let tables = self.tables;
        match tables.get(number) {
            Type::Union(branches) => self.union(branches, depth),
            Type::Array(item) => {
                enter(depth)?;
                self.items(b'[', |reader, _| reader.value(item, depth + 1))
            }
            Type::Map(value) => {
                enter(depth)?;
                let mut seen = HashSet::new();
                self.items(b'{', |reader, _| {
                    let key = reader.name()?;
                    push_bytes(key.as_bytes(), reader.out);
                    if !seen.insert(key) {
                        return Err(ViewError::DuplicateName);
                    }
                    reader.value(value, depth + 1)
                })
            }
            Type::Record { number, fields } => {
                enter(depth)?;
                self.record(&tables.records[number as usize].fields, tables.children(fields), depth + 1)
            }
            scalar => self.scalar(scalar),
        }
    }

    fn union(&mut self, branches: Run, depth: usize) -> Result<(), ViewError> {
        let tables = self.tables;
        let types = tables.children(branches);
        let form = match byte(self.json, self.pos) {
            b'n' => 0,
            b't' | b'f' => BOOLEAN,
            b'"' => STRING,
            b'[' => ARRAY,
            b'{' => OBJECT,
            _ => NUMBER,
        };
        let alone = form == 0 || stand_alone(tables, branches);
        if !alone {
            self.open(b'{')?;
            if byte(self.json, self.pos) == b'}' {
                return Err(ViewError::DoesNotFit);
            }
        }
        let branch = if alone {
            let takes = |&branch: &u32| match tables.get(branch) {
                Type::Null => form == 0,
                of => forms(of) & form != 0,
            };
            types.iter().position(takes).ok_or(ViewError::DoesNotFit)?
        } else {
            let name = self.name()?;
            types.iter().position(|&branch| tables.branch_name(branch) == name).ok_or(ViewError::UnknownName)?
        };
        push_long(branch as i64, self.out);
        self.value(types[branch], depth)?;
        if !alone {
            self.pos = skip_space(self.json, self.pos);
            self.open(b'}')?;
        }
        Ok(())
    }

    /// One block of all items of an array or map, and its end.
    fn items(&mut self, bracket: u8, mut read: impl FnMut(&mut Self, u32) -> Result<(), ViewError>) -> Result<(), ViewError> {
        let start = self.out.len();
        let mut count = 0_u32;
        self.each(bracket, |reader| {
            count += 1;
            read(reader, count)
        })?;
        if count > 0 {
            let mut head = Vec::new();
            push_long(count.into(), &mut head);
            self.out.splice(start..start, head);
        }
        self.out.push(0);
        Ok(())
    }

    fn record(&mut self, fields: &'a [Field], types: &[u32], depth: usize) -> Result<(), ViewError> {
        let mut next = 0;
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        // Where the values of fields stand that came too early.
        let mut early: HashMap<usize, usize> = HashMap::new();
        self.each(b'{', |reader| {
            let name = reader.name()?;
            let expected = fields.get(next).is_some_and(|field| *field.name == *name);
            if expected && early.is_empty() {
                reader.value(types[next], depth)?;
                next += 1;
                return Ok(());
            }
            if by_name.is_empty() {
                by_name = fields.iter().enumerate().map(|(at, field)| (&*field.name, at)).collect();
            }
            let &at = by_name.get(&*name).ok_or(ViewError::UnknownName)?;
            if at < next || early.insert(at, reader.pos).is_some() {
                return Err(ViewError::DuplicateName);
            }
            reader.pos = scan::skip_value(reader.json, reader.pos, 0)?;
            Ok(())
        })?;
        let end = self.pos;
        for (at, &of) in types.iter().enumerate().skip(next) {
            if let Some(&start) = early.get(&at) {
                self.pos = start;
                self.value(of, depth)?;
            } else if let Some(null) = self.tables.null_branch(of) {
                push_long(null.into(), self.out);
            } else if !matches!(self.tables.get(of), Type::Null) {
                return Err(ViewError::MissingField);
            }
        }
        self.pos = end;
        Ok(())
    }

    /// Calls at every member or element, whose reading has to end behind its value.
    fn each(&mut self, bracket: u8, mut read: impl FnMut(&mut Self) -> Result<(), ViewError>) -> Result<(), ViewError> {
        if !matches!(byte(self.json, self.pos), b'[' | b'{') && scan::scalar(self.json, self.pos).is_err() {
            return Err(NOT_JSON);
        }
        if byte(self.json, self.pos) != bracket {
            return Err(ViewError::DoesNotFit);
        }
        // `[` and `]`, `{` and `}` are two apart.
        let closing = bracket + 2;
        self.pos = skip_space(self.json, self.pos + 1);
        if byte(self.json, self.pos) == closing {
            self.pos += 1;
            return Ok(());
        }
        loop {
            read(self)?;
            self.pos = skip_space(self.json, self.pos);
            match byte(self.json, self.pos) {
                b',' => self.pos = skip_space(self.json, self.pos + 1),
                end if end == closing => {
                    self.pos += 1;
                    return Ok(());
                }
                _ => return Err(NOT_JSON),
            }
        }
    }

    /// A bracket that has to stand here, and the space behind it.
    fn open(&mut self, bracket: u8) -> Result<(), ViewError> {
        if byte(self.json, self.pos) != bracket {
            return Err(ViewError::DoesNotFit);
        }
        self.pos += 1;
        if bracket == b'{' {
            self.pos = skip_space(self.json, self.pos);
        }
        Ok(())
    }

    /// A member's name; goes on to its value.
    fn name(&mut self) -> Result<String, ViewError> {
        if byte(self.json, self.pos) != b'"' {
            return Err(NOT_JSON);
        }
        let start = self.pos + 1;
        let (quote, _) = scan::string(self.json, start)?;
        let mut name = Vec::new();
        text::unescape(&self.json[start..quote], &mut name)?;
        self.pos = scan::skip_colon(self.json, quote + 1)?;
        String::from_utf8(name).map_err(|_| ViewError::Json(DecodeError::InvalidUtf8))
    }

    fn scalar(&mut self, of: Type) -> Result<(), ViewError> {
        if matches!(byte(self.json, self.pos), b'[' | b'{') {
            return Err(ViewError::DoesNotFit);
        }
        let scalar = scan::scalar(self.json, self.pos)?;
        let raw = &self.json[self.pos..scalar.end];
        self.pos = scalar.end;
        let mut kind = scalar.kind;
        let mut decoded = Vec::new();
        let mut data = raw;
        if kind == Kind::Null {
            data = b"";
        } else if kind == Kind::Text {
            data = &raw[1..raw.len() - 1];
            if scalar.escaped {
                text::unescape(data, &mut decoded)?;
                data = &decoded;
            }
        }
        let binary =
            matches!(of, Type::Bytes(Logical::None | Logical::Uuid) | Type::Fixed { logical: Logical::None | Logical::Duration, .. });
        let bytes;
        if binary && kind == Kind::Text {
            bytes = STANDARD.decode(data).map_err(|_| ViewError::DoesNotFit)?;
            data = &bytes;
            kind = Kind::Bytes;
        }
        if scalar::encode(self.tables, any_value(of), kind as u8, data, self.out) { Ok(()) } else { Err(ViewError::DoesNotFit) }
    }
}

/// A view may hold what the writer wrote though its logical type forbids it: a longer decimal, a string that is no uuid.
fn any_value(of: Type) -> Type {
    let longer = |logical| match logical {
        Logical::Decimal { scale, .. } => Logical::Decimal { precision: MAX_DIGITS, scale },
        other => other,
    };
    match of {
        Type::String(_) => Type::String(Logical::None),
        Type::Bytes(logical) => Type::Bytes(longer(logical)),
        Type::Fixed { size, logical } => Type::Fixed { size, logical: longer(logical) },
        other => other,
    }
}
