//! Where a value comes from, and where it goes. It must not set half of a step: a record that fails is left to its
//! rejection, and the others go on.
use std::borrow::Cow;

use sluice_json::{Json, Kind, Path};
use sluice_plugin::{Batch, Column, host};

use crate::Fault;
use crate::expression::Expression;
use crate::record::{Names, Record};

/// One entry of `set`.
#[derive(Debug)]
pub struct Set {
    /// Where to.
    pub target: Target,
    /// Where from.
    pub source: Source,
    /// What to do where there is nothing to set.
    pub miss: Miss,
}

/// Where a value goes.
#[derive(Debug)]
pub enum Target {
    /// Into the document.
    Value(Path),
    /// Into a header of that name.
    Header(Vec<u8>),
}

/// Where a value comes from.
#[derive(Debug)]
pub enum Source {
    /// JSON of the settings.
    Constant(Vec<u8>),
    /// The record, or what is around it.
    Part(Part),
    /// The row of a table.
    Lookup(Lookup),
    /// An expression.
    Cel(Box<Expression>),
}

/// Something known about a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A place in its document.
    Path(Path),
    /// The source topic.
    Topic,
    /// The source partition.
    Partition,
    /// The source offset.
    Offset,
    /// The timestamp, milliseconds since 1970.
    Timestamp,
    /// The timestamp as RFC 3339 text in UTC.
    Time,
    /// The key, as text.
    Key,
    /// Name of the pipeline.
    Pipeline,
    /// Name of the source cluster.
    Source,
    /// Name of the target cluster.
    Target,
}

/// A question to a table.
#[derive(Debug)]
pub struct Lookup {
    /// Its name in the configuration.
    pub table: String,
    /// What a row is found by.
    pub by: Part,
    /// What of it is wanted; none for the whole row.
    pub take: Option<Path>,
}

/// What to do where there is nothing to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The record is rejected.
    Reject,
    /// What was there stays.
    Keep,
    /// This JSON is set.
    Set(Vec<u8>),
}

impl Source {
    /// Whether there is nothing to set without a document: a deletion is left alone.
    fn needs_document(&self) -> bool {
        let is_path = |part: &Part| matches!(part, Part::Path(_));
        match self {
            Self::Constant(_) => false,
            Self::Part(part) => is_path(part),
            Self::Lookup(lookup) => is_path(&lookup.by),
            Self::Cel(expression) => expression.parts().any(is_path),
        }
    }
}

impl Set {
    /// Sets it in every record. The error is one of the whole batch.
    pub fn apply(&self, batch: &Batch, names: &Names, records: &mut [Record<'_>]) -> Result<(), Fault> {
        let needs_document = matches!(self.target, Target::Value(_)) || self.source.needs_document();
        let live = |record: &Record<'_>| record.fault.is_none() && (record.document.is_some() || !needs_document);
        if let Source::Lookup(lookup) = &self.source {
            return self.look_up(lookup, batch, names, records, live);
        }
        for record in records.iter_mut().filter(|record| live(record)) {
            let value = match &self.source {
                Source::Constant(json) => Ok(Some(Cow::Borrowed(json.as_slice()))),
                Source::Part(part) => record.part(part, batch, names),
                Source::Cel(expression) => expression.evaluate(record, batch, names).map(|json| json.map(Cow::Owned)),
                Source::Lookup(_) => Ok(None),
            };
            let value = value.map(|value| value.map(Cow::into_owned));
            self.finish(record, value, Fault::SourceMissing);
        }
        Ok(())
    }

    /// Sets what was found, or does what the settings say where nothing was.
    fn finish(&self, record: &mut Record<'_>, value: Result<Option<Vec<u8>>, Fault>, missing: Fault) {
        let value = value.and_then(|value| match (value, &self.miss) {
            (Some(value), _) => Ok(Some(value)),
            (None, Miss::Set(json)) => Ok(Some(json.clone())),
            (None, Miss::Keep) => Ok(None),
            (None, Miss::Reject) => Err(missing),
        });
        let done = match (value, &self.target) {
            (Ok(None), _) => Ok(()),
            (Ok(Some(json)), Target::Header(name)) => record.set_header(name, &json),
            (Ok(Some(json)), Target::Value(path)) => match &mut record.document {
                Some(document) => document.set(path, json).map_err(Fault::from),
                None => Ok(()),
            },
            (Err(fault), _) => Err(fault),
        };
        record.fault = done.err();
    }

    /// Asks the table for all records at once.
    fn look_up(
        &self,
        lookup: &Lookup,
        batch: &Batch,
        names: &Names,
        records: &mut [Record<'_>],
        live: impl Fn(&Record<'_>) -> bool,
    ) -> Result<(), Fault> {
        let mut asked = Column::new();
        for (row, record) in (0..).zip(&mut *records).filter(|(_, record)| live(record)) {
            let key = record.part(&lookup.by, batch, names).and_then(|json| json.map_or(Ok(None), |json| key(&json)));
            match key {
                Ok(Some(key)) => asked.push(row, sluice_plugin::Value { kind: sluice_plugin::Kind::BYTES, bytes: &key }),
                Ok(None) => self.finish(record, Ok(None), Fault::TableMiss),
                Err(fault) => record.fault = Some(fault),
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let found = host::look_up(&lookup.table, &asked).map_err(|_| Fault::TableUnavailable)?;
        let mut answers = 0;
        for (row, json) in asked.rows.iter().zip(found.iter()) {
            answers += 1;
            let Some(record) = records.get_mut(*row as usize) else { continue };
            let value = json.map_or(Ok(None), |json| lookup.taken(json));
            self.finish(record, value, Fault::TableMiss);
        }
        // One answer a key, or none is to be trusted.
        if answers == asked.len() { Ok(()) } else { Err(Fault::TableUnavailable) }
    }
}

impl Lookup {
    /// What is wanted of a row.
    fn taken(&self, row: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let row = Json::parse(row).map_err(|_| Fault::TableUnavailable)?;
        let wanted = match &self.take {
            None => Some(row),
            Some(path) => row.at(path)?,
        };
        Ok(wanted.map(|json| json.bytes().to_vec()))
    }
}

/// The bytes that a table is asked by: text as UTF-8, a number or boolean as its text; nothing for null.
fn key(json: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let json = Json::parse(json).map_err(|_| Fault::NotJson)?;
    match json.kind() {
        Kind::Null => Ok(None),
        Kind::Text => json.text().map(|text| Some(text.into_owned().into_bytes())).ok_or(Fault::NotText),
        Kind::Boolean | Kind::Integer | Kind::Decimal => Ok(Some(json.bytes().to_vec())),
        Kind::Array | Kind::Object => Err(Fault::NotAScalar),
    }
}
