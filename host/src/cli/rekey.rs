//! `sluice rekey`: what is on the target is made anew after a change of rules or keys, by plan and verdict.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};

use super::output::{self, Format};
use super::{Exit, Failure, Files};
use crate::config::plan::{Pipeline, Plan as Configuration};
use crate::pipeline::Admission;
use crate::plugin::LogMode;
use crate::position::Claim;
use crate::rekey::plan::{Plan, TopicPlan};
use crate::rekey::verdict::Verdict;
use crate::rekey::{Applied, Rekey, RekeyError};
use crate::say::say;
use crate::{gateway, log};

/// The commands of `sluice rekey`, in the order in which they are used.
#[derive(Subcommand)]
pub enum RekeyCommand {
    /// Show what would be made anew, what cannot be, and what forbids it. Changes nothing.
    Plan(PlanArgs),
    /// Make what the target holds of these topics unreachable, and let them begin anew with the next run.
    Apply(ApplyArgs),
    /// Judge, from both clusters, whether nothing old is to be read and everything new is there.
    Verdict(PlanArgs),
}

/// Arguments of `sluice rekey plan` and `sluice rekey verdict`.
#[derive(Args)]
pub struct PlanArgs {
    #[command(flatten)]
    what: What,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Arguments of `sluice rekey apply`.
#[derive(Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    what: What,
    /// Go on without what cannot be made again; each range leaves an audit event.
    #[arg(long)]
    accept_loss: bool,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Args)]
struct What {
    #[command(flatten)]
    files: Files,
    /// The pipeline's name; its rules in the file are the new ones.
    #[arg(long)]
    pipeline: String,
    /// A source topic; may be repeated. Without one: all that the pipeline has copied.
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// The configuration may be one that was replaced by a newer one.
    #[arg(long)]
    readmit: bool,
}

/// Runs a command of `sluice rekey`. A plan with something to do is exit code 6, one that is refused or would lose
/// records 5; a verdict that does not hold is 1.
pub fn rekey(command: &RekeyCommand) -> Result<Exit, Failure> {
    log::init().map_err(Failure::new)?;
    match command {
        RekeyCommand::Plan(args) => with(&args.what, |rekey| planned(&rekey.plan()?, args.output)),
        RekeyCommand::Apply(args) => {
            with(&args.what, |rekey| applied(rekey, rekey.apply(args.accept_loss, &gateway::owner())?, args.output))
        }
        RekeyCommand::Verdict(args) => with(&args.what, |rekey| judged(&rekey.verdict()?, args.output)),
    }
}

/// Why a command ended otherwise than it was to.
enum Ended {
    Rekey(RekeyError),
    Show(Failure),
}

impl From<RekeyError> for Ended {
    fn from(error: RekeyError) -> Self {
        Self::Rekey(error)
    }
}

fn with(what: &What, act: impl FnOnce(&Rekey<'_>) -> Result<Exit, Ended>) -> Result<Exit, Failure> {
    let plan = super::load(&what.files)?;
    let pipeline = super::pipeline_of(&plan, &what.pipeline)?;
    let admission = admission(&plan, pipeline, what.readmit)?;
    let topics: BTreeSet<String> = what.topics.iter().cloned().collect();
    let ended = Rekey::new(pipeline, admission, topics).map_err(Ended::from).and_then(|rekey| act(&rekey));
    ended.map_err(|ended| match ended {
        Ended::Show(failure) => failure,
        Ended::Rekey(error) => {
            let exit = match &error {
                RekeyError::Unreachable(_) => Exit::Unreachable,
                error if error.is_refusal() => Exit::Unsafe,
                _ => Exit::Failed,
            };
            Failure { exit, ..super::failed(error) }
        }
    })
}

/// What a run with these files would admit to the pipeline's lanes.
fn admission(plan: &Configuration, pipeline: &Pipeline, readmit: bool) -> Result<Admission, Failure> {
    let prepared = gateway::prepare(plan, LogMode::Count)?;
    let chain = plan.pipelines.iter().zip(&prepared.chains).find(|(other, _)| other.name == pipeline.name).map(|(_, chain)| chain);
    let chain = chain.ok_or_else(|| Failure::new(format!("no chain was made for pipeline {}", pipeline.name)))?;
    let claim = if readmit { Claim::Readmitted } else { Claim::Began };
    Ok(Admission::of(pipeline, chain, &prepared.lent.keys, claim))
}

fn show(value: &impl serde::Serialize, output: Format, table: impl FnOnce()) -> Result<(), Ended> {
    output::show(value, output, table).map_err(Ended::Show)
}

fn planned(plan: &Plan, output: Format) -> Result<Exit, Ended> {
    show(plan, output, || {
        say!("{}: to configuration {}{}", plan.pipeline, short(&plan.config), keys(&plan.keys));
        plan.topics.iter().for_each(topic);
        plan.losses.iter().for_each(|loss| say!("cannot be made again: {loss}"));
        plan.refused.iter().for_each(|reason| say!("refused: {reason}"));
        plan.notes.iter().for_each(|note| say!("note: {note}"));
    })?;
    if !plan.refused.is_empty() || !plan.losses.is_empty() {
        return Ok(Exit::Unsafe);
    }
    Ok(if plan.to_do().next().is_some() { Exit::Changes } else { Exit::Done })
}

fn topic(topic: &TopicPlan) {
    say!("topic {}{}", topic.topic, if topic.done { ": done" } else { "" });
    for made in &topic.made_under {
        say!("  made under {}{}", short(&made.config), keys(&made.keys));
    }
    for at in &topic.partitions {
        say!(
            "  source {}-{}: copied {} to {}, there {} to {}, begins anew at {}",
            topic.topic,
            at.partition,
            at.copied.0,
            at.copied.1,
            at.source.0,
            at.source.1,
            at.begins
        );
    }
    for at in &topic.targets {
        say!("  target {}-{}: holds {} to {}, {}", at.topic, at.partition, at.holds.0, at.holds.1, at.cleanup_policy);
    }
}

fn keys(keys: &[String]) -> String {
    if keys.is_empty() { String::new() } else { format!(", keys {}", keys.join(" ")) }
}

fn short(config: &str) -> &str {
    config.get(..16).unwrap_or(config)
}

/// What `apply` did, for programs: no topic where everything was done before.
#[derive(serde::Serialize)]
struct Begun {
    pipeline: String,
    topics: Vec<String>,
}

fn applied(rekey: &Rekey<'_>, applied: Applied, output: Format) -> Result<Exit, Ended> {
    let topics = match applied {
        Applied::Already => Vec::new(),
        Applied::Begun(topics) => topics.into_iter().collect(),
    };
    let begun = Begun { pipeline: rekey.pipeline.name.clone(), topics };
    show(&begun, output, || match (&begun.pipeline, &*begun.topics) {
        (name, []) => say!("pipeline {name}: nothing to do, it was rekeyed to this configuration already"),
        (name, topics) => say!("pipeline {name}: {} begin anew; start it with this file, then ask for the verdict", topics.join(", ")),
    })?;
    Ok(Exit::Done)
}

fn judged(verdict: &Verdict, output: Format) -> Result<Exit, Ended> {
    show(verdict, output, || {
        say!("{}: {} to configuration {}", verdict.pipeline, if verdict.holds { "rekeyed" } else { "NOT rekeyed" }, short(&verdict.config));
        verdict.broken.iter().for_each(|reason| say!("  {reason}"));
        for topic in &verdict.topics {
            say!("topic {}: {}", topic.topic, if topic.holds { "holds" } else { "does not hold" });
            topic.broken.iter().for_each(|reason| say!("  {reason}"));
            for at in &topic.partitions {
                say!(
                    "  source {}-{}: read {} = passed {} + filtered {} + quarantined {}; emitted {}; at {} of {}",
                    topic.topic,
                    at.partition,
                    at.read,
                    at.passed,
                    at.filtered,
                    at.quarantined,
                    at.emitted,
                    at.position,
                    at.source_end
                );
            }
            for at in &topic.targets {
                say!(
                    "  target {}-{}: emptied to {}, begins at {}, {} records",
                    at.topic,
                    at.partition,
                    at.emptied_to,
                    at.begins,
                    at.records
                );
            }
        }
    })?;
    Ok(if verdict.holds { Exit::Done } else { Exit::Failed })
}
