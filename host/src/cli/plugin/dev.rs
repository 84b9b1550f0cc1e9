//! `sluice plugin dev`: builds at every save and shows what becomes of records. It writes nowhere but to stdout and the
//! plugin's build directory; a live topic is only read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::build::shown;
use crate::chain::Sample;
use crate::cli::output::Format;
use crate::cli::{Exit, Failure, chain};
use crate::config::plan::Cluster;
use crate::lane::Stop;
use crate::plugin::Plugins;
use crate::say::{say, tell};
use crate::toolkit::fixture::{self, Fixture};
use crate::toolkit::judge;
use crate::toolkit::stage::Stage;
use crate::toolkit::tail::Tail;
use crate::toolkit::trial::{Script, Trial};
use crate::toolkit::{self, watch, watch::Look};
use crate::{log, signals};

/// Timestamp of a sample's records: 2026-01-01T00:00:00Z.
const TIMESTAMP: i64 = 1_767_225_600_000;

/// Arguments of `sluice plugin dev`.
#[derive(Args)]
pub struct DevArgs {
    /// The plugin's folder.
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Records to show: one value a line.
    #[arg(long, value_name = "FILE", required_unless_present = "topic", conflicts_with = "topic")]
    sample: Option<PathBuf>,
    /// Records to show: the newest ones of this topic, and those that come. They are shown as they come out; --before
    /// shows them as they are too.
    #[arg(long, value_name = "TOPIC", requires_all = ["files", "cluster"])]
    topic: Option<String>,
    /// Configuration that the cluster is in; may be repeated.
    #[arg(short = 'f', long = "file", value_name = "FILE", id = "files")]
    files: Vec<PathBuf>,
    /// The cluster of the topic.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,
    /// Show the records of a live topic as they are, too.
    #[arg(long)]
    before: bool,
    /// The fixture whose configuration, keys and limits are used. Default: the first of DIR/tests that has records.
    #[arg(long, value_name = "FILE")]
    fixture: Option<PathBuf>,
    /// Records that are kept to be shown again after a build, 1 to 1000.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// Build and show once, then end.
    #[arg(long)]
    once: bool,
}

/// Where records come from.
enum Feed {
    Sample(PathBuf),
    Topic(Box<Tail>),
}

/// Builds and shows records at every save until it is stopped. With `--once` it does so once, and what failed is exit
/// code 1.
pub fn dev(args: &DevArgs) -> Result<Exit, Failure> {
    log::init_for_authors().map_err(Failure::new)?;
    let stop = Arc::new(Stop::default());
    signals::on_terminate(stop.clone()).map_err(Failure::new)?;
    let host = toolkit::host().map_err(|error| Failure::new(chain(&error)))?;
    let mut feed = feed(args)?;
    loop {
        let look = look(&args.dir)?;
        let trial = attempt(args, &host)?;
        let mut failed = trial.is_none();
        if let Some((trial, fixture, _stage)) = &trial {
            failed = show(trial, fixture, &feed.again(args)?, args.before || args.sample.is_some());
        }
        if args.once {
            return Ok(if failed { Exit::Failed } else { Exit::Done });
        }
        while look == self::look(&args.dir)? {
            if stop.requested() {
                return Ok(Exit::Done);
            }
            let new = feed.wait(watch::LOOK)?;
            if let Some((trial, fixture, _stage)) = &trial {
                show(trial, fixture, &new, args.before);
            }
        }
    }
}

fn look(dir: &Path) -> Result<Look, Failure> {
    Look::at(dir).map_err(|error| Failure::new(format!("cannot read {}: {error}", dir.display())))
}

/// Builds and prepares; what is wrong is said, and the next save tries again.
fn attempt(args: &DevArgs, host: &Plugins) -> Result<Option<(Trial, Fixture, Stage)>, Failure> {
    let built = match toolkit::build::build(host, &args.dir, None) {
        Ok(built) => built,
        Err(error) => {
            tell!("{}", chain(&error));
            return Ok(None);
        }
    };
    say!("{}", shown(&built, Format::Table)?);
    let fixture = fixture_of(args)?;
    let stage = Stage::with(&built.path).map_err(|error| Failure::new(chain(&error)))?;
    let script = Script::of(&fixture, Some(&built.plugin.description().name));
    match Trial::prepare(&script, Some(stage.dir())) {
        Ok(trial) => Ok(Some((trial, fixture, stage))),
        Err(error) => {
            tell!("{}: {}", fixture.path.display(), chain(&error));
            Ok(None)
        }
    }
}

fn fixture_of(args: &DevArgs) -> Result<Fixture, Failure> {
    let invalid = |error: &dyn std::error::Error| Failure { message: chain(error), exit: Exit::Config };
    if let Some(path) = &args.fixture {
        return Fixture::read(path).map_err(|error| invalid(&error));
    }
    let tests = args.dir.join("tests");
    for path in fixture::find(std::slice::from_ref(&tests)).map_err(|error| invalid(&error))? {
        let fixture = Fixture::read(&path).map_err(|error| invalid(&error))?;
        if !fixture.cases.is_empty() {
            return Ok(fixture);
        }
    }
    Err(Failure::new(format!("no fixture of {} has records; its configuration would be used: name one with --fixture", tests.display())))
}

fn feed(args: &DevArgs) -> Result<Feed, Failure> {
    let (Some(topic), Some(name)) = (&args.topic, &args.cluster) else {
        return Ok(Feed::Sample(args.sample.clone().unwrap_or_default()));
    };
    let plan = crate::cli::load(&crate::cli::Files { files: args.files.clone() })?;
    let cluster: &Arc<Cluster> = plan.clusters.get(name).ok_or_else(|| {
        let known: Vec<&str> = plan.clusters.keys().map(String::as_str).collect();
        Failure { message: format!("no cluster is named {name:?}; there are: {}", known.join(", ")), exit: Exit::Config }
    })?;
    let client = crate::gateway::observer(cluster)?;
    crate::kafka::reach(cluster, &client).map_err(|error| Failure { message: error.to_string(), exit: Exit::Unreachable })?;
    let tail = Tail::open(cluster, topic, usize::from(args.count)).map_err(|error| Failure::new(chain(&error)))?;
    Ok(Feed::Topic(Box::new(tail)))
}

impl Feed {
    /// The records to show after a build.
    fn again(&mut self, args: &DevArgs) -> Result<Vec<Sample>, Failure> {
        match self {
            Feed::Sample(file) => {
                let text =
                    std::fs::read_to_string(&file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
                let lines = text.lines().filter(|line| !line.trim().is_empty()).take(usize::from(args.count));
                let sample = |(offset, line): (i64, &str)| Sample {
                    offset,
                    timestamp: TIMESTAMP,
                    value: Some(line.as_bytes().to_vec()),
                    ..Sample::default()
                };
                Ok((0..).zip(lines).map(sample).collect())
            }
            Feed::Topic(tail) => {
                if tail.recent.is_empty() {
                    tail.next(Duration::from_secs(2)).map_err(|error| Failure::new(chain(&error)))?;
                }
                Ok(tail.recent.iter().cloned().collect())
            }
        }
    }

    /// Records that come meanwhile.
    fn wait(&mut self, wait: Duration) -> Result<Vec<Sample>, Failure> {
        match self {
            Feed::Sample(_) => {
                std::thread::sleep(wait);
                Ok(Vec::new())
            }
            Feed::Topic(tail) => tail.next(wait).map_err(|error| Failure::new(chain(&error))),
        }
    }
}

/// Shows each record, and whether any could not be run.
fn show(trial: &Trial, fixture: &Fixture, samples: &[Sample], before: bool) -> bool {
    if samples.is_empty() {
        return false;
    }
    let run = match trial.run(&fixture.topic, fixture.partition, samples, samples.len()) {
        Ok(run) => run,
        Err(error) => {
            tell!("{}", chain(&error));
            return true;
        }
    };
    for (sample, outcome) in samples.iter().zip(&run.outcomes) {
        if before {
            say!("{:>6} - {}", sample.offset, judge::bytes(sample.value.as_deref()));
            say!("       + {}", judge::tell(outcome));
        } else {
            say!("{:>6} + {}", sample.offset, judge::tell(outcome));
        }
    }
    false
}
