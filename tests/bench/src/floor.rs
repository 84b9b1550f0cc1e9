//! The floor: what the client library costs when nothing but consuming, producing and transactions is done. It must stay
//! bare: no positions, no offset map, no steps, no recovery; any error ends it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::util::Timeout;

use crate::{Failed, clients, topics};

/// Records between two looks at the clock and at the delivery reports.
const LOOK: u32 = 1_000;

/// How long one look for a record, or for room in the producer's queue, may block.
const WAIT: Duration = Duration::from_millis(50);

#[derive(Args)]
pub struct Floor {
    /// Bootstrap servers of the source.
    #[arg(long)]
    from: String,
    /// Bootstrap servers of the target.
    #[arg(long)]
    to: String,
    /// The topic; it has the same name and as many partitions on the target.
    #[arg(long)]
    topic: String,
    /// Milliseconds between two commits.
    #[arg(long, default_value_t = 1_000)]
    transaction_ms: u64,
}

impl Floor {
    pub fn run(&self) -> Result<(), Failed> {
        let consumer = clients::consumer(&self.from)?;
        let mut missing: BTreeMap<i32, i64> = topics::ends(&consumer, &self.topic)?;
        missing.retain(|_, end| *end > 0);
        let mut list = TopicPartitionList::new();
        for partition in missing.keys() {
            list.add_partition_offset(&self.topic, *partition, Offset::Beginning).map_err(Failed::to("assign partitions"))?;
        }
        consumer.assign(&list).map_err(Failed::to("assign partitions"))?;
        let producer = clients::producer(&self.to, Some("sluice-bench-floor"))?;
        producer.init_transactions(Timeout::After(Duration::from_secs(30))).map_err(Failed::to("initialise transactions"))?;
        self.copy(&consumer, &producer, missing)
    }

    /// Copies until every partition has reached its end in `missing`.
    fn copy(&self, consumer: &BaseConsumer, producer: &BaseProducer, mut missing: BTreeMap<i32, i64>) -> Result<(), Failed> {
        let age = Duration::from_millis(self.transaction_ms);
        let mut open: Option<Instant> = None;
        let mut since_look = 0;
        while !missing.is_empty() {
            match consumer.poll(WAIT) {
                Some(Ok(record)) => {
                    if open.is_none() {
                        producer.begin_transaction().map_err(Failed::to("begin a transaction"))?;
                        open = Some(Instant::now());
                    }
                    self.send(producer, &record)?;
                    if missing.get(&record.partition()).is_some_and(|end| record.offset() + 1 >= *end) {
                        missing.remove(&record.partition());
                    }
                    since_look += 1;
                }
                // An end below the one at the start: what was missing are no records.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    missing.remove(&partition);
                }
                Some(Err(error)) => return Err(Failed::new("read a record", error)),
                None => since_look = LOOK,
            }
            if since_look >= LOOK {
                since_look = 0;
                producer.poll(Duration::ZERO);
                if open.is_some_and(|since| since.elapsed() >= age) {
                    commit(producer)?;
                    open = None;
                }
            }
        }
        if open.is_some() { commit(producer) } else { Ok(()) }
    }

    fn send(&self, producer: &BaseProducer, record: &BorrowedMessage<'_>) -> Result<(), Failed> {
        let mut out = BaseRecord::<[u8], [u8]>::to(&self.topic).partition(record.partition());
        out.key = record.key();
        out.payload = record.payload();
        out.timestamp = record.timestamp().to_millis();
        out.headers = record.headers().map(|headers| headers.detach());
        loop {
            match producer.send(out) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    out = back;
                    producer.poll(WAIT);
                }
                Err((error, _)) => return Err(Failed::new("write a record", error)),
            }
        }
    }
}

fn commit(producer: &BaseProducer) -> Result<(), Failed> {
    producer.commit_transaction(Timeout::Never).map_err(Failed::to("commit"))
}
