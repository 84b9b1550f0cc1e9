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

/// What to say after a word that is not known: the one that was meant, or those that there are.
#[must_use]
pub fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// Letters to put in, take out, change, or swap with their neighbour (optimal string alignment), with `-` and `_` the same.
fn distance(a: &str, b: &str) -> usize {
    let plain = |letter: char| if letter == '-' { '_' } else { letter.to_ascii_lowercase() };
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().map(plain).collect(), b.chars().map(plain).collect());
    let (mut before, mut above) = (Vec::new(), (0..=b.len()).collect::<Vec<_>>());
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut least = (above[j] + usize::from(a[i] != b[j])).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_nothing_far() {
        let known = ["redact", "keep_first", "keep_last", "hmac", "use"];
        for (word, expected) in [
            ("redcat", Some("redact")),
            ("keep-last", Some("keep_last")),
            ("HMAC", Some("hmac")),
            ("ues", Some("use")),
            ("eus", None),
            ("encrypt", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
