//! How keys and values are encoded, as it is written in the file. It checks shape only.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::{Error as Unplaced, MapAccessDeserializer};
use serde::de::{Deserializer, IntoDeserializer, MapAccess, Visitor};

use super::super::place::At;
use super::pipeline::TopicPattern;

/// How a key or a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormatWord {
    /// As each record says: by the schema that a `__key_schema_id` or `__value_schema_id` header names, else by the
    /// one that the first bytes name (Confluent's wire format), else JSON, else bytes.
    Auto,
    /// JSON, without a schema.
    Json,
    /// Avro in Confluent's wire format.
    Avro,
    /// Protobuf in Confluent's wire format.
    Protobuf,
    /// JSON with a schema, in Confluent's wire format.
    JsonSchema,
    /// UTF-8 text; one value, `$`.
    Text,
    /// Bytes; one value, `$`.
    Bytes,
}

/// One word for the value, or a map for both halves of a record.
#[derive(Debug)]
pub enum FormatFile {
    /// The value's.
    Value(FormatWord),
    /// Either half's, or both.
    Halves(FormatHalves),
}

/// The formats of both halves. What is left out stays as it is: `auto`, or in a topic rule what the pipeline says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { key: text, value: avro }")]
pub struct FormatHalves {
    /// The key's.
    pub key: Option<At<FormatWord>>,
    /// The value's.
    pub value: Option<At<FormatWord>>,
}

impl<'de> Deserialize<'de> for FormatFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = FormatFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a format such as avro, or { key: text, value: avro }")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<FormatFile, E> {
                let known = FormatWord::deserialize(IntoDeserializer::<Unplaced>::into_deserializer(word));
                known.map(FormatFile::Value).map_err(|_| E::unknown_variant(word, FormatWord::WORDS))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FormatFile, A::Error> {
                FormatHalves::deserialize(MapAccessDeserializer::new(map)).map(FormatFile::Halves)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl FormatWord {
    const WORDS: &'static [&'static str] = &["auto", "json", "avro", "protobuf", "json_schema", "text", "bytes"];
}

impl JsonSchema for FormatFile {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FormatFile".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Shape::json_schema(generator)
    }
}

/// [`FormatFile`] for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Shape {
    /// The value's format.
    Value(FormatWord),
    /// Either half's, or both.
    Halves(FormatHalves),
}

/// What holds for some of a pipeline's topics instead of what the pipeline says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { topics: [\"orders.*\"], format: avro }")]
pub struct TopicRuleFile {
    /// Which topics: globs over the whole name, or `{ regex: "…" }`. The first rule that names a topic holds for it.
    pub topics: At<Vec<At<TopicPattern>>>,
    /// How keys and values of these topics are encoded.
    pub format: At<FormatFile>,
}
