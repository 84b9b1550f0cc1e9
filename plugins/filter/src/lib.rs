//! The plugin `filter`: goes on with the records that a condition holds for. It must not change a record, and must not
//! keep one that it cannot judge unless the step says so.
//!
//! `settings` (what is written) → `condition` (the tree, over whole columns) → `operator` (one value) → `number`
//! (exact comparison).
#![forbid(unsafe_code)]

mod condition;
mod number;
mod operator;
mod settings;

use serde_json::{Map, Value};
use sluice_plugin::{Batch, Changes, Description, Effects, Field, Grants, Plugin, Problem, Rejected, register};

use condition::{Condition, Truth};

/// A step's condition.
#[derive(Debug)]
pub struct Filter {
    condition: Condition,
    /// Whether a record that cannot be judged, as a field is missing, is kept.
    keep_absent: bool,
}

impl Plugin for Filter {
    type Settings = Map<String, Value>;
    type Field = Map<String, Value>;

    fn describe() -> Description {
        Description::new("filter", env!("CARGO_PKG_VERSION"), "Keeps the records that a condition over their fields holds for.")
            .settings_schema(include_str!("settings.schema.json"))
            .field_settings_schema(include_str!("field.schema.json"))
            .effects(Effects::DROP)
    }

    fn new(settings: Self::Settings, fields: Vec<Field<Self::Field>>, _: Grants) -> Result<Self, Vec<Problem>> {
        settings::read(&settings, &fields)
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        for (row, truth) in (0..).zip(self.condition.judge(batch)) {
            let kept = truth == Truth::True || (truth == Truth::Unknown && self.keep_absent);
            if !kept {
                changes.drop_row(row);
            }
        }
        Ok(())
    }
}

register!(Filter);

#[cfg(test)]
mod tests {
    use sluice_plugin::testing::{CaseFailure, check_cases};

    use super::*;

    #[test]
    fn cases_hold() -> Result<(), CaseFailure> {
        check_cases::<Filter>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
    }

    #[test]
    fn the_schemas_are_json_and_know_every_operator() -> serde_json::Result<()> {
        let description = Filter::describe();
        let step: Value = serde_json::from_str(&description.settings_schema)?;
        let field: Value = serde_json::from_str(&description.field_settings_schema)?;
        for name in operator::NAMES {
            assert!(step["$defs"]["condition"]["properties"].get(name).is_some(), "{name}");
            assert!(field["properties"].get(name).is_some(), "{name}");
        }
        Ok(())
    }
}
