//! `sluice explain`: what each pipeline makes of each topic's schema, before a record passes.

use clap::Args;
use rdkafka::consumer::Consumer;
use serde::Serialize;

use super::output::{Format, plain};
use super::{Exit, Failure, Files};
use crate::chain::{ChainPlan, StepExplained, TopicSchemas, format::Parsed};
use crate::config::plan::{Format as Written, Pipeline};
use crate::plugin::LogMode;
use crate::say::say;
use crate::schemas::wire::Part;
use crate::topics::TargetTopics;
use crate::{gateway, kafka};

/// How long the source may take to list its topics.
const ASK_WITHIN: std::time::Duration = std::time::Duration::from_secs(15);

/// Arguments of `sluice explain`.
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
    /// What the latest schema of its values is: `Avro schema 7, version 2`, with the message that was taken of a Protobuf
    /// file; or why there is none.
    schema: String,
    /// The same of its keys.
    key_schema: String,
    steps: Vec<StepExplained>,
    /// Why the topic is not copied at all.
    errors: Vec<String>,
}

/// Prints what each step makes of each matching topic. A topic that cannot be copied, or a step that does not fit its
/// schema, is exit code 3.
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
        format => say!("{}", plain(&topics, format).map_err(Failure::new)?),
    }
    let errors =
        topics.iter().map(|topic| topic.errors.len() + topic.steps.iter().map(|step| step.errors.len()).sum::<usize>()).sum::<usize>();
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
    let (schema, value) = latest(chain, Part::Value, &topic)?;
    let (key_schema, key) = latest(chain, Part::Key, &topic)?;
    let explained = chain.explain(TopicSchemas { key: key.as_ref(), value: value.as_ref() });
    let named = |schema: String, message: Option<String>| message.map_or(schema.clone(), |name| format!("{schema}, message {name}"));
    Ok(Topic {
        pipeline: pipeline.name.clone(),
        schema: named(schema, explained.message),
        key_schema: named(key_schema, explained.key_message),
        steps: explained.steps,
        errors: refused(pipeline, chain, &topic)?,
        topic,
    })
}

/// The latest schema of one half of a topic's records, and what there is to say of it.
fn latest(chain: &ChainPlan, part: Part, topic: &str) -> Result<(String, Option<Parsed>), Failure> {
    match chain.schemas.format(part, topic) {
        format @ (Written::Json | Written::Text | Written::Bytes) => return Ok((format!("none: the format is {format}"), None)),
        Written::Auto | Written::Avro | Written::Protobuf | Written::JsonSchema => {}
    }
    let Some(registry) = chain.schemas.registry() else {
        return Ok(("none: the source has no registry; fields show in the records alone".into(), None));
    };
    match registry.latest(&part.subject(topic), &|| false) {
        Ok(latest) => {
            let named = format!("{} schema {}, version {}", latest.schema.kind, latest.id, latest.version);
            Ok((named, Some(Parsed::of(&latest.schema))))
        }
        Err(error) if error.code() == "schema_unknown" => Ok((error.to_string(), None)),
        Err(error) => Err(Failure { message: error.to_string(), exit: Exit::Unreachable }),
    }
}

/// Why the topic may not be copied through the chain, on either side.
fn refused(pipeline: &Pipeline, chain: &ChainPlan, topic: &str) -> Result<Vec<String>, Failure> {
    let mut errors = Vec::new();
    let lossy = chain.lossy_keys(topic);
    if lossy.is_empty() {
        return Ok(errors);
    }
    for cluster in [&pipeline.source, &pipeline.target] {
        let topics = TargetTopics::new(cluster, false).map_err(Failure::new)?;
        errors.extend(topics.refuses(topic, lossy.iter().copied()).map_err(Failure::new)?);
    }
    Ok(errors)
}

fn table(topic: &Topic) {
    say!("pipeline {}, topic {}: {}", topic.pipeline, topic.topic, topic.schema);
    say!("  keys: {}", topic.key_schema);
    topic.errors.iter().for_each(|error| say!("  error: {error}"));
    for step in &topic.steps {
        say!("  step {} ({})", step.step, step.plugin);
        for place in &step.places {
            let becomes = match (&place.operator, place.nature, place.otherwise) {
                (Some(operator), Some(nature), _) => format!("{operator} ({nature})"),
                (Some(operator), None, _) => operator.clone(),
                (None, _, otherwise) => otherwise.unwrap_or_default().to_owned(),
            };
            say!("    {:<40} {:<28} {becomes}", place.path, place.type_name);
        }
        step.errors.iter().for_each(|error| say!("    error: {error}"));
    }
}
