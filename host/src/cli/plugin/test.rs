//! `sluice plugin test`: fixtures against a component, through the chain of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::output::{Format, plain};
use crate::cli::{Exit, Failure, chain};
use crate::log;
use crate::plugin::{Plugin, embedded};
use crate::say::{say, tell};
use crate::toolkit;
use crate::toolkit::fixture::{self, Fixture};
use crate::toolkit::judge::{self, Difference};
use crate::toolkit::language::Language;
use crate::toolkit::timing::{self, Timing};
use crate::toolkit::trial::{BATCHES, Run, Script, Trial, TrialError};
use crate::toolkit::{build::BUILD_DIR, stage::Stage, update, watch::Look};

/// Arguments of `sluice plugin test`.
#[derive(Args)]
pub struct TestArgs {
    /// A plugin's folder that was built, a component, or the name of an embedded plugin.
    #[arg(value_name = "DIR | FILE.wasm | NAME", default_value = ".")]
    target: PathBuf,
    /// A fixture, or a folder of them; may be repeated. Default: tests/ in the folder.
    #[arg(long = "fixtures", value_name = "PATH")]
    fixtures: Vec<PathBuf>,
    /// Write what the records become into the fixtures as what is expected.
    #[arg(long)]
    update: bool,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What came of one fixture.
#[derive(Serialize)]
struct Verdict {
    fixture: String,
    about: String,
    passed: bool,
    records: usize,
    /// Nanoseconds of processor time for a fresh instance, and per record.
    start_ns: Option<u128>,
    p50_ns: Option<u128>,
    p99_ns: Option<u128>,
    differences: Vec<String>,
}

/// What is tested, and where its fixtures are.
struct Target {
    name: String,
    /// None: embedded.
    plugin: Option<(Arc<Plugin>, PathBuf)>,
    fixtures: PathBuf,
}

/// Runs every fixture and prints its verdict; one that fails, or no fixture at all, is exit code 1.
pub fn test(args: &TestArgs) -> Result<Exit, Failure> {
    log::init_for_authors().map_err(Failure::new)?;
    let target = target(&args.target)?;
    if target.plugin.is_none() && args.fixtures.is_empty() {
        return Err(Failure::new("an embedded plugin brings no fixtures along; say where yours are by --fixtures"));
    }
    let places = if args.fixtures.is_empty() { vec![target.fixtures.clone()] } else { args.fixtures.clone() };
    let stage = target.plugin.as_ref().map(|(_, file)| Stage::with(file)).transpose().map_err(|error| Failure::new(chain(&error)))?;
    let files = fixture::find(&places).map_err(|error| Failure::new(chain(&error)))?;
    if files.is_empty() {
        return Err(Failure::new(format!("there is no fixture in {}", places[0].display())));
    }
    let mut verdicts = Vec::new();
    for file in files {
        let fixture = Fixture::read(&file).map_err(|error| Failure { message: chain(&error), exit: Exit::Config })?;
        let verdict = run(&fixture, &target.name, stage.as_ref().map(Stage::dir), args.update)?;
        if args.output == Format::Table {
            say!("{}", line(&verdict));
        }
        verdicts.push(verdict);
    }
    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    match args.output {
        Format::Table => say!("{} passed, {failed} failed", verdicts.len() - failed),
        format => say!("{}", plain(&verdicts, format).map_err(Failure::new)?),
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn target(given: &Path) -> Result<Target, Failure> {
    let name = given.display().to_string();
    if embedded::component(&name).is_some() {
        return Ok(Target { name, plugin: None, fixtures: PathBuf::from("tests") });
    }
    let file = if given.is_dir() { built_in(given)? } else { given.to_owned() };
    let bytes = std::fs::read(&file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
    let host = toolkit::host().map_err(|error| Failure::new(chain(&error)))?;
    let plugin = host.load(bytes, &file.display().to_string()).map_err(|error| Failure::new(chain(&error)))?;
    let beside = file.parent().unwrap_or(Path::new("")).to_owned();
    let folder = if beside.ends_with(BUILD_DIR) { beside.join("..") } else { beside };
    Ok(Target { name: plugin.description().name.clone(), plugin: Some((plugin, file)), fixtures: folder.join("tests") })
}

/// The newest component of a plugin's folder; a word where the source is newer.
pub fn built_in(dir: &Path) -> Result<PathBuf, Failure> {
    let build = dir.join(BUILD_DIR);
    let unbuilt = || Failure::new(format!("there is no component in {}; build it: sluice plugin build {}", build.display(), dir.display()));
    let entries = std::fs::read_dir(&build).map_err(|_| unbuilt())?;
    let components = entries.flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".wasm") && !name.starts_with('.') && !name.starts_with("plugin.")
    });
    let changed = |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok();
    let newest = components.max_by_key(changed).ok_or_else(unbuilt)?;
    let sources = Look::at(dir).map_err(|error| Failure::new(format!("cannot read {}: {error}", dir.display())))?;
    if let Ok(language) = Language::of(dir)
        && let Some(source) = sources.source_after(changed(&newest), dir, language)
    {
        tell!("note: {} changed after the component was built", source.display());
    }
    Ok(newest)
}

/// Runs a fixture at every batch size.
fn run(fixture: &Fixture, plugin: &str, dir: Option<&Path>, update: bool) -> Result<Verdict, Failure> {
    let script = Script::of(fixture, Some(plugin));
    let verdict = |records, differences: Vec<Difference>, timing: Option<Timing>| Verdict {
        fixture: fixture.path.display().to_string(),
        about: fixture.about.clone(),
        passed: differences.is_empty(),
        records,
        start_ns: timing.map(|timing| timing.start.as_nanos()),
        p50_ns: timing.map(|timing| timing.p50.as_nanos()),
        p99_ns: timing.map(|timing| timing.p99.as_nanos()),
        differences: differences.iter().map(told).collect(),
    };
    let trial = match Trial::prepare(&script, dir) {
        Ok(trial) => trial,
        Err(TrialError::Problems(found)) => return Ok(verdict(0, judge::problems(fixture, &found), None)),
        Err(other) => return Err(Failure::new(format!("{}: {}", fixture.path.display(), chain(&other)))),
    };
    if !fixture.problems.is_empty() {
        return Ok(verdict(0, judge::problems(fixture, &[]), None));
    }
    let failed = |error: TrialError| Failure::new(format!("{}: {}", fixture.path.display(), chain(&error)));
    let mut runs: Vec<(usize, Run)> = Vec::new();
    for size in BATCHES {
        runs.push((size, trial.run_fixture(fixture, size).map_err(failed)?));
    }
    let first = &runs[0].1;
    let timing = timing::measure(&trial, fixture, first).map_err(failed)?;
    let differences = judge::differences(fixture, &runs);
    if !update || differences.is_empty() {
        return Ok(verdict(first.outcomes.len(), differences, timing));
    }
    let text = update::updated(fixture, &first.outcomes).map_err(|error| Failure { message: error.to_string(), exit: Exit::Config })?;
    std::fs::write(&fixture.path, text).map_err(|error| Failure::new(format!("cannot write {}: {error}", fixture.path.display())))?;
    tell!("{}: {} expectation(s) rewritten", fixture.path.display(), differences.len());
    // What remains is nothing that could be expected: batches that differ, or drift.
    let again = Fixture::read(&fixture.path).map_err(|error| Failure { message: chain(&error), exit: Exit::Config })?;
    Ok(verdict(first.outcomes.len(), judge::differences(&again, &runs), timing))
}

fn told(difference: &Difference) -> String {
    let at = match (difference.record, difference.line) {
        (Some(record), Some(line)) => format!("record {record} (line {line}), "),
        _ => String::new(),
    };
    format!("{at}{}\n    - {}\n    + {}", difference.what, difference.expected, difference.found)
}

fn line(verdict: &Verdict) -> String {
    let time = |ns: Option<u128>| ns.map_or("-".into(), |ns| shown(Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))));
    let mut text = format!(
        "{:<6} {}: {} record(s){}",
        if verdict.passed { "ok" } else { "FAILED" },
        verdict.about,
        verdict.records,
        match verdict.p50_ns {
            Some(_) => format!(", p50 {}, p99 {} a record, start {}", time(verdict.p50_ns), time(verdict.p99_ns), time(verdict.start_ns)),
            None => String::new(),
        }
    );
    for difference in &verdict.differences {
        text.push_str("\n  ");
        text.push_str(difference);
    }
    text
}

fn shown(time: Duration) -> String {
    match time.as_nanos() {
        ns if ns < 10_000 => format!("{ns} ns"),
        ns if ns < 10_000_000 => format!("{} µs", ns / 1_000),
        ns => format!("{} ms", ns / 1_000_000),
    }
}
