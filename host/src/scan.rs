//! Reads what is committed once, from an offset to an end, for commands that answer from it: the offset map, and ranges
//! of any topic. It must not keep a record, and says nothing of what stands in one.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::Cluster;
use crate::kafka::ffi::{FetchQueue, Fetched};
use crate::kafka::{self, Context};
use crate::offset_map::{self, MapRecord};

/// How long nothing may come before a reader gives up.
const SILENCE: Duration = Duration::from_secs(60);

/// One look at the queue.
const LOOK: Duration = Duration::from_millis(100);

/// Something could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {topic} on {cluster}: {reason}")]
pub struct ScanError {
    pub topic: String,
    pub cluster: String,
    pub reason: String,
}

/// A part of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<'a> {
    pub topic: &'a str,
    pub partition: i32,
    /// The first offset; it has to be there still.
    pub from: i64,
    /// The offset after the last one.
    pub to: i64,
}

/// Hands every committed record of `range` to `each`, in order.
pub fn range(cluster: &Cluster, pipeline: &str, range: Range<'_>, each: &mut dyn FnMut(&Fetched)) -> Result<(), ScanError> {
    if range.from >= range.to {
        return Ok(());
    }
    let mut scan = Scan::open(cluster, pipeline, range.topic, &[(range.partition, Offset::Offset(range.from))])?;
    scan.run(&mut |record| match record {
        Seen::Record(record) if record.offset() < range.to => {
            each(record);
            Ok(record.offset() + 1 >= range.to)
        }
        Seen::Record(_) => Ok(true),
        Seen::End(_, next) => Ok(next >= range.to),
    })
}

/// Hands every record of one generation of the offset map to `each`, with its lane: each lane in log order.
pub fn map(target: &Cluster, pipeline: &str, topic: &str, lanes: u32, each: &mut dyn FnMut(u32, MapRecord)) -> Result<(), ScanError> {
    let from: Vec<(i32, Offset)> = (0..lanes as i32).map(|lane| (lane, Offset::Beginning)).collect();
    let mut ended = vec![false; lanes as usize];
    let mut scan = Scan::open(target, pipeline, topic, &from)?;
    scan.run(&mut |seen| {
        match seen {
            Seen::End(lane, _) => {
                if let Some(ended) = ended.get_mut(lane as usize) {
                    *ended = true;
                }
            }
            Seen::Record(record) => {
                let decoded = offset_map::decode(record.value().unwrap_or_default()).map_err(|error| error.to_string())?;
                each(record.partition() as u32, decoded);
            }
        }
        Ok(ended.iter().all(|ended| *ended))
    })
}

/// What a reader meets.
enum Seen<'a> {
    Record(&'a Fetched),
    /// The end of a partition, and the offset that comes next there.
    End(i32, i64),
}

struct Scan {
    queue: FetchQueue<Context>,
    topic: String,
    cluster: String,
}

impl Scan {
    fn open(cluster: &Cluster, pipeline: &str, topic: &str, from: &[(i32, Offset)]) -> Result<Self, ScanError> {
        let failed = |reason: String| ScanError { topic: topic.to_owned(), cluster: cluster.name.clone(), reason };
        let reader = kafka::state_reader(cluster, pipeline).map_err(|error| failed(error.to_string()))?;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in from {
            list.add_partition_offset(topic, *partition, *offset).map_err(|error| failed(error.to_string()))?;
        }
        reader.assign(&list).map_err(|error| failed(error.to_string()))?;
        let queue = FetchQueue::new(reader).ok_or_else(|| failed("the reader has no queue".into()))?;
        Ok(Self { queue, topic: topic.to_owned(), cluster: cluster.name.clone() })
    }

    /// Until `each` says that it has seen enough.
    fn run(&mut self, each: &mut dyn FnMut(Seen<'_>) -> Result<bool, String>) -> Result<(), ScanError> {
        let (topic, cluster) = (self.topic.clone(), self.cluster.clone());
        let failed = |reason: String| ScanError { topic: topic.clone(), cluster: cluster.clone(), reason };
        let mut heard = Instant::now();
        let mut batch: Vec<Fetched> = Vec::new();
        loop {
            self.queue.take(&mut batch, 2_000, LOOK);
            if batch.is_empty() && heard.elapsed() > SILENCE {
                return Err(failed(format!("nothing came for {} s; a transaction may be open in it", SILENCE.as_secs())));
            }
            for fetched in batch.drain(..) {
                let seen = match fetched.error() {
                    None => Seen::Record(&fetched),
                    Some(RDKafkaErrorCode::PartitionEOF) => Seen::End(fetched.partition(), fetched.offset()),
                    Some(code) if fetched.topic().is_some() => return Err(failed(kafka::reason(code))),
                    // Connections come and go; silence tells when they do not come back.
                    Some(_) => continue,
                };
                heard = Instant::now();
                if each(seen).map_err(failed)? {
                    return Ok(());
                }
            }
        }
    }
}
