//! The letters that format-preserving encryption works on, and the text around them. It must not let a letter through
//! that is in neither.

/// Values that a text must be one of at least: fewer are found by trying (NIST SP 800-38G r1, section 5).
const FEWEST_VALUES: u128 = 1_000_000;
/// Letters of an alphabet: NIST SP 800-38G allows 2 to 2^16.
pub const FEWEST_LETTERS: usize = 2;
pub const MOST_LETTERS: usize = 1 << 16;
/// Letters of a value that are encrypted; the cost grows with their square.
pub const MOST_ENCRYPTED: usize = 256;

/// An alphabet, and characters that stay where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alphabet {
    /// The letters, each once, in the order of their numerals.
    pub letters: String,
    /// What stays in place; no letter is among them.
    pub keep: Vec<char>,
    /// How many letters of a value are encrypted at least.
    pub shortest: usize,
}

/// Why a value is not encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// A character is neither a letter nor one that stays.
    NotInAlphabet,
    /// So few letters that a million values are not reached, or fewer than the settings ask for.
    TooShort,
    /// More letters than are encrypted.
    TooLong,
}

/// The fewest letters that can spell a million values.
pub fn shortest(letters: usize) -> usize {
    let (mut length, mut values) = (0, 1_u128);
    while values < FEWEST_VALUES && letters >= FEWEST_LETTERS {
        values *= letters as u128;
        length += 1;
    }
    length
}

impl Alphabet {
    /// Appends the letters of `value` alone.
    pub fn letters_of(&self, out: &mut Vec<u8>, value: &[u8]) -> Result<(), Unfit> {
        let text = std::str::from_utf8(value).map_err(|_| Unfit::NotInAlphabet)?;
        let start = out.len();
        let mut count = 0;
        let fits = 'fits: {
            for letter in text.chars() {
                if self.letters.contains(letter) {
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    count += 1;
                } else if !self.keep.contains(&letter) {
                    break 'fits Err(Unfit::NotInAlphabet);
                }
            }
            match count {
                _ if count < self.shortest => Err(Unfit::TooShort),
                _ if count > MOST_ENCRYPTED => Err(Unfit::TooLong),
                _ => Ok(()),
            }
        };
        if fits.is_err() {
            out.truncate(start);
        }
        fits
    }

    /// Appends `value` with its letters replaced by `letters`, in order. False where they are not as many.
    pub fn put_back(&self, out: &mut Vec<u8>, value: &[u8], letters: &[u8]) -> bool {
        let (Ok(text), Ok(letters)) = (std::str::from_utf8(value), std::str::from_utf8(letters)) else { return false };
        let mut letters = letters.chars();
        for letter in text.chars() {
            let new = if self.letters.contains(letter) { letters.next() } else { Some(letter) };
            let Some(new) = new else { return false };
            out.extend_from_slice(new.encode_utf8(&mut [0; 4]).as_bytes());
        }
        letters.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Alphabet {
        Alphabet { letters: "0123456789".to_owned(), keep: vec!['-', ' '], shortest: 6 }
    }

    #[test]
    fn a_million_values_take_so_many_letters() {
        for (letters, expected) in [(2, 20), (10, 6), (26, 5), (36, 4), (62, 4), (1000, 2), (MOST_LETTERS, 2)] {
            assert_eq!(shortest(letters), expected, "{letters}");
        }
    }

    #[test]
    fn letters_come_out_and_go_back() {
        for (value, expected) in [
            ("4111-1111 1111", Ok("411111111111")),
            ("123456", Ok("123456")),
            ("12345", Err(Unfit::TooShort)),
            ("", Err(Unfit::TooShort)),
            ("123x456", Err(Unfit::NotInAlphabet)),
            ("１23456", Err(Unfit::NotInAlphabet)),
            (&"1".repeat(257), Err(Unfit::TooLong)),
        ] {
            let mut out = b"before ".to_vec();
            let found = digits().letters_of(&mut out, value.as_bytes());
            assert_eq!(found.map(|()| String::from_utf8_lossy(&out[7..])), expected.map(Into::into), "{value}");
            assert!(out.starts_with(b"before ") && (expected.is_ok() || out.len() == 7));
        }
        let mut out = Vec::new();
        assert!(digits().put_back(&mut out, b"12-34 56", b"987654"));
        assert_eq!(out, b"98-76 54");
        for wrong in ["98765", "9876543", ""] {
            assert!(!digits().put_back(&mut Vec::new(), b"12-34 56", wrong.as_bytes()), "{wrong}");
        }
    }
}
