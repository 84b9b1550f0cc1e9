//! The plugin `mask`: one operator a field. It must not let a value through that it could not mask: what an operator
//! does not understand becomes less, or rejects its record.
//!
//! `settings` (what a field asks for) → `operator` (what becomes of a column) → `keep`, `email`, `date`, `token` (what
//! becomes of one value; pure, without the SDK).
#![forbid(unsafe_code)]

mod date;
mod email;
mod keep;
mod operator;
mod settings;
mod token;

use operator::Operator;
use serde_json::{Map, Value};
use sluice_plugin::{Batch, Changes, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected, host, register};

/// Every operator, in the order of the counters.
const OPERATORS: [&str; 9] = ["redact", "remove", "null", "replace", "keep_first", "keep_last", "hmac", "email", "date_trunc"];

/// The rejection codes, in the order of their indexes.
const REJECTIONS: [&str; 3] = ["not_a_date", "not_a_scalar", "key_unavailable"];
/// `date_trunc` met a value that is neither RFC 3339 text nor epoch milliseconds.
const NOT_A_DATE: u32 = 0;
/// A value of a kind that no operator that depends on values understands.
const NOT_A_SCALAR: u32 = 1;
/// The host does not hand out hashes under the key, though it did when the step began.
const KEY_UNAVAILABLE: u32 = 2;

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
            "Masks fields: redact, replace, keep some letters, keyed tokens, coarser dates.",
        )
        .field_settings_schema(include_str!("field.schema.json"))
        .effects(Effects::EDIT_FIELDS | Effects::REJECT)
        .counters(&counters.each_ref().map(String::as_str))
        .rejections(&REJECTIONS)
    }

    fn new(_: NoSettings, fields: Vec<Field<Self::Field>>, _: Grants) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut operators = Vec::with_capacity(fields.len());
        for (n, field) in fields.iter().enumerate() {
            match settings::read(&format!("/fields/{n}"), &field.settings) {
                Ok(operator) => operators.push(operator),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(Self(operators)) } else { Err(problems) }
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        for ((n, column), operator) in (0..).zip(&batch.fields).zip(&self.0) {
            let (answers, masked) = operator.answer(column)?;
            changes.answer(n, answers);
            if masked > 0 {
                host::count(operator.index(), masked);
            }
        }
        Ok(())
    }
}

register!(Mask);

#[cfg(test)]
mod tests {
    use sluice_plugin::testing::{CaseFailure, check_cases};

    use super::*;

    #[test]
    fn cases_hold() -> Result<(), CaseFailure> {
        check_cases::<Mask>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
    }

    #[test]
    fn the_schema_is_json() -> serde_json::Result<()> {
        let schema: Value = serde_json::from_str(&Mask::describe().field_settings_schema)?;
        let listed: Vec<_> =
            schema["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["properties"]["use"]["const"].as_str()).collect();
        assert_eq!(listed, OPERATORS, "each operator has its settings in the schema");
        Ok(())
    }
}
