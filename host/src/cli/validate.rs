//! `sluice validate`: whether these files are what `run` would run, and all that is wrong with them. It asks no cluster.

use clap::Args;
use serde::Serialize;

use super::output::{Format, show};
use super::{Exit, Failure, Files, check_selector, refused};
use crate::config::{self, Location};
use crate::gateway::{self, RunError};
use crate::plugin::LogMode;
use crate::say::say;

/// Arguments of `sluice validate`.
#[derive(Args)]
pub struct ValidateArgs {
    #[command(flatten)]
    files: Files,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// A configuration that holds.
#[derive(Serialize)]
struct Valid {
    valid: bool,
    pipelines: usize,
    steps: usize,
}

/// One that does not, for programs; people read the same on stderr.
#[derive(Serialize)]
struct Invalid {
    valid: bool,
    problems: Vec<Problem>,
}

/// One thing that is wrong; without a place where it is that of no line.
#[derive(Serialize)]
struct Problem {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    message: String,
}

impl Problem {
    fn at(at: &Location, message: &str) -> Self {
        let placed = at.line > 0;
        Self {
            file: Some(at.file.to_string()),
            line: placed.then_some(at.line),
            column: placed.then_some(at.column),
            message: message.to_owned(),
        }
    }
}

/// Says how many pipelines and steps there are, or all that is wrong: exit code 3, or 5 where it is only unsafe.
pub fn validate(args: &ValidateArgs) -> Result<Exit, Failure> {
    let (problems, failure) = match check(args) {
        Ok(found) => {
            show(&found, args.output, || say!("valid: {} pipeline(s), {} step(s)", found.pipelines, found.steps))?;
            return Ok(Exit::Done);
        }
        Err(wrong) => wrong,
    };
    // People read it on stderr.
    show(&Invalid { valid: false, problems }, args.output, || ())?;
    Err(failure)
}

fn check(args: &ValidateArgs) -> Result<Valid, (Vec<Problem>, Failure)> {
    let plan = config::validate(&args.files.files, &check_selector).map_err(|errors| {
        let problems = errors.errors().iter().map(|error| Problem::at(&error.at, &error.message)).collect();
        (problems, refused(&errors))
    })?;
    gateway::prepare(&plan, LogMode::Count).map_err(|error| {
        let problems = match &error {
            RunError::Steps(steps) => Some(steps.iter().map(|step| Problem::at(&step.at, &step.message)).collect()),
            RunError::Conflict(conflict) => Some(vec![Problem::at(&conflict.at, &conflict.message)]),
            _ => None,
        };
        let failure = Failure::from(error);
        let whole = || vec![Problem { file: None, line: None, column: None, message: failure.message.clone() }];
        (problems.unwrap_or_else(whole), failure)
    })?;
    let steps = plan.pipelines.iter().map(|pipeline| pipeline.steps.len()).sum();
    Ok(Valid { valid: true, pipelines: plan.pipelines.len(), steps })
}
