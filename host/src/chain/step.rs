//! One step of the chain over a batch of rows: select the granted fields, call the plugin, patch its answers back.
//! It must not decide what becomes of a failed record, and never lets a value pass that the plugin did not answer.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::format::{Last, Place, Unread};
use super::plan::StepPlan;
use super::recent::Recent;
use super::row::{OwnedHeader, Row, RowHeaders};
use super::trial::rejects;
use super::{CallFailed, Failed, Missed, Stopped, Verdict};
use crate::config::plan::{Absent, Format, Isolation, KeyRule, Mode};
use crate::fields::{Edit, Hit, Hits, Patched, Selection};
use crate::plugin::{Action, Answers, Batch, CallError, Changes, Column, Instance, Kind, Windows};
use crate::schemas::wire::Part;

/// Room that a patched document gets beyond its source's length, bytes.
const PATCH_ROOM: usize = 64;

/// One step in one lane: the plan, a live instance, and buffers that are filled again batch after batch.
pub struct Step {
    plan: Arc<StepPlan>,
    instance: Option<Instance>,
    /// Whether the instance met a batch already.
    used: bool,
    /// What the step remembers, whichever instance asks.
    windows: Arc<Mutex<Windows>>,
    batch: Batch,
    hits: Vec<Hits>,
    /// By row of the batch: what read its value.
    places: Vec<Place>,
    last: Last,
    /// The topic that `format` is of, and whether a header may name a value's schema.
    format: (String, Format, bool),
    /// Which row of the chain each row of the batch is.
    live: Vec<usize>,
    counts: Vec<(u32, u64)>,
    /// What a plugin that is to take this one's place is tried on.
    recent: Arc<Recent>,
}

impl Step {
    /// `windows`: what the step remembers already.
    pub fn open(plan: Arc<StepPlan>, windows: Arc<Mutex<Windows>>) -> Result<Self, CallFailed> {
        let batch = Batch {
            fields: plan.fields.iter().map(|_| Column::default()).collect(),
            keys: plan.sees.key.then(Column::default),
            values: plan.sees.value.then(Column::default),
            ..Batch::default()
        };
        let recent = Arc::new(Recent::default());
        plan.recent.join(Arc::downgrade(&recent));
        let mut step = Self {
            plan,
            instance: None,
            used: false,
            windows,
            batch,
            hits: Vec::new(),
            places: Vec::new(),
            last: Last::default(),
            format: (String::new(), Format::Auto, false),
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
        self.places.clear();
        if self.format.0 != topic || topic.is_empty() {
            let (format, framed) = self.plan.format(topic);
            self.format = (topic.to_owned(), format, framed);
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
            match self.show(number, row, offsets[row.source], missed) {
                Ok(place) => {
                    self.live.push(index);
                    self.places.push(place);
                }
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

    /// What reads a row's value.
    fn place(&mut self, selection: &Selection, value: &[u8], row: &Row<'_>) -> Result<Place, Unread> {
        let (_, format, framed) = self.format;
        let mut headers: Vec<OwnedHeader> = Vec::new();
        if framed {
            row.each_header(|name, value| {
                if name == Part::Value.header().as_bytes() {
                    headers.push((name.to_vec(), value.map(<[u8]>::to_vec)));
                }
            })
            .map_err(|_| Unread::code("headers_unreadable"))?;
        } else if matches!(format, Format::Auto | Format::Json) {
            return Ok(Place::JSON);
        }
        self.plan.place(selection, format, value, &headers, &mut self.last)
    }

    /// Appends one row to the batch, whole or not at all.
    fn show(&mut self, number: usize, row: &Row<'_>, offset: i64, missed: &mut Missed<'_>) -> Result<Place, Unread> {
        if number == self.hits.len() {
            self.hits.push(Hits::new());
        }
        let row_number = number as u32;
        let plan = self.plan.clone();
        let mut place = Place::JSON;
        if let (Some(selection), Some(value)) = (&plan.selection, &row.value) {
            place = self.place(selection, value, row)?;
            let body = value.get(place.body..).unwrap_or_default();
            let hits = &mut self.hits[number];
            place.reader.select(selection, body, hits).map_err(|error| Unread::code(error.code()))?;
            for (field, grant) in self.plan.fields.iter().enumerate() {
                let matched = hits.matched(field);
                missed.saw(grant.selector_number, matched, offset);
                if !matched && self.plan.absent == Absent::Reject {
                    return Err(Unread::code("field_absent"));
                }
            }
            for hit in hits.hits() {
                let column = &mut self.batch.fields[hit.field as usize];
                let start = column.data.len();
                if let Err(error) = place.reader.append_value(body, hit, &mut column.data) {
                    column.data.truncate(start);
                    self.withdraw(row_number);
                    return Err(Unread::code(error.code()));
                }
                let Ok(end) = u32::try_from(column.data.len()) else {
                    self.withdraw(row_number);
                    return Err(Unread::code("batch_too_large"));
                };
                column.rows.push(row_number);
                column.kinds.push(hit.kind as u8);
                column.ends.push(end);
            }
        }
        match self.show_granted(row_number, row, offset) {
            Ok(()) => Ok(place),
            Err(code) => {
                self.withdraw(row_number);
                Err(Unread::Code(code))
            }
        }
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
        self.patch_fields(&changes, rows, verdicts);
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

    fn patch_fields(&self, changes: &Changes, rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        if self.plan.selection.is_none() {
            return;
        }
        let mut by_field: Vec<Option<&Answers>> = vec![None; self.plan.fields.len()];
        for answered in &changes.fields {
            by_field[answered.field as usize] = Some(&answered.answers);
        }
        let mut cursor = vec![0usize; self.plan.fields.len()];
        for (number, index) in self.live.iter().enumerate() {
            let (hits, row) = (&self.hits[number], &mut rows[*index]);
            let Some(value) = &row.value else { continue };
            if hits.hits().is_empty() && hits.pruned() == 0 {
                continue;
            }
            let mut rejected = false;
            let mut asked = 0;
            let edit = |_: usize, hit: &Hit| {
                asked += 1;
                let field = hit.field as usize;
                let at = cursor[field];
                cursor[field] += 1;
                by_field[field].map_or(Edit::Keep, |answers| edit_of(answers, at, &mut rejected))
            };
            let mut out = Vec::with_capacity(value.len() + PATCH_ROOM);
            let place = &self.places[number];
            // The framing names the schema, which stays.
            let (framing, body) = value.split_at(place.body.min(value.len()));
            out.extend_from_slice(framing);
            let patched = place.reader.patch(body, hits, edit, &mut out);
            // A patch that failed early did not ask for all: the next row's answers stand behind all of this one's.
            for hit in hits.hits().iter().skip(asked) {
                cursor[hit.field as usize] += 1;
            }
            if rejected {
                // The plugin's own code for the row, where it gave one, says more.
                if verdicts[row.source] == Verdict::Taken {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("value_rejected".to_owned()));
                }
                continue;
            }
            match patched {
                Ok(Patched::Changed) => row.value = Some(Cow::Owned(out)),
                Ok(Patched::Unchanged) => {}
                Err(error) => verdicts[row.source] = Verdict::Failed(self.plan.failed(error.code().to_owned())),
            }
        }
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
        if self.plan.key == KeyRule::Null {
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

/// I6: an answer that is not one of the contract's is no permission to pass.
fn edit_of<'a>(answers: &'a Answers, at: usize, rejected: &mut bool) -> Edit<'a> {
    match answers.actions.get(at).copied().and_then(Action::from_byte) {
        Some(Action::Keep) => Edit::Keep,
        Some(Action::Remove) => Edit::Remove,
        Some(Action::Set) => {
            Edit::Set { kind: answers.kinds.get(at).copied().unwrap_or(u8::MAX), data: answers.get(at).unwrap_or_default() }
        }
        Some(Action::Clear) => Edit::Clear { text: answers.get(at).unwrap_or_default() },
        Some(Action::Reject) | None => {
            *rejected = true;
            Edit::Keep
        }
    }
}

impl Failed {
    /// The host or the target refused it; no step is to blame.
    pub fn host(code: String) -> Self {
        Self { code, step: None }
    }
}
