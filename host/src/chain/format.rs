//! What a record's key or value is written in, and what reads it for a step: JSON, Avro or Protobuf under the schema that
//! the record names, or one scalar. It must not let one pass that it cannot read: what has no reader has a code instead.
//!
//! ```text
//! topic ─▶ format ─▶ framing ─▶ schema (cached, or asked for) ─▶ the step's selection compiled for it ─▶ Reader
//! ```

mod schemas;
mod view;
mod written;

pub use crate::fields::Reader;
pub use schemas::{FetchError, Parsed, Schemas};
pub use view::{ViewError, Viewed};
pub use written::{Half, Unframed, Written};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::fields::{Nest, avro, proto};
use crate::schemas::SchemaRef;
use crate::schemas::wire::Part;

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

/// The last schema that one step met in one lane: records in a row name the same.
#[derive(Default)]
pub struct Last(Option<(Named, Reader)>);

/// What decides on a reader: the step's part.
pub struct Asked<'a> {
    pub readers: &'a Readers,
    pub nest: &'a Nest,
    /// The granted selectors, as written, for messages.
    pub selectors: &'a dyn Fn(usize) -> String,
    pub watch: Watch,
    /// The step, from 0.
    pub step: usize,
    pub part: Part,
}

impl Asked<'_> {
    /// What reads a value that is written so.
    pub fn reader(&self, written: &Written, last: &mut Last) -> Result<Reader, Unread> {
        match written {
            Written::Json => Ok(Reader::Json),
            Written::Whole(kind) => Ok(Reader::Whole(*kind)),
            Written::Avro(reference, schema) => self.compiled((*reference, Vec::new()), last, || self.avro(*reference, schema)),
            Written::Protobuf(reference, schema, indexes) => {
                self.compiled((*reference, indexes.clone()), last, || self.proto(*reference, schema, indexes))
            }
        }
    }

    fn compiled(&self, named: Named, last: &mut Last, compile: impl FnOnce() -> Result<Reader, Unread>) -> Result<Reader, Unread> {
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
        let plan = avro::Plan::compile(self.nest.selection(), schema).map_err(|_| Unread::code("schema_too_complex"))?;
        self.check(reference, plan.unmatched(), || plan.unlisted())?;
        Ok(Reader::Avro(Arc::new(plan)))
    }

    fn proto(&self, reference: SchemaRef, schema: &proto::Schema, indexes: &[i32]) -> Result<Reader, Unread> {
        let message = schema.message(indexes).map_err(|_| Unread::code("message_unknown"))?;
        let plan = proto::Plan::compile(self.nest.selection(), schema, message).map_err(|_| Unread::code("schema_too_complex"))?;
        self.check(reference, plan.unmatched(), || plan.unlisted())?;
        Ok(Reader::Protobuf(Arc::new(plan)))
    }

    /// I6: what a schema brings that nobody listed, and what it has no more, is known before its first record passes.
    fn check(&self, reference: SchemaRef, unmatched: &[usize], unlisted: impl FnOnce() -> Vec<String>) -> Result<(), Unread> {
        let step = self.step + 1;
        let schema = match self.part {
            Part::Key => "the key's schema",
            Part::Value => "the schema",
        };
        let mut unmatched = unmatched.iter().flat_map(|&outer| self.nest.behind(outer));
        if let Some(field) = unmatched.next().filter(|_| self.watch.unmatched) {
            let selector = (self.selectors)(field as usize);
            return Err(Unread::Drift(format!(
                "selector {selector} of step {step} names nothing in {schema} with {reference}: a typo, or the field was renamed; correct it, or set unmatched: allow on purpose"
            )));
        }
        if self.watch.unlisted {
            let unlisted = unlisted();
            if let Some(first) = unlisted.first() {
                return Err(Unread::Drift(format!(
                    "{schema} with {reference} has {} that step {step} neither masks nor keeps, the first is {first}; list them, or set unlisted: drop on purpose",
                    if unlisted.len() == 1 { "a field".to_owned() } else { format!("{} fields", unlisted.len()) }
                )));
            }
        }
        Ok(())
    }
}
