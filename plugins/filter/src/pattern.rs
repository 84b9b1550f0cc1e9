//! What `matches` looks for. It must find exactly what the regular expression would: a pattern without anything but
//! letters, alternatives and anchors is compared directly, since that is twenty times faster.
use regex_lite::{Regex, RegexBuilder};

/// At most so much memory for a compiled expression. At each letter of a text it may be in as many places as it has: stops
/// one like `[a-z]{5000}` from taking the time of a batch. 200 words of ten letters, in either case, take 90 KiB.
const MAX_COMPILED: usize = 96 << 10;

/// A compiled pattern.
#[derive(Debug)]
pub enum Pattern {
    /// One of these texts, held to the start or the end or both.
    Literals {
        /// `^`
        start: bool,
        /// `$`
        end: bool,
        /// One of them is there.
        texts: Vec<String>,
    },
    /// Anything else.
    Regex(Regex),
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// It is no regular expression, or one that is too large: a sentence.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let refused = |error: regex_lite::Error| match error.to_string() {
            // The library has one type for all of them.
            too_large if too_large.contains("size limit") => format!(
                "is too large a regular expression: compiled it takes more than {} KiB, where 200 words have room; \
                 a count like {{500}} repeats what is before it that often",
                MAX_COMPILED >> 10
            ),
            other => format!("is not a regular expression: {other}"),
        };
        match literals(pattern) {
            // Compiled in any case: what is no regular expression is refused whatever it looks like.
            Some(literals) => Regex::new(pattern).map(|_| literals),
            None => RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build().map(Self::Regex),
        }
        .map_err(refused)
    }

    /// Whether it is found in the text.
    pub fn is_match(&self, text: &str) -> bool {
        match self {
            Self::Literals { start, end, texts } => texts.iter().any(|own| match (start, end) {
                (false, false) => text.contains(own.as_str()),
                (true, false) => text.starts_with(own.as_str()),
                (false, true) => text.ends_with(own.as_str()),
                (true, true) => text == own,
            }),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// The pattern as texts; none where it is more than that.
fn literals(pattern: &str) -> Option<Pattern> {
    let (start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    // A dollar that is escaped leaves a backslash, which is no literal.
    let (end, rest) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
    let group = rest.strip_prefix("(?:").or_else(|| rest.strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'));
    // Outside a group an anchor would belong to one alternative alone.
    let alternatives = match group {
        Some(group) => group,
        None if (start || end) && rest.contains('|') => return None,
        None => rest,
    };
    let texts = alternatives.split('|').map(literal).collect::<Option<Vec<_>>>()?;
    Some(Pattern::Literals { start, end, texts })
}

/// Text without a sign that means something, or with a backslash before it.
fn literal(text: &str) -> Option<String> {
    let mut literal = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        literal.push(match letter {
            '\\' => letters.next().filter(|escaped| is_sign(*escaped))?,
            sign if is_sign(sign) => return None,
            letter => letter,
        });
    }
    Some(literal)
}

fn is_sign(letter: char) -> bool {
    matches!(letter, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use proptest::prelude::*;

    use super::*;

    fn direct(pattern: &str) -> bool {
        matches!(Pattern::new(pattern), Ok(Pattern::Literals { .. }))
    }

    #[test]
    fn what_is_plain_is_compared_directly() {
        for (pattern, expected) in [
            ("abc", true),
            ("^abc", true),
            ("abc$", true),
            ("^abc$", true),
            ("^(?:a|bc)$", true),
            ("^(a|bc)", true),
            ("a|b", true),
            (r"^a\.b", true),
            ("", true),
            ("^$", true),
            ("^a|b$", false),
            ("a.c", false),
            (r"\d", false),
            ("[ab]", false),
            ("(a)(b)", false),
            ("(?i)abc", false),
            ("(?:a|b)*", false),
            ("^^a", false),
            (r"a\$", false),
        ] {
            assert_eq!(direct(pattern), expected, "{pattern}");
        }
        for pattern in ["(", "a{2", "[", "*", r"\"] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_would_take_long_is_refused() {
        let words = (0..200).map(|number| format!("longword{number}")).collect::<Vec<_>>().join("|");
        let insensitive = format!(r"(?i)\b(?:{words})\b");
        for pattern in [&insensitive[..], r"^[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63}){1,8}$", "[a-z]{500}x$"] {
            assert!(Pattern::new(pattern).is_ok(), "{pattern}");
        }
        // Of what is compared directly there may be more.
        assert!(direct(&format!("^({})$", [&words[..]; 9].join("|"))));
        for (pattern, told) in
            [("[a-z]{5000}x$", "more than 96 KiB"), ("((a{100}){100}){100}b?", "more than 96 KiB"), ("(", "is not a regular")]
        {
            let problem = Pattern::new(pattern).unwrap_err();
            assert!(problem.contains(told), "{pattern}: {problem}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn it_finds_what_the_regular_expression_finds(pattern in r"\^?(\(|\(\?:)?[ab\\.|$]{0,6}\)?\$?", text in "[ab.|$\n]{0,6}") {
            if let (Ok(pattern), Ok(regex)) = (Pattern::new(&pattern), Regex::new(&pattern)) {
                prop_assert_eq!(pattern.is_match(&text), regex.is_match(&text));
            }
        }
    }
}
