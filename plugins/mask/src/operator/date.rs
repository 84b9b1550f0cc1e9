//! The operators on dates, on columns. A date stays in the form it came in. They must not answer for what is no date.
use sluice_plugin::host::{self, HMAC_BYTES};
use sluice_plugin::{Column, Kind, Value};

use super::Place;
use super::subject::subjects;
use crate::date::{self, Text, Unit};
use crate::date_part::{self, Part};
use crate::date_shift;
use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::{Key, Reader};

/// Most days that dates are moved by: a century.
const MOST_DAYS: u64 = 36_525;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dates {
    /// The start of its year, month, day or hour.
    Trunc(Unit),
    /// One part of it, as a number.
    Part(Part),
    /// Moved by as many days as all dates of its subject.
    Shift {
        /// The key.
        key: Key,
        /// The index of the field whose value is the subject.
        by: usize,
        /// Most days.
        days: u32,
    },
}

impl Dates {
    pub fn read(name: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match name {
            "date_trunc" => {
                let units = [("year", Unit::Year), ("month", Unit::Month), ("day", Unit::Day), ("hour", Unit::Hour)];
                reader.one_of("to", &units).map(Self::Trunc)
            }
            "date_part" => {
                let parts = [
                    ("year", Part::Year),
                    ("quarter", Part::Quarter),
                    ("month", Part::Month),
                    ("week", Part::Week),
                    ("day", Part::Day),
                    ("weekday", Part::Weekday),
                    ("hour", Part::Hour),
                ];
                reader.one_of("part", &parts).map(Self::Part)
            }
            _ => {
                let (key, by, days) = (reader.key("date_shift"), reader.other_field("by"), reader.needed_integer("days", 1, MOST_DAYS));
                Some(Self::Shift { key: key?, by: by?, days: u32::try_from(days?).ok()? })
            }
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Trunc(_) => "date_trunc",
            Self::Part(_) => "date_part",
            Self::Shift { .. } => "date_shift",
        }
    }

    pub fn answer(&self, place: Place<'_>, column: &Column) -> Result<Output, Rejection> {
        let mut output = Output::of(column);
        match self {
            Self::Trunc(unit) => {
                for (row, value) in column {
                    truncate(&mut output, row, value, *unit);
                }
            }
            Self::Part(part) => {
                for (row, value) in column {
                    take(&mut output, row, value, *part);
                }
            }
            Self::Shift { key, by, days } => {
                let by = place.columns.get(*by).ok_or(Rejection::NoSubject)?;
                let hashes = host::hmac_sha256(&key.name, &key.domain, by)?;
                let mut hashes_of = hashes.chunks_exact(HMAC_BYTES).enumerate().peekable();
                let moves: Vec<Option<i64>> = hashes_of.by_ref().map(|(_, hash)| date_shift::days(hash, *days)).collect();
                for ((row, value), subject) in column.iter().zip(subjects(column, by)) {
                    let days = subject.and_then(|at| moves.get(at).copied().flatten());
                    shift(&mut output, row, value, days);
                }
            }
        }
        Ok(output)
    }
}

fn truncate(output: &mut Output, row: u32, value: Value<'_>, unit: Unit) {
    match (value.kind, Text::parse(value.bytes).filter(|_| value.kind == Kind::TEXT)) {
        (Kind::NULL, _) => output.keep(),
        (_, Some(date)) => output.write(Kind::TEXT, |out| date.truncate(out, unit)),
        _ => integer(output, row, value.as_i64().and_then(|millis| date::truncate_millis(millis, unit))),
    }
}

fn take(output: &mut Output, row: u32, value: Value<'_>, part: Part) {
    match value.kind {
        Kind::NULL => output.keep(),
        Kind::TEXT => match Text::parse(value.bytes).and_then(|date| date_part::of_text(&date, part)) {
            Some(part) => output.write(Kind::TEXT, |out| push_integer(out, part)),
            None => output.reject(row, Rejection::NotADate),
        },
        _ => integer(output, row, value.as_i64().and_then(|millis| date_part::of_millis(millis, part))),
    }
}

fn shift(output: &mut Output, row: u32, value: Value<'_>, days: Option<i64>) {
    if value.is_null() {
        return output.keep();
    }
    let Some(days) = days else { return output.reject(row, Rejection::NoSubject) };
    if value.kind != Kind::TEXT {
        return integer(output, row, value.as_i64().and_then(|millis| date_shift::shift_millis(millis, days)));
    }
    let mut text = Vec::with_capacity(value.bytes.len());
    match Text::parse(value.bytes) {
        Some(date) if date_shift::shift_text(&mut text, &date, days) => output.set(Kind::TEXT, &text),
        _ => output.reject(row, Rejection::NotADate),
    }
}

fn integer(output: &mut Output, row: u32, number: Option<i64>) {
    match number {
        Some(number) => output.write(Kind::INTEGER, |out| push_integer(out, number)),
        None => output.reject(row, Rejection::NotADate),
    }
}

fn push_integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(number.to_string().as_bytes());
}
