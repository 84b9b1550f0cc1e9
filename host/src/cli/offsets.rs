//! `sluice offsets map`: asks the offset map on the target. One scan answers any number of questions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::output::{Format, plain};
use super::{Exit, Failure, Files};
use crate::config::plan::Pipeline;
use crate::kafka;
use crate::offset_map::{AskForward, AskReverse, Genesis, Lookup, Makers, MapRecord, SourcePartition, TargetPartition};
use crate::plugin::digest::hex;
use crate::position::MapEnds;
use crate::say::say;
use crate::scan;
use crate::topics::{StateTopics, TargetTopics};
use crate::view::{Snapshot, View};

/// How long the positions may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(120);

/// Arguments of `sluice offsets map`.
#[derive(Args)]
pub struct MapArgs {
    #[command(flatten)]
    files: Files,
    /// The pipeline's name.
    #[arg(long)]
    pipeline: String,
    /// Topic of the offset: a source topic, with --reverse a target topic.
    #[arg(long, required_unless_present = "offsets_file")]
    topic: Option<String>,
    /// Its partition.
    #[arg(long, required_unless_present = "offsets_file")]
    partition: Option<i32>,
    /// The offset.
    #[arg(long, required_unless_present = "offsets_file")]
    offset: Option<i64>,
    /// Many at once: one `TOPIC PARTITION OFFSET` a line; prints one answer a line, `null` where nothing is mapped.
    #[arg(long, conflicts_with_all = ["topic", "partition", "offset"])]
    offsets_file: Option<PathBuf>,
    /// The offset is a target offset: where did it come from?
    #[arg(long)]
    reverse: bool,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Place {
    topic: String,
    partition: i32,
    offset: i64,
}

#[derive(Serialize)]
struct Answer {
    source: Place,
    target: Place,
    exact: bool,
    /// Under what the record was made; none where nothing tells, as past the last one.
    by: Option<By>,
}

/// What a generation of a lane stands for.
#[derive(Clone, Serialize)]
struct By {
    generation: u64,
    config: String,
    /// SHA-256 of each step's plugin: `0:mask` is the first step's.
    plugins: BTreeMap<String, String>,
}

/// Prints an answer for each offset, in the order asked. Exit code 1 where any has none.
pub fn map(args: &MapArgs) -> Result<Exit, Failure> {
    let plan = super::load(&args.files)?;
    let pipeline = super::pipeline_of(&plan, &args.pipeline)?;
    let asked = asked(args)?;
    let target = &pipeline.target;
    let client = crate::gateway::observer(target)?;
    kafka::reach(target, &client).map_err(|error| Failure { message: error.to_string(), exit: Exit::Unreachable })?;
    let answers = answer(pipeline, &asked, args.reverse)?;
    let mut missing = false;
    for answer in &answers {
        missing |= answer.is_none();
        say!("{}", shown(answer.as_ref(), args.output)?);
    }
    if !missing {
        return Ok(Exit::Done);
    }
    let what = if args.reverse { "comes from no source record" } else { "is not mapped" };
    Err(Failure::new(format!(
        "{} of {} offset(s) asked: {what}; the pipeline has not been there, or the map does not reach back that far",
        answers.iter().filter(|answer| answer.is_none()).count(),
        answers.len()
    )))
}

fn shown(answer: Option<&Answer>, format: Format) -> Result<String, Failure> {
    match (answer, format) {
        (Some(answer), Format::Table) => {
            let (source, target) = (&answer.source, &answer.target);
            let exact = if answer.exact { "exact" } else { "inexact" };
            Ok(format!(
                "{}-{} {} -> {}-{} {} {exact}",
                source.topic, source.partition, source.offset, target.topic, target.partition, target.offset
            ))
        }
        (answer, format) => plain(&answer, format).map_err(Failure::new),
    }
}

fn asked(args: &MapArgs) -> Result<Vec<Place>, Failure> {
    if let Some(file) = &args.offsets_file {
        let text = std::fs::read_to_string(file).map_err(|error| Failure::new(format!("cannot read {}: {error}", file.display())))?;
        return text.lines().filter(|line| !line.trim().is_empty()).enumerate().map(|(number, line)| line_of(number + 1, line)).collect();
    }
    match (&args.topic, args.partition, args.offset) {
        (Some(topic), Some(partition), Some(offset)) => Ok(vec![Place { topic: topic.clone(), partition, offset }]),
        _ => Err(Failure::new("an offset needs --topic, --partition and --offset")),
    }
}

fn line_of(number: usize, line: &str) -> Result<Place, Failure> {
    let mut words = line.split_whitespace();
    let place =
        (|| Some(Place { topic: words.next()?.to_owned(), partition: words.next()?.parse().ok()?, offset: words.next()?.parse().ok()? }))();
    place.ok_or_else(|| Failure::new(format!("line {number} of the offsets file is not TOPIC PARTITION OFFSET")))
}

fn answer(pipeline: &Pipeline, asked: &[Place], reverse: bool) -> Result<Vec<Option<Answer>>, Failure> {
    let target = TargetTopics::new(&pipeline.target, false).map_err(Failure::new)?;
    let topics = StateTopics::current(&pipeline.target, &target.observer(), &pipeline.name, None).map_err(Failure::new)?;
    let lanes = target.partition_count(&topics.positions).map_err(Failure::new)?;
    let Some(lanes) = lanes else { return Ok(asked.iter().map(|_| None).collect()) };
    let mut by_partition: BTreeMap<(String, i32), Vec<i64>> = BTreeMap::new();
    for place in asked {
        by_partition.entry((place.topic.clone(), place.partition)).or_default().push(place.offset);
    }
    let snapshot =
        View::read_once(&pipeline.target, &pipeline.name, &topics.positions, lanes as u32, READ_WITHIN).map_err(Failure::new)?.ok_or_else(
            || Failure::new("cannot read the positions of all lanes in time; `sluice status` names those that are not to be read"),
        )?;
    // Where records landed that a rekey made unreachable is no answer any more.
    let rekeyed = MapEnds::of(snapshot.controls.get(&0));
    let mut lookup = if reverse {
        let ask = by_partition
            .into_iter()
            .map(|((topic, partition), offsets)| AskReverse { target: TargetPartition { topic, partition }, offsets });
        Lookup::new(Vec::new(), ask.collect())
    } else {
        let ask = by_partition.into_iter().map(|((topic, partition), offsets)| ask_forward(topic, partition, offsets, &snapshot));
        Lookup::new(ask.collect(), Vec::new())
    };
    // What a resize or a rekey left behind comes first: a later segment over the same offsets takes an earlier one back.
    let mut makers = Makers::default();
    for (generation, topic) in (1..).zip(topics.offset_maps()) {
        let Some(lanes) = target.partition_count(&topic).map_err(Failure::new)? else { continue };
        // Every segment, all lanes: a partition that another lane merges into is seen too.
        scan::map(&pipeline.target, &pipeline.name, &topic, lanes as u32, &mut |lane, record| match record {
            MapRecord::Segment(segment) if rekeyed.ended(&segment.source().topic, generation) => {}
            MapRecord::Segment(segment) => {
                makers.segment(lane, &segment);
                lookup.feed(&segment);
            }
            MapRecord::Admission(admission) => makers.admission(lane, admission),
        })
        .map_err(super::failed)?;
    }
    let answer = |place| if reverse { backward(&lookup, &makers, place) } else { forward(&lookup, &makers, place) };
    Ok(asked.iter().map(answer).collect())
}

fn ask_forward(topic: String, partition: i32, offsets: Vec<i64>, snapshot: &Snapshot) -> AskForward {
    let position = snapshot.positions.get(&(topic.clone(), partition));
    let genesis = position.filter(|position| position.target_start >= 0).map(|position| Genesis {
        start: position.start,
        target: TargetPartition { topic: topic.clone(), partition },
        target_end: position.target_start,
    });
    AskForward { source: SourcePartition { topic, partition }, within: None, offsets, genesis }
}

fn forward(lookup: &Lookup, makers: &Makers, place: &Place) -> Option<Answer> {
    let source = SourcePartition { topic: place.topic.clone(), partition: place.partition };
    let mapped = lookup.forward(&source, place.offset)?;
    let target = Place { topic: mapped.target.topic, partition: mapped.target.partition, offset: mapped.offset };
    let by = by(makers, &source, place.offset);
    Some(Answer { source: place.clone(), target, exact: mapped.exact, by })
}

fn backward(lookup: &Lookup, makers: &Makers, place: &Place) -> Option<Answer> {
    let target = TargetPartition { topic: place.topic.clone(), partition: place.partition };
    let origin = lookup.reverse(&target, place.offset)?;
    let by = by(makers, &origin.source, origin.offset);
    let source = Place { topic: origin.source.topic, partition: origin.source.partition, offset: origin.offset };
    Some(Answer { source, target: place.clone(), exact: origin.exact, by })
}

fn by(makers: &Makers, source: &SourcePartition, offset: i64) -> Option<By> {
    let admission = makers.of(source, offset)?;
    let plugins = admission.digests.iter().map(|(step, digest)| (step.clone(), hex(digest))).collect();
    Some(By { generation: admission.generation, config: admission.config_hash.clone(), plugins })
}
