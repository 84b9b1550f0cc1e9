//! Collects the answers to a column, and how many values were masked. It must not keep a value but a null, or where an
//! operator says so.
use sluice_plugin::{Answers, Changes, Column, ColumnAnswers, Kind, Value};

use crate::rejection::Rejection;

/// What takes the place of text that is not to say anything.
pub const REDACTED: &str = "[redacted]";

/// Answers to the values of one column, in order.
#[derive(Debug)]
pub struct Output {
    answers: ColumnAnswers,
    masked: u64,
    /// By the number of the value that is rejected.
    rejected: Vec<(usize, u32, Rejection)>,
}

impl Output {
    /// Room for the answers to `column`, `bytes` of new values together.
    pub fn with_bytes(column: &Column, bytes: usize) -> Self {
        Self { answers: ColumnAnswers::with_bytes(column, bytes), masked: 0, rejected: Vec::new() }
    }

    /// Room for as many bytes as the values have, and a word that is cut again.
    pub fn of(column: &Column) -> Self {
        Self::with_bytes(column, column.data.len() + size_of::<u64>())
    }

    /// The value stays: there is nothing in it to hide.
    #[inline]
    pub fn keep(&mut self) {
        self.answers.keep();
    }

    /// The value becomes this one.
    #[inline]
    pub fn set(&mut self, kind: Kind, bytes: &[u8]) {
        self.answers.set(kind, bytes);
        self.masked += 1;
    }

    /// The value becomes what `write` appends.
    #[inline]
    pub fn write(&mut self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) {
        self.answers.write(kind, write);
        self.masked += 1;
    }

    /// The value becomes null, and the record fails where its type does not allow that.
    #[inline]
    pub fn null(&mut self) {
        self.answers.null();
        self.masked += 1;
    }

    /// The value says nothing any more, whatever its type.
    #[inline]
    pub fn clear(&mut self) {
        self.answers.clear(REDACTED);
        self.masked += 1;
    }

    /// The field or array element goes.
    #[inline]
    pub fn remove(&mut self) {
        self.answers.remove();
        self.masked += 1;
    }

    /// The record of `row` cannot be transformed.
    #[cold]
    pub fn reject(&mut self, row: u32, why: Rejection) {
        self.rejected.push((self.answers.len(), row, why));
        self.answers.reject(row, why.code());
    }

    /// The value becomes the text that `write` makes of its bytes; bytes stay bytes. A null stays; a kind that nobody
    /// knows rejects.
    #[inline]
    pub fn text(&mut self, row: u32, value: Value<'_>, write: impl FnOnce(&mut Vec<u8>, &[u8])) {
        match value.kind {
            Kind::NULL => self.keep(),
            Kind::BYTES => self.write(Kind::BYTES, |out| write(out, value.bytes)),
            Kind::TEXT | Kind::INTEGER | Kind::DECIMAL | Kind::BOOLEAN => self.write(Kind::TEXT, |out| write(out, value.bytes)),
            _ => self.reject(row, Rejection::NotAScalar),
        }
    }

    /// As [`Output::text`], for what keeps letters or their number: a boolean is cleared, as that would tell which it is.
    #[inline]
    pub fn letters(&mut self, row: u32, value: Value<'_>, write: impl FnOnce(&mut Vec<u8>, &[u8])) {
        match value.kind {
            // What nearly every value is.
            Kind::TEXT => self.write(Kind::TEXT, |out| write(out, value.bytes)),
            Kind::BOOLEAN => self.clear(),
            _ => self.text(row, value, write),
        }
    }

    /// Hands the answers to column `field` over; how many values were masked, which kept and rejected ones are not.
    pub fn finish(self, changes: &mut Changes, field: u32) -> u64 {
        changes.answer(field, self.answers);
        self.masked
    }

    /// The answers themselves, and the rejected values: number, row, why.
    pub fn into_parts(self) -> (Answers, Vec<(usize, u32, Rejection)>) {
        (self.answers.into(), self.rejected)
    }
}
