//! How a step's plugin sees whole values: from file to plan. It looks at no record.

use super::super::error::Report;
use super::super::file::{SeesFile, StepFile, ViewFile};
use super::super::place::At;
use super::{Format, Formats, TopicRule};

/// How a plugin sees whole values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// As they stand in the record.
    Bytes,
    /// As JSON text.
    Json,
}

/// What the step says; it has to see values for that.
pub(super) fn view(file: &StepFile, report: &mut Report) -> View {
    if file.view.value == ViewFile::Bytes {
        return View::Bytes;
    }
    if !file.sees.iter().any(|sees| sees.value == SeesFile::Value) {
        report.invalid(file.view.spot, "view: json is how a plugin sees the value; write sees: [value], or remove view");
    }
    View::Json
}

/// Refuses views of topics whose values are one scalar: there is nothing to show as JSON.
pub(super) fn refuse_scalars(steps: &[At<StepFile>], formats: Formats, rules: &[TopicRule], report: &mut Report) {
    let said = std::iter::once(formats).chain(rules.iter().map(|rule| rule.formats));
    let Some(scalar) = said.map(|formats| formats.value).find(|format| matches!(format, Format::Text | Format::Bytes)) else { return };
    for step in steps.iter().filter(|step| step.value.view.value == ViewFile::Json) {
        let message = format!(
            "view: json shows documents, and topics of this pipeline have format: {scalar}, which has none; remove view, or \
             give these topics a pipeline of their own"
        );
        report.invalid(step.value.view.spot, message);
    }
}
