//! A whole record in a case: key, value, headers, timestamp, and what of it the plugin is shown. It must not show what
//! the case does not grant.
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::batch::{Scalar, batch};
use crate::{Batch, Column, Header, Kind, Sees, Value};

/// Names and values of headers.
pub(super) type Headers = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Parts of a record by name, as a case writes them: what is not named has its default, or stays.
pub(super) type Parts = BTreeMap<String, Box<RawValue>>;

/// A record and the values of its granted fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    pub(super) fields: Vec<Vec<Scalar>>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Headers,
    pub(super) timestamp: i64,
    /// Where it goes; none for where the configuration says.
    pub(super) topic: Option<String>,
}

impl Whole {
    /// Without key and headers, with an empty value and the timestamp 1 unless `parts` say otherwise.
    pub(super) fn of(fields: Vec<Vec<Scalar>>, parts: &Parts) -> Result<Self, String> {
        let mut whole = Self { fields, key: None, value: Some(Vec::new()), headers: Headers::new(), timestamp: 1, topic: None };
        whole.change(parts)?;
        Ok(whole)
    }

    /// Takes over what `parts` name.
    pub(super) fn change(&mut self, parts: &Parts) -> Result<(), String> {
        for (name, json) in parts {
            let wrong = |error: serde_json::Error| format!("{name}: {error}");
            match name.as_str() {
                "key" => self.key = bytes(json).map_err(wrong)?,
                "value" => self.value = bytes(json).map_err(wrong)?,
                "headers" => {
                    let headers: Vec<(String, Option<String>)> = serde_json::from_str(json.get()).map_err(wrong)?;
                    self.headers = headers.into_iter().map(|(name, value)| (name.into_bytes(), value.map(String::into_bytes))).collect();
                }
                "timestamp" => self.timestamp = serde_json::from_str(json.get()).map_err(wrong)?,
                "topic" => self.topic = serde_json::from_str(json.get()).map_err(wrong)?,
                _ => return Err(format!("{name} is no part of a record; there are key, value, headers, timestamp and topic")),
            }
        }
        Ok(())
    }

    /// For a person who reads a failure.
    pub(super) fn show(&self) -> String {
        let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or("null".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned());
        let scalar = |value: &Scalar| format!("{}:{}", value.kind.0, String::from_utf8_lossy(&value.bytes));
        let field = |values: &Vec<Scalar>| values.iter().map(scalar).collect::<Vec<_>>().join(", ");
        let fields = self.fields.iter().map(field).collect::<Vec<_>>().join("] [");
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| format!("{}={}", String::from_utf8_lossy(name), bytes(value))).collect();
        let topic = self.topic.as_deref().unwrap_or("-");
        let (key, value) = (bytes(&self.key), bytes(&self.value));
        format!("[{fields}] key {key} value {value} headers {headers:?} timestamp {} topic {topic}", self.timestamp)
    }
}

/// Text is its bytes, null none, anything else its own text as it is written.
fn bytes(json: &RawValue) -> serde_json::Result<Option<Vec<u8>>> {
    Ok(match json.get().as_bytes().first() {
        Some(b'n') => None,
        Some(b'"') => Some(serde_json::from_str::<String>(json.get())?.into_bytes()),
        _ => Some(json.get().as_bytes().to_vec()),
    })
}

/// A batch of these records, the first one at source offset `first`, with what `sees` grants.
pub(super) fn shown(records: &[Whole], fields: usize, sees: Sees, first: i64) -> Batch {
    let values: Vec<_> = records.iter().map(|record| record.fields.clone()).collect();
    let mut batch = batch(fields, &values);
    let column = |part: fn(&Whole) -> &Option<Vec<u8>>| {
        let mut column = Column::new();
        for (row, record) in (0..).zip(records) {
            let (kind, bytes) = part(record).as_ref().map_or((Kind::NULL, &[][..]), |bytes| (Kind::BYTES, bytes));
            column.push(row, Value { kind, bytes });
        }
        column
    };
    batch.keys = sees.contains(Sees::KEY).then(|| column(|record| &record.key));
    batch.values = sees.contains(Sees::VALUE).then(|| column(|record| &record.value));
    let size = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(-1, |bytes| i64::try_from(bytes.len()).expect("a test record is small"));
    for ((row, offset), record) in (0..).zip(first..).zip(records) {
        if sees.contains(Sees::HEADERS) {
            let header = |(name, value): &(Vec<u8>, Option<Vec<u8>>)| Header { row, name: name.clone(), value: value.clone() };
            batch.headers.extend(record.headers.iter().map(header));
        }
        if sees.contains(Sees::TIMESTAMP) {
            batch.timestamps.push(record.timestamp);
        }
        if sees.contains(Sees::OFFSET) {
            batch.offsets.push(offset);
        }
        if sees.contains(Sees::SIZES) {
            batch.key_sizes.push(size(&record.key));
            batch.value_sizes.push(size(&record.value));
        }
    }
    batch
}
