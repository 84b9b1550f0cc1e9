//! What a plugin's schema of settings says of an operator: the words under `x-sluice`. They are the plugin's own; it must
//! not be asked of them whether a value may pass, only what to tell people, and what to stop: keys that would not stay
//! apart, schemas that cannot take what it makes.

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
    /// The form of what comes out: `text`, `uuid` (text, too), `letters` (text, maybe of the value's form; booleans are
    /// cleared), `form` (text of a form that settings say), `same`, `part` (a number, as text where it came from text),
    /// `null`, `none`, `setting`, `cleared`.
    pub output: Option<String>,
}

impl Traits {
    /// Those of the operator that `settings` choose, by the schema of a field's settings: the first of its forms (`oneOf`)
    /// that they fit, or the schema itself where it has none. None where the plugin does not say.
    pub fn of(schema: &Value, settings: &Value) -> Option<Self> {
        let forms = schema["oneOf"].as_array().map_or(std::slice::from_ref(schema), Vec::as_slice);
        let said = forms.iter().find(|form| fits(form, settings))?["x-sluice"].as_object()?;
        let yes = |name: &str| said.get(name).and_then(Value::as_bool).unwrap_or(false);
        // An operator that has another one do the work is what that one is.
        let inner = match said.get("as").and_then(Value::as_str) {
            Some(setting) => Some(Self::of(schema, settings.get(setting)?)?),
            None => None,
        };
        let inner = inner.as_ref();
        Some(Self {
            keyed: inner.map_or(yes("keyed"), |inner| inner.keyed),
            reversible: inner.map_or(yes("reversible"), |inner| inner.reversible),
            injective: yes("injective"),
            deterministic: inner.map_or(yes("deterministic"), |inner| inner.deterministic),
            output: said.get("output").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// What it is, in a word for people.
    pub fn nature(&self) -> &'static str {
        match (self.reversible, self.keyed) {
            (true, true) => "reversible",
            // Whoever reads it has it.
            (true, false) => "clear",
            (false, true) => "pseudonymised",
            (false, false) => "one-way",
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

/// What to do about an operator that does not keep keys apart, whatever they are.
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
            let does = match Traits::of(schema, &grant.settings) {
                None => "does not say that it keeps keys apart",
                Some(traits) if !traits.injective => "can make one key of two",
                Some(traits) if !traits.deterministic => "makes another key of the same one in every record",
                Some(_) => return None,
            };
            let why = format!("{} in step {step_number} {does}", operator(step, grant));
            Some(Self { at: grant.at.clone(), why, mend: MEND.to_owned() })
        };
        fields.iter().find_map(lossy)
    }

    /// The first place of a step whose operator keeps values of one kind apart and makes text of all kinds: of the number
    /// `7` and the text `"7"` it makes the same.
    pub fn of_several_kinds(step: &Step, number: usize, schema: &Value) -> Option<Self> {
        let makes_text = |grant: &&FieldGrant| {
            let traits = Traits::of(schema, &grant.settings);
            traits.is_some_and(|traits| matches!(traits.output.as_deref(), Some("text" | "uuid" | "letters" | "form")))
        };
        let grant = step.key.fields().iter().find(makes_text)?;
        let why = format!(
            "{} in step {} makes one key of a number and the text of its digits, which may both be keys there",
            operator(step, grant),
            number + 1
        );
        Some(Self {
            at: grant.at.clone(),
            why,
            mend: "of keys there never two may become one: write \"format: { key: text }\" and mask the key as a whole, or give keys a schema with one type for this place".to_owned(),
        })
    }
}

fn operator<'a>(step: &'a Step, grant: &'a FieldGrant) -> &'a str {
    grant.settings["use"].as_str().unwrap_or(&step.plugin)
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
    fn natures_are_those_of_what_does_the_work() {
        let schema = &serde_json::from_str(include_str!("../../../plugins/mask/src/field.schema.json")).unwrap();
        for (settings, nature, output) in [
            (json!({ "use": "keep" }), "clear", "same"),
            (json!({ "use": "redact" }), "one-way", "cleared"),
            (json!({ "use": "hmac", "key": "pii", "output": "uuid" }), "pseudonymised", "uuid"),
            (json!({ "use": "keep_last", "n": 4 }), "one-way", "letters"),
            (json!({ "use": "detect", "then": { "use": "redact" } }), "one-way", "same"),
            (json!({ "use": "detect", "then": { "use": "hmac", "key": "pii" } }), "pseudonymised", "same"),
            (json!({ "use": "detect", "find": ["card"], "then": { "use": "tokenize", "key": "pii" } }), "reversible", "same"),
            (json!({ "use": "json_keys", "then": { "use": "tokenize", "key": "pii" } }), "reversible", "same"),
            (json!({ "use": "fpe", "key": "pii", "alphabet": "digits" }), "reversible", "same"),
            (json!({ "use": "fpe", "key": "pii", "alphabet": "lower" }), "reversible", "form"),
            (json!({ "use": "fpe", "key": "pii", "alphabet": "lower", "unfit": "redact" }), "reversible", "cleared"),
            (json!({ "use": "dictionary", "key": "pii", "values": ["x", "y"] }), "pseudonymised", "form"),
            (json!({ "use": "date_part", "part": "month" }), "one-way", "part"),
        ] {
            let traits = Traits::of(schema, &settings).unwrap_or_else(|| panic!("{settings}"));
            assert_eq!((traits.nature(), traits.output.as_deref()), (nature, Some(output)), "{settings}");
        }
        assert_eq!(Traits::of(schema, &json!({ "use": "detect", "then": { "use": "nothing" } })), None);
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
