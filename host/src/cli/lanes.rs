//! `sluice lanes resize`.
#![allow(clippy::print_stdout, reason = "this is the command line")]

use clap::Args;

use super::{Exit, Failure, Files};
use crate::resize::{self, ResizeError};
use crate::standstill::MoveError;
use crate::{gateway, kafka, log};

#[derive(Args)]
pub struct ResizeArgs {
    #[command(flatten)]
    files: Files,
    /// The pipeline's name; its `lanes` in the file is the new number.
    #[arg(long)]
    pipeline: String,
}

pub fn resize(args: &ResizeArgs) -> Result<Exit, Failure> {
    log::init().map_err(Failure::new)?;
    let plan = super::load(&args.files)?;
    let pipeline = super::pipeline_of(&plan, &args.pipeline)?;
    let client = gateway::observer(&pipeline.target)?;
    kafka::reach(&pipeline.target, &client).map_err(|error| Failure { message: error.to_string(), exit: Exit::Unreachable })?;
    match resize::resize(pipeline, &gateway::owner()) {
        Ok(None) => println!("pipeline {} has {} lanes already", pipeline.name, pipeline.lanes),
        Ok(Some(done)) => println!(
            "pipeline {}: {} lanes became {}, {} positions moved; start it with this file",
            pipeline.name, done.from, done.to, done.positions
        ),
        Err(error) => {
            let exit = if matches!(error, ResizeError::Rekeying(_) | ResizeError::Move(MoveError::Running { .. } | MoveError::Lanes { .. }))
            {
                Exit::Unsafe
            } else {
                Exit::Failed
            };
            return Err(Failure { message: error.to_string(), exit });
        }
    }
    Ok(Exit::Done)
}
