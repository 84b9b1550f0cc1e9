//! JSON string contents to text and back. Works on the bytes between the quotes; whether those are a valid JSON string
//! was checked before.

use super::hit::DecodeError;
use super::scan;

/// Appends the text that `raw` (between the quotes, already scanned) stands for.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..backslash]);
        let (scalar, length) = escape(&rest[backslash..])?;
        out.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[backslash + length..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Whether `raw` (already scanned) stands for a text at all.
pub(super) fn check(raw: &[u8]) -> Result<(), DecodeError> {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest) {
        let (_, length) = escape(&rest[backslash..])?;
        rest = &rest[backslash + length..];
    }
    Ok(())
}

/// The scalar that the escape at the start of `raw` stands for, and its length.
fn escape(raw: &[u8]) -> Result<(char, usize), DecodeError> {
    let simple = match raw.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(&same @ (b'"' | b'\\' | b'/')) => same as char,
        Some(b'u') => return unicode(raw),
        _ => return Err(DecodeError::NotJson),
    };
    Ok((simple, 2))
}

fn unicode(raw: &[u8]) -> Result<(char, usize), DecodeError> {
    let first = unit(raw, 0).ok_or(DecodeError::NotJson)?;
    if let Some(scalar) = char::from_u32(first) {
        return Ok((scalar, 6));
    }
    // Not a scalar: a surrogate. A leading one must be followed by the escape of a trailing one.
    let second = unit(raw, 6).filter(|second| (0xdc00..0xe000).contains(second) && first < 0xdc00);
    let scalar = second.and_then(|second| char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
    Ok((scalar.ok_or(DecodeError::LoneSurrogate)?, 12))
}

/// The UTF-16 unit that `\uXXXX` at `at` writes.
fn unit(raw: &[u8], at: usize) -> Option<u32> {
    let digits = raw.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | (digit as char).to_digit(16)?))
}

/// Appends `text` as a JSON string, quotes included. Escapes only what must be: quote, backslash, control characters.
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    push_escaped(text.as_bytes(), out);
    out.push(b'"');
}

/// The same without quotes; `text` is UTF-8, or a part of it.
pub(super) fn push_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (plain, escaped) = rest.split_at(scan::plain(rest, 0));
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = escaped.split_first() else { break };
        push_escape(byte, out);
        rest = behind;
    }
}

/// Walks what stands between the quotes side by side with the text that it stands for.
pub(super) struct Aligned<'a> {
    raw: &'a [u8],
    /// How far it is in `raw`, and in the text.
    at: usize,
    text: usize,
}

impl<'a> Aligned<'a> {
    /// At the beginning of both; `raw` is a valid string without its quotes.
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self { raw, at: 0, text: 0 }
    }

    /// Where in `raw` that stands which begins at `text` in the text. It only goes forward; none inside a character that
    /// is escaped, or behind the end.
    pub(super) fn reach(&mut self, text: usize) -> Option<usize> {
        while self.text < text {
            let rest = self.raw.get(self.at..).filter(|rest| !rest.is_empty())?;
            let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len()).min(text - self.text);
            let (raw, length) = match plain {
                0 => escape(rest).map(|(scalar, raw)| (raw, scalar.len_utf8())).ok()?,
                plain => (plain, plain),
            };
            self.at += raw;
            self.text += length;
        }
        (self.text == text).then_some(self.at)
    }
}

/// Appends the two digits of a byte in lower case.
pub(super) fn push_hex(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn push_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0..0x20 => {
            out.extend_from_slice(b"\\u00");
            push_hex(byte, out);
        }
        quote_or_backslash => out.extend_from_slice(&[b'\\', quote_or_backslash]),
    }
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn escapes_resolve() {
        let cases = [
            ("", Ok("")),
            ("plain é", Ok("plain é")),
            (r#"\"\\\/\b\f\n\r\t"#, Ok("\"\\/\u{8}\u{c}\n\r\t")),
            (r"\u0041b\u00E9\u20ac", Ok("Abé€")),
            (r"\uD83D\uDE00!", Ok("😀!")),
            (r"\uD83D", Err(DecodeError::LoneSurrogate)),
            (r"\uD83Dx", Err(DecodeError::LoneSurrogate)),
            (r"\uD83D\n", Err(DecodeError::LoneSurrogate)),
            (r"\uD83D\u0041", Err(DecodeError::LoneSurrogate)),
            (r"\uD83D\uD83D", Err(DecodeError::LoneSurrogate)),
            (r"\uDE00\uDE00", Err(DecodeError::LoneSurrogate)),
            (r"\u12", Err(DecodeError::NotJson)),
            (r"\x", Err(DecodeError::NotJson)),
        ];
        for (raw, wanted) in cases {
            let mut out = Vec::new();
            let got = unescape(raw.as_bytes(), &mut out).map(|()| String::from_utf8(out).unwrap());
            assert_eq!(got, wanted.map(str::to_owned), "{raw}");
        }
    }

    #[test]
    fn escapes_and_text_side_by_side() {
        let mut aligned = Aligned::new(r"ab\n\u00e9\uD83D\uDE00é!".as_bytes());
        let places = [(0, 0), (1, 1), (2, 2), (3, 4), (5, 10), (9, 22), (11, 24), (12, 25)];
        for (text, raw) in places {
            assert_eq!(aligned.reach(text), Some(raw), "{text}");
        }
        assert_eq!(aligned.reach(13), None);
        assert_eq!(aligned.reach(11), None, "it does not go back");
        assert_eq!(Aligned::new(br"\u00e9").reach(1), None, "inside a character");
    }

    #[test]
    fn strings_are_escaped_minimally() {
        let mut out = Vec::new();
        push_string("a\"b\\c/d\u{0}\u{8}\u{c}\n\r\t\u{1f}\u{7f}é😀", &mut out);
        assert_eq!(out, "\"a\\\"b\\\\c/d\\u0000\\b\\f\\n\\r\\t\\u001f\u{7f}é😀\"".as_bytes());
    }
}
