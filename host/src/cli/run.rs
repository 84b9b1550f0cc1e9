//! `sluice run`.

use std::sync::Arc;

use clap::Args;

use super::{Exit, Failure, Files};
use crate::gateway::{Gateway, Options, Outcome};
use crate::lane::Stop;
use crate::{log, signals};

/// Arguments of `sluice run`.
#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    files: Files,
    /// End once every partition has reached the last stable offset it had when the run began.
    #[arg(long)]
    until_caught_up: bool,
    /// Go back to a configuration that was replaced by a newer one; without this such a process declines its lanes.
    #[arg(long)]
    readmit: bool,
}

/// Runs the pipelines until the first SIGTERM or SIGINT, or until they have caught up where that was asked for, and
/// drains them. Exit code 1 where a run met a halt instead of catching up, or a lane did not end in time.
pub fn run(args: RunArgs) -> Result<Exit, Failure> {
    log::init().map_err(Failure::new)?;
    let plan = super::load(&args.files)?;
    let stop = Arc::new(Stop::default());
    signals::on_terminate(stop.clone()).map_err(Failure::new)?;
    let options = Options { until_caught_up: args.until_caught_up, readmit: args.readmit, premade: false };
    let gateway = Gateway::start(plan, options)?;
    let outcome = gateway.wait(&stop);
    let drained = gateway.drain();
    Ok(if outcome == Outcome::Done && drained { Exit::Done } else { Exit::Failed })
}
