//! Which topics a pipeline takes. It knows names only, nothing of clusters.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use regex::Regex;

/// One way to name topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `*`, `?` and `[…]` over the whole name; a dot is a letter like any other.
    Glob(String),
    /// A regular expression that has to match the whole name.
    Regex(String),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" is not valid: {why}")]
pub struct BadPattern {
    what: &'static str,
    text: String,
    why: String,
}

#[derive(Clone)]
enum Matcher {
    Glob(GlobMatcher),
    Regex(Regex),
}

impl Matcher {
    fn new(pattern: &Pattern) -> Result<Self, BadPattern> {
        let bad = |what, text: &String, why: String| BadPattern {
            what,
            text: text.clone(),
            // The library draws a picture over several lines; its last one says what is wrong.
            why: why.lines().last().unwrap_or_default().trim_start_matches("error: ").into(),
        };
        match pattern {
            Pattern::Glob(text) => {
                let glob = GlobBuilder::new(text).literal_separator(false).build();
                let glob = glob.map_err(|e| bad("the glob", text, e.kind().to_string()))?;
                Ok(Self::Glob(glob.compile_matcher()))
            }
            Pattern::Regex(text) => {
                // Alone first: `a)|(b` must not become valid by what is put around it.
                Regex::new(text)
                    .and_then(|_| Regex::new(&format!(r"\A(?:{text})\z")))
                    .map(Self::Regex)
                    .map_err(|e| bad("the regular expression", text, e.to_string()))
            }
        }
    }

    fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.is_match(topic),
            Self::Regex(regex) => regex.is_match(topic),
        }
    }
}

/// The topics of a pipeline: what an include pattern matches and no exclude pattern does, without the topics that
/// belong to brokers and tools.
#[derive(Clone)]
pub struct TopicFilter {
    include: Vec<(Pattern, Matcher)>,
    exclude: Vec<(Pattern, Matcher)>,
}

// By hand: a compiled expression prints pages.
impl fmt::Debug for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let include: Vec<_> = self.include().collect();
        let exclude: Vec<_> = self.exclude().collect();
        f.debug_struct("TopicFilter").field("include", &include).field("exclude", &exclude).finish()
    }
}

impl TopicFilter {
    /// The filter, or the first pattern that is not one.
    pub fn new(include: &[Pattern], exclude: &[Pattern]) -> Result<Self, BadPattern> {
        let compile = |patterns: &[Pattern]| {
            let compiled = patterns.iter().map(|p| Ok((p.clone(), Matcher::new(p)?)));
            compiled.collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { include: compile(include)?, exclude: compile(exclude)? })
    }

    /// Whether the pipeline takes the topic of that name.
    pub fn matches(&self, topic: &str) -> bool {
        let any = |patterns: &[(Pattern, Matcher)]| patterns.iter().any(|(_, m)| m.matches(topic));
        !is_internal(topic) && any(&self.include) && !any(&self.exclude)
    }

    /// The patterns as written.
    pub fn include(&self) -> impl Iterator<Item = &Pattern> {
        self.include.iter().map(|(pattern, _)| pattern)
    }

    /// The patterns as written.
    pub fn exclude(&self) -> impl Iterator<Item = &Pattern> {
        self.exclude.iter().map(|(pattern, _)| pattern)
    }
}

/// Topics that no pattern ever takes: those of Kafka and of Sluice (`__…`), of replicators (`….internal`), of a
/// schema registry (`_schemas`). Copying them would move another system's state without its meaning.
pub fn is_internal(topic: &str) -> bool {
    topic.starts_with("__") || topic.ends_with(".internal") || topic == "_schemas"
}

/// Whether Kafka takes it as the name of a topic: `[a-zA-Z0-9._-]`, at most 249 of them, neither `.` nor `..`.
pub fn is_topic_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    letters && (1..=249).contains(&name.len()) && name != "." && name != ".."
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn glob(text: &str) -> Pattern {
        Pattern::Glob(text.into())
    }

    fn regex(text: &str) -> Pattern {
        Pattern::Regex(text.into())
    }

    #[test]
    fn takes_what_the_patterns_say() {
        let cases = [
            (glob("payments.*"), "payments.eu", true),
            (glob("payments.*"), "payments.eu.card", true),
            (glob("payments.*"), "payments", false),
            (glob("payments.*"), "xpayments.eu", false),
            (glob("*"), "anything.at-all_", true),
            (glob("a.b"), "axb", false),
            (glob("orders-[0-9]"), "orders-7", true),
            (glob("orders-?"), "orders-77", false),
            (glob("Orders"), "orders", false),
            (regex("pay.*"), "payments", true),
            (regex("pay"), "payments", false),
            (regex("a|b"), "b", true),
            (regex("a|b"), "ab", false),
            (glob("*"), "__consumer_offsets", false),
            (glob("*"), "__sluice.p.positions", false),
            (glob("*"), "mm2-offsets.internal", false),
            (regex(".*"), "_schemas", false),
            (glob("*"), "_schemas2", true),
        ];
        for (pattern, topic, expected) in cases {
            let filter = TopicFilter::new(std::slice::from_ref(&pattern), &[]).unwrap();
            assert_eq!(filter.matches(topic), expected, "{pattern:?} on {topic}");
        }
    }

    #[test]
    fn exclude_wins() {
        let filter = TopicFilter::new(&[glob("a*")], &[glob("*z"), regex("ab.")]).unwrap();
        let taken: Vec<_> = ["a", "az", "abc", "abcd"].into_iter().filter(|t| filter.matches(t)).collect();
        assert_eq!(taken, ["a", "abcd"]);
    }

    #[test]
    fn says_what_is_wrong_with_a_pattern() {
        let cases = [
            (glob("a["), "the glob \"a[\" is not valid: unclosed character class; missing ']'"),
            (regex("a("), "the regular expression \"a(\" is not valid: unclosed group"),
            (regex("a)|(b"), "the regular expression \"a)|(b\" is not valid: unopened group"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(TopicFilter::new(&[pattern], &[]).unwrap_err().to_string(), expected);
        }
    }
}
