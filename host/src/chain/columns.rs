//! One half of the rows, key or value, between bytes and columns, in one lane: the granted values go into the batch, the
//! answers back into the bytes. It never lets a value pass that was not answered, and decides nothing about records.

use std::borrow::Cow;
use std::convert::Infallible;

use super::format::{Last, Reader, Unread};
use super::part::{HalfPlan, Located, PartPlan};
use super::row::Row;
use super::{Missed, Verdict};
use crate::config::plan::{Absent, Format};
use crate::fields::{Edit, Found, Patched, Value};
use crate::plugin::{Action, Answers, Column};
use crate::schemas::wire::Part;

/// Room that a patched document gets beyond its source's length, bytes.
const PATCH_ROOM: usize = 64;

/// What a lane knows of one half of the batch at hand. Filled again batch after batch.
#[derive(Default)]
pub struct Columns {
    /// By row of the batch.
    rows: Vec<Selected>,
    last: Last,
    /// The topic that the format is of, how this half is written, and whether a header may name its schema.
    format: Option<(String, Format, bool)>,
}

/// What was found in one row.
struct Selected {
    found: Found,
    reader: Reader,
    /// Where behind the framing the body begins.
    body: usize,
}

/// A row on its way into the batch.
pub struct Shown<'a, 'r> {
    /// Its number in the batch.
    pub number: usize,
    /// Its source offset.
    pub offset: i64,
    pub row: &'a Row<'r>,
}

impl Columns {
    /// A batch of that topic begins.
    pub fn begin(&mut self, half: &HalfPlan, topic: &str) {
        if self.format.as_ref().is_none_or(|(of, ..)| of != topic) {
            let (format, framed) = half.format(topic);
            self.format = Some((topic.to_owned(), format, framed));
        }
    }

    /// How this half of the topic is written.
    pub fn format(&self) -> (Format, bool) {
        self.format.as_ref().map_or((Format::Auto, false), |(_, format, framed)| (*format, *framed))
    }

    /// Makes room for the row of that number, of which nothing may be selected.
    pub fn make_room(&mut self, number: usize) {
        if number == self.rows.len() {
            self.rows.push(Selected { found: Found::new(), reader: Reader::Json, body: 0 });
        }
    }

    /// Appends the granted values of a row, whose half is `bytes`, to the columns. After an error the caller takes back
    /// what was appended.
    pub fn show(
        &mut self,
        plan: &PartPlan,
        (shown, bytes, located): (&Shown<'_, '_>, &[u8], &Located),
        columns: &mut [Column],
        missed: &mut Missed<'_>,
    ) -> Result<(), Unread> {
        let reader = plan.reader(&located.written, &mut self.last, &mut |misfit| missed.allowed(misfit, shown.offset))?;
        let body = bytes.get(located.body..).unwrap_or_default();
        let selected = &mut self.rows[shown.number];
        let found = &mut selected.found;
        plan.nest.select(&reader, body, found).map_err(|error| Unread::code(error.code()))?;
        for (field, number) in plan.watched.iter().enumerate() {
            let matched = plan.nest.matched(found, field);
            missed.saw(*number, matched, shown.offset);
            if !matched && plan.absent == Absent::Reject {
                return Err(Unread::code("field_absent"));
            }
        }
        if plan.half.part() == Part::Key && found.is_pruned() {
            // What is left of two keys without a part of theirs may be one key.
            return Err(Unread::code("unlisted"));
        }
        plan.nest.each(&reader, body, found, &mut |value: Value<'_>| {
            let column = &mut columns[plan.first + value.field as usize];
            value.append(&mut column.data).map_err(|error| Unread::code(error.code()))?;
            let end = u32::try_from(column.data.len()).map_err(|_| Unread::code("batch_too_large"))?;
            column.rows.push(shown.number as u32);
            column.kinds.push(value.kind as u8);
            column.ends.push(end);
            Ok(())
        })?;
        (selected.reader, selected.body) = (reader, located.body);
        Ok(())
    }

    /// Puts the answers into the rows. `answers` by column of the batch, `live`: which row each row of the batch is.
    pub fn patch(&self, plan: &PartPlan, answers: &[Option<&Answers>], live: &[usize], rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        let part = plan.half.part();
        let mut cursor = vec![0usize; plan.watched.len()];
        let mut before = cursor.clone();
        for (selected, index) in self.rows.iter().zip(live) {
            let (Selected { found, reader, body }, row) = (selected, &mut rows[*index]);
            let Some(bytes) = row.half(part) else { continue };
            if found.is_empty() {
                continue;
            }
            before.copy_from_slice(&cursor);
            let mut rejected = false;
            let mut edit = |field: u32| {
                let field = field as usize;
                let at = cursor[field];
                cursor[field] += 1;
                answers[plan.first + field].map_or(Edit::Keep, |answers| edit_of(answers, at, &mut rejected))
            };
            let mut out = Vec::with_capacity(bytes.len() + PATCH_ROOM);
            // The framing names the schema, which stays.
            let (framing, body) = bytes.split_at((*body).min(bytes.len()));
            out.extend_from_slice(framing);
            let patched = plan.nest.patch(reader, body, found, &mut edit, &mut out);
            if patched.is_err() {
                // It did not ask for all: the next row's answers stand behind all of this one's.
                cursor.copy_from_slice(&before);
                let Ok(()) = plan.nest.each(reader, body, found, &mut |value: Value<'_>| -> Result<(), Infallible> {
                    cursor[value.field as usize] += 1;
                    Ok(())
                });
            }
            if rejected {
                // The plugin's own code for the row, where it gave one, says more.
                if verdicts[row.source] == Verdict::Taken {
                    let code = if part == Part::Key { "rejected" } else { "value_rejected" };
                    verdicts[row.source] = Verdict::Failed(plan.failed(code));
                }
                continue;
            }
            match patched {
                Ok(Patched::Changed) => *row.half_mut(part) = Some(Cow::Owned(out)),
                Ok(Patched::Unchanged) => {}
                Err(error) => verdicts[row.source] = Verdict::Failed(plan.failed(error.code())),
            }
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
