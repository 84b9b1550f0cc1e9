//! Another operator on what is found inside free text, on columns. It must not be anybody's only guard: what has no
//! form of its own is not found, and the rest of the text stays.
use std::ops::Range;

use sluice_plugin::{Answers, Column, Kind, Value, action};

use super::{Operator, Place};
use crate::output::Output;
use crate::rejection::Rejection;
use crate::scan::{FINDS, Find, scan};
use crate::settings::Reader;

/// What to find, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detect {
    pub find: Vec<Find>,
    pub then: Operator,
}

impl Detect {
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let find = if reader.has("find") { reader.some_of("find", &FINDS) } else { Some(FINDS.map(|(_, find)| find).to_vec()) };
        let then = reader.nested("then", &["keep", "detect", "json_keys"]);
        Some(Self { find: find?, then: then? })
    }

    pub fn answer(&self, place: Place<'_>, column: &Column) -> Result<Output, Rejection> {
        // What is found in all values becomes a column of its own: one answer to it, however many there are.
        let (mut parts, mut places, mut ends) = (Column::new(), Vec::new(), Vec::with_capacity(column.len()));
        for (row, value) in column {
            if let Some(text) = text_of(value) {
                let from = places.len();
                scan(text, &self.find, &mut places);
                for found in places.get(from..).unwrap_or_default() {
                    let bytes = value.bytes.get(found.clone()).unwrap_or_default();
                    parts.push(row, Value { kind: Kind::TEXT, bytes });
                }
            }
            ends.push(places.len());
        }
        let mut parts = Parts::of(self.then.answer(place, &parts)?, places);
        let mut output = Output::of(column);
        for ((row, value), end) in column.iter().zip(ends) {
            match value.kind {
                Kind::NULL | Kind::BOOLEAN => output.keep(),
                _ if text_of(value).is_none() && value.kind != Kind::BYTES => output.reject(row, Rejection::NotAScalar),
                _ if text_of(value).is_none() => output.clear(),
                _ => parts.put_back(&mut output, row, value, end),
            }
        }
        Ok(output)
    }
}

/// The text in which something can be found: that of numbers too, whose digits may be a card's.
fn text_of(value: Value<'_>) -> Option<&str> {
    let scalar = matches!(value.kind, Kind::TEXT | Kind::BYTES | Kind::INTEGER | Kind::DECIMAL);
    if scalar { std::str::from_utf8(value.bytes).ok() } else { None }
}

/// What became of the parts, in order.
struct Parts {
    answers: Answers,
    rejected: Vec<(usize, u32, Rejection)>,
    places: Vec<Range<usize>>,
    next: usize,
}

impl Parts {
    fn of(output: Output, places: Vec<Range<usize>>) -> Self {
        let (answers, rejected) = output.into_parts();
        Self { answers, rejected, places, next: 0 }
    }

    /// Answers with the value, its parts up to the one of number `end` replaced.
    fn put_back(&mut self, output: &mut Output, row: u32, value: Value<'_>, end: usize) {
        let numbers = self.next..end;
        self.next = end;
        if numbers.is_empty() {
            return output.keep();
        }
        if let Some((_, _, why)) = self.rejected.iter().find(|(number, _, _)| numbers.contains(number)) {
            return output.reject(row, *why);
        }
        let kind = if value.kind == Kind::BYTES { Kind::BYTES } else { Kind::TEXT };
        output.write(kind, |out| {
            let mut from = 0;
            for number in numbers {
                let Some(place) = self.places.get(number) else { continue };
                out.extend_from_slice(value.bytes.get(from..place.start).unwrap_or_default());
                out.extend_from_slice(new_text(&self.answers, number));
                from = place.end;
            }
            out.extend_from_slice(value.bytes.get(from..).unwrap_or_default());
        });
    }
}

/// The text that an answer gives; nothing where the value goes or becomes null, or where there is no answer.
pub fn new_text(answers: &Answers, number: usize) -> &[u8] {
    if !matches!(answers.actions.get(number), Some(&(action::SET | action::CLEAR))) {
        return &[];
    }
    let end_of = |number: usize| answers.ends.get(number).and_then(|&end| usize::try_from(end).ok());
    let start = number.checked_sub(1).and_then(end_of).unwrap_or(0);
    end_of(number).and_then(|end| answers.data.get(start..end)).unwrap_or_default()
}
