//! Strict RFC 8259 over bytes. It must not recurse: the containers that are open are bits of a number.

/// How deep arrays and objects may stand in each other, as in the host's own documents. Stops documents of nothing but
/// brackets.
pub const MOST_DEPTH: u32 = 128;

/// The bytes are no JSON document: not UTF-8, not one whole value, or nested deeper than [`MOST_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a JSON document")
    }
}

impl std::error::Error for Malformed {}

/// The byte at `at`, 0 behind the end: valid nowhere outside a string.
pub(crate) fn byte(json: &[u8], at: usize) -> u8 {
    json.get(at).copied().unwrap_or(0)
}

pub(crate) fn skip_space(json: &[u8], mut at: usize) -> usize {
    while matches!(byte(json, at), b' ' | b'\n' | b'\r' | b'\t') {
        at += 1;
    }
    at
}

/// Checks that `json` is one value, white space around it allowed; where the value starts and ends.
pub(crate) fn check(json: &[u8]) -> Result<(usize, usize), Malformed> {
    std::str::from_utf8(json).map_err(|_| Malformed)?;
    let start = skip_space(json, 0);
    let end = value(json, start)?;
    if skip_space(json, end) == json.len() { Ok((start, end)) } else { Err(Malformed) }
}

/// Checks the value that starts at `at`; where it ends.
pub(crate) fn value(json: &[u8], mut at: usize) -> Result<usize, Malformed> {
    // 1 for an object, the lowest bit the innermost.
    let (mut open, mut depth) = (0u128, 0u32);
    loop {
        // A value starts here.
        match byte(json, at) {
            bracket @ (b'{' | b'[') => {
                depth += 1;
                if depth > MOST_DEPTH {
                    return Err(Malformed);
                }
                let object = bracket == b'{';
                open = open << 1 | u128::from(object);
                at = skip_space(json, at + 1);
                if byte(json, at) == if object { b'}' } else { b']' } {
                    (open, depth, at) = (open >> 1, depth - 1, at + 1);
                } else {
                    at = if object { name(json, at)? } else { at };
                    continue;
                }
            }
            _ => at = scalar(json, at)?,
        }
        // A value ended here: so may its containers.
        loop {
            if depth == 0 {
                return Ok(at);
            }
            at = skip_space(json, at);
            let object = open & 1 == 1;
            match (byte(json, at), object) {
                (b',', true) => {
                    at = name(json, skip_space(json, at + 1))?;
                    break;
                }
                (b',', false) => {
                    at = skip_space(json, at + 1);
                    break;
                }
                (b'}', true) | (b']', false) => (open, depth, at) = (open >> 1, depth - 1, at + 1),
                _ => return Err(Malformed),
            }
        }
    }
}

/// A member's name and its colon; where its value starts.
fn name(json: &[u8], at: usize) -> Result<usize, Malformed> {
    let at = skip_space(json, string(json, at)?);
    if byte(json, at) == b':' { Ok(skip_space(json, at + 1)) } else { Err(Malformed) }
}

fn scalar(json: &[u8], at: usize) -> Result<usize, Malformed> {
    let word = |word: &[u8]| if json.get(at..).unwrap_or_default().starts_with(word) { Ok(at + word.len()) } else { Err(Malformed) };
    match byte(json, at) {
        b'"' => string(json, at),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'n' => word(b"null"),
        _ => number(json, at).ok_or(Malformed),
    }
}

fn digits(json: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    while byte(json, at).is_ascii_digit() {
        at += 1;
    }
    (at > start).then_some(at)
}

/// Checks a number as JSON writes it; where it ends.
pub(crate) fn number(json: &[u8], mut at: usize) -> Option<usize> {
    if byte(json, at) == b'-' {
        at += 1;
    }
    at = if byte(json, at) == b'0' { at + 1 } else { digits(json, at)? };
    if byte(json, at) == b'.' {
        at = digits(json, at + 1)?;
    }
    if matches!(byte(json, at), b'e' | b'E') {
        at += if matches!(byte(json, at + 1), b'+' | b'-') { 2 } else { 1 };
        at = digits(json, at)?;
    }
    Some(at)
}

/// Checks the string that starts at `at`; where it ends, its quotes included.
fn string(json: &[u8], mut at: usize) -> Result<usize, Malformed> {
    if byte(json, at) != b'"' {
        return Err(Malformed);
    }
    at += 1;
    loop {
        match byte(json, at) {
            b'"' => return Ok(at + 1),
            b'\\' => match byte(json, at + 1) {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if json.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => at += 6,
                _ => return Err(Malformed),
            },
            0..0x20 => return Err(Malformed),
            _ => at += 1,
        }
    }
}

/// Where the string ends that starts at `at` in a checked document, its quotes included.
pub(crate) fn end_of_string(json: &[u8], mut at: usize) -> usize {
    at += 1;
    while at < json.len() {
        match byte(json, at) {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

/// Where the value ends that starts at `at` in a checked document.
pub(crate) fn end_of_value(json: &[u8], mut at: usize) -> usize {
    match byte(json, at) {
        b'"' => end_of_string(json, at),
        b'{' | b'[' => {
            let mut depth = 0usize;
            while at < json.len() {
                match byte(json, at) {
                    b'"' => {
                        at = end_of_string(json, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
            json.len()
        }
        _ => {
            while at < json.len() && !matches!(byte(json, at), b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') {
                at += 1;
            }
            at
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_json_is_taken() {
        for (json, expected) in [
            ("{}", true),
            (" [1, -0.5e+3 ,\"a\\u00e9\\n\", true,false , null,{\"a\":[]}]\n", true),
            ("\"\"", true),
            ("0", true),
            ("", false),
            ("{", false),
            ("{}}", false),
            ("[1,]", false),
            ("{\"a\":1,}", false),
            ("{\"a\" 1}", false),
            ("{a:1}", false),
            ("[1 2]", false),
            ("[}", false),
            ("01", false),
            ("1.", false),
            ("-", false),
            ("+1", false),
            ("1e", false),
            ("nul", false),
            ("tru]", false),
            ("\"a", false),
            ("\"\\x\"", false),
            ("\"\\u12g4\"", false),
            ("\"a\nb\"", false),
        ] {
            assert_eq!(check(json.as_bytes()).is_ok(), expected, "{json}");
        }
        assert!(check(b"\"\xff\"").is_err());
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check(nested(128).as_bytes()).is_ok());
        assert!(check(nested(129).as_bytes()).is_err());
        assert!(check("[".repeat(100_000).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn it_takes_what_another_parser_takes(json in r#"[\[\]{}",:\\ a0-9.eEu+\-truefalsn\n]{0,24}"#) {
            prop_assert_eq!(check(json.as_bytes()).is_ok(), serde_json::from_str::<&serde_json::value::RawValue>(&json).is_ok());
        }
    }
}
