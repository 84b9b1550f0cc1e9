//! One half of the rows, key or value, between bytes and columns, in one lane: the granted values go into the batch, the
//! answers back into the bytes. It never lets a value pass that was not answered, and decides nothing about records.

use std::borrow::Cow;

use super::format::{Last, Place, Unread};
use super::part::PartPlan;
use super::row::Row;
use super::{Missed, Verdict};
use crate::config::plan::{Absent, Format};
use crate::fields::{Edit, Hit, Hits, Patched};
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
    hits: Hits,
    place: Place,
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
    pub fn begin(&mut self, plan: &PartPlan, topic: &str) {
        if self.format.as_ref().is_none_or(|(of, ..)| of != topic) {
            let (format, framed) = plan.format(topic);
            self.format = Some((topic.to_owned(), format, framed));
        }
    }

    /// Appends the granted values of a row to the columns. After an error the caller takes back what was appended.
    pub fn show(&mut self, plan: &PartPlan, shown: &Shown<'_, '_>, columns: &mut [Column], missed: &mut Missed<'_>) -> Result<(), Unread> {
        if shown.number == self.rows.len() {
            self.rows.push(Selected { hits: Hits::new(), place: Place::JSON });
        }
        let Some(bytes) = shown.row.half(plan.part) else { return Ok(()) };
        let (format, framed) = self.format.as_ref().map_or((Format::Auto, false), |(_, format, framed)| (*format, *framed));
        let place = plan.place((format, framed), bytes, shown.row, &mut self.last)?;
        let body = bytes.get(place.body..).unwrap_or_default();
        let selected = &mut self.rows[shown.number];
        let hits = &mut selected.hits;
        place.reader.select(&plan.selection, body, hits).map_err(|error| Unread::code(error.code()))?;
        for (field, number) in plan.watched.iter().enumerate() {
            let matched = hits.matched(field);
            missed.saw(*number, matched, shown.offset);
            if !matched && plan.absent == Absent::Reject {
                return Err(Unread::code("field_absent"));
            }
        }
        if plan.part == Part::Key && hits.pruned() > 0 {
            // What is left of two keys without a part of theirs may be one key.
            return Err(Unread::code("unlisted"));
        }
        for hit in hits.hits() {
            let column = &mut columns[plan.first + hit.field as usize];
            let start = column.data.len();
            if let Err(error) = place.reader.append_value(body, hit, &mut column.data) {
                column.data.truncate(start);
                return Err(Unread::code(error.code()));
            }
            let Ok(end) = u32::try_from(column.data.len()) else { return Err(Unread::code("batch_too_large")) };
            column.rows.push(shown.number as u32);
            column.kinds.push(hit.kind as u8);
            column.ends.push(end);
        }
        selected.place = place;
        Ok(())
    }

    /// Puts the answers into the rows. `answers` by column of the batch, `live`: which row each row of the batch is.
    pub fn patch(&self, plan: &PartPlan, answers: &[Option<&Answers>], live: &[usize], rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        let mut cursor = vec![0usize; plan.watched.len()];
        for (selected, index) in self.rows.iter().zip(live) {
            let (Selected { hits, place }, row) = (selected, &mut rows[*index]);
            let Some(bytes) = row.half(plan.part) else { continue };
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
                answers[plan.first + field].map_or(Edit::Keep, |answers| edit_of(answers, at, &mut rejected))
            };
            let mut out = Vec::with_capacity(bytes.len() + PATCH_ROOM);
            // The framing names the schema, which stays.
            let (framing, body) = bytes.split_at(place.body.min(bytes.len()));
            out.extend_from_slice(framing);
            let patched = place.reader.patch(body, hits, edit, &mut out);
            // A patch that failed early did not ask for all: the next row's answers stand behind all of this one's.
            for hit in hits.hits().iter().skip(asked) {
                cursor[hit.field as usize] += 1;
            }
            if rejected {
                // The plugin's own code for the row, where it gave one, says more.
                if verdicts[row.source] == Verdict::Taken {
                    let code = if plan.part == Part::Key { "rejected" } else { "value_rejected" };
                    verdicts[row.source] = Verdict::Failed(plan.failed(code));
                }
                continue;
            }
            match patched {
                Ok(Patched::Changed) => *row.half_mut(plan.part) = Some(Cow::Owned(out)),
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
