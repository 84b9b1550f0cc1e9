//! Where something stands in a document: `$.customer.address['post code']`, `$.items[0]`. It must not select several
//! places: a path is RFC 9535 of names and indexes from 0 alone.
use std::fmt;

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A member of an object.
    Name(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

/// Why text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathError {
    /// Where, in characters from 0.
    pub at: usize,
    /// What is wrong there.
    pub message: &'static str,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.message, self.at + 1)
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut rest = text;
        let wrong = |rest: &str, message| Err(PathError { at: text.chars().count() - rest.chars().count(), message });
        let mut segments = Vec::new();
        match rest.strip_prefix('$') {
            Some(after) => rest = after,
            None => return wrong(rest, "a path begins with $"),
        }
        while !rest.is_empty() {
            if rest.starts_with("..") {
                return wrong(rest, "a path is one place: `..` means several");
            }
            if let Some(after) = rest.strip_prefix('.') {
                let length = after.find(|letter: char| !(letter == '_' || letter.is_ascii_alphanumeric() || !letter.is_ascii()));
                let (name, next) = after.split_at(length.unwrap_or(after.len()));
                match name.chars().next() {
                    None if after.starts_with('*') => return wrong(after, "a path is one place: `*` means several"),
                    None => return wrong(after, "a name should follow; write ['…'] for one with other signs"),
                    Some(first) if first.is_ascii_digit() => {
                        return wrong(after, "a name begins with no digit; write ['…'] for one that does");
                    }
                    Some(_) => {}
                }
                segments.push(Segment::Name(name.to_owned()));
                rest = next;
                continue;
            }
            let Some(inner) = rest.strip_prefix('[') else { return wrong(rest, "`.` or `[` should follow") };
            let (segment, next) = match inner.chars().next() {
                Some(quote @ ('\'' | '"')) => match quoted(&inner[1..], quote) {
                    Some((name, next)) => (Segment::Name(name), next),
                    None => return wrong(inner, "a name in quotes that does not end, or an escape that is none"),
                },
                Some('0'..='9') => {
                    let length = inner.bytes().take_while(u8::is_ascii_digit).count();
                    match inner[..length].parse() {
                        Ok(index) if length == 1 || !inner.starts_with('0') => (Segment::Index(index), &inner[length..]),
                        _ => return wrong(inner, "is no index"),
                    }
                }
                Some('-') => return wrong(inner, "an index counts from 0; from the end is not supported"),
                Some('*') => return wrong(inner, "a path is one place: `*` means several"),
                _ => return wrong(inner, "a name in quotes or an index should follow"),
            };
            match next.strip_prefix(']') {
                Some(after) => rest = after,
                None => return wrong(next, "`]` should follow"),
            }
            segments.push(segment);
        }
        Ok(Self(segments))
    }

    /// The member of that name, in the whole document.
    #[must_use]
    pub fn member(name: &str) -> Self {
        Self(vec![Segment::Name(name.to_owned())])
    }

    /// The steps from the whole document on.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether it is the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// A name up to its quote, and what follows.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Some((name, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'b' => name.push('\u{8}'),
                'f' => name.push('\u{c}'),
                'n' => name.push('\n'),
                'r' => name.push('\r'),
                't' => name.push('\t'),
                own @ ('/' | '\\') => name.push(own),
                own if own == quote => name.push(own),
                'u' => {
                    let start = text.len() - letters.as_str().len();
                    let scalar = u32::from_str_radix(text.get(start..start + 4)?, 16).ok().and_then(char::from_u32)?;
                    name.push(scalar);
                    letters.nth(3)?;
                }
                _ => return None,
            },
            letter if (letter as u32) < 0x20 => return None,
            letter => name.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read() {
        let name = |name: &str| Segment::Name(name.to_owned());
        for (text, expected) in [
            ("$", vec![]),
            ("$.a.b_1", vec![name("a"), name("b_1")]),
            ("$.é['x y'][\"it's\"]", vec![name("é"), name("x y"), name("it's")]),
            (r"$['it\'s']['\u00e9\\']", vec![name("it's"), name("é\\")]),
            ("$.items[0][12].sku", vec![name("items"), Segment::Index(0), Segment::Index(12), name("sku")]),
        ] {
            assert_eq!(Path::parse(text), Ok(Path(expected)), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_said_with_its_place() {
        for (text, expected) in [
            ("", "a path begins with $ (at character 1)"),
            ("a.b", "a path begins with $ (at character 1)"),
            ("$a", "`.` or `[` should follow (at character 2)"),
            ("$.a..b", "a path is one place: `..` means several (at character 4)"),
            ("$.é.*", "a path is one place: `*` means several (at character 5)"),
            ("$.a[*]", "a path is one place: `*` means several (at character 5)"),
            ("$.a[-1]", "an index counts from 0; from the end is not supported (at character 5)"),
            ("$.a[01]", "is no index (at character 5)"),
            ("$.a[1", "`]` should follow (at character 6)"),
            ("$.a['b]", "a name in quotes that does not end, or an escape that is none (at character 5)"),
            (r"$['\u12']", "a name in quotes that does not end, or an escape that is none (at character 3)"),
            ("$.", "a name should follow; write ['…'] for one with other signs (at character 3)"),
            ("$.a-b", "`.` or `[` should follow (at character 4)"),
            ("$.1a", "a name begins with no digit; write ['…'] for one that does (at character 3)"),
            ("$.a[b]", "a name in quotes or an index should follow (at character 5)"),
        ] {
            assert_eq!(Path::parse(text).map_err(|error| error.to_string()), Err(expected.to_owned()), "{text}");
        }
    }
}
