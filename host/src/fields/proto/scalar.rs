//! One scalar between its bytes on the wire and the contract's kinds. Knows types, not places: what may be null or go is
//! the patch's to say.
//!
//! A scalar is read as readers do: a 32-bit number takes the low half of a longer varint, any bool but 0 is true.

use std::io::Write;

use super::super::hit::{DecodeError, Kind};
use super::super::patch::PatchError;
use super::super::scan;
use super::descriptor::{Scalar, Tables};
use super::wire::{self, Varint};

#[cfg(test)]
mod tests;

/// A scalar as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f32),
    Double(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// The scalar whose bytes, a length included, are `raw`.
pub(super) fn read<'a>(scalar: Scalar, tables: &'a Tables, raw: &'a [u8]) -> Result<Value<'a>, DecodeError> {
    Ok(match scalar {
        Scalar::Double => Value::Double(f64::from_le_bytes(array(raw)?)),
        Scalar::Float => Value::Float(f32::from_le_bytes(array(raw)?)),
        Scalar::Fixed32 => Value::Unsigned(u32::from_le_bytes(array(raw)?).into()),
        Scalar::Fixed64 => Value::Unsigned(u64::from_le_bytes(array(raw)?)),
        Scalar::Sfixed32 => Value::Signed(i32::from_le_bytes(array(raw)?).into()),
        Scalar::Sfixed64 => Value::Signed(i64::from_le_bytes(array(raw)?)),
        Scalar::Int32 => Value::Signed((varint(raw)? as i32).into()),
        Scalar::Int64 => Value::Signed(varint(raw)? as i64),
        Scalar::Uint32 => Value::Unsigned((varint(raw)? as u32).into()),
        Scalar::Uint64 => Value::Unsigned(varint(raw)?),
        Scalar::Sint32 => Value::Signed(wire::unzigzag((varint(raw)? as u32).into())),
        Scalar::Sint64 => Value::Signed(wire::unzigzag(varint(raw)?)),
        Scalar::Bool => Value::Bool(varint(raw)? != 0),
        Scalar::String => Value::Text(std::str::from_utf8(content(raw)?).map_err(|_| DecodeError::InvalidUtf8)?),
        Scalar::Bytes => Value::Bytes(content(raw)?),
        Scalar::Enum(number) => {
            let value = varint(raw)? as i32;
            tables.enumeration(number).symbol(value).map_or(Value::Signed(value.into()), Value::Text)
        }
    })
}

/// What a map's value is that is not written: its type's zero.
pub(super) fn absent(scalar: Scalar, tables: &Tables) -> Value<'_> {
    match scalar {
        Scalar::Double => Value::Double(0.0),
        Scalar::Float => Value::Float(0.0),
        Scalar::Bool => Value::Bool(false),
        Scalar::String => Value::Text(""),
        Scalar::Bytes => Value::Bytes(b""),
        Scalar::Enum(number) => {
            let found = tables.enumeration(number);
            found.symbol(found.first).map_or(Value::Signed(found.first.into()), Value::Text)
        }
        _ => Value::Unsigned(0),
    }
}

fn varint(raw: &[u8]) -> Result<u64, DecodeError> {
    wire::varint(raw, 0).map(|(value, _)| value)
}

fn content(raw: &[u8]) -> Result<&[u8], DecodeError> {
    let (start, end) = wire::content(raw, 0)?;
    raw.get(start..end).ok_or(DecodeError::Truncated)
}

fn array<const N: usize>(raw: &[u8]) -> Result<[u8; N], DecodeError> {
    raw.first_chunk::<N>().copied().ok_or(DecodeError::Truncated)
}

impl Value<'_> {
    /// As what it crosses to a plugin: a number that is not finite is text.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Boolean,
            Self::Signed(_) | Self::Unsigned(_) => Kind::Integer,
            Self::Float(value) if value.is_finite() => Kind::Decimal,
            Self::Double(value) if value.is_finite() => Kind::Decimal,
            Self::Float(_) | Self::Double(_) | Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
        }
    }

    /// Appends the value as a column carries it.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Signed(value) => text(out, value),
            Self::Unsigned(value) => text(out, value),
            Self::Float(value) if value.is_finite() => text(out, &FloatText(value)),
            Self::Double(value) if value.is_finite() => text(out, &FloatText(value)),
            Self::Float(value) => out.extend_from_slice(special(f64::from(*value))),
            Self::Double(value) => out.extend_from_slice(special(*value)),
            Self::Text(value) => out.extend_from_slice(value.as_bytes()),
            Self::Bytes(value) => out.extend_from_slice(value),
        }
    }

    /// Whether a column carries it as `data` of a kind. `out` is used and left as it was.
    pub(super) fn is(&self, kind: u8, data: &[u8], out: &mut Vec<u8>) -> bool {
        if kind != self.kind() as u8 {
            return false;
        }
        match self {
            Self::Text(value) => value.as_bytes() == data,
            Self::Bytes(value) => *value == data,
            _ => {
                let end = out.len();
                self.push(out);
                let same = out.get(end..) == Some(data);
                out.truncate(end);
                same
            }
        }
    }
}

/// The shortest text that reads back the same, with a point or an exponent.
struct FloatText<'a, T>(&'a T);

impl<T: std::fmt::Debug> std::fmt::Display for FloatText<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn text(out: &mut Vec<u8>, value: &impl std::fmt::Display) {
    // A vector takes all that is written to it.
    write!(out, "{value}").expect("a vector grows");
}

fn special(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value > 0.0 {
        b"Infinity"
    } else {
        b"-Infinity"
    }
}

/// A new scalar as it goes to the wire.
pub(super) enum Encoded<'a> {
    Varint(Varint),
    Four([u8; 4]),
    Eight([u8; 8]),
    /// Behind its length.
    Content(Varint, &'a [u8]),
}

impl<'a> Encoded<'a> {
    /// A contract's value as a scalar of a type. It takes what the type hands out, and any number text whose value the
    /// type has: an integer exactly, a decimal as the nearest that is finite.
    pub(super) fn new(scalar: Scalar, tables: &Tables, kind: u8, data: &'a [u8]) -> Result<Self, PatchError> {
        let number = |wanted: Kind| matches!(scan::number(data, 0), Ok((end, kind)) if end == data.len() && kind == wanted);
        // What is wrong with any type is said first.
        let text = match kind {
            0 if data.is_empty() => return Err(PatchError::DoesNotFit),
            0 => return Err(PatchError::NotNull),
            1 if !matches!(data, b"true" | b"false") => return Err(PatchError::NotBoolean),
            2 if !number(Kind::Integer) => return Err(PatchError::NotInteger),
            3 if !number(Kind::Decimal) => return Err(PatchError::NotDecimal),
            1..=4 => std::str::from_utf8(data).map_err(|_| PatchError::NotText)?,
            5 => "",
            _ => return Err(PatchError::UnsupportedKind),
        };
        let float = matches!(kind, 2 | 3) || matches!((kind, data), (4, b"NaN" | b"Infinity" | b"-Infinity"));
        match scalar {
            Scalar::Bool if kind == 1 => Ok(Self::Varint(Varint::new((data == b"true").into()))),
            Scalar::String if kind == 4 => Ok(Self::content(data)),
            Scalar::Bytes if kind == 5 => Ok(Self::content(data)),
            Scalar::Double if float => binary(kind, text, |value: &f64| *value).map(|value| Self::Eight(value.to_le_bytes())),
            Scalar::Float if float => binary(kind, text, |value: &f32| (*value).into()).map(|value| Self::Four(value.to_le_bytes())),
            Scalar::Enum(number) if kind == 4 => tables.enumeration(number).number(data).map(Self::signed).ok_or(PatchError::DoesNotFit),
            Scalar::Bool | Scalar::String | Scalar::Bytes | Scalar::Double | Scalar::Float => Err(PatchError::DoesNotFit),
            _ if kind != 2 => Err(PatchError::DoesNotFit),
            Scalar::Uint32 => integer::<u32>(text).map(|value| Self::Varint(Varint::new(value.into()))),
            Scalar::Uint64 => integer::<u64>(text).map(|value| Self::Varint(Varint::new(value))),
            Scalar::Fixed32 => integer::<u32>(text).map(|value| Self::Four(value.to_le_bytes())),
            Scalar::Fixed64 => integer::<u64>(text).map(|value| Self::Eight(value.to_le_bytes())),
            Scalar::Sfixed32 => integer::<i32>(text).map(|value| Self::Four(value.to_le_bytes())),
            Scalar::Sfixed64 => integer::<i64>(text).map(|value| Self::Eight(value.to_le_bytes())),
            Scalar::Sint32 => integer::<i32>(text).map(|value| Self::Varint(Varint::new(wire::zigzag(value.into())))),
            Scalar::Sint64 => integer::<i64>(text).map(|value| Self::Varint(Varint::new(wire::zigzag(value)))),
            Scalar::Int64 => integer::<i64>(text).map(|value| Self::Varint(Varint::new(value as u64))),
            Scalar::Int32 | Scalar::Enum(_) => integer::<i32>(text).map(Self::signed),
        }
    }

    /// The zero of a type: false, 0, empty, an enum's default.
    pub(super) fn zero(scalar: Scalar, tables: &Tables) -> Self {
        match scalar {
            Scalar::Enum(number) => Self::signed(tables.enumeration(number).first),
            scalar => match scalar.wire() {
                wire::I64 => Self::Eight([0; 8]),
                wire::I32 => Self::Four([0; 4]),
                wire::LEN => Self::content(b""),
                _ => Self::Varint(Varint::new(0)),
            },
        }
    }

    fn content(data: &'a [u8]) -> Self {
        Self::Content(Varint::new(data.len() as u64), data)
    }

    /// A negative number takes ten bytes, also of 32 bits.
    fn signed(value: i32) -> Self {
        Self::Varint(Varint::new(i64::from(value) as u64))
    }

    /// The wire type that its tag has to have.
    pub(super) fn wire(&self) -> u8 {
        match self {
            Self::Varint(_) => wire::VARINT,
            Self::Four(_) => wire::I32,
            Self::Eight(_) => wire::I64,
            Self::Content(..) => wire::LEN,
        }
    }

    /// Its bytes, in two parts.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        match self {
            Self::Varint(varint) => [varint.bytes(), b""],
            Self::Four(bytes) => [bytes, b""],
            Self::Eight(bytes) => [bytes, b""],
            Self::Content(length, content) => [length.bytes(), content],
        }
    }

    /// Appends its bytes, a length included where it has one, without a tag.
    pub(super) fn push(&self, out: &mut Vec<u8>) {
        self.parts().iter().for_each(|part| out.extend_from_slice(part));
    }

    /// Whether `raw` are its bytes.
    pub(super) fn is(&self, raw: &[u8]) -> bool {
        let [first, second] = self.parts();
        raw.strip_prefix(first) == Some(second)
    }
}

/// A number of binary floating point, in either width: an integer only if the type has it.
fn binary<T: std::str::FromStr>(kind: u8, text: &str, double: impl Fn(&T) -> f64) -> Result<T, PatchError> {
    let value: T = text.parse().map_err(|_| PatchError::DoesNotFit)?;
    let fits = match kind {
        2 => format!("{:.0}", double(&value)) == text,
        3 => double(&value).is_finite(),
        // One of the three words that are none.
        _ => true,
    };
    if fits { Ok(value) } else { Err(PatchError::DoesNotFit) }
}

/// `-0` is 0, also without a sign.
fn integer<T: std::str::FromStr>(text: &str) -> Result<T, PatchError> {
    let text = if text == "-0" { "0" } else { text };
    text.parse().map_err(|_| PatchError::DoesNotFit)
}
