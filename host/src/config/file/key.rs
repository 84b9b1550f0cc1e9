//! What a step says of the record's key, as it is written in the file. It checks shape only.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::super::place::{Any, At, Entries};

/// What becomes of the record's key.
#[derive(Clone, Debug)]
pub enum KeyFile {
    /// It goes on as it is.
    Clear,
    /// It becomes null.
    Null,
    /// The plugin masks it: the settings for the key as a whole, or `fields` and `keep`.
    Masked(Entries<At<Any>>),
}

/// What becomes of the key where no plugin touches it.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum KeyWord {
    /// It goes on as it is.
    Clear,
    /// It becomes null.
    Null,
}

/// What the plugin is to do with places in a key that is a document.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct KeyFields {
    /// Places in a key that is a document, by selector, with what the plugin is to do with each.
    fields: BTreeMap<String, Map<String, Value>>,
    /// In `mode: allow_list`, the places of the key that stay as they are, by selector. A key with a place that neither
    /// names follows `on_error`.
    keep: Option<Vec<String>>,
}

/// What becomes of the key: a word, places in it, or settings for all of it.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum KeyShape {
    /// One word.
    Word(KeyWord),
    /// Places in a key that is a document.
    Fields(KeyFields),
    /// What the plugin is to do with the key as a whole, such as `{ use: hmac, key: pii }`.
    Whole(Map<String, Value>),
}

// By hand: `key: null`, without quotes, is written by a person who means the word.
impl<'de> Deserialize<'de> for KeyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrMap;
        impl<'de> Visitor<'de> for WordOrMap {
            type Value = KeyFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("clear, null or a map such as { use: hmac, key: pii }")
            }

            fn visit_unit<E>(self) -> Result<KeyFile, E> {
                Ok(KeyFile::Null)
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<KeyFile, E> {
                match word {
                    "clear" => Ok(KeyFile::Clear),
                    "null" => Ok(KeyFile::Null),
                    _ => Err(E::unknown_variant(word, &["clear", "null"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyFile, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(KeyFile::Masked(Entries(entries)))
            }
        }
        deserializer.deserialize_any(WordOrMap)
    }
}
