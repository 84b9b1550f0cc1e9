//! Keeps the first or last letters of a value and masks the others. It must not keep anything of a value that has no
//! letter to spare.

/// What takes the place of a masked letter.
const MASK: u8 = b'*';

/// Which end stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first letters.
    First,
    /// The last letters.
    Last,
}

/// Appends `value` with all but `n` Unicode scalars masked, one `*` each; a value of `n` or fewer is masked whole, and
/// so is one that is not UTF-8, one `*` a byte.
pub fn keep(out: &mut Vec<u8>, value: &[u8], side: Side, n: usize) {
    let (start, len) = (out.len(), value.len());
    let ascii = match side {
        Side::First if n < len => ascii(out, value, n, 0),
        Side::Last if n < len => ascii(out, value, len - n, u64::MAX),
        _ => ascii(out, value, 0, 0),
    };
    if ascii {
        return;
    }
    out.truncate(start);
    let Some((stars, kept)) = scalars(value, side, n) else { return whole(out, value) };
    let kept = value.get(kept).unwrap_or_default();
    match side {
        Side::First => {
            out.extend_from_slice(kept);
            out.resize(out.len() + stars, MASK);
        }
        Side::Last => {
            out.resize(out.len() + stars, MASK);
            out.extend_from_slice(kept);
        }
    }
}

/// Bytes that are masked at once. In WebAssembly a call that fills or copies a dozen bytes costs more than they do.
const WORD: usize = size_of::<u64>();
/// A word of `*`, and the bits that no ASCII has.
const STARS: u64 = u64::from_le_bytes([MASK; WORD]);
const HIGH: u64 = u64::from_le_bytes([0x80; WORD]);

/// Appends as many bytes as `value` has, the first `n` as they are and `*` for the others, or the other way round where
/// the bits of `flip` are set. False where it is not ASCII: what was appended is wrong then.
#[inline]
fn ascii(out: &mut Vec<u8>, value: &[u8], mut n: usize, flip: u64) -> bool {
    let end = out.len() + value.len();
    let mut seen = 0;
    for word in value.chunks(WORD) {
        let letters = match word.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => word.iter().rev().fold(0, |letters, letter| letters << 8 | u64::from(*letter)),
        };
        seen |= letters;
        let stays = first(n) ^ flip;
        out.extend_from_slice(&(letters & stays | STARS & !stays).to_le_bytes());
        n = n.saturating_sub(WORD);
    }
    // The last word may be longer than what it stands for.
    out.truncate(end);
    seen & HIGH == 0
}

/// The bits of the first `n` bytes of a word.
fn first(n: usize) -> u64 {
    if n < WORD { (1 << (8 * n)) - 1 } else { u64::MAX }
}

/// Appends one `*` a Unicode scalar of `value`, one a byte if it is not UTF-8.
pub fn whole(out: &mut Vec<u8>, value: &[u8]) {
    let all = std::str::from_utf8(value).map_or(value.len(), |text| text.chars().count());
    out.resize(out.len() + all, MASK);
}

/// Appends the first `n` Unicode scalars; what is not UTF-8 becomes nothing, as where a scalar ends is not known.
pub fn truncate(out: &mut Vec<u8>, value: &[u8], n: usize) {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let end = text.char_indices().nth(n).map_or(text.len(), |(at, _)| at);
    out.extend_from_slice(value.get(..end).unwrap_or_default());
}

/// How many stars, and which bytes stay; none where the value is masked whole.
fn scalars(value: &[u8], side: Side, n: usize) -> Option<(usize, std::ops::Range<usize>)> {
    let text = std::str::from_utf8(value).ok()?;
    let count = text.chars().count();
    if n >= count || n == 0 {
        return None;
    }
    let first_kept = if side == Side::First { 0 } else { count - n };
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let from = starts.nth(first_kept)?;
    let to = starts.nth(n - 1)?;
    Some((count - n, from..to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_n_scalars_are_masked() {
        for (value, side, n, expected) in [
            ("4111111111111111", Side::Last, 4, "************1111"),
            ("4111111111111111", Side::First, 6, "411111**********"),
            ("12345", Side::Last, 4, "*2345"),
            ("1234", Side::Last, 4, "****"),
            ("123", Side::First, 4, "***"),
            ("", Side::Last, 4, ""),
            ("abc", Side::Last, 0, "***"),
            ("äöü", Side::First, 0, "***"),
            ("Núñez", Side::Last, 3, "**ñez"),
            ("Núñez", Side::First, 2, "Nú***"),
            ("日本語", Side::Last, 3, "***"),
            ("日本語", Side::Last, 2, "*本語"),
            ("日本語", Side::First, 1, "日**"),
            ("e\u{301}x", Side::First, 1, "e**"),
            ("👩‍🚀!", Side::Last, 1, "***!"),
            ("abc", Side::Last, usize::MAX, "***"),
        ] {
            let mut out = b"before ".to_vec();
            keep(&mut out, value.as_bytes(), side, n);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value} {side:?} {n}");
        }
    }

    /// Every length around that of a word, against the plain way.
    #[test]
    fn words_make_no_difference() {
        let letters = "The quick brown fox jumps";
        for len in 0..letters.len() {
            for n in 0..len + 2 {
                let value = &letters[..len];
                let stars = |n: usize| "*".repeat(n);
                let (first, last) = if n < len {
                    (value[..n].to_owned() + &stars(len - n), stars(len - n) + &value[len - n..])
                } else {
                    (stars(len), stars(len))
                };
                for (side, expected) in [(Side::First, first), (Side::Last, last)] {
                    let mut out = b"before ".to_vec();
                    keep(&mut out, value.as_bytes(), side, n);
                    assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{len} {n}");
                }
            }
        }
    }

    #[test]
    fn only_the_first_scalars_are_left() {
        for (value, n, expected) in [("Núñez", 2, "Nú"), ("日本語", 1, "日"), ("abc", 3, "abc"), ("abc", 0, ""), ("", 4, "")] {
            let mut out = b"before ".to_vec();
            truncate(&mut out, value.as_bytes(), n);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value} {n}");
        }
        let mut out = Vec::new();
        truncate(&mut out, &[b'a', 0xff], 1);
        assert!(out.is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_masked_whole() {
        let mut out = Vec::new();
        keep(&mut out, &[b'a', 0xff, b'b', b'c', b'd', b'e'], Side::Last, 2);
        assert_eq!(out, b"******");
    }
}
