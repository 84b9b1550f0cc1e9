//! A place of a document, and perhaps on inside the text that stands there: selectors with `>>` between them, each but the
//! first over the JSON document that the text before it holds. Looks at no document.
//!
//! `$.payload >> $.customer.email` is the e-mail address in the document that the text `$.payload` holds. The notation is
//! our own: what stands on either side of `>>` is RFC 9535, as far as [`Selector`] takes it.

use std::fmt;

use super::selector::{Selector, SelectorError};

/// One selector, or several of which each goes on inside the texts that the one before it names.
#[derive(Clone, Debug)]
pub struct Path {
    written: String,
    selectors: Vec<Selector>,
}

impl Path {
    /// Reads a path. Errors carry their place in the whole text.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { written: text.to_owned(), selectors: Selector::parse_joined(text)? })
    }

    /// The canonical forms of its selectors: two paths are one if these are equal.
    #[must_use]
    pub fn canonical(&self) -> String {
        let parts: Vec<String> = self.selectors.iter().map(Selector::canonical).collect();
        parts.join(" >> ")
    }

    /// What stands behind the first `>>`, as written; none where there is none.
    #[must_use]
    pub fn inside(&self) -> Option<String> {
        let parts: Vec<String> = self.selectors.iter().skip(1).map(Selector::to_string).collect();
        if parts.is_empty() { None } else { Some(parts.join(" >> ")) }
    }

    /// The selectors of each path, at least one.
    pub(super) fn selectors_of(paths: &[Self]) -> impl Iterator<Item = &[Selector]> {
        paths.iter().map(|path| path.selectors.as_slice())
    }
}

/// As the user wrote it.
impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn selectors_are_told_apart() {
        let cases = [
            ("$.a", "$['a']"),
            ("$.a >> $.b", "$['a'] >> $['b']"),
            ("$.a>>$['b']", "$['a'] >> $['b']"),
            ("$ >> $", "$ >> $"),
            ("$['x >> $.y'] >> $[0]\t>>\n$..c", "$['x >> $.y'] >> $[0] >> $..['c']"),
        ];
        for (text, canonical) in cases {
            let path = Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((path.canonical().as_str(), path.to_string().as_str()), (canonical, text));
            assert_eq!(Path::parse(canonical).unwrap().canonical(), canonical);
        }
        let written = |path: &str| Path::parse(path).unwrap().selectors.iter().map(Selector::to_string).collect::<Vec<_>>();
        assert_eq!(written("$.a  >>  $.b"), ["$.a", "$.b"]);
        let inside = |path: &str| Path::parse(path).unwrap().inside();
        assert_eq!((inside("$.a"), inside("$['>>'] >> $.b>>$").as_deref()), (None, Some("$.b >> $")));
    }

    #[test]
    fn refusals_say_where_and_what() {
        let cases = [
            ("$.a >>", 6, "begins with `$`"),
            (">> $.a", 0, "begins with `$`"),
            ("$.a >> b", 7, "begins with `$`"),
            ("$.a > $.b", 4, "`.` or `[`"),
            ("$.a >> $.b ", 10, "white space at the end"),
            ("$.a >> $[?@.b]", 9, "filters"),
            ("$>>$>>$>>$>>$>>$", 13, "more than 4 texts"),
        ];
        for (text, at, says) in cases {
            let error = Path::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}: {error}");
            assert!(error.message.contains(says), "{text}: {error}");
        }
    }
}
