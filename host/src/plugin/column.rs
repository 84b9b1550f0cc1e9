//! A batch as the host holds it: columns of values back to back, cleared and filled again batch after batch.
//! It must not know formats or Kafka, whoever fills the columns does; and its `Debug` shows sizes, never a payload.

use std::fmt;

use thiserror::Error;

/// What a value is, and how its bytes read; the figures are the contract's (`wit/v0.1.0/plugin.wit`, `types`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// No bytes.
    Null = 0,
    /// `true` or `false`.
    Boolean = 1,
    /// The exact text of an integer of any length.
    Integer = 2,
    /// The exact text of a JSON number that is not an integer.
    Decimal = 3,
    /// UTF-8, escapes resolved.
    Text = 4,
    /// As they are.
    Bytes = 5,
    /// An object or array, no bytes; only steps that do not edit fields meet it.
    Composite = 6,
}

impl Kind {
    /// The kind of that figure.
    pub fn from_byte(byte: u8) -> Option<Kind> {
        use Kind::*;
        [Null, Boolean, Integer, Decimal, Text, Bytes, Composite].get(usize::from(byte)).copied()
    }
}

/// What becomes of a value; the figures are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// It stays, byte for byte.
    Keep = 0,
    /// It becomes the value given in the answer.
    Set = 1,
    /// The field, array element or header goes; a key or a value becomes null.
    Remove = 2,
    /// The record cannot be transformed.
    Reject = 3,
    /// Text becomes the text given in the answer, anything else null or its type's zero. Only for fields.
    Clear = 4,
}

impl Action {
    /// The action of that figure.
    pub fn from_byte(byte: u8) -> Option<Action> {
        use Action::*;
        [Keep, Set, Remove, Reject, Clear].get(usize::from(byte)).copied()
    }
}

/// A column holds less than 4 GiB: its ends are 32 bits wide. The caller closes the batch and begins another.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("a column of a batch would pass 4 GiB")]
pub struct ColumnFull;

/// Values of one field, or all keys, or all values, of a batch. Value i belongs to record `rows[i]`, is of kind
/// `kinds[i]` and is `data[ends[i - 1]..ends[i]]`. Rows ascend; they may be missing or repeat.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Column {
    /// The record that each value belongs to.
    pub rows: Vec<u32>,
    /// The [`Kind`] of each value.
    pub kinds: Vec<u8>,
    /// Where each value ends in `data`.
    pub ends: Vec<u32>,
    /// The values, back to back.
    pub data: Vec<u8>,
}

impl Column {
    /// Adds a value of record `row`, which is not below the last one's.
    pub fn push(&mut self, row: u32, kind: Kind, bytes: &[u8]) -> Result<(), ColumnFull> {
        let end = self.data.len().checked_add(bytes.len()).ok_or(ColumnFull)?;
        let end = u32::try_from(end).map_err(|_| ColumnFull)?;
        self.rows.push(row);
        self.kinds.push(kind as u8);
        self.ends.push(end);
        self.data.extend_from_slice(bytes);
        Ok(())
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of value `i`, if there is one.
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        slice(&self.ends, &self.data, i)
    }

    /// The values of the records below `row`.
    fn below(&self, row: u32) -> Column {
        let values = self.rows.partition_point(|of| *of < row);
        let bytes = values.checked_sub(1).map_or(0, |last| self.ends[last] as usize);
        Column {
            rows: self.rows[..values].to_vec(),
            kinds: self.kinds[..values].to_vec(),
            ends: self.ends[..values].to_vec(),
            data: self.data[..bytes].to_vec(),
        }
    }

    /// Forgets the values and keeps the memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.kinds.clear();
        self.ends.clear();
        self.data.clear();
    }
}

/// Value `i` of bytes back to back.
pub(super) fn slice<'a>(ends: &[u32], data: &'a [u8], i: usize) -> Option<&'a [u8]> {
    let from = match i.checked_sub(1) {
        Some(before) => *ends.get(before)? as usize,
        None => 0,
    };
    data.get(from..*ends.get(i)? as usize)
}

/// The headers of a batch, names and values back to back.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Headers {
    entries: Vec<HeaderEntry>,
    data: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct HeaderEntry {
    row: u32,
    start: usize,
    name_end: usize,
    value_end: Option<usize>,
}

/// One header of one record. No value is a null value, which is not an empty one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HeaderRef<'a> {
    /// The record it belongs to.
    pub row: u32,
    /// Its name; Kafka does not force it to be UTF-8.
    pub name: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

impl Headers {
    /// Adds a header of record `row`, which is not below the last one's.
    pub fn push(&mut self, row: u32, name: &[u8], value: Option<&[u8]>) {
        let start = self.data.len();
        self.data.extend_from_slice(name);
        let name_end = self.data.len();
        let value_end = value.map(|v| {
            self.data.extend_from_slice(v);
            self.data.len()
        });
        self.entries.push(HeaderEntry { row, start, name_end, value_end });
    }

    /// The headers in the order they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = HeaderRef<'_>> {
        self.entries.iter().map(|e| HeaderRef {
            row: e.row,
            name: &self.data[e.start..e.name_end],
            value: e.value_end.map(|end| &self.data[e.name_end..end]),
        })
    }

    /// Number of headers.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no header.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The headers of the records below `row`.
    fn below(&self, row: u32) -> Headers {
        let mut headers = Headers::default();
        self.iter().take_while(|header| header.row < row).for_each(|header| headers.push(header.row, header.name, header.value));
        headers
    }

    /// Forgets the headers and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.data.clear();
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Column({} values, {} bytes)", self.len(), self.data.len())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({} headers, {} bytes)", self.len(), self.data.len())
    }
}

/// Consecutive records of one source partition, as much of them as the step grants.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The source topic.
    pub topic: String,
    /// The source partition.
    pub partition: i32,
    /// Number of records; every row is below it.
    pub count: u32,
    /// One column a granted field, in the order of the step's fields.
    pub fields: Vec<Column>,
    /// All keys, one a record, where granted.
    pub keys: Option<Column>,
    /// All values, one a record, where granted.
    pub values: Option<Column>,
    /// The headers, where granted; rows ascend.
    pub headers: Headers,
    /// Milliseconds since the epoch, one a record, where granted.
    pub timestamps: Vec<i64>,
    /// Source offsets, one a record, where granted.
    pub offsets: Vec<i64>,
    /// Bytes of each key, one a record, -1 for null, where granted.
    pub key_sizes: Vec<i64>,
    /// Bytes of each value, one a record, -1 for null, where granted.
    pub value_sizes: Vec<i64>,
    /// Source offset of the record that each row is or comes from. The host's own: it does not cross, granted or not.
    pub origins: Vec<i64>,
}

impl Batch {
    /// The first `count` records, as if the batch had ended there.
    pub fn head(&self, count: u32) -> Batch {
        let count = count.min(self.count);
        let list = |list: &[i64]| list[..list.len().min(count as usize)].to_vec();
        Batch {
            topic: self.topic.clone(),
            partition: self.partition,
            count,
            fields: self.fields.iter().map(|column| column.below(count)).collect(),
            keys: self.keys.as_ref().map(|column| column.below(count)),
            values: self.values.as_ref().map(|column| column.below(count)),
            headers: self.headers.below(count),
            timestamps: list(&self.timestamps),
            offsets: list(&self.offsets),
            key_sizes: list(&self.key_sizes),
            value_sizes: list(&self.value_sizes),
            origins: list(&self.origins),
        }
    }

    /// Bytes of everything in it that came from records.
    pub fn bytes(&self) -> usize {
        let whole = self.keys.iter().chain(self.values.iter());
        self.fields.iter().chain(whole).map(|column| column.data.len()).sum::<usize>() + self.headers.data.len()
    }

    /// Empties the batch and keeps its columns and their memory.
    pub fn clear(&mut self) {
        self.count = 0;
        let whole = self.keys.iter_mut().chain(self.values.iter_mut());
        self.fields.iter_mut().chain(whole).for_each(Column::clear);
        self.headers.clear();
        let lists = [&mut self.timestamps, &mut self.offsets, &mut self.key_sizes, &mut self.value_sizes, &mut self.origins];
        lists.into_iter().for_each(Vec::clear);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_their_ends() {
        let mut column = Column::default();
        column.push(0, Kind::Text, b"ab").unwrap();
        column.push(2, Kind::Null, b"").unwrap();
        column.push(2, Kind::Integer, b"7").unwrap();
        assert_eq!(column.ends, [2, 2, 3]);
        assert_eq!(column.get(0), Some(&b"ab"[..]));
        assert_eq!(column.get(1), Some(&b""[..]));
        assert_eq!(column.get(2), Some(&b"7"[..]));
        assert_eq!(column.get(3), None);
        column.clear();
        assert!(column.is_empty() && column.data.is_empty());
    }

    #[test]
    fn a_null_header_is_not_an_empty_one() {
        let mut headers = Headers::default();
        headers.push(1, b"a", None);
        headers.push(1, b"", Some(b""));
        headers.push(3, &[0xff], Some(b"x"));
        let got: Vec<_> = headers.iter().map(|h| (h.row, h.name, h.value)).collect();
        let empty: &[u8] = b"";
        assert_eq!(got, [(1, &b"a"[..], None), (1, empty, Some(empty)), (3, &[0xff][..], Some(&b"x"[..]))]);
    }

    #[test]
    fn the_head_of_a_batch_is_a_batch() {
        let mut batch =
            Batch { topic: "t".into(), count: 3, fields: vec![Column::default()], keys: Some(Column::default()), ..Batch::default() };
        for (row, text) in [(0, "a"), (1, "bc"), (1, "d"), (2, "efg")] {
            batch.fields[0].push(row, Kind::Text, text.as_bytes()).unwrap();
        }
        (0..3).for_each(|row| batch.keys.as_mut().unwrap().push(row, Kind::Bytes, b"k").unwrap());
        batch.headers.push(0, b"n", Some(b"v"));
        batch.headers.push(2, b"n", None);
        batch.offsets = vec![7, 8, 9];
        assert_eq!(batch.head(9), batch);
        assert_eq!(batch.bytes(), 7 + 3 + 3);
        let head = batch.head(2);
        assert_eq!((head.count, head.fields[0].data.as_slice(), head.fields[0].rows.as_slice()), (2, &b"abcd"[..], &[0, 1, 1][..]));
        assert_eq!((head.keys.as_ref().unwrap().len(), head.headers.len(), head.offsets.as_slice()), (2, 1, &[7, 8][..]));
        assert!(head.timestamps.is_empty());
        assert_eq!(batch.head(0).bytes(), 0);
    }

    #[test]
    fn debug_shows_no_payload() {
        let mut batch = Batch { keys: Some(Column::default()), ..Batch::default() };
        if let Some(keys) = &mut batch.keys {
            keys.push(0, Kind::Bytes, b"Ada").unwrap();
        }
        batch.headers.push(0, b"Ada", Some(b"Ada"));
        let shown = format!("{batch:?}");
        assert!(!shown.contains("Ada") && !shown.contains("65"), "{shown}");
    }

    #[test]
    fn figures_are_the_contracts() {
        for byte in 0..=255u8 {
            assert_eq!(Kind::from_byte(byte).map(|k| k as u8), (byte < 7).then_some(byte));
            assert_eq!(Action::from_byte(byte).map(|a| a as u8), (byte < 5).then_some(byte));
        }
    }
}
