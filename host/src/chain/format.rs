//! What a record's value is written in, and what reads it for a step: JSON, Avro or Protobuf under the schema that the
//! record names, or one scalar. It must not let a value pass that it cannot read: what has no reader has a code instead.
//!
//! ```text
//! topic ─▶ format ─▶ framing ─▶ schema (cached, or asked for) ─▶ the step's selection compiled for it ─▶ Reader
//! ```

mod reader;
mod schemas;

pub use reader::Reader;
pub use schemas::{FetchError, Parsed, Schemas};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::plan::Format;
use crate::fields::{Kind, Selection, avro, proto};
use crate::schemas::wire::{self, Part};
use crate::schemas::{SchemaKind, SchemaRef};

/// Why a value is not shown to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The record follows `on_error` with this code.
    Code(String),
    /// The schema and the step do not go together: the partition halts with this sentence.
    Drift(String),
    /// The schema has to be asked for first.
    Schema(SchemaRef),
}

impl Unread {
    pub(super) fn code(code: &str) -> Self {
        Self::Code(code.to_owned())
    }
}

/// A schema, and for Protobuf which message of it.
type Named = (SchemaRef, Vec<i32>);

/// What a step watches for in a schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// A selector that cannot match it is drift.
    pub unmatched: bool,
    /// A field that neither `fields` nor `keep` names is drift.
    pub unlisted: bool,
}

/// A step's selection compiled for each schema that was met, shared by all lanes.
#[derive(Default)]
pub struct Readers {
    compiled: Mutex<HashMap<Named, Result<Reader, Unread>>>,
}

/// Where the value of one row is read.
#[derive(Clone)]
pub struct Place {
    pub reader: Reader,
    /// Where behind the framing the body begins.
    pub body: usize,
}

impl Place {
    /// A value that is JSON from its first byte.
    pub const JSON: Self = Self { reader: Reader::Json, body: 0 };
}

/// The last schema that one step met in one lane: records in a row name the same.
#[derive(Default)]
pub struct Last(Option<(Named, Reader)>);

/// What decides on a reader: the step's part and the pipeline's.
pub struct Asked<'a> {
    pub schemas: &'a Schemas,
    pub readers: &'a Readers,
    pub selection: &'a Selection,
    /// The granted selectors, as written, for messages.
    pub selectors: &'a dyn Fn(usize) -> String,
    pub watch: Watch,
    /// The step, from 0.
    pub step: usize,
}

impl Asked<'_> {
    /// What reads `value`. `headers` are those that may name its schema.
    pub fn place(&self, format: Format, value: &[u8], headers: &[(Vec<u8>, Option<Vec<u8>>)], last: &mut Last) -> Result<Place, Unread> {
        let wanted = match format {
            Format::Json => return Ok(Place::JSON),
            Format::Auto if !self.schemas.has_registry() => return Ok(Place::JSON),
            Format::Text => return Ok(Place { reader: Reader::Whole(Kind::Text), body: 0 }),
            Format::Bytes => return Ok(Place { reader: Reader::Whole(Kind::Bytes), body: 0 }),
            Format::Auto => None,
            Format::Avro => Some(SchemaKind::Avro),
            Format::Protobuf => Some(SchemaKind::Protobuf),
            Format::JsonSchema => Some(SchemaKind::Json),
        };
        let named = headers.iter().map(|(name, value)| (&name[..], value.as_deref()));
        let framing = wire::read(Part::Value, value, named).map_err(|error| Unread::code(error.code()))?;
        let Some(framing) = framing else {
            return if wanted.is_none() { Ok(Place::JSON) } else { Err(Unread::code("not_framed")) };
        };
        let parsed = self.schemas.known(framing.reference).ok_or(Unread::Schema(framing.reference))?;
        if wanted.is_some_and(|wanted| parsed.kind().is_some_and(|kind| kind != wanted)) {
            return Err(Unread::code("schema_kind"));
        }
        let wire_error = |error: wire::WireError| Unread::code(error.code());
        match parsed {
            Parsed::Unusable(code) => Err(Unread::code(code)),
            Parsed::Json => Ok(Place { reader: Reader::Json, body: framing.body().map_err(wire_error)? }),
            Parsed::Avro(schema) => {
                let body = framing.body().map_err(wire_error)?;
                let reader = self.reader((framing.reference, Vec::new()), last, || self.avro(framing.reference, &schema))?;
                Ok(Place { reader, body })
            }
            Parsed::Protobuf(schema) => {
                let (indexes, body) = framing.message(value).map_err(wire_error)?;
                let indexes: Vec<i32> = indexes.path().into_iter().map(|index| i32::try_from(index).unwrap_or(i32::MAX)).collect();
                let named = (framing.reference, indexes.clone());
                let reader = self.reader(named, last, || self.proto(framing.reference, &schema, &indexes))?;
                Ok(Place { reader, body })
            }
        }
    }

    fn reader(&self, named: Named, last: &mut Last, compile: impl FnOnce() -> Result<Reader, Unread>) -> Result<Reader, Unread> {
        if let Some((known, reader)) = &last.0
            && *known == named
        {
            return Ok(reader.clone());
        }
        let mut compiled = self.readers.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = compiled.entry(named.clone()).or_insert_with(compile).clone()?;
        last.0 = Some((named, reader.clone()));
        Ok(reader)
    }

    fn avro(&self, reference: SchemaRef, schema: &avro::Schema) -> Result<Reader, Unread> {
        let plan = avro::Plan::compile(self.selection, schema).map_err(|_| Unread::code("schema_too_complex"))?;
        self.check(reference, plan.unmatched(), || plan.unlisted())?;
        Ok(Reader::Avro(Arc::new(plan)))
    }

    fn proto(&self, reference: SchemaRef, schema: &proto::Schema, indexes: &[i32]) -> Result<Reader, Unread> {
        let message = schema.message(indexes).map_err(|_| Unread::code("message_unknown"))?;
        let plan = proto::Plan::compile(self.selection, schema, message).map_err(|_| Unread::code("schema_too_complex"))?;
        self.check(reference, plan.unmatched(), || plan.unlisted())?;
        Ok(Reader::Protobuf(Arc::new(plan)))
    }

    /// I6: what a schema brings that nobody listed, and what it has no more, is known before its first record passes.
    fn check(&self, reference: SchemaRef, unmatched: &[usize], unlisted: impl FnOnce() -> Vec<String>) -> Result<(), Unread> {
        let step = self.step + 1;
        if let Some(&field) = unmatched.first().filter(|_| self.watch.unmatched) {
            let selector = (self.selectors)(field);
            return Err(Unread::Drift(format!(
                "selector {selector} of step {step} names nothing in the schema with {reference}: a typo, or the field was renamed; correct it, or set unmatched: allow on purpose"
            )));
        }
        if self.watch.unlisted {
            let unlisted = unlisted();
            if let Some(first) = unlisted.first() {
                return Err(Unread::Drift(format!(
                    "the schema with {reference} has {} that step {step} neither masks nor keeps, the first is {first}; list them, or set unlisted: drop on purpose",
                    if unlisted.len() == 1 { "a field".to_owned() } else { format!("{} fields", unlisted.len()) }
                )));
            }
        }
        Ok(())
    }
}
