//! Integers that take the place of integers: as many digits, and no wider in a machine. It must not answer one that a
//! field of the same type could not hold.
use std::ops::RangeInclusive;

use crate::noise::choose;

/// An integer of up to 64 bits, as its sign and its digits say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    negative: bool,
    magnitude: u64,
}

impl Integer {
    /// Reads `-?(0|[1-9][0-9]*)`; none where the text is none, or is below -2^63 or from 2^64 on.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
        let plain = digits.first().is_some_and(|&first| first != b'0' || digits.len() == 1) && digits.iter().all(u8::is_ascii_digit);
        let magnitude: u64 = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
        let fits = !negative || magnitude <= i64::MIN.unsigned_abs();
        fits.then_some(Self { negative: negative && magnitude > 0, magnitude })
    }

    /// The digits, without the sign.
    pub fn digits(self) -> String {
        self.magnitude.to_string()
    }

    /// Magnitudes of the integers of the same sign, number of digits and machine width: the narrowest of 32 bits, 64
    /// bits and 64 bits without a sign that holds it. These sets have no integer in common, so that what permutes each
    /// of them permutes all integers.
    pub fn peers(self) -> RangeInclusive<u64> {
        let digits = self.magnitude.checked_ilog10().unwrap_or(0);
        let least = if digits == 0 { u64::from(self.negative) } else { 10_u64.pow(digits) };
        let most = 10_u64.checked_pow(digits + 1).map_or(u64::MAX, |next| next - 1);
        let signed = u64::from(self.negative);
        let (i32_most, i64_most) = (i32::MAX as u64 + signed, i64::MAX as u64 + signed);
        match self.magnitude {
            n if n <= i32_most => least..=most.min(i32_most),
            n if n <= i64_most => least.max(i32_most + 1)..=most.min(i64_most),
            _ => least.max(i64_most + 1)..=most,
        }
    }

    /// Appends the integer of the same sign with this magnitude.
    pub fn write(self, out: &mut Vec<u8>, magnitude: u64) {
        if self.negative {
            out.push(b'-');
        }
        out.extend_from_slice(magnitude.to_string().as_bytes());
    }

    /// The magnitude of the peer that a hash chooses; two integers may have one in common.
    pub fn chosen(self, hash: &[u8]) -> Option<u64> {
        let peers = self.peers();
        let count = u128::from(peers.end() - peers.start()) + 1;
        let step = u64::try_from(choose(hash, count)?).ok()?;
        peers.start().checked_add(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_the_digits_and_the_width() {
        for (text, expected) in [
            ("0", 0..=9),
            ("-0", 0..=9),
            ("-7", 1..=9),
            ("42", 10..=99),
            ("-999999999", 100_000_000..=999_999_999),
            ("1000000000", 1_000_000_000..=2_147_483_647),
            ("2147483648", 2_147_483_648..=9_999_999_999),
            ("-2147483648", 1_000_000_000..=2_147_483_648),
            ("-2147483649", 2_147_483_649..=9_999_999_999),
            ("9223372036854775807", 1_000_000_000_000_000_000..=9_223_372_036_854_775_807),
            ("-9223372036854775808", 1_000_000_000_000_000_000..=9_223_372_036_854_775_808),
            ("9223372036854775808", 9_223_372_036_854_775_808..=9_999_999_999_999_999_999),
            ("18446744073709551615", 10_000_000_000_000_000_000..=u64::MAX),
        ] {
            let integer = Integer::parse(text.as_bytes()).expect(text);
            assert_eq!(integer.peers(), expected, "{text}");
            for magnitude in [*expected.start(), *expected.end()] {
                let mut out = Vec::new();
                integer.write(&mut out, magnitude);
                let other = Integer::parse(&out).expect(text);
                assert_eq!(other.peers(), expected, "{text}: {}", String::from_utf8_lossy(&out));
            }
        }
    }

    #[test]
    fn what_is_no_integer_of_64_bits_is_none() {
        for text in ["", "-", "+1", "01", "-01", "1.0", "1e3", " 1", "18446744073709551616", "-9223372036854775809", "１"] {
            assert_eq!(Integer::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_hash_chooses_among_the_peers() {
        for (text, hash, expected) in [("42", 0, "10"), ("42", 89, "99"), ("42", 90, "10"), ("-7", 8, "-9"), ("3", 9, "9")] {
            let mut out = b"before ".to_vec();
            let integer = Integer::parse(text.as_bytes()).expect(text);
            integer.write(&mut out, integer.chosen(&u128::to_be_bytes(hash)).expect(text));
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"));
        }
    }
}
