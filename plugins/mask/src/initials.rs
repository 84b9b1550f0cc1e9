//! Makes initials of a name. It must not keep a name of a single letter, nor anything that is no letter.

/// Appends the first letter of each word with a full stop, with one space between them: `A. M. N.`. Words end at white
/// space and at hyphens; one that does not begin with a letter leaves nothing. A value without such a word, of a
/// single letter, or that is not UTF-8, becomes one `*`; an empty one stays empty.
pub fn initials(out: &mut Vec<u8>, value: &[u8]) {
    if value.is_empty() {
        return;
    }
    let text = std::str::from_utf8(value).unwrap_or_default();
    let words = text.split(|letter: char| letter.is_whitespace() || letter == '-');
    let firsts = words.filter_map(|word| word.chars().next().filter(|first| first.is_alphabetic()));
    let start = out.len();
    if text.trim().chars().nth(1).is_some() {
        for first in firsts {
            if out.len() > start {
                out.push(b' ');
            }
            out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
            out.push(b'.');
        }
    }
    if out.len() == start {
        out.push(b'*');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_leaves_its_first_letter() {
        for (value, expected) in [
            ("Ana María Núñez", "A. M. N."),
            ("Jean-Luc  Picard", "J. L. P."),
            ("Ünal", "Ü."),
            ("O'Neill", "O."),
            ("李 小龍", "李. 小."),
            ("Ana 2nd", "A."),
            ("4711", "*"),
            ("A", "*"),
            (" A ", "*"),
            (" ", "*"),
            ("", ""),
        ] {
            let mut out = b"before ".to_vec();
            initials(&mut out, value.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value}");
        }
        let mut out = Vec::new();
        initials(&mut out, &[b'a', 0xff]);
        assert_eq!(out, b"*");
    }
}
