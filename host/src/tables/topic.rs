//! A table that is a compacted topic: read whole to its end, then followed. It only reads, and commits nothing.
//!
//! ```text
//! read whole into rows of its own ─▶ they become the table ─▶ apply what comes
//!        ▲                                                        │ offsets gone, partitions added, topic re-created
//!        └────────────────────────────────────────────────────────┘ (the table stays as it was meanwhile)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::pause;
use crate::config::plan::Cluster;
use crate::kafka::ffi::{FetchQueue, Fetched};
use crate::kafka::{self, Context};
use crate::metrics::TableMetrics;
use crate::plugin::Table;
use crate::plugin::tables::{State, TableFull};

/// How long one question to the cluster may take.
const ASK_WITHIN: Duration = Duration::from_secs(10);

/// How long the first read goes on without a record before it is given up.
const SILENCE: Duration = Duration::from_secs(30);

/// How often the cluster is asked whether the topic has more partitions.
const REFRESH: Duration = Duration::from_secs(60);

/// How long after a failure the topic is read again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What the client would try again for ever: the topic is gone, or not this principal's to read.
const UNREADABLE: [RDKafkaErrorCode; 5] = [
    RDKafkaErrorCode::TopicAuthorizationFailed,
    RDKafkaErrorCode::ClusterAuthorizationFailed,
    RDKafkaErrorCode::UnknownTopicOrPartition,
    RDKafkaErrorCode::UnknownTopic,
    RDKafkaErrorCode::UnknownPartition,
];

/// Follows one topic.
pub(super) struct Follower {
    name: String,
    topic: String,
    cluster: Arc<Cluster>,
    table: Arc<Table>,
    shown: TableMetrics,
    stop: Arc<AtomicBool>,
}

/// Why following ended.
enum Ended {
    /// It was asked to.
    Stopped,
    /// It must be read again from its beginning, for this reason.
    Again(String),
    /// It cannot be kept.
    Full(TableFull),
}

impl Follower {
    /// Of the table `name`, from a topic of that cluster.
    pub(super) fn new(
        name: &str,
        (cluster, topic): (&Arc<Cluster>, &str),
        table: Arc<Table>,
        shown: TableMetrics,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Follower { name: name.to_owned(), topic: topic.to_owned(), cluster: cluster.clone(), table, shown, stop }
    }

    /// Follows until it is stopped. Says once through `ready` that the table was read, or that it cannot be.
    pub(super) fn run(&self, ready: &Sender<Result<(), String>>) {
        let mut told = false;
        // What was said last, and when: not every try for the same reason is worth a line.
        let mut said: Option<(String, Instant)> = None;
        loop {
            let ended = self.follow(&mut || {
                if !std::mem::replace(&mut told, true) {
                    // Whoever waited may have given up already.
                    ready.send(Ok(())).ok();
                }
            });
            let Follower { name, topic, cluster, .. } = self;
            match ended {
                Ended::Stopped => return,
                Ended::Again(why) if !told => {
                    let message = format!("cannot read table {name} from topic {topic} of cluster {}: {why}", cluster.name);
                    ready.send(Err(message)).ok();
                    return;
                }
                Ended::Again(why) => {
                    self.shown.stale();
                    if said.as_ref().is_none_or(|(last, at)| *last != why || at.elapsed() > REFRESH) {
                        tracing::warn!(table = name, topic, cluster = cluster.name, "table is read again, its rows stay meanwhile: {why}");
                        said = Some((why, Instant::now()));
                    }
                    pause(AGAIN_AFTER, &self.stop);
                }
                Ended::Full(full) => {
                    self.shown.stale();
                    *self.table.change() = State::default();
                    if told {
                        tracing::error!(table = name, topic, cluster = cluster.name, "table is given up, look-ups in it fail: {full}");
                    } else {
                        ready.send(Err(format!("cannot keep table {name} from topic {topic}: {full}"))).ok();
                    }
                    return;
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn partitions(&self, queue: &FetchQueue<Context>) -> Result<i32, String> {
        let metadata = queue.consumer().fetch_metadata(Some(&self.topic), ASK_WITHIN).map_err(|error| error.to_string())?;
        let found = metadata.topics().iter().find(|topic| topic.name() == self.topic);
        match found.map(|topic| (topic.error(), topic.partitions().len())) {
            Some((None, partitions)) if partitions > 0 => Ok(partitions as i32),
            Some((Some(error), _)) => Err(kafka::reason(RDKafkaErrorCode::from(error))),
            _ => Err("there is no such topic".to_owned()),
        }
    }

    fn assign(&self) -> Result<(FetchQueue<Context>, i32), String> {
        let reader = kafka::table_reader(&self.cluster, &self.name).map_err(|error| error.to_string())?;
        let queue = FetchQueue::new(reader).ok_or("the client has no queue")?;
        let partitions = self.partitions(&queue)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(&self.topic, partition, Offset::Beginning).map_err(|error| error.to_string())?;
        }
        queue.consumer().assign(&list).map_err(|error| error.to_string())?;
        Ok((queue, partitions))
    }

    fn follow(&self, told: &mut dyn FnMut()) -> Ended {
        let (mut queue, partitions) = match self.assign() {
            Ok(assigned) => assigned,
            Err(why) => return Ended::Again(why),
        };
        let mut applied = Applied::default();
        let mut whole = State::default();
        let mut batch = Vec::new();
        let (mut heard, mut asked) = (Instant::now(), Instant::now());
        while !self.stopped() {
            queue.take(&mut batch, 1_000, Duration::from_millis(100));
            let complete = applied.complete(partitions);
            if batch.is_empty() && !complete && heard.elapsed() > SILENCE {
                let last = queue.consumer().context().last_error();
                return Ended::Again(last.unwrap_or_else(|| format!("no record came for {} seconds", SILENCE.as_secs())));
            }
            if !batch.is_empty() {
                heard = Instant::now();
                let result = if complete {
                    self.apply(&mut applied, &mut self.table.change(), &mut batch)
                } else {
                    self.apply(&mut applied, &mut whole, &mut batch)
                };
                if let Err(ended) = result {
                    return ended;
                }
                if !complete && applied.complete(partitions) {
                    tracing::info!(table = self.name, topic = self.topic, rows = whole.rows.len(), skipped = applied.skipped, "table read");
                    *self.table.change() = std::mem::take(&mut whole);
                    told();
                }
                if applied.complete(partitions) {
                    self.shown.current(self.table.now().rows.len());
                }
            }
            if asked.elapsed() > REFRESH {
                asked = Instant::now();
                // A cluster that does not answer now is asked again; what it sends is followed all the same.
                if let Ok(now) = self.partitions(&queue)
                    && now != partitions
                {
                    return Ended::Again(format!("it has {now} partitions now, and had {partitions}"));
                }
            }
        }
        Ended::Stopped
    }

    fn apply(&self, applied: &mut Applied, state: &mut State, batch: &mut Vec<Fetched>) -> Result<(), Ended> {
        for fetched in batch.drain(..) {
            match fetched.error() {
                None => self.apply_record(applied, state, &fetched)?,
                Some(RDKafkaErrorCode::PartitionEOF) => {
                    applied.ended.insert(fetched.partition());
                }
                Some(code @ (RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)) => {
                    return Err(Ended::Again(format!("offsets of partition {} are gone: {code}", fetched.partition())));
                }
                // It would try for ever, with rows that nobody knows to be old.
                Some(code) if UNREADABLE.contains(&code) => return Err(Ended::Again(kafka::reason(code))),
                // The client keeps trying.
                Some(_) => continue,
            }
            let next = fetched.offset() + i64::from(fetched.error().is_none());
            applied.next.insert(fetched.partition(), next);
        }
        state.revision = Some(applied.revision());
        Ok(())
    }

    fn apply_record(&self, applied: &mut Applied, state: &mut State, record: &Fetched) -> Result<(), Ended> {
        let key = record.key().unwrap_or_default();
        let row = record.value().filter(|value| !value.is_empty());
        let object = row.and_then(|row| serde_json::from_slice::<&RawValue>(row).ok()).filter(|row| row.get().starts_with('{'));
        match object {
            Some(object) => {
                state.rows.put(key, object.get().as_bytes()).map_err(Ended::Full)?;
            }
            None => {
                state.rows.take(key);
                if row.is_some() {
                    let (table, topic, partition, offset) = (&self.name, &self.topic, record.partition(), record.offset());
                    if applied.skipped == 0 {
                        tracing::warn!(
                            table,
                            topic,
                            partition,
                            offset,
                            "a value is not a JSON object, so that there is no such row; others are counted in sluice_table_skipped_total"
                        );
                    }
                    applied.skipped += 1;
                    self.shown.skipped(1);
                }
            }
        }
        Ok(())
    }
}

/// How far the table is.
#[derive(Default)]
struct Applied {
    /// The next offset of each partition.
    next: BTreeMap<i32, i64>,
    /// Partitions that were read to their end once.
    ended: BTreeSet<i32>,
    /// Records that are no row.
    skipped: u64,
}

impl Applied {
    fn complete(&self, partitions: i32) -> bool {
        self.ended.len() == partitions as usize
    }

    /// The same offsets make the same rows.
    fn revision(&self) -> u64 {
        let mut hash = Sha256::new();
        for (partition, next) in &self.next {
            hash.update(partition.to_be_bytes());
            hash.update(next.to_be_bytes());
        }
        hash.finalize().iter().take(8).fold(0, |revision, byte| revision << 8 | u64::from(*byte))
    }
}
