//! The schemas that a pipeline's records name, parsed, shared by all its lanes. It blocks only where it says so, and
//! must not guess: a schema that is not to be had makes nobody read the bytes as something else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::plan::{Format, Formats, Pipeline, TopicRule};
use crate::fields::{avro, json_schema, proto};
use crate::schemas::wire::Part;
use crate::schemas::{Consequence, Registry, Schema, SchemaKind, SchemaRef, SetupError};

/// How long a schema that the registry does not have, or that is of no use, is taken for such: it may be registered any
/// moment. Stops records that name one in a row from asking for each of them.
const UNUSABLE_FOR: Duration = Duration::from_secs(5);

/// Most schemas kept. Stops framing made up record by record from growing the memory.
const MOST: usize = 10_000;

/// A schema as the formats need it. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Parsed {
    Avro(avro::Schema),
    Protobuf(proto::Schema),
    Json(json_schema::Schema),
    /// The record follows `on_error` with this code.
    Unusable(&'static str),
}

impl Parsed {
    /// The kind of schema; none for one that is of no use.
    pub fn kind(&self) -> Option<SchemaKind> {
        match self {
            Self::Avro(_) => Some(SchemaKind::Avro),
            Self::Protobuf(_) => Some(SchemaKind::Protobuf),
            Self::Json(_) => Some(SchemaKind::Json),
            Self::Unusable(_) => None,
        }
    }

    /// Parses a registered schema with its references. One that does not parse is unusable, and the log says why.
    pub fn of(schema: &Schema) -> Self {
        let references: Vec<(String, String)> =
            schema.references.iter().map(|reference| (reference.name.clone(), reference.text.clone())).collect();
        let parsed = match schema.kind {
            SchemaKind::Avro => avro::Schema::parse(&schema.text, &references).map(Self::Avro).map_err(|error| error.to_string()),
            SchemaKind::Protobuf => proto::Schema::parse(&schema.text, &references).map(Self::Protobuf).map_err(|error| error.to_string()),
            SchemaKind::Json => Ok(Self::Json(json_schema::Schema::parse(&schema.text, &references))),
        };
        parsed.unwrap_or_else(|reason| {
            tracing::warn!(kind = %schema.kind, reason, "a registered schema cannot be used");
            Self::Unusable("schema_unusable")
        })
    }
}

/// A schema that could not be asked for.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{0}")]
    Unavailable(String),
    #[error("stopped")]
    Stopped,
}

/// The formats of a pipeline's topics, and the schemas met so far.
pub struct Schemas {
    formats: Formats,
    rules: Vec<TopicRule>,
    registry: Option<Registry>,
    known: Mutex<HashMap<SchemaRef, (Parsed, Instant)>>,
}

impl Schemas {
    /// Connects to nothing yet.
    pub fn new(pipeline: &Pipeline) -> Result<Self, SetupError> {
        let registry = pipeline.source.registry.as_ref().map(Registry::new).transpose()?;
        Ok(Self { formats: pipeline.formats, rules: pipeline.topic_rules.clone(), registry, known: Mutex::default() })
    }

    /// How one half of a topic's records is written.
    pub fn format(&self, part: Part, topic: &str) -> Format {
        let rule = self.rules.iter().find(|rule| rule.topics.matches(topic));
        let formats = rule.map_or(self.formats, |rule| rule.formats);
        match part {
            Part::Key => formats.key,
            Part::Value => formats.value,
        }
    }

    /// Whether the source has a registry to ask; without one, `format: auto` expects no header that names a schema.
    pub fn has_registry(&self) -> bool {
        self.registry.is_some()
    }

    /// The registry of the source.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// A schema that was met before; none where it has to be asked for.
    pub fn known(&self, reference: SchemaRef) -> Option<Parsed> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (parsed, since) = known.get(&reference)?;
        let stale = matches!(parsed, Parsed::Unusable(_)) && since.elapsed() > UNUSABLE_FOR;
        (!stale).then(|| parsed.clone())
    }

    /// Takes a schema over from somebody who has it, so that nobody is asked.
    pub fn learn_avro(&self, reference: SchemaRef, schema: avro::Schema) {
        self.keep(reference, Parsed::Avro(schema));
    }

    /// Asks the registry, and blocks while it waits for an answer: call it with no transaction open.
    pub fn fetch(&self, reference: SchemaRef, stop: &dyn Fn() -> bool) -> Result<(), FetchError> {
        let Some(registry) = &self.registry else {
            return Err(FetchError::Unavailable("the source has no schema registry".to_owned()));
        };
        let parsed = match registry.schema(reference, stop) {
            Ok(schema) => Parsed::of(&schema),
            Err(error) => match error.consequence() {
                Consequence::Record => Parsed::Unusable(error.code()),
                Consequence::Stop => return Err(FetchError::Stopped),
                Consequence::Halt => return Err(FetchError::Unavailable(error.to_string())),
            },
        };
        self.keep(reference, parsed);
        Ok(())
    }

    /// Has a schema for who asks next, as if the registry had answered.
    pub(in crate::chain) fn keep(&self, reference: SchemaRef, parsed: Parsed) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(reference, (parsed, Instant::now()));
    }
}
