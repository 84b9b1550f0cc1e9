//! A plugin on trial: a fresh instance takes the last records that passed the step, and its answers are thrown away.
//! It must not decide what follows from a failure.

use std::time::{Duration, Instant};

use super::plan::StepPlan;
use crate::plugin::{Action, Batch, Changes};

/// How long one trial may take. Stops a plugin that stays just below its limit on every batch.
const WITHIN: Duration = Duration::from_secs(10);

/// A plugin failed where the one that runs did not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tried on {tried} records that passed before, {why}")]
pub struct TrialFailed {
    /// Records that it was shown before, and with, the failure.
    pub tried: u64,
    /// What it did, in words without data.
    pub why: String,
}

impl StepPlan {
    /// Shows `batches` to a new instance; says how many records it took.
    pub fn try_on(&self, batches: &[Batch]) -> Result<u64, TrialFailed> {
        let began = Instant::now();
        let failed = |tried, why: String| Err(TrialFailed { tried, why });
        let mut instance = match self.instantiate(&self.windows()) {
            Ok(instance) => instance,
            Err(error) => return failed(0, error.reason),
        };
        let mut tried = 0;
        for batch in batches {
            tried += u64::from(batch.count);
            match instance.transform(batch) {
                Err(error) => return failed(tried, error.to_string()),
                Ok(changes) if rejects(&changes) => return failed(tried, "it rejected one".to_owned()),
                Ok(_) if began.elapsed() > WITHIN => return failed(tried, format!("it took longer than {} s", WITHIN.as_secs())),
                Ok(_) => {}
            }
        }
        Ok(tried)
    }
}

/// Whether an answer puts a record aside.
pub(super) fn rejects(changes: &Changes) -> bool {
    let whole = changes.keys.iter().chain(changes.values.iter());
    let mut answers = changes.fields.iter().map(|field| &field.answers).chain(whole);
    !changes.rejected.is_empty() || answers.any(|answers| answers.actions.contains(&(Action::Reject as u8)))
}
