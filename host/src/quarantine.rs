//! Where a record goes that could not be transformed: its coordinates to the target in the lane's transaction, and,
//! with `payload: source`, the raw record to a topic on the source cluster first. No payload ever reaches the target.

use std::time::Duration;

use rdkafka::producer::BaseProducer;
use rdkafka::types::RDKafkaErrorCode;
use serde::Serialize;

use crate::clock::now_millis;
use crate::kafka::Context;
use crate::kafka::ffi::{Fetched, Headers};
use crate::sink::{Record, Side, Sink, SinkError};

/// What the target is told of a quarantined record. Codes and digests only: no text from a guest, no payload.
#[derive(Serialize)]
pub struct Coordinates<'a> {
    pub pipeline: &'a str,
    /// Cluster id of the source.
    pub source: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// A code of the host or one that the plugin declared.
    pub code: &'a str,
    /// The plugin that could not transform it; absent where the host or the target refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<&'a str>,
    pub generation: u64,
}

#[derive(Serialize)]
struct Where<'a> {
    source: &'a str,
    topic: &'a str,
    partition: i32,
    offset: i64,
}

impl Coordinates<'_> {
    /// The record's identity: the same record always has the same key, so that a replay can tell doubles.
    pub fn key(&self) -> Vec<u8> {
        json(&Where { source: self.source, topic: self.topic, partition: self.partition, offset: self.offset })
    }

    /// The record's value on the target, as JSON.
    pub fn value(&self) -> Vec<u8> {
        json(self)
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain structs always serialise")
}

/// Writes raw records to the quarantine topic on the source cluster, idempotent and acknowledged before the lane's
/// transaction commits.
pub struct RawQuarantine {
    sink: Sink,
    topic: u16,
    partitions: i32,
}

impl RawQuarantine {
    /// `producer` is an idempotent producer of the source cluster, `partitions` the topic's partition count there.
    pub fn new(producer: BaseProducer<Context>, topic: &str, partitions: i32, timeout: Duration) -> Result<Self, SinkError> {
        let mut sink = Sink::new(producer, false, timeout);
        let topic = sink.topic(topic).map_err(on_source)?;
        Ok(Self { sink, topic, partitions: partitions.max(1) })
    }

    /// Hands a record over; [`RawQuarantine::settle`] waits for its acknowledgement. The key holds the coordinates (the
    /// record's own headers come along where they can be read, its key and timestamp as headers `sluice-key` and
    /// `sluice-timestamp`).
    pub fn put(&mut self, record: &Fetched, coordinates: &[u8]) -> Result<(), SinkError> {
        let mut headers = kept(record.copy_headers());
        headers.push(b"sluice-key", record.key());
        headers.push(b"sluice-timestamp", Some(record.timestamp().to_string().as_bytes()));
        let partition = record.partition().rem_euclid(self.partitions);
        // Retention counts from now: an old record must not vanish before anybody looked at it.
        let timestamp = now_millis();
        let out = Record { topic: self.topic, partition, key: Some(coordinates), value: record.value(), headers: Some(headers), timestamp };
        self.sink.send_untracked(out).map_err(on_source)
    }

    /// Waits until everything put aside is acknowledged.
    pub fn settle(&mut self) -> Result<(), SinkError> {
        self.sink.settle().map_err(on_source)
    }
}

/// The headers that can be had: a record whose own cannot be read was put aside for just that.
fn kept(copied: Result<Option<Headers>, RDKafkaErrorCode>) -> Headers {
    copied.ok().flatten().unwrap_or_else(|| Headers::new(2))
}

fn on_source(error: SinkError) -> SinkError {
    SinkError { side: Side::Source, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Kind;

    #[test]
    fn what_fails_on_the_source_says_so() {
        let refused = on_source(SinkError::new("have a record acknowledged", "too large", None, Kind::Refused));
        assert_eq!(refused.to_string(), "cannot have a record acknowledged on the source: too large");
        assert_eq!(refused.given_up().side, Side::Source);
    }
}
