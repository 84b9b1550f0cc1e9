//! The plugin `route`: another topic, another key, one record for each element of an array. It must not send a record to
//! a topic that the settings do not bound: a name begins with a literal, and what stands in it is checked.
//!
//! `settings` (what is written) → `column` (values of granted fields) → `template` (the topic), `rekey` (the key),
//! `split` (the parts).
#![forbid(unsafe_code)]

mod column;
mod rekey;
mod settings;
mod split;
mod template;

use serde_json::{Map, Value};
use sluice_plugin::{
    Batch, Changes, Description, Effects, Emitted, Field, Grants, Header, Plugin, Problem, Rejected, Route, Sees, register,
};

use rekey::{Key, Rekey};
use split::{Parts, Split};
use template::Target;

/// The rejection codes, in the order of [`Fault`].
const REJECTIONS: [&str; 8] =
    ["no_route", "topic_too_long", "key_missing", "not_a_scalar", "not_json", "no_array", "duplicate_name", "part_has_no_schema"];

/// The header that names the schema of a key.
const KEY_SCHEMA: &[u8] = b"__key_schema_id";

/// Why a record cannot be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A value for the topic is missing, not allowed, or has signs that no topic has.
    NoRoute,
    /// The topic would have more than 249 bytes.
    TopicTooLong,
    /// A value for the key is missing or null.
    KeyMissing,
    /// A field is an object, or several values.
    NotAScalar,
    /// The value is no JSON document.
    NotJson,
    /// What is to be split is missing, or no array.
    NoArray,
    /// A name on the path of what is to be split is there twice.
    DuplicateName,
    /// The record has a schema, which a part would not be a value of.
    PartHasNoSchema,
}

/// What a step does to its records.
#[derive(Debug)]
pub struct Router {
    /// Where to.
    target: Option<Target>,
    /// Under which key.
    rekey: Option<Rekey>,
    /// In which parts.
    split: Option<Split>,
}

impl Plugin for Router {
    type Settings = Map<String, Value>;
    type Field = Map<String, Value>;

    fn describe() -> Description {
        Description::new("route", env!("CARGO_PKG_VERSION"), "Sends records to other topics, under other keys, in parts.")
            .settings_schema(include_str!("settings.schema.json"))
            .field_settings_schema(include_str!("field.schema.json"))
            .sees(Sees::KEY | Sees::VALUE | Sees::HEADERS)
            .effects(Effects::ROUTE | Effects::EDIT_KEY | Effects::DROP | Effects::EMIT | Effects::REJECT)
            .rejections(&REJECTIONS)
    }

    fn new(settings: Self::Settings, fields: Vec<Field<Self::Field>>, grants: Grants) -> Result<Self, Vec<Problem>> {
        settings::read(&settings, &fields, &grants)
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        let count = batch.count as usize;
        let topics = match &self.target {
            Some(target) => target.topics(batch).into_iter().map(|topic| topic.map(Some)).collect(),
            None => vec![Ok(None); count],
        };
        let keys = match &self.rekey {
            Some(rekey) => rekey.keys(batch),
            None => vec![Ok(Key::Stays); count],
        };
        let parts = match &self.split {
            Some(split) => split.parts(batch),
            None => vec![Ok(Parts::Whole); count],
        };
        let mut whole_keys = batch.keys.iter().flatten().map(|(_, key)| (!key.is_null()).then_some(key.bytes));
        let mut own_keys = rekey::Answer::with_capacity(count);
        let mut headers = batch.headers.as_slice();
        for (row, ((topic, key), parts)) in (0..).zip(topics.into_iter().zip(keys).zip(parts)) {
            let own = headers.iter().take_while(|header| header.row == row).count();
            let (own, rest) = headers.split_at(own);
            headers = rest;
            let whole_key = whole_keys.next().flatten();
            match (topic, key, parts) {
                (Err(fault), ..) | (_, Err(fault), _) | (.., Err(fault)) => {
                    changes.reject(row, fault as u32);
                    own_keys.push(&Key::Stays);
                }
                (Ok(topic), Ok(key), Ok(Parts::Whole)) => {
                    own_keys.push(&key);
                    changes.routes.extend(topic.map(|topic| Route { row, topic }));
                }
                (Ok(_), Ok(_), Ok(Parts::None)) => {
                    own_keys.push(&Key::Stays);
                    changes.drop_row(row);
                }
                (Ok(topic), Ok(key), Ok(Parts::Values(values))) => {
                    own_keys.push(&Key::Stays);
                    changes.drop_row(row);
                    let rekeyed = key != Key::Stays;
                    let key = key.or(whole_key);
                    for (index, value) in values.into_iter().enumerate() {
                        let headers = self.headers(own, index, rekeyed);
                        changes.emitted.push(Emitted { row, topic: topic.clone(), key: key.clone(), value: Some(value), headers });
                    }
                }
            }
        }
        if self.rekey.is_some() {
            changes.keys = own_keys.finish();
        }
        Ok(())
    }
}

impl Router {
    /// The headers of a part: those of the whole, but for the schema of a key that it does not have any more, and which
    /// part it is.
    fn headers(&self, own: &[Header], index: usize, rekeyed: bool) -> Vec<Header> {
        let name = self.split.as_ref().and_then(|split| split.index_header.as_deref());
        let kept = own.iter().filter(|header| Some(header.name.as_slice()) != name && !(rekeyed && header.name == KEY_SCHEMA));
        let mut headers: Vec<Header> =
            kept.map(|header| Header { row: 0, name: header.name.clone(), value: header.value.clone() }).collect();
        headers.extend(name.map(|name| Header { row: 0, name: name.to_vec(), value: Some(index.to_string().into_bytes()) }));
        headers
    }
}

register!(Router);

#[cfg(test)]
mod tests {
    use sluice_plugin::testing::{CaseFailure, check_cases};

    use super::*;

    #[test]
    fn cases_hold() -> Result<(), CaseFailure> {
        check_cases::<Router>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
    }

    #[test]
    fn every_fault_has_its_code() {
        assert_eq!(REJECTIONS[Fault::NoRoute as usize], "no_route");
        assert_eq!(REJECTIONS[Fault::NotAScalar as usize], "not_a_scalar");
        assert_eq!(REJECTIONS.get(Fault::PartHasNoSchema as usize), REJECTIONS.last());
    }

    #[test]
    fn the_schemas_are_json_and_know_every_setting() -> serde_json::Result<()> {
        let description = Router::describe();
        let schema: Value = serde_json::from_str(&description.settings_schema)?;
        for name in settings::KEYS {
            assert!(schema["properties"].get(name).is_some(), "{name}");
        }
        let schema: Value = serde_json::from_str(&description.field_settings_schema)?;
        assert!(schema["properties"].get("allow").is_some());
        Ok(())
    }
}
