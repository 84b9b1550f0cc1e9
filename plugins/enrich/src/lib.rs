//! The plugin `enrich`: adds to records what is known from elsewhere, and gives their documents another shape. It must
//! not change a byte that no setting names, and must not guess: what it cannot do as written rejects the record.
//!
//! `settings` (what is written) → `record` (a record on its way) → `source` (where values come from: `expression`,
//! tables, the record itself), `shape` (cast, drop, flatten, rename) with `cast` for one value.
#![forbid(unsafe_code)]

mod cast;
mod expression;
mod record;
mod settings;
mod shape;
mod source;

use serde_json::{Map, Value};
use sluice_plugin::{Batch, Changes, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected, Sees, register};

use record::Names;
use shape::Shape;
use source::Set;

/// The rejection codes, in the order of [`Fault`].
const REJECTIONS: [&str; 18] = [
    "not_json",
    "source_missing",
    "table_miss",
    "table_unavailable",
    "not_a_scalar",
    "not_text",
    "not_a_container",
    "no_such_element",
    "duplicate_name",
    "name_taken",
    "cast_failed",
    "cel_type",
    "cel_range",
    "cel_no_such_key",
    "cel_conversion",
    "cel_budget",
    "cel_result",
    "too_large",
];

/// Why a record cannot be enriched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The value is no JSON document.
    NotJson,
    /// What a value is to come from is not there.
    SourceMissing,
    /// The table has no such row, or the row no such member.
    TableMiss,
    /// The host has no such table, though it had when the step began.
    TableUnavailable,
    /// A table is asked by an object or array.
    NotAScalar,
    /// A key that is not UTF-8, or a string with half a surrogate pair.
    NotText,
    /// A path leads through what is neither object nor array, or something else than an object is to be flattened.
    NotAContainer,
    /// An array ends before the index.
    NoSuchElement,
    /// A name on a path is there twice.
    DuplicateName,
    /// There is a member of the new name already.
    NameTaken,
    /// A value does not become what it is cast to without loss.
    CastFailed,
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
    /// The expression comes to something that JSON does not have.
    CelResult,
    /// The record became larger than the contract can say.
    TooLarge,
}

/// What a step does to its records.
#[derive(Debug)]
pub struct Enrich {
    set: Vec<Set>,
    shape: Shape,
    /// Names of headers that go.
    drop_headers: Vec<Vec<u8>>,
    names: Names,
    /// Whether any setting reads or writes the document.
    needs_value: bool,
    /// Whether any setting writes headers.
    needs_headers: bool,
}

impl Plugin for Enrich {
    type Settings = Map<String, Value>;
    type Field = NoSettings;

    fn describe() -> Description {
        Description::new("enrich", env!("CARGO_PKG_VERSION"), "Adds to records what is known from elsewhere, and gives them another shape.")
            .settings_schema(include_str!("settings.schema.json"))
            .sees(Sees::KEY | Sees::VALUE | Sees::HEADERS | Sees::TIMESTAMP | Sees::OFFSET)
            .effects(Effects::EDIT_VALUE | Effects::EDIT_HEADERS | Effects::REJECT)
            .rejections(&REJECTIONS)
    }

    fn new(settings: Self::Settings, fields: Vec<Field<NoSettings>>, grants: Grants) -> Result<Self, Vec<Problem>> {
        settings::read(&settings, fields.len(), grants)
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        let mut records = record::of(batch, self.needs_value, self.needs_headers);
        for set in &self.set {
            set.apply(batch, &self.names, &mut records).map_err(|fault| Rejected(fault as u32))?;
        }
        for record in records.iter_mut().filter(|record| record.fault.is_none()) {
            if let Some(document) = &mut record.document {
                record.fault = self.shape.apply(document).err();
            }
            self.drop_headers.iter().for_each(|name| record.drop_header(name));
        }
        record::answer(records, changes)
    }
}

register!(Enrich);

impl From<sluice_json::EditError> for Fault {
    fn from(error: sluice_json::EditError) -> Self {
        match error {
            sluice_json::EditError::Duplicate => Self::DuplicateName,
            sluice_json::EditError::NotAContainer => Self::NotAContainer,
            sluice_json::EditError::NoSuchElement => Self::NoSuchElement,
            sluice_json::EditError::NameTaken => Self::NameTaken,
        }
    }
}

impl From<sluice_json::Duplicate> for Fault {
    fn from(_: sluice_json::Duplicate) -> Self {
        Self::DuplicateName
    }
}

#[cfg(test)]
mod tests {
    use sluice_plugin::testing::{CaseFailure, check_cases};

    use super::*;

    #[test]
    fn cases_hold() -> Result<(), CaseFailure> {
        check_cases::<Enrich>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
    }

    #[test]
    fn every_fault_has_its_code() {
        assert_eq!(REJECTIONS[Fault::NotJson as usize], "not_json");
        assert_eq!(REJECTIONS[Fault::CastFailed as usize], "cast_failed");
        assert_eq!(REJECTIONS.get(Fault::TooLarge as usize), REJECTIONS.last());
    }

    #[test]
    fn the_schema_is_json_and_knows_every_setting() -> serde_json::Result<()> {
        let schema: Value = serde_json::from_str(&Enrich::describe().settings_schema)?;
        for name in settings::KEYS {
            assert!(schema["properties"].get(name).is_some(), "{name}");
        }
        Ok(())
    }
}
