//! SHA-256 of a component and its text, lower-case hex. It must not read files.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// SHA-256 of a file's bytes: what names a version of a plugin everywhere.
pub type Digest = [u8; 32];

/// The digest of these bytes.
pub fn of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

/// The N bytes that 2 N hex digits of lower case say; anything else is none.
pub fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if hex.len() != N * 2 {
        return None;
    }
    let mut out = [0; N];
    for (slot, pair) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *slot = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_back() {
        let digest = of(b"");
        assert_eq!(hex(&digest), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(bytes(&hex(&digest)), Some(digest));
        for text in ["", "0", "0G", "0g", "AB", "000", " 0"] {
            assert_eq!(bytes::<1>(text), None, "{text}");
        }
    }
}
