//! The schemas that are known, for the whole process, and who is asking for which. A schema never changes under its id,
//! so it is kept until room is needed; one question per unknown schema is under way, and whoever else needs it waits.
//! It asks nothing itself.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::error::LookupError;
use super::{Schema, SchemaRef};

/// Schemas kept. Records that only look framed would otherwise fill the memory; nobody's topics use a tenth of it.
const MAX_KNOWN: usize = 4096;

/// How long a registry's "no such schema" stands: a run of records with one wrong id asks once, and a schema that is
/// registered late is found soon after.
const UNKNOWN_FOR: Duration = Duration::from_secs(5);

/// Ids that are remembered as unknown at a time.
const MAX_UNKNOWN: usize = 4096;

/// How often whoever waits looks whether it has to stop.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Answer = Result<Arc<Schema>, LookupError>;

/// Schemas that are known, ids that the registry does not know, and the questions under way.
#[derive(Default)]
pub(super) struct Cache {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<SchemaRef, Known>,
    unknown: HashMap<SchemaRef, Instant>,
    asking: HashMap<SchemaRef, Arc<Question>>,
    /// Grows with every use.
    clock: u64,
}

struct Known {
    schema: Arc<Schema>,
    used: u64,
}

/// A question under way.
#[derive(Default)]
struct Question {
    answer: Mutex<Option<Answer>>,
    answered: Condvar,
}

/// What there is to do about a schema.
enum Place<'a> {
    Known(Arc<Schema>),
    Unknown,
    /// Somebody else asks.
    Wait(Arc<Question>),
    /// We do.
    Ask(Asking<'a>),
}

/// The duty to answer a question. Dropped without an answer, it tells those who wait to ask themselves.
struct Asking<'a> {
    cache: &'a Cache,
    reference: SchemaRef,
    question: Arc<Question>,
}

impl Cache {
    /// The schema, known or asked for by `ask`, which is told until when it may try. A failed question fails those who
    /// have waited for as long as `patience`; the others ask again.
    pub(super) fn get(
        &self,
        reference: SchemaRef,
        patience: Duration,
        counters: &Counters,
        stop: &dyn Fn() -> bool,
        ask: &dyn Fn(Instant) -> Answer,
    ) -> Answer {
        let until = Instant::now() + patience;
        loop {
            match self.place(reference) {
                Place::Known(schema) => {
                    counters.hit();
                    return Ok(schema);
                }
                Place::Unknown => {
                    counters.hit();
                    return Err(LookupError::Unknown(reference));
                }
                Place::Ask(asking) => {
                    counters.miss();
                    return asking.end(ask(until));
                }
                Place::Wait(question) => match question.wait(stop) {
                    None => return Err(LookupError::Stopped),
                    Some(Err(LookupError::Stopped)) => {}
                    Some(Err(LookupError::Unavailable { .. })) if Instant::now() < until => {}
                    Some(answer) => return answer,
                },
            }
        }
    }

    fn place(&self, reference: SchemaRef) -> Place<'_> {
        let mut state = self.state();
        state.clock += 1;
        let now = state.clock;
        if let Some(known) = state.known.get_mut(&reference) {
            known.used = now;
            return Place::Known(Arc::clone(&known.schema));
        }
        if state.unknown.get(&reference).is_some_and(|since| since.elapsed() < UNKNOWN_FOR) {
            return Place::Unknown;
        }
        if let Some(question) = state.asking.get(&reference) {
            return Place::Wait(Arc::clone(question));
        }
        let question = Arc::new(Question::default());
        state.asking.insert(reference, Arc::clone(&question));
        Place::Ask(Asking { cache: self, reference, question })
    }

    /// No holder panics between two changes that belong together.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, reference: SchemaRef, answer: &Answer) {
        match answer {
            Ok(schema) => {
                if self.known.len() >= MAX_KNOWN
                    && let Some(oldest) = self.known.iter().min_by_key(|(_, known)| known.used).map(|(reference, _)| *reference)
                {
                    self.known.remove(&oldest);
                }
                self.unknown.remove(&reference);
                self.known.insert(reference, Known { schema: Arc::clone(schema), used: self.clock });
            }
            Err(LookupError::Unknown(_)) => {
                if self.unknown.len() >= MAX_UNKNOWN {
                    self.unknown.clear();
                }
                self.unknown.insert(reference, Instant::now());
            }
            Err(_) => {}
        }
    }
}

impl Question {
    /// The answer; none if we have to stop first.
    fn wait(&self, stop: &dyn Fn() -> bool) -> Option<Answer> {
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(answer) = &*answer {
                return Some(answer.clone());
            }
            if stop() {
                return None;
            }
            (answer, _) = self.answered.wait_timeout(answer, LOOK_EVERY).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Asking<'_> {
    fn end(self, answer: Answer) -> Answer {
        self.cache.state().keep(self.reference, &answer);
        *self.question.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        answer
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.cache.state().asking.remove(&self.reference);
        let mut answer = self.question.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.get_or_insert(Err(LookupError::Stopped));
        self.question.answered.notify_all();
    }
}

#[cfg(test)]
mod tests;
