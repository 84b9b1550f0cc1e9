//! The newest records of a topic, as they come, for an author who wants to see a plugin on real ones. It reads, and must not
//! commit, join a group or write anything.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;
use thiserror::Error;

use crate::chain::Sample;
use crate::config::plan::Cluster;
use crate::kafka::ffi::{FetchQueue, Fetched};
use crate::kafka::{self, Context};

/// How long the client may wait for an answer about the topic.
const ASK_WITHIN: Duration = Duration::from_secs(15);
/// What the client may hold, in bytes: a few records are looked at.
const MEMORY: usize = 8 << 20;

/// The topic cannot be read.
#[derive(Debug, Error)]
#[error("cannot read topic {topic} of {cluster}: {reason}")]
pub struct TailError {
    topic: String,
    cluster: String,
    reason: String,
}

/// A reader that stands near the end of every partition.
pub struct Tail {
    queue: FetchQueue<Context>,
    topic: String,
    cluster: String,
    batch: Vec<Fetched>,
    /// The newest records, the oldest first.
    pub recent: VecDeque<Sample>,
    most: usize,
}

impl Tail {
    /// Begins `most` records before the end of each partition, or where the partition begins.
    pub fn open(cluster: &Cluster, topic: &str, most: usize) -> Result<Tail, TailError> {
        let failed = |reason: String| TailError { topic: topic.to_owned(), cluster: cluster.name.clone(), reason };
        let said = |error: rdkafka::error::KafkaError| failed(error.to_string());
        let consumer = kafka::source_consumer(cluster, "plugin-dev", MEMORY).map_err(said)?;
        let metadata = consumer.fetch_metadata(Some(topic), ASK_WITHIN).map_err(said)?;
        let partitions: Vec<i32> = metadata
            .topics()
            .iter()
            .filter(|found| found.error().is_none())
            .flat_map(|found| found.partitions())
            .map(|one| one.id())
            .collect();
        if partitions.is_empty() {
            return Err(failed("there is no such topic".into()));
        }
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            let (low, high) = consumer.fetch_watermarks(topic, partition, ASK_WITHIN).map_err(said)?;
            let from = high.saturating_sub(i64::try_from(most).unwrap_or(i64::MAX)).max(low);
            list.add_partition_offset(topic, partition, Offset::Offset(from)).map_err(said)?;
        }
        consumer.assign(&list).map_err(said)?;
        let queue = FetchQueue::new(consumer).ok_or_else(|| failed("the client has no consumer queue".into()))?;
        let (topic, cluster) = (topic.to_owned(), cluster.name.clone());
        Ok(Tail { queue, topic, cluster, batch: Vec::new(), recent: VecDeque::new(), most })
    }

    /// Waits up to `wait` for records and returns those that came, at most as many as are kept.
    pub fn next(&mut self, wait: Duration) -> Result<Vec<Sample>, TailError> {
        let until = Instant::now() + wait;
        let mut new = Vec::new();
        while new.is_empty() && Instant::now() < until {
            self.queue.take(&mut self.batch, self.most, until.saturating_duration_since(Instant::now()));
            for fetched in self.batch.drain(..) {
                match fetched.error() {
                    None => new.push(sample(&fetched)),
                    Some(RDKafkaErrorCode::PartitionEOF) => {}
                    Some(code) if fetched.topic().is_some() => {
                        let (topic, cluster) = (self.topic.clone(), self.cluster.clone());
                        return Err(TailError { topic, cluster, reason: kafka::reason(code) });
                    }
                    // The client as a whole: it reconnects by itself.
                    Some(_) => {}
                }
            }
        }
        for sample in &new {
            if self.recent.len() == self.most {
                self.recent.pop_front();
            }
            self.recent.push_back(sample.clone());
        }
        Ok(new)
    }
}

fn sample(fetched: &Fetched) -> Sample {
    let headers = fetched.headers().unwrap_or_default();
    Sample {
        offset: fetched.offset(),
        timestamp: fetched.timestamp(),
        key: fetched.key().map(<[u8]>::to_vec),
        value: fetched.value().map(<[u8]>::to_vec),
        headers: headers.into_iter().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect(),
    }
}
