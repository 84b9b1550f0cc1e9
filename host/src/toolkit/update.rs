//! Writes what records became into their fixture as what is expected, and leaves every other line as it is. It must not
//! write anything that would not be read back as the same.

use std::fmt::Write as _;

use thiserror::Error;

use super::fixture::{Case, Emitted, Expect, Fixture, Header};
use super::trial::Outcome;

/// A fixture whose lines cannot be rewritten.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// A record in one line.
    #[error("{file}:{line}: the record is written in braces; put each of its keys on a line of its own to have it updated")]
    Braces {
        /// The fixture.
        file: String,
        /// Counted from 1.
        line: u32,
    },
    /// The record begins with what would be replaced.
    #[error("{file}:{line}: the record begins with expect; begin it with another key to have it updated")]
    First {
        /// The fixture.
        file: String,
        /// Counted from 1.
        line: u32,
    },
    /// Copies of a record that do not become the same.
    #[error("{file}:{line}: the record comes several times and does not always become the same; write them one by one")]
    Several {
        /// The fixture.
        file: String,
        /// Counted from 1.
        line: u32,
    },
}

/// The text of the fixture with what is expected replaced by `outcomes`, one a record.
pub fn updated(fixture: &Fixture, outcomes: &[Outcome]) -> Result<String, UpdateError> {
    let file = fixture.path.display().to_string();
    let mut lines: Vec<String> = fixture.text.lines().map(str::to_owned).collect();
    let mut first = outcomes.len();
    // From the end, so that the lines of those before stay where they are.
    for case in fixture.cases.iter().rev() {
        first = first.saturating_sub(case.repeat as usize);
        let of_case = &outcomes[first..first + case.repeat as usize];
        let line = case.at.0;
        let Some((outcome, more)) = of_case.split_first() else { continue };
        if more.iter().any(|other| other != outcome) {
            return Err(UpdateError::Several { file, line });
        }
        let (start, indent) = (line.saturating_sub(1) as usize, case.at.1.saturating_sub(1) as usize);
        if lines.get(start).is_none_or(|line| line.chars().take(indent).any(|c| !matches!(c, ' ' | '-')) || line[indent..].starts_with('{'))
        {
            return Err(UpdateError::Braces { file, line });
        }
        let end = block_end(&lines, start, indent);
        let old = (start..end).find(|at| key_of(&lines[*at], indent, *at == start) == Some("expect"));
        if old == Some(start) {
            return Err(UpdateError::First { file, line });
        }
        let new = expectation(case, outcome, indent);
        match old {
            Some(at) => {
                let until = block_end(&lines, at, indent + 1);
                lines.splice(at..until, new);
            }
            None => {
                lines.splice(end..end, new);
            }
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// Where the lines end that belong to the one at `start`: before the first that is indented less than `indent`. Empty
/// lines and comments at the end belong to what comes after.
fn block_end(lines: &[String], start: usize, indent: usize) -> usize {
    let mut end = start + 1;
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if line.len() - text.len() < indent {
            break;
        }
        end = at + 1;
    }
    end
}

/// The key that a line at this indentation begins with; in the first line of a list's element a dash stands before it.
fn key_of(line: &str, indent: usize, first: bool) -> Option<&str> {
    let before = line.get(..indent)?;
    let blank = before.chars().all(|c| c == ' ' || (first && c == '-'));
    let (key, _) = line.get(indent..)?.split_once(':')?;
    (blank && !key.starts_with(' ')).then_some(key)
}

/// The lines of `expect` for an outcome; none where the record passes as it is and nothing else is asked.
fn expectation(case: &Case, outcome: &Outcome, indent: usize) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    match outcome {
        Outcome::Rejected(code) => entries.push(format!("rejected: {}", text(code.as_bytes()))),
        Outcome::Dropped(emitted) => {
            entries.push("dropped: true".into());
            entries.extend(made(emitted));
        }
        Outcome::Passed(out, emitted) => {
            let sample = &case.sample;
            let no_leak: &[String] = match &case.expect {
                Expect::Passed(passed) => &passed.no_leak,
                _ => &[],
            };
            if out.value != sample.value || !no_leak.is_empty() {
                entries.push(format!("equals: {}", payload(out.value.as_deref())));
            }
            if out.key != sample.key {
                entries.push(format!("key: {}", payload(out.key.as_deref())));
            }
            if out.headers != sample.headers {
                entries.push(format!("header: {}", headers(&out.headers)));
            }
            if out.timestamp != sample.timestamp {
                entries.push(format!("timestamp: {}", out.timestamp));
            }
            entries.extend(made(emitted));
            if !no_leak.is_empty() {
                let list: Vec<String> = no_leak.iter().map(|leak| text(leak.as_bytes())).collect();
                entries.push(format!("no_leak: [{}]", list.join(", ")));
            }
        }
    }
    if entries.is_empty() {
        return Vec::new();
    }
    let space = " ".repeat(indent);
    std::iter::once(format!("{space}expect:")).chain(entries.into_iter().map(|entry| format!("{space}  {entry}"))).collect()
}

fn made(emitted: &[Emitted]) -> Option<String> {
    let one = |made: &Emitted| {
        format!(
            "{{ key: {}, value: {}, header: {} }}",
            payload(made.key.as_deref()),
            payload(made.value.as_deref()),
            headers(&made.headers)
        )
    };
    (!emitted.is_empty()).then(|| format!("emitted: [{}]", emitted.iter().map(one).collect::<Vec<_>>().join(", ")))
}

fn headers(headers: &[Header]) -> String {
    let each = headers.iter().map(|(name, value)| format!("{}: {}", text(name), payload(value.as_deref())));
    format!("{{ {} }}", each.collect::<Vec<_>>().join(", "))
}

/// Bytes as YAML: a text in quotes where they are one, else hexadecimal.
fn payload(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".into(),
        Some(bytes) if std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control)) => text(bytes),
        Some(bytes) => {
            let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
                // A String takes any text.
                write!(digits, "{byte:02x}").unwrap_or_default();
                digits
            });
            format!("{{ hex: \"{digits}\" }}")
        }
    }
}

fn text(bytes: &[u8]) -> String {
    format!("'{}'", String::from_utf8_lossy(bytes).replace('\'', "''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::toolkit::trial::Out;

    const BEFORE: &str = "# what it is
about: a fixture
configuration: { fields: { $.a: {} } }
records:
  # the first
  - value: 'one'
    expect:
      equals: 'wrong'
      no_leak: [sec'ret]

  - value: 'two'
    expect: { dropped: true }
  - value: 'three' # stays
    repeat: 2
  # the last
  - key: k
    value: 'four'
";

    const AFTER: &str = "# what it is
about: a fixture
configuration: { fields: { $.a: {} } }
records:
  # the first
  - value: 'one'
    expect:
      equals: 'it''s'
      no_leak: ['sec''ret']

  - value: 'two'
    expect:
      rejected: 'not_text'
  - value: 'three' # stays
    repeat: 2
  # the last
  - key: k
    value: 'four'
    expect:
      equals: { hex: \"00ff\" }
      key: null
";

    fn fixture(text: &str) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yaml");
        std::fs::write(&path, text).unwrap();
        Fixture::read(&path).unwrap()
    }

    fn out(value: &[u8], key: Option<&str>, timestamp: i64) -> Outcome {
        let out = Out { key: key.map(Into::into), value: Some(value.to_vec()), headers: Vec::new(), timestamp };
        Outcome::Passed(out, Vec::new())
    }

    fn outcomes(fixture: &Fixture) -> Vec<Outcome> {
        let at = fixture.cases[0].sample.timestamp;
        let three = out(b"three", None, at);
        vec![out(b"it's", None, at), Outcome::Rejected("not_text".into()), three.clone(), three, out(&[0, 255], None, at)]
    }

    #[test]
    fn only_what_is_expected_changes() {
        let before = fixture(BEFORE);
        let after = updated(&before, &outcomes(&before)).unwrap();
        assert_eq!(after, AFTER);
        // What is written is read back as what was found, and written the same again.
        let read = fixture(&after);
        assert_eq!(updated(&read, &outcomes(&before)).unwrap(), AFTER);
    }

    #[test]
    fn what_cannot_be_rewritten_is_named() {
        let braces = fixture("configuration: {}\nrecords:\n  - { value: a }\n");
        let at = braces.cases[0].sample.timestamp;
        assert!(matches!(updated(&braces, &[out(b"b", None, at)]), Err(UpdateError::Braces { line: 3, .. })));
        let first = fixture("configuration: {}\nrecords:\n  - expect: { dropped: true }\n    value: a\n");
        assert!(matches!(updated(&first, &[out(b"b", None, at)]), Err(UpdateError::First { line: 3, .. })));
        let several = fixture("configuration: {}\nrecords:\n  - value: a\n    repeat: 2\n");
        let different = [out(b"b", None, at), out(b"c", None, at)];
        assert!(matches!(updated(&several, &different), Err(UpdateError::Several { line: 3, .. })));
    }
}
