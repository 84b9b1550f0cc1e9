//! Masks all letters of a value but some at its ends and some that stay wherever they are. It must not keep the ends of
//! a value that has no letter to spare.

/// What stays of a value, and what takes the place of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Takes the place of a masked scalar.
    mask: char,
    /// How many scalars stay at the start; those of `skip` do not count.
    first: usize,
    /// How many stay at the end.
    last: usize,
    /// Scalars that stay wherever they are.
    skip: Vec<char>,
    /// Those that are ASCII, a bit each.
    ascii: [u64; 2],
}

impl Pattern {
    /// `first` and `last` of the scalars that are not among `skip` stay.
    pub fn new(mask: char, first: usize, last: usize, skip: Vec<char>) -> Self {
        let mut ascii = [0; 2];
        for letter in skip.iter().filter(|letter| letter.is_ascii()) {
            ascii[*letter as usize / 64] |= 1 << (*letter as usize % 64);
        }
        Self { mask, first, last, skip, ascii }
    }

    /// Appends `value` masked, scalar by scalar. Where no more than `first + last` scalars are left beside those of
    /// `skip`, none of them stays. What is not UTF-8 is masked whole, byte by byte.
    pub fn mask(&self, out: &mut Vec<u8>, value: &[u8]) {
        let mut buffer = [0; 4];
        let mask = self.mask.encode_utf8(&mut buffer).as_bytes();
        let Ok(text) = std::str::from_utf8(value) else {
            value.iter().for_each(|_| out.extend_from_slice(mask));
            return;
        };
        let letters = text.chars().count();
        let count = if self.skip.is_empty() { letters } else { text.chars().filter(|&letter| self.counts(letter)).count() };
        let hidden = match self.first.saturating_add(self.last) {
            kept if kept < count => self.first..count - self.last,
            _ => 0..count,
        };
        let mut n = 0;
        for letter in text.chars() {
            let counted = self.counts(letter);
            if counted && hidden.contains(&n) {
                out.extend_from_slice(mask);
            } else if letter.is_ascii() {
                out.push(letter as u8);
            } else {
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            n += usize::from(counted);
        }
    }

    /// Whether a character is not one that stays anyway.
    #[inline]
    fn counts(&self, letter: char) -> bool {
        match self.ascii.get(letter as usize / 64) {
            Some(bits) => bits >> (letter as usize % 64) & 1 == 0,
            None => !self.skip.contains(&letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_skipped_letters_stay() {
        for (mask, first, last, skip, value, expected) in [
            ('*', 0, 0, "", "Núñez", "*****"),
            ('•', 1, 1, "", "Núñez", "N•••z"),
            ('*', 2, 4, "-. ", "AB-123.456 7", "AB-***.456 7"),
            ('*', 2, 4, "-", "AB-1234", "**-****"),
            ('#', 0, 4, " ", "4111 1111 1111 1111", "#### #### #### 1111"),
            ('*', 3, 3, "-", "123-456", "***-***"),
            ('*', 3, 3, "", "", ""),
            ('*', usize::MAX, usize::MAX, "", "abc", "***"),
            ('x', 0, 1, "日", "日本語", "日x語"),
        ] {
            let pattern = Pattern::new(mask, first, last, skip.chars().collect());
            let mut out = b"before ".to_vec();
            pattern.mask(&mut out, value.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value} {first} {last} {skip}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_masked_whole() {
        let pattern = Pattern::new('*', 1, 1, vec!['a']);
        let mut out = Vec::new();
        pattern.mask(&mut out, &[b'a', 0xff, b'b', b'c']);
        assert_eq!(out, b"****");
    }
}
