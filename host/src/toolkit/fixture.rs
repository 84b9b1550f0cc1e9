//! A fixture: a step's configuration, records, and what must become of them, as YAML that a person writes. It must not run
//! anything, and reads what is expected as strictly as a configuration.
//!
//! What a fixture does not say stays as it was: a record without `expect` must pass byte for byte.

mod file;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;

use crate::chain::Sample;
use crate::config::{self, ConfigErrors, Source};
use file::{ExpectFile, FixtureFile, Given, Payload, RecordFile};

/// Timestamp of a record that gives none: 2026-01-01T00:00:00Z.
const TIMESTAMP: i64 = 1_767_225_600_000;
/// Most records that `repeat` makes of one: a fixture is run three times.
const MOST_REPEATS: u32 = 100_000;

/// A fixture as it is run.
#[derive(Debug)]
pub struct Fixture {
    /// Its file.
    pub path: PathBuf,
    /// What it shows; the file's name where it does not say.
    pub about: String,
    /// The source topic.
    pub topic: String,
    /// The source partition.
    pub partition: i32,
    /// The step, as in a pipeline; `plugin` unless given is the one under test.
    pub step: Map<String, Value>,
    /// Keys by name. They are the file's: they protect nothing.
    pub keys: Vec<(String, String)>,
    /// `plugins.limits` of the configuration; none: the defaults.
    pub limits: Option<Value>,
    /// The records, in order.
    pub cases: Vec<Case>,
    /// What must be wrong with the configuration; then there are no records.
    pub problems: Vec<String>,
    /// The file's text.
    pub text: String,
}

/// One record, or several alike.
#[derive(Debug)]
pub struct Case {
    /// The record; its offset is its number.
    pub sample: Sample,
    /// How many times it comes, one after the other.
    pub repeat: u32,
    /// What must become of each.
    pub expect: Expect,
    /// Line and column of its first key, from 1.
    pub at: (u32, u32),
}

/// What must become of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// A step drops it.
    Dropped,
    /// It cannot be transformed; the code that a step or the host gives.
    Rejected(String),
    /// It passes, as this.
    Passed(Passed),
}

/// What a record that passes looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passed {
    /// Its value, where it is to be compared: `no_leak` alone leaves it open.
    pub value: Option<Option<Vec<u8>>>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its headers, all of them.
    pub headers: Vec<Header>,
    /// Its timestamp.
    pub timestamp: i64,
    /// What steps made of it beside it.
    pub emitted: Vec<Emitted>,
    /// What must be in no part of what comes out.
    pub no_leak: Vec<String>,
}

/// A header's name and value.
pub type Header = (Vec<u8>, Option<Vec<u8>>);

/// A record that a step made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Emitted {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
}

/// A fixture that cannot be run.
#[derive(Debug, Error)]
pub enum FixtureError {
    /// The file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its shape.
    #[error(transparent)]
    Shape(#[from] ConfigErrors),
    /// Its meaning.
    #[error("{}:{line}: {message}", path.display())]
    Meaning {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u32,
        /// What is wrong.
        message: String,
    },
}

/// The fixtures in these places: files, or folders with `*.yaml`, sorted by name.
pub fn find(places: &[PathBuf]) -> Result<Vec<PathBuf>, FixtureError> {
    let mut found = Vec::new();
    for place in places {
        let failed = |source| FixtureError::Io { path: place.clone(), source };
        if !std::fs::metadata(place).map_err(failed)?.is_dir() {
            found.push(place.clone());
            continue;
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(place).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                files.push(path);
            }
        }
        files.sort();
        found.append(&mut files);
    }
    Ok(found)
}

impl Fixture {
    /// Reads a fixture.
    pub fn read(path: &Path) -> Result<Fixture, FixtureError> {
        let text = std::fs::read_to_string(path).map_err(|source| FixtureError::Io { path: path.to_owned(), source })?;
        Self::parse(path, text)
    }

    fn parse(path: &Path, text: String) -> Result<Fixture, FixtureError> {
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        let source = Source { name: path.display().to_string(), base, text };
        let shaped = config::shaped::<FixtureFile>(&source)?;
        let meaning = |line: u32, message: String| FixtureError::Meaning { path: path.to_owned(), line, message };
        let file = &shaped.value;
        let line = shaped.spot(file.configuration).line;
        let Value::Object(step) = shaped.json(file.configuration) else {
            return Err(meaning(line, "configuration is a map, a step as a pipeline has it".into()));
        };
        if !file.problems.is_empty() && !file.records.is_empty() {
            return Err(meaning(line, "problems are those of the configuration: a fixture has them or records".into()));
        }
        let mut cases = Vec::new();
        let mut offset = 0;
        for record in &file.records {
            let at = (record.spot.line, record.spot.column);
            let json = |part| shaped.json(part);
            let case = Case::of(&record.value, offset, at, &json).map_err(|message| meaning(at.0, message))?;
            offset += i64::from(case.repeat);
            cases.push(case);
        }
        let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Fixture {
            path: path.to_owned(),
            about: file.about.clone().unwrap_or_else(stem),
            topic: file.topic.clone().unwrap_or_else(|| "test".into()),
            partition: file.partition,
            step,
            keys: file.keys.0.iter().map(|(name, secret)| (name.value.clone(), secret.clone())).collect(),
            limits: file.limits.map(|limits| shaped.json(limits)),
            cases,
            problems: file.problems.clone(),
            text: source.text,
        })
    }

    /// Every record as it is fed, with the number of its case.
    pub fn samples(&self) -> Vec<(usize, Sample)> {
        let mut samples = Vec::new();
        for (number, case) in self.cases.iter().enumerate() {
            for more in 0..i64::from(case.repeat) {
                samples.push((number, Sample { offset: case.sample.offset + more, ..case.sample.clone() }));
            }
        }
        samples
    }
}

type Json<'a> = &'a dyn Fn(config::Any) -> Value;

impl Case {
    fn of(file: &RecordFile, offset: i64, at: (u32, u32), json: Json<'_>) -> Result<Case, String> {
        let repeat = file.repeat.unwrap_or(1);
        if !(1..=MOST_REPEATS).contains(&repeat) {
            return Err(format!("repeat is 1 to {MOST_REPEATS}"));
        }
        let sample = Sample {
            offset,
            timestamp: file.timestamp.unwrap_or(TIMESTAMP),
            key: some(&file.key, json)?,
            value: some(&file.value, json)?,
            headers: headers(&file.header.0, json)?,
        };
        let expect = expect(file.expect.as_ref(), &sample, json)?;
        Ok(Case { sample, repeat, expect, at })
    }
}

fn bytes(payload: &Payload, json: Json<'_>) -> Result<Option<Vec<u8>>, String> {
    match payload {
        Payload::Null => Ok(None),
        Payload::Text(text) => Ok(Some(text.clone().into_bytes())),
        Payload::Json(part) => Ok(Some(json(*part).to_string().into_bytes())),
        Payload::Hex(digits) => unhex(digits).map(Some),
    }
}

/// As [`bytes`]; what is not given is null.
fn some(payload: &Option<Payload>, json: Json<'_>) -> Result<Option<Vec<u8>>, String> {
    payload.as_ref().map_or(Ok(None), |payload| bytes(payload, json))
}

/// As [`bytes`]; what is not given is `otherwise`.
fn given(payload: &Given, otherwise: Option<Vec<u8>>, json: Json<'_>) -> Result<Option<Vec<u8>>, String> {
    match payload {
        Given::Not => Ok(otherwise),
        Given::As(payload) => bytes(payload, json),
    }
}

fn unhex(digits: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let pair = |pair: &[u8]| Some(value(*pair.first()?)? << 4 | value(*pair.get(1)?)?);
    digits.chunks(2).map(pair).collect::<Option<_>>().ok_or_else(|| "hex is pairs of hexadecimal digits".to_owned())
}

fn headers(given: &[(config::At<String>, Option<Payload>)], json: Json<'_>) -> Result<Vec<Header>, String> {
    given.iter().map(|(name, value)| Ok((name.value.clone().into_bytes(), some(value, json)?))).collect()
}

fn expect(file: Option<&ExpectFile>, sample: &Sample, json: Json<'_>) -> Result<Expect, String> {
    let same = Passed {
        value: Some(sample.value.clone()),
        key: sample.key.clone(),
        headers: sample.headers.clone(),
        timestamp: sample.timestamp,
        ..Passed::default()
    };
    let Some(file) = file else { return Ok(Expect::Passed(same)) };
    let equals = matches!(file.equals, Given::As(_));
    let passes = equals
        || matches!(file.key, Given::As(_))
        || file.header.is_some()
        || file.timestamp.is_some()
        || !(file.no_leak.is_empty() && file.emitted.is_empty());
    match (file.dropped, &file.rejected) {
        (true, None) if !passes => return Ok(Expect::Dropped),
        (false, Some(code)) if !passes => return Ok(Expect::Rejected(code.clone())),
        (false, None) => {}
        _ => return Err("a record passes, is dropped or is rejected: expect one of them".into()),
    }
    let emitted = file
        .emitted
        .iter()
        .map(|one| Ok(Emitted { key: some(&one.key, json)?, value: some(&one.value, json)?, headers: headers(&one.header.0, json)? }));
    let open = !equals && !file.no_leak.is_empty();
    Ok(Expect::Passed(Passed {
        value: if open { None } else { Some(given(&file.equals, sample.value.clone(), json)?) },
        key: given(&file.key, same.key, json)?,
        headers: file.header.as_ref().map_or(Ok(same.headers), |given| headers(&given.0, json))?,
        timestamp: file.timestamp.unwrap_or(same.timestamp),
        emitted: emitted.collect::<Result<_, String>>()?,
        no_leak: file.no_leak.clone(),
    }))
}

#[cfg(test)]
mod tests;
