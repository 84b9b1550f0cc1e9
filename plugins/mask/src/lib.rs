//! The plugin `mask`: one operator a field. It must not let a value through that it could not mask: what an operator
//! does not understand becomes less, or rejects its record.
//!
//! `settings` (what a field asks for) → `operator` (what becomes of a column, by families) → `output` (its answers) and
//! `rejection` (why there is none). The rest is pure and works on one value, without the SDK: letters (`keep`,
//! `pattern`, `initials`, `email`, `card`, `iban`, `phone`, `ip`), hashes (`token`, `integer`, `alphabet`, `words`),
//! numbers (`decimal`, `coarse`, `geo`, `noise`), dates (`calendar`, `date`, `date_part`, `date_shift`), and text that
//! holds more than one value (`scan`, `json_names`).
#![forbid(unsafe_code)]

mod alphabet;
mod calendar;
mod card;
mod coarse;
mod date;
mod date_part;
mod date_shift;
mod decimal;
mod email;
mod geo;
mod iban;
mod initials;
mod integer;
mod ip;
mod json_names;
mod keep;
mod noise;
mod operator;
mod output;
mod pattern;
mod phone;
mod rejection;
mod scan;
mod settings;
mod token;
mod words;

use operator::{OPERATORS, Operator, Place};
use rejection::REJECTIONS;
use serde_json::{Map, Value};
use sluice_plugin::{Batch, Changes, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected, host, register};

/// The operators of a step, one for each of its fields.
#[derive(Debug)]
pub struct Mask(Vec<Operator>);

impl Plugin for Mask {
    type Settings = NoSettings;
    type Field = Map<String, Value>;

    fn describe() -> Description {
        let counters = OPERATORS.map(|name| format!("masked:{name}"));
        Description::new(
            "mask",
            env!("CARGO_PKG_VERSION"),
            "Masks fields: redact, keep some letters, pseudonymise under a key, make numbers and dates coarser, find personal data in text.",
        )
        .field_settings_schema(include_str!("field.schema.json"))
        .effects(Effects::EDIT_FIELDS | Effects::REJECT)
        .counters(&counters.each_ref().map(String::as_str))
        .rejections(&REJECTIONS)
    }

    fn new(_: NoSettings, fields: Vec<Field<Self::Field>>, _: Grants) -> Result<Self, Vec<Problem>> {
        let selectors: Vec<&str> = fields.iter().map(|field| field.selector.as_str()).collect();
        let mut problems = Vec::new();
        let mut operators = Vec::with_capacity(fields.len());
        for (own, field) in fields.iter().enumerate() {
            match settings::read(&format!("/fields/{own}"), &field.settings, settings::Step { selectors: &selectors, own }) {
                Ok(operator) => operators.push(operator),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(Self(operators)) } else { Err(problems) }
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        for ((field, column), operator) in (0..).zip(&batch.fields).zip(&self.0) {
            let masked = operator.answer(Place { field, columns: &batch.fields }, column)?.finish(changes, field);
            if masked > 0 {
                host::count(operator.index(), masked);
            }
        }
        Ok(())
    }
}

register!(Mask);

#[cfg(test)]
mod tests;
