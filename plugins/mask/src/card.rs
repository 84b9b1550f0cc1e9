//! Masks the number of a payment card. It must not keep a digit of what is no card number.
use crate::keep::whole;

/// Digits of a card number, ISO/IEC 7812-1: 12 is the shortest in use, 19 the longest.
pub const FEWEST_DIGITS: usize = 12;
pub const MOST_DIGITS: usize = 19;
/// Most digits that stay at the start and at the end: PCI DSS 3.4.1 allows the bank's number (up to 8 digits) and the
/// last 4 to be shown.
pub const MOST_FIRST: u64 = 8;
pub const MOST_LAST: u64 = 4;

/// Appends a card number with all digits but the `first` and `last` ones masked; separators stay. Anything else is
/// masked whole. A `*` is no digit: no output passes as a card number. Of the shortest numbers at least 4 digits are
/// masked, whatever `first` and `last` say.
pub fn card(out: &mut Vec<u8>, value: &[u8], first: usize, last: usize) {
    let Some(count) = digits_of(value) else { return whole(out, value) };
    let first = first.min(count.saturating_sub(last + 4));
    let mut n = 0;
    for &byte in value {
        if !byte.is_ascii_digit() {
            out.push(byte);
            continue;
        }
        out.push(if n < first || n + last >= count { byte } else { b'*' });
        n += 1;
    }
}

/// How many digits a card number has; none where the text is no card number: digits that are as many as a card has,
/// with single spaces or hyphens between them, whose check digit is right.
pub fn digits_of(text: &[u8]) -> Option<usize> {
    let mut count = 0;
    let mut after_digit = false;
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                count += 1;
                after_digit = true;
            }
            b' ' | b'-' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    let whole = after_digit && (FEWEST_DIGITS..=MOST_DIGITS).contains(&count);
    (whole && passes_luhn(text)).then_some(count)
}

/// The check of ISO/IEC 7812-1, annex B, digit by digit: from the right, every second digit is doubled, the digits of
/// the results are added up, and the sum ends in 0. Zeros alone pass the sum and are no number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Luhn {
    /// The sum if the last digit so far is the last one, and if it is the last but one.
    last: u32,
    before: u32,
}

impl Luhn {
    /// Takes the next digit from the left.
    pub fn push(&mut self, digit: u8) {
        let digit = u32::from(digit);
        let doubled = if digit < 5 { digit * 2 } else { digit * 2 - 9 };
        *self = Self { last: self.before + digit, before: self.last + doubled };
    }

    /// Whether the digits so far are a number.
    pub fn passes(self) -> bool {
        self.last > 0 && self.last.is_multiple_of(10)
    }
}

/// Whether the digits of a text pass; what is no digit does not count.
pub fn passes_luhn(text: &[u8]) -> bool {
    let mut luhn = Luhn::default();
    text.iter().filter(|byte| byte.is_ascii_digit()).for_each(|byte| luhn.push(byte - b'0'));
    luhn.passes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_keeps_its_ends_and_anything_else_nothing() {
        for (value, first, last, expected) in [
            ("4111111111111111", 0, 4, "************1111"),
            ("4111 1111 1111 1111", 0, 4, "**** **** **** 1111"),
            ("4111-1111-1111-1111", 6, 4, "4111-11**-****-1111"),
            ("378282246310005", 0, 4, "***********0005"),
            ("6304000000000000", 8, 4, "63040000****0000"),
            ("36227206271667", 8, 4, "362272****1667"),
            ("4111111111111111", 0, 0, "****************"),
            ("4111111111111112", 0, 4, "****************"),
            ("4111  1111 1111 1111", 0, 4, "********************"),
            ("4111 1111 1111 1111 ", 0, 4, "********************"),
            (" 4111111111111111", 0, 4, "*****************"),
            ("0000000000000000", 0, 4, "****************"),
            ("42", 0, 4, "**"),
            ("card 4111111111111111", 0, 4, "*********************"),
            ("４111111111111111", 0, 4, "****************"),
            ("", 0, 4, ""),
        ] {
            let mut out = b"before ".to_vec();
            card(&mut out, value.as_bytes(), first, last);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value}");
        }
    }

    /// The example of ISO/IEC 7812-1 and numbers that payment firms publish for tests.
    #[test]
    fn check_digits_are_known() {
        for number in ["17893729974", "5555555555554444", "6011111111111117", "3566002020360505", "2223003122003222", "4222222222222"] {
            assert!(passes_luhn(number.as_bytes()), "{number}");
        }
        for number in ["17893729975", "5555555555554443", "", "0", "00"] {
            assert!(!passes_luhn(number.as_bytes()), "{number}");
        }
    }

    #[test]
    fn at_least_four_digits_go() {
        for digits in ["422222222222", "4222222222222", "36227206271667", "4111111111111111"] {
            // The check digit that makes it pass.
            let number =
                (0..10).map(|check| format!("{}{check}", &digits[..digits.len() - 1])).find(|number| passes_luhn(number.as_bytes()));
            let number = number.unwrap_or_default();
            let mut out = Vec::new();
            card(&mut out, number.as_bytes(), 8, 4);
            assert!(out.iter().filter(|&&byte| byte == b'*').count() >= 4, "{number}");
        }
    }
}
