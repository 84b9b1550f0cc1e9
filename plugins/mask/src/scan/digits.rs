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

/// What stands for a letter of no importance.
const OTHER: u8 = 0xff;

/// The text from `start` on, letter by letter: where each ends, and what it is. Spaces and hyphens of every width are
/// those of ASCII: texts that were set or copied hold their numbers together with them.
fn letters(text: &[u8], start: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut at = start;
    std::iter::from_fn(move || {
        let (letter, width) = match text.get(at..)? {
            [] => return None,
            [ascii @ 0..=0x7f, ..] => (*ascii, 1),
            // U+00A0; U+2000 to U+200A, U+202F, U+205F and U+3000.
            [0xc2, 0xa0, ..] => (b' ', 2),
            [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..] | [0xe2, 0x81, 0x9f, ..] | [0xe3, 0x80, 0x80, ..] => (b' ', 3),
            // U+00AD; U+2010 to U+2015 and U+2212.
            [0xc2, 0xad, ..] => (b'-', 2),
            [0xe2, 0x80, 0x90..=0x95, ..] | [0xe2, 0x88, 0x92, ..] => (b'-', 3),
            _ => (OTHER, 1),
        };
        at += width;
        Some((at, letter))
    })
}

/// What a scanner has passed, for the checks that look at all of it.
struct Passed {
    letters: [u8; MOST_LETTERS],
    count: usize,
}

/// Letters of the longest of what is looked for, marks included: an account number with a space behind each.
const MOST_LETTERS: usize = 2 * iban::MOST;

impl Passed {
    fn new() -> Self {
        Self { letters: [OTHER; MOST_LETTERS], count: 0 }
    }

    /// Takes one more; says whether there was room for it.
    fn push(&mut self, letter: u8) -> bool {
        let room = self.letters.get_mut(self.count).map(|place| *place = letter);
        self.count += usize::from(room.is_some());
        room.is_some()
    }

    fn all(&self) -> &[u8] {
        self.letters.get(..self.count).unwrap_or_default()
    }
}

/// Where the card that begins at `start` ends: the longest, where several would pass.
pub fn card(text: &[u8], start: usize) -> Option<usize> {
    let (mut longest, mut luhn) = (None, card::Luhn::default());
    let (mut count, mut marked) = (0, false);
    for (end, letter) in letters(text, start) {
        match letter {
            b'0'..=b'9' if count < card::MOST_DIGITS => {
                luhn.push(letter - b'0');
                (count, marked) = (count + 1, false);
                if count >= CARD_DIGITS && !joins(text.get(end)) && luhn.passes() {
                    longest = Some(end);
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
    let (mut longest, mut passed) = (None, Passed::new());
    let (mut count, mut spaced) = (0, false);
    for (end, letter) in letters(text, start) {
        match letter {
            b' ' if !spaced => spaced = true,
            letter if letter.is_ascii_alphanumeric() && count < iban::MOST => (count, spaced) = (count + 1, false),
            _ => break,
        }
        if !passed.push(letter) {
            break;
        }
        if count >= iban::FEWEST && !spaced && !joins(text.get(end)) && iban::length_of(passed.all()).is_some() {
            longest = Some(end);
        }
    }
    longest
}

/// Where the telephone number that begins at `start` ends.
pub fn phone(text: &[u8], start: usize) -> Option<usize> {
    // A number without a sign that it is one has three digits in its first group.
    let plain = matches!(text.get(start), Some(b'1'..=b'9'));
    if plain && !letters(text, start).nth(3).is_some_and(|(_, letter)| matches!(letter, b' ' | b'-' | b'.')) {
        return None;
    }
    let (mut longest, mut passed) = (None, Passed::new());
    let (mut count, mut marks) = (0, 0);
    for (at, (end, letter)) in letters(text, start).enumerate() {
        match letter {
            b'0'..=b'9' if count < phone::MOST_DIGITS + 2 => (count, marks) = (count + 1, 0),
            b'+' if at == 0 => {}
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if marks < MOST_MARKS => marks += 1,
            _ => break,
        }
        if !passed.push(letter) {
            break;
        }
        if count > 0 && marks == 0 && !joins(text.get(end)) && is_phone(passed.all()) {
            longest = Some(end);
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
