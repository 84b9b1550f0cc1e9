//! Takes every lane of a pipeline that nobody runs, and moves what the lanes keep into the next generation of the
//! pipeline's own topics, all at once. It must not decide what changes on the way: that is `resize`'s and `rekey`'s.
//!
//! ```text
//! nobody in the group ─▶ fence every lane ─▶ mark each as moving, read it ─▶ (the caller's work) ─▶ every position and
//! control record into the next generation, in one transaction
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

/// Why a pipeline's state was not moved. Nothing is lost then; it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("pipeline {pipeline} is run by {members} process(es); stop them first")]
    Running { pipeline: String, members: usize },
    #[error("pipeline {0} has never run: it has no state yet; it begins with what the file says")]
    NotBegun(String),
    #[error("lane {lane} of pipeline {pipeline} has no control record: its positions were lost; restore the topic {topic} first")]
    Lost { pipeline: String, lane: u32, topic: String },
    #[error(
        "lane {lane} of pipeline {pipeline} was made as one of {recorded}, but {shown} of topic {topic} are to be seen; moving those alone would copy the others' partitions again. Wait until the brokers show all of it, or restore the topic"
    )]
    Lanes { pipeline: String, lane: u32, recorded: u32, shown: usize, topic: String },
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

/// All lanes of one pipeline, held by this process.
pub struct Standstill<'a> {
    pipeline: &'a Pipeline,
    target: &'a TargetTopics,
    old: &'a StateTopics,
    /// By lane.
    sinks: Vec<Sink>,
}

impl<'a> Standstill<'a> {
    /// Fences every one of the `lanes` lanes that `old` has; refused while somebody runs the pipeline.
    pub fn take(pipeline: &'a Pipeline, target: &'a TargetTopics, old: &'a StateTopics, lanes: u32) -> Result<Self, MoveError> {
        nobody_runs(&pipeline.name, &target.observer())?;
        let sinks = (0..lanes).map(|lane| fence(pipeline, lane)).collect::<Result<_, _>>()?;
        Ok(Self { pipeline, target, old, sinks })
    }

    /// What each lane holds, read after its predecessor was fenced.
    /// Refused where the lanes know of more, or fewer, than were taken.
    pub fn read(&self) -> Result<Vec<Found>, MoveError> {
        let found: Vec<Found> = (0..self.sinks.len() as u32).map(|lane| self.read_lane(lane)).collect::<Result<_, _>>()?;
        complete(&self.pipeline.name, &found, self.old)?;
        Ok(found)
    }

    fn read_lane(&self, lane: u32) -> Result<Found, MoveError> {
        let Self { pipeline, old, .. } = self;
        lane::read(&pipeline.target, &pipeline.name, &old.positions, lane, &|| false).map_err(|error| MoveError::Read { lane, error })
    }

    /// The first generation after the current one that is free, or that a broken-off move made with the same lanes.
    pub fn next(&self) -> Result<StateTopics, MoveError> {
        let name = &self.pipeline.name;
        let there: BTreeSet<u32> = generations(&self.pipeline.target, &self.target.observer(), name)?.into_iter().collect();
        let mut generation = self.old.generation + 1;
        while there.contains(&generation) {
            let topics = StateTopics::of(name, None, generation);
            if self.target.partition_count(&topics.positions)? == Some(self.pipeline.lanes as usize) {
                break;
            }
            generation += 1;
        }
        Ok(StateTopics::of(name, None, generation))
    }

    /// Writes into every lane that it is being moved to generation `next`, with what `why` adds, and reads what it holds.
    /// From then on no process works on the lane.
    pub fn mark(&mut self, next: u32, owner: &str, why: &dyn Fn(u32, &mut Control)) -> Result<Vec<Found>, MoveError> {
        let mut all = Vec::new();
        for lane in 0..self.sinks.len() as u32 {
            let mut found = self.read_lane(lane)?;
            let Some(control) = &mut found.control else {
                let topic = self.old.positions.clone();
                return Err(MoveError::Lost { pipeline: self.pipeline.name.clone(), lane, topic });
            };
            control.moving = Some(next);
            control.owner = owner.to_owned();
            control.since = now_millis();
            why(lane, control);
            let taken = |error| MoveError::Take { lane, error };
            let sink = &mut self.sinks[lane as usize];
            let topic = sink.topic(&self.old.positions).map_err(taken)?;
            sink.begin().map_err(taken)?;
            put(sink, topic, lane, &Key::control(), &control.encode()).map_err(taken)?;
            sink.settle().map_err(taken)?;
            sink.commit().map_err(taken)?;
            all.push(found);
        }
        Ok(all)
    }

    /// I1: all of it becomes visible together, and `next` counts from then on. Without transactions, lane 0's
    /// control record comes last. `failpoint` is reached before the commit.
    pub fn write(&mut self, next: &StateTopics, moved: &Moved, failpoint: &str) -> Result<(), MoveError> {
        let lanes = self.pipeline.lanes;
        let failed = |error| MoveError::Write { lanes, error };
        // Lane 0's producer, fenced in and holding its lane, writes for all.
        let Some(sink) = self.sinks.first_mut() else { return Err(MoveError::NotBegun(self.pipeline.name.clone())) };
        let topic = sink.topic(&next.positions).map_err(failed)?;
        sink.begin().map_err(failed)?;
        for (name, partition, position) in &moved.positions {
            let key = Key::Position { source: moved.source.clone(), topic: name.clone(), partition: *partition };
            put(sink, topic, lane_of(name, *partition, lanes), &key, &position.encode()).map_err(failed)?;
        }
        // Lane 0 last, when all else is there: it says that the generation is complete.
        for (lane, control) in moved.controls.iter().rev() {
            if *lane == 0 {
                sink.settle().map_err(failed)?;
            }
            put(sink, topic, *lane, &Key::control(), &control.encode()).map_err(failed)?;
        }
        sink.settle().map_err(failed)?;
        failpoint::hit(failpoint);
        sink.commit().map_err(failed)
    }
}

/// A process that was killed counts as a member until its session times out.
fn nobody_runs(pipeline: &str, observer: &BaseConsumer<Context>) -> Result<(), MoveError> {
    let group = format!("sluice.{pipeline}");
    let deadline = Instant::now() + LEAVE_WITHIN;
    loop {
        let list = observer
            .fetch_group_list(Some(&group), ASK_WITHIN)
            .map_err(|error| MoveError::Group { group: group.clone(), reason: error.to_string() })?;
        let members = list.groups().iter().filter(|found| found.name() == group).map(|found| found.members().len()).sum();
        if members == 0 {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(MoveError::Running { pipeline: pipeline.to_owned(), members });
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

/// A producer with the lane's transactional id: whoever held it before writes nothing any more.
fn fence(pipeline: &Pipeline, lane: u32) -> Result<Sink, MoveError> {
    let transactional = pipeline.delivery == Delivery::ExactlyOnce;
    let timeout = pipeline.transaction.timeout;
    let id = format!("sluice.{}.{lane}", pipeline.name);
    let settings = ProducerSettings {
        transactional_id: transactional.then_some(id.as_str()),
        transaction_timeout: timeout,
        memory: PRODUCER_BYTES,
        batch_bytes: 64 * 1024,
    };
    let producer = kafka::producer(&pipeline.target, &settings)
        .map_err(|error| MoveError::Producer { cluster: pipeline.target.name.clone(), reason: error.to_string() })?;
    let sink = Sink::new(producer, transactional, timeout);
    sink.init().map_err(|error| MoveError::Take { lane, error })?;
    Ok(sink)
}

/// I5: every lane was made as one of as many as were found. What a lane that is not seen has copied would count as new.
fn complete(pipeline: &str, found: &[Found], old: &StateTopics) -> Result<(), MoveError> {
    let mut recorded = (0..).zip(found).filter_map(|(lane, found)| Some((lane, found.control.as_ref()?.lanes)));
    match recorded.find(|(_, recorded)| *recorded as usize != found.len()) {
        None => Ok(()),
        Some((lane, recorded)) => {
            let (pipeline, topic) = (pipeline.to_owned(), old.positions.clone());
            Err(MoveError::Lanes { pipeline, lane, recorded, shown: found.len(), topic })
        }
    }
}

/// Everything that the new lanes start from.
pub struct Moved {
    /// Cluster id of the source.
    pub source: String,
    /// By lane.
    pub controls: BTreeMap<u32, Control>,
    /// Topic, partition, and where it stands.
    pub positions: Vec<(String, i32, Position)>,
}

/// The old lanes' state by the lanes that the configuration says.
pub fn gather(pipeline: &Pipeline, found: &[Found], old: &StateTopics, owner: &str) -> Result<Moved, MoveError> {
    let lost = |lane| MoveError::Lost { pipeline: pipeline.name.clone(), lane, topic: old.positions.clone() };
    complete(&pipeline.name, found, old)?;
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
        rekeying: None,
        halted: None,
        rekeyed: BTreeMap::new(),
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
    // Lane 0 keeps what was rekeyed. What no other configuration has written since is as true of the new generation.
    let mut rekeyed = found.first().and_then(|lane| lane.control.as_ref()).map_or_else(BTreeMap::new, |control| control.rekeyed.clone());
    rekeyed.values_mut().filter(|done| done.same_to == newest.generation).for_each(|done| done.same_to = control.generation);
    moved.controls.entry(0).and_modify(|control| control.rekeyed = rekeyed);
    Ok(moved)
}

fn put(sink: &mut Sink, topic: u16, lane: u32, key: &Key, value: &[u8]) -> Result<(), SinkError> {
    let record =
        Record { topic, partition: lane as i32, key: Some(&key.encode()), value: Some(value), headers: None, timestamp: now_millis() };
    sink.send_untracked(record)
}

#[cfg(test)]
mod tests;
