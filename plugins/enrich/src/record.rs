//! A record on its way through the step: its document, its headers, what went wrong. It must not answer for a record that
//! nothing changed.
use std::borrow::Cow;

use sluice_json::{Document, Json, Path, quote};
use sluice_plugin::{Answers, Batch, Changes, Header, Kind, Rejected, Value, action};

use crate::Fault;
use crate::source::Part;

/// Names in the configuration.
#[derive(Debug)]
pub struct Names {
    /// The pipeline.
    pub pipeline: String,
    /// The cluster that it reads from.
    pub source: String,
    /// The cluster that it writes to.
    pub target: String,
}

/// A header.
pub type NameAndValue = (Vec<u8>, Option<Vec<u8>>);

/// One record of a batch.
#[derive(Debug)]
pub struct Record<'b> {
    /// Its value, where that is read or written and there is one.
    pub document: Option<Document<'b>>,
    /// Its headers, once one is set.
    pub headers: Option<Vec<NameAndValue>>,
    /// The headers that it came with.
    own: &'b [Header],
    key: Option<Value<'b>>,
    timestamp: i64,
    offset: i64,
    /// What went wrong first.
    pub fault: Option<Fault>,
}

/// The records of a batch.
pub fn of(batch: &Batch, needs_value: bool, needs_headers: bool) -> Vec<Record<'_>> {
    let count = batch.count as usize;
    let mut headers = batch.headers.as_slice();
    let mut records: Vec<Record<'_>> = (0..batch.count)
        .map(|row| {
            let own = if needs_headers { headers.iter().take_while(|header| header.row == row).count() } else { 0 };
            let (own, rest) = headers.split_at(own);
            headers = rest;
            let at = |list: &[i64]| list.get(row as usize).copied().unwrap_or_default();
            let (timestamp, offset) = (at(&batch.timestamps), at(&batch.offsets));
            Record { document: None, headers: None, own, key: None, timestamp, offset, fault: None }
        })
        .collect();
    for (record, (_, key)) in records.iter_mut().zip(batch.keys.iter().flatten()) {
        record.key = (!key.is_null()).then_some(key);
    }
    if needs_value {
        for (record, (_, value)) in records.iter_mut().zip(batch.values.iter().flatten()).take(count) {
            if !value.is_null() {
                match Document::parse(value.bytes) {
                    Ok(document) => record.document = Some(document),
                    Err(_) => record.fault = Some(Fault::NotJson),
                }
            }
        }
    }
    records
}

impl Record<'_> {
    /// A part of the record, or of what is around it, as JSON; none where there is nothing.
    pub fn part(&self, part: &Part, batch: &Batch, names: &Names) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        let text = |text: &str| {
            let mut json = Vec::with_capacity(text.len() + 2);
            quote(text, &mut json);
            Ok(Some(Cow::Owned(json)))
        };
        let number = |number: i64| Ok(Some(Cow::Owned(number.to_string().into_bytes())));
        match part {
            Part::Path(path) => self.at(path),
            Part::Topic => text(&batch.topic),
            Part::Partition => number(batch.partition.into()),
            Part::Offset => number(self.offset),
            Part::Timestamp => number(self.timestamp),
            Part::Time => match sluice_cel::Time::of_millis(self.timestamp) {
                Some(time) => text(&time.with_millis()),
                None => Ok(None),
            },
            Part::Key => match self.key {
                Some(key) => text(std::str::from_utf8(key.bytes).map_err(|_| Fault::NotText)?),
                None => Ok(None),
            },
            Part::Pipeline => text(&names.pipeline),
            Part::Source => text(&names.source),
            Part::Target => text(&names.target),
        }
    }

    fn at(&self, path: &Path) -> Result<Option<Cow<'_, [u8]>>, Fault> {
        match &self.document {
            Some(document) => Ok(document.get(path)?),
            None => Ok(None),
        }
    }

    /// Sets a header to a JSON value: text as it reads, null as null, anything else as it is written. One of that name
    /// is replaced; the new one comes last.
    pub fn set_header(&mut self, name: &[u8], json: &[u8]) -> Result<(), Fault> {
        let json = Json::parse(json).map_err(|_| Fault::CelResult)?;
        let value = match json.kind() {
            sluice_json::Kind::Null => None,
            sluice_json::Kind::Text => Some(json.text().ok_or(Fault::NotText)?.into_owned().into_bytes()),
            _ => Some(json.bytes().to_vec()),
        };
        let headers = self.headers();
        headers.retain(|(own, _)| own != name);
        headers.push((name.to_vec(), value));
        Ok(())
    }

    /// Takes the headers of that name out.
    pub fn drop_header(&mut self, name: &[u8]) {
        let there = match &self.headers {
            Some(headers) => headers.iter().any(|(own, _)| own == name),
            None => self.own.iter().any(|header| header.name == name),
        };
        if there {
            self.headers().retain(|(own, _)| own != name);
        }
    }

    /// Its headers, to be changed.
    fn headers(&mut self) -> &mut Vec<NameAndValue> {
        let own = self.own;
        self.headers.get_or_insert_with(|| own.iter().map(|header| (header.name.clone(), header.value.clone())).collect())
    }
}

/// Says what became of the records.
pub fn answer(records: Vec<Record<'_>>, changes: &mut Changes) -> Result<(), Rejected> {
    let changed = |record: &Record<'_>| record.fault.is_none() && record.document.as_ref().is_some_and(Document::is_changed);
    if records.iter().any(changed) {
        changes.values = Some(values(&records)?);
    }
    for (row, record) in (0..).zip(records) {
        if let Some(fault) = record.fault {
            changes.reject(row, fault as u32);
        } else if let Some(headers) = record.headers {
            changes.header_rows.push(row);
            changes.headers.extend(headers.into_iter().map(|(name, value)| Header { row, name, value }));
        }
    }
    Ok(())
}

fn values(records: &[Record<'_>]) -> Result<Answers, Rejected> {
    let mut answers = Answers {
        actions: Vec::with_capacity(records.len()),
        kinds: Vec::with_capacity(records.len()),
        ends: Vec::with_capacity(records.len()),
        data: Vec::new(),
    };
    for record in records {
        let document = record.document.as_ref().filter(|document| record.fault.is_none() && document.is_changed());
        let (action, kind) = if document.is_some() { (action::SET, Kind::BYTES) } else { (action::KEEP, Kind::NULL) };
        if let Some(document) = document {
            document.write(&mut answers.data);
        }
        answers.actions.push(action);
        answers.kinds.push(kind.0);
        answers.ends.push(u32::try_from(answers.data.len()).map_err(|_| Rejected(Fault::TooLarge as u32))?);
    }
    Ok(answers)
}
