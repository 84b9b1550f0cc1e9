//! Records of one partition through the chain into the open transaction, batch by batch, and what becomes of those that
//! fail. It says when a transaction must not stay open any longer, not how one ends.

use std::time::Instant;

use super::{Entry, Failure, Open, Working};
use crate::chain::{Drift, Failed, FetchError, Processed, Row, Stopped, Verdict};
use crate::clock::now_millis;
use crate::config::plan::{OnError, Payload};
use crate::failpoint;
use crate::kafka::ffi::{Fetched, Headers};
use crate::quarantine::Coordinates;
use crate::sink::Record;

/// Bytes of keys and values that one call into a plugin takes, so that large records do not meet an instance's memory
/// limit together.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

impl Working<'_> {
    /// Takes records of one partition, in order and without a break, into the open transaction.
    pub(super) fn work(&mut self, slot: usize, records: &[Fetched]) -> Result<(), Failure> {
        if self.slots[slot].halted.is_some() {
            return Ok(());
        }
        if let Some(record) = records.first() {
            // Should it halt, the partition is as far behind as it is old.
            self.slots[slot].last_timestamp = record.timestamp();
        }
        let own = (self.sink.topic(&self.slots[slot].topic)?, self.slots[slot].partition);
        if !self.opened.contains(&own) {
            let missed = self.slots[slot].missed.clone();
            self.open_partitions(slot, &missed, &[own])?;
        }
        let mut rest = records;
        // What is left of them when the lane is told to end is read again by its next owner.
        while !rest.is_empty() && self.slots[slot].halted.is_none() && !self.lane.stop.requested() {
            let (batch, after) = rest.split_at(fitting(rest, self.chain.batch()));
            if self.chain.is_empty() {
                self.pass(slot, batch)?
            } else {
                self.transform(slot, batch)?
            }
            rest = after;
            self.end_in_time(slot, batch.len())?;
        }
        Ok(())
    }

    /// After a batch: commits what is done where the transaction is due, and where the next batch could outlast it. A
    /// transaction that the broker gives up costs the lane, and the same records would come again, as slow as before.
    fn end_in_time(&mut self, slot: usize, records: usize) -> Result<(), Failure> {
        let slow = self.chain.is_slow();
        if slow {
            let (pipeline, topic, next) = (&self.lane.shared.pipeline.name, &*self.slots[slot].topic, self.chain.batch());
            tracing::warn!(
                pipeline,
                topic,
                partition = self.slots[slot].partition,
                records,
                next,
                "a batch took long; the next ones are smaller"
            );
        }
        if self.due() || (slow && self.open.is_some()) { self.commit() } else { Ok(()) }
    }

    /// No steps: records go on as they are.
    fn pass(&mut self, slot: usize, records: &[Fetched]) -> Result<(), Failure> {
        self.begin()?;
        let topic = self.sink.topic(&self.slots[slot].topic)?;
        let partition = self.slots[slot].partition;
        for record in records {
            let headers = match self.unfit(slot, record) {
                Some(failed) => Err(failed),
                None => record.copy_headers().map_err(|_| unreadable()),
            };
            let headers = match headers {
                Ok(headers) => headers,
                Err(failed) => {
                    self.put_aside(slot, record, &failed)?;
                    if self.slots[slot].halted.is_some() {
                        return Ok(());
                    }
                    continue;
                }
            };
            let first = self.sink.taken();
            let (key, value) = (record.key(), record.value());
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            self.sending = Some((slot, record.offset()));
            self.sink.send(Record { topic, partition, key, value, headers, timestamp: record.timestamp() })?;
            self.sending = None;
            self.note(slot, record, first, 1, Some(0), bytes);
            failpoint::hit("mid_produce");
        }
        Ok(())
    }

    fn transform(&mut self, slot: usize, records: &[Fetched]) -> Result<(), Failure> {
        let (topic, partition) = (self.slots[slot].topic.clone(), self.slots[slot].partition);
        let offset = self.slots[slot].next;
        let mut missed = std::mem::take(&mut self.slots[slot].missed);
        let before = missed.clone();
        let processed = loop {
            match self.chain.process(&topic, partition, records, &mut missed) {
                Ok(processed) => break Ok(processed),
                Err(Stopped::Schema(reference)) => {
                    // The registry may take its time: what came before is good and is committed first.
                    self.commit_before(slot, &missed)?;
                    match self.chain.fetch_schema(reference, &|| self.lane.stop.requested()) {
                        Ok(()) => {}
                        Err(FetchError::Stopped) => return Err(Failure::Stopped),
                        Err(FetchError::Unavailable(reason)) => {
                            self.slots[slot].missed = missed;
                            self.begin()?;
                            return self.halt_for_schema(slot, reference, offset, &reason);
                        }
                    }
                }
                Err(Stopped::Call(call)) => {
                    // Bisect outside any open transaction, so that a slow search cannot run it into its time-out. Nothing
                    // of the failed call was produced.
                    tracing::warn!(pipeline = self.lane.shared.pipeline.name, lane = self.lane.number, topic = &*topic, partition, %call, "plugin call failed; searching for the record");
                    self.commit_before(slot, &missed)?;
                    break self.chain.bisect(&topic, partition, records, &mut missed, &|| self.lane.stop.requested());
                }
            }
        };
        self.slots[slot].missed = missed;
        failpoint::hit("after_plugin");
        match processed {
            Ok(mut processed) => {
                // I4: what is committed to open a partition has nothing of this batch yet.
                self.unsent = Some(std::mem::take(&mut processed.before));
                let opened = self.open_routes(slot, &processed.rows, &before);
                self.unsent = None;
                opened?;
                self.emit(slot, records, processed)
            }
            Err(gave_up) if gave_up.stopped => Err(Failure::Stopped),
            Err(gave_up) => {
                self.begin()?;
                match gave_up.awaits {
                    Some(reference) => self.halt_for_schema(slot, reference, offset, &gave_up.last),
                    None => self.halt(slot, "plugin_failed", offset, gave_up.to_string()),
                }
            }
        }
    }

    /// Commits what is open, all of which came before the records at hand.
    pub(super) fn commit_before(&mut self, slot: usize, missed: &[u32]) -> Result<(), Failure> {
        if self.open.is_some() {
            let kept = std::mem::replace(&mut self.slots[slot].missed, missed.to_vec());
            self.commit()?;
            self.slots[slot].missed = kept;
        }
        Ok(())
    }

    /// Hands the chain's answer to the producer, in source order.
    fn emit(&mut self, slot: usize, records: &[Fetched], processed: Processed<'_>) -> Result<(), Failure> {
        self.begin()?;
        let topic = self.sink.topic(&self.slots[slot].topic)?;
        let partition = self.slots[slot].partition;
        let (rows, mut at, mut headers) = (processed.rows, 0, Vec::new());
        for (index, (record, verdict)) in records.iter().zip(&processed.verdicts).enumerate() {
            if let Some(drift) = processed.drift.as_ref().filter(|drift| record.offset() >= drift.offset) {
                return self.drifted(slot, drift);
            }
            let failed = match verdict {
                Verdict::Failed(failed) => Some(failed.clone()),
                Verdict::Taken => self.known_refusal(slot, record),
            };
            let mine = &rows[at..];
            let mine = &mine[..mine.iter().take_while(|row| row.source == index).count()];
            at += mine.len();
            // All of a record's topics and headers are known before the first of its rows is written.
            let failed = failed.or_else(|| read_headers(mine, &mut headers).err());
            let routed = if failed.is_none() { self.routes(slot, topic, mine)? } else { Ok(Vec::new()) };
            let failed = failed.or_else(|| routed.as_ref().err().map(|code| Failed::host((*code).to_owned())));
            if let Some(failed) = failed {
                self.put_aside(slot, record, &failed)?;
                if self.slots[slot].halted.is_some() {
                    return Ok(());
                }
                continue;
            }
            let (first, mut outputs, mut survivor, mut bytes) = (self.sink.taken(), 0, None, 0);
            self.sending = Some((slot, record.offset()));
            let routed = routed.unwrap_or_default();
            for (number, (row, headers)) in mine.iter().zip(headers.drain(..)).enumerate() {
                if !row.emitted {
                    survivor = Some(outputs);
                }
                bytes += row.bytes();
                self.send_row(routed.get(number).copied().unwrap_or(topic), partition, row, headers)?;
                outputs += 1;
            }
            self.sending = None;
            self.note(slot, record, first, outputs, survivor, bytes);
            failpoint::hit("mid_produce");
        }
        Ok(())
    }

    /// The topics of a record's rows, in order; nothing where all go to `own`.
    fn routes(&mut self, slot: usize, own: u16, rows: &[Row<'_>]) -> Result<Result<Vec<u16>, &'static str>, Failure> {
        if rows.iter().all(|row| row.topic.is_none()) {
            return Ok(Ok(Vec::new()));
        }
        let mut topics = Vec::with_capacity(rows.len());
        for row in rows {
            let topic = match &row.topic {
                None => Ok(own),
                Some(name) => self.route(slot, name)?,
            };
            match topic {
                Ok(topic) => topics.push(topic),
                Err(code) => return Ok(Err(code)),
            }
        }
        Ok(Ok(topics))
    }

    fn send_row(&mut self, topic: u16, partition: i32, row: &Row<'_>, headers: Option<Headers>) -> Result<(), Failure> {
        self.sink.send(Record {
            topic,
            partition,
            key: row.key.as_deref(),
            value: row.value.as_deref(),
            headers,
            timestamp: row.timestamp,
        })?;
        Ok(())
    }

    /// Whether a record cannot be written at all, whatever the chain says of it.
    fn unfit(&self, slot: usize, record: &Fetched) -> Option<Failed> {
        if record.timestamp() <= 0 {
            return Some(Failed::host("timestamp_unwritable".to_owned()));
        }
        self.known_refusal(slot, record)
    }

    /// Whether the target refused the record already.
    fn known_refusal(&self, slot: usize, record: &Fetched) -> Option<Failed> {
        if self.refused.is_empty() {
            return None;
        }
        self.refused.get(&(slot, record.offset())).map(|code| Failed::host(code.clone()))
    }

    /// Books a record that was dealt with.
    fn note(&mut self, slot: usize, record: &Fetched, first: usize, outputs: u32, survivor: Option<u32>, bytes: usize) {
        let at = &mut self.slots[slot];
        at.advance(record.offset(), record.leader_epoch());
        at.last_timestamp = record.timestamp();
        at.delta.read += 1;
        if survivor.is_some() {
            at.delta.passed += 1;
        } else {
            at.delta.filtered += 1;
        }
        at.delta.emitted += u64::from(outputs - u32::from(survivor.is_some()));
        self.bytes[slot] += bytes as u64;
        if let Some(open) = &mut self.open {
            open.bytes += bytes as u64;
            let survivor = survivor.unwrap_or(u32::MAX);
            open.entries.push(Entry { slot: slot as u32, offset: record.offset(), first: first as u32, outputs, survivor });
        }
    }

    /// A record that could not be transformed or written: `on_error` decides. It never passes (I6).
    fn put_aside(&mut self, slot: usize, record: &Fetched, failed: &Failed) -> Result<(), Failure> {
        let shared = &self.lane.shared;
        let offset = record.offset();
        let OnError::Quarantine { topic: quarantine, payload } = &shared.pipeline.on_error else {
            let detail = format!(
                "record {}-{} at offset {offset} failed: {}{}; fix its cause or set on_error: quarantine",
                self.slots[slot].topic,
                self.slots[slot].partition,
                failed.code,
                failed.at(&self.chain)
            );
            return self.halt(slot, "record_failed", offset, detail);
        };
        let coordinates = Coordinates {
            pipeline: &shared.pipeline.name,
            source: &self.control.source,
            topic: &self.slots[slot].topic,
            partition: self.slots[slot].partition,
            offset,
            code: &failed.code,
            plugin: failed.step.map(|step| self.chain.plugin(step)),
            digest: failed.step.map(|step| self.chain.digest(step)),
            generation: self.control.generation,
        };
        let (key, value) = (coordinates.key(), coordinates.value());
        // The raw record first, on the source; the coordinates on the target are the truth (orphans are ignored).
        if *payload == Payload::Source {
            self.keep_raw(slot, record, quarantine, &key)?;
            if self.slots[slot].halted.is_some() {
                return Ok(());
            }
        }
        let topic = self.sink.topic(quarantine)?;
        let partition = shared.quarantine_partition(self.lane.number);
        let record_out = Record { topic, partition, key: Some(&key), value: Some(&value), headers: None, timestamp: now_millis() };
        let ticket = self.sink.send(record_out)?;
        if let Some(open) = &mut self.open {
            open.aside.push((slot, ticket));
        }
        tracing::warn!(
            pipeline = shared.pipeline.name,
            topic = &*self.slots[slot].topic,
            partition = self.slots[slot].partition,
            offset,
            code = failed.code,
            "record quarantined"
        );
        let first = self.sink.taken();
        self.note(slot, record, first, 0, None, 0);
        let delta = &mut self.slots[slot].delta;
        delta.filtered -= 1;
        delta.quarantined += 1;
        Ok(())
    }

    /// Records and a step do not go together any more: the partition halts, counted and with a trace for the audit.
    fn drifted(&mut self, slot: usize, drift: &Drift) -> Result<(), Failure> {
        let (shared, at) = (&self.lane.shared, &self.slots[slot]);
        let (topic, partition) = (&*at.topic, at.partition);
        let (kind, schema) = (drift.misfit.kind.as_str(), drift.misfit.schema.map(|schema| schema.to_string()));
        shared.metrics.drifted(&shared.pipeline.name, topic, kind);
        tracing::error!(
            event = "audit.drift",
            pipeline = shared.pipeline.name,
            topic,
            partition,
            offset = drift.offset,
            kind,
            schema,
            halted = true,
            "{drift}"
        );
        self.halt(slot, "drift", drift.offset, drift.to_string())
    }

    /// Stops one partition at `offset` and says why; the lane's others go on. Written with the next commit.
    pub(super) fn halt(&mut self, slot: usize, code: &str, offset: i64, detail: String) -> Result<(), Failure> {
        self.begin()?;
        let at = &mut self.slots[slot];
        tracing::error!(
            pipeline = self.lane.shared.pipeline.name,
            topic = &*at.topic,
            partition = at.partition,
            offset,
            code,
            "partition halted: {detail}"
        );
        at.halt(code, offset, detail);
        self.source.stop(slot)?;
        self.tell_state();
        Ok(())
    }

    /// Begins a transaction unless one is open.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        if self.open.is_none() {
            self.sink.begin()?;
            let since = Instant::now();
            self.open = Some(Open { since, bytes: 0, entries: std::mem::take(&mut self.spare), aside: Vec::new(), stated: false });
            self.lane.report.began(self.lane.number);
        }
        Ok(())
    }

    /// The end of a partition moves its position over what is no record: control markers, compacted and aborted ones.
    pub(super) fn end_of_partition(&mut self, slot: usize, next: i64) -> Result<(), Failure> {
        if self.slots[slot].halted.is_none() && next > self.slots[slot].next {
            self.begin()?;
            self.slots[slot].move_to(next);
        }
        Ok(())
    }
}

/// How many records the next call takes: at most `most`, and no more than [`BATCH_BYTES`] unless one alone is larger.
fn fitting(records: &[Fetched], most: usize) -> usize {
    let mut bytes = 0;
    let few = records.iter().take(most).take_while(|record| {
        bytes += record.value().map_or(0, <[u8]>::len) + record.key().map_or(0, <[u8]>::len);
        bytes <= BATCH_BYTES
    });
    few.count().max(1)
}

/// The headers of a record's rows, in order, into `headers`.
fn read_headers(rows: &[Row<'_>], headers: &mut Vec<Option<Headers>>) -> Result<(), Failed> {
    headers.clear();
    for row in rows {
        headers.push(row.headers().map_err(|_| unreadable())?);
    }
    Ok(())
}

/// The client library cannot take the record's headers apart.
fn unreadable() -> Failed {
    Failed::host("headers_unreadable".to_owned())
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode;

    use super::*;
    use crate::chain::{Record, Sample};
    use crate::kafka::ffi::Header;

    /// Its headers cannot be read.
    struct Broken(Sample);

    impl Record for Broken {
        fn offset(&self) -> i64 {
            self.0.offset
        }
        fn timestamp(&self) -> i64 {
            self.0.timestamp
        }
        fn key(&self) -> Option<&[u8]> {
            None
        }
        fn value(&self) -> Option<&[u8]> {
            None
        }
        fn headers(&self) -> Result<Vec<Header<'_>>, RDKafkaErrorCode> {
            Err(RDKafkaErrorCode::BadMessage)
        }
        fn copy_headers(&self) -> Result<Option<Headers>, RDKafkaErrorCode> {
            Err(RDKafkaErrorCode::BadMessage)
        }
    }

    #[test]
    fn headers_that_cannot_be_read_fail_the_record_before_it_is_written() {
        let (good, broken) = (Sample { timestamp: 1, ..Sample::default() }, Broken(Sample::default()));
        let mut headers = Vec::new();
        assert_eq!(read_headers(&[Row::of(0, &good), Row::of(0, &good)], &mut headers), Ok(()));
        assert_eq!(headers.len(), 2);
        let failed = read_headers(&[Row::of(0, &good), Row::of(0, &broken)], &mut headers);
        assert_eq!(failed.map_err(|failed| failed.code), Err("headers_unreadable".to_owned()));
    }
}
