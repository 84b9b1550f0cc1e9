//! Schemas that partitions stand for, asked for on threads of their own until the registry says something: the lane has
//! other partitions, and must not wait. It must not read records.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::{Failure, Slot, Working};
use crate::chain::{FetchError, Schemas};
use crate::metrics::Reason;
use crate::schemas::SchemaRef;

/// Pause between two questions, each of which goes on for the registry's `wait` by itself.
const AGAIN: Duration = Duration::from_secs(2);

/// A schema that is asked for.
struct Asked {
    /// Whether the registry said something: that it has the schema, or that it has none. Its owner's end ends the asking.
    answered: Arc<AtomicBool>,
    /// The partitions that stand for it.
    slots: Vec<usize>,
}

/// What a lane's partitions wait for.
#[derive(Default)]
pub(super) struct Awaited(BTreeMap<SchemaRef, Asked>);

impl Awaited {
    /// Asks for a schema that a partition stands for, unless that is done already.
    fn ask(&mut self, slot: usize, reference: SchemaRef, schemas: &Arc<Schemas>) -> std::io::Result<()> {
        if let Some(asked) = self.0.get_mut(&reference).filter(|asked| !asked.answered.load(Ordering::Acquire)) {
            asked.slots.push(slot);
            return Ok(());
        }
        let answered = Arc::new(AtomicBool::new(false));
        let (schemas, answer) = (Arc::clone(schemas), Arc::downgrade(&answered));
        thread::Builder::new().name("schema".into()).spawn(move || ask(&schemas, reference, &answer))?;
        self.0.insert(reference, Asked { answered, slots: vec![slot] });
        Ok(())
    }

    /// The partitions whose schema the registry said something about since the last look.
    fn answered(&mut self) -> Vec<usize> {
        let mut slots = Vec::new();
        self.0.retain(|_, asked| {
            let done = asked.answered.load(Ordering::Acquire);
            if done {
                slots.append(&mut asked.slots);
            }
            !done
        });
        slots
    }
}

/// Asks until there is an answer, or nobody waits for it any more.
fn ask(schemas: &Schemas, reference: SchemaRef, answer: &Weak<AtomicBool>) {
    let left = || answer.strong_count() == 0;
    while let Err(FetchError::Unavailable(_)) = schemas.fetch(reference, &left) {
        let since = Instant::now();
        while since.elapsed() < AGAIN && !left() {
            thread::sleep(Duration::from_millis(100));
        }
    }
    if let Some(answered) = answer.upgrade() {
        answered.store(true, Ordering::Release);
    }
}

impl Working<'_> {
    /// The partition halts for a schema that nobody could be asked for, until somebody can.
    pub(super) fn halt_for_schema(&mut self, slot: usize, reference: SchemaRef, offset: i64, reason: &str) -> Result<(), Failure> {
        let Slot { topic, partition, .. } = &self.slots[slot];
        // I8: of a record that was never framed, the reference is the record's own bytes.
        let detail = format!(
            "records of {topic}-{partition} from offset {offset} on name a schema that is not to be had: {reason}; where they name none, say how they are written by format"
        );
        let schemas = self.admitted.chain.schemas.clone();
        let code = Reason::RegistryUnavailable.as_str();
        if !schemas.has_registry() {
            return self.halt(slot, code, offset, detail);
        }
        self.halt(slot, code, offset, format!("{detail}; asked for all the time"))?;
        self.awaited
            .ask(slot, reference, &schemas)
            .map_err(|error| Failure::Client(format!("cannot make a thread that asks the registry: {error}")))
    }

    /// Partitions whose schema was answered for go on.
    pub(super) fn follow_registry(&mut self) {
        for slot in self.awaited.answered() {
            let halted = self.slots[slot].halted.as_ref();
            if halted.is_none_or(|halted| Reason::of(&halted.code) != Reason::RegistryUnavailable) {
                continue;
            }
            self.go_on(slot, "the registry answers again; the partition goes on");
            self.look_again = Some(Instant::now());
        }
    }
}
