//! One step of the chain over a batch of rows: show the granted fields, call the plugin, put its answers back.
//! It must not decide what becomes of a failed record, and never lets a value pass that the plugin did not answer.

mod answer;
mod show;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::columns::Columns;
use super::format::Unread;
use super::part::HalfPlan;
use super::plan::StepPlan;
use super::recent::Recent;
use super::row::Row;
use super::trial::rejects;
use super::{CallFailed, Failed, Missed, Stopped, Verdict};
use crate::config::plan::{Isolation, Mode};
use crate::plugin::{Batch, CallError, Instance, Windows};
use show::Place;

/// One step in one lane: the plan, a live instance, and buffers that are filled again batch after batch.
pub struct Step {
    plan: Arc<StepPlan>,
    instance: Option<Instance>,
    /// Whether the instance met a batch already.
    used: bool,
    /// What the step remembers, whichever instance asks.
    windows: Arc<Mutex<Windows>>,
    batch: Batch,
    /// What was found in the values, and in the keys.
    value: Columns,
    key: Columns,
    /// By row of the batch: how the plugin sees its value.
    places: Vec<Place>,
    /// Which row of the chain each row of the batch is.
    live: Vec<usize>,
    counts: Vec<(u32, u64)>,
    /// What a plugin that is to take this one's place is tried on.
    recent: Arc<Recent>,
}

impl Step {
    /// `windows`: what the step remembers already.
    pub fn open(plan: Arc<StepPlan>, windows: Arc<Mutex<Windows>>) -> Result<Self, CallFailed> {
        let batch = plan.empty_batch("", 0);
        let recent = Arc::new(Recent::default());
        plan.recent.join(Arc::downgrade(&recent));
        let mut step = Self {
            plan,
            instance: None,
            used: false,
            windows,
            batch,
            value: Columns::default(),
            key: Columns::default(),
            places: Vec::new(),
            live: Vec::new(),
            counts: Vec::new(),
            recent,
        };
        step.ensure()?;
        Ok(step)
    }

    /// Throws the instance away; the next batch meets a fresh one.
    pub fn discard(&mut self) {
        self.instance = None;
        self.counts.clear();
    }

    fn ensure(&mut self) -> Result<(), CallFailed> {
        let spent = self.used && self.plan.isolation == Isolation::Batch;
        if self.instance.as_ref().is_none_or(|instance| spent || instance.is_dead() || instance.wants_recycling()) {
            // The old one first: two side by side would take twice the memory.
            self.instance = None;
            self.instance = Some(self.plan.instantiate(&self.windows)?);
            self.used = false;
        }
        Ok(())
    }

    /// What the step remembers, for its successor with another component.
    pub fn shared_windows(&self) -> Arc<Mutex<Windows>> {
        self.windows.clone()
    }

    /// What the step remembers of earlier records.
    pub fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the plugin counted since the last call of this.
    pub fn take_counts(&mut self) -> &[(u32, u64)] {
        self.counts.clear();
        if let Some(instance) = &mut self.instance {
            self.counts.extend_from_slice(instance.take_counters());
        }
        &self.counts
    }

    /// Takes `rows` through the step. `verdicts` are those of the source records; a failed record loses all its rows.
    pub fn apply<'r>(
        &mut self,
        topic: &str,
        partition: i32,
        offsets: &[i64],
        rows: &mut Vec<Row<'r>>,
        verdicts: &mut [Verdict],
        missed: &mut Missed<'_>,
    ) -> Result<(), Stopped> {
        self.select(topic, partition, offsets, rows, verdicts, missed)?;
        if self.batch.count > 0 {
            self.ensure()?;
            let Some(instance) = &mut self.instance else { return Err(self.plan.call_failed(CallError::Dead).into()) };
            self.used = true;
            let began = Instant::now();
            let changes = instance.transform(&self.batch);
            self.plan.metrics.called(began.elapsed());
            self.plan.metrics.logged(instance.take_log_lines());
            self.plan.metrics.holds(instance.memory_bytes());
            let changes = changes.map_err(|error| self.plan.call_failed(error))?;
            if self.recent.is_due() && !rejects(&changes) {
                self.recent.keep(&self.batch);
            }
            self.patch(changes, rows, verdicts);
        }
        rows.retain(|row| !matches!(verdicts[row.source], Verdict::Failed(_)));
        self.close(topic, rows, verdicts);
        Ok(())
    }

    /// What an allow list and the step's key rule close, whatever the plugin did.
    fn close(&self, topic: &str, rows: &mut Vec<Row<'_>>, verdicts: &mut [Verdict]) {
        if self.plan.null_key {
            rows.iter_mut().for_each(|row| row.key = None);
        }
        if self.plan.mode != Mode::AllowList {
            return;
        }
        let halves = [&self.plan.keys, &self.plan.values].map(|half| (half, half.format(topic).1));
        for row in rows.iter_mut() {
            if let Err(code) = self.close_headers(&halves, row) {
                verdicts[row.source] = Verdict::Failed(self.plan.failed(code));
            }
        }
        rows.retain(|row| !matches!(verdicts[row.source], Verdict::Failed(_)));
    }

    /// Keeps the headers that are listed, and those that name the schema of a half: it cannot be read without.
    fn close_headers(&self, halves: &[(&HalfPlan, bool)], row: &mut Row<'_>) -> Result<(), String> {
        let mut names: Vec<&[u8]> = self.plan.headers.iter().map(Vec::as_slice).collect();
        for (half, framed) in halves {
            match half.named_by_header(*framed, row) {
                Ok(true) => names.push(half.part().header().as_bytes()),
                Ok(false) => {}
                Err(Unread::Code(code)) => return Err(code),
                Err(Unread::Drift(_) | Unread::Schema(_)) => return Err("headers_unreadable".to_owned()),
            }
        }
        row.keep_headers(&names).map_err(|_| "headers_unreadable".to_owned())
    }
}

impl Failed {
    /// The host or the target refused it; no step is to blame.
    pub fn host(code: String) -> Self {
        Self { code, step: None }
    }
}
