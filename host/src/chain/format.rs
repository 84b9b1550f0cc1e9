//! What a record's key or value is written in, and what reads it for a step: JSON, Avro or Protobuf under the schema that
//! the record names, or one scalar. It must not let one pass that it cannot read: what has no reader has a code instead.
//!
//! ```text
//! topic ─▶ format ─▶ framing ─▶ schema (cached, or asked for) ─▶ the step's selection compiled for it ─▶ Reader
//! ```

mod compiled;
mod schemas;
mod view;
mod written;

pub use crate::fields::Reader;
pub use compiled::Compiled;
pub use schemas::{FetchError, Parsed, Schemas};
pub use view::{ViewError, Viewed};
pub use written::{Half, Unframed, Written};

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::drift::{DriftKind, Misfit};
use super::operator::{Operator, misfits};
use crate::fields::Nest;
use crate::schemas::SchemaRef;
use crate::schemas::wire::Part;

/// Why a value is not shown to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The record follows `on_error` with this code.
    Code(String),
    /// The schema and the step do not go together: the partition halts with this sentence.
    Drift(Misfit),
    /// The schema has to be asked for first.
    Schema(SchemaRef),
}

impl Unread {
    /// A value that nothing reads, by a code of the host.
    pub(super) fn code(code: &str) -> Self {
        Self::Code(code.to_owned())
    }
}

/// A schema, and for Protobuf which message of it.
type Named = (SchemaRef, Vec<i32>);

/// What becomes of a schema and a step that do not go together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// Nobody asked.
    #[default]
    Ignored,
    /// The step says on purpose that it goes on; that leaves a trace.
    Allowed,
    /// It is drift.
    Halts,
}

/// What a step watches for in a schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    /// A selector that cannot match it.
    pub unmatched: Watching,
    /// A field that neither `fields` nor `keep` names.
    pub unlisted: Watching,
    /// A map in which something is masked, and whose names stay.
    pub names: Watching,
    /// A place that cannot take what its operator makes.
    pub types: Watching,
}

/// Most compiled selections that one step keeps. Stops schemas, or messages of one, made up record by record from growing
/// the memory.
const MOST: usize = 10_000;

/// A step's selection compiled for each schema that was met, shared by all lanes. What failed is not kept: it fails again.
#[derive(Default)]
pub struct Readers {
    compiled: Mutex<HashMap<Named, Reader>>,
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
    /// What becomes of each.
    pub operators: &'a [Operator],
    pub watch: Watch,
    /// The step, from 0.
    pub step: usize,
    pub part: Part,
}

impl Asked<'_> {
    /// What reads a value that is written so. `allowed` hears of what would be drift, had the step not said otherwise: once
    /// a schema.
    pub fn reader(&self, written: &Written, last: &mut Last, allowed: &mut dyn FnMut(&Misfit)) -> Result<Reader, Unread> {
        let selection = self.nest.selection();
        let too_complex = || Unread::code("schema_too_complex");
        match written {
            Written::Json => Ok(Reader::Json),
            Written::Whole(kind) => Ok(Reader::Whole(*kind)),
            Written::JsonSchema(reference, schema) => {
                self.compiled((*reference, Vec::new()), last, allowed, || Ok(Compiled::json_schema(selection, schema)))
            }
            Written::Avro(reference, schema) => {
                self.compiled((*reference, Vec::new()), last, allowed, || Compiled::avro(selection, schema).map_err(|_| too_complex()))
            }
            Written::Protobuf(reference, schema, indexes) => self.compiled((*reference, indexes.clone()), last, allowed, || {
                let message = schema.message(indexes).map_err(|_| Unread::code("message_unknown"))?;
                Compiled::protobuf(selection, schema, message).map_err(|_| too_complex())
            }),
        }
    }

    fn compiled(
        &self,
        named: Named,
        last: &mut Last,
        allowed: &mut dyn FnMut(&Misfit),
        compile: impl FnOnce() -> Result<Compiled, Unread>,
    ) -> Result<Reader, Unread> {
        if let Some((known, reader)) = &last.0
            && *known == named
        {
            return Ok(reader.clone());
        }
        let mut readers = self.readers.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = match readers.get(&named) {
            Some(reader) => reader.clone(),
            None => {
                let compiled = compile()?;
                self.check(named.0, &compiled, allowed)?;
                if readers.len() >= MOST {
                    readers.clear();
                }
                readers.entry(named.clone()).or_insert(compiled.reader()).clone()
            }
        };
        last.0 = Some((named, reader.clone()));
        Ok(reader)
    }

    /// I6: what a schema brings that nobody listed, what it has no more, names in it that would stay clear and places that
    /// cannot be masked as the step says are known before its first record passes.
    fn check(&self, reference: SchemaRef, compiled: &Compiled, allowed: &mut dyn FnMut(&Misfit)) -> Result<(), Unread> {
        let kinds = [
            (self.watch.unmatched, DriftKind::Unmatched),
            (self.watch.unlisted, DriftKind::Unlisted),
            (self.watch.names, DriftKind::MapNames),
            (self.watch.types, DriftKind::Type),
        ];
        for (watching, kind) in kinds.into_iter().filter(|(watching, _)| *watching != Watching::Ignored) {
            let detail = match kind {
                DriftKind::Unmatched => self.unmatched(reference, compiled),
                DriftKind::Unlisted => self.unlisted(reference, compiled),
                DriftKind::MapNames => self.map_names(reference, compiled),
                DriftKind::Type => self.wrong_type(reference, compiled),
            };
            let Some(detail) = detail else { continue };
            let misfit = Misfit { kind, schema: Some(reference), detail };
            match watching {
                Watching::Halts => return Err(Unread::Drift(misfit)),
                Watching::Allowed | Watching::Ignored => allowed(&misfit),
            }
        }
        Ok(())
    }

    fn unmatched(&self, reference: SchemaRef, compiled: &Compiled) -> Option<String> {
        let field = compiled.unmatched().iter().flat_map(|&outer| self.nest.behind(outer)).next()?;
        Some(format!(
            "selector {} of step {} names nothing in {} with {reference}: a typo, or the field was renamed; correct it, or set unmatched: allow on purpose",
            (self.selectors)(field as usize),
            self.step + 1,
            self.schema()
        ))
    }

    fn unlisted(&self, reference: SchemaRef, compiled: &Compiled) -> Option<String> {
        let unlisted = compiled.unlisted();
        let (first, step) = (unlisted.first()?, self.step + 1);
        Some(format!(
            "{} with {reference} has {} that step {step} neither masks nor keeps, the first is {first}; list them, or set unlisted: drop on purpose",
            self.schema(),
            if unlisted.len() == 1 { "a field".to_owned() } else { format!("{} fields", unlisted.len()) }
        ))
    }

    fn map_names(&self, reference: SchemaRef, compiled: &Compiled) -> Option<String> {
        // A text that is opened for `keep` alone has no field behind it.
        let masked = |(outer, path): (u32, String)| Some((*self.nest.behind(outer as usize).first()?, path));
        let (field, path) = compiled.open_names().into_iter().find_map(masked)?;
        Some(map_names(
            &path,
            &format!("step {}", self.step + 1),
            (self.selectors)(field as usize).as_str(),
            &format!("{} with {reference}", self.schema()),
        ))
    }

    fn wrong_type(&self, reference: SchemaRef, compiled: &Compiled) -> Option<String> {
        let first = misfits(self.nest, self.operators, compiled).next()?;
        let (schema, step) = (self.schema(), self.step + 1);
        Some(format!("{first} in {schema} with {reference}; give the field in step {step} an operator that makes what its type can take"))
    }

    fn schema(&self) -> &'static str {
        match self.part {
            Part::Key => "the key's schema",
            Part::Value => "the schema",
        }
    }
}

/// The sentence about a map whose names stay clear.
pub(super) fn map_names(path: &str, step: &str, selector: &str, schema: &str) -> String {
    format!(
        "{path} of {schema} is a map, and {step} masks what stands in it ({selector}) but not the names, which are data as well; name its entries one by one, leave it out of an allow list, or set map_names: clear on purpose"
    )
}
