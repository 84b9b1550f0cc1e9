//! Builds a description by naming only what is not nothing. It must not ask for anything on a plugin's behalf.
use crate::{Description, Effects, Problem, Sees};

/// The schema of settings that are none.
const NOTHING: &str = r#"{"type":"object","additionalProperties":false}"#;

impl Description {
    /// A plugin that has no settings, sees only its fields and may do nothing. `version` is a semantic version
    /// (`env!("CARGO_PKG_VERSION")`), `summary` one sentence for the person who chooses the plugin.
    #[must_use]
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            settings_schema: NOTHING.to_owned(),
            field_settings_schema: NOTHING.to_owned(),
            sees: Sees::empty(),
            effects: Effects::empty(),
            counters: Vec::new(),
            rejections: Vec::new(),
        }
    }

    /// JSON Schema of the step's settings.
    #[must_use]
    pub fn settings_schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.settings_schema);
        self
    }

    /// JSON Schema of one field's settings.
    #[must_use]
    pub fn field_settings_schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.field_settings_schema);
        self
    }

    /// JSON Schema of the step's settings, of their type.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn settings<T: schemars::JsonSchema>(self) -> Self {
        self.settings_schema(&schema_of::<T>())
    }

    /// JSON Schema of one field's settings, of their type.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn field_settings<T: schemars::JsonSchema>(self) -> Self {
        self.field_settings_schema(&schema_of::<T>())
    }

    /// The most that it may ask to see beside its fields; a step may grant less.
    #[must_use]
    pub fn sees(mut self, sees: Sees) -> Self {
        self.sees = sees;
        self
    }

    /// The most that it may do; a step may grant less.
    #[must_use]
    pub fn effects(mut self, effects: Effects) -> Self {
        self.effects = effects;
        self
    }

    /// Names of counters, at most 64; [`count`](crate::host::count) takes the index. `masked:OPERATOR` also feeds the
    /// host's metric of masked fields.
    #[must_use]
    pub fn counters(mut self, names: &[&str]) -> Self {
        self.counters = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// Names of rejection codes, at most 64, `[a-z][a-z0-9_]*`; a rejection carries the index.
    #[must_use]
    pub fn rejections(mut self, codes: &[&str]) -> Self {
        self.rejections = codes.iter().map(|&code| code.to_owned()).collect();
        self
    }
}

/// The schema as text; without the address of its dialect, which every schema of the contract shares.
#[cfg(feature = "schema")]
fn schema_of<T: schemars::JsonSchema>() -> String {
    schemars::generate::SchemaSettings::default()
        .with(|settings| settings.meta_schema = None)
        .into_generator()
        .into_root_schema_for::<T>()
        .as_value()
        .to_string()
}

impl Problem {
    /// What is wrong, at a JSON pointer (`/settings/…` or `/fields/N/…`), in a sentence without data from records.
    #[must_use]
    pub fn new(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), message: message.into() }
    }
}

#[cfg(all(test, feature = "schema"))]
mod tests {
    use super::*;

    /// Settings of a field.
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Keep {
        /// Characters that stay.
        n: u16,
    }

    impl Default for Keep {
        fn default() -> Self {
            Self { n: 4 }
        }
    }

    #[test]
    fn a_type_says_its_schema() -> serde_json::Result<()> {
        let description = Description::new("keep", "1.0.0", "Keeps.").field_settings::<Keep>();
        let schema: serde_json::Value = serde_json::from_str(&description.field_settings_schema)?;
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["n"]["default"], 4);
        assert_eq!(schema["properties"]["n"]["description"], "Characters that stay.");
        assert_eq!(schema.get("$schema"), None);
        Ok(())
    }
}
