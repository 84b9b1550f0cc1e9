//! How keys and values are encoded, by topic: from file to plan. It looks at no record and asks no registry.

use std::fmt;

use super::super::error::Report;
use super::super::file::{FormatFile, FormatWord, PipelineFile, TopicRuleFile};
use super::super::place::{At, Spot};
use super::super::topics::{Pattern, TopicFilter};
use super::pipeline::patterns;
use super::{Cluster, Pipeline, SelectorCheck, Step};

/// How a key or a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// As each record says: a schema that a header names, one that the first bytes name, JSON, bytes, in this order.
    Auto,
    /// JSON, without a schema.
    Json,
    /// Avro in Confluent's wire format.
    Avro,
    /// Protobuf in Confluent's wire format.
    Protobuf,
    /// JSON with a schema, in Confluent's wire format.
    JsonSchema,
    /// UTF-8 text, one value.
    Text,
    /// Bytes, one value.
    Bytes,
}

impl Format {
    /// Whether nothing can be read without a registry.
    pub fn needs_registry(self) -> bool {
        matches!(self, Self::Avro | Self::Protobuf | Self::JsonSchema)
    }

    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Avro => "avro",
            Self::Protobuf => "protobuf",
            Self::JsonSchema => "json_schema",
            Self::Text => "text",
            Self::Bytes => "bytes",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl From<FormatWord> for Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Auto => Self::Auto,
            FormatWord::Json => Self::Json,
            FormatWord::Avro => Self::Avro,
            FormatWord::Protobuf => Self::Protobuf,
            FormatWord::JsonSchema => Self::JsonSchema,
            FormatWord::Text => Self::Text,
            FormatWord::Bytes => Self::Bytes,
        }
    }
}

/// The formats of both halves of a topic's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Formats {
    /// The key's.
    pub key: Format,
    /// The value's.
    pub value: Format,
}

impl Default for Formats {
    fn default() -> Self {
        Self { key: Format::Auto, value: Format::Auto }
    }
}

/// What holds for some topics instead of what the pipeline says.
#[derive(Clone, Debug)]
pub struct TopicRule {
    /// Which topics.
    pub topics: TopicFilter,
    /// Theirs, complete.
    pub formats: Formats,
}

impl Pipeline {
    /// How the records of a topic are encoded: as the first rule says that names it, else as the pipeline says.
    pub fn format_for(&self, topic: &str) -> Formats {
        let rule = self.topic_rules.iter().find(|rule| rule.topics.matches(topic));
        rule.map_or(self.formats, |rule| rule.formats)
    }
}

/// What the pipeline says, and its rules. `bare` is the source where it has no registry.
pub(super) fn formats(file: &PipelineFile, bare: Option<&Cluster>, report: &mut Report) -> (Formats, Vec<TopicRule>) {
    let formats = match &file.format {
        Some(format) => said(format, Formats::default(), bare, report),
        None => Formats::default(),
    };
    let rules = file.topic_rules.iter().filter_map(|file| rule(&file.value, formats, bare, report)).collect();
    (formats, rules)
}

fn rule(file: &TopicRuleFile, otherwise: Formats, bare: Option<&Cluster>, report: &mut Report) -> Option<TopicRule> {
    let formats = said(&file.format, otherwise, bare, report);
    if file.topics.value.is_empty() {
        report.invalid(file.topics.spot, "topic_rules: topics is empty; write the topics that the rule is for, or remove it");
        return None;
    }
    let include = patterns("topic_rules", &file.topics.value, report)?;
    let include: Vec<Pattern> = include.into_iter().map(|(_, pattern)| pattern).collect();
    Some(TopicRule { topics: TopicFilter::new(&include, &[]).ok()?, formats })
}

/// What is said, and otherwise what stands.
fn said(file: &At<FormatFile>, otherwise: Formats, bare: Option<&Cluster>, report: &mut Report) -> Formats {
    let (key, value) = match &file.value {
        FormatFile::Value(word) => (None, Some((file.spot, *word))),
        FormatFile::Halves(halves) => (halves.key.as_ref().map(placed), halves.value.as_ref().map(placed)),
    };
    let mut half = |said: Option<(Spot, FormatWord)>, otherwise: Format| {
        let Some((spot, word)) = said else { return otherwise };
        let format = Format::from(word);
        if let Some(bare) = bare
            && format.needs_registry()
        {
            let message = format!("format: {format} needs a schema registry; write schema_registry of the cluster \"{}\"", bare.name);
            report.invalid(spot, message);
        }
        format
    };
    Formats { key: half(key, otherwise.key), value: half(value, otherwise.value) }
}

/// Refuses selectors of places inside a value or key that is one scalar: they would name nothing in it, ever.
pub(super) fn refuse_places(steps: &[Step], formats: Formats, rules: &[TopicRule], selectors: SelectorCheck<'_>, report: &mut Report) {
    let said: Vec<Formats> = std::iter::once(formats).chain(rules.iter().map(|rule| rule.formats)).collect();
    let scalar = |half: fn(&Formats) -> Format| said.iter().map(half).find(|format| matches!(format, Format::Text | Format::Bytes));
    let (key, value) = (scalar(|formats| formats.key), scalar(|formats| formats.value));
    for step in steps {
        for (what, format, fields) in [("value", value, &*step.fields), ("key", key, step.key.fields())] {
            let Some(format) = format else { continue };
            // `$ >> $.a` goes on inside the text.
            let whole = |path: &str| path == "$" || path.starts_with("$ >> ") && format == Format::Text;
            for grant in fields.iter().filter(|grant| selectors(&grant.selector).is_ok_and(|path| !whole(&path))) {
                let message = format!(
                    "the selector \"{}\" names a place in a document, and topics of this pipeline have a {what} of format: {format}, \
                     which is none; write \"$\", or give these topics a pipeline of their own",
                    grant.selector
                );
                report.invalid_at(&grant.at, message);
            }
        }
    }
}

fn placed(word: &At<FormatWord>) -> (Spot, FormatWord) {
    (word.spot, word.value)
}
