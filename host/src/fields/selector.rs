//! One selector: the subset of RFC 9535 (JSONPath) that names places, parsed and in canonical form. Does not look at
//! documents and does not compare selectors with each other.
//!
//! Supported: names (`.name`, `['name']`, `["name"]`), indexes (`[0]`, and from the end `[-1]`), wildcards (`.*`,
//! `[*]`), descendants (`..name`, `..*`, `..[0]`). Slices, filters and several selectors in one bracket are refused.
//! A bare `$` is the whole document: as a field every scalar in it, under `keep` everything. `>>`, which RFC 9535 does
//! not have, stands between selectors and belongs to none of them: see [`Path`](super::Path).

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};

mod parse;

/// Why a text is not a selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the selector at byte {at}: {message}")]
pub struct SelectorError {
    /// Where in the selector's text, in bytes from its start.
    pub at: usize,
    /// What is wrong there and what to write instead.
    pub message: String,
}

/// What one segment picks among the children of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// The member of that name of an object, compared after unescaping, without Unicode normalisation.
    Name(Box<str>),
    /// The element of an array; from the end when negative (-1 is the last).
    Index(i64),
    /// Every member of an object, every element of an array.
    Wildcard,
}

/// One step down, or (descendant) one step down from the value itself and from everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    pub(super) descendant: bool,
    pub(super) step: Step,
}

/// A parsed selector. Two are equal when their canonical forms are: `$.a` and `$['a']` are one.
#[derive(Clone, Debug)]
pub struct Selector {
    written: String,
    segments: Vec<Segment>,
}

impl Selector {
    /// Reads a selector as RFC 9535 writes it.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let segments = parse::segments(text)?;
        Ok(Self { written: text.to_owned(), segments })
    }

    /// Reads selectors with `>>` between them, each with its own part of the text as written.
    pub(super) fn parse_joined(text: &str) -> Result<Vec<Self>, SelectorError> {
        let joined = parse::joined(text)?;
        Ok(joined.into_iter().map(|(written, segments)| Self { written: written.to_owned(), segments }).collect())
    }

    /// The canonical form, as RFC 9535 writes normalized paths: `$['a'][0][*]..['b']`.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::from("$");
        for segment in &self.segments {
            if segment.descendant {
                out.push_str("..");
            }
            match &segment.step {
                Step::Name(name) => push_quoted(&mut out, name),
                // Writing to a String cannot fail.
                Step::Index(index) => write!(out, "[{index}]").unwrap_or_default(),
                Step::Wildcard => out.push_str("[*]"),
            }
        }
        out
    }

    /// The segments behind `$`; none for the whole document.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// Appends `['name']` as in a normalized path (RFC 9535, section 2.7).
pub(super) fn push_quoted(out: &mut String, name: &str) {
    out.push_str("['");
    for char in name.chars() {
        match char {
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            // Writing to a String cannot fail.
            control if control < ' ' => write!(out, "\\u{:04x}", control as u32).unwrap_or_default(),
            other => out.push(other),
        }
    }
    out.push_str("']");
}

/// As the user wrote it; see [`Selector::canonical`] for the form that compares.
impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.segments == other.segments
    }
}

impl Eq for Selector {}

impl Hash for Selector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.segments.hash(state);
    }
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn canonical_forms() {
        let cases = [
            ("$", "$"),
            ("$.a", "$['a']"),
            ("$['a']", "$['a']"),
            ("$[\"a\"]", "$['a']"),
            ("$.a.b[0].c", "$['a']['b'][0]['c']"),
            ("$[-1]", "$[-1]"),
            ("$.*", "$[*]"),
            ("$[*]", "$[*]"),
            ("$..a", "$..['a']"),
            ("$..['a']", "$..['a']"),
            ("$..*", "$..[*]"),
            ("$..[*]", "$..[*]"),
            ("$..[0]", "$..[0]"),
            ("$..book[*].title", "$..['book'][*]['title']"),
            ("$ .a\n[ 'b' ]\t..c", "$['a']['b']..['c']"),
            ("$.größe", "$['größe']"),
            ("$._a1", "$['_a1']"),
            ("$.☺", "$['☺']"),
            (r#"$["it's"]"#, r"$['it\'s']"),
            (r"$['it\'s']", r"$['it\'s']"),
            (r#"$["\"\\\/\b\f\n\r\t"]"#, r#"$['"\\/\b\f\n\r\t']"#),
            (r"$['\u00e9\u000b']", r"$['é\u000b']"),
            (r"$['\uD83D\uDE00']", "$['😀']"),
            ("$['']", "$['']"),
            ("$['$.*']", "$['$.*']"),
            ("$[9007199254740991]", "$[9007199254740991]"),
        ];
        for (text, canonical) in cases {
            let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(selector.canonical(), canonical, "{text}");
            assert_eq!(selector.to_string(), text);
            assert_eq!(Selector::parse(canonical).unwrap(), selector, "{text}");
        }
    }

    #[test]
    fn refusals_say_where_and_what() {
        let cases = [
            ("", 0, "begins with `$`"),
            ("a", 0, "begins with `$`"),
            (" $.a", 0, "begins with `$`"),
            ("$.a ", 3, "white space at the end"),
            ("$a", 1, "`.` or `[`"),
            ("$.", 2, "name or `*`"),
            ("$. a", 2, "name or `*`"),
            ("$..", 3, "name, `*` or `[`"),
            ("$...a", 3, "name, `*` or `[`"),
            ("$.1a", 2, "name or `*`"),
            ("$.a-b", 3, "['a-b']"),
            ("$[", 2, "`]`"),
            ("$[]", 2, "empty"),
            ("$['a'", 5, "`]`"),
            ("$['a", 4, "closing quote"),
            ("$[a]", 2, "quotes"),
            ("$['a','b']", 5, "one selector for each"),
            ("$[0,1]", 3, "one selector for each"),
            ("$[*,1]", 3, "one selector for each"),
            ("$[1:2]", 3, "slices"),
            ("$[:2]", 2, "slices"),
            ("$[::]", 2, "slices"),
            ("$[?@.a]", 2, "filters"),
            ("$[01]", 2, "leading zero"),
            ("$[-0]", 2, "-0"),
            ("$[-]", 2, "digits"),
            ("$[9007199254740992]", 2, "2^53"),
            ("$[-99999999999999999999]", 2, "2^53"),
            (r#"$["\'"]"#, 3, "escape"),
            (r#"$['\"']"#, 3, "escape"),
            (r"$['\x']", 3, "escape"),
            (r"$['\u12']", 3, "four hexadecimal digits"),
            (r"$['\ud800']", 3, "surrogate"),
            (r"$['\ud800\u0041']", 3, "surrogate"),
            (r"$['\udc00']", 3, "surrogate"),
            ("$['\u{1}']", 3, "control character"),
            ("$.a >> $.b", 4, "inside a text"),
        ];
        for (text, at, says) in cases {
            let error = Selector::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.message.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_selector_deeper_than_documents_is_refused() {
        let most = format!("${}", ".a".repeat(super::super::MAX_DEPTH));
        assert!(Selector::parse(&most).is_ok());
        let error = Selector::parse(&format!("{most}.b")).unwrap_err();
        assert!(error.message.contains("128"), "{error}");
    }
}
