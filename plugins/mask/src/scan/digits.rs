//! Scanners for cards, account numbers and telephone numbers: groups of digits with marks between them. They must not
//! look further than the longest of these is.
use super::joins;
use crate::{card, iban, phone};

/// Fewest digits of a card in free text: those of 12 digits are too rare for every tenth number of 12 digits to pass.
const CARD_DIGITS: usize = 13;
/// Digits of a telephone number without a country: more with the `0` that says that it is one.
const NATIONAL_DIGITS: std::ops::RangeInclusive<usize> = 9..=12;
/// Marks between two digits of a telephone number: `) ` is the most.
const MOST_MARKS: usize = 2;

/// Where the card that begins at `start` ends: the longest, where several would pass.
pub fn card(text: &[u8], start: usize) -> Option<usize> {
    let (mut longest, mut luhn) = (None, card::Luhn::default());
    let (mut count, mut marked) = (0, false);
    for (at, &byte) in text.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' if count < card::MOST_DIGITS => {
                luhn.push(byte - b'0');
                (count, marked) = (count + 1, false);
                let ends = !joins(text.get(at + 1));
                if ends && count >= CARD_DIGITS && luhn.passes() {
                    longest = Some(at + 1);
                }
            }
            b' ' | b'-' if count > 0 && !marked => marked = true,
            _ => break,
        }
    }
    longest
}

/// Where the account number that begins at `start` ends.
pub fn iban(text: &[u8], start: usize) -> Option<usize> {
    let [a, b, c, d] = *text.get(start..)?.first_chunk::<4>()?;
    if !(a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit()) {
        return None;
    }
    let mut longest = None;
    let (mut count, mut spaced) = (0, false);
    for (at, &byte) in text.iter().enumerate().skip(start) {
        match byte {
            b' ' if !spaced => spaced = true,
            byte if byte.is_ascii_alphanumeric() && count < iban::MOST => {
                count += 1;
                spaced = false;
                let ends = !joins(text.get(at + 1));
                if ends && count >= iban::FEWEST && text.get(start..=at).and_then(iban::length_of).is_some() {
                    longest = Some(at + 1);
                }
            }
            _ => break,
        }
    }
    longest
}

/// Where the telephone number that begins at `start` ends.
pub fn phone(text: &[u8], start: usize) -> Option<usize> {
    // A number without a sign that it is one has three digits in its first group.
    let plain = matches!(text.get(start), Some(b'1'..=b'9'));
    if plain && text.get(start..start + 4).is_none_or(|group| !matches!(group, [.., b' ' | b'-' | b'.'])) {
        return None;
    }
    let mut longest = None;
    let (mut count, mut marks) = (0, 0);
    for (at, &byte) in text.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' if count < phone::MOST_DIGITS + 2 => {
                count += 1;
                marks = 0;
                let ends = !joins(text.get(at + 1));
                if ends && text.get(start..=at).is_some_and(is_phone) {
                    longest = Some(at + 1);
                }
            }
            b'+' if at == start => {}
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if marks < MOST_MARKS => marks += 1,
            _ => break,
        }
    }
    longest
}

/// Whether digits and marks look like a telephone number.
fn is_phone(text: &[u8]) -> bool {
    let Some(digits) = phone::digits_of(text) else { return false };
    let pointed = text.contains(&b'.');
    match text {
        [b'+', ..] => true,
        [b'0', b'0', ..] => digits >= phone::FEWEST_DIGITS + 2,
        [b'0', b'1'..=b'9', ..] | [b'(', b'0', ..] => !pointed && NATIONAL_DIGITS.contains(&digits),
        [b'(', ..] => !pointed && digits == 10,
        // 212-555-0123, as in North America.
        _ => {
            let groups = || text.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len);
            groups().eq([3, 3, 4])
        }
    }
}
