//! Reads the source partitions of one lane. Owns where each of them stands in memory; where they stand for good is the
//! lane's to commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::Context;
use crate::kafka::ffi::{FetchQueue, Fetched};

/// How long the client's own thread may take to note where a partition begins. No broker is asked meanwhile.
const SEEK_WITHIN: Duration = Duration::from_secs(10);

/// Pause before a partition that the client is still letting go, or has not taken up yet, is tried again.
const SEEK_AGAIN: Duration = Duration::from_millis(2);

/// The source consumer failed as a whole, or refused an assignment.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} the source: {reason}")]
pub struct SourceError {
    pub doing: &'static str,
    pub reason: String,
}

/// What one look at the source brought, besides records.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The end of a partition, for now: everything below `next` has been delivered or is no record.
    End { slot: usize, next: i64 },
    /// The same below what comes next: the log was truncated, or its leader does not tell all of it yet.
    Short { slot: usize, end: i64 },
    /// The partition cannot be read on.
    Broken { slot: usize, trouble: Trouble },
}

/// Why a partition cannot be read on.
#[derive(Debug, PartialEq, Eq)]
pub struct Trouble {
    pub code: RDKafkaErrorCode,
    /// Where the log parted from the one that was read before, as far as the client names it.
    pub log_end: Option<i64>,
    /// Where the client was told to read from: below what comes next where the log is checked there, see [`Epoch`].
    pub from: i64,
}

/// The leader's epoch of the last record read. It holds up to `at`, the offset behind that record: from there to what comes
/// next lie only control records and aborted ones, perhaps of later leaders. The log is checked at `at` and read from
/// there: a record before what comes next was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub number: i32,
    pub at: i64,
}

/// A run of records of one partition, in order, within [`Batch::records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub slot: usize,
    pub start: usize,
    pub end: usize,
}

/// What one look at the source brought. Reused from look to look.
#[derive(Default)]
pub struct Batch {
    pub records: Vec<Fetched>,
    pub runs: Vec<Run>,
    pub events: Vec<Event>,
    raw: Vec<Fetched>,
}

struct Reading {
    topic: Arc<str>,
    partition: i32,
    /// The lowest offset that may still come; None while the partition is not assigned.
    next: Option<i64>,
    /// Where the client reads from, at or below `next`.
    from: i64,
    /// Something could not be read; nothing is taken until it is read anew.
    blocked: bool,
}

/// Where something stands that the client delivered.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// At or behind what comes next.
    Next,
    /// Below it, where nothing was.
    Below,
    /// Left over from before a rewind, or behind what could not be read.
    Stale,
}

impl Reading {
    fn go_to(&mut self, next: i64, epoch: Option<Epoch>) {
        self.next = Some(next);
        self.from = epoch.map_or(next, |epoch| epoch.at.min(next));
        self.blocked = false;
    }

    fn place(&self, offset: i64) -> Place {
        match self.next.filter(|_| !self.blocked) {
            Some(next) if offset >= next => Place::Next,
            Some(_) if offset >= self.from => Place::Below,
            _ => Place::Stale,
        }
    }

    /// Everything below `next` was delivered.
    fn pass_to(&mut self, next: i64) {
        self.next = Some(next);
        self.from = next;
    }
}

/// One consumer and the partitions assigned to it, by slot number.
pub struct Source {
    queue: FetchQueue<Context>,
    reading: Vec<Reading>,
    /// By the client's topic handle, which lives no longer than an assignment.
    by_handle: HashMap<(usize, i32), usize>,
    /// The last one looked up.
    last: Option<((usize, i32), usize)>,
}

impl Source {
    /// Takes the consumer over, with nothing assigned. One without a `group.id` has no queue, and is refused.
    pub fn new(consumer: BaseConsumer<Context>) -> Result<Self, SourceError> {
        let queue = FetchQueue::new(consumer)
            .ok_or_else(|| SourceError { doing: "open the queue of", reason: "the client has no consumer queue".into() })?;
        Ok(Self { queue, reading: Vec::new(), by_handle: HashMap::new(), last: None })
    }

    /// Adds a partition and returns its slot; it is read from `next` on after the next [`Source::rewind`] or
    /// [`Source::start`].
    pub fn add(&mut self, topic: Arc<str>, partition: i32) -> usize {
        self.reading.push(Reading { topic, partition, next: None, from: 0, blocked: false });
        self.reading.len() - 1
    }

    /// Starts one more partition without disturbing the others. Where the epoch of the leader that served the last record
    /// below `next` is known, a log that was truncated and has grown past `next` since is noticed, and comes as
    /// [`Event::Broken`].
    pub fn start(&mut self, slot: usize, next: i64, epoch: Option<Epoch>) -> Result<(), SourceError> {
        self.reading[slot].go_to(next, epoch);
        let list = self.list(&[slot])?;
        self.queue.consumer().incremental_assign(&list).map_err(|error| refused(&error))?;
        self.check_log(slot, epoch)
    }

    /// Has the client compare the log with the one that was read, where the leader's epoch is known.
    fn check_log(&self, slot: usize, epoch: Option<Epoch>) -> Result<(), SourceError> {
        use RDKafkaErrorCode as E;
        let Some(epoch) = epoch.filter(|epoch| epoch.at > 0 && epoch.number >= 0) else { return Ok(()) };
        let reading = &self.reading[slot];
        let deadline = Instant::now() + SEEK_WITHIN;
        loop {
            match self.queue.seek(&reading.topic, reading.partition, reading.from, epoch.number, SEEK_WITHIN) {
                Ok(()) => return Ok(()),
                // An assignment waits until the one before it has ended; a seek refuses meanwhile.
                Err(E::PreviousInProgress | E::State) if Instant::now() < deadline => std::thread::park_timeout(SEEK_AGAIN),
                Err(code) => return Err(SourceError { doing: "go to the committed position of", reason: code.to_string() }),
            }
        }
    }

    /// Whether a partition is being read.
    pub fn reads(&self, slot: usize) -> bool {
        self.reading[slot].next.is_some()
    }

    /// Stops one partition; the others go on.
    pub fn stop(&mut self, slot: usize) -> Result<(), SourceError> {
        if self.reading[slot].next.is_none() {
            return Ok(());
        }
        let list = self.list(&[slot])?;
        self.by_handle.clear();
        self.last = None;
        self.reading[slot].next = None;
        self.queue.consumer().incremental_unassign(&list).map_err(|error| refused(&error))
    }

    /// Drops everything prefetched and reads every assigned partition again from the offset that `position` says, with
    /// the epoch of the leader that served what is below it, as [`Source::start`].
    pub fn rewind(&mut self, position: impl Fn(usize) -> (i64, Option<Epoch>)) -> Result<(), SourceError> {
        let slots: Vec<usize> = (0..self.reading.len()).filter(|slot| self.reading[*slot].next.is_some()).collect();
        if slots.is_empty() {
            return Ok(());
        }
        // Unassigning first ends every fetch under way; the new assignment has a new version, which outdates what is
        // still queued.
        self.by_handle.clear();
        self.last = None;
        let old = self.list(&slots)?;
        self.queue.consumer().incremental_unassign(&old).map_err(|error| refused(&error))?;
        for slot in &slots {
            let (next, epoch) = position(*slot);
            self.reading[*slot].go_to(next, epoch);
        }
        let new = self.list(&slots)?;
        self.queue.consumer().incremental_assign(&new).map_err(|error| refused(&error))?;
        slots.into_iter().try_for_each(|slot| self.check_log(slot, position(slot).1))
    }

    fn list(&self, slots: &[usize]) -> Result<TopicPartitionList, SourceError> {
        let mut list = TopicPartitionList::with_capacity(slots.len());
        for slot in slots {
            let reading = &self.reading[*slot];
            let offset = Offset::Offset(reading.next.unwrap_or(0));
            list.add_partition_offset(&reading.topic, reading.partition, offset).map_err(|error| refused(&error))?;
        }
        Ok(list)
    }

    /// Fills `batch` with up to `most` records, waiting up to `wait` for the first. A record that is not the next of
    /// its partition is dropped here: left over from before a rewind, or where nothing was when the log was read before, which
    /// comes as [`Event::Broken`].
    pub fn fetch(&mut self, batch: &mut Batch, most: usize, wait: Duration) -> Result<(), SourceError> {
        batch.records.clear();
        batch.runs.clear();
        batch.events.clear();
        self.queue.take(&mut batch.raw, most, wait);
        for fetched in batch.raw.drain(..) {
            let slot = self.slot_of(&fetched);
            match (fetched.error(), slot) {
                (None, Some(slot)) => {
                    let (reading, offset) = (&mut self.reading[slot], fetched.offset());
                    match reading.place(offset) {
                        Place::Next => reading.pass_to(offset + 1),
                        Place::Below => {
                            reading.blocked = true;
                            let code = RDKafkaErrorCode::OffsetOutOfRange;
                            let trouble = Trouble { code, log_end: Some(offset), from: reading.from };
                            batch.events.push(Event::Broken { slot, trouble });
                            continue;
                        }
                        Place::Stale => continue,
                    }
                    let at = batch.records.len();
                    match batch.runs.last_mut() {
                        Some(run) if run.slot == slot => run.end = at + 1,
                        _ => batch.runs.push(Run { slot, start: at, end: at + 1 }),
                    }
                    batch.records.push(fetched);
                }
                (Some(RDKafkaErrorCode::PartitionEOF), Some(slot)) => {
                    let (reading, end) = (&mut self.reading[slot], fetched.offset());
                    match reading.place(end) {
                        Place::Next => {
                            reading.pass_to(end);
                            batch.events.push(Event::End { slot, next: end });
                        }
                        Place::Below => batch.events.push(Event::Short { slot, end }),
                        Place::Stale => {}
                    }
                }
                (Some(code), Some(slot)) => {
                    if self.reading[slot].next.is_some() {
                        let log_end = fetched.error_text().as_deref().and_then(log_end);
                        let trouble = Trouble { code, log_end, from: self.reading[slot].from };
                        batch.events.push(Event::Broken { slot, trouble });
                    }
                    if matches!(code, RDKafkaErrorCode::BadMessage | RDKafkaErrorCode::BadCompression | RDKafkaErrorCode::NotImplemented) {
                        // The client goes on behind what it cannot read: nothing after it may pass for the next record.
                        self.reading[slot].blocked = true;
                    }
                }
                // An event of the client as a whole: it reconnects by itself and has logged why.
                (_, None) => {}
            }
        }
        Ok(())
    }

    fn slot_of(&mut self, fetched: &Fetched) -> Option<usize> {
        let id = (fetched.topic_handle(), fetched.partition());
        // Records come in runs of one partition.
        if let Some((last, slot)) = self.last
            && last == id
        {
            return Some(slot);
        }
        let slot = self.find_slot(fetched, id)?;
        self.last = Some((id, slot));
        Some(slot)
    }

    fn find_slot(&mut self, fetched: &Fetched, id: (usize, i32)) -> Option<usize> {
        if let Some(slot) = self.by_handle.get(&id) {
            return Some(*slot);
        }
        let topic = fetched.topic()?;
        let slot = self.reading.iter().position(|reading| &*reading.topic == topic && reading.partition == id.1)?;
        self.by_handle.insert(id, slot);
        Some(slot)
    }
}

/// The end of the log that still agrees, out of the client's words: it has no field for it (librdkafka 2.12.1,
/// `rd_kafka_toppar_handle_OffsetForLeaderEpoch`). 0 where nothing of it does; None where it speaks of something else.
fn log_end(text: &str) -> Option<i64> {
    let (_, after) = text.split_once("broker end offset is ")?;
    let number = after.split(|c: char| !c.is_ascii_digit() && c != '-').next()?;
    Some(number.parse::<i64>().ok()?.max(0))
}

fn refused(error: &KafkaError) -> SourceError {
    SourceError { doing: "assign partitions of", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_where_nothing_was_is_neither_next_nor_stale() {
        let mut reading = Reading { topic: "t".into(), partition: 0, next: None, from: 0, blocked: false };
        let places = |reading: &Reading| [10, 11, 12, 13].map(|offset| reading.place(offset));
        assert_eq!(places(&reading), [Place::Stale, Place::Stale, Place::Stale, Place::Stale], "not read");
        // The last record was at 10; at 11 was a marker.
        reading.go_to(12, Some(Epoch { number: 3, at: 11 }));
        assert_eq!(places(&reading), [Place::Stale, Place::Below, Place::Next, Place::Next]);
        reading.pass_to(12);
        assert_eq!(places(&reading), [Place::Stale, Place::Stale, Place::Next, Place::Next]);
        reading.go_to(12, None);
        assert_eq!(places(&reading), [Place::Stale, Place::Stale, Place::Next, Place::Next]);
        reading.blocked = true;
        assert_eq!(reading.place(12), Place::Stale);
    }

    #[test]
    fn the_end_of_a_truncated_log_is_read_off_the_clients_words() {
        let says = "Partition log truncation detected at offset 150 (leader epoch 0): broker end offset is 100 (offset leader epoch 0). Reset to INVALID.";
        assert_eq!(log_end(says), Some(100));
        assert_eq!(
            log_end("No epoch found less or equal to offset 100 (leader epoch 0): broker end offset is -1 (offset leader epoch -1)."),
            Some(0)
        );
        for other in ["", "fetch failed due to requested offset not available on the broker", "broker end offset is x"] {
            assert_eq!(log_end(other), None, "{other}");
        }
    }
}
