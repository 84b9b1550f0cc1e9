//! Masks all letters of a value but some at its ends and some that stay wherever they are. It must not keep the ends of
//! a value that has no letter to spare.

/// What stays of a value, and what takes the place of the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Takes the place of a masked scalar.
    pub mask: char,
    /// How many scalars stay at the start; those of `skip` do not count.
    pub first: usize,
    /// How many stay at the end.
    pub last: usize,
    /// Scalars that stay wherever they are.
    pub skip: Vec<char>,
}

impl Pattern {
    /// Appends `value` masked, scalar by scalar. Where no more than `first + last` scalars are left beside those of
    /// `skip`, none of them stays. What is not UTF-8 is masked whole, byte by byte.
    pub fn mask(&self, out: &mut Vec<u8>, value: &[u8]) {
        let mut buffer = [0; 4];
        let mask = self.mask.encode_utf8(&mut buffer).as_bytes();
        let Ok(text) = std::str::from_utf8(value) else {
            value.iter().for_each(|_| out.extend_from_slice(mask));
            return;
        };
        let count = text.chars().filter(|letter| !self.skip.contains(letter)).count();
        let hidden = match self.first.saturating_add(self.last) {
            kept if kept < count => self.first..count - self.last,
            _ => 0..count,
        };
        let mut n = 0;
        for (at, letter) in text.char_indices() {
            let counted = !self.skip.contains(&letter);
            if counted && hidden.contains(&n) {
                out.extend_from_slice(mask);
            } else {
                out.extend_from_slice(value.get(at..at + letter.len_utf8()).unwrap_or_default());
            }
            n += usize::from(counted);
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
            let pattern = Pattern { mask, first, last, skip: skip.chars().collect() };
            let mut out = b"before ".to_vec();
            pattern.mask(&mut out, value.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value} {first} {last} {skip}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_masked_whole() {
        let pattern = Pattern { mask: '*', first: 1, last: 1, skip: vec!['a'] };
        let mut out = Vec::new();
        pattern.mask(&mut out, &[b'a', 0xff, b'b', b'c']);
        assert_eq!(out, b"****");
    }
}
