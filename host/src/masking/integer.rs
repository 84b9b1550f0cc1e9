//! Which integers the operator `fpe` permutes among each other: those of the same sign, number of digits and width in a
//! machine. It must agree with `plugins/mask/src/integer.rs`, which a test of the way there and back sees to.

use std::ops::RangeInclusive;

/// The magnitudes that an integer is permuted among; none where the text is none of up to 64 bits.
pub fn peers(negative: bool, digits: &str) -> Option<RangeInclusive<u64>> {
    let magnitude: u64 = digits.parse().ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let signed = u64::from(negative);
    let (of_32, of_64) = (i32::MAX as u64 + signed, i64::MAX as u64 + signed);
    if !plain || negative && (magnitude == 0 || magnitude > of_64) {
        return None;
    }
    let places = magnitude.checked_ilog10().unwrap_or(0);
    let least = if places == 0 { signed } else { 10_u64.pow(places) };
    let most = 10_u64.checked_pow(places + 1).map_or(u64::MAX, |next| next - 1);
    Some(match magnitude {
        n if n <= of_32 => least..=most.min(of_32),
        n if n <= of_64 => least.max(of_32 + 1)..=most.min(of_64),
        _ => least.max(of_64 + 1)..=most,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_the_digits_and_the_width() {
        for (negative, digits, expected) in [
            (false, "1234567", Some(1_000_000..=9_999_999)),
            (true, "2147483648", Some(1_000_000_000..=2_147_483_648)),
            (false, "2147483648", Some(2_147_483_648..=9_999_999_999)),
            (false, "18446744073709551615", Some(10_000_000_000_000_000_000..=u64::MAX)),
            (true, "9223372036854775809", None),
            (false, "18446744073709551616", None),
            (false, "007", None),
            (true, "0", None),
            (false, "+7", None),
            (false, "", None),
        ] {
            assert_eq!(peers(negative, digits), expected, "{digits}");
        }
    }
}
