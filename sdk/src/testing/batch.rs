//! Builds batches of values written as JSON. It must read numbers as the host does: by their text.
use serde_json::value::RawValue;

use crate::{Batch, Column, Kind};

/// A value that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, as the kind says.
    pub bytes: Vec<u8>,
}

impl Scalar {
    /// Of this kind and these bytes.
    #[must_use]
    pub fn new(kind: Kind, bytes: &[u8]) -> Self {
        Self { kind, bytes: bytes.to_vec() }
    }
}

/// Reads JSON text as values of one field: a scalar is one, an array its elements, an object one composite.
///
/// # Errors
/// The text is not JSON.
pub fn parse_scalars(json: &str) -> serde_json::Result<Vec<Scalar>> {
    if json.trim_start().starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(json)?;
        return elements.into_iter().map(|element| parse_scalar(element.get())).collect();
    }
    Ok(vec![parse_scalar(json)?])
}

fn parse_scalar(json: &str) -> serde_json::Result<Scalar> {
    let text = serde_json::from_str::<&RawValue>(json)?.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => Scalar::new(Kind::NULL, b""),
        Some(b't' | b'f') => Scalar::new(Kind::BOOLEAN, text.as_bytes()),
        Some(b'"') => Scalar::new(Kind::TEXT, serde_json::from_str::<String>(text)?.as_bytes()),
        Some(b'{' | b'[') => Scalar::new(Kind::COMPOSITE, b""),
        _ if text.contains(['.', 'e', 'E']) => Scalar::new(Kind::DECIMAL, text.as_bytes()),
        _ => Scalar::new(Kind::INTEGER, text.as_bytes()),
    })
}

/// A batch of one column a field: `records[r][f]` are the values of field f in record r, none where it is missing.
/// Topic `test`, partition 0, nothing else granted.
#[must_use]
pub fn batch(fields: usize, records: &[Vec<Vec<Scalar>>]) -> Batch {
    let mut columns: Vec<Column> =
        (0..fields).map(|_| Column { rows: Vec::new(), kinds: Vec::new(), ends: Vec::new(), data: Vec::new() }).collect();
    for (row, record) in (0..).zip(records) {
        for (column, values) in columns.iter_mut().zip(record) {
            for value in values {
                column.data.extend_from_slice(&value.bytes);
                column.rows.push(row);
                column.kinds.push(value.kind.0);
                column.ends.push(u32::try_from(column.data.len()).expect("a test batch is small"));
            }
        }
    }
    Batch {
        topic: "test".to_owned(),
        partition: 0,
        count: u32::try_from(records.len()).expect("a test batch is small"),
        fields: columns,
        keys: None,
        values: None,
        headers: Vec::new(),
        timestamps: Vec::new(),
        offsets: Vec::new(),
        key_sizes: Vec::new(),
        value_sizes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        let read = parse_scalars(r#" [9007199254740993, 1.50, -0, "a\n", null, true, {}, [1]]"#).unwrap();
        let read: Vec<_> = read.iter().map(|value| (value.kind.0, std::str::from_utf8(&value.bytes).unwrap())).collect();
        assert_eq!(read, [(2, "9007199254740993"), (3, "1.50"), (2, "-0"), (4, "a\n"), (0, ""), (1, "true"), (6, ""), (6, "")]);
    }
}
