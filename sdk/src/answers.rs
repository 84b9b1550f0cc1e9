//! Builds answers: one per value of a column, in order, into buffers made once per column. It must not answer a value
//! that the plugin did not answer: a short column fails in the host, which is the point.
use crate::{Answers, Changes, Column, FieldAnswers, Kind, Rejection};

/// What becomes of a value.
pub mod action {
    /// It stays, byte for byte.
    pub const KEEP: u8 = 0;
    /// It becomes the value given.
    pub const SET: u8 = 1;
    /// The field, array element or header goes; a key or a value becomes null.
    pub const REMOVE: u8 = 2;
    /// The record cannot be transformed.
    pub const REJECT: u8 = 3;
    /// Text becomes the text given; anything else null, or its type's zero where null does not fit.
    pub const CLEAR: u8 = 4;
}

/// Answers to the values of one column, in order. Hand it to [`Changes::answer`].
#[derive(Debug)]
pub struct ColumnAnswers {
    answers: Answers,
    rejected: Vec<Rejection>,
}

impl ColumnAnswers {
    /// Room for the answers to `column`, of the same size as its values together.
    #[must_use]
    pub fn of(column: &Column) -> Self {
        Self::with_bytes(column, column.data.len())
    }

    /// Room for the answers to `column`, `bytes` of new values together.
    #[must_use]
    pub fn with_bytes(column: &Column, bytes: usize) -> Self {
        let values = column.len();
        let answers = Answers {
            actions: Vec::with_capacity(values),
            kinds: Vec::with_capacity(values),
            ends: Vec::with_capacity(values),
            data: Vec::with_capacity(bytes),
        };
        Self { answers, rejected: Vec::new() }
    }

    /// The value stays, byte for byte.
    #[inline]
    pub fn keep(&mut self) {
        self.push(action::KEEP, Kind::NULL);
    }

    /// The value becomes this text.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.set(Kind::TEXT, text.as_bytes());
    }

    /// The value becomes this one; `bytes` must read as `kind` says.
    #[inline]
    pub fn set(&mut self, kind: Kind, bytes: &[u8]) {
        self.write(kind, |out| out.extend_from_slice(bytes));
    }

    /// The value becomes what `write` appends to the buffer: no copy of its own. Bytes already there belong to the
    /// answers before.
    #[inline]
    pub fn write(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.answers.data);
        self.push(action::SET, kind);
    }

    /// The value becomes null.
    #[inline]
    pub fn null(&mut self) {
        self.push(action::SET, Kind::NULL);
    }

    /// The field or array element goes.
    #[inline]
    pub fn remove(&mut self) {
        self.push(action::REMOVE, Kind::NULL);
    }

    /// The value says nothing any more, whatever its type: a text becomes this one, anything else null, or its type's
    /// zero where null does not fit.
    #[inline]
    pub fn clear(&mut self, text: &str) {
        self.answers.data.extend_from_slice(text.as_bytes());
        self.push(action::CLEAR, Kind::TEXT);
    }

    /// The record cannot be transformed, for the declared reason `code`; the first reason of a record counts.
    #[inline]
    pub fn reject(&mut self, row: u32, code: u32) {
        self.push(action::REJECT, Kind::NULL);
        self.rejected.push(Rejection { row, code });
    }

    /// How many values are answered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.actions.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn push(&mut self, action: u8, kind: Kind) {
        self.answers.actions.push(action);
        self.answers.kinds.push(kind.0);
        // Output past 4 GiB does not fit a guest's memory; a cut end would be refused by the host, as it does not
        // meet the length of the data.
        self.answers.ends.push(u32::try_from(self.answers.data.len()).unwrap_or(u32::MAX));
    }
}

impl From<ColumnAnswers> for Answers {
    /// The answers alone, for keys and values; the reasons of rejections go by [`Changes::reject`].
    fn from(answers: ColumnAnswers) -> Self {
        answers.answers
    }
}

impl Changes {
    /// No change at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            fields: Vec::new(),
            keys: None,
            values: None,
            header_rows: Vec::new(),
            headers: Vec::new(),
            timestamps: Vec::new(),
            routes: Vec::new(),
            dropped: Vec::new(),
            rejected: Vec::new(),
            emitted: Vec::new(),
        }
    }

    /// Answers the column of one granted field, by its index in `Batch::fields`; once a field.
    pub fn answer(&mut self, field: u32, answers: ColumnAnswers) {
        self.fields.push(FieldAnswers { field, answers: answers.answers });
        self.reject_all(answers.rejected);
    }

    /// The record of `row` cannot be transformed, for the declared reason `code`. Effect `reject`; the first reason of
    /// a record counts.
    pub fn reject(&mut self, row: u32, code: u32) {
        self.reject_all([Rejection { row, code }]);
    }

    /// The record of `row` does not go on. Effect `drop`; rows ascend.
    pub fn drop_row(&mut self, row: u32) {
        self.dropped.push(row);
    }

    /// Keeps `rejected` as the contract wants it: rows ascending, each once.
    fn reject_all(&mut self, more: impl IntoIterator<Item = Rejection>) {
        let before = self.rejected.len();
        self.rejected.extend(more);
        if self.rejected.len() > before {
            self.rejected.sort_by_key(|rejection| rejection.row);
            self.rejected.dedup_by_key(|rejection| rejection.row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: u32) -> Column {
        Column { rows: (0..n).collect(), kinds: vec![4; n as usize], ends: vec![0; n as usize], data: Vec::new() }
    }

    #[test]
    fn each_answer_is_one_entry() {
        let mut answers = ColumnAnswers::of(&rows(7));
        answers.keep();
        answers.text("ab");
        answers.null();
        answers.remove();
        answers.set(Kind::INTEGER, b"7");
        answers.reject(5, 2);
        answers.clear("-");
        let mut changes = Changes::none();
        changes.answer(3, answers);
        let given = &changes.fields[0];
        assert_eq!(given.field, 3);
        assert_eq!(given.answers.actions, [0, 1, 1, 2, 1, 3, 4]);
        assert_eq!(given.answers.kinds, [0, 4, 0, 0, 2, 0, 4]);
        assert_eq!(given.answers.ends, [0, 2, 2, 2, 3, 3, 4]);
        assert_eq!(given.answers.data, b"ab7-");
        assert_eq!((changes.rejected[0].row, changes.rejected[0].code), (5, 2));
    }

    #[test]
    fn rejections_of_all_columns_ascend_and_the_first_reason_counts() {
        let mut changes = Changes::none();
        for (field, rejections) in [(0, &[(2, 0), (4, 0)][..]), (1, &[(1, 1), (2, 1)])] {
            let mut answers = ColumnAnswers::of(&rows(2));
            rejections.iter().for_each(|&(row, code)| answers.reject(row, code));
            changes.answer(field, answers);
        }
        let rejected: Vec<_> = changes.rejected.iter().map(|rejection| (rejection.row, rejection.code)).collect();
        assert_eq!(rejected, [(1, 1), (2, 0), (4, 0)]);
    }
}
