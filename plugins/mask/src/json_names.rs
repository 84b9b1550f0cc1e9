//! Finds the names of members in text that holds JSON. It must not read a number, nor touch anything but names.
use std::collections::HashSet;
use std::ops::Range;

use serde::de::IgnoredAny;

/// A name in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Where it stands, quotes included.
    pub place: Range<usize>,
    /// What it says, escapes resolved.
    pub text: String,
    /// Which object it is in, counted in the order in which they begin.
    pub object: usize,
}

/// The names of the members of objects that lie in at most `levels` objects, themselves included, in order; arrays do
/// not count. None where the text is not one JSON object or array.
pub fn names(text: &str, levels: usize) -> Option<Vec<Name>> {
    if !text.trim_start().starts_with(['{', '[']) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    // The text is JSON from here on, so that a lexer of strings and brackets is enough.
    let bytes = text.as_bytes();
    // The objects and arrays around: the number of an object, none for an array.
    let mut around: Vec<Option<usize>> = Vec::new();
    let (mut objects, mut level, mut at, mut found) = (0, 0, 0, Vec::new());
    let mut named = false;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'{' => {
                around.push(Some(objects));
                (objects, level, named) = (objects + 1, level + 1, true);
            }
            b'[' => {
                around.push(None);
                named = false;
            }
            b'}' | b']' => level -= usize::from(around.pop().flatten().is_some()),
            b',' => named = around.last().copied().flatten().is_some(),
            b':' => named = false,
            b'"' => {
                at = end_of_string(bytes, at)?;
                if let (true, Some(&Some(object))) = (named && level <= levels, around.last()) {
                    found.push(Name { place: start..at, text: serde_json::from_str(text.get(start..at)?).ok()?, object });
                }
            }
            _ => {}
        }
    }
    Some(found)
}

/// Where the string ends whose first letter is at `at`, its quote included.
fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Appends `text` with each name replaced by the new one; false, and nothing appended, where two members of one object
/// would have the same name.
pub fn rename(out: &mut Vec<u8>, text: &str, names: &[Name], new: &[String]) -> bool {
    let mut seen = HashSet::new();
    if names.len() != new.len() || !names.iter().zip(new).all(|(name, new)| seen.insert((name.object, new))) {
        return false;
    }
    let start = out.len();
    let mut from = 0;
    for (name, new) in names.iter().zip(new) {
        out.extend_from_slice(text.as_bytes().get(from..name.place.start).unwrap_or_default());
        if serde_json::to_writer(&mut *out, new).is_err() {
            out.truncate(start);
            return false;
        }
        from = name.place.end;
    }
    out.extend_from_slice(text.as_bytes().get(from..).unwrap_or_default());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_level() {
        let text = r#" {"a@b.org" : {"x": ["y", {"z\"":1}], "u":{}}, "\u0062": "c", "d":[{"e":1.50}]} "#;
        for (levels, expected) in [
            (1, &[("a@b.org", 0), ("b", 0), ("d", 0)][..]),
            (2, &[("a@b.org", 0), ("x", 1), ("u", 1), ("b", 0), ("d", 0), ("e", 4)]),
            (3, &[("a@b.org", 0), ("x", 1), ("z\"", 2), ("u", 1), ("b", 0), ("d", 0), ("e", 4)]),
        ] {
            let found = names(text, levels).unwrap_or_default();
            assert_eq!(found.iter().map(|name| (name.text.as_str(), name.object)).collect::<Vec<_>>(), expected, "{levels}");
        }
        assert_eq!(names("[[], {}, 1]", 1), Some(Vec::new()));
        for text in ["", "1", "\"a\"", "null", "{", "{\"a\":1} x", "{a:1}", "{\"a\":01}", &"[".repeat(10_000)] {
            assert_eq!(names(text, 1), None, "{text:.20}");
        }
    }

    #[test]
    fn names_change_and_nothing_else() {
        let text = r#" {"a" : {"b": 1.50e1}, "c":"a"} "#;
        let found = names(text, 2).unwrap_or_default();
        let mut out = b"before ".to_vec();
        assert!(rename(&mut out, text, &found, &["1\n".to_owned(), "a".to_owned(), "é".to_owned()]));
        assert_eq!(String::from_utf8_lossy(&out), r#"before  {"1\n" : {"a": 1.50e1}, "é":"a"} "#);
        let mut out = Vec::new();
        assert!(!rename(&mut out, text, &found, &["x".to_owned(), "a".to_owned(), "x".to_owned()]));
        assert!(!rename(&mut out, text, &found, &["x".to_owned()]));
        assert!(out.is_empty());
        // Names may meet across objects.
        assert!(rename(&mut out, text, &found, &["x".to_owned(), "x".to_owned(), "y".to_owned()]));
    }
}
