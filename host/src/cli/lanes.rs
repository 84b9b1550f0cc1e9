//! `sluice lanes resize`.

use clap::Args;
use serde::Serialize;

use super::output::{self, Format};
use super::{Exit, Failure, Files};
use crate::resize::{self, ResizeError};
use crate::say::say;
use crate::standstill::MoveError;
use crate::{gateway, kafka, log};

/// Arguments of `sluice lanes resize`.
#[derive(Args)]
pub struct ResizeArgs {
    #[command(flatten)]
    files: Files,
    /// The pipeline's name; its `lanes` in the file is the new number.
    #[arg(long)]
    pipeline: String,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What a resize did; `from` and `to` are equal where nothing was to be done.
#[derive(Serialize)]
struct Resized<'a> {
    pipeline: &'a str,
    from: u32,
    to: u32,
    positions: usize,
}

/// Gives a stopped pipeline its number of lanes; one that has it already is left as it is. One that a process still
/// runs, whose lanes are not all to be seen, or whose rekey was broken off is refused: exit code 5.
pub fn resize(args: &ResizeArgs) -> Result<Exit, Failure> {
    log::init().map_err(Failure::new)?;
    let plan = super::load(&args.files)?;
    let pipeline = super::pipeline_of(&plan, &args.pipeline)?;
    let client = gateway::observer(&pipeline.target)?;
    kafka::reach(&pipeline.target, &client).map_err(|error| Failure { message: error.to_string(), exit: Exit::Unreachable })?;
    let resized = match resize::resize(pipeline, &gateway::owner()) {
        Ok(None) => Resized { pipeline: &pipeline.name, from: pipeline.lanes, to: pipeline.lanes, positions: 0 },
        Ok(Some(done)) => Resized { pipeline: &pipeline.name, from: done.from, to: done.to, positions: done.positions },
        Err(error) => {
            let exit = if matches!(error, ResizeError::Rekeying(_) | ResizeError::Move(MoveError::Running { .. } | MoveError::Lanes { .. }))
            {
                Exit::Unsafe
            } else {
                Exit::Failed
            };
            return Err(Failure { message: error.to_string(), exit });
        }
    };
    say!("{}", shown(&resized, args.output)?);
    Ok(Exit::Done)
}

fn shown(resized: &Resized<'_>, format: Format) -> Result<String, Failure> {
    let Resized { pipeline, from, to, positions } = resized;
    match format {
        Format::Table if from == to => Ok(format!("pipeline {pipeline} has {to} lanes already")),
        Format::Table => Ok(format!("pipeline {pipeline}: {from} lanes became {to}, {positions} positions moved; start it with this file")),
        format => output::plain(resized, format).map_err(super::failed),
    }
}
