//! Reads a checked document: the bytes of what stands at a path. It must not choose where a name is there twice.
use std::borrow::Cow;
use std::ops::Range;

use crate::path::{Path, Segment};
use crate::scan::{Malformed, byte, check, end_of_string, end_of_value, skip_space};
use crate::text::unquote;

/// A name on the path is there twice: which of them is meant, nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate;

/// One value of a checked document, without white space around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<'a>(&'a [u8]);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean,
    /// A number without a point and without an exponent.
    Integer,
    /// Any other number.
    Decimal,
    /// A string.
    Text,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl<'a> Json<'a> {
    /// Checks a whole document.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(document: &'a [u8]) -> Result<Self, Malformed> {
        let (start, end) = check(document)?;
        Ok(Self(document.get(start..end).unwrap_or_default()))
    }

    /// Bytes that are known to be one value.
    pub(crate) fn known(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as they are written.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match byte(self.0, 0) {
            b'n' => Kind::Null,
            b't' | b'f' => Kind::Boolean,
            b'"' => Kind::Text,
            b'[' => Kind::Array,
            b'{' => Kind::Object,
            _ if self.0.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => Kind::Decimal,
            _ => Kind::Integer,
        }
    }

    /// The text of a string; none for anything else, and for half a surrogate pair.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'a, str>> {
        unquote(self.0)
    }

    /// Its own bytes as text: of a number or a literal that is what it says.
    #[must_use]
    pub fn written(&self) -> &'a str {
        std::str::from_utf8(self.0).unwrap_or_default()
    }

    /// What stands at `path`; none where nothing does.
    ///
    /// # Errors
    /// A name on the path is there twice.
    pub fn at(&self, path: &Path) -> Result<Option<Json<'a>>, Duplicate> {
        self.below(path.segments())
    }

    pub(crate) fn below(&self, segments: &[Segment]) -> Result<Option<Json<'a>>, Duplicate> {
        Ok(self.range_below(segments)?.and_then(|range| self.0.get(range)).map(Json))
    }

    /// Where that stands, from the value's own start.
    ///
    /// # Errors
    /// A name on the path is there twice.
    pub fn range(&self, path: &Path) -> Result<Option<Range<usize>>, Duplicate> {
        self.range_below(path.segments())
    }

    fn range_below(&self, segments: &[Segment]) -> Result<Option<Range<usize>>, Duplicate> {
        let mut range = 0..self.0.len();
        for segment in segments {
            let mut found = None;
            match segment {
                Segment::Name(name) if byte(self.0, range.start) == b'{' => {
                    for member in (Members { json: self.0, at: range.start + 1 }) {
                        if is_named(self.0.get(member.name.clone()).unwrap_or_default(), name) && found.replace(member.value).is_some() {
                            return Err(Duplicate);
                        }
                    }
                }
                Segment::Index(index) if byte(self.0, range.start) == b'[' => {
                    found = Elements { json: self.0, at: range.start + 1 }.nth(*index);
                }
                Segment::Name(_) | Segment::Index(_) => {}
            }
            match found {
                Some(found) => range = found,
                None => return Ok(None),
            }
        }
        Ok(Some(range))
    }

    /// The members of an object, names as strings; of anything else, none.
    pub fn members(&self) -> impl Iterator<Item = (Json<'a>, Json<'a>)> + use<'a> {
        let json = self.0;
        let at = if byte(json, 0) == b'{' { 1 } else { json.len() };
        let part = move |range| Json(json.get(range).unwrap_or_default());
        Members { json, at }.map(move |member| (part(member.name), part(member.value)))
    }

    /// The elements of an array; of anything else, none.
    pub fn elements(&self) -> impl Iterator<Item = Json<'a>> + use<'a> {
        let json = self.0;
        let at = if byte(json, 0) == b'[' { 1 } else { json.len() };
        Elements { json, at }.map(move |range| Json(json.get(range).unwrap_or_default()))
    }
}

impl std::fmt::Debug for Json<'_> {
    /// Without its bytes: a value must not reach a log by way of a derived `Debug`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Json({:?}, {} bytes)", self.kind(), self.0.len())
    }
}

/// Whether a member's name, as it is written, is that name.
pub(crate) fn is_named(written: &[u8], name: &str) -> bool {
    let inner = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    // A name with an escape is longer than it is.
    inner == name.as_bytes() && !name.contains('\\') || inner.contains(&b'\\') && unquote(written).is_some_and(|own| own == name)
}

/// A member of an object, by its places.
pub(crate) struct MemberAt {
    /// Its quotes included.
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// The members of an object, from behind its bracket.
pub(crate) struct Members<'a> {
    pub(crate) json: &'a [u8],
    pub(crate) at: usize,
}

impl Iterator for Members<'_> {
    type Item = MemberAt;

    fn next(&mut self) -> Option<MemberAt> {
        let start = skip_space(self.json, self.at);
        if byte(self.json, start) != b'"' {
            return None;
        }
        let name = start..end_of_string(self.json, start);
        // Past the colon.
        let start = skip_space(self.json, skip_space(self.json, name.end) + 1);
        let value = start..end_of_value(self.json, start);
        self.at = past(self.json, value.end);
        Some(MemberAt { name, value })
    }
}

/// The elements of an array, from behind its bracket.
pub(crate) struct Elements<'a> {
    pub(crate) json: &'a [u8],
    pub(crate) at: usize,
}

impl Iterator for Elements<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = skip_space(self.json, self.at);
        if matches!(byte(self.json, start), b']' | 0) {
            return None;
        }
        let value = start..end_of_value(self.json, start);
        self.at = past(self.json, value.end);
        Some(value)
    }
}

/// Past the comma behind a value; where there is none, the bracket.
fn past(json: &[u8], end: usize) -> usize {
    let next = skip_space(json, end);
    if byte(json, next) == b',' { next + 1 } else { next }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn paths_find_what_stands_there() {
        let document = br#" {"a":1.50,"b" : {"c\u0064":[true, {"e":"x"} ,null]} , "t":"\"}","u":[] } "#;
        let json = Json::parse(document).unwrap();
        for (path, expected) in [
            ("$.a", Some("1.50")),
            ("$.b.cd[0]", Some("true")),
            ("$.b.cd[1].e", Some("\"x\"")),
            ("$.b.cd[2]", Some("null")),
            ("$.b.cd[3]", None),
            ("$.b.cd", Some(r#"[true, {"e":"x"} ,null]"#)),
            ("$.t", Some(r#""\"}""#)),
            ("$.u[0]", None),
            ("$.a.b", None),
            ("$[0]", None),
            ("$.b[0]", None),
            ("$.c\u{64}", None),
        ] {
            let found = json.at(&Path::parse(path).unwrap()).unwrap().map(|json| json.written());
            assert_eq!(found, expected, "{path}");
        }
        let elements: Vec<_> = json.at(&Path::parse("$.b.cd").unwrap()).unwrap().unwrap().elements().map(|json| json.kind()).collect();
        assert_eq!(elements, [Kind::Boolean, Kind::Object, Kind::Null]);
        assert_eq!(json.elements().count(), 0);
    }

    #[test]
    fn a_name_that_is_there_twice_is_no_answer() {
        let json = Json::parse(br#"{"a":1,"\u0061":2,"b":{"c":1},"b":{}}"#).unwrap();
        for path in ["$.a", "$.b", "$.b.c"] {
            assert_eq!(json.at(&Path::parse(path).unwrap()), Err(Duplicate), "{path}");
        }
    }

    #[test]
    fn a_name_with_a_backslash_is_not_its_spelling() {
        let json = Json::parse(br#"{"a\\b":1,"a\tb":2}"#).unwrap();
        for (path, expected) in [(r"$['a\\b']", Some("1")), (r"$['a\tb']", Some("2")), (r"$['a\\\\b']", None)] {
            assert_eq!(json.at(&Path::parse(path).unwrap()).unwrap().map(|json| json.written()), expected, "{path}");
        }
    }
}
