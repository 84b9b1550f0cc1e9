//! One half of a record, key or value, as a step reads it: its selectors compiled, the columns of the batch that they
//! fill, and what reads a topic's bytes for them. Built once with the step; it must not touch rows (`columns` does).

use std::sync::Arc;

use super::format::{Asked, Half, Last, Reader, Readers, Schemas, Unframed, Unread, Watch, Written};
use super::plan::{PlanError, Watched};
use super::row::OwnedHeader;
use super::{Failed, Row};
use crate::config::plan::{Absent, FieldGrant, Format, KeyMask, Mode, Step, Unmatched};
use crate::fields::{Containers, Fault, Nest, Path};
use crate::schemas::wire::Part;

/// The selectors of one half of a step's records.
pub struct PartPlan {
    pub half: HalfPlan,
    pub nest: Nest,
    /// The column of the batch that its first selector fills; the others follow.
    pub first: usize,
    /// Each selector's number among those that are watched, if it is.
    pub watched: Vec<Option<usize>>,
    pub absent: Absent,
    /// The selectors as messages name them.
    names: Vec<String>,
    watch: Watch,
    /// The selection compiled for each schema.
    readers: Readers,
    /// The step, from 0.
    step: usize,
}

/// How one half of a pipeline's records is written.
#[derive(Clone)]
pub struct HalfPlan {
    schemas: Arc<Schemas>,
    half: Half,
}

/// How one half of one record is written.
pub struct Located {
    pub written: Written,
    /// Where behind the framing the body begins.
    pub body: usize,
    /// The headers that may name its schema.
    pub headers: Vec<OwnedHeader>,
}

/// What the plugin, and messages, call a place of a key: `key` for all of it.
pub fn key_name(selector: &str) -> String {
    if selector == "$" { "key".to_owned() } else { format!("key {selector}") }
}

/// What both halves of a step are built from.
pub struct Building<'a> {
    pub step: &'a Step,
    /// The step, from 0.
    pub number: usize,
    /// Whether the plugin edits the fields of the value.
    pub masks: bool,
    pub schemas: &'a Arc<Schemas>,
}

/// Selectors of one half, and where its errors are shown.
struct Source<'a> {
    half: Half,
    grants: &'a [FieldGrant],
    keep: &'a [String],
    first: usize,
    keep_at: &'static str,
    masks: bool,
}

impl Building<'_> {
    /// The value's half; none where the step looks at no field of it.
    pub fn value(&self, watched: &mut Vec<Watched>) -> Result<Option<PartPlan>, Vec<PlanError>> {
        let (grants, keep) = (&*self.step.fields, &*self.step.keep);
        if grants.is_empty() && self.step.mode != Mode::AllowList {
            return Ok(None);
        }
        self.part(&Source { half: Half::VALUE, grants, keep, first: 0, keep_at: "/keep", masks: self.masks }, watched).map(Some)
    }

    /// The key's half.
    pub fn key(&self, mask: &KeyMask, watched: &mut Vec<Watched>) -> Result<PartPlan, Vec<PlanError>> {
        let (grants, keep, first) = (&*mask.fields, &*mask.keep, self.step.fields.len());
        let unframed = if mask.is_whole() { Unframed::Scalar } else { Unframed::Json };
        let half = Half { part: Part::Key, unframed };
        self.part(&Source { half, grants, keep, first, keep_at: "/key/keep", masks: true }, watched)
    }

    fn part(&self, source: &Source<'_>, watched: &mut Vec<Watched>) -> Result<PartPlan, Vec<PlanError>> {
        let watch_unmatched = source.masks && self.step.unmatched == Unmatched::Halt;
        let name = |grant: &FieldGrant| match source.half.part {
            Part::Key => key_name(&grant.selector),
            Part::Value => grant.selector.clone(),
        };
        let names: Vec<String> = source.grants.iter().map(name).collect();
        let nest = self.compile(source)?;
        let numbers = names.iter().map(|name| {
            watch_unmatched.then(|| {
                watched.push(Watched { step: self.number, selector: name.clone() });
                watched.len() - 1
            })
        });
        Ok(PartPlan {
            half: HalfPlan::new(self.schemas, source.half),
            nest,
            first: source.first,
            watched: numbers.collect(),
            absent: self.step.absent,
            names,
            watch: Watch { unmatched: watch_unmatched, unlisted: self.step.mode == Mode::AllowList && self.step.unlisted_halts },
            readers: Readers::default(),
            step: self.number,
        })
    }

    fn compile(&self, source: &Source<'_>) -> Result<Nest, Vec<PlanError>> {
        let step = self.step;
        let parse = |text: &str, at: &crate::config::Location| {
            Path::parse(text).map_err(|error| vec![PlanError { at: at.clone(), message: format!("selector {text}: {error}") }])
        };
        let fields = source.grants.iter().map(|grant| parse(&grant.selector, &grant.at)).collect::<Result<Vec<_>, _>>()?;
        let keep = source.keep.iter().map(|text| parse(text, &step.at)).collect::<Result<Vec<_>, _>>()?;
        // An allow list without fields edits the texts that it opens.
        let containers = if source.masks || source.grants.is_empty() { Containers::Expand } else { Containers::Composite };
        let allow_list = step.mode == Mode::AllowList;
        Nest::compile(&fields, allow_list.then_some(&keep[..]), containers).map_err(|error| {
            let pointer = match error.fault {
                Fault::Field(field) => format!("/fields/{}", source.first + field),
                Fault::Keep(keep) => format!("{}/{keep}", source.keep_at),
                Fault::Step => String::new(),
            };
            vec![PlanError { at: step.locate(&pointer).clone(), message: error.to_string() }]
        })
    }
}

impl HalfPlan {
    pub fn new(schemas: &Arc<Schemas>, half: Half) -> Self {
        Self { schemas: schemas.clone(), half }
    }

    pub fn part(&self) -> Part {
        self.half.part
    }

    /// How this half of a topic's records is written, and whether a header may name its schema.
    pub fn format(&self, topic: &str) -> (Format, bool) {
        let format = self.schemas.format(self.half.part, topic);
        let framed = match format {
            Format::Auto => self.schemas.has_registry(),
            Format::Avro | Format::Protobuf | Format::JsonSchema => true,
            Format::Json | Format::Text | Format::Bytes => false,
        };
        (format, framed)
    }

    /// How it is written where all records of a topic with this format are written alike.
    pub fn always(&self, format: Format) -> Option<Written> {
        self.schemas.fixed(self.half, format)
    }

    /// How `bytes`, this half of `row`, are written; their topic has that format.
    pub fn locate(&self, (format, framed): (Format, bool), bytes: &[u8], row: &Row<'_>) -> Result<Located, Unread> {
        let mut headers: Vec<OwnedHeader> = Vec::new();
        if framed {
            row.each_header(|name, value| {
                if name == self.half.part.header().as_bytes() {
                    headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
                }
            })
            .map_err(|_| Unread::code("headers_unreadable"))?;
        }
        let (written, body) = self.schemas.written(self.half, format, bytes, &headers)?;
        Ok(Located { written, body, headers })
    }
}

impl PartPlan {
    /// What reads a half that is written so for the step.
    pub fn reader(&self, written: &Written, last: &mut Last) -> Result<Reader, Unread> {
        let selectors = |field: usize| self.name(field).to_owned();
        let asked = Asked {
            readers: &self.readers,
            nest: &self.nest,
            selectors: &selectors,
            watch: self.watch,
            step: self.step,
            part: self.half.part(),
        };
        asked.reader(written, last)
    }

    /// The code of what goes wrong with this half: a value's as it is, a key's apart from it.
    pub fn code(&self, code: &str) -> String {
        match self.half.part() {
            Part::Key => format!("key_{code}"),
            Part::Value => code.to_owned(),
        }
    }

    pub fn failed(&self, code: &str) -> Failed {
        Failed { code: self.code(code), step: Some(self.step) }
    }

    pub fn watch(&self) -> Watch {
        self.watch
    }

    /// A selector as messages name it.
    pub fn name(&self, field: usize) -> &str {
        self.names.get(field).map_or("", String::as_str)
    }
}
