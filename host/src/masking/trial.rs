//! One value through the embedded plugin `mask`, as a pipeline would hand it over: as JSON. It must not read or write
//! any record.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::config::plan::named_keys;
use crate::plugin::{
    Action, Batch, Cache, CallError, Changes, Column, Compile, HostServices, InitError, KeyRing, Kind, Limits, LogMode, Plugin, Plugins,
    StepSpec, embedded, scalar,
};

/// The plugin that tries values.
const PLUGIN: &str = "mask";
/// Selectors of the value and of its subject; nobody sees them.
const VALUE: &str = "$.value";
const SUBJECT: &str = "$.subject";

/// A value as the contract has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, as the kind says.
    pub bytes: Vec<u8>,
}

impl Scalar {
    /// Text.
    pub fn text(text: &str) -> Self {
        Self { kind: Kind::Text, bytes: text.as_bytes().to_vec() }
    }

    /// A number, `true`, `false` or `null` where the text is one as JSON writes it; else text.
    pub fn read(text: &str) -> Self {
        let kind = match text {
            "null" => return Self { kind: Kind::Null, bytes: Vec::new() },
            "true" | "false" => Kind::Boolean,
            number if scalar::is_integer(number.as_bytes()) => Kind::Integer,
            number if scalar::is_decimal(number.as_bytes()) => Kind::Decimal,
            _ => Kind::Text,
        };
        Self { kind, ..Self::text(text) }
    }
}

/// An operator with its settings, and the value to try it on.
pub struct Trial {
    /// The settings of a field.
    pub settings: Map<String, Value>,
    /// The value of the field that `by` would name.
    pub subject: Option<Scalar>,
    /// The value.
    pub value: Scalar,
}

/// What became of the value.
#[derive(Clone, PartialEq, Eq)]
pub enum Tried {
    /// It stays.
    Kept,
    /// It becomes this one.
    Set(Scalar),
    /// The field or array element goes.
    Removed,
    /// The record is rejected with this code.
    Rejected(String),
}

/// Why a value cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The operator or its settings are wrong: JSON pointer into the settings, and what is wrong there.
    #[error("{}", problems.iter().map(|(at, message)| if at.is_empty() { message.clone() } else { format!("{at}: {message}") }).collect::<Vec<_>>().join("\n"))]
    Settings { problems: Vec<(String, String)> },
    /// The plugin cannot be loaded.
    #[error("cannot load the embedded plugin {PLUGIN}: {0}")]
    Load(String),
    /// The plugin failed.
    #[error("plugin {PLUGIN} failed: {0}")]
    Failed(String),
}

impl Trial {
    /// Runs the component once. `keys` may be named by the settings.
    pub fn run(&self, keys: Arc<KeyRing>) -> Result<Tried, TrialError> {
        let load = |error: &dyn std::fmt::Display| TrialError::Load(error.to_string());
        let component = embedded::component(PLUGIN).ok_or_else(|| load(&"this program was built without it"))?;
        let cache = Cache::open(Cache::default_dir()).map_err(|error| load(&error))?;
        let host = Plugins::new(Limits::default(), Compile::in_child(), cache).map_err(|error| load(&error))?;
        let plugin = host.load(component.to_vec(), &format!("embedded:{PLUGIN}")).map_err(|error| load(&error))?;
        self.run_in(&plugin, keys)
    }

    /// Runs it in a plugin that is loaded; see [`Trial::run`].
    pub(super) fn run_in(&self, plugin: &Arc<Plugin>, keys: Arc<KeyRing>) -> Result<Tried, TrialError> {
        let mut settings = self.settings.clone();
        let mut fields = Vec::new();
        if self.subject.is_some() {
            settings.insert("by".to_owned(), json!(SUBJECT));
            fields.push((SUBJECT.to_owned(), json!({ "use": "keep" }).to_string()));
        }
        fields.insert(0, (VALUE.to_owned(), Value::Object(settings).to_string()));
        let allowed_keys = named_keys(&Value::Object(self.settings.clone())).into_iter().map(str::to_owned).collect();
        let spec = StepSpec { fields, settings_json: "{}".to_owned(), effects: plugin.description().effects, ..StepSpec::default() };
        let services = HostServices { keys, allowed_keys, log: LogMode::Count, ..HostServices::default() };
        let mut instance = plugin.instantiate(&spec, services).map_err(|error| match error {
            InitError::Settings { problems, .. } => TrialError::Settings {
                problems: problems
                    .into_iter()
                    .map(|problem| (problem.at.trim_start_matches("/fields/0").trim_start_matches('/').replace('/', "."), problem.message))
                    .collect(),
            },
            failed @ InitError::Failed { .. } => TrialError::Failed(failed.to_string()),
        })?;
        let mut batch = Batch { count: 1, origins: vec![0], ..Batch::default() };
        for scalar in std::iter::once(&self.value).chain(&self.subject) {
            let mut column = Column::default();
            column.push(0, scalar.kind, &scalar.bytes).map_err(|error| TrialError::Failed(error.to_string()))?;
            batch.fields.push(column);
        }
        match instance.transform(&batch) {
            Ok(changes) => Ok(self.outcome(&changes, &plugin.description().rejections)),
            Err(CallError::Rejected(code)) => Ok(Tried::Rejected(code)),
            Err(error) => Err(TrialError::Failed(error.to_string())),
        }
    }

    fn outcome(&self, changes: &Changes, codes: &[String]) -> Tried {
        if let Some(rejection) = changes.rejected.first() {
            return Tried::Rejected(codes.get(rejection.1 as usize).cloned().unwrap_or_default());
        }
        let Some(answers) = changes.fields.iter().find(|field| field.field == 0).map(|field| &field.answers) else {
            return Tried::Kept;
        };
        let bytes = answers.get(0).unwrap_or_default().to_vec();
        let null = Scalar { kind: Kind::Null, bytes: Vec::new() };
        match answers.actions.first().copied().and_then(Action::from_byte) {
            Some(Action::Set) => {
                let kind = answers.kinds.first().copied().and_then(Kind::from_byte).unwrap_or(Kind::Null);
                Tried::Set(Scalar { kind, bytes })
            }
            // In JSON every type allows null.
            Some(Action::Clear) if self.value.kind == Kind::Text => Tried::Set(Scalar { kind: Kind::Text, bytes }),
            Some(Action::Clear) => Tried::Set(null),
            Some(Action::Remove) => Tried::Removed,
            Some(Action::Reject) => Tried::Rejected("value_rejected".to_owned()),
            Some(Action::Keep) | None => Tried::Kept,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::plugin::guest;

    fn tried(settings: Value, subject: Option<&str>, value: &str) -> Result<Tried, TrialError> {
        let plugin = guest::load(embedded::component(PLUGIN).unwrap().to_vec(), &Limits::default()).unwrap();
        let mut ring = KeyRing::new();
        ring.add("pii", b"0123456789abcdef0123456789abcdef".to_vec()).unwrap();
        let Value::Object(settings) = settings else { unreachable!("settings are an object") };
        Trial { settings, subject: subject.map(Scalar::read), value: Scalar::read(value) }.run_in(&plugin, Arc::new(ring))
    }

    #[test]
    fn values_go_through_the_component() {
        let set = |kind, text: &str| Tried::Set(Scalar { kind, bytes: text.as_bytes().to_vec() });
        for (settings, subject, value, expected) in [
            (json!({ "use": "keep_last" }), None, "4111111111111111", set(Kind::Text, "************1111")),
            (json!({ "use": "hmac", "key": "pii" }), None, "ana@example.org", set(Kind::Text, "223c73a7523c3279c2b39614443d9484")),
            (json!({ "use": "redact" }), None, "Ana", set(Kind::Text, "[redacted]")),
            (json!({ "use": "redact" }), None, "7", set(Kind::Null, "")),
            (json!({ "use": "remove" }), None, "Ana", Tried::Removed),
            (json!({ "use": "redact" }), None, "null", Tried::Kept),
            (json!({ "use": "round", "to": 100 }), None, "1250", set(Kind::Integer, "1300")),
            (json!({ "use": "date_trunc", "to": "day" }), None, "soon", Tried::Rejected("not_a_date".into())),
            (
                json!({ "use": "detect", "then": { "use": "tokenize", "key": "pii", "prefix": "t:" } }),
                None,
                "to ana@example.org.",
                set(Kind::Text, "to t:15f23ee73b0ff623.oQZVs07TG7VhxahONCivEh_cD5mtBYY975Ay5NJ-rw."),
            ),
        ] {
            let found = tried(settings.clone(), subject, value).unwrap();
            assert!(found == expected, "{settings} {value}: {}", shown(&found));
        }
        // The same subject, the same shift.
        let shift = |subject, date: &str| tried(json!({ "use": "date_shift", "key": "pii", "days": 30 }), Some(subject), date).unwrap();
        assert!(matches!(shift("c-1", "1986-11-30"), Tried::Set(date) if date.bytes != b"1986-11-30"));
        assert!(shift("c-1", "1986-11-30") == shift("c-1", "1986-11-30"));
    }

    fn shown(tried: &Tried) -> String {
        match tried {
            Tried::Set(scalar) => format!("{:?} {}", scalar.kind, String::from_utf8_lossy(&scalar.bytes)),
            Tried::Kept => "kept".into(),
            Tried::Removed => "removed".into(),
            Tried::Rejected(code) => code.clone(),
        }
    }

    /// No operator has a native short cut: without the component each fails.
    #[test]
    fn without_the_component_nothing_is_masked() {
        for settings in [json!({ "use": "redact" }), json!({ "use": "keep_last" }), json!({ "use": "hmac", "key": "pii" })] {
            let Value::Object(settings) = settings else { unreachable!("settings are an object") };
            let mut ring = KeyRing::new();
            ring.add("pii", b"0123456789abcdef0123456789abcdef".to_vec()).unwrap();
            let trial = Trial { settings, subject: None, value: Scalar::text("Ana") };
            let said = embedded::without(|| trial.run(Arc::new(ring))).err().unwrap().to_string();
            assert_eq!(said, "cannot load the embedded plugin mask: this program was built without it");
        }
    }

    #[test]
    fn what_is_wrong_is_said_at_its_setting() {
        for (settings, expected) in [
            (json!({ "use": "redcat" }), "use: unknown operator \"redcat\"; did you mean \"redact\"?"),
            (json!({}), "`use` is missing"),
            (json!({ "use": "hmac", "key": "other" }), "key: there is no key `other` for this step; name it under `keys`"),
            (json!({ "use": "detect", "then": { "use": "mask", "chr": 1 } }), "then.chr: unknown setting; did you mean \"char\"?"),
        ] {
            assert_eq!(tried(settings, None, "x").err().unwrap().to_string(), expected);
        }
    }
}
