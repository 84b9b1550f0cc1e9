//! What an expression works on. It must not show a value: `Debug` prints its kind alone.
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

use crate::time::{Duration, Time};

/// A value, borrowed from the record or the expression where it can be.
#[derive(Clone)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// 64 bits with a sign.
    Int(i64),
    /// IEEE 754, 64 bits.
    Double(f64),
    /// Unicode text.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Rc<[Value<'a>]>),
    /// Keys and values, each key once, in the order of writing.
    Map(Rc<[(Value<'a>, Value<'a>)]>),
    /// A point in time.
    Time(Time),
    /// A length of time.
    Duration(Duration),
    /// What `type(…)` gives.
    Kind(Kind),
    /// There, but nothing that an expression can work on: an object of the record, or a number that fits neither 64 bits
    /// nor a double. Using it fails.
    Opaque,
}

/// The type of a value, as `type(…)` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null_type`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `double`
    Double,
    /// `string`
    Text,
    /// `bytes`
    Bytes,
    /// `list`
    List,
    /// `map`
    Map,
    /// `google.protobuf.Timestamp`
    Time,
    /// `google.protobuf.Duration`
    Duration,
    /// `type`
    Kind,
}

impl Kind {
    /// The kinds that an expression can name, by name.
    pub(crate) const NAMED: [(&'static str, Kind); 9] = [
        ("null_type", Kind::Null),
        ("bool", Kind::Bool),
        ("int", Kind::Int),
        ("double", Kind::Double),
        ("string", Kind::Text),
        ("bytes", Kind::Bytes),
        ("list", Kind::List),
        ("map", Kind::Map),
        ("type", Kind::Kind),
    ];
}

impl<'a> Value<'a> {
    /// Text, borrowed.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A number from its text as JSON writes it: an integer where it is written as one, else the nearest double. One
    /// that is too large for 64 bits, or for a double, is [`Value::Opaque`].
    #[must_use]
    pub fn number(text: &str) -> Self {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map_or(Self::Opaque, Self::Int);
        }
        match text.parse() {
            Ok(number) if f64::is_finite(number) => Self::Double(number),
            _ => Self::Opaque,
        }
    }

    /// The kind; none for what is opaque.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Some(match self {
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Double(_) => Kind::Double,
            Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::List(_) => Kind::List,
            Self::Map(_) => Kind::Map,
            Self::Time(_) => Kind::Time,
            Self::Duration(_) => Kind::Duration,
            Self::Kind(_) => Kind::Kind,
            Self::Opaque => return None,
        })
    }

    /// The same value, borrowing from this one what is text or bytes.
    pub(crate) fn borrowed(&'a self) -> Value<'a> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
            other => other.clone(),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?})", self.kind())
    }
}
