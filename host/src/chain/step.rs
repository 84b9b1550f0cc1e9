//! One step of the chain over a batch of rows: select the granted fields, call the plugin, patch its answers back.
//! It must not decide what becomes of a failed record, and never lets a value pass that the plugin did not answer.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::columns::{Columns, Shown};
use super::format::Unread;
use super::plan::StepPlan;
use super::recent::Recent;
use super::row::{OwnedHeader, Row, RowHeaders};
use super::trial::rejects;
use super::{CallFailed, Failed, Missed, Stopped, Verdict};
use crate::config::plan::{Isolation, Mode};
use crate::plugin::{Action, Answers, Batch, CallError, Changes, Instance, Kind, Windows};

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
            let changes = changes.map_err(|error| self.plan.call_failed(error))?;
            if self.recent.is_due() && !rejects(&changes) {
                self.recent.keep(&self.batch);
            }
            self.patch(changes, rows, verdicts);
        }
        rows.retain(|row| !matches!(verdicts[row.source], Verdict::Failed(_)));
        self.close(rows, verdicts);
        Ok(())
    }

    /// Fills the batch from `rows`; rows that cannot be shown fail here.
    fn select(
        &mut self,
        topic: &str,
        partition: i32,
        offsets: &[i64],
        rows: &[Row<'_>],
        verdicts: &mut [Verdict],
        missed: &mut Missed<'_>,
    ) -> Result<(), Stopped> {
        self.batch.clear();
        for (part, columns) in [(&self.plan.value, &mut self.value), (&self.plan.key, &mut self.key)] {
            part.iter().for_each(|part| columns.begin(part, topic));
        }
        if self.batch.topic != topic {
            topic.clone_into(&mut self.batch.topic);
        }
        self.batch.partition = partition;
        self.live.clear();
        for (index, row) in rows.iter().enumerate() {
            if matches!(verdicts[row.source], Verdict::Failed(_)) {
                continue;
            }
            let number = self.live.len();
            match self.show(&Shown { number, offset: offsets[row.source], row }, missed) {
                Ok(()) => self.live.push(index),
                Err(Unread::Code(code)) => verdicts[row.source] = Verdict::Failed(self.plan.failed(code)),
                Err(Unread::Drift(detail)) => {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("drift".to_owned()));
                    missed.drifted(detail, offsets[row.source]);
                }
                Err(Unread::Schema(reference)) => return Err(Stopped::Schema(reference)),
            }
        }
        self.batch.count = self.live.len() as u32;
        Ok(())
    }

    /// Appends one row to the batch, whole or not at all.
    fn show(&mut self, shown: &Shown<'_, '_>, missed: &mut Missed<'_>) -> Result<(), Unread> {
        let appended = self.append(shown, missed);
        if appended.is_err() {
            self.withdraw(shown.number as u32);
        }
        appended
    }

    fn append(&mut self, shown: &Shown<'_, '_>, missed: &mut Missed<'_>) -> Result<(), Unread> {
        for (part, columns) in [(&self.plan.value, &mut self.value), (&self.plan.key, &mut self.key)] {
            let Some(part) = part else { continue };
            columns.show(part, shown, &mut self.batch.fields, missed).map_err(|unread| match unread {
                Unread::Code(code) => Unread::Code(part.code(&code)),
                other => other,
            })?;
        }
        self.show_granted(shown.number as u32, shown.row, shown.offset).map_err(Unread::Code)
    }

    fn show_granted(&mut self, number: u32, row: &Row<'_>, offset: i64) -> Result<(), String> {
        for (column, bytes) in [(&mut self.batch.keys, &row.key), (&mut self.batch.values, &row.value)] {
            if let Some(column) = column {
                let (kind, bytes) = bytes.as_ref().map_or((Kind::Null, &b""[..]), |bytes| (Kind::Bytes, bytes));
                column.push(number, kind, bytes).map_err(|_| "batch_too_large".to_owned())?;
            }
        }
        if self.plan.sees.headers {
            let headers = &mut self.batch.headers;
            row.each_header(|name, value| headers.push(number, name, value)).map_err(|_| "headers_unreadable".to_owned())?;
        }
        if self.plan.sees.timestamp {
            self.batch.timestamps.push(row.timestamp);
        }
        if self.plan.sees.offset {
            self.batch.offsets.push(offset);
        }
        if self.plan.sees.sizes {
            let size = |bytes: &Option<Cow<'_, [u8]>>| bytes.as_ref().map_or(-1, |bytes| bytes.len() as i64);
            self.batch.key_sizes.push(size(&row.key));
            self.batch.value_sizes.push(size(&row.value));
        }
        self.batch.origins.push(offset);
        Ok(())
    }

    /// Takes back what was appended for a row that cannot be shown after all.
    fn withdraw(&mut self, number: u32) {
        let whole = self.batch.keys.iter_mut().chain(self.batch.values.iter_mut());
        for column in self.batch.fields.iter_mut().chain(whole) {
            let keep = column.rows.partition_point(|row| *row < number);
            column.rows.truncate(keep);
            column.kinds.truncate(keep);
            column.ends.truncate(keep);
            column.data.truncate(column.ends.last().map_or(0, |end| *end as usize));
        }
    }

    /// Puts the plugin's answers into the rows.
    fn patch<'r>(&self, mut changes: Changes, rows: &mut Vec<Row<'r>>, verdicts: &mut [Verdict]) {
        for (row, code) in &changes.rejected {
            let source = rows[self.live[*row as usize]].source;
            verdicts[source] = Verdict::Failed(self.plan.rejected(*code));
        }
        let mut answers: Vec<Option<&Answers>> = vec![None; self.batch.fields.len()];
        for answered in &changes.fields {
            answers[answered.field as usize] = Some(&answered.answers);
        }
        for (part, columns) in [(&self.plan.value, &self.value), (&self.plan.key, &self.key)] {
            part.iter().for_each(|part| columns.patch(part, &answers, &self.live, rows, verdicts));
        }
        for (answers, of_key) in [(changes.keys.take(), true), (changes.values.take(), false)] {
            if let Some(answers) = answers {
                self.replace_whole(&answers, of_key, rows, verdicts);
            }
        }
        self.replace_headers(&changes, rows);
        for (row, timestamp) in &changes.timestamps {
            rows[self.live[*row as usize]].timestamp = *timestamp;
        }
        for (row, topic) in &changes.routes {
            rows[self.live[*row as usize]].topic = Some(topic.clone());
        }
        self.drop_and_emit(changes, rows);
    }

    fn replace_whole(&self, answers: &Answers, of_key: bool, rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        for (number, index) in self.live.iter().enumerate() {
            let row = &mut rows[*index];
            let place = if of_key { &mut row.key } else { &mut row.value };
            match Action::from_byte(answers.actions[number]) {
                Some(Action::Keep) => {}
                Some(Action::Remove) => *place = None,
                Some(Action::Set) if answers.kinds[number] == Kind::Null as u8 => *place = None,
                Some(Action::Set) => *place = answers.get(number).map(|bytes| Cow::Owned(bytes.to_vec())),
                Some(Action::Reject | Action::Clear) | None => {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("value_rejected".to_owned()))
                }
            }
        }
    }

    fn replace_headers(&self, changes: &Changes, rows: &mut [Row<'_>]) {
        let mut headers = changes.headers.iter().peekable();
        for row in &changes.header_rows {
            let mut list: Vec<OwnedHeader> = Vec::new();
            while let Some(header) = headers.next_if(|header| header.row == *row) {
                list.push((header.name.clone(), header.value.clone()));
            }
            rows[self.live[*row as usize]].header_set = RowHeaders::Owned(list);
        }
    }

    fn drop_and_emit<'r>(&self, changes: Changes, rows: &mut Vec<Row<'r>>) {
        if changes.dropped.is_empty() && changes.emitted.is_empty() {
            return;
        }
        let mut dropped = changes.dropped.iter().map(|row| self.live[*row as usize]).peekable();
        let mut emitted = changes.emitted.into_iter().map(|emitted| (self.live[emitted.row as usize], emitted)).peekable();
        let before = std::mem::take(rows);
        for (index, row) in before.into_iter().enumerate() {
            let (source, timestamp, topic) = (row.source, row.timestamp, row.topic.clone());
            if dropped.next_if_eq(&index).is_none() {
                rows.push(row);
            }
            while let Some((_, new)) = emitted.next_if(|(from, _)| *from == index) {
                rows.push(Row {
                    source,
                    emitted: true,
                    key: new.key.map(Cow::Owned),
                    value: new.value.map(Cow::Owned),
                    header_set: RowHeaders::Owned(new.headers.into_iter().map(|header| (header.name, header.value)).collect()),
                    timestamp,
                    topic: new.topic.or_else(|| topic.clone()),
                });
            }
        }
    }

    /// What an allow list and the step's key rule close, whatever the plugin did.
    fn close(&self, rows: &mut Vec<Row<'_>>, verdicts: &mut [Verdict]) {
        if self.plan.null_key {
            rows.iter_mut().for_each(|row| row.key = None);
        }
        if self.plan.mode == Mode::AllowList {
            for row in rows.iter_mut() {
                if row.keep_headers(&self.plan.headers).is_err() {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("headers_unreadable".to_owned()));
                }
            }
            rows.retain(|row| !matches!(verdicts[row.source], Verdict::Failed(_)));
        }
    }
}

impl Failed {
    /// The host or the target refused it; no step is to blame.
    pub fn host(code: String) -> Self {
        Self { code, step: None }
    }
}
