//! What a plugin's schema of settings says of an operator: the words under `x-sluice`. They are the plugin's own; it must
//! not be asked of them whether a value may pass, only what to tell people, and whether keys stay apart.

use serde_json::Value;

use crate::config::Location;
use crate::config::plan::{FieldGrant, KeyRule, Step};

/// What an operator does to values, as far as its plugin says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    pub keyed: bool,
    /// Whoever has the key can lead the value back.
    pub reversible: bool,
    /// Two values never become one.
    pub injective: bool,
    /// The same value becomes the same one.
    pub deterministic: bool,
    /// The form of what comes out: `text`, `same`, `null`, `none`, `setting`, `cleared`.
    pub output: Option<String>,
}

impl Traits {
    /// Those of the operator that `settings` choose, by the schema of a field's settings: the first of its forms (`oneOf`)
    /// that they fit, or the schema itself where it has none. None where the plugin does not say.
    pub fn of(schema: &Value, settings: &Value) -> Option<Self> {
        let forms = schema["oneOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
        let said = forms.iter().find(|form| fits(form, settings))?["x-sluice"].as_object()?;
        let yes = |name: &str| said.get(name).and_then(Value::as_bool).unwrap_or(false);
        Some(Self {
            keyed: yes("keyed"),
            reversible: yes("reversible"),
            injective: yes("injective"),
            deterministic: yes("deterministic"),
            output: said.get("output").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// What it is, in a word for people.
    pub fn nature(&self) -> &'static str {
        match (self.reversible, self.keyed) {
            (true, _) => "reversible",
            (_, true) => "pseudonymised",
            _ => "one-way",
        }
    }
}

/// Whether settings are of this form, as far as constants, lists of words and what is required tell forms apart. The
/// settings themselves are the plugin's to check.
fn fits(form: &Value, settings: &Value) -> bool {
    let Some(given) = settings.as_object() else { return false };
    let allowed = |property: &Value, value: &Value| {
        let constant = property.get("const").is_none_or(|constant| constant == value);
        constant && property.get("enum").and_then(Value::as_array).is_none_or(|words| words.contains(value))
    };
    let known = match form["properties"].as_object() {
        Some(properties) => given.iter().all(|(name, value)| properties.get(name).is_some_and(|property| allowed(property, value))),
        None => true,
    };
    let mut required = form["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    known && required.all(|name| given.contains_key(name))
}

/// A step that may make one key of two, or two of one: on a compacted topic that loses records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossyKey {
    /// Where the step says so.
    pub at: Location,
    /// What it does, in words that go on after "is compacted, and".
    pub why: String,
    /// What to do about it.
    pub mend: String,
}

/// What to do about an operator that does not keep keys apart.
const MEND: &str = "of keys there never two may become one: use hmac (as text), tokenize or fpe";

impl LossyKey {
    /// The first such place of a step, whose plugin has this schema of a field's settings.
    pub fn of(step: &Step, number: usize, schema: &Value) -> Option<Self> {
        let step_number = number + 1;
        let fields = match &step.key {
            KeyRule::Clear => return None,
            KeyRule::Null => {
                let why = format!("step {step_number} ({}) makes every key null, which such a topic refuses", step.plugin);
                return Some(Self { at: step.locate("/key").clone(), why, mend: MEND.to_owned() });
            }
            KeyRule::Masked(mask) => &mask.fields,
        };
        let lossy = |grant: &FieldGrant| {
            let operator = grant.settings["use"].as_str().unwrap_or(&step.plugin);
            let does = match Traits::of(schema, &grant.settings) {
                None => "does not say that it keeps keys apart",
                Some(traits) if !traits.injective => "can make one key of two",
                Some(traits) if !traits.deterministic => "makes another key of the same one in every record",
                Some(_) => return None,
            };
            Some(Self { at: grant.at.clone(), why: format!("{operator} in step {step_number} {does}"), mend: MEND.to_owned() })
        };
        fields.iter().find_map(lossy)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use serde_json::json;

    use super::*;
    use crate::plugin::{Limits, embedded, guest};

    /// By the real schema: what may stand on a compacted topic.
    #[test]
    fn operators_keep_keys_apart_or_not() {
        let plugin = guest::load(embedded::component("mask").unwrap().to_vec(), &Limits::default()).unwrap();
        let schema = &plugin.description().field_settings_schema;
        for (settings, apart) in [
            (json!({ "use": "hmac", "key": "pii" }), true),
            (json!({ "use": "hmac", "key": "pii", "output": "hex", "length": 32 }), true),
            (json!({ "use": "hmac", "key": "pii", "output": "uuid" }), false),
            (json!({ "use": "hmac", "key": "pii", "output": "integer" }), false),
            (json!({ "use": "tokenize", "key": "pii" }), true),
            (json!({ "use": "encrypt", "key": "pii" }), false),
            (json!({ "use": "fpe", "key": "pii", "alphabet": "digits" }), true),
            (json!({ "use": "fpe", "key": "pii", "alphabet": "digits", "unfit": "redact" }), false),
            (json!({ "use": "keep" }), true),
            (json!({ "use": "redact" }), false),
            (json!({ "use": "bucket", "bounds": [1], "output": "lower" }), false),
            (json!({ "use": "nothing" }), false),
            (json!({}), false),
        ] {
            let traits = Traits::of(schema, &settings);
            assert_eq!(traits.is_some_and(|traits| traits.injective && traits.deterministic), apart, "{settings}");
        }
    }

    #[test]
    fn a_schema_without_forms_speaks_for_itself() {
        let schema = json!({ "type": "object", "x-sluice": { "keyed": true, "injective": true, "deterministic": true } });
        let traits = Traits::of(&schema, &json!({ "any": 1 })).unwrap();
        assert_eq!((traits.injective, traits.nature()), (true, "pseudonymised"));
        for silent in [json!({}), json!({ "oneOf": [] }), json!({ "x-sluice": true })] {
            assert_eq!(Traits::of(&silent, &json!({})), None, "{silent}");
        }
    }
}
