//! The client of one schema registry, shared by all lanes that read its cluster. Known schemas answer from memory;
//! unknown ones are asked for at each address in turn, with growing pauses, for as long as the configuration says. It
//! never guesses: without an answer there is a named error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::answer;
use super::cache::Cache;
use super::counters::Counters;
use super::error::{LookupError, Unusable};
use super::resolve::resolve;
use super::transport::{Outcome, SetupError, Transport};
use super::wire::Uuid;
use super::{Schema, SchemaRef};
use crate::config::plan::SchemaRegistry;

/// The pause after the first round without an answer; each later one is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two rounds.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often a pause looks whether it has to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The latest version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its version, from 1 on.
    pub version: u32,
    /// The schema's id.
    pub id: u32,
    /// The schema.
    pub schema: Schema,
}

/// A schema registry with Confluent's interface.
pub struct Registry {
    transport: Transport,
    wait: Duration,
    cache: Cache,
    counters: Counters,
    /// The address that answered last.
    preferred: AtomicUsize,
}

/// A question that may take several requests: what, until when, for whom.
struct Question<'a> {
    /// For the error: `id 7`, `subject "orders-value"`.
    what: String,
    until: Instant,
    stop: &'a dyn Fn() -> bool,
}

impl Registry {
    /// A client; connects to nothing yet.
    pub fn new(config: &SchemaRegistry) -> Result<Self, SetupError> {
        Ok(Self {
            transport: Transport::new(config)?,
            wait: config.wait,
            cache: Cache::default(),
            counters: Counters::default(),
            preferred: AtomicUsize::new(0),
        })
    }

    /// What it has done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The schema of a record. Blocks while it is asked for, at most about `wait` of the configuration; `stop` ends
    /// that early, within the time-out of one request.
    pub fn schema(&self, reference: SchemaRef, stop: &dyn Fn() -> bool) -> Result<Arc<Schema>, LookupError> {
        let ask = |until| {
            // Of a record that was never framed, the reference is the record's own bytes.
            let question = Question { what: "a schema".into(), until, stop };
            self.fetch(reference, &question).map(Arc::new)
        };
        self.cache.get(reference, self.wait, &self.counters, stop, &ask)
    }

    /// The latest version of a subject, asked for anew each time: for plans and reports, never for records.
    pub fn latest(&self, subject: &str, stop: &dyn Fn() -> bool) -> Result<Subject, LookupError> {
        let question = Question { what: format!("the subject {subject:?}"), until: Instant::now() + self.wait, stop };
        let version = self.version(subject, None, &question)?;
        let schema = resolve(version.found, &|subject, version| Ok(self.version(subject, Some(version), &question)?.found))?;
        Ok(Subject { version: version.version, id: version.id, schema })
    }

    /// The names of all subjects that begin with `prefix`.
    pub fn subjects(&self, prefix: &str, stop: &dyn Fn() -> bool) -> Result<Vec<String>, LookupError> {
        let question = Question { what: "its subjects".into(), until: Instant::now() + self.wait, stop };
        let path = format!("/subjects?subjectPrefix={}", escaped(prefix));
        let mut subjects = self.ask(&path, &question, &answer::subjects)?.unwrap_or_default();
        // Not every make knows the parameter.
        subjects.retain(|subject| subject.starts_with(prefix));
        Ok(subjects)
    }

    fn fetch(&self, reference: SchemaRef, question: &Question<'_>) -> Result<Schema, LookupError> {
        let path = match reference {
            SchemaRef::Id(id) => format!("/schemas/ids/{id}"),
            SchemaRef::Guid(guid) => format!("/schemas/guids/{}", Uuid(&guid)),
        };
        let found = self.ask(&path, question, &|bytes| answer::schema(bytes, reference))?;
        let found = found.ok_or(LookupError::Unknown(reference))?;
        resolve(found, &|subject, version| Ok(self.version(subject, Some(version), question)?.found))
    }

    fn version(&self, subject: &str, version: Option<u32>, question: &Question<'_>) -> Result<answer::Version, LookupError> {
        // A version that was deleted softly is still what a schema refers to.
        let path = match version {
            Some(version) => format!("/subjects/{}/versions/{version}?deleted=true", escaped(subject)),
            None => format!("/subjects/{}/versions/latest", escaped(subject)),
        };
        let found = self.ask(&path, question, &|bytes| answer::version(bytes, subject, version))?;
        found.ok_or_else(|| LookupError::NoSubject { subject: subject.into() })
    }

    /// The answer, none where the registry says that there is none. Goes on until one address has said either.
    fn ask<T>(
        &self,
        path: &str,
        question: &Question<'_>,
        read: &dyn Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<Option<T>, LookupError> {
        let mut pause = FIRST_PAUSE;
        // Where there is no time at all, every address is still asked once.
        let mut within = Duration::MAX;
        loop {
            let mut last = None;
            let first = self.preferred.load(Ordering::Relaxed);
            for address in (0..self.transport.addresses()).map(|i| first + i) {
                if (question.stop)() {
                    return Err(LookupError::Stopped);
                }
                let outcome = self.transport.get(address, path, within).and_then(|outcome| match outcome {
                    Outcome::Found(body) => read(&body).map(Some).map(Ok).map_err(|what| self.transport.wrong(address, what)),
                    Outcome::Missing => Ok(Ok(None)),
                    Outcome::TooLarge => Ok(Err(Unusable::TooLarge.into())),
                });
                match outcome {
                    Ok(answer) => {
                        self.preferred.store(address % self.transport.addresses(), Ordering::Relaxed);
                        return answer;
                    }
                    Err(fault) => {
                        self.counters.failure();
                        tracing::debug!(error = %fault, "the schema registry gave no answer");
                        last = Some(fault);
                    }
                }
            }
            let left = question.until.saturating_duration_since(Instant::now());
            if left <= pause {
                let last = last.expect("there is at least one address");
                return Err(LookupError::Unavailable { asked: question.what.clone(), waited: self.wait, last });
            }
            sleep(pause, question.stop)?;
            pause = LONGEST_PAUSE.min(pause * 2);
            within = question.until.saturating_duration_since(Instant::now());
        }
    }
}

fn sleep(pause: Duration, stop: &dyn Fn() -> bool) -> Result<(), LookupError> {
    let until = Instant::now() + pause;
    loop {
        if stop() {
            return Err(LookupError::Stopped);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(LOOK_EVERY));
    }
}

/// A name as one segment of an address (RFC 3986, section 2.3).
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;
