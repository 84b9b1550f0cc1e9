//! Decimal numbers, exactly: what a number's text says is what is reckoned with. It must not round where it is not told
//! to, and must not guess a number that is too long for it.

/// Decimal places and digits that fit; more are no number here. 10^37 is within an `i128`.
const MOST_DIGITS: u32 = 37;

/// `units` × 10^-`scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// The number without its point.
    pub units: i128,
    /// Digits behind the point.
    pub scale: u32,
}

impl Decimal {
    /// Reads a JSON number (RFC 8259, section 6), its exponent resolved; none where the text is none or is too long.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
        let (whole, rest) = digits(text)?;
        if whole.len() > 1 && whole.starts_with(b"0") {
            return None;
        }
        let (fraction, rest) = match rest.strip_prefix(b".") {
            Some(rest) => digits(rest)?,
            None => (&rest[..0], rest),
        };
        let exponent = exponent(rest)?;
        let units = units_of(whole, fraction)?;
        let scale = i64::try_from(fraction.len()).ok()? - exponent;
        let number = match u32::try_from(scale) {
            Ok(scale) => Self { units, scale },
            Err(_) if units == 0 => Self { units, scale: 0 },
            Err(_) => Self { units: units.checked_mul(power(u32::try_from(-scale).ok()?)?)?, scale: 0 },
        };
        let fits = number.scale <= MOST_DIGITS && number.units < power(MOST_DIGITS)?;
        fits.then_some(Self { units: if negative { -number.units } else { number.units }, ..number })
    }

    /// The same number in units of 10^-`scale`; none if it is not a whole number of them or is too long so.
    pub fn at(self, scale: u32) -> Option<i128> {
        match scale.cmp(&self.scale) {
            std::cmp::Ordering::Equal => Some(self.units),
            std::cmp::Ordering::Greater => self.units.checked_mul(power(scale - self.scale)?),
            std::cmp::Ordering::Less => {
                let (units, rest) = divide(self.units, power(self.scale - scale)?)?;
                (rest == 0).then_some(units)
            }
        }
    }

    /// Both numbers in the smaller of their units, and its scale.
    pub fn common(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        Some((self.at(scale)?, other.at(scale)?, scale))
    }

    /// Appends it as a JSON number of `scale` digits behind the point.
    pub fn write(self, out: &mut Vec<u8>) {
        if self.units < 0 {
            out.push(b'-');
        }
        let mut digits = [b'0'; MOST_WRITTEN];
        let mut from = digits.len();
        let mut rest = self.units.unsigned_abs();
        // Two words at a time are slow in WebAssembly; most numbers are one.
        while u64::try_from(rest).is_err() {
            from = put(&mut digits, from, u64::try_from(rest % POWER_18).unwrap_or(0), 18);
            rest /= POWER_18;
        }
        from = put(&mut digits, from, u64::try_from(rest).unwrap_or(0), 1);
        // One digit stands before the point.
        let places = usize::try_from(self.scale).unwrap_or(MOST_WRITTEN);
        let from = from.min(digits.len().saturating_sub(places + 1));
        let (whole, fraction) = digits.get(from..).unwrap_or_default().split_at(digits.len().saturating_sub(from + places));
        out.extend_from_slice(whole);
        if places > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }
}

/// Digits of an `i128`, and of a fraction with one digit before its point.
const MOST_WRITTEN: usize = 40;
/// 10^18, the largest power of ten whose digits all fit a `u64` together with what is taken off.
const POWER_18: u128 = 1_000_000_000_000_000_000;

/// Writes a number before `from`, at least `least` digits, and returns where it begins.
fn put(digits: &mut [u8; MOST_WRITTEN], mut from: usize, mut number: u64, least: usize) -> usize {
    let mut written = 0;
    while number > 0 || written < least {
        from = from.saturating_sub(1);
        if let Some(place) = digits.get_mut(from) {
            *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        }
        (number, written) = (number / 10, written + 1);
    }
    from
}

/// The number that digits spell, before and behind the point; none where it is too long.
fn units_of(whole: &[u8], fraction: &[u8]) -> Option<i128> {
    let digits = whole.iter().chain(fraction);
    if whole.len() + fraction.len() <= 18 {
        return Some(i128::from(digits.fold(0_i64, |units, digit| units * 10 + i64::from(digit - b'0'))));
    }
    let mut digits = digits;
    digits.try_fold(0_i128, |units, digit| units.checked_mul(10)?.checked_add(i128::from(digit - b'0')))
}

/// Quotient, towards zero, and remainder; none for a divisor of zero. One word is divided as one: that of two is slow in
/// WebAssembly.
pub fn divide(number: i128, by: i128) -> Option<(i128, i128)> {
    match (i64::try_from(number), i64::try_from(by)) {
        (Ok(number), Ok(by)) => Some((i128::from(number.checked_div(by)?), i128::from(number.checked_rem(by)?))),
        _ => Some((number.checked_div(by)?, number.checked_rem(by)?)),
    }
}

/// 10^`n`, if it fits.
pub fn power(n: u32) -> Option<i128> {
    10_i128.checked_pow(n)
}

/// At least one digit, and what follows.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let n = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if n == 0 { None } else { text.split_at_checked(n) }
}

/// An exponent, or nothing at all.
fn exponent(text: &[u8]) -> Option<i64> {
    let text = match text {
        [] => return Some(0),
        [b'e' | b'E', rest @ ..] => rest,
        _ => return None,
    };
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let (number, rest) = digits(text)?;
    // Longer ones are out of every range.
    let number: i64 = std::str::from_utf8(number.get(..number.len().min(6))?).ok()?.parse().ok()?;
    rest.is_empty().then_some(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for (text, expected) in [
            ("0", Some((0, 0))),
            ("-0", Some((0, 0))),
            ("12.50", Some((1250, 2))),
            ("-0.05", Some((-5, 2))),
            ("1e3", Some((1000, 0))),
            ("1.5E+3", Some((1500, 0))),
            ("1.5e-3", Some((15, 4))),
            ("1.2345678901234567e-17", Some((12_345_678_901_234_567, 33))),
            ("0e400", Some((0, 0))),
            ("9007199254740993", Some((9_007_199_254_740_993, 0))),
            ("1234567890123456789012345678901234567", Some((1_234_567_890_123_456_789_012_345_678_901_234_567, 0))),
            ("12345678901234567890123456789012345678", None),
            ("1e400", None),
            ("1e-38", None),
            ("1e9999999999999999999", None),
            ("", None),
            ("-", None),
            ("+1", None),
            ("01", None),
            ("1.", None),
            (".5", None),
            ("1e", None),
            ("1e+", None),
            ("1,5", None),
            (" 1", None),
            ("1 ", None),
            ("NaN", None),
            ("0x1", None),
        ] {
            let found = Decimal::parse(text.as_bytes()).map(|number| (number.units, number.scale));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_written_with_all_their_places() {
        for (units, scale, expected) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (1250, 2, "12.50"),
            (-1250, 0, "-1250"),
            (7, 1, "0.7"),
            (i128::MAX, 0, "170141183460469231731687303715884105727"),
            (i128::MIN, 3, "-170141183460469231731687303715884105.728"),
        ] {
            let mut out = b"before ".to_vec();
            Decimal { units, scale }.write(&mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"));
        }
    }

    #[test]
    fn units_change_only_where_nothing_is_lost() {
        let number = Decimal { units: 1250, scale: 2 };
        assert_eq!([0, 1, 2, 4].map(|scale| number.at(scale)), [None, Some(125), Some(1250), Some(125_000)]);
        assert_eq!(number.common(Decimal { units: 5, scale: 3 }), Some((12_500, 5, 3)));
    }
}
