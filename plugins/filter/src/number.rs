//! Compares numbers by their decimal value, from their text. It must not go through binary floating point, and must
//! not write an exponent out: `1e999999999` costs what `1e9` costs.
use std::cmp::Ordering;

/// Exponents beyond this, either way, count as this. Stops arithmetic from overflowing on an exponent of any length;
/// numbers that it makes equal differ only in a quintillion zeros.
const MOST_EXPONENT: i64 = 1_000_000_000_000_000_000;

/// A JSON number, taken apart, borrowing its digits.
#[derive(Debug, Clone, Copy)]
pub struct Number<'a> {
    negative: bool,
    /// The power of ten of the first digit that is not zero; none for zero.
    lead: Option<i64>,
    /// The digits before the point from the first that is not zero.
    whole: &'a [u8],
    /// The digits after the point, from the first that is not zero where `whole` is empty.
    fraction: &'a [u8],
}

impl<'a> Number<'a> {
    /// Takes the text of a JSON number apart; none where it is not one.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (whole, rest) = split_digits(text)?;
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest)?,
            _ => (&rest[..0], rest),
        };
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', b'-', digits @ ..] => -exponent(digits)?,
            [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => exponent(digits)?,
            _ => return None,
        };
        let whole = strip_zeros(whole);
        let zeros = if whole.is_empty() { fraction.len() - strip_zeros(fraction).len() } else { 0 };
        let fraction = fraction.get(zeros..)?;
        let lead = if whole.is_empty() { -1 - i64::try_from(zeros).ok()? } else { i64::try_from(whole.len()).ok()? - 1 };
        let is_zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative, lead: if is_zero { None } else { Some(exponent + lead) }, whole, fraction })
    }

    /// Compares by value: `1` and `1.0` and `10e-1` are equal, and so are `0` and `-0`.
    pub fn compare(&self, other: &Number<'_>) -> Ordering {
        match (self.sign(), other.sign()) {
            (0, 0) => Ordering::Equal,
            (1, 1) => self.compare_size(other),
            (-1, -1) => other.compare_size(self),
            (sign, other) => sign.cmp(&other),
        }
    }

    /// The same bytes for the same value: sign, digits without zeros at either end, and the power of ten of the first.
    pub fn canonical(&self) -> Vec<u8> {
        let Some(lead) = self.lead else { return b"0".to_vec() };
        let mut bytes = if self.negative { b"-".to_vec() } else { Vec::new() };
        bytes.extend(self.whole.iter().chain(self.fraction));
        let zeros = bytes.iter().rev().take_while(|&&digit| digit == b'0').count();
        bytes.truncate(bytes.len() - zeros);
        bytes.push(b'e');
        bytes.extend_from_slice(lead.to_string().as_bytes());
        bytes
    }

    fn sign(&self) -> i8 {
        match (self.lead, self.negative) {
            (None, _) => 0,
            (Some(_), true) => -1,
            (Some(_), false) => 1,
        }
    }

    fn compare_size(&self, other: &Number<'_>) -> Ordering {
        self.lead.cmp(&other.lead).then_with(|| {
            let length = self.length().max(other.length());
            self.digits().take(length).cmp(other.digits().take(length))
        })
    }

    fn length(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    /// The digits from the first that is not zero, then zeros without end.
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).copied().chain(std::iter::repeat(b'0'))
    }
}

/// The digits at the start, at least one, and the rest.
fn split_digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { None } else { text.split_at_checked(digits) }
}

fn strip_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

fn exponent(digits: &[u8]) -> Option<i64> {
    let (digits, rest) = split_digits(digits)?;
    if !rest.is_empty() {
        return None;
    }
    let number = digits.iter().fold(0i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Some(number.min(MOST_EXPONENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        Some(Number::parse(a.as_bytes())?.compare(&Number::parse(b.as_bytes())?))
    }

    #[test]
    fn numbers_compare_by_value() {
        use Ordering::{Equal, Less};
        for (a, b, expected) in [
            ("1", "1.0", Equal),
            ("1", "10e-1", Equal),
            ("0.00100", "1E-3", Equal),
            ("100", "1e+2", Equal),
            ("0", "-0.0e9", Equal),
            ("-0", "0", Equal),
            ("1", "2", Less),
            ("9", "10", Less),
            ("-10", "-9", Less),
            ("-1", "0", Less),
            ("0", "1e-400", Less),
            ("-1", "1", Less),
            ("9007199254740992", "9007199254740993", Less),
            ("0.1", "0.10000000000000000000000000000000000001", Less),
            ("1e399", "1e400", Less),
            ("1e400", "1e999999999", Less),
            ("1e999999999", "2e999999999", Less),
            ("-1e999999999", "1e-999999999", Less),
            ("1e-999999999", "1", Less),
            ("99999999999999999999999999999999999999", "100000000000000000000000000000000000000", Less),
            ("12.34", "12.340", Equal),
            ("12.34", "12.341", Less),
            ("0.5", "0.06e1", Less),
            ("1e99999999999999999999999999", "1e999999999999999999999999999", Equal),
        ] {
            assert_eq!(compare(a, b), Some(expected), "{a} {b}");
            assert_eq!(compare(b, a), Some(expected.reverse()), "{b} {a}");
        }
    }

    #[test]
    fn what_is_equal_has_one_form_and_what_is_not_another() {
        let form = |text: &str| Number::parse(text.as_bytes()).map(|number| number.canonical());
        let same = [["1", "10e-1"], ["0", "-0.0e9"], ["1200", "1.2e3"], ["-0.00100", "-1E-3"], ["0.5", "0.50"]];
        assert!(same.iter().all(|[a, b]| form(a).is_some() && form(a) == form(b)));
        let different = ["0", "1", "-1", "10", "0.1", "11", "101", "1e400", "12.34", "1234"];
        for (n, text) in different.iter().enumerate() {
            assert!(different[..n].iter().all(|other| form(other) != form(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_has_no_order() {
        for text in ["", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "1 ", "NaN", "1e5.0", "--1"] {
            assert!(Number::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
