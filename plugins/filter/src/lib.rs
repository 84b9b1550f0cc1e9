//! The plugin `filter`: goes on with the records that a condition holds for. It must not change a record but to make a
//! deletion of it where the step says so, and must not keep one that it cannot judge unless the step says so.
//!
//! `settings` (what is written) → `condition` (the tree, over whole columns) → `operator`, `pattern` (one value),
//! `expression` (CEL), `sample` (a share) → `number` (exact comparison), `identity` (what a record is told apart by).
#![forbid(unsafe_code)]

mod condition;
mod expression;
mod identity;
mod number;
mod operator;
mod pattern;
mod sample;
mod settings;

use serde_json::{Map, Value};
use sluice_plugin::{Answers, Batch, Changes, Column, Description, Effects, Field, Grants, Kind, Plugin, Problem, Rejected, Sees, action};
use sluice_plugin::{host, register};

use condition::{Condition, Truth};
use identity::Part;

/// The rejection codes, in the order of [`Fault`].
const REJECTIONS: [&str; 8] =
    ["cel_type", "cel_range", "cel_no_such_key", "cel_conversion", "cel_budget", "cel_not_boolean", "not_a_scalar", "window_unavailable"];

/// Why a record cannot be judged, other than that a field is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An operator or function of an expression met a type that it does not work on.
    CelType,
    /// An integer beyond 64 bits, a division by zero, a time beyond the years 1 to 9999.
    CelRange,
    /// An index or a key that is not there.
    CelNoSuchKey,
    /// Text that does not read as what the expression makes of it.
    CelConversion,
    /// The expression takes too many steps for this record.
    CelBudget,
    /// The expression comes to something that is neither true nor false.
    CelNotBoolean,
    /// `by` met an object, or several values.
    NotAScalar,
    /// The host keeps no window, though it did when the step began.
    WindowUnavailable,
}

/// The name of the one window.
const WINDOW: &str = "first";

/// A step's condition, and what becomes of the records that it does not hold for.
#[derive(Debug)]
pub struct Filter {
    condition: Condition,
    /// Of the records that the condition holds for, only the first one with each identity goes on.
    first: Option<First>,
    /// Whether a record that cannot be judged, as a field is missing, is kept.
    keep_absent: bool,
    /// Whether a record that is not kept becomes a deletion of its key.
    tombstone_on_drop: bool,
}

/// What `first` looks at.
#[derive(Debug)]
struct First {
    by: Vec<Part>,
    /// How many identities are remembered.
    window: u32,
}

impl Plugin for Filter {
    type Settings = Map<String, Value>;
    type Field = Map<String, Value>;

    fn describe() -> Description {
        Description::new("filter", env!("CARGO_PKG_VERSION"), "Keeps the records that a condition over their fields holds for.")
            .settings_schema(include_str!("settings.schema.json"))
            .field_settings_schema(include_str!("field.schema.json"))
            .sees(Sees::KEY | Sees::HEADERS | Sees::TIMESTAMP | Sees::SIZES)
            .effects(Effects::DROP | Effects::EDIT_VALUE | Effects::REJECT)
            .rejections(&REJECTIONS)
    }

    fn new(settings: Self::Settings, fields: Vec<Field<Self::Field>>, grants: Grants) -> Result<Self, Vec<Problem>> {
        settings::read(&settings, &fields, grants.sees)
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        let mut truths = self.condition.judge(batch);
        if self.keep_absent {
            truths.iter_mut().filter(|truth| **truth == Truth::Unknown).for_each(|truth| *truth = Truth::True);
        }
        if let Some(first) = &self.first {
            first.narrow(batch, self.keep_absent, &mut truths)?;
        }
        let mut deleted = Vec::new();
        for (row, truth) in (0..).zip(&truths) {
            match truth {
                Truth::True => {}
                Truth::Failed(fault) => changes.reject(row, *fault as u32),
                // A record without a key deletes nothing.
                Truth::False | Truth::Unknown if self.tombstone_on_drop && has_key(batch, row) => deleted.push(row),
                Truth::False | Truth::Unknown => changes.drop_row(row),
            }
        }
        if !deleted.is_empty() {
            changes.values = Some(without_values(batch.count, &deleted));
        }
        Ok(())
    }
}

impl First {
    /// Of the records that are kept, those whose identity was seen before are not.
    fn narrow(&self, batch: &Batch, keep_absent: bool, truths: &mut [Truth]) -> Result<(), Rejected> {
        let mut column = Column::new();
        for ((row, truth), identity) in (0..).zip(&mut *truths).zip(identity::joined(&self.by, batch)) {
            match identity {
                _ if *truth != Truth::True => {}
                Ok(bytes) => column.push(row, sluice_plugin::Value { kind: Kind::BYTES, bytes: &bytes }),
                Err(Truth::Unknown) if keep_absent => {}
                Err(other) => *truth = other,
            }
        }
        let seen = host::seen(WINDOW, self.window, &column).map_err(|_| Rejected(Fault::WindowUnavailable as u32))?;
        if seen.len() != column.rows.len() {
            return Err(Rejected(Fault::WindowUnavailable as u32));
        }
        for (row, _) in column.rows.iter().zip(seen).filter(|(_, seen)| *seen) {
            truths[*row as usize] = Truth::False;
        }
        Ok(())
    }
}

fn has_key(batch: &Batch, row: u32) -> bool {
    batch.key_sizes.get(row as usize).is_some_and(|size| *size >= 0)
}

/// Answers that take the values of these rows, ascending, away.
fn without_values(count: u32, rows: &[u32]) -> Answers {
    let count = count as usize;
    let mut actions = vec![action::KEEP; count];
    for row in rows {
        actions[*row as usize] = action::REMOVE;
    }
    Answers { actions, kinds: vec![Kind::NULL.0; count], ends: vec![0; count], data: Vec::new() }
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
    fn every_fault_has_its_code() {
        assert_eq!(REJECTIONS[Fault::CelType as usize], "cel_type");
        assert_eq!(REJECTIONS[Fault::CelNotBoolean as usize], "cel_not_boolean");
        assert_eq!(REJECTIONS.get(Fault::WindowUnavailable as usize), REJECTIONS.last());
        assert_eq!(size_of::<Truth>(), 1, "a truth is a byte: columns of them are filled and read at memory speed");
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
        for name in settings::LEAVES {
            assert!(step["$defs"]["condition"]["properties"].get(name).is_some(), "{name}");
        }
        Ok(())
    }
}
