//! LEB128 varints, zigzag for signed ones, and a reader over untrusted bytes that never reads past their end.
//! It knows nothing of what the numbers mean.

/// Bytes ended early, or a number or text in them is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub &'static str);

/// Appends `value`, 7 bits a byte, lowest first.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` with the sign in the lowest bit, so that small negative numbers stay short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends the length and the bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Reads what the functions above wrote.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// At the first of these bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether all was read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte; an error at the end.
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Ok(first)
    }

    /// The next `length` bytes; an error if there are fewer.
    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Malformed("it ends early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A varint of at most 64 bits; one that is longer than it need be is read too.
    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("a number has more than 64 bits"))
    }

    /// A signed number, as [`put_signed`] writes it.
    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A number of things that take at least a byte each, so that no allocation exceeds what the input justifies.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.number()?;
        if count > self.rest.len() as u64 {
            return Err(Malformed("a count exceeds its bytes"));
        }
        Ok(count as usize)
    }

    /// A text of 1 to `most` bytes.
    pub(super) fn text(&mut self, most: usize) -> Result<&'a str, Malformed> {
        let length = self.count()?;
        if length == 0 || length > most {
            return Err(Malformed("a name is empty or too long"));
        }
        std::str::from_utf8(self.bytes(length)?).map_err(|_| Malformed("a name is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_bytes() {
        for (value, bytes) in [
            (0, &[0u8][..]),
            (127, &[127]),
            (128, &[128, 1]),
            (300, &[172, 2]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(Reader::new(bytes).number(), Ok(value));
        }
        for (value, byte) in [(0, 0), (-1, 1), (1, 2), (-64, 127)] {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            assert_eq!(out, [byte]);
        }
    }

    #[test]
    fn malformed_numbers_are_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]] {
            assert!(Reader::new(bytes).number().is_err(), "{bytes:?}");
        }
        assert_eq!(Reader::new(&[3, 1, 1]).count(), Err(Malformed("a count exceeds its bytes")));
        assert_eq!(Reader::new(&[1, 0xff]).text(9), Err(Malformed("a name is not UTF-8")));
    }

    proptest! {
        #[test]
        fn numbers_come_back(value: i64) {
            let mut out = Vec::new();
            put_signed(&mut out, value);
            put(&mut out, value as u64);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.signed(), Ok(value));
            prop_assert_eq!(reader.number(), Ok(value as u64));
            prop_assert!(reader.is_empty());
        }
    }
}
