//! Masks a telephone number and keeps its country. It must not keep a digit of what is no number, and masks at least
//! four digits of what is one.
use crate::keep::whole;

/// Digits of a number, country included: ITU-T E.164 allows 15; fewer than 7 are no number that reaches a person.
pub const FEWEST_DIGITS: usize = 7;
pub const MOST_DIGITS: usize = 15;
/// Digits that are masked at least.
const MASKED: usize = 4;

/// Appends a telephone number with its country code and its `last` digits; separators stay. A number without a country
/// (`+` or `00` at its start) keeps its `last` digits alone. Anything else is masked whole.
pub fn phone(out: &mut Vec<u8>, value: &[u8], last: usize) {
    let Some(digits) = digits_of(value) else { return whole(out, value) };
    let first = country_digits(value);
    if digits < first + last + MASKED {
        return whole(out, value);
    }
    let mut n = 0;
    for &byte in value {
        if !byte.is_ascii_digit() {
            out.push(byte);
            continue;
        }
        out.push(if n < first || n + last >= digits { byte } else { b'*' });
        n += 1;
    }
}

/// How many digits a telephone number has, `00` before its country included; none where the text is no number: digits
/// with a `+` before them, and spaces, hyphens, full stops, slashes and parentheses between them.
pub fn digits_of(text: &[u8]) -> Option<usize> {
    let mut digits = 0;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'+' if at == 0 => {}
            b'(' => {}
            b' ' | b'-' | b'.' | b'/' | b')' if digits > 0 => {}
            _ => return None,
        }
    }
    let international = if text.starts_with(b"00") { 2 } else { 0 };
    let ends = text.last().is_some_and(u8::is_ascii_digit);
    (ends && (FEWEST_DIGITS..=MOST_DIGITS).contains(&(digits - international.min(digits)))).then_some(digits)
}

/// Digits of the country code, with `00` before it; none without a country.
fn country_digits(text: &[u8]) -> usize {
    let digits: Vec<u8> = text.iter().filter(|byte| byte.is_ascii_digit()).take(4).copied().collect();
    match digits.as_slice() {
        [b'0', b'0', country @ ..] => 2 + code_digits(country),
        country if text.first() == Some(&b'+') => code_digits(country),
        _ => 0,
    }
}

/// How long the country code at the start of `digits` is, by the zones of ITU-T E.164.D: zones 1 and 7 are one country
/// code each, of the others some codes have two digits and the rest three.
fn code_digits(digits: &[u8]) -> usize {
    match digits {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..]
        | [b'3', b'0'..=b'4' | b'6' | b'9', ..]
        | [b'4', b'0' | b'1' | b'3'..=b'9', ..]
        | [b'5', b'1'..=b'8', ..]
        | [b'6', b'0'..=b'6', ..]
        | [b'8', b'1' | b'2' | b'4' | b'6', ..]
        | [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn country_and_end_stay() {
        for (value, last, expected) in [
            ("+49 151 23456789", 2, "+49 *** ******89"),
            ("+1 (212) 555-0123", 2, "+1 (***) ***-**23"),
            ("+351 21 123 4567", 2, "+351 ** *** **67"),
            ("0049 151 23456789", 2, "0049 *** ******89"),
            ("+7 495 123-45-67", 0, "+7 *** ***-**-**"),
            ("030/23125032", 2, "***/******32"),
            ("(212) 555-0123", 4, "(***) ***-0123"),
            ("+1 234567", 2, "+1 ****67"),
            ("+351 1234", 2, "*********"),
            ("+49 151 23456789 ", 2, "*****************"),
            ("+49 151 2345678901234", 2, "*********************"),
            ("call +49 151 23456789", 2, "*********************"),
            ("12345", 2, "*****"),
            ("+", 2, "*"),
            ("", 2, ""),
            ("-1234567", 2, "********"),
            ("00", 2, "**"),
        ] {
            let mut out = b"before ".to_vec();
            phone(&mut out, value.as_bytes(), last);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value}");
        }
    }
}
