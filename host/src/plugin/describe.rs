//! What a plugin says about itself, checked once at load so that nobody has to wonder later.
//! It must not be believed beyond its form: what a plugin may do is what the step grants.

use super::bindings::sluice::plugin::types as wit;
use super::grants::{Effects, Sees};
use super::limits::{NAMES, SCHEMA_BYTES};

/// Bytes of a plugin's name, its version, and of each name that it declares.
const NAME_BYTES: usize = 64;
/// Bytes of the sentence that describes a plugin.
const SUMMARY_BYTES: usize = 512;

/// What a plugin is and what it asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// `[a-z][a-z0-9-]*`; steps name the plugin by it.
    pub name: String,
    /// Semantic version of the plugin.
    pub version: String,
    /// One sentence for the person who chooses it.
    pub summary: String,
    /// JSON Schema of the step's settings.
    pub settings_schema: serde_json::Value,
    /// JSON Schema of one field's settings.
    pub field_settings_schema: serde_json::Value,
    /// The most that it may ask to see.
    pub sees: Sees,
    /// The most that it may do.
    pub effects: Effects,
    /// Names of counters, used by index.
    pub counters: Vec<String>,
    /// Names of rejection codes, used by index.
    pub rejections: Vec<String>,
}

impl Description {
    /// Checks what came back from `describe`; the error says what is wrong with it.
    pub(super) fn parse(from: wit::Description) -> Result<Self, String> {
        if !is_name(&from.name, b"-") {
            return Err(format!("its name is not `[a-z][a-z0-9-]*` of at most {NAME_BYTES} bytes"));
        }
        if !is_version(&from.version) {
            return Err("its version is not a semantic version such as 1.0.0".to_owned());
        }
        if from.summary.len() > SUMMARY_BYTES || from.summary.chars().any(char::is_control) {
            return Err(format!("its summary is not one line of at most {SUMMARY_BYTES} bytes"));
        }
        names(&from.counters, "counter", b"_:.-")?;
        names(&from.rejections, "rejection code", b"_")?;
        Ok(Description {
            settings_schema: schema(&from.settings_schema, "settings-schema")?,
            field_settings_schema: schema(&from.field_settings_schema, "field-settings-schema")?,
            name: from.name,
            version: from.version,
            summary: from.summary,
            sees: from.sees.into(),
            effects: from.effects.into(),
            counters: from.counters,
            rejections: from.rejections,
        })
    }
}

/// A lower-case letter, then lower-case letters, digits and some of `also`.
fn is_name(name: &str, also: &[u8]) -> bool {
    let rest = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || also.contains(b);
    match name.as_bytes() {
        [first, more @ ..] => first.is_ascii_lowercase() && more.iter().all(rest) && name.len() <= NAME_BYTES,
        [] => false,
    }
}

/// `1.2.3`, and what may follow a `-` or `+` there; see <https://semver.org>.
fn is_version(version: &str) -> bool {
    let (core, tail) = match version.find(['-', '+']) {
        Some(at) => (&version[..at], Some(&version[at + 1..])),
        None => (version, None),
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let tail_ok = |tail: &str| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'+');
        !tail.is_empty() && tail.bytes().all(legal)
    };
    version.len() <= NAME_BYTES && core.split('.').count() == 3 && core.split('.').all(number) && tail.is_none_or(tail_ok)
}

fn names(names: &[String], what: &str, also: &[u8]) -> Result<(), String> {
    if names.len() > NAMES {
        return Err(format!("it declares {} {what}s; at most {NAMES} are allowed", names.len()));
    }
    for (i, name) in names.iter().enumerate() {
        if !is_name(name, also) {
            return Err(format!("the name of its {what} {i} is not allowed"));
        }
        if names[..i].contains(name) {
            return Err(format!("it declares the {what} {name} twice"));
        }
    }
    Ok(())
}

fn schema(text: &str, what: &str) -> Result<serde_json::Value, String> {
    if text.len() > SCHEMA_BYTES {
        return Err(format!("its {what} has {} bytes; at most {SCHEMA_BYTES} are allowed", text.len()));
    }
    match serde_json::from_str(text) {
        Ok(schema @ (serde_json::Value::Object(_) | serde_json::Value::Bool(_))) => Ok(schema),
        Ok(_) => Err(format!("its {what} is neither an object nor a boolean")),
        Err(error) => Err(format!("its {what} is not JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right() -> wit::Description {
        wit::Description {
            name: "mask".into(),
            version: "1.0.0-rc.1+b2".into(),
            summary: "Masks.".into(),
            settings_schema: r#"{"type":"object"}"#.into(),
            field_settings_schema: "true".into(),
            sees: wit::Sees::KEY,
            effects: wit::Effects::EDIT_FIELDS | wit::Effects::REJECT,
            counters: vec!["masked:keep_last".into()],
            rejections: vec!["not_text".into()],
        }
    }

    #[test]
    fn a_right_one_is_taken_over() {
        let got = Description::parse(right()).expect("it is right");
        assert_eq!(got.name, "mask");
        assert!(got.sees.key && got.effects.edit_fields && got.effects.reject && !got.effects.drop);
    }

    #[test]
    fn every_wrong_one_is_named() {
        type Break = fn(&mut wit::Description);
        let cases: &[(&str, Break)] = &[
            ("its name", |d| d.name = "Mask".into()),
            ("its name", |d| d.name = String::new()),
            ("its name", |d| d.name = "../mask".into()),
            ("its name", |d| d.name = "m".repeat(65)),
            ("its version", |d| d.version = "1.0".into()),
            ("its version", |d| d.version = "1.0.x".into()),
            ("its version", |d| d.version = "1.0.0-".into()),
            ("its summary", |d| d.summary = "a\nb".into()),
            ("its settings-schema is not JSON", |d| d.settings_schema = "{".into()),
            ("its settings-schema is neither", |d| d.settings_schema = "3".into()),
            ("its field-settings-schema has", |d| d.field_settings_schema = " ".repeat(SCHEMA_BYTES + 1)),
            ("it declares 65 counters", |d| d.counters = (0..65).map(|i| format!("c{i}")).collect()),
            ("the name of its counter 1", |d| d.counters.push("a b".into())),
            ("it declares the counter", |d| d.counters.push("masked:keep_last".into())),
            ("the name of its rejection code 0", |d| d.rejections = vec!["Ada Lovelace".into()]),
        ];
        for (what, damage) in cases {
            let mut wrong = right();
            damage(&mut wrong);
            let got = Description::parse(wrong).expect_err(what);
            assert!(got.starts_with(what), "{got}");
        }
    }
}
