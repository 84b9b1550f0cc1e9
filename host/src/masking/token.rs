//! Reads what the operators `tokenize` and `encrypt` write: `<prefix><key id>.<base64url>`. It must not open anything.

/// Hexadecimal digits of a key's id.
const ID_DIGITS: usize = 16;

/// A token in its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The id of the key that it was made under.
    pub key_id: &'a str,
    /// What was sealed.
    pub sealed: Vec<u8>,
}

impl<'a> Token<'a> {
    /// The parts of a token; none where the text is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (head, sealed) = text.rsplit_once('.')?;
        let key_id = head.get(head.len().checked_sub(ID_DIGITS)?..)?;
        let is_id = key_id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let sealed = base64url(sealed)?;
        is_id.then_some(Self { key_id, sealed })
    }
}

/// RFC 4648 section 5, without padding; unused bits are zero.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for letter in four {
            bits = bits << 6 | u32::from(figure(*letter)?);
        }
        // 4 letters are 3 bytes, 3 are 2, 2 are 1; 1 is none.
        let bytes = four.len().checked_sub(1).filter(|bytes| *bytes > 0)?;
        let unused = four.len() * 6 - bytes * 8;
        if bits & ((1 << unused) - 1) != 0 {
            return None;
        }
        out.extend_from_slice(&(bits >> unused).to_be_bytes()[4 - bytes..]);
    }
    Some(out)
}

fn figure(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// python3 -c 'import base64; print(base64.urlsafe_b64encode(b"\xfb\xff\xfe...").decode().rstrip("="))'
    #[test]
    fn tokens_are_read_whatever_stands_before() {
        for (text, sealed) in [
            ("15f23ee73b0ff623.", &b""[..]),
            ("15f23ee73b0ff623._w", b"\xff"),
            ("tok.15f23ee73b0ff623.-_8", b"\xfb\xff"),
            ("Größe:15f23ee73b0ff623.-__-", b"\xfb\xff\xfe"),
            ("x15f23ee73b0ff623.QUJDRA", b"ABCD"),
        ] {
            assert_eq!(Token::parse(text), Some(Token { key_id: "15f23ee73b0ff623", sealed: sealed.to_vec() }), "{text}");
        }
        for text in [
            "",
            ".",
            "15f23ee73b0ff623",
            "5f23ee73b0ff623.QUJD",
            "15F23EE73B0FF623.QUJD",
            "15f23ee73b0ff62é.QUJD",
            "15f23ee73b0ff623.QUJDR",
            "15f23ee73b0ff623.QUJDRB",
            "15f23ee73b0ff623.QUJDRA==",
            "15f23ee73b0ff623.QU+D",
            "15f23ee73b0ff623.QUJD ",
        ] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
