//! Finds the word that was meant. It must not guess where nothing is near.

/// Words longer than this are not compared: no name is, and the table below stays small.
const LONGEST: usize = 64;

/// The word of `known` that is nearest to `word`, for "did you mean": at most a third of its letters off, and never
/// more than 3.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = word.chars().count().div_ceil(3).min(3);
    known.iter().map(|&other| (distance(word, other), other)).filter(|&(off, _)| off <= allowed).min().map(|(_, other)| other)
}

/// Levenshtein distance, in letters, with `-` and `_` the same.
fn distance(a: &str, b: &str) -> usize {
    let plain = |letter: char| if letter == '-' { '_' } else { letter.to_ascii_lowercase() };
    let b: Vec<char> = b.chars().map(plain).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(plain).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_nothing_far() {
        let known = ["redact", "keep_first", "keep_last", "hmac"];
        for (word, expected) in
            [("redcat", Some("redact")), ("keep-last", Some("keep_last")), ("HMAC", Some("hmac")), ("encrypt", None), ("", None)]
        {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
