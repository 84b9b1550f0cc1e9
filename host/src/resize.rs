//! Moves a pipeline that stands still to another number of lanes: the one thing that may change it. It must not move a
//! pipeline that somebody runs, and touches no data topic.
//!
//! ```text
//! nobody in the group ─▶ fence every old lane ─▶ mark each as moving ─▶ read them ─▶ make the next generation of
//! the topics ─▶ every position and control record into it, in one transaction
//! ```
//!
//! A process that comes back before a lane is marked is fenced, or fences this; one that comes after meets the mark and
//! halts. Broken off anywhere, it is run again: until the transaction commits, the old topics count.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::clock::now_millis;
use crate::config::plan::{Delivery, Pipeline};
use crate::failpoint;
use crate::kafka::{self, Context, ProducerSettings};
use crate::lane::{self, Found, ReadError};
use crate::position::{Control, Key, Position, VERSION, lane_of};
use crate::sink::{Record, Sink, SinkError};
use crate::topics::{StateTopics, TargetTopics, TopicError, generations};

/// How long the group's coordinator may take to answer.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// How long a process that died may still count as a member: somewhat more than the group's session time-out.
const LEAVE_WITHIN: Duration = Duration::from_secs(15);

/// Memory of one of the producers; they write a few records each.
const PRODUCER_BYTES: usize = 8 << 20;

/// What a resize did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resized {
    /// Lanes before.
    pub from: u32,
    /// Lanes now.
    pub to: u32,
    /// Positions moved.
    pub positions: usize,
}

/// Why a pipeline was not resized. Nothing is lost then; it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ResizeError {
    #[error("pipeline {pipeline} is run by {members} process(es); stop them first")]
    Running { pipeline: String, members: usize },
    #[error("pipeline {0} has never run: there is nothing to resize; it begins with the lanes that the file says")]
    NotBegun(String),
    #[error("lane {lane} of pipeline {pipeline} has no control record: its positions were lost; restore the topic {topic} first")]
    Lost { pipeline: String, lane: u32, topic: String },
    #[error("cannot ask for the members of group {group}: {reason}")]
    Group { group: String, reason: String },
    #[error("cannot make a producer for cluster {cluster}: {reason}")]
    Producer { cluster: String, reason: String },
    #[error("cannot take lane {lane}: {error}")]
    Take { lane: u32, error: SinkError },
    #[error("cannot read lane {lane}: {error}")]
    Read { lane: u32, error: ReadError },
    #[error("cannot write the positions of {lanes} lanes: {error}")]
    Write { lanes: u32, error: SinkError },
    #[error(transparent)]
    Topic(#[from] TopicError),
}

/// Gives `pipeline` the lanes that its configuration says. None: it has them already.
pub fn resize(pipeline: &Pipeline, owner: &str) -> Result<Option<Resized>, ResizeError> {
    let target = TargetTopics::new(&pipeline.target, false)?;
    let old = StateTopics::current(&pipeline.target, target.observer(), &pipeline.name, None)?;
    let Some(from) = target.partition_count(&old.positions)?.map(|count| count as u32) else {
        return Err(ResizeError::NotBegun(pipeline.name.clone()));
    };
    if from == pipeline.lanes {
        return Ok(None);
    }
    nobody_runs(&pipeline.name, target.observer())?;
    let mut sinks = fence(pipeline, from)?;
    let next = next_generation(pipeline, &target, &old)?;
    let found = mark(pipeline, &old, next.generation, owner, &mut sinks)?;
    failpoint::hit("in_resize");
    target.ensure_state(&next, pipeline.lanes)?;
    let moved = gather(pipeline, &found, &old, owner)?;
    // Lane 0's producer, fenced in and holding its lane, writes for all.
    let Some(sink) = sinks.first_mut() else { return Err(ResizeError::NotBegun(pipeline.name.clone())) };
    write(pipeline, sink, &next, &moved)?;
    Ok(Some(Resized { from, to: pipeline.lanes, positions: moved.positions.len() }))
}

/// A process that was killed counts as a member until its session times out.
fn nobody_runs(pipeline: &str, observer: &BaseConsumer<Context>) -> Result<(), ResizeError> {
    let group = format!("sluice.{pipeline}");
    let deadline = Instant::now() + LEAVE_WITHIN;
    loop {
        let list = observer
            .fetch_group_list(Some(&group), ASK_WITHIN)
            .map_err(|error| ResizeError::Group { group: group.clone(), reason: error.to_string() })?;
        let members = list.groups().iter().filter(|found| found.name() == group).map(|found| found.members().len()).sum();
        if members == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(ResizeError::Running { pipeline: pipeline.to_owned(), members });
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// One producer a lane, each with the lane's transactional id: whoever held it before writes nothing any more.
fn fence(pipeline: &Pipeline, lanes: u32) -> Result<Vec<Sink>, ResizeError> {
    let transactional = pipeline.delivery == Delivery::ExactlyOnce;
    let timeout = pipeline.transaction.timeout;
    let mut sinks = Vec::new();
    for lane in 0..lanes {
        let id = format!("sluice.{}.{lane}", pipeline.name);
        let settings = ProducerSettings {
            transactional_id: transactional.then_some(id.as_str()),
            transaction_timeout: timeout,
            memory: PRODUCER_BYTES,
            batch_bytes: 64 * 1024,
        };
        let producer = kafka::producer(&pipeline.target, &settings)
            .map_err(|error| ResizeError::Producer { cluster: pipeline.target.name.clone(), reason: error.to_string() })?;
        let sink = Sink::new(producer, transactional, timeout);
        sink.init().map_err(|error| ResizeError::Take { lane, error })?;
        sinks.push(sink);
    }
    Ok(sinks)
}

/// The first generation after the current one that is free, or that a broken-off resize made with the same lanes.
fn next_generation(pipeline: &Pipeline, target: &TargetTopics, old: &StateTopics) -> Result<StateTopics, ResizeError> {
    let there: BTreeSet<u32> = generations(&pipeline.target, target.observer(), &pipeline.name)?.into_iter().collect();
    let mut generation = old.generation + 1;
    while there.contains(&generation) {
        let topics = StateTopics::of(&pipeline.name, None, generation);
        if target.partition_count(&topics.positions)? == Some(pipeline.lanes as usize) {
            break;
        }
        generation += 1;
    }
    Ok(StateTopics::of(&pipeline.name, None, generation))
}

/// Writes into every lane that it is being moved, and reads what it holds. From then on no process works on the lane.
fn mark(pipeline: &Pipeline, old: &StateTopics, next: u32, owner: &str, sinks: &mut [Sink]) -> Result<Vec<Found>, ResizeError> {
    let mut all = Vec::new();
    for (lane, sink) in (0..).zip(sinks) {
        let read = |_| {
            lane::read(&pipeline.target, &pipeline.name, &old.positions, lane, &|| false).map_err(|error| ResizeError::Read { lane, error })
        };
        let mut found = read(())?;
        let Some(control) = &mut found.control else {
            let topic = old.positions.clone();
            return Err(ResizeError::Lost { pipeline: pipeline.name.clone(), lane, topic });
        };
        control.moving = Some(next);
        control.owner = owner.to_owned();
        control.since = now_millis();
        let taken = |error| ResizeError::Take { lane, error };
        let topic = sink.topic(&old.positions).map_err(taken)?;
        sink.begin().map_err(taken)?;
        put(sink, topic, lane, &Key::control(), &control.encode()).map_err(taken)?;
        sink.settle().map_err(taken)?;
        sink.commit().map_err(taken)?;
        all.push(found);
    }
    Ok(all)
}

/// Everything that the new lanes start from.
struct Moved {
    source: String,
    controls: BTreeMap<u32, Control>,
    positions: Vec<(String, i32, Position)>,
}

/// The old lanes' state by new lane.
fn gather(pipeline: &Pipeline, found: &[Found], old: &StateTopics, owner: &str) -> Result<Moved, ResizeError> {
    let lost = |lane| ResizeError::Lost { pipeline: pipeline.name.clone(), lane, topic: old.positions.clone() };
    let controls: Vec<&Control> = found.iter().filter_map(|lane| lane.control.as_ref()).collect();
    let newest = *controls.iter().max_by_key(|control| control.generation).ok_or_else(|| lost(0))?;
    // I7: what any lane has left behind stays behind for all.
    let mut replaced = newest.replaced.clone();
    for older in controls.iter().flat_map(|control| std::iter::once(&control.config).chain(&control.replaced)) {
        if *older != newest.config && !replaced.contains(older) {
            replaced.push(older.clone());
        }
    }
    let control = Control {
        version: VERSION,
        lanes: pipeline.lanes,
        source: newest.source.clone(),
        // Above every lane's own: what the offset map says of a generation of a lane stays true.
        generation: newest.generation + 1,
        config: newest.config.clone(),
        replaced,
        known: BTreeMap::new(),
        owner: owner.to_owned(),
        since: now_millis(),
        moving: None,
    };
    let mut moved = Moved {
        source: newest.source.clone(),
        controls: (0..pipeline.lanes).map(|lane| (lane, control.clone())).collect(),
        positions: Vec::new(),
    };
    for (lane, found) in (0..).zip(found) {
        // I5: a known partition without a position never starts anew silently.
        let known = found.control.iter().flat_map(|control| &control.known);
        for (topic, partition) in known.flat_map(|(topic, partitions)| partitions.iter().map(move |partition| (topic, *partition))) {
            let position = found.positions.get(&(topic.clone(), partition)).ok_or_else(|| lost(lane))?;
            let home = lane_of(topic, partition, pipeline.lanes);
            moved.controls.entry(home).and_modify(|control| {
                control.know(topic, partition);
            });
            moved.positions.push((topic.clone(), partition, position.clone()));
        }
    }
    Ok(moved)
}

/// I1: all of it becomes visible together. Without transactions, the control records come last.
fn write(pipeline: &Pipeline, sink: &mut Sink, next: &StateTopics, moved: &Moved) -> Result<(), ResizeError> {
    let lanes = pipeline.lanes;
    let failed = |error| ResizeError::Write { lanes, error };
    let topic = sink.topic(&next.positions).map_err(failed)?;
    sink.begin().map_err(failed)?;
    for (name, partition, position) in &moved.positions {
        let key = Key::Position { source: moved.source.clone(), topic: name.clone(), partition: *partition };
        put(sink, topic, lane_of(name, *partition, lanes), &key, &position.encode()).map_err(failed)?;
    }
    sink.settle().map_err(failed)?;
    // Lane 0 last: it says that the generation is complete.
    for (lane, control) in moved.controls.iter().rev() {
        put(sink, topic, *lane, &Key::control(), &control.encode()).map_err(failed)?;
    }
    sink.settle().map_err(failed)?;
    failpoint::hit("before_resize_commit");
    sink.commit().map_err(failed)
}

fn put(sink: &mut Sink, topic: u16, lane: u32, key: &Key, value: &[u8]) -> Result<(), SinkError> {
    let record =
        Record { topic, partition: lane as i32, key: Some(&key.encode()), value: Some(value), headers: None, timestamp: now_millis() };
    sink.send_untracked(record)
}

#[cfg(test)]
mod tests;
