//! A pipeline's steps in order, in one lane: records in, rows for the target out, a verdict for every record. It never
//! lets a record pass that a step could not transform; what becomes of such a record is the lane's.

mod columns;
mod drift;
mod effects;
mod explain;
pub mod format;
#[cfg(test)]
mod hostile;
mod operator;
mod pace;
mod part;
mod plan;
mod recent;
mod record;
mod row;
mod step;
mod traits;
mod trial;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use drift::Missed;
pub use drift::{Drift, DriftKind};
pub use explain::{Explained, StepExplained, TopicExplained, TopicSchemas};
pub use format::{FetchError, Schemas};
pub use plan::{ChainPlan, Lent, PlanError, StepPlan};
pub use record::{Record, Sample};
pub use row::Row;
pub use traits::LossyKey;
pub use trial::TrialFailed;

use crate::plugin::Windows;
use crate::schemas::SchemaRef;
use pace::{Pace, SETBACKS};
use step::Step;

/// How long the search for a guilty record may take before the partition halts.
const BISECT_WITHIN: Duration = Duration::from_secs(10);

/// How long the searches of one batch may take together.
const BATCH_WITHIN: Duration = Duration::from_secs(60);

/// Code of a call that could not even begin: no instance can be made. No record is to blame.
const INIT_FAILED: &str = "plugin_init";

/// Why a record could not be transformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// A stable code: the host's own, or one that the plugin declared.
    pub code: String,
    /// The step, counted from 0; None where no step is to blame.
    pub step: Option<usize>,
}

impl Failed {
    /// " in step 2 (mask)", or nothing.
    pub fn at(&self, chain: &Chain) -> String {
        self.step.map_or(String::new(), |step| format!(" in step {} ({})", step + 1, chain.plugin(step)))
    }
}

/// What became of one source record in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was not failed by any step; whether it or what it emitted is still there, the rows say.
    Taken,
    Failed(Failed),
}

/// A call failed as a whole: nothing of it was applied, the instance is gone.
#[derive(Clone, Debug, thiserror::Error)]
#[error("step {} ({plugin}) failed: {reason}", step + 1)]
pub struct CallFailed {
    pub step: usize,
    pub plugin: String,
    /// A stable code, as of [`Failed`].
    pub code: String,
    /// A sentence without data.
    pub reason: String,
}

/// Why records did not come through.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    #[error(transparent)]
    Call(#[from] CallFailed),
    /// They name a schema that nobody has asked for yet: [`Chain::fetch_schema`], then again.
    #[error("the schema with {0} is not there yet")]
    Schema(SchemaRef),
}

/// The guilty record was not found in time, or instances cannot be made any more.
#[derive(Debug, thiserror::Error)]
#[error("no record could be found to blame: {last}")]
pub struct GaveUp {
    /// What happened last.
    pub last: String,
    /// It was asked to.
    pub stopped: bool,
    /// The schema that nobody could be asked for.
    pub awaits: Option<SchemaRef>,
}

/// What the chain made of a batch.
pub struct Processed<'r> {
    /// One a source record.
    pub verdicts: Vec<Verdict>,
    /// What goes to the target, in source order.
    pub rows: Vec<Row<'r>>,
    pub drift: Option<Drift>,
    /// How the chain stood before the batch.
    pub before: Before,
}

/// How a chain stood before a batch: for a commit that comes between the batch and its rows.
#[derive(Debug, Default)]
pub struct Before {
    /// Marks in what the steps remember.
    marks: Vec<usize>,
    /// What was counted and not published yet, by step and counter.
    pending: Vec<Vec<u64>>,
}

/// The chain of one lane, with its own instances.
pub struct Chain {
    plan: Arc<ChainPlan>,
    steps: Vec<Step>,
    /// What plugins counted since the last commit, by step and counter.
    pending: Vec<Vec<u64>>,
    offsets: Vec<i64>,
    pace: Pace,
}

impl Chain {
    /// Makes an instance of every step.
    pub fn open(plan: &Arc<ChainPlan>) -> Result<Self, CallFailed> {
        Self::with_windows(plan, |_| None)
    }

    /// Makes an instance of every step of a chain whose components alone are others: each step remembers what it did
    /// before. Between two transactions.
    pub fn open_after(plan: &Arc<ChainPlan>, before: &Self) -> Result<Self, CallFailed> {
        Self::with_windows(plan, |step| before.steps.get(step).map(Step::shared_windows))
    }

    fn with_windows(plan: &Arc<ChainPlan>, windows: impl Fn(usize) -> Option<Arc<Mutex<Windows>>>) -> Result<Self, CallFailed> {
        let steps = plan.steps.iter().enumerate();
        let steps = steps.map(|(number, step)| Step::open(step.clone(), windows(number).unwrap_or_else(|| step.windows())));
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        let pending = plan.steps.iter().map(|step| vec![0; step.counters.len()]).collect();
        Ok(Self { plan: plan.clone(), steps, pending, offsets: Vec::new(), pace: Pace::new(plan.batch_records, plan.transaction_timeout) })
    }

    /// Whether there is no step: records pass as they are.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Where steps may lose records of a topic if that is compacted.
    pub fn lossy_keys(&self, topic: &str) -> Vec<&LossyKey> {
        self.plan.lossy_keys(topic)
    }

    /// Most records that the next call takes.
    pub fn batch(&self) -> usize {
        self.pace.batch()
    }

    /// Whether the last batch took so long that no transaction is to stay open for the next one, however small that is.
    pub fn is_slow(&self) -> bool {
        self.pace.is_slow()
    }

    /// Number of selectors that are watched for drift.
    pub fn selectors(&self) -> usize {
        self.plan.watched.len()
    }

    /// Name of a step's plugin.
    pub fn plugin(&self, step: usize) -> &str {
        &self.plan.steps[step].name
    }

    /// SHA-256 of a step's plugin, hexadecimal.
    pub fn digest(&self, step: usize) -> &str {
        &self.plan.steps[step].digest
    }

    /// Takes records of one partition through all steps. `missed` counts records without a match, per watched selector;
    /// after an error it is as before.
    pub fn process<'r, R: Record>(
        &mut self,
        topic: &str,
        partition: i32,
        records: &'r [R],
        missed: &mut [u32],
    ) -> Result<Processed<'r>, Stopped> {
        let began = Instant::now();
        match self.pass(topic, partition, records, missed) {
            Ok(processed) => {
                self.pace.went_well(records.len(), began.elapsed());
                Ok(processed)
            }
            Err(stopped) => {
                if let Stopped::Call(failed) = &stopped {
                    self.plan.steps[failed.step].metrics_failed(&failed.code);
                }
                Err(stopped)
            }
        }
    }

    /// The same, uncounted: for parts of a batch whose failure counted already.
    fn pass<'r, R: Record>(&mut self, topic: &str, partition: i32, records: &'r [R], missed: &mut [u32]) -> Result<Processed<'r>, Stopped> {
        let mut counts = missed.to_vec();
        let plan = self.plan.clone();
        let mut watch = Missed::new(&plan, topic, partition, &mut counts);
        let mut verdicts = vec![Verdict::Taken; records.len()];
        let mut rows: Vec<Row<'r>> = Vec::with_capacity(records.len());
        self.offsets.clear();
        for (index, record) in records.iter().enumerate() {
            self.offsets.push(record.offset());
            if record.timestamp() > 0 {
                rows.push(Row::of(index, record));
            } else {
                // librdkafka writes 0 as "now" and cannot write -1.
                verdicts[index] = Verdict::Failed(Failed::host("timestamp_unwritable".to_owned()));
            }
        }
        let before = self.before();
        let mut steps = self.steps.iter_mut();
        if let Err(failed) = steps.try_for_each(|step| step.apply(topic, partition, &self.offsets, &mut rows, &mut verdicts, &mut watch)) {
            // I4: the records come again, in smaller batches.
            self.take_back(before);
            if let Stopped::Call(failed) = &failed {
                self.pace.failed(records.len(), &failed.code);
            }
            return Err(failed);
        }
        for (step, pending) in self.steps.iter_mut().zip(&mut self.pending) {
            for (counter, delta) in step.take_counts() {
                pending[*counter as usize] += delta;
            }
        }
        self.count_rejections(&verdicts);
        let drift = watch.into_drift();
        missed.copy_from_slice(&counts);
        Ok(Processed { verdicts, rows, drift, before })
    }

    fn before(&self) -> Before {
        Before { marks: self.steps.iter().map(|step| step.windows().mark()).collect(), pending: self.pending.clone() }
    }

    fn take_back(&mut self, before: Before) {
        self.steps.iter().zip(before.marks).for_each(|(step, mark)| step.windows().rollback_to(mark));
        self.pending = before.pending;
    }

    /// Records that a plugin rejected by itself count as what it did wrong, or right: one by one.
    fn count_rejections(&self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            if let Verdict::Failed(Failed { code, step: Some(step) }) = verdict
                && self.plan.steps[*step].is_rejection(code)
            {
                self.plan.steps[*step].metrics_failed("rejected");
            }
        }
    }

    /// Finds the records that make a call fail, by halves, and fails them alone. A record that is not found in time ends
    /// in [`GaveUp`], as does `stop`; each one found gives the next one its own time.
    pub fn bisect<'r, R: Record>(
        &mut self,
        topic: &str,
        partition: i32,
        records: &'r [R],
        missed: &mut [u32],
        stop: &dyn Fn() -> bool,
    ) -> Result<Processed<'r>, GaveUp> {
        let (mut deadline, last) = (Instant::now() + BISECT_WITHIN, Instant::now() + BATCH_WITHIN);
        // What the failed call counted is not true.
        self.discard_instances();
        let (mut verdicts, mut rows, mut drift, before) = (Vec::with_capacity(records.len()), Vec::new(), None, self.before());
        // Parts still to do, the first one last. The whole failed already.
        let mut parts = halves(0, records.len());
        let mut guilty = false;
        while let Some((start, end)) = parts.pop() {
            if stop() {
                return Err(GaveUp { stopped: true, ..self.give_up(before, "stopped".to_owned()) });
            }
            match self.pass(topic, partition, &records[start..end], missed) {
                Ok(part) => {
                    verdicts.extend(part.verdicts);
                    rows.extend(part.rows.into_iter().map(|row| Row { source: row.source + start, ..row }));
                    drift = drift.or(part.drift);
                }
                // Asked for here: no transaction is open, and the time is bounded by the registry's own.
                Err(Stopped::Schema(reference)) => match self.fetch_schema(reference, stop) {
                    Ok(()) => parts.push((start, end)),
                    Err(error) => {
                        let stopped = matches!(error, FetchError::Stopped);
                        return Err(GaveUp { stopped, awaits: Some(reference), ..self.give_up(before, error.to_string()) });
                    }
                },
                Err(Stopped::Call(failed)) => {
                    self.discard_instances();
                    if failed.code == INIT_FAILED || Instant::now() > deadline.min(last) {
                        self.plan.steps[failed.step].metrics_failed(&failed.code);
                        return Err(self.give_up(before, failed.to_string()));
                    }
                    if end - start == 1 {
                        guilty = true;
                        self.plan.steps[failed.step].metrics_failed(&failed.code);
                        verdicts.push(Verdict::Failed(Failed { code: failed.code, step: Some(failed.step) }));
                        deadline = Instant::now() + BISECT_WITHIN;
                        continue;
                    }
                    parts.extend(halves(start, end));
                }
            }
        }
        if self.pace.searched(guilty) {
            let last = format!("{SETBACKS} batches failed as a whole, one after the other, and passed in parts");
            return Err(self.give_up(before, last));
        }
        Ok(Processed { verdicts, rows, drift, before })
    }

    fn give_up(&mut self, before: Before, last: String) -> GaveUp {
        // I4: of a batch that failed, nothing is remembered; its records come again.
        self.take_back(before);
        GaveUp { last, stopped: false, awaits: None }
    }

    /// Asks the source's registry for a schema, and blocks meanwhile: call it with no transaction open.
    pub fn fetch_schema(&self, reference: SchemaRef, stop: &dyn Fn() -> bool) -> Result<(), FetchError> {
        self.plan.schemas.fetch(reference, stop)
    }

    /// I4: after an abort no instance, no count and nothing remembered of the lost transaction lives on.
    pub fn discard(&mut self) {
        self.discard_instances();
        self.steps.iter().for_each(|step| step.windows().rollback_to(0));
        self.pending.iter_mut().for_each(|counts| counts.fill(0));
    }

    fn discard_instances(&mut self) {
        self.steps.iter_mut().for_each(Step::discard);
    }

    /// The transaction is committed: what plugins counted becomes visible, what steps remember stays.
    pub fn publish_counts(&mut self) {
        self.steps.iter().for_each(|step| step.windows().commit());
        for (step, counts) in self.plan.steps.iter().zip(&mut self.pending) {
            for (counter, count) in step.counters.iter().zip(counts.iter_mut()) {
                if *count > 0 {
                    counter.add(std::mem::take(count));
                }
            }
        }
    }

    /// A transaction is committed that has nothing of the last batch. I4: what steps remember of that batch can still be
    /// taken back, and what they counted of it waits. Nothing is left before the batch then.
    pub fn publish_before(&mut self, before: &mut Before) {
        for (step, mark) in self.steps.iter().zip(&mut before.marks) {
            step.windows().commit_to(std::mem::take(mark));
        }
        let published = before.pending.iter_mut().zip(&mut self.pending);
        for (step, (published, pending)) in self.plan.steps.iter().zip(published) {
            for ((counter, published), pending) in step.counters.iter().zip(published).zip(pending) {
                let count = std::mem::take(published);
                if count > 0 {
                    counter.add(count);
                    *pending -= count;
                }
            }
        }
    }
}

/// Both halves of a range, the first one last; a single record is its own first half.
fn halves(start: usize, end: usize) -> Vec<(usize, usize)> {
    if end - start <= 1 {
        return vec![(start, end)];
    }
    let middle = start + (end - start) / 2;
    vec![(middle, end), (start, middle)]
}

#[cfg(test)]
mod tests;
