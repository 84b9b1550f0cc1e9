//! One half of a record, key or value, as a step reads it: its selectors compiled, the columns of the batch that they
//! fill, and what reads a topic's bytes for them. Built once with the step; it must not touch rows (`columns` does).

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::drift::{Misfit, Watched};
use super::format::{Asked, Compiled, Half, Last, Parsed, Reader, Readers, Schemas, Unframed, Unread, Watch, Watching, Written};
use super::operator::Operator;
use super::plan::PlanError;
use super::row::OwnedHeader;
use super::{Failed, Row};
use crate::config::plan::{Absent, FieldGrant, Format, KeyMask, Mode, Step, Unmatched};
use crate::fields::{Containers, Fault, Nest, Path};
use crate::schemas::wire::{self, Part};

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
    pub(super) names: Vec<String>,
    /// What becomes of the value of each.
    pub(super) operators: Vec<Operator>,
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
    /// What the plugin says of a field's settings.
    pub field_schema: &'a Value,
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
        let unmatched = match self.step.unmatched {
            Some(Unmatched::Halt) => Watching::Halts,
            Some(Unmatched::Allow) => Watching::Allowed,
            None if source.masks => Watching::Halts,
            // A condition on a field that few records have is nothing unusual.
            None => Watching::Ignored,
        };
        let on_purpose = |is: bool| if is { Watching::Allowed } else { Watching::Halts };
        let watch = Watch {
            unmatched,
            unlisted: if self.step.mode == Mode::AllowList { on_purpose(!self.step.unlisted_halts) } else { Watching::Ignored },
            names: if source.masks { on_purpose(self.step.map_names_clear) } else { Watching::Ignored },
            types: if source.masks { Watching::Halts } else { Watching::Ignored },
        };
        let name = |grant: &FieldGrant| match source.half.part {
            Part::Key => key_name(&grant.selector),
            Part::Value => grant.selector.clone(),
        };
        let names: Vec<String> = source.grants.iter().map(name).collect();
        let nest = self.compile(source)?;
        let numbers = names.iter().map(|name| {
            (unmatched != Watching::Ignored).then(|| {
                watched.push(Watched { step: self.number, selector: name.clone(), halts: unmatched == Watching::Halts });
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
            operators: source.grants.iter().map(|grant| Operator::of(grant, &self.step.plugin, self.field_schema)).collect(),
            watch,
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
    /// One half of the records of a pipeline, whose schemas it shares.
    pub fn new(schemas: &Arc<Schemas>, half: Half) -> Self {
        Self { schemas: schemas.clone(), half }
    }

    /// Which half: key or value.
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

    /// Whether a header of the row names the schema of this half, whose topic has that format: then the half is nothing
    /// without it. What has not the form of a reference names none.
    pub fn named_by_header(&self, framed: bool, row: &Row<'_>) -> Result<bool, Unread> {
        let Some(bytes) = row.half(self.half.part).filter(|_| framed) else { return Ok(false) };
        let headers = self.own_headers(framed, row)?;
        let named = headers.iter().map(|(name, value)| (&name[..], value.as_deref()));
        let framing = wire::read(self.half.part, bytes, named).map_err(|error| Unread::code(error.code()))?;
        Ok(framing.is_some_and(|framing| framing.in_header && (framing.body().is_ok() || framing.message(bytes).is_ok())))
    }

    /// How `bytes`, this half of `row`, are written; their topic has that format.
    pub fn locate(&self, (format, framed): (Format, bool), bytes: &[u8], row: &Row<'_>) -> Result<Located, Unread> {
        let headers = self.own_headers(framed, row)?;
        let (written, body) = self.schemas.written(self.half, format, bytes, &headers)?;
        Ok(Located { written, body, headers })
    }

    /// The headers that may name the schema of this half.
    fn own_headers(&self, framed: bool, row: &Row<'_>) -> Result<Vec<OwnedHeader>, Unread> {
        let mut headers: Vec<OwnedHeader> = Vec::new();
        if framed {
            row.each_header(|name, value| {
                if name == self.half.part.header().as_bytes() {
                    headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
                }
            })
            .map_err(|_| Unread::code("headers_unreadable"))?;
        }
        Ok(headers)
    }
}

/// How long the registry may take to say which types the places of a topic's keys have.
const ASK_WITHIN: Duration = Duration::from_secs(5);

impl PartPlan {
    /// Whether the format or the latest schema of a topic says that each place holds values of one kind, so that what two
    /// of them are written as tells them apart. Asks the registry, and blocks meanwhile. A registry that does not say
    /// decides nothing: then it is as without a schema.
    pub fn one_kind(&self, topic: &str) -> bool {
        let HalfPlan { schemas, half } = &self.half;
        let format = schemas.format(half.part, topic);
        let otherwise = match format {
            Format::Text | Format::Bytes | Format::Protobuf => return true,
            Format::Json => return false,
            Format::Auto => half.unframed == Unframed::Scalar,
            Format::Avro => true,
            Format::JsonSchema => false,
        };
        let until = Instant::now() + ASK_WITHIN;
        let latest = schemas.registry().and_then(|registry| registry.latest(&half.part.subject(topic), &|| Instant::now() > until).ok());
        let Some(latest) = latest else { return otherwise };
        match Compiled::of(self.nest.selection(), &Parsed::of(&latest.schema)) {
            Some(compiled) => {
                (0..self.nest.selection().fields()).all(|field| !compiled.places(field as u32).iter().any(|place| place.several))
            }
            None => otherwise,
        }
    }

    /// What reads a half that is written so for the step. `allowed` hears of what is no drift on purpose.
    pub fn reader(&self, written: &Written, last: &mut Last, allowed: &mut dyn FnMut(&Misfit)) -> Result<Reader, Unread> {
        let selectors = |field: usize| self.name(field).to_owned();
        let asked = Asked {
            readers: &self.readers,
            nest: &self.nest,
            selectors: &selectors,
            operators: &self.operators,
            watch: self.watch,
            step: self.step,
            part: self.half.part(),
        };
        asked.reader(written, last, allowed)
    }

    /// The code of what goes wrong with this half: a value's as it is, a key's apart from it.
    pub fn code(&self, code: &str) -> String {
        match self.half.part() {
            Part::Key => format!("key_{code}"),
            Part::Value => code.to_owned(),
        }
    }

    /// A record that fails at this half of the step; see [`PartPlan::code`].
    pub fn failed(&self, code: &str) -> Failed {
        Failed { code: self.code(code), step: Some(self.step) }
    }

    /// What the step watches for in a schema of this half.
    pub fn watch(&self) -> Watch {
        self.watch
    }

    /// A selector as messages name it.
    pub fn name(&self, field: usize) -> &str {
        self.names.get(field).map_or("", String::as_str)
    }
}
