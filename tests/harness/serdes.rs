//! Records written and read by Confluent's own serializers, by way of a Python process that starts once a test run.
//! Knows nothing of Sluice.

use super::tool::Tool;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

static TOOL: OnceLock<Tool> = OnceLock::new();

/// Where a record names its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `0x00` and an id before the body.
    Prefix,
    /// `0x01` and a GUID in a header; needs a registry that gives GUIDs.
    Header,
}

/// How the keys and values of a topic are encoded: `avro`, `protobuf` (with the message's full name), `json_schema`,
/// with the latest schema of the topic's subject; or `text`, `json`, `bytes` (as hex), which have none.
#[derive(Clone, Debug)]
pub struct Encoding {
    pub key: Value,
    pub value: Value,
    pub framing: Framing,
}

impl Encoding {
    /// Text keys and values of a format, by a prefix.
    pub fn of(value: Value) -> Self {
        Self { key: json!({ "format": "text" }), value, framing: Framing::Prefix }
    }
}

/// Where records are, and who knows their schemas.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Bootstrap address.
    pub cluster: &'a str,
    /// Base address of the registry.
    pub registry: &'a str,
    pub topic: &'a str,
}

/// Writes `records`, each `{ key, value, partition, timestamp, headers }`, and answers with their offsets. What JSON
/// cannot say: `{"$bytes": hex}`, `{"$decimal": text}`, `{"$date": …}`, `{"$time": …}`, `{"$timestamp": …}`,
/// `{"$uuid": …}`, `{"$float": "nan"}`, `{"$union": [branch, value]}`. Protobuf values are Protobuf's own JSON.
pub fn produce(place: Place<'_>, encoding: &Encoding, records: &Value) -> Vec<i64> {
    let answer = call("produce", place, encoding, json!({ "records": records }));
    answer["offsets"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// All committed records of a topic, in the same form, with `offset`, and headers as hex.
pub fn read(place: Place<'_>, encoding: &Encoding) -> Vec<Value> {
    match call("read", place, encoding, json!({}))["records"].take() {
        Value::Array(records) => records,
        other => panic!("a topic has records, not {other}"),
    }
}

/// Where a YAML document does not fit a JSON Schema, and why; the schema itself has to be one.
pub fn misfits(schema: &Value, document: &Path) -> Vec<String> {
    match TOOL.get_or_init(start).try_call("misfits", json!({ "schema": schema, "document": document })) {
        Ok(answer) => answer["misfits"].as_array().into_iter().flatten().filter_map(|m| Some(m.as_str()?.to_owned())).collect(),
        Err(error) => panic!("{error}"),
    }
}

fn call(command: &str, place: Place<'_>, encoding: &Encoding, mut args: Value) -> Value {
    args["bootstrap"] = json!(place.cluster);
    args["registry"] = json!(place.registry);
    args["topic"] = json!(place.topic);
    args["key"] = encoding.key.clone();
    args["value"] = encoding.value.clone();
    args["framing"] = json!(match encoding.framing {
        Framing::Prefix => "prefix",
        Framing::Header => "header",
    });
    match TOOL.get_or_init(start).try_call(command, args) {
        Ok(answer) => answer,
        Err(error) => panic!("{error}"),
    }
}

fn start() -> Tool {
    let python = super::lab::home().join("venv/bin/python");
    assert!(python.is_file(), "no Python environment at {}: tests/run sets it up", python.display());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/serdes.py");
    Tool::start("the serializers", Command::new(python).arg(script))
}
