//! One value of a scalar type: read from its bytes, handed out as the plugin contract writes it, and encoded again. Knows
//! no places; what may be null or go is `patch`'s to say.

use std::io::Write as _;

use super::super::hit::{DecodeError, Hit, Kind};
use super::super::text;
use super::decimal;
use super::logical::{Logical, Unit};
use super::moment;
use super::plan::Plan;
use super::read::{Reader, push_long};
use super::schema::{Tables, Type};

#[cfg(test)]
mod tests;

/// A value that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f32),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Decimal { bytes: &'a [u8], scale: u32 },
    Uuid(&'a [u8; 16]),
    Date(i64),
    Time(Unit, i64),
    Timestamp { unit: Unit, local: bool, count: i64 },
}

impl Plan {
    /// Appends a hit's bytes as a column carries them. `body` must be the one of the hit; another one gives an error or
    /// wrong bytes, never a panic.
    pub fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        if matches!(hit.kind, Kind::Null | Kind::Composite) {
            return Ok(());
        }
        let tables = &*self.schema.tables;
        let of = self.sites.get(hit.site as usize).map(|site| tables.get(site.of)).ok_or(DecodeError::BadIndex)?;
        let mut reader = Reader::new(tables, body, hit.start as usize);
        if let Type::String(_) = of {
            // Checked when it was selected.
            out.extend_from_slice(reader.bytes()?);
            return Ok(());
        }
        read(&mut reader, of)?.push(out);
        Ok(())
    }
}

/// Reads a value of a scalar type.
#[inline]
pub(super) fn read<'a>(reader: &mut Reader<'a>, of: Type) -> Result<Value<'a>, DecodeError> {
    Ok(match of {
        Type::Boolean => Value::Boolean(reader.boolean()?),
        Type::Int(logical) => counted(reader.int()?.into(), logical),
        Type::Long(logical) => counted(reader.long()?, logical),
        Type::Float => Value::Float(f32::from_le_bytes(array(reader.take(4)?)?)),
        Type::Double => Value::Double(f64::from_le_bytes(array(reader.take(8)?)?)),
        Type::Bytes(logical) => raw(reader.bytes()?, logical)?,
        Type::Fixed { size, logical } => raw(reader.take(size as usize)?, logical)?,
        Type::String(_) => Value::Text(reader.string()?),
        Type::Enum { number, symbols } => {
            let symbol = reader.index(symbols)?;
            Value::Text(&reader.schema.enums[number as usize].symbols[symbol as usize])
        }
        Type::Null | Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record { .. } => Value::Null,
    })
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::Truncated)
}

/// A count that has no text is handed out as it is.
fn counted<'a>(count: i64, logical: Logical) -> Value<'a> {
    match logical {
        Logical::Date if moment::is_date(count) => Value::Date(count),
        Logical::Time(unit) if moment::is_time(unit, count) => Value::Time(unit, count),
        Logical::Timestamp { unit, local } if moment::is_timestamp(unit, count) => Value::Timestamp { unit, local, count },
        _ => Value::Integer(count),
    }
}

fn raw(bytes: &[u8], logical: Logical) -> Result<Value<'_>, DecodeError> {
    match logical {
        Logical::Decimal { .. } if bytes.len() > decimal::MAX_BYTES => Err(DecodeError::BadValue),
        Logical::Decimal { scale, .. } => Ok(Value::Decimal { bytes, scale }),
        Logical::Uuid => bytes.try_into().map(Value::Uuid).map_err(|_| DecodeError::Truncated),
        _ => Ok(Value::Bytes(bytes)),
    }
}

impl Value<'_> {
    /// As what it crosses to a plugin. Dates, times, UUIDs and numbers that are not finite are text.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Integer(_) | Self::Decimal { scale: 0, .. } => Kind::Integer,
            Self::Float(float) if float.is_finite() => Kind::Decimal,
            Self::Double(double) if double.is_finite() => Kind::Decimal,
            Self::Decimal { .. } => Kind::Decimal,
            Self::Bytes(_) => Kind::Bytes,
            Self::Float(_) | Self::Double(_) | Self::Text(_) | Self::Uuid(_) => Kind::Text,
            Self::Date(_) | Self::Time(..) | Self::Timestamp { .. } => Kind::Text,
        }
    }

    /// Appends it as a column carries it.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Null => {}
            Self::Boolean(boolean) => out.extend_from_slice(if boolean { b"true" } else { b"false" }),
            Self::Integer(integer) => write(out, format_args!("{integer}")),
            // `Debug` writes the shortest text that reads back the same, with a point or an exponent.
            Self::Float(float) if float.is_finite() => write(out, format_args!("{float:?}")),
            Self::Double(double) if double.is_finite() => write(out, format_args!("{double:?}")),
            Self::Float(float) => out.extend_from_slice(not_finite(float.into())),
            Self::Double(double) => out.extend_from_slice(not_finite(double)),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Decimal { bytes, scale } => decimal::push(bytes, scale, out),
            Self::Uuid(bytes) => push_uuid(bytes, out),
            Self::Date(days) => moment::push_date(days, out),
            Self::Time(unit, count) => moment::push_time(unit, count, out),
            Self::Timestamp { unit, local, count } => moment::push_timestamp(unit, local, count, out),
        }
    }
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes all that is written");
}

fn not_finite(double: f64) -> &'static [u8] {
    match double {
        _ if double.is_nan() => b"NaN",
        _ if double > 0.0 => b"Infinity",
        _ => b"-Infinity",
    }
}

fn push_uuid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        text::push_hex(*byte, out);
    }
}

/// The sixteen bytes of `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
pub(super) fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut digits = text.iter().filter(|&&byte| byte != b'-').map(|&digit| char::from(digit).to_digit(16));
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        *byte = (digits.next()?? << 4 | digits.next()??) as u8;
    }
    Some(uuid)
}

/// Appends a value of the contract, well formed for its kind, encoded as a scalar type. False, with nothing appended, if
/// the type has no such value.
pub(super) fn encode(tables: &Tables, of: Type, kind: u8, data: &[u8], out: &mut Vec<u8>) -> bool {
    let text = if kind == Kind::Text as u8 { Some(data) } else { None };
    let number = if kind == Kind::Integer as u8 || kind == Kind::Decimal as u8 { std::str::from_utf8(data).ok() } else { None };
    let integer = || number.filter(|_| kind == Kind::Integer as u8).and_then(|number| number.parse::<i64>().ok());
    let encoded = match of {
        Type::Null => return kind == Kind::Null as u8,
        Type::Boolean => (kind == Kind::Boolean as u8).then(|| out.push((data == b"true").into())),
        Type::Int(logical) => {
            let count = integer().or_else(|| count(logical, text?)).and_then(|count| i32::try_from(count).ok());
            count.map(|count| push_long(count.into(), out))
        }
        Type::Long(logical) => integer().or_else(|| count(logical, text?)).map(|count| push_long(count, out)),
        Type::Float => float(kind, data).map(|float: f32| out.extend_from_slice(&float.to_le_bytes())),
        Type::Double => float(kind, data).map(|double: f64| out.extend_from_slice(&double.to_le_bytes())),
        Type::String(Logical::Uuid) => text.filter(|text| uuid(text).is_some()).map(|text| push_bytes(text, out)),
        Type::String(_) => text.map(|text| push_bytes(text, out)),
        Type::Bytes(Logical::Decimal { precision, scale }) => {
            number.and_then(|number| decimal::parse(number, precision, scale)).map(|bytes| push_bytes(&bytes, out))
        }
        Type::Bytes(_) => (kind == Kind::Bytes as u8).then(|| push_bytes(data, out)),
        Type::Fixed { size, logical } => match logical {
            Logical::Decimal { precision, scale } => number
                .and_then(|number| decimal::parse(number, precision, scale))
                .and_then(|bytes| decimal::widen(&bytes, size as usize))
                .map(|bytes| out.extend_from_slice(&bytes)),
            Logical::Uuid => text.and_then(uuid).map(|bytes| out.extend_from_slice(&bytes)),
            _ => (kind == Kind::Bytes as u8 && data.len() == size as usize).then(|| out.extend_from_slice(data)),
        },
        Type::Enum { number, .. } => {
            let symbols = &tables.enums[number as usize].symbols;
            let symbol = text.and_then(|text| symbols.iter().position(|symbol| symbol.as_bytes() == text));
            symbol.map(|symbol| push_long(symbol as i64, out))
        }
        Type::Array(_) | Type::Map(_) | Type::Union(_) | Type::Record { .. } => None,
    };
    encoded.is_some()
}

fn count(logical: Logical, text: &[u8]) -> Option<i64> {
    match logical {
        Logical::Date => moment::date(text),
        Logical::Time(unit) => moment::time(unit, text),
        Logical::Timestamp { unit, local } => moment::timestamp(unit, local, text),
        _ => None,
    }
}

/// A binary floating-point number: a decimal as the nearest one that is finite, an integer only exactly.
fn float<T: Float>(kind: u8, data: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(data).ok()?;
    let float = || text.parse::<T>().ok().filter(|float| float.double().is_finite());
    if kind == Kind::Decimal as u8 {
        return float();
    }
    if kind == Kind::Integer as u8 {
        return float().filter(|float| format!("{:.0}", float.double()) == if text == "-0" { "-0" } else { text });
    }
    (kind == Kind::Text as u8 && matches!(data, b"NaN" | b"Infinity" | b"-Infinity")).then(|| text.parse().ok())?
}

/// `f32` and `f64`, as far as they differ here.
trait Float: std::str::FromStr {
    fn double(&self) -> f64;
}

impl Float for f32 {
    fn double(&self) -> f64 {
        f64::from(*self)
    }
}

impl Float for f64 {
    fn double(&self) -> f64 {
        *self
    }
}

/// Appends bytes with their length before them.
pub(super) fn push_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    push_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}
