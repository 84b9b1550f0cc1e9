//! Taking a lane over, in the one order that is safe. It must not read a source record or decide what a failure means.
//!
//! own the lane → initialise transactions (fences the predecessor) → still own it? → take the high watermark of the
//! positions partition → read it up to that mark → the caller assigns, seeks and begins. Reading before initialising,
//! or only to the last stable offset, would miss what the predecessor still commits, and double its records (I3).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::Cluster;
use crate::failpoint;
use crate::kafka;
use crate::kafka::ffi::{self, FetchQueue, Fetched, Spec};
use crate::position::{Control, Key, Position, Unreadable};

/// How long a take-over waits for the positions partition to be read.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// What a lane's partition of the positions topic says.
#[derive(Default, Debug)]
pub struct Found {
    pub control: Option<Control>,
    /// By topic and partition, of this pipeline's source cluster.
    pub positions: BTreeMap<(String, i32), Position>,
    /// Cluster ids of positions found, to notice that the source is another cluster than it was.
    pub sources: std::collections::BTreeSet<String>,
}

/// The positions partition could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read the lane's positions: {0}")]
    Kafka(String),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("stopped")]
    Stopped,
}

/// Reads partition `lane` of `topic` up to the high watermark that it has when this begins.
pub fn read(target: &Cluster, pipeline: &str, topic: &str, lane: u32, give_up: &dyn Fn() -> bool) -> Result<Found, ReadError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| ReadError::Kafka(format!("{what}: {error}"));
    let partition = lane as i32;
    let reader = kafka::state_reader(target, pipeline).map_err(|error| failed("the reader could not be made", &error))?;
    // I3: the mark is the high watermark, not the last stable offset: an open transaction of somebody else must not
    // hide what is committed behind it.
    let marks = ffi::list_offsets(reader.client(), &[(topic, partition)], Spec::Latest, READ_WITHIN)
        .map_err(|error| failed("its end could not be asked for", &error))?;
    let mark = match marks.get(&(topic.to_owned(), partition)) {
        Some(Ok(mark)) => *mark,
        Some(Err(error)) => return Err(failed("its end could not be asked for", error)),
        None => return Err(ReadError::Kafka("the brokers did not name its end".into())),
    };
    failpoint::hit("in_position_read");
    let mut found = Found::default();
    if mark == 0 {
        return Ok(found);
    }
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning).map_err(|error| failed("its start could not be set", &error))?;
    reader.assign(&list).map_err(|error| failed("it could not be assigned", &error))?;
    let mut queue = FetchQueue::new(reader).ok_or_else(|| ReadError::Kafka("the reader has no queue".into()))?;
    let deadline = Instant::now() + READ_WITHIN;
    let mut batch: Vec<Fetched> = Vec::new();
    loop {
        if give_up() {
            return Err(ReadError::Stopped);
        }
        if Instant::now() > deadline {
            return Err(ReadError::Kafka(format!(
                "its end (offset {mark}) was not reached within {} s; a transaction may be open in it",
                READ_WITHIN.as_secs()
            )));
        }
        queue.take(&mut batch, 1_000, Duration::from_millis(100));
        for fetched in batch.drain(..) {
            match fetched.error() {
                None => take_in(&mut found, &fetched)?,
                // Control markers are never delivered: only this event says that the mark is reached.
                Some(RDKafkaErrorCode::PartitionEOF) if fetched.offset() >= mark || failpoint::mutant("positions_to_lso") => {
                    return Ok(found);
                }
                Some(RDKafkaErrorCode::PartitionEOF) => {}
                Some(code) if fetched.topic().is_some() => return Err(failed("the brokers refuse", &code)),
                Some(_) => {}
            }
        }
    }
}

fn take_in(found: &mut Found, record: &Fetched) -> Result<(), ReadError> {
    let key = Key::decode(record.key().unwrap_or_default())?;
    match (key, record.value()) {
        (Key::Control { .. }, Some(value)) => found.control = Some(Control::decode(value)?),
        (Key::Control { .. }, None) => found.control = None,
        (Key::Position { source, topic, partition }, Some(value)) => {
            found.sources.insert(source);
            found.positions.insert((topic, partition), Position::decode(value)?);
        }
        (Key::Position { topic, partition, .. }, None) => {
            found.positions.remove(&(topic, partition));
        }
    }
    Ok(())
}
