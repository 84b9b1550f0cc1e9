//! A stand-in for the host, so that plugins are tested natively, and cases as files. It must not be more lenient than
//! the host: what the host refuses fails a case. Not part of any component.
//!
//! One stand-in a thread: tests of one plugin do not see each other's counters.
mod batch;
mod case;
pub(crate) mod import;

pub use batch::{Scalar, batch, parse_scalars};
pub use case::{CaseFailure, check_case, check_cases};
pub use import::{add_key, add_row, add_table, at_offset, counters, log_lines, reset};

use crate::bindings::sluice::plugin::types::{FieldGrant, Grants as GrantsIn};
use crate::{Effects, Plugin, Problem, Sees, register};

/// Makes an instance as the host does: settings as JSON, fields as selector and settings, every effect granted that
/// the plugin declares.
///
/// # Errors
/// What is wrong with the settings.
pub fn init<P: Plugin>(settings: &str, fields: &[(&str, &str)]) -> Result<P, Vec<Problem>> {
    let description = P::describe();
    init_with(settings, fields, description.effects)
}

/// As [`init`], with only these effects granted.
///
/// # Errors
/// What is wrong with the settings.
pub fn init_with<P: Plugin>(settings: &str, fields: &[(&str, &str)], effects: Effects) -> Result<P, Vec<Problem>> {
    init_granted(settings, fields, P::describe().sees, effects)
}

/// As [`init_with`], with only these parts of a record granted.
///
/// # Errors
/// What is wrong with the settings.
pub fn init_granted<P: Plugin>(settings: &str, fields: &[(&str, &str)], sees: Sees, effects: Effects) -> Result<P, Vec<Problem>> {
    let fields =
        fields.iter().map(|&(selector, settings)| FieldGrant { selector: selector.to_owned(), settings: settings.to_owned() }).collect();
    let [pipeline, source, target] = ["test", "source", "target"].map(str::to_owned);
    register::make(settings, GrantsIn { fields, sees, effects, pipeline, source, target })
}
