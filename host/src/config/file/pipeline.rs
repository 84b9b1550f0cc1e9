//! A pipeline as it is written in the file. It checks shape only.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::super::place::{Any, At, Entries};
use super::super::units::{Moment, Size, Span};
use super::format::{FormatFile, TopicRuleFile};
use super::step::StepFile;

/// Topics of one cluster, through steps, to another cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with name, source, target, topics and more")]
pub struct PipelineFile {
    /// Names its state on the target (`__sluice.<name>.positions`): another name is another pipeline, which starts
    /// anew. `[a-z0-9][a-z0-9._-]*`, at most 100 bytes.
    pub name: At<String>,
    /// The cluster that is read.
    pub source: At<String>,
    /// The cluster that is written; another one than the source.
    pub target: At<String>,
    /// Which topics are copied, new ones included.
    pub topics: At<TopicsFile>,
    /// Where the partitions begin that exist when the pipeline first runs. Default `earliest`. Later ones begin at
    /// their beginning, and a pipeline that has run goes on where it was.
    #[serde(default = "earliest")]
    pub start: At<StartFile>,
    /// Default `exactly_once`.
    #[serde(default = "exactly_once")]
    pub delivery: At<DeliveryFile>,
    /// Units of parallel work, 1 to 256. Default 8. Fixed once the pipeline has run: more than there are partitions
    /// gain nothing, fewer than there are processes leave some idle.
    #[serde(default = "eight")]
    pub lanes: At<u32>,
    /// How large a transaction on the target becomes.
    #[serde(default)]
    pub transaction: TransactionFile,
    /// What becomes of a record that cannot be transformed. Default `halt`. None lets it pass.
    #[serde(default = "halt")]
    pub on_error: At<OnErrorFile>,
    /// What becomes of a partition whose source offsets are gone before they were read: retention overtook the
    /// pipeline, or the log was truncated. Default `halt`, with the exact range. `continue` goes on behind the gap, or at
    /// the end of the truncated log, and leaves an `audit.gap` event in the log and a count in the position.
    #[serde(default = "gap_halts")]
    pub on_gap: At<OnGapFile>,
    /// What becomes of a topic that was deleted and created again on the source. Default `halt`. `restart` copies the new
    /// topic from its beginning behind what the target has, and leaves an `audit.topic_recreated` event in the log.
    #[serde(default = "recreated_halts")]
    pub on_topic_recreated: At<OnTopicRecreatedFile>,
    /// The plugins that the records go through, in order. None: records are copied as they are.
    #[serde(default)]
    pub steps: Vec<At<StepFile>>,
    /// How values, or keys and values, are encoded, for steps that look into them: `avro`, or
    /// `{ key: text, value: avro }`. Default `auto` for both: each record says it itself. Name a format where records
    /// of another one are a mistake: they follow `on_error` then. What no step looks into is copied whatever it is.
    pub format: Option<At<FormatFile>>,
    /// Exceptions for some of the topics, such as `{ topics: ["orders.*"], format: avro }`.
    #[serde(default)]
    pub topic_rules: Vec<At<TopicRuleFile>>,
    /// Not supported yet: copying of schemas.
    #[serde(default, deserialize_with = "given")]
    pub schemas: Option<At<Any>>,
    /// Not supported yet: translation of consumer groups.
    #[serde(default, deserialize_with = "given")]
    pub groups: Option<At<Any>>,
    /// Not supported yet: copying of ACLs.
    #[serde(default, deserialize_with = "given")]
    pub acls: Option<At<Any>>,
    /// Not supported yet: copying of topic configuration.
    #[serde(default, deserialize_with = "given")]
    pub topic_config: Option<At<Any>>,
    /// Not supported yet: other topic names on the target.
    #[serde(default, deserialize_with = "given")]
    pub rename: Option<At<Any>>,
}

/// A section that is there, with nothing in it, too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<At<Any>>, D::Error> {
    At::deserialize(deserializer).map(Some)
}

fn earliest() -> At<StartFile> {
    At::preset(StartFile::Earliest)
}

fn exactly_once() -> At<DeliveryFile> {
    At::preset(DeliveryFile::ExactlyOnce)
}

fn eight() -> At<u32> {
    At::preset(8)
}

fn halt() -> At<OnErrorFile> {
    At::preset(OnErrorFile::Halt)
}

fn gap_halts() -> At<OnGapFile> {
    At::preset(OnGapFile::Halt)
}

fn recreated_halts() -> At<OnTopicRecreatedFile> {
    At::preset(OnTopicRecreatedFile::Halt)
}

/// Which topics: `include` without `exclude`, or one `regex`. Topics that begin with `__`, end with `.internal` or are
/// called `_schemas` are never taken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { include: [\"payments.*\"] }")]
pub struct TopicsFile {
    /// Globs over the whole name: `*`, `?`, `[a-z]`; a dot is a letter like any other. An entry may be
    /// `{ regex: "…" }`.
    pub include: Option<At<Vec<At<TopicPattern>>>>,
    /// Topics to leave out, written as in `include`.
    #[serde(default)]
    pub exclude: Vec<At<TopicPattern>>,
    /// Instead of `include`: a regular expression that has to match the whole name.
    pub regex: Option<At<String>>,
}

/// A glob, or a regular expression where it says so.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum TopicPattern {
    /// A glob.
    Glob(String),
    /// A regular expression that has to match the whole name.
    Regex(RegexPattern),
}

/// A regular expression in a list of globs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegexPattern {
    /// Has to match the whole name.
    pub regex: String,
}

impl<'de> Deserialize<'de> for TopicPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TopicPattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a glob or { regex: \"…\" }")
            }

            fn visit_str<E>(self, value: &str) -> Result<TopicPattern, E> {
                Ok(TopicPattern::Glob(value.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TopicPattern, A::Error> {
                RegexPattern::deserialize(MapAccessDeserializer::new(map)).map(TopicPattern::Regex)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Where partitions begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartFile {
    /// At the oldest record.
    Earliest,
    /// At the end: what was there before is not copied.
    Latest,
    /// At the first record of that time or later (RFC 3339).
    Timestamp(At<Moment>),
    /// At these offsets, by topic and partition; partitions that are not listed begin at their oldest record.
    Offsets(Entries<Entries<At<i64>>>),
}

// `start` has a default, and the schema shows it.
impl Serialize for StartFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
            Self::Timestamp(_) => "timestamp",
            Self::Offsets(_) => "offsets",
        })
    }
}

/// What is promised about each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFile {
    /// Each record once, for readers that are `read_committed`.
    ExactlyOnce,
    /// Nothing lost, some twice after a failure; offset maps are inexact. For targets without transactions.
    AtLeastOnce,
}

/// What becomes of a partition whose source offsets are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnGapFile {
    /// It stops and names the missing range.
    Halt,
    /// It goes on at the next offset that is there.
    Continue,
}

/// What becomes of a topic that was deleted and created again on the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTopicRecreatedFile {
    /// Its partitions stop.
    Halt,
    /// The new topic is copied from its beginning.
    Restart,
}

/// A transaction ends at the first of its three bounds.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a map such as { max_age: 1s }")]
pub struct TransactionFile {
    /// 10ms to a third of `timeout`. Default 1s: what a reader of committed data waits at most. Shorter costs
    /// throughput.
    pub max_age: At<Span>,
    /// 1 to 10000000. Default 50000.
    pub max_records: At<u32>,
    /// 64KiB to 1GiB. Default 64MiB.
    pub max_bytes: At<Size>,
    /// When the target's broker gives a transaction up, 1s to 15m (the brokers' own bound). Default 60s: a lane that
    /// died blocks readers of committed data for that long. Above `max_age` and what the steps together may take for one
    /// batch, by `plugins.limits` (more for steps behind one that emits, which is not counted): slower plugins need more.
    pub timeout: At<Span>,
}

impl Default for TransactionFile {
    fn default() -> Self {
        Self {
            max_age: At::preset(Span(Duration::from_secs(1))),
            max_records: At::preset(50_000),
            max_bytes: At::preset(Size(64 << 20)),
            timeout: At::preset(Span(Duration::from_secs(60))),
        }
    }
}

/// What becomes of a record that cannot be transformed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(with = "OnErrorShape")]
pub enum OnErrorFile {
    /// The partition stops and says why.
    Halt,
    /// The record is set aside, and the partition goes on.
    Quarantine(Option<QuarantineFile>),
}

impl Serialize for OnErrorFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            Self::Halt => "halt",
            Self::Quarantine(_) => "quarantine",
        })
    }
}

/// `on_error` for the schema: `quarantine` may stand alone.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum OnErrorShape {
    /// `halt`: the partition stops and says why. `quarantine`: the record is set aside.
    Word(OnErrorWord),
    /// The record is set aside, in this way.
    Map(OnErrorMap),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum OnErrorWord {
    Halt,
    Quarantine,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct OnErrorMap {
    /// The record is set aside, in this way.
    quarantine: Option<QuarantineFile>,
}

/// How a record is set aside: its coordinates and the code of the error go to a topic on the target.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { payload: none }")]
pub struct QuarantineFile {
    /// The topic. Default `__sluice.<pipeline>.quarantine`.
    pub topic: Option<At<String>>,
    /// Where the record itself is kept. Default `none`.
    #[serde(default = "none")]
    pub payload: PayloadFile,
}

fn none() -> PayloadFile {
    PayloadFile::None
}

/// Where the record itself is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayloadFile {
    /// Nowhere but where it came from.
    None,
    /// In a topic of the same name on the source cluster, as it was. It never reaches the target.
    Source,
}
