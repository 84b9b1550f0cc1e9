//! Strict RFC 8259 scanning over bytes: white space, strings, numbers, literals, and whole values that nobody
//! selected. Every function takes a position and answers with the next one; nothing here allocates or recurses.
//!
//! The callers check UTF-8 once for the whole document, so a string here only has to be free of control characters
//! and wrong escapes. Behind the end of the document stands a 0, which is valid nowhere outside a string.

use super::hit::{DecodeError, Kind};

/// How deep arrays and objects may stand in each other: 128 levels. Stops documents of nothing but brackets, which
/// cost a plugin, a reader or a recursive parser further down its stack. Unselected parts count too.
pub const MAX_DEPTH: usize = 128;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// A scalar that was scanned: what it is and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Scalar {
    pub(super) kind: Kind,
    pub(super) end: usize,
    /// A text with a backslash in it.
    pub(super) escaped: bool,
}

/// The byte at `pos`, 0 behind the end.
#[inline(always)]
pub(super) fn byte(doc: &[u8], pos: usize) -> u8 {
    doc.get(pos).copied().unwrap_or(0)
}

/// Where the next byte stands that is no white space, or the end.
#[inline(always)]
pub(super) fn skip_space(doc: &[u8], mut pos: usize) -> usize {
    if byte(doc, pos) > b' ' {
        return pos;
    }
    while is_space(byte(doc, pos)) {
        pos += 1;
        // Indentation.
        while word(doc, pos) == Some(ONES * b' ' as u64) {
            pos += 8;
        }
    }
    pos
}

/// White space of RFC 8259, section 2.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Scans a string whose first byte behind the quote is at `pos`. Answers where its closing quote stands and whether it
/// has escapes.
#[inline(always)]
pub(super) fn string(doc: &[u8], mut pos: usize) -> Result<(usize, bool), DecodeError> {
    let mut escaped = false;
    loop {
        pos = plain(doc, pos);
        match byte(doc, pos) {
            b'"' => return Ok((pos, escaped)),
            b'\\' => {
                escaped = true;
                pos = escape(doc, pos)?;
            }
            // A control character, or the end of the document.
            _ => return Err(DecodeError::NotJson),
        }
    }
}

/// The first quote, backslash or control character at or behind `pos`, or the end of the document.
///
/// Eight bytes at a time: subtracting 1 from each byte borrows through the top bit only where the byte was 0 (or above
/// one that was), so the lowest marked byte is always a true one.
#[inline(always)]
pub(super) fn plain(doc: &[u8], mut pos: usize) -> usize {
    while let Some(word) = word(doc, pos) {
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let found =
            (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash) | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGH;
        if found != 0 {
            return pos + found.trailing_zeros() as usize / 8;
        }
        pos += 8;
    }
    while let Some(&byte) = doc.get(pos)
        && byte >= 0x20
        && byte != b'"'
        && byte != b'\\'
    {
        pos += 1;
    }
    pos
}

#[inline(always)]
fn word(doc: &[u8], pos: usize) -> Option<u64> {
    let bytes = doc.get(pos..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

/// Checks the escape at `pos`; answers where it ends. Lone surrogates are allowed by the grammar; who decodes refuses
/// them.
#[cold]
fn escape(doc: &[u8], pos: usize) -> Result<usize, DecodeError> {
    match byte(doc, pos + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(pos + 2),
        b'u' if (pos + 2..pos + 6).all(|at| byte(doc, at).is_ascii_hexdigit()) => Ok(pos + 6),
        _ => Err(DecodeError::NotJson),
    }
}

/// Scans the number at `pos`. An integer is `-?(0|[1-9][0-9]*)`, whatever its length; all else is a decimal.
#[inline(always)]
pub(super) fn number(doc: &[u8], start: usize) -> Result<(usize, Kind), DecodeError> {
    let mut pos = start + usize::from(byte(doc, start) == b'-');
    match byte(doc, pos) {
        b'0' => pos += 1,
        b'1'..=b'9' => pos = digits(doc, pos + 1),
        _ => return Err(DecodeError::NotJson),
    }
    let mut kind = Kind::Integer;
    if byte(doc, pos) == b'.' {
        kind = Kind::Decimal;
        pos = some_digits(doc, pos + 1)?;
    }
    if matches!(byte(doc, pos), b'e' | b'E') {
        kind = Kind::Decimal;
        let sign = usize::from(matches!(byte(doc, pos + 1), b'+' | b'-'));
        pos = some_digits(doc, pos + 1 + sign)?;
    }
    Ok((pos, kind))
}

#[inline(always)]
fn digits(doc: &[u8], mut pos: usize) -> usize {
    while byte(doc, pos).is_ascii_digit() {
        pos += 1;
    }
    pos
}

#[inline(always)]
fn some_digits(doc: &[u8], pos: usize) -> Result<usize, DecodeError> {
    if byte(doc, pos).is_ascii_digit() { Ok(digits(doc, pos + 1)) } else { Err(DecodeError::NotJson) }
}

/// Scans the scalar at `pos`.
#[inline(always)]
pub(super) fn scalar(doc: &[u8], pos: usize) -> Result<Scalar, DecodeError> {
    match byte(doc, pos) {
        b'"' => {
            let (quote, escaped) = string(doc, pos + 1)?;
            Ok(Scalar { kind: Kind::Text, end: quote + 1, escaped })
        }
        b'-' | b'0'..=b'9' => {
            let (end, kind) = number(doc, pos)?;
            Ok(Scalar { kind, end, escaped: false })
        }
        b't' => literal(doc, pos, b"true", Kind::Boolean),
        b'f' => literal(doc, pos, b"false", Kind::Boolean),
        b'n' => literal(doc, pos, b"null", Kind::Null),
        _ => Err(DecodeError::NotJson),
    }
}

#[inline(always)]
fn literal(doc: &[u8], pos: usize, word: &[u8], kind: Kind) -> Result<Scalar, DecodeError> {
    let end = pos + word.len();
    if doc.get(pos..end) == Some(word) { Ok(Scalar { kind, end, escaped: false }) } else { Err(DecodeError::NotJson) }
}

/// Scans `"name" :` at `pos`. Answers with where the value begins.
#[inline(always)]
fn skip_name(doc: &[u8], pos: usize) -> Result<usize, DecodeError> {
    if byte(doc, pos) != b'"' {
        return Err(DecodeError::NotJson);
    }
    let (quote, _) = string(doc, pos + 1)?;
    skip_colon(doc, quote + 1)
}

/// Scans `:` and the white space around it. Answers with where the value begins.
#[inline(always)]
pub(super) fn skip_colon(doc: &[u8], pos: usize) -> Result<usize, DecodeError> {
    let pos = skip_space(doc, pos);
    if byte(doc, pos) == b':' { Ok(skip_space(doc, pos + 1)) } else { Err(DecodeError::NotJson) }
}

/// Validates the value at `pos`, around which `depth` containers are open; answers where it ends.
#[inline(always)]
pub(super) fn skip_value(doc: &[u8], pos: usize, depth: usize) -> Result<usize, DecodeError> {
    match byte(doc, pos) {
        b'{' | b'[' => skip_container(doc, pos, depth),
        _ => Ok(scalar(doc, pos)?.end),
    }
}

/// The open containers are one bit each (1 an object, the lowest the innermost): 128 levels fit, by MAX_DEPTH.
fn skip_container(doc: &[u8], mut pos: usize, depth: usize) -> Result<usize, DecodeError> {
    const { assert!(MAX_DEPTH <= u128::BITS as usize) };
    let mut kinds: u128 = 0;
    let mut level = 0;
    loop {
        let first = byte(doc, pos);
        if first == b'{' || first == b'[' {
            level += 1;
            if depth + level > MAX_DEPTH {
                return Err(DecodeError::TooDeep);
            }
            let object = first == b'{';
            kinds = (kinds << 1) | u128::from(object);
            pos = skip_space(doc, pos + 1);
            // `{` and `}`, `[` and `]` are two apart in ASCII. An empty container closes below.
            if byte(doc, pos) != first + 2 {
                if object {
                    pos = skip_name(doc, pos)?;
                }
                continue;
            }
        } else {
            pos = scalar(doc, pos)?.end;
        }
        loop {
            pos = skip_space(doc, pos);
            let object = kinds & 1 == 1;
            match byte(doc, pos) {
                b',' => {
                    pos = skip_space(doc, pos + 1);
                    if object {
                        pos = skip_name(doc, pos)?;
                    }
                    break;
                }
                b'}' if object => {}
                b']' if !object => {}
                _ => return Err(DecodeError::NotJson),
            }
            pos += 1;
            kinds >>= 1;
            level -= 1;
            if level == 0 {
                return Ok(pos);
            }
        }
    }
}

/// How many elements each array has, as (where its bracket stands, count), in document order of the brackets: what an
/// index from the end needs to know before the first element. One linear pass, so that nested ones do not multiply.
///
/// Only strings and depth are checked; whatever else is wrong the walk finds, and then nothing of this is used.
pub(super) fn array_lengths(doc: &[u8], lengths: &mut Vec<(u32, u32)>) -> Result<(), DecodeError> {
    lengths.clear();
    let mut open: [Option<usize>; MAX_DEPTH] = [None; MAX_DEPTH];
    let mut depth = 0;
    let mut last = 0;
    let mut pos = 0;
    while let Some(&byte) = doc.get(pos) {
        match byte {
            b'"' => pos = string(doc, pos + 1)?.0,
            b'[' | b'{' => {
                *open.get_mut(depth).ok_or(DecodeError::TooDeep)? = (byte == b'[').then_some(lengths.len());
                depth += 1;
                if byte == b'[' {
                    lengths.push((u32::try_from(pos).map_err(|_| DecodeError::TooLarge)?, 0));
                }
            }
            b',' | b']' => {
                let array = depth.checked_sub(1).and_then(|top| open.get(top).copied().flatten());
                if let Some((_, count)) = array.and_then(|array| lengths.get_mut(array)) {
                    *count += u32::from(last != b'[');
                }
                depth -= usize::from(byte == b']' && depth > 0);
            }
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !is_space(byte) {
            last = byte;
        }
        pos += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn whole(doc: &[u8]) -> Result<(), DecodeError> {
        let end = skip_value(doc, 0, 0)?;
        if end == doc.len() { Ok(()) } else { Err(DecodeError::NotJson) }
    }

    #[test]
    fn values_that_are_json() {
        for doc in [
            "0",
            "-0",
            "10",
            "-12.50",
            "1e5",
            "1E+400",
            "2.0e-7",
            "true",
            "false",
            "null",
            "\"\"",
            "\"abc\"",
            "[]",
            "{}",
            "[ ]",
            "{ }",
            "[1,2]",
            "[ 1 , [ ] ]",
            "{\"a\":1}",
            "{\"a\" : { \"b\" : [ { } ] } , \"c\":\"d\"}",
            "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud800\"",
            "\"0123456789 longer than two words of eight\"",
            "\"é\u{7f}\"",
        ] {
            assert_eq!(whole(doc.as_bytes()), Ok(()), "{doc}");
        }
    }

    #[test]
    fn values_that_are_not() {
        for doc in [
            "",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "--1",
            "0x1",
            "NaN",
            "tru",
            "True",
            "nul",
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12",
            "\"a\nb\"",
            "\"12345678\u{1}\"",
            "'a'",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\" 1}",
            "{\"a\":1]",
            "[1}",
            "[1]]",
            "1 1",
            "//1",
            "\u{feff}1",
            "\u{a0}1",
            "{\"a\":}",
            "{,}",
            "[\"a\":1]",
        ] {
            assert_eq!(whole(doc.as_bytes()), Err(DecodeError::NotJson), "{doc}");
        }
    }

    #[test]
    fn depth_ends_at_the_limit() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nest = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(whole(nest(MAX_DEPTH).as_bytes()), Ok(()));
            assert_eq!(whole(nest(MAX_DEPTH + 1).as_bytes()), Err(DecodeError::TooDeep));
            assert_eq!(skip_value(nest(MAX_DEPTH).as_bytes(), 0, 1), Err(DecodeError::TooDeep));
        }
    }

    #[test]
    fn strings_end_at_their_quote_wherever_it_stands() {
        for length in 0..40 {
            let doc = format!("\"{}\" \"", "x".repeat(length));
            assert_eq!(string(doc.as_bytes(), 1), Ok((length + 1, false)));
        }
    }

    #[test]
    fn arrays_are_counted_in_one_pass() {
        let mut lengths = Vec::new();
        array_lengths(br#"[[], [ ] ,[1,"],[",{"a":[1,2,3],"b":2}], 4]"#, &mut lengths).unwrap();
        let counts: Vec<u32> = lengths.iter().map(|&(_, count)| count).collect();
        assert_eq!(counts, [4, 0, 0, 3, 3]);
    }
}
