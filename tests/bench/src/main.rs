//! The bench's tool: fills topics, runs the floor, measures a process and writes the table.
//! It decides nothing about what is measured; `run` beside it does.

mod clients;
mod fields;
mod fill;
mod first;
mod floor;
mod measure;
mod record;
mod report;
mod swap;
mod topics;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The floor that Sluice's speed is measured against, and what the measurement needs")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copy a topic to another cluster with nothing but the client library, until the ends it had at the start.
    Floor(floor::Floor),
    /// Write deterministic records; a topic that holds as many already is left alone.
    Fill(fill::Fill),
    /// Make a topic anew, and delete topics by prefix.
    Reset(topics::Reset),
    /// Fail unless a topic holds that many records.
    Check(topics::Check),
    /// Run a command to its end and append CPU time, time and peak memory to a file.
    Measure(measure::Measure),
    /// Run `sluice` and print the milliseconds between "lanes assigned" and the first committed record.
    First(first::First),
    /// Print what selecting, patching and the crossing into plugins cost, as a Markdown table; needs no broker.
    Fields(fields::Fields),
    /// Run `sluice`, swap a component of it again and again, and print how long lanes committed nothing.
    Swap(swap::Swap),
    /// Print the medians of what `measure` wrote, as a Markdown table.
    Report {
        /// What `measure --out` wrote.
        file: PathBuf,
    },
}

/// A step of the bench failed. Nobody branches on why.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing}: {reason}")]
pub struct Failed {
    doing: String,
    reason: String,
}

impl Failed {
    pub fn new(doing: impl Into<String>, reason: impl ToString) -> Self {
        Self { doing: doing.into(), reason: reason.to_string() }
    }

    /// For `map_err`: what was being done, then the error.
    pub fn to<E: ToString>(doing: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::new(doing, error)
    }
}

/// Writes a line of results.
pub fn say(line: &str) -> Result<(), Failed> {
    writeln!(io::stdout(), "{line}").map_err(Failed::to("write the result"))
}

fn main() -> ExitCode {
    // As in the program: plugins are compiled in a process of their own.
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == sluice::plugin::CHILD_ARGUMENT) {
        return sluice::plugin::compile_child_main(&arguments[1..]);
    }
    let done = match Args::parse().command {
        Command::Floor(floor) => floor.run(),
        Command::Fill(fill) => fill.run(),
        Command::Reset(reset) => reset.run(),
        Command::Check(check) => check.run(),
        Command::Measure(measure) => measure.run(),
        Command::First(first) => first.run(),
        Command::Fields(fields) => fields.run(),
        Command::Swap(swap) => swap.run(),
        Command::Report { file } => report::print(&file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // With stderr closed only the exit code is left to tell.
        Err(failed) => writeln!(io::stderr(), "{failed}").map_or(ExitCode::from(2), |()| ExitCode::FAILURE),
    }
}
