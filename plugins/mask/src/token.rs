//! Writes hashes as tokens. It must not make a token of text shorter than 16 bytes of hash: below that two values may
//! share one, and a key that is masked so would merge records.

/// Bytes of hash in a token: unless set, at least, and at most.
pub const DEFAULT_BYTES: usize = 16;
pub const FEWEST_BYTES: usize = 16;
pub const MOST_BYTES: usize = 32;

/// How the bytes of a hash are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// RFC 4648 section 4, with padding.
    Base64,
    /// RFC 4648 section 5, without padding.
    Base64Url,
}

impl Encoding {
    /// Bytes of a token of `hash` bytes of hash, padding included.
    pub fn token_bytes(self, hash: usize) -> usize {
        if self == Self::Hex { hash * 2 } else { hash.div_ceil(3) * 4 }
    }

    /// Appends a token.
    pub fn write(self, out: &mut Vec<u8>, hash: &[u8]) {
        match self {
            Self::Hex => {
                let (fours, rest) = hash.as_chunks();
                fours.iter().for_each(|four| out.extend_from_slice(&eight_digits(*four)));
                rest.iter().for_each(|&byte| out.extend_from_slice(&[digit(HEX, byte >> 4), digit(HEX, byte & 15)]));
            }
            Self::Base64 => base64(out, hash, STANDARD, true),
            Self::Base64Url => base64(out, hash, URL, false),
        }
    }
}

/// Appends 16 bytes of hash as a UUID of version 8, the version for values of one's own making (RFC 9562 section 5.8).
/// 122 bits of the hash are left in it.
pub fn uuid(out: &mut Vec<u8>, hash: &[u8; 16]) {
    let &[a, b, c, d, e, f, g, h, i, j, ref node @ ..] = hash;
    let groups: [&[u8]; 5] = [&[a, b, c, d], &[e, f], &[g & 0x0f | 0x80, h], &[i & 0x3f | 0x80, j], node];
    groups.iter().enumerate().for_each(|(n, group)| {
        if n > 0 {
            out.push(b'-');
        }
        Encoding::Hex.write(out, group);
    });
}

const HEX: &[u8] = b"0123456789abcdef";
const STANDARD: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Four bytes in hexadecimal, all digits at once: hashes are what takes the time of a token, not their writing.
fn eight_digits(four: [u8; 4]) -> [u8; 8] {
    let mut digits = u64::from(u32::from_be_bytes(four));
    // One digit's value in each byte.
    digits = (digits << 16 | digits) & 0x0000_ffff_0000_ffff;
    digits = (digits << 8 | digits) & 0x00ff_00ff_00ff_00ff;
    digits = (digits << 4 | digits) & 0x0f0f_0f0f_0f0f_0f0f;
    // 1 in each byte that is above 9; letters stand 39 behind the character after `9`.
    let letters = ((digits + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (digits + 0x3030_3030_3030_3030 + letters * 39).to_be_bytes()
}

/// The digit of `value`, which is below the alphabet's length.
fn digit(alphabet: &[u8], value: u8) -> u8 {
    alphabet.get(usize::from(value)).copied().unwrap_or(b'*')
}

fn base64(out: &mut Vec<u8>, hash: &[u8], alphabet: &[u8], padded: bool) {
    for three in hash.chunks(3) {
        let byte = |n: usize| three.get(n).copied().unwrap_or(0);
        let four = [byte(0) >> 2, (byte(0) << 4 | byte(1) >> 4) & 63, (byte(1) << 2 | byte(2) >> 6) & 63, byte(2) & 63];
        for (n, six) in four.into_iter().enumerate() {
            if n <= three.len() {
                out.push(digit(alphabet, six));
            } else if padded {
                out.push(b'=');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version() {
        let mut out = b"before ".to_vec();
        uuid(&mut out, &0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_feff_u128.to_be_bytes());
        assert_eq!(String::from_utf8_lossy(&out), "before f0f1f2f3-f4f5-86f7-b8f9-fafbfcfdfeff");
    }

    /// python3 -c 'import base64; h = bytes(range(248, 256)) + bytes(range(9)); [print(n, h[:n].hex(), base64.b64encode(h[:n]).decode(),
    /// base64.urlsafe_b64encode(h[:n]).decode().rstrip("=")) for n in (15, 16, 17)]'
    #[test]
    fn tokens_are_those_of_another_implementation() {
        let hash: Vec<u8> = (248..=255).chain(0..9).collect();
        for (n, hex, base64, url) in [
            (15, "f8f9fafbfcfdfeff00010203040506", "+Pn6+/z9/v8AAQIDBAUG", "-Pn6-_z9_v8AAQIDBAUG"),
            (16, "f8f9fafbfcfdfeff0001020304050607", "+Pn6+/z9/v8AAQIDBAUGBw==", "-Pn6-_z9_v8AAQIDBAUGBw"),
            (17, "f8f9fafbfcfdfeff000102030405060708", "+Pn6+/z9/v8AAQIDBAUGBwg=", "-Pn6-_z9_v8AAQIDBAUGBwg"),
        ] {
            for (encoding, expected) in [(Encoding::Hex, hex), (Encoding::Base64, base64), (Encoding::Base64Url, url)] {
                let mut out = Vec::new();
                encoding.write(&mut out, &hash[..n]);
                assert_eq!(String::from_utf8_lossy(&out), expected, "{encoding:?} {n}");
                assert!(out.len() <= encoding.token_bytes(n));
            }
        }
    }
}
