//! Turns settings as JSON into types, and what does not fit into problems with their place. It must not know any
//! plugin's settings.
use std::fmt::Write;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::Problem;

/// Settings that are none: any key is a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Reads `json` into a type; a problem points below `at`.
pub(crate) fn read<T: DeserializeOwned>(at: &str, json: &str) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_str(json);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let mut at = at.to_owned();
        push_path(&mut at, error.path());
        Problem::new(at, message(error.inner()))
    })?;
    json.end().map_err(|error| Problem::new(at, message(&error)))?;
    Ok(read)
}

/// A JSON pointer: `at` with the reference tokens `below` appended, escaped as RFC 6901 says.
#[must_use]
pub fn pointer(at: &str, below: &str) -> String {
    let mut pointer = at.to_owned();
    push_token(&mut pointer, below);
    pointer
}

fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for letter in token.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(letter),
        }
    }
}

fn push_path(pointer: &mut String, path: &Path) {
    for segment in path {
        match segment {
            Segment::Seq { index } => write!(pointer, "/{index}").unwrap_or_default(),
            Segment::Map { key } => push_token(pointer, key),
            // An enum's variant is a key where it is written as one, else nothing that could be pointed at.
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
}

/// The message without "at line 1 column 9": the JSON is the host's, nobody sees its lines.
fn message(error: &serde_json::Error) -> String {
    let full = error.to_string();
    match full.rfind(" at line ") {
        Some(end) => full[..end].to_owned(),
        None => full,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read into")]
    struct Outer {
        inner: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only read into")]
    struct Inner {
        #[serde(rename = "a/b")]
        n: u8,
    }

    #[test]
    fn problems_point_at_the_key() {
        for (json, at, message) in [
            (r#"{"inner":[{"a/b":1},{"a/b":"x"}]}"#, "/settings/inner/1/a~1b", "invalid type: string \"x\", expected u8"),
            (r#"{"inner":[{"c":1}]}"#, "/settings/inner/0/c", "unknown field `c`, expected `a/b`"),
            (r#"{}"#, "/settings", "missing field `inner`"),
            (r#"{"inner":[]} x"#, "/settings", "trailing characters"),
            (r#"{"inner":"#, "/settings/inner", "EOF while parsing a value"),
        ] {
            let problem = read::<Outer>("/settings", json).unwrap_err();
            assert_eq!((problem.at.as_str(), problem.message.as_str()), (at, message), "{json}");
        }
    }

    #[test]
    fn no_settings_refuses_any_key() {
        assert!(read::<NoSettings>("/fields/0", "{}").is_ok());
        assert_eq!(read::<NoSettings>("/fields/0", r#"{"n":4}"#).unwrap_err().at, "/fields/0/n");
    }

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(pointer("/settings", "a/b~c"), "/settings/a~1b~0c");
    }
}
