//! The data set that the demo ships and how it gets into the source. It invents nothing: `generate` made the file.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::Failure;
use crate::config::plan::Cluster;
use crate::kafka::ffi::Headers;
use crate::lane::Stop;
use crate::sink::{Record, Sink};

/// The topic of the data set.
pub const TOPIC: &str = "payments";

/// Its partitions.
pub const PARTITIONS: i32 = 6;

/// One record a line: `partition TAB key TAB value`; `\N` stands for null.
const PAYMENTS: &str = include_str!("../../../examples/quickstart/payments.tsv");

/// Timestamp of the first event, milliseconds; each later one is a second younger.
const FIRST: i64 = 1_767_225_600_000;

/// One record of the data set.
pub struct Payment {
    pub partition: i32,
    pub key: Option<&'static str>,
    pub value: Option<&'static str>,
    pub timestamp: i64,
}

/// The shipped data set.
pub fn payments() -> Result<Vec<Payment>, Failure> {
    PAYMENTS
        .lines()
        .enumerate()
        .map(|(number, line)| {
            parse(number, line).ok_or_else(|| Failure::new(format!("line {} of the shipped data set is broken", number + 1)))
        })
        .collect()
}

fn parse(number: usize, line: &'static str) -> Option<Payment> {
    let mut parts = line.splitn(3, '\t');
    let partition = parts.next()?.parse().ok().filter(|partition| (0..PARTITIONS).contains(partition))?;
    let nullable = |text: &'static str| (text != "\\N").then_some(text);
    Some(Payment { partition, key: nullable(parts.next()?), value: nullable(parts.next()?), timestamp: FIRST + number as i64 * 1_000 })
}

/// Writes payments to the source.
pub struct Sender {
    sink: Sink,
    topic: u16,
}

impl Sender {
    /// A producer without transactions, with the topic looked up.
    pub fn open(source: &Cluster) -> Result<Self, Failure> {
        let mut sink = Sink::new(super::data_producer(source)?, false, Duration::from_secs(30));
        let topic = sink.topic(TOPIC).map_err(Failure::new)?;
        Ok(Self { sink, topic })
    }

    /// Sends all of them and waits until they are acknowledged.
    pub fn send(&mut self, payments: &[Payment], stop: &Arc<Stop>) -> Result<(), Failure> {
        self.sink.begin().map_err(Failure::new)?;
        for payment in payments {
            if stop.requested() {
                break;
            }
            let mut headers = Headers::new(1);
            headers.push(b"origin", Some(b"demo"));
            let record = Record {
                topic: self.topic,
                partition: payment.partition,
                key: payment.key.map(str::as_bytes),
                value: payment.value.map(str::as_bytes),
                headers: Some(headers),
                timestamp: payment.timestamp,
            };
            self.sink.send(record).map_err(Failure::new)?;
        }
        self.sink.settle().map_err(Failure::new)
    }
}
