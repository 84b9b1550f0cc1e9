//! Another operator on the names of members in text that holds JSON, on columns. It must not touch what the names stand
//! for, and must not let two members of one object have one name.
use sluice_plugin::{Column, Kind, Value};

use super::detect::new_text;
use super::{Operator, Place};
use crate::json_names::{Name, names, rename};
use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::Reader;

/// Objects in objects whose names are masked at most; more is no document that is meant.
const MOST_LEVELS: u64 = 128;

/// How deep, and what becomes of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonKeys {
    pub levels: usize,
    pub then: Operator,
}

impl JsonKeys {
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let levels = reader.integer("levels", 1, 1, MOST_LEVELS);
        // A name cannot go without its member, nor be null.
        let then = reader.nested("then", &["keep", "remove", "null", "detect", "json_keys"]);
        Some(Self { levels: levels?, then: then? })
    }

    pub fn answer(&self, place: Place<'_>, column: &Column) -> Result<Output, Rejection> {
        let (mut parts, mut found) = (Column::new(), Vec::with_capacity(column.len()));
        for (row, value) in column {
            let names = text_of(value).and_then(|text| names(text, self.levels));
            for name in names.iter().flatten() {
                parts.push(row, Value { kind: Kind::TEXT, bytes: name.text.as_bytes() });
            }
            found.push(names);
        }
        let (answers, rejected) = self.then.answer(place, &parts)?.into_parts();
        let mut output = Output::of(column);
        let mut next = 0;
        for ((row, value), names) in column.iter().zip(&found) {
            if value.is_null() {
                output.keep();
                continue;
            }
            let (Some(names), Some(text)) = (names, text_of(value)) else {
                output.reject(row, Rejection::NotJson);
                continue;
            };
            let numbers = next..next + names.len();
            next = numbers.end;
            if let Some((_, _, why)) = rejected.iter().find(|(number, _, _)| numbers.contains(number)) {
                output.reject(row, *why);
                continue;
            }
            let new: Vec<String> = numbers.map(|number| String::from_utf8_lossy(new_text(&answers, number)).into_owned()).collect();
            write(&mut output, row, value, text, names, &new);
        }
        Ok(output)
    }
}

fn write(output: &mut Output, row: u32, value: Value<'_>, text: &str, names: &[Name], new: &[String]) {
    let mut out = Vec::with_capacity(text.len());
    match rename(&mut out, text, names, new) {
        true => output.set(value.kind, &out),
        false => output.reject(row, Rejection::NamesCollide),
    }
}

fn text_of(value: Value<'_>) -> Option<&str> {
    let text = matches!(value.kind, Kind::TEXT | Kind::BYTES);
    if text { std::str::from_utf8(value.bytes).ok() } else { None }
}
