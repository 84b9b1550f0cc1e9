//! A step as it is written in the file: the host's keys, and those that are the plugin's. It checks shape only.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::super::place::{Any, At, Entries};
use super::super::suggest::nearest;
use super::key::{KeyFile, KeyShape};

/// A plugin and its settings. Every key that is not listed here is the plugin's own setting.
///
/// A `where:` tree grants the fields that it names: each `field: "<selector>"` in it, for any plugin.
#[derive(Debug, JsonSchema)]
pub struct StepFile {
    /// The plugin's name. A component in `plugins.dir` wins over an embedded one.
    pub plugin: At<String>,
    /// The fields that the plugin is shown, by selector (RFC 9535: names, indexes, wildcards, descendants), with what
    /// it is to do with each. In these settings `key` names an entry of `keys`. Quote a selector that has brackets.
    /// `$.payload >> $.email` goes on inside a text that holds JSON.
    /// For the plugin `filter` this is short for `where: { all: […] }`.
    #[serde(default)]
    #[schemars(with = "Option<Entries<serde_json::Map<String, serde_json::Value>>>")]
    pub fields: Option<At<Entries<At<Any>>>>,
    /// What the plugin is shown beside its fields. Default: nothing.
    #[serde(default)]
    pub sees: Vec<At<SeesFile>>,
    /// How the plugin sees the record's value, with `sees: [value]`. Default `bytes`, as they stand in the record. `json`
    /// shows Avro and Protobuf as JSON text; what the plugin sets is written back under the record's own schema and
    /// framing, and a text that does not fit it follows `on_error`. A value that the plugin leaves keeps its bytes.
    #[serde(default = "bytes")]
    pub view: At<ViewFile>,
    /// What the plugin may do, of what it declares. Default: all that it declares at the start. An answer with anything
    /// else is an error; a component that is dropped in later and declares more than the running one is refused unless this
    /// is written. List what the step is for, so that no replacement brings more.
    #[schemars(with = "Option<Vec<EffectFile>>")]
    pub effects: Option<At<Vec<At<EffectFile>>>>,
    /// Whether what is not listed goes on. Default `fields`.
    #[serde(default = "fields")]
    pub mode: At<ModeFile>,
    /// In `mode: allow_list`, the fields that go on as they are, by selector.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub keep: Option<At<Vec<At<String>>>>,
    /// What becomes of the record's key. Default `clear`; in `mode: allow_list` it has to be written.
    ///
    /// - `clear`: it goes on as the step leaves it.
    /// - `null`: it becomes null.
    /// - `{ use: hmac, key: pii }`: the plugin masks it as a whole. Under `format: auto` that is the value of its schema
    ///   where it names one, else its text; write `format: { key: json }` where it is JSON.
    /// - `{ fields: { $.customer_id: { use: hmac, key: pii } } }`: the plugin masks places in a key that is a document.
    ///
    /// A null key stays null. On a compacted topic an operator that makes one key of two is refused, and so is `null`.
    #[schemars(with = "Option<KeyShape>")]
    pub key: Option<At<KeyFile>>,
    /// In `mode: allow_list`, the headers that go on, by name; all others are dropped.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub headers: Option<At<Vec<At<String>>>>,
    /// A record without a granted field: `pass` (default) or `reject`. `keep` and `drop` are passed to the plugin,
    /// as its setting.
    #[schemars(with = "Option<AbsentShape>")]
    pub absent: Option<At<String>>,
    /// A selector that matches nothing in 1,000 records in a row, or cannot match the schema: `halt` or `allow`, which
    /// leaves an `audit.drift` event in the log. Default `halt` in a step that edits its fields; one that only looks at
    /// them, such as a filter, goes on without a word, since it may ask for what few records have.
    #[schemars(with = "Option<UnmatchedFile>")]
    pub unmatched: Option<At<UnmatchedFile>>,
    /// In `mode: allow_list`, a schema with a field that neither `fields` nor `keep` names: `halt` (default) takes it for
    /// drift before its first record passes; `drop` drops the field, and leaves an `audit.drift` event in the log. Formats
    /// without a schema always drop.
    #[serde(default = "unlisted_halts")]
    pub unlisted: At<UnlistedFile>,
    /// The names of a map of Avro, Protobuf or JSON Schema whose entries are masked whatever they are called
    /// (`$.contacts`, `$.contacts[*]`): `halt` (default) takes such a schema for drift before its first record passes, as
    /// names in a map are data and no operator is given them; `clear` lets them go on as they are. Names in JSON objects
    /// without such a schema always do.
    #[serde(default = "map_names_halt")]
    pub map_names: At<MapNamesFile>,
    /// What a step does that may lose records of a compacted topic, where records of a key replace each other: it makes
    /// other keys, several records of one, or drops updates. `refuse` (default) stops before such a topic; `allow` says
    /// that it is meant: of the records that come to share a key the last one stays, and a dropped update leaves the one
    /// before it. What `key` says is not excused by it.
    #[serde(default = "refuse")]
    pub compacted: At<CompactedFile>,
    /// How long a plugin's instance lives. Default `lane`; `batch` costs about a tenth of a millisecond a batch and makes
    /// sure that the plugin carries nothing from one batch to the next.
    #[serde(default = "lane")]
    pub isolation: At<IsolationFile>,
    /// The plugin's own settings. `table` anywhere in them, or in those of a field, names an entry of `tables`.
    #[schemars(skip)]
    pub settings: Vec<(At<String>, Any)>,
}

/// The keys of a step that are the host's; any other is the plugin's.
pub const STEP_KEYS: [&str; 15] = [
    "plugin",
    "fields",
    "sees",
    "view",
    "effects",
    "mode",
    "keep",
    "key",
    "headers",
    "absent",
    "unmatched",
    "unlisted",
    "map_names",
    "compacted",
    "isolation",
];

fn fields() -> At<ModeFile> {
    At::preset(ModeFile::Fields)
}

fn bytes() -> At<ViewFile> {
    At::preset(ViewFile::Bytes)
}

/// How a plugin sees whole values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ViewFile {
    /// As they stand in the record.
    Bytes,
    /// As JSON text, whatever they are written in.
    Json,
}

fn unlisted_halts() -> At<UnlistedFile> {
    At::preset(UnlistedFile::Halt)
}

/// What becomes of a schema with a field that an allow list does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnlistedFile {
    /// It has drifted: stop.
    Halt,
    /// The field is dropped.
    Drop,
}

fn map_names_halt() -> At<MapNamesFile> {
    At::preset(MapNamesFile::Halt)
}

/// What becomes of the names of a map whose entries are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MapNamesFile {
    /// They must not pass: stop.
    Halt,
    /// They go on as they are.
    Clear,
}

fn refuse() -> At<CompactedFile> {
    At::preset(CompactedFile::Refuse)
}

/// Whether a step that may lose records of a compacted topic is let near one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompactedFile {
    /// It is not.
    Refuse,
    /// It is meant so.
    Allow,
}

fn lane() -> At<IsolationFile> {
    At::preset(IsolationFile::Lane)
}

/// How long a plugin's instance lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IsolationFile {
    /// As long as its lane goes well.
    Lane,
    /// For one batch.
    Batch,
}

/// What a plugin can be shown beside its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeesFile {
    /// The record's key, as bytes.
    Key,
    /// The record's value, as bytes.
    Value,
    /// The record's headers.
    Headers,
    /// The record's timestamp.
    Timestamp,
    /// The record's source offset.
    Offset,
    /// How long the record's key and value are, and whether they are null.
    Sizes,
}

/// What a plugin can do to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectFile {
    /// Change or remove the granted fields. A plugin that may, has to answer every value of them.
    EditFields,
    /// Change the record's key.
    EditKey,
    /// Change the record's value as a whole.
    EditValue,
    /// Replace the record's headers.
    EditHeaders,
    /// Change the record's timestamp.
    EditTimestamp,
    /// Drop records.
    Drop,
    /// Reject records and whole batches with a declared code.
    Reject,
    /// Send records to other topics.
    Route,
    /// Add records.
    Emit,
}

/// Whether what is not listed goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeFile {
    /// Only what is listed is touched; the rest goes on as it is.
    Fields,
    /// What is neither in `fields` nor in `keep` is dropped; so are headers that are not listed.
    AllowList,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
enum AbsentShape {
    Pass,
    Reject,
    Keep,
    Drop,
}

/// Whether a selector that matches nothing stops the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnmatchedFile {
    /// It is a typo or a rename: stop.
    Halt,
    /// It is meant so.
    Allow,
}

// By hand: serde's own way to collect other keys (`flatten`) loses all places.
impl<'de> Deserialize<'de> for StepFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("StepFile", &[], StepVisitor)
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = StepFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map such as { plugin: mask, fields: { … } }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StepFile, A::Error> {
        let mut plugin = None;
        let mut step = StepFile {
            plugin: At::preset(String::new()),
            fields: None,
            sees: Vec::new(),
            view: bytes(),
            effects: None,
            mode: fields(),
            keep: None,
            key: None,
            headers: None,
            absent: None,
            unmatched: None,
            unlisted: unlisted_halts(),
            map_names: map_names_halt(),
            compacted: refuse(),
            isolation: lane(),
            settings: Vec::new(),
        };
        while let Some(key) = map.next_key::<At<String>>()? {
            match key.value.as_str() {
                "plugin" => plugin = Some(map.next_value()?),
                "fields" => step.fields = Some(map.next_value()?),
                "sees" => step.sees = map.next_value()?,
                "view" => step.view = map.next_value()?,
                "effects" => step.effects = Some(map.next_value()?),
                "mode" => step.mode = map.next_value()?,
                "keep" => step.keep = Some(map.next_value()?),
                "key" => step.key = Some(map.next_value()?),
                "headers" => step.headers = Some(map.next_value()?),
                "absent" => step.absent = Some(map.next_value()?),
                "unmatched" => step.unmatched = Some(map.next_value()?),
                "map_names" => step.map_names = map.next_value()?,
                "unlisted" => step.unlisted = map.next_value()?,
                "compacted" => step.compacted = map.next_value()?,
                "isolation" => step.isolation = map.next_value()?,
                _ => step.settings.push((key, map.next_value()?)),
            }
        }
        let Some(plugin) = plugin else {
            return Err(match step.settings.iter().find(|(key, _)| nearest(&key.value, ["plugin"]).is_some()) {
                Some((slip, _)) => {
                    A::Error::custom(format_args!("the required key \"plugin\" is missing; did you mean it by \"{}\"?", slip.value))
                }
                None => A::Error::missing_field("plugin"),
            });
        };
        step.plugin = plugin;
        Ok(step)
    }
}
