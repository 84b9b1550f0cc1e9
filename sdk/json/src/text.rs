//! JSON strings: quotes and escapes. It must not make text of what is none: half a surrogate pair has no meaning.
use std::borrow::Cow;

/// Appends `text` as a JSON string.
pub fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        plain = at + 1;
        let short = match byte {
            b'"' | b'\\' => byte,
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    out.push(b'"');
}

/// The text of a JSON string, its quotes included; none where it holds half a surrogate pair.
#[must_use]
pub fn unquote(json: &[u8]) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let inner = std::str::from_utf8(inner).ok()?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut letters = rest.chars();
        let scalar = match letters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (scalar, length) = escaped(rest)?;
                text.push(scalar);
                rest = rest.get(length..)?;
                continue;
            }
            own => own,
        };
        text.push(scalar);
        rest = letters.as_str();
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The scalar of `u` and four digits, or of two such escapes that are a pair; and their length from `u` on.
fn escaped(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| u32::from_str_radix(text.get(from..from + 4)?, 16).ok();
    let first = unit(1)?;
    if let Some(scalar) = char::from_u32(first) {
        return Some((scalar, 5));
    }
    let second = text.get(5..7).filter(|escape| *escape == "\\u").and_then(|_| unit(7))?;
    let pair = [u16::try_from(first).ok()?, u16::try_from(second).ok()?];
    let scalar = char::decode_utf16(pair).next()?.ok()?;
    Some((scalar, 11))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn strings_lose_their_escapes() {
        for (json, expected) in [
            (r#""""#, Some("")),
            (r#""aé""#, Some("aé")),
            (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
            (r#""\u00e9\u0041x""#, Some("éAx")),
            (r#""\ud83d\ude00!""#, Some("😀!")),
            (r#""\ud83d""#, None),
            (r#""\ude00\ud83d""#, None),
            (r#""\ud83d\u0041""#, None),
        ] {
            assert_eq!(unquote(json.as_bytes()).as_deref(), expected, "{json}");
        }
    }

    proptest! {
        #[test]
        fn text_comes_back(text in any::<String>()) {
            let mut json = Vec::new();
            quote(&text, &mut json);
            let back = unquote(&json);
            prop_assert_eq!(back.as_deref(), Some(text.as_str()));
            prop_assert_eq!(serde_json::from_slice::<String>(&json).ok(), Some(text));
        }
    }
}
