//! The configuration as the rest of the program uses it: checked, complete, nothing optional where there is a default.
//! Nobody checks again after this; nothing here talks to a cluster or loads a plugin.

mod cluster;
mod format;
mod grants;
mod hash;
mod key;
mod merge;
mod pipeline;
mod plugins;
mod registry;
mod settings;
mod step;
mod table;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::Report;
use super::file::File;
use super::place::Location;
use super::secret::{Outside, Secret};
use super::topics::TopicFilter;
use super::tree::Forest;
pub use format::{Format, Formats, TopicRule};
pub use key::{KeyMask, KeyRule};
pub use plugins::{Effects, PluginLimits, Plugins, Trust};
pub use registry::{ClientCertificate, RegistryAuth, SchemaRegistry};
pub use settings::Places;
pub use view::View;

/// Everything that a run needs to know.
#[derive(Debug)]
pub struct Plan {
    /// All clusters, by name.
    pub clusters: BTreeMap<String, Arc<Cluster>>,
    /// All keys.
    pub keys: Arc<Keyring>,
    /// All tables, by name.
    pub tables: BTreeMap<String, Arc<Table>>,
    /// Where plugins come from and what they may use.
    pub plugins: Plugins,
    /// The HTTP server.
    pub http: Http,
    /// What all queues of the process together may hold, in bytes.
    pub memory: u64,
    /// In the order of the files; at least one, names are unique.
    pub pipelines: Vec<Pipeline>,
}

/// A Kafka cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Its name in the configuration.
    pub name: String,
    /// `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// Properties for the client library, none of which Sluice owns, in the order of the file.
    pub properties: Vec<Property>,
    /// The schema registry that goes with it.
    pub registry: Option<SchemaRegistry>,
    /// Where its name stands.
    pub at: Location,
}

/// One property for the client library.
#[derive(Debug)]
pub struct Property {
    /// The client library's name.
    pub name: String,
    /// Its value.
    pub value: PropertyValue,
    /// Where it stands.
    pub at: Location,
}

/// The value of a property; a secret one prints as `***`.
#[derive(Debug)]
pub enum PropertyValue {
    /// Written in the file.
    Clear(String),
    /// Read from the environment or a file; UTF-8 without NUL.
    Secret(Secret),
}

impl PropertyValue {
    /// The value itself, for the client library alone.
    pub fn expose(&self) -> &str {
        match self {
            Self::Clear(text) => text,
            Self::Secret(secret) => std::str::from_utf8(secret.expose()).expect("checked when it was read"),
        }
    }
}

/// The keys by name; prints names only.
#[derive(Debug, Default)]
pub struct Keyring(BTreeMap<String, Key>);

/// A key with those that it replaced, each at least 32 bytes.
#[derive(Debug)]
struct Key {
    current: Secret,
    previous: Vec<Secret>,
}

impl Keyring {
    /// The key of that name, at least 32 bytes: what is made new is made under it.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name).map(|key| &key.current)
    }

    /// The keys that it replaced, in the order of the file, each at least 32 bytes.
    pub fn previous(&self, name: &str) -> &[Secret] {
        self.0.get(name).map_or(&[], |key| &key.previous)
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Rows by key, for look-ups.
#[derive(Debug)]
pub struct Table {
    /// Its name in the configuration.
    pub name: String,
    /// Where its rows come from.
    pub source: TableSource,
    /// Where its name stands.
    pub at: Location,
}

/// Where a table's rows come from.
#[derive(Debug)]
pub enum TableSource {
    /// A file, read again when it changes.
    File {
        /// Relative to the working directory.
        path: PathBuf,
        /// How it is written.
        format: TableFormat,
    },
    /// A compacted topic, followed.
    Topic {
        /// Its name.
        topic: String,
        /// The cluster that has it.
        cluster: Arc<Cluster>,
    },
}

/// How a table's file is written; `key` is the column of the row's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableFormat {
    /// RFC 4180; the first line names the columns.
    Csv {
        /// One of them.
        key: String,
    },
    /// One array of objects, or one object whose members are the rows by key; then there is no column.
    Json {
        /// None: only an object will do.
        key: Option<String>,
    },
    /// An object a line.
    JsonLines {
        /// A member of each.
        key: String,
    },
}

/// The HTTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// A loopback address.
    pub listen: SocketAddr,
}

/// Topics of one cluster, through steps, to another one.
#[derive(Debug)]
pub struct Pipeline {
    /// `[a-z0-9][a-z0-9._-]*`, at most 100 bytes.
    pub name: String,
    /// The cluster that is read.
    pub source: Arc<Cluster>,
    /// The cluster that is written; not the source.
    pub target: Arc<Cluster>,
    /// Which topics.
    pub topics: TopicFilter,
    /// Where partitions begin that exist at genesis.
    pub start: Start,
    /// What is promised.
    pub delivery: Delivery,
    /// 1 to 256.
    pub lanes: u32,
    /// How large transactions become.
    pub transaction: Transaction,
    /// What becomes of a record that cannot be transformed.
    pub on_error: OnError,
    /// Go on behind source offsets that are gone, instead of halting.
    pub continue_after_gap: bool,
    /// Copy a topic that was deleted and created again from its beginning, instead of halting.
    pub restart_recreated: bool,
    /// How records are encoded where no rule says otherwise.
    pub formats: Formats,
    /// Exceptions by topic; the first that names one holds. Every format that needs it has a registry on the source.
    pub topic_rules: Vec<TopicRule>,
    /// The chain.
    pub steps: Vec<Step>,
    /// Where its name stands.
    pub at: Location,
}

/// Where partitions begin that exist at genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    Earliest,
    /// At the end.
    Latest,
    /// At the first record of that time or later; milliseconds since the epoch, 0 or more.
    Timestamp(i64),
    /// By topic and partition; what is not listed begins at its oldest record. Numbers are 0 or more, topics are among
    /// the pipeline's.
    Offsets(BTreeMap<String, BTreeMap<i32, i64>>),
}

/// What is promised about each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Each once, by transactions on the target.
    ExactlyOnce,
    /// None lost.
    AtLeastOnce,
}

/// The bounds of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// At least 10 ms, at most a third of `timeout`.
    pub max_age: Duration,
    /// 1 to 10,000,000.
    pub max_records: u32,
    /// Bytes, 64 KiB to 1 GiB.
    pub max_bytes: u64,
    /// 1 s to 15 min.
    pub timeout: Duration,
}

/// What becomes of a record that cannot be transformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The partition stops.
    Halt,
    /// The record is set aside.
    Quarantine {
        /// Not one of the pipeline's topics; the same name on both clusters.
        topic: String,
        /// Where the record itself is kept.
        payload: Payload,
    },
}

/// Where a record set aside is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nowhere but where it came from.
    None,
    /// In the quarantine topic on the source.
    Source,
}

/// A plugin and what it is given in one pipeline.
#[derive(Debug)]
pub struct Step {
    /// The plugin's name.
    pub plugin: String,
    /// Whether what is not listed goes on.
    pub mode: Mode,
    /// The fields that the plugin is shown, in order; canonical paths are unique.
    pub fields: Vec<FieldGrant>,
    /// Selectors of what goes on as it is; empty unless the mode is `AllowList`; none is in `fields`,
    /// but for those that only a `where:` tree names.
    pub keep: Vec<String>,
    /// What becomes of the record's key.
    pub key: KeyRule,
    /// Names of headers that go on; empty, and without meaning, unless the mode is `AllowList`.
    pub headers: Vec<String>,
    /// A record without a granted field.
    pub absent: Absent,
    /// A selector that matches nothing.
    pub unmatched: Option<Unmatched>,
    /// A schema with a field that the allow list does not name is drift.
    pub unlisted_halts: bool,
    /// Whether names of Avro and Protobuf maps whose entries are masked go on.
    pub map_names_clear: bool,
    /// What it may lose of a compacted topic is meant to be lost.
    pub compacted_allowed: bool,
    /// How long an instance of the plugin lives.
    pub isolation: Isolation,
    /// Names of the tables that the settings name; others are denied to the plugin.
    pub tables: BTreeSet<String>,
    /// What the plugin is shown beside its fields.
    pub sees: Sees,
    /// How it sees whole values.
    pub view: View,
    /// What the plugin may do; none: what it declares at the start.
    pub effects: Option<Effects>,
    /// The plugin's own settings.
    pub settings: Map<String, Value>,
    /// Where the plugin's name stands.
    pub at: Location,
    /// Where each setting stands.
    pub places: Places,
}

impl Step {
    /// Where a JSON pointer of the plugin's contract (`/settings/…`, `/fields/N/…`) or of the step itself (`/keep/N`,
    /// `/sees/N`) stands in the file: the nearest place at or above it, at the worst that of the step.
    pub fn locate(&self, pointer: &str) -> &Location {
        self.places.nearest(pointer).unwrap_or(&self.at)
    }

    /// All that the plugin is granted, in the order of its columns: fields of the value, then places of the key.
    pub fn grants(&self) -> impl Iterator<Item = &FieldGrant> {
        self.fields.iter().chain(self.key.fields())
    }

    /// Whether the settings of a field name that key of `keys`: other keys are denied to the plugin.
    pub fn names_key(&self, name: &str) -> bool {
        self.grants().any(|grant| named_keys(&grant.settings).contains(&name))
    }
}

/// The keys of `keys` that the settings of a field name, at any depth: an operator may have another one inside.
pub fn named_keys(settings: &Value) -> Vec<&str> {
    match settings {
        Value::Object(entries) => entries
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(key) if name == "key" => vec![key.as_str()],
                value => named_keys(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(named_keys).collect(),
        _ => Vec::new(),
    }
}

/// One field that a plugin is shown.
#[derive(Clone, Debug)]
pub struct FieldGrant {
    /// As written.
    pub selector: String,
    /// A JSON object: what the step says about the field.
    pub settings: Value,
    /// Where the selector stands.
    pub at: Location,
}

/// Whether what is not listed goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Fields,
    /// It does not.
    AllowList,
}

/// A record without a granted field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It passes.
    Pass,
    /// It follows `on_error`.
    Reject,
}

/// A selector that matches nothing in its first 1,000 records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// The partition stops.
    Halt,
    /// It goes on.
    Allow,
}

/// How long an instance of a plugin lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// As long as its lane goes well.
    Lane,
    /// For one batch.
    Batch,
}

/// What a plugin is shown beside its fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sees {
    /// Keys.
    pub key: bool,
    /// Whole values.
    pub value: bool,
    /// Headers.
    pub headers: bool,
    /// Timestamps.
    pub timestamp: bool,
    /// Source offsets.
    pub offset: bool,
    /// Lengths of keys and values.
    pub sizes: bool,
}

/// Checks a selector: its canonical form, or where (in characters) and why it is none.
pub type SelectorCheck<'a> = &'a dyn Fn(&str) -> Result<String, (usize, String)>;

/// What the builders share.
struct Context<'a> {
    forest: &'a Forest,
    /// The directory of each file.
    bases: &'a [PathBuf],
    selectors: SelectorCheck<'a>,
    outside: Outside<'a>,
}

/// The plan of all files together; whatever is wrong is reported, and then it is none.
pub(super) fn build(
    files: Vec<File>,
    forest: &Forest,
    bases: &[PathBuf],
    selectors: SelectorCheck<'_>,
    outside: Outside<'_>,
    report: &mut Report,
) -> Option<Plan> {
    let context = Context { forest, bases, selectors, outside };
    let merged = merge::merge(files, report);
    let clusters = cluster::clusters(&merged.clusters, &context, report);
    let keys = cluster::keys(&merged.keys, &context, report);
    let tables = table::tables(&merged.tables, &clusters, &context, report);
    let plugins = cluster::plugins(merged.plugins.as_ref(), &context, report);
    let http = cluster::http(merged.http.as_ref(), report);
    let memory = cluster::memory(merged.memory.as_ref(), report);
    let registered = merged.clusters.iter().filter(|(_, file)| file.value.schema_registry.is_some());
    let known = pipeline::Known {
        clusters: &clusters,
        cluster_names: merged.clusters.iter().map(|(name, _)| name.value.as_str()).collect(),
        with_registry: registered.map(|(name, _)| name.value.as_str()).collect(),
        key_names: merged.keys.iter().map(|(name, _)| name.value.as_str()).collect(),
        table_names: merged.tables.iter().map(|(name, _)| name.value.as_str()).collect(),
        limits: plugins.as_ref().map(|plugins| &plugins.limits),
    };
    let pipelines = pipeline::pipelines(&merged.pipelines, &known, &context, report);
    Some(Plan { clusters, keys: Arc::new(keys), tables, plugins: plugins?, http: http?, memory, pipelines })
}

/// The keys of all files, without a look at anything else.
pub(super) fn keys_alone(files: Vec<File>, forest: &Forest, bases: &[PathBuf], outside: Outside<'_>, report: &mut Report) -> Keyring {
    let context = Context { forest, bases, selectors: &|selector| Ok(selector.to_owned()), outside };
    let merged = merge::merge(files, report);
    cluster::keys(&merged.keys, &context, report)
}
