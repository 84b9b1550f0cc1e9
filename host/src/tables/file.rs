//! A table's file: CSV, JSON or JSON lines into rows. It must not put a row or a key into a message: places are lines and
//! numbers.

use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::csv::{Csv, NotCsv};
use crate::config::plan::TableFormat;
use crate::plugin::Table;
use crate::plugin::tables::{Rows, TABLE_BYTES};

/// What a file gave.
pub(super) struct Read {
    pub(super) rows: Rows,
    /// The first 8 bytes of the file's SHA-256.
    pub(super) revision: u64,
}

impl Read {
    /// Replaces all rows of the table at once; look-ups see the old ones or the new ones.
    pub(super) fn put_into(self, table: &Table) {
        let mut state = table.change();
        (state.rows, state.revision) = (self.rows, Some(self.revision));
    }
}

/// What shows that a file may have changed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Stamp(Option<(SystemTime, u64, u64)>);

impl Stamp {
    /// Of the file there now; of none where there is none.
    pub(super) fn of(path: &Path) -> Self {
        let found = fs::metadata(path).ok();
        Stamp(found.and_then(|found| Some((found.modified().ok()?, found.len(), found.ino()))))
    }
}

/// Reads a file whole.
pub(super) fn read(path: &Path, format: &TableFormat) -> Result<Read, String> {
    let cannot = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(cannot)?;
    let mut bytes = Vec::new();
    file.take(TABLE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > TABLE_BYTES {
        return Err(format!("it is larger than {} MiB", TABLE_BYTES >> 20));
    }
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    let text = String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()))?;
    let mut loading = Loading::default();
    match format {
        TableFormat::Csv { key } => loading.csv(&text, key)?,
        TableFormat::Json { key } => loading.json(&text, key.as_deref())?,
        TableFormat::JsonLines { key } => loading.lines(&text, key)?,
    }
    let revision = hash.iter().take(8).fold(0, |revision, byte| revision << 8 | u64::from(*byte));
    Ok(Read { rows: loading.rows, revision })
}

#[derive(Default)]
struct Loading {
    rows: Rows,
}

impl Loading {
    fn put(&mut self, place: &dyn fmt::Display, key: &[u8], row: &str) -> Result<(), String> {
        match self.rows.put(key, row.as_bytes()) {
            Ok(false) => Ok(()),
            Ok(true) => Err(format!("{place}: its key was there before")),
            Err(full) => Err(format!("{place}: {full}")),
        }
    }

    fn csv(&mut self, text: &str, key: &str) -> Result<(), String> {
        let broken = |NotCsv(line): NotCsv| format!("line {line}: not CSV; a field with a quote is written in quotes, its own doubled");
        let mut records = Csv::new(text);
        let (_, columns) = records.next().ok_or("it is empty; the first line names the columns")?.map_err(broken)?;
        let at = columns.iter().position(|column| column == key).ok_or_else(|| format!("it has no column {key}"))?;
        if columns.iter().enumerate().any(|(i, column)| columns[..i].contains(column)) {
            return Err("two columns have the same name".to_owned());
        }
        for record in records {
            let (line, fields) = record.map_err(broken)?;
            let place = format!("line {line}");
            if fields.len() != columns.len() {
                return Err(format!("{place}: it has {} fields, and the first line {}", fields.len(), columns.len()));
            }
            let row: serde_json::Map<_, _> = columns.iter().cloned().zip(fields.iter().map(|field| field.as_str().into())).collect();
            self.put(&place, fields[at].as_bytes(), &serde_json::Value::Object(row).to_string())?;
        }
        Ok(())
    }

    fn lines(&mut self, text: &str, key: &str) -> Result<(), String> {
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            self.object(&format!("line {number}"), line.trim(), key)?;
        }
        Ok(())
    }

    fn json(&mut self, text: &str, key: Option<&str>) -> Result<(), String> {
        let broken = |error: serde_json::Error| format!("not JSON, at line {}, column {}", error.line(), error.column());
        if text.trim_start().starts_with('[') {
            let key = key.ok_or("it is an array, which needs key: the member that holds a row's key")?;
            let rows: Vec<&RawValue> = serde_json::from_str(text).map_err(broken)?;
            return (1..).zip(rows).try_for_each(|(number, row)| self.object(&format!("row {number}"), row.get(), key));
        }
        let members: Members<'_> = serde_json::from_str(text).map_err(broken)?;
        if let Some(key) = key {
            return Err(format!("it is one object, whose members are the rows by key; remove key: {key}"));
        }
        for (number, (name, row)) in (1..).zip(members.0) {
            let place = format!("row {number}");
            if !row.get().starts_with('{') {
                return Err(format!("{place}: not an object"));
            }
            self.put(&place, name.as_bytes(), row.get())?;
        }
        Ok(())
    }

    /// A row as an object that holds its key.
    fn object(&mut self, place: &str, row: &str, key: &str) -> Result<(), String> {
        let members: Members<'_> = serde_json::from_str(row).map_err(|_| format!("{place}: not an object"))?;
        let mut keys = members.0.iter().filter(|(name, _)| name == key);
        let (Some((_, found)), None) = (keys.next(), keys.next()) else {
            return Err(format!("{place}: it does not have one {key}"));
        };
        let text = found.get();
        let bytes = match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text).map_err(|_| format!("{place}: {key} is not a text"))?,
            // As a column of a plugin has it: a number by its exact text.
            Some(b'-' | b'0'..=b'9' | b't' | b'f') => text.to_owned(),
            _ => return Err(format!("{place}: {key} is neither a text nor a number nor a boolean")),
        };
        self.put(&place, bytes.as_bytes(), row)
    }
}

/// The members of an object in order, doubled names included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests;
