//! `sluice explain`: what each pipeline makes of each topic's schema, before a record passes.
#![allow(clippy::print_stdout, reason = "this is the command line")]

use clap::Args;
use rdkafka::consumer::Consumer;
use serde::Serialize;

use super::output::{Format, plain};
use super::{Exit, Failure, Files};
use crate::chain::{ChainPlan, StepExplained, format::Parsed};
use crate::config::plan::Pipeline;
use crate::plugin::LogMode;
use crate::schemas::wire::Part;
use crate::{gateway, kafka};

/// How long the source may take to list its topics.
const ASK_WITHIN: std::time::Duration = std::time::Duration::from_secs(15);

#[derive(Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    files: Files,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// One topic of one pipeline.
#[derive(Serialize)]
struct Topic {
    pipeline: String,
    topic: String,
    /// What its latest schema is: `Avro schema 7, version 2`, with the message that was taken of a Protobuf file; or why
    /// there is none.
    schema: String,
    steps: Vec<StepExplained>,
}

pub fn explain(args: &ExplainArgs) -> Result<Exit, Failure> {
    let plan = super::load(&args.files)?;
    let prepared = gateway::prepare(&plan, LogMode::Count)?;
    let mut topics = Vec::new();
    for (pipeline, chain) in plan.pipelines.iter().zip(&prepared.chains) {
        for topic in matching(pipeline)? {
            topics.push(explained(pipeline, chain, topic)?);
        }
    }
    match args.output {
        Format::Table => topics.iter().for_each(table),
        format => println!("{}", plain(&topics, format).map_err(Failure::new)?),
    }
    let errors = topics.iter().flat_map(|topic| &topic.steps).map(|step| step.errors.len()).sum::<usize>();
    if errors == 0 {
        return Ok(Exit::Done);
    }
    Err(Failure { message: format!("{errors} problem(s): see the lines that begin with error"), exit: Exit::Config })
}

fn matching(pipeline: &Pipeline) -> Result<Vec<String>, Failure> {
    let client = gateway::observer(&pipeline.source)?;
    kafka::reach(&pipeline.source, &client).map_err(|error| Failure { message: error.to_string(), exit: Exit::Unreachable })?;
    let metadata = client.fetch_metadata(None, ASK_WITHIN).map_err(Failure::new)?;
    let mut names: Vec<String> =
        metadata.topics().iter().map(|topic| topic.name().to_owned()).filter(|name| pipeline.topics.matches(name)).collect();
    names.sort();
    Ok(names)
}

fn explained(pipeline: &Pipeline, chain: &ChainPlan, topic: String) -> Result<Topic, Failure> {
    let mut found = Topic { pipeline: pipeline.name.clone(), schema: String::new(), steps: Vec::new(), topic };
    let Some(registry) = chain.schemas.registry() else {
        found.schema = "none: the source has no registry; fields show in the records alone".into();
        return Ok(found);
    };
    let latest = match registry.latest(&Part::Value.subject(&found.topic), &|| false) {
        Ok(latest) => latest,
        Err(error) if error.code() == "schema_unknown" => {
            found.schema = error.to_string();
            return Ok(found);
        }
        Err(error) => return Err(Failure { message: error.to_string(), exit: Exit::Unreachable }),
    };
    let explained = chain.explain(&Parsed::of(&latest.schema));
    let message = explained.message.map_or(String::new(), |name| format!(", message {name}"));
    found.schema = format!("{} schema {}, version {}{message}", latest.schema.kind, latest.id, latest.version);
    found.steps = explained.steps;
    Ok(found)
}

fn table(topic: &Topic) {
    println!("pipeline {}, topic {}: {}", topic.pipeline, topic.topic, topic.schema);
    for step in &topic.steps {
        println!("  step {} ({})", step.step, step.plugin);
        for place in &step.places {
            let becomes = match (&place.operator, place.nature, place.otherwise) {
                (Some(operator), Some(nature), _) => format!("{operator} ({nature})"),
                (Some(operator), None, _) => operator.clone(),
                (None, _, otherwise) => otherwise.unwrap_or_default().to_owned(),
            };
            println!("    {:<40} {:<28} {becomes}", place.path, place.type_name);
        }
        step.errors.iter().for_each(|error| println!("    error: {error}"));
    }
}
