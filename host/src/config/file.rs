//! The configuration file as it is written; the doc comments are its manual and become the JSON Schema's descriptions.
//! It checks shape only: what the settings mean together is the plan's.

mod format;
mod key;
mod pipeline;
mod registry;
mod step;

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::place::{At, Entries};
use super::secret::{KeyReference, Reference};
use super::units::{Size, Span};
use crate::plugin::limits;
pub use format::{FormatFile, FormatHalves, FormatWord, TopicRuleFile};
pub use key::KeyFile;
pub use pipeline::{
    DeliveryFile, OnErrorFile, OnGapFile, OnTopicRecreatedFile, PayloadFile, PipelineFile, StartFile, TopicPattern, TopicsFile,
};
pub use pipeline::{QuarantineFile, TransactionFile};
pub use registry::{BasicFile, CertificateFile, RegistryFile, UrlsFile};
pub use step::{
    CompactedFile, EffectFile, IsolationFile, MapNamesFile, ModeFile, STEP_KEYS, SeesFile, StepFile, UnlistedFile, UnmatchedFile, ViewFile,
};

/// A Sluice configuration. `-f` may be given several times: clusters, keys and pipelines of all files come together,
/// and a name may be given once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with the keys clusters, keys, tables, plugins, http, memory, pipelines")]
#[schemars(title = "Sluice configuration")]
pub struct File {
    /// Kafka clusters by name. Pipelines name them as source and target.
    #[serde(default)]
    pub clusters: Entries<At<ClusterFile>>,
    /// Secret keys by name, for keyed operators such as `hmac`: at least 32 bytes each. Steps name them; the bytes
    /// never enter a plugin.
    #[serde(default)]
    pub keys: Entries<At<KeyReference>>,
    /// Tables by name, for look-ups such as `enrich`: a file, or a compacted topic that is kept current. Steps name them.
    #[serde(default)]
    pub tables: Entries<At<TableFile>>,
    /// Where plugins come from and what they may use. Default: the embedded plugins alone, with the default limits.
    pub plugins: Option<At<PluginsFile>>,
    /// The HTTP server for health, metrics and status.
    pub http: Option<At<HttpFile>>,
    /// What all lanes of the process together may take for records: a lane's share is for its clients and instances (7MiB,
    /// or half of it) and for its queues. Default 256MiB, at least 32MiB. More helps where records are large and lanes are
    /// many.
    pub memory: Option<At<Size>>,
    /// The pipelines: what is copied from where to where, and through which steps.
    #[serde(default)]
    pub pipelines: Vec<At<PipelineFile>>,
}

/// A Kafka cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { bootstrap_servers: \"host:9092\" }")]
pub struct ClusterFile {
    /// Brokers to ask first, `host:port`, comma-separated. They name the others.
    pub bootstrap_servers: At<String>,
    /// Properties for the client library (librdkafka), such as `security.protocol`, `ssl.ca.location`,
    /// `sasl.mechanism`. Passwords only as { env: NAME } or { file: PATH }. Those that Sluice owns are refused by name.
    #[serde(default)]
    pub properties: Entries<At<PropertyFile>>,
    /// The schema registry that goes with the cluster. Default: none; formats that need one are refused then.
    pub schema_registry: Option<At<RegistryFile>>,
}

/// The value of a client property.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
pub enum PropertyFile {
    /// As it is, in clear.
    Clear(Scalar),
    /// Read from the environment or a file; printed as `***`.
    Secret(Reference),
}

/// A text, number or boolean, as its text.
#[derive(Debug)]
pub struct Scalar(pub String);

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl<'de> Deserialize<'de> for PropertyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = PropertyFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, number or boolean, { env: NAME } or { file: PATH }")
            }

            fn visit_bool<E>(self, value: bool) -> Result<PropertyFile, E> {
                Ok(PropertyFile::Clear(Scalar(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<PropertyFile, E> {
                Ok(PropertyFile::Clear(Scalar(value.to_string())))
            }

            fn visit_i64<E>(self, value: i64) -> Result<PropertyFile, E> {
                Ok(PropertyFile::Clear(Scalar(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<PropertyFile, E> {
                Ok(PropertyFile::Clear(Scalar(value.to_string())))
            }

            fn visit_str<E>(self, value: &str) -> Result<PropertyFile, E> {
                Ok(PropertyFile::Clear(Scalar(value.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PropertyFile, A::Error> {
                Reference::deserialize(MapAccessDeserializer::new(map)).map(PropertyFile::Secret)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A table: rows by key. Held in memory, 256 MiB at most.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { file: customers.csv, key: id } or { topic: customers, cluster: main }")]
#[schemars(extend("oneOf" = [{ "required": ["file"] }, { "required": ["topic", "cluster"] }]))]
pub struct TableFile {
    /// A file, relative to the directory of this one, read again when it changes: `.csv` (RFC 4180, the first line names
    /// the columns; every value becomes a text), `.json` (an array of objects; or one object whose members are rows by
    /// key) or `.jsonl` (an object a line).
    pub file: Option<At<PathBuf>>,
    /// Column of a file whose value is the row's key; a key may stand once. Needed unless the file is one JSON object.
    pub key: Option<At<String>>,
    /// A compacted topic whose records are the rows: the record's key is the row's, its value a JSON object; a null value
    /// takes the row away. It is read whole before a pipeline starts and followed from then on.
    pub topic: Option<At<String>>,
    /// The cluster that has the topic, one of `clusters`.
    pub cluster: Option<At<String>>,
}

/// Where plugins come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { dir: ./plugins }")]
pub struct PluginsFile {
    /// Directory of components, relative to the directory of this file; it has to exist. A component in it wins over
    /// an embedded one of the same name. Default: none.
    pub dir: Option<At<PathBuf>>,
    /// The lock of `trust: locked`, relative to the directory of this file. Default: `plugins.lock` in the plugin
    /// directory, which protects against accident alone, as whoever may write the one may write the other: put it where
    /// only its owner may write. `sluice plugin lock`, `deploy` and `rollback` keep it.
    pub lock: Option<At<PathBuf>>,
    /// Which components of the directory are admitted. Default `open`. Those inside the program are part of it and
    /// always admitted.
    #[serde(default = "open")]
    pub trust: At<TrustFile>,
    /// Public keys whose signature `trust: signed` takes, each as `sluice plugin keygen` prints it. One of them is
    /// enough.
    #[serde(default)]
    pub signers: Vec<At<String>>,
    /// What one plugin instance may use.
    #[serde(default)]
    pub limits: LimitsFile,
}

fn open() -> At<TrustFile> {
    At::preset(TrustFile::Open)
}

/// Which components are admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TrustFile {
    /// Whatever is in the directory.
    Open,
    /// What the lock lists by its SHA-256.
    Locked,
    /// What one of `signers` signed; the signature stands beside the component as `FILE.sig`.
    Signed,
}

/// What one plugin instance may use. Reaching a limit discards the instance; the record follows `on_error`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a map such as { memory: 64MiB, time: 2s }")]
pub struct LimitsFile {
    /// Memory of one instance, 1MiB to 1GiB. Default 64MiB: enough for a Rust plugin with room; languages with a
    /// runtime want 128MiB.
    pub memory: At<Size>,
    /// Processor time for one batch, 10ms to 60s; 1ms a record is added. Default 200ms: a hundred times what a batch needs,
    /// and short enough that a looping plugin's record is found within seconds.
    pub time: At<Span>,
    /// Records in one batch, 1 to 1000. Default 500: larger ones gain nothing.
    pub batch_records: At<u32>,
    /// Records that one call may emit, for each that a full batch has, 1 to 1000: with 500 records in a batch the default
    /// of 100 is 50,000 a call, of however few records. A batch with more is worked through in smaller ones; a single
    /// record with more follows `on_error`. Default 100: more than arrays have elements, and little enough memory.
    pub output_records: At<u32>,
    /// Bytes that one batch may come out as, 64KiB to 1GiB. Default 64MiB.
    pub output_bytes: At<Size>,
    /// Time to compile one component, 1s to 10m. Default 60s; languages that bring an interpreter take half of that on two
    /// processors that do nothing else. What was compiled once is kept.
    pub compile_time: At<Span>,
    /// Log lines of one call, 0 to 10000; the rest is counted and dropped. Default 100.
    pub log_lines: At<u32>,
    /// Stack of a plugin's code, 64KiB to 2MiB, the same for all plugins of a process. Default 512KiB: some ten thousand
    /// calls deep.
    pub stack: At<Size>,
}

impl Default for LimitsFile {
    fn default() -> Self {
        Self {
            memory: At::preset(Size(limits::MEMORY_BYTES as u64)),
            time: At::preset(Span(limits::BATCH_TIME)),
            batch_records: At::preset(limits::BATCH_RECORDS),
            output_records: At::preset(limits::OUTPUT_RECORDS),
            output_bytes: At::preset(Size(limits::OUTPUT_BYTES as u64)),
            compile_time: At::preset(Span(limits::COMPILE_TIME)),
            log_lines: At::preset(limits::LOG_LINES),
            stack: At::preset(Size(limits::STACK_BYTES as u64)),
        }
    }
}

/// The HTTP server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { listen: \"127.0.0.1:8088\" }")]
pub struct HttpFile {
    /// Address and port. Default `127.0.0.1:8088`; port 0 takes a free one. An address off loopback is refused: it
    /// needs a token, which is not supported yet.
    #[serde(default = "loopback")]
    pub listen: At<String>,
}

/// The default of `http.listen`.
pub(super) fn loopback() -> At<String> {
    At::preset("127.0.0.1:8088".into())
}
