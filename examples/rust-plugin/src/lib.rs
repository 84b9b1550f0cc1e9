//! A masking plugin in under 30 lines: of every word only the first letter stays. It must not pass what is not text.
#![forbid(unsafe_code)]
use serde::Deserialize;
use sluice_plugin::{Answer, Answered, Description, Effects, FieldPlugin, Fields, Value, register};

/// The settings of one field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Initials {
    /// What follows each letter; `.` unless set.
    dot: Option<char>,
}

impl FieldPlugin for Initials {
    fn describe() -> Description {
        Description::new("initials", env!("CARGO_PKG_VERSION"), "Keeps the first letter of every word.")
            .field_settings_schema(r#"{"type":"object","properties":{"dot":{"type":"string"}},"additionalProperties":false}"#)
            .effects(Effects::EDIT_FIELDS)
    }

    fn mask(&mut self, value: Value<'_>, answer: Answer<'_>) -> Answered {
        let Some(text) = value.as_str() else { return answer.null() };
        let letters = text.split_whitespace().filter_map(|word| word.chars().next());
        answer.text(&letters.flat_map(|letter| [letter, self.dot.unwrap_or('.')]).collect::<String>())
    }
}

register!(Fields<Initials>);

#[cfg(test)]
mod tests {
    use sluice_plugin::testing::{CaseFailure, check_case};

    use super::*;

    #[test]
    fn names_become_initials() -> Result<(), CaseFailure> {
        check_case::<Fields<Initials>>(
            r#"{ "about": "names", "fields": [["$.name", {}], ["$.title", { "dot": "-" }]], "records": [
                { "in": { "$.name": "Ana María Núñez" }, "out": { "$.name": "A.M.N." } },
                { "in": { "$.name": 42, "$.title": "Señora" }, "out": { "$.name": null, "$.title": "S-" } } ] }"#,
        )
    }

    #[test]
    fn the_guide_shows_this_plugin() {
        let code = include_str!("lib.rs").split("\n#[cfg(test)]").next().unwrap_or_default();
        assert!(include_str!("../../../sdk/README.md").contains(code));
    }
}
