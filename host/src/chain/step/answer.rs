//! What becomes of a plugin's answers: values into their places, keys, headers and the rest into the rows. It must not
//! trust an answer further than its form was checked; one that does not fit fails its record.

use std::borrow::Cow;

use super::Step;
use crate::chain::Verdict;
use crate::chain::row::{OwnedHeader, Row, RowHeaders};
use crate::plugin::{Action, Answers, Changes, Kind};
use crate::schemas::wire::Part;

impl Step {
    /// Puts the plugin's answers into the rows.
    pub(super) fn patch<'r>(&self, mut changes: Changes, rows: &mut Vec<Row<'r>>, verdicts: &mut [Verdict]) {
        for (row, code) in &changes.rejected {
            let source = rows[self.live[*row as usize]].source;
            verdicts[source] = Verdict::Failed(self.plan.rejected(*code));
        }
        self.patch_fields(&changes, rows, verdicts);
        if let Some(answers) = changes.keys.take() {
            self.replace_keys(&answers, rows, verdicts);
        }
        if let Some(answers) = changes.values.take() {
            self.replace_values(&answers, rows, verdicts);
        }
        self.replace_headers(&changes, rows);
        for (row, timestamp) in &changes.timestamps {
            rows[self.live[*row as usize]].timestamp = *timestamp;
        }
        for (row, topic) in &changes.routes {
            rows[self.live[*row as usize]].topic = Some(topic.clone());
        }
        self.drop_and_emit(changes, rows, verdicts);
    }

    fn patch_fields(&self, changes: &Changes, rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        let mut answers: Vec<Option<&Answers>> = vec![None; self.batch.fields.len()];
        for answered in &changes.fields {
            answers[answered.field as usize] = Some(&answered.answers);
        }
        for (part, columns) in [(&self.plan.value, &self.value), (&self.plan.key, &self.key)] {
            part.iter().for_each(|part| columns.patch(part, &answers, &self.live, rows, verdicts));
        }
    }

    fn replace_keys(&self, answers: &Answers, rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        for (number, index) in self.live.iter().enumerate() {
            let row = &mut rows[*index];
            match whole(answers, number) {
                Whole::Keep => continue,
                Whole::Null => row.key = None,
                Whole::Bytes(bytes) => row.key = Some(Cow::Owned(bytes.to_vec())),
                Whole::Reject => {
                    verdicts[row.source] = Verdict::Failed(self.plan.failed("value_rejected".to_owned()));
                    continue;
                }
            }
            // It names the schema of the key that was there: readers would take the new one for that.
            if row.drop_header(Part::Key.header().as_bytes()).is_err() {
                verdicts[row.source] = Verdict::Failed(self.plan.failed("headers_unreadable".to_owned()));
            }
        }
    }

    fn replace_values(&self, answers: &Answers, rows: &mut [Row<'_>], verdicts: &mut [Verdict]) {
        for (number, index) in self.live.iter().enumerate() {
            let row = &mut rows[*index];
            match whole(answers, number) {
                Whole::Keep => {}
                Whole::Null => row.value = None,
                // What was shown comes back: the bytes that it stands for stay.
                Whole::Bytes(bytes) if self.was_viewed(number, bytes) => {}
                Whole::Bytes(bytes) => match self.written_back(number, bytes) {
                    Ok(value) => row.value = Some(Cow::Owned(value)),
                    Err(code) => verdicts[row.source] = Verdict::Failed(self.plan.failed(code)),
                },
                Whole::Reject => verdicts[row.source] = Verdict::Failed(self.plan.failed("value_rejected".to_owned())),
            }
        }
    }

    /// Whether a row's value was shown as this JSON.
    fn was_viewed(&self, number: usize, bytes: &[u8]) -> bool {
        let shown = || self.batch.values.as_ref().and_then(|values| values.get(number));
        self.places[number].view.is_some() && shown() == Some(bytes)
    }

    /// The value that a plugin's answer stands for, in the row that it is of or came from.
    fn written_back(&self, number: usize, bytes: &[u8]) -> Result<Vec<u8>, String> {
        match &self.places[number].view {
            Some(view) => view.read(bytes).map_err(|error| error.code()),
            None => Ok(bytes.to_vec()),
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

    fn drop_and_emit<'r>(&self, changes: Changes, rows: &mut Vec<Row<'r>>, verdicts: &mut [Verdict]) {
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
                let number = new.row as usize;
                let mut headers: Vec<OwnedHeader> = new.headers.into_iter().map(|header| (header.name, header.value)).collect();
                if let (Some(view), Some(_)) = (&self.places[number].view, &new.value) {
                    view.name_schema(&mut headers);
                }
                let value = match new.value.map(|json| self.written_back(number, &json)).transpose() {
                    Ok(value) => value,
                    Err(code) => {
                        verdicts[source] = Verdict::Failed(self.plan.failed(code));
                        continue;
                    }
                };
                rows.push(Row {
                    source,
                    emitted: true,
                    key: new.key.map(Cow::Owned),
                    value: value.map(Cow::Owned),
                    header_set: RowHeaders::Owned(headers),
                    timestamp,
                    topic: new.topic.or_else(|| topic.clone()),
                });
            }
        }
    }
}

/// What becomes of a key or a whole value.
enum Whole<'a> {
    Keep,
    Null,
    Bytes(&'a [u8]),
    Reject,
}

/// I6: an answer that is not one of the contract's is no permission to pass.
fn whole(answers: &Answers, at: usize) -> Whole<'_> {
    match answers.actions.get(at).copied().and_then(Action::from_byte) {
        Some(Action::Keep) => Whole::Keep,
        Some(Action::Remove) => Whole::Null,
        Some(Action::Set) if answers.kinds.get(at) == Some(&(Kind::Null as u8)) => Whole::Null,
        Some(Action::Set) => answers.get(at).map_or(Whole::Reject, Whole::Bytes),
        Some(Action::Reject | Action::Clear) | None => Whole::Reject,
    }
}
