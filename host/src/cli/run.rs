//! `sluice run`.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use clap::Args;

use super::{Exit, Failure, Files};
use crate::gateway::{Gateway, Options, Outcome};
use crate::lane::Stop;
use crate::{log, signals};

/// How long the end of a process may take: lanes have half of it, leaving a group and a question that a cluster does not
/// answer the rest. Whoever waits for the process would kill it sooner or later, without a word.
const END_WITHIN: Duration = Duration::from_secs(60);

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
/// drains them. Exit code 1 where a run met a halt instead of catching up, or a lane or the whole did not end in time.
pub fn run(args: RunArgs) -> Result<Exit, Failure> {
    log::init().map_err(Failure::new)?;
    let plan = super::load(&args.files)?;
    let stop = Arc::new(Stop::default());
    signals::on_terminate(stop.clone()).map_err(Failure::new)?;
    let options = Options { until_caught_up: args.until_caught_up, readmit: args.readmit, premade: false };
    let gateway = Gateway::start(plan, options, &stop)?;
    let outcome = gateway.wait(&stop);
    let drained = within(END_WITHIN, move || gateway.drain()).unwrap_or_else(|| {
        tracing::error!(seconds = END_WITHIN.as_secs(), "the process does not come to its end; what is open is left to the next owner");
        false
    });
    Ok(if outcome == Outcome::Done && drained { Exit::Done } else { Exit::Failed })
}

/// What `end` answers; none where it takes longer than `limit`, or panics. Its thread is left behind then: the process ends.
fn within<T: Send + 'static>(limit: Duration, end: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (answer, answered) = channel();
    let began = thread::Builder::new().name("end".into()).spawn(move || answer.send(end()));
    began.ok().and_then(|_| answered.recv_timeout(limit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_does_not_come_is_not_waited_for() {
        let (hold, held) = channel::<()>();
        assert_eq!(within(Duration::ZERO, move || held.recv().is_ok()), None);
        drop(hold);
        assert_eq!(within(END_WITHIN, || 7), Some(7));
    }
}
