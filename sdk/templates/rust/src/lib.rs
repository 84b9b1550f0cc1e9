//! Keeps the last characters of a field; every other one becomes `*`. It must not pass what it does not understand.
#![forbid(unsafe_code)]
use schemars::JsonSchema;
use serde::Deserialize;
use sluice_plugin::{Answer, Answered, Description, Effects, FieldPlugin, Fields, Kind, Value, register};

/// The settings of one field.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepLast {
    /// Characters that stay; 4 unless given.
    n: Option<u16>,
}

impl FieldPlugin for KeepLast {
    fn describe() -> Description {
        Description::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"), "Keeps the last characters of a field.")
            .field_settings::<Self>()
            .effects(Effects::EDIT_FIELDS | Effects::REJECT)
            .rejections(&["not_text"])
    }

    fn mask(&mut self, value: Value<'_>, answer: Answer<'_>) -> Answered {
        if value.is_null() {
            return answer.keep();
        }
        let Some(text) = value.as_str().or_else(|| value.as_number()) else { return answer.reject(0) };
        let (characters, n) = (text.chars().count(), usize::from(self.n.unwrap_or(4)));
        let stars = if n < characters { characters - n } else { characters }; // none to spare: masked whole
        answer.write(Kind::TEXT, |out| {
            out.resize(out.len() + stars, b'*');
            out.extend(text.char_indices().nth(stars).map_or("", |(kept, _)| &text[kept..]).bytes());
        })
    }
}

register!(Fields<KeepLast>);
