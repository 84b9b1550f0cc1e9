//! Writes the data that every run reads, once. It must not add to a topic that holds something else.

use std::time::Duration;

use clap::Args;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::record::{self, SMALLEST_JSON, Shape};
use crate::{Failed, clients, topics};

/// Timestamp of the first record, milliseconds; each later one is a millisecond younger.
const FIRST_TIMESTAMP: i64 = 1_767_225_600_000;

#[derive(Args)]
pub struct Fill {
    /// Bootstrap servers.
    #[arg(long)]
    brokers: String,
    /// The topic; made where it is missing.
    #[arg(long)]
    topic: String,
    #[arg(long)]
    partitions: i32,
    /// Records over all partitions.
    #[arg(long)]
    records: u64,
    /// Bytes of each value. From 260 on values are JSON payments, below they mean nothing. Records have no key.
    #[arg(long)]
    size: usize,
}

impl Fill {
    pub fn run(&self) -> Result<(), Failed> {
        let client = clients::observer(&self.brokers)?;
        match topics::partitions(&client, &self.topic)? {
            None => topics::create(&clients::admin(&self.brokers)?, &client, &self.topic, self.partitions)?,
            Some(_) => {
                let ends = topics::ends(&client, &self.topic)?;
                let held = ends.values().sum::<i64>().unsigned_abs();
                if (ends.len() as i32, held) == (self.partitions, self.records) {
                    return Ok(());
                }
                if held > 0 {
                    let reason = format!("it holds {held} records in {} partitions; delete it", ends.len());
                    return Err(Failed::new(format!("fill topic {}", self.topic), reason));
                }
            }
        }
        self.write(&clients::producer(&self.brokers, None)?)?;
        let held = topics::ends(&client, &self.topic)?.values().sum::<i64>().unsigned_abs();
        if held == self.records {
            Ok(())
        } else {
            Err(Failed::new(format!("fill topic {}", self.topic), format!("it holds {held} records")))
        }
    }

    fn write(&self, producer: &BaseProducer) -> Result<(), Failed> {
        let shape = if self.size >= SMALLEST_JSON { Shape::Json } else { Shape::Opaque };
        let mut value = Vec::with_capacity(self.size);
        for number in 0..self.records {
            record::write(shape, number, self.size, &mut value);
            let partition = (number % u64::from(self.partitions.unsigned_abs())) as i32;
            let mut out =
                BaseRecord::<[u8], [u8]>::to(&self.topic).partition(partition).payload(&value).timestamp(FIRST_TIMESTAMP + number as i64);
            while let Err((error, back)) = producer.send(out) {
                if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                    return Err(Failed::new("write a record", error));
                }
                out = back;
                producer.poll(Duration::from_millis(50));
            }
            if number % 1_000 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
        producer.flush(Duration::from_secs(60)).map_err(Failed::to("have records acknowledged"))
    }
}
