//! Reads columns: values back to back become an iterator. Reading must not allocate, and not panic on a column whose
//! parts do not fit together: it ends early, the answers come out short, and the host refuses them.
use std::fmt;

use crate::Column;

/// What a value is, and so how its bytes read. A newtype, not an enum: kinds cross the border as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// No bytes.
    pub const NULL: Self = Self(0);
    /// `true` or `false`.
    pub const BOOLEAN: Self = Self(1);
    /// The exact text of an integer of any length.
    pub const INTEGER: Self = Self(2);
    /// The exact text of a JSON number that is not an integer: `1.50`, `1e400`.
    pub const DECIMAL: Self = Self(3);
    /// UTF-8, escapes resolved.
    pub const TEXT: Self = Self(4);
    /// As they are.
    pub const BYTES: Self = Self(5);
    /// An object or array, without bytes; only plugins that do not edit fields meet it.
    pub const COMPOSITE: Self = Self(6);
}

/// One value of a batch, borrowed from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, as [`Kind`] says.
    pub bytes: &'a [u8],
}

impl<'a> Value<'a> {
    /// The text of a value that is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        if self.kind == Kind::TEXT { std::str::from_utf8(self.bytes).ok() } else { None }
    }

    /// The exact text of a number.
    #[must_use]
    pub fn as_number(&self) -> Option<&'a str> {
        if self.is_number() { std::str::from_utf8(self.bytes).ok() } else { None }
    }

    /// An integer that fits; larger ones are still there as text.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        if self.kind == Kind::INTEGER { std::str::from_utf8(self.bytes).ok()?.parse().ok() } else { None }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        if self.kind == Kind::BOOLEAN { Some(self.bytes == b"true") } else { None }
    }

    /// Whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind == Kind::NULL
    }

    /// Whether it is a number, integer or not.
    #[must_use]
    pub fn is_number(&self) -> bool {
        matches!(self.kind, Kind::INTEGER | Kind::DECIMAL)
    }
}

/// Prints the kind and the length alone: a value must not reach a log by way of a derived `Debug`.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Column {
    /// Without values: a column of the plugin's own, to hand to [`host`](crate::host).
    #[must_use]
    pub fn new() -> Self {
        Self { rows: Vec::new(), kinds: Vec::new(), ends: Vec::new(), data: Vec::new() }
    }

    /// Adds a value of record `row`, which is not below the last one's.
    pub fn push(&mut self, row: u32, value: Value<'_>) {
        self.data.extend_from_slice(value.bytes);
        self.rows.push(row);
        self.kinds.push(value.kind.0);
        // More than 4 GiB does not fit a guest's memory; a cut end would be refused by the host.
        self.ends.push(u32::try_from(self.data.len()).unwrap_or(u32::MAX));
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no record has a value here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The values with the rows they belong to. Rows ascend; one may be missing (no such field) or repeat (array
    /// elements and the scalars of a subtree, in document order).
    #[must_use]
    pub fn iter(&self) -> Values<'_> {
        Values { rows: self.rows.iter(), kinds: self.kinds.iter(), ends: self.ends.iter(), data: &self.data, start: 0 }
    }
}

impl Default for Column {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> IntoIterator for &'a Column {
    type Item = (u32, Value<'a>);
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

/// The values of a column, each with its row.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    rows: std::slice::Iter<'a, u32>,
    kinds: std::slice::Iter<'a, u8>,
    ends: std::slice::Iter<'a, u32>,
    data: &'a [u8],
    start: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = (u32, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<(u32, Value<'a>)> {
        let (&row, &kind, &end) = (self.rows.next()?, self.kinds.next()?, self.ends.next()?);
        let end = usize::try_from(end).ok()?;
        let bytes = self.data.get(self.start..end)?;
        self.start = end;
        Some((row, Value { kind: Kind(kind), bytes }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.rows.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rows: &[u32], kinds: &[u8], ends: &[u32], data: &[u8]) -> Column {
        Column { rows: rows.to_vec(), kinds: kinds.to_vec(), ends: ends.to_vec(), data: data.to_vec() }
    }

    #[test]
    fn values_come_with_their_rows() {
        let column = column(&[0, 2, 2], &[4, 0, 2], &[2, 2, 5], b"hi-12");
        let values: Vec<_> = column.iter().collect();
        assert_eq!(values.len(), 3);
        assert_eq!((values[0].0, values[0].1.as_str()), (0, Some("hi")));
        assert!(values[1].0 == 2 && values[1].1.is_null());
        assert_eq!((values[2].0, values[2].1.as_i64(), values[2].1.as_number()), (2, Some(-12), Some("-12")));
    }

    #[test]
    fn a_column_that_does_not_fit_ends_early() {
        for (ends, data, expected) in [(&[9u32][..], &b"hi"[..], 0), (&[2, 1], b"hi", 1), (&[1], b"hi", 1)] {
            assert_eq!(column(&[0, 1], &[4, 4], ends, data).iter().count(), expected, "{ends:?}");
        }
    }

    #[test]
    fn debug_shows_no_bytes() {
        let shown = format!("{:?}", Value { kind: Kind::TEXT, bytes: b"secret" });
        assert_eq!(shown, "Value(Kind(4), 6 bytes)");
    }

    #[test]
    fn values_read_only_as_what_they_are() {
        let number = Value { kind: Kind::DECIMAL, bytes: b"1e400" };
        assert_eq!((number.as_number(), number.as_str(), number.as_i64(), number.as_bool()), (Some("1e400"), None, None, None));
        let broken = Value { kind: Kind::TEXT, bytes: &[0xff] };
        assert_eq!(broken.as_str(), None);
        assert_eq!(Value { kind: Kind::BOOLEAN, bytes: b"true" }.as_bool(), Some(true));
    }
}
