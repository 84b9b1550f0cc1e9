//! Whether what became of records is what their fixture says, and if not, in which point. It must not run anything, and
//! forgives nothing that the fixture does not leave open.
//!
//! What it tells holds bytes of records: those of a fixture, written by the author, or of a sample that the author chose.

use std::fmt::Write as _;

use super::fixture::{Case, Emitted, Expect, Fixture, Header, Passed};
use super::trial::{Outcome, Run};

/// Characters of a value that a difference shows; the point where two part is among them.
const SHOWN: usize = 160;
/// Differences of one fixture that are told: more help nobody.
const MOST: usize = 20;

/// One way in which a run is not what its fixture says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which record, from 1; none where it is about all of them.
    pub record: Option<usize>,
    /// Line of that record in the fixture.
    pub line: Option<u32>,
    /// What differs.
    pub what: String,
    /// What should be.
    pub expected: String,
    /// What is.
    pub found: String,
}

/// Compares the runs of a fixture, the first of which was record by record: with what is expected, and with each other.
pub fn differences(fixture: &Fixture, runs: &[(usize, Run)]) -> Vec<Difference> {
    let mut found = Vec::new();
    let Some(((_, first), others)) = runs.split_first() else { return found };
    let numbers: Vec<usize> = fixture.samples().into_iter().map(|(case, _)| case).collect();
    for (record, (outcome, number)) in first.outcomes.iter().zip(&numbers).enumerate() {
        let case = &fixture.cases[*number];
        compare(case, outcome, |what, expected, is| {
            found.push(Difference { record: Some(record + 1), line: Some(case.at.0), what: what.into(), expected, found: is });
        });
    }
    for (size, run) in others {
        let parted = first.outcomes.iter().zip(&run.outcomes).position(|(alone, batched)| alone != batched);
        if let Some(record) = parted {
            let (expected, is) = shown_pair(&tell(&first.outcomes[record]), &tell(&run.outcomes[record]));
            let what = format!("in batches of {size} it is another than alone: the plugin depends on where a batch ends");
            found.push(Difference { record: Some(record + 1), line: Some(fixture.cases[numbers[record]].at.0), what, expected, found: is });
        }
    }
    for detail in &first.drift {
        found.push(Difference {
            record: None,
            line: None,
            what: detail.clone(),
            expected: "records that the step fits".into(),
            found: "drift".into(),
        });
    }
    found.truncate(MOST);
    found
}

/// Whether problems of a configuration are those expected.
pub fn problems(fixture: &Fixture, found: &[String]) -> Vec<Difference> {
    let difference = |what: &str, expected: &str, found: &str| Difference {
        record: None,
        line: None,
        what: what.into(),
        expected: expected.into(),
        found: found.into(),
    };
    let mut differences = Vec::new();
    for expected in &fixture.problems {
        if !found.iter().any(|problem| problem.contains(expected.as_str())) {
            let list = if found.is_empty() { "the configuration is accepted".to_owned() } else { found.join("; ") };
            differences.push(difference("problem", expected, &list));
        }
    }
    for problem in found {
        if !fixture.problems.iter().any(|expected| problem.contains(expected.as_str())) {
            differences.push(difference("problem", "none", problem));
        }
    }
    differences
}

fn compare(case: &Case, outcome: &Outcome, mut differ: impl FnMut(&str, String, String)) {
    match (&case.expect, outcome) {
        (Expect::Passed(expected), Outcome::Passed(out, emitted)) => {
            let parts = [("value", expected.value.as_ref(), &out.value), ("key", Some(&expected.key), &out.key)];
            for (what, expected, is) in parts {
                if let Some(expected) = expected
                    && expected != is
                {
                    let (expected, is) = shown_pair(&bytes(expected.as_deref()), &bytes(is.as_deref()));
                    differ(what, expected, is);
                }
            }
            if expected.headers != out.headers {
                differ("header", headers(&expected.headers), headers(&out.headers));
            }
            if expected.timestamp != out.timestamp {
                differ("timestamp", expected.timestamp.to_string(), out.timestamp.to_string());
            }
            if expected.emitted != *emitted {
                differ("emitted", list(&expected.emitted), list(emitted));
            }
            for text in leaks(expected, outcome) {
                differ("no_leak", format!("{text:?} nowhere"), tell(outcome));
            }
        }
        (Expect::Dropped, Outcome::Dropped(emitted)) if emitted.is_empty() => {}
        (Expect::Rejected(code), Outcome::Rejected(found)) if code == found => {}
        (expected, is) => differ("outcome", tell_expected(expected), tell(is)),
    }
}

/// The texts that must not come out and do, in clear or in hexadecimal.
fn leaks<'a>(expected: &'a Passed, outcome: &Outcome) -> impl Iterator<Item = &'a str> {
    let parts = parts(outcome);
    expected.no_leak.iter().map(String::as_str).filter(move |text| {
        let hex = text.bytes().fold(String::new(), |mut hex, byte| {
            // A String takes any text.
            write!(hex, "{byte:02x}").unwrap_or_default();
            hex
        });
        !text.is_empty() && parts.iter().any(|part| holds(part, text.as_bytes()) || holds(&part.to_ascii_lowercase(), hex.as_bytes()))
    })
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

/// Everything of a record that reaches the target.
fn parts(outcome: &Outcome) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut record = |key: &Option<Vec<u8>>, value: &Option<Vec<u8>>, headers: &[Header]| {
        parts.extend(key.iter().chain(value).cloned());
        parts.extend(headers.iter().flat_map(|(name, value)| std::iter::once(name).chain(value)).cloned());
    };
    let (Outcome::Passed(_, emitted) | Outcome::Dropped(emitted)) = outcome else { return Vec::new() };
    if let Outcome::Passed(out, _) = outcome {
        record(&out.key, &out.value, &out.headers);
    }
    emitted.iter().for_each(|made| record(&made.key, &made.value, &made.headers));
    parts
}

fn tell_expected(expected: &Expect) -> String {
    match expected {
        Expect::Dropped => "dropped".into(),
        Expect::Rejected(code) => format!("rejected: {code}"),
        Expect::Passed(passed) => passed.value.as_ref().map_or("passed".into(), |value| format!("passed: {}", bytes(value.as_deref()))),
    }
}

/// An outcome in one line.
pub fn tell(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Dropped(emitted) if emitted.is_empty() => "dropped".into(),
        Outcome::Dropped(emitted) => format!("dropped; emitted {}", list(emitted)),
        Outcome::Rejected(code) => format!("rejected: {code}"),
        Outcome::Passed(out, emitted) => {
            let also = if emitted.is_empty() { String::new() } else { format!("; emitted {}", list(emitted)) };
            format!("passed: {}{also}", bytes(out.value.as_deref()))
        }
    }
}

/// Bytes as a person reads them: text where they are text, else hexadecimal.
pub fn bytes(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".into(),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') => text.into(),
            _ => bytes.iter().fold("hex:".to_owned(), |mut hex, byte| {
                // A String takes any text.
                write!(hex, " {byte:02x}").unwrap_or_default();
                hex
            }),
        },
    }
}

fn headers(headers: &[Header]) -> String {
    let each = headers.iter().map(|(name, value)| format!("{}: {}", bytes(Some(name)), bytes(value.as_deref())));
    format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
}

fn list(emitted: &[Emitted]) -> String {
    let each =
        emitted.iter().map(|made| format!("{} = {} {}", bytes(made.key.as_deref()), bytes(made.value.as_deref()), headers(&made.headers)));
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

/// Both texts, cut so that the point where they part is seen.
fn shown_pair(a: &str, b: &str) -> (String, String) {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(SHOWN / 2);
    let cut = |text: &str| {
        let middle: String = text.chars().skip(from).take(SHOWN).collect();
        let ends = (if from > 0 { "…" } else { "" }, if text.chars().count() > from + SHOWN { "…" } else { "" });
        format!("{}{middle}{}", ends.0, ends.1)
    };
    (cut(a), cut(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Sample;
    use crate::toolkit::trial::Out;

    fn case(expect: Expect) -> Case {
        Case { sample: Sample::default(), repeat: 1, expect, at: (3, 5) }
    }

    fn out(value: &str) -> Outcome {
        Outcome::Passed(Out { key: None, value: Some(value.into()), headers: Vec::new(), timestamp: 0 }, Vec::new())
    }

    fn found(expect: Expect, outcome: &Outcome) -> Vec<(String, String, String)> {
        let mut found = Vec::new();
        compare(&case(expect), outcome, |what, expected, is| found.push((what.into(), expected, is)));
        found
    }

    #[test]
    fn each_difference_is_told() {
        let value = |value: &str| Passed { value: Some(Some(value.into())), ..Passed::default() };
        assert_eq!(found(Expect::Passed(value("a")), &out("a")), []);
        assert_eq!(found(Expect::Passed(value("a")), &out("b")), [("value".into(), "a".into(), "b".into())]);
        assert_eq!(found(Expect::Passed(Passed::default()), &out("free")), []);
        let key = Passed { key: Some(vec![0]), ..Passed::default() };
        assert_eq!(found(Expect::Passed(key), &out("")), [("key".into(), "hex: 00".into(), "null".into())]);
        let rejected = Outcome::Rejected("a".into());
        assert_eq!(found(Expect::Rejected("a".into()), &rejected), []);
        for (expect, outcome) in [
            (Expect::Rejected("b".into()), &rejected),
            (Expect::Dropped, &rejected),
            (Expect::Passed(Passed::default()), &rejected),
            (Expect::Dropped, &Outcome::Dropped(vec![Emitted::default()])),
            (Expect::Dropped, &out("a")),
        ] {
            assert_eq!(found(expect, outcome)[0].0, "outcome");
        }
    }

    #[test]
    fn a_leak_is_found_wherever_it_is() {
        let expect = Expect::Passed(Passed { no_leak: vec!["4242".into()], ..Passed::default() });
        for value in ["x4242", "…34323432…", "A34323432"] {
            assert_eq!(found(expect.clone(), &out(value))[0].0, "no_leak", "{value}");
        }
        assert_eq!(found(expect.clone(), &out("424-2")), []);
        let Outcome::Passed(plain, _) = out("clean") else { return };
        let made = Emitted { headers: vec![(b"h".to_vec(), Some(b"4242".to_vec()))], ..Emitted::default() };
        assert!(found(expect, &Outcome::Passed(plain, vec![made])).iter().any(|(what, ..)| what == "no_leak"));
    }

    #[test]
    fn the_point_where_two_part_is_shown() {
        let (a, b) = (format!("{}X{}", "a".repeat(1000), "b".repeat(1000)), format!("{}Y", "a".repeat(1000)));
        let (a, b) = shown_pair(&a, &b);
        assert!(a.starts_with("…a") && a.contains('X') && a.ends_with("b…") && b.ends_with('Y'));
        assert_eq!(shown_pair("short", "shorter"), ("short".into(), "shorter".into()));
    }
}
