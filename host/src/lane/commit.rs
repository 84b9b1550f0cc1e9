//! The end of a transaction: positions and offset-map runs beside the data, commit, or abort and rewind. It must not
//! look at a record's content.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use super::trouble::lasts;
use super::{Entry, Failure, GRANT, Working};
use crate::clock::now_millis;
use crate::failpoint;
use crate::metrics::{Counted, Reason, TransactionResult};
use crate::offset_map::{self, MapRecord, Output, Segment, SegmentBuilder, SourcePartition};
use crate::position::{Account, Key, LaneHalt, Position};
use crate::sink::{HANDING_OVER, Kind, Record, Side, SinkError};

/// Consecutive aborts after which a lane rebuilds everything instead of trying once more.
const ABORTS_IN_A_ROW: u32 = 20;

/// Longest pause between two replays.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Working<'_> {
    /// I1: data, positions and offset map become visible together or not at all.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        failpoint::hit("after_last_produce");
        let asked = self.ask_identity()?;
        self.settle_raw()?;
        // I2: every record has its offset from its own acknowledgement before a map entry is made of it.
        self.sink.settle()?;
        self.confirm_identity(asked)?;
        let positions = self.keep_state().map_err(own)?;
        failpoint::hit("before_commit");
        failpoint::hit_during("commit_sent");
        self.sink.commit()?;
        failpoint::hit("after_commit");
        self.committed(positions);
        Ok(())
    }

    /// Phase two, to its last acknowledgement.
    fn keep_state(&mut self) -> Result<Vec<(usize, Position)>, Failure> {
        let positions = self.write_state()?;
        failpoint::hit("after_position_record");
        self.sink.settle()?;
        Ok(positions)
    }

    /// The control record where it changed, positions of dirty slots, and their offset-map segments.
    fn write_state(&mut self) -> Result<Vec<(usize, Position)>, Failure> {
        let admitted = self.admitted.clone();
        let admission = &admitted.admission;
        let digests = admission.digests();
        let partition = self.lane.number as i32;
        let now = now_millis();
        let positions_topic = self.sink.topic(&self.lane.shared.topics.positions)?;
        let map_topic = self.sink.topic(&self.lane.shared.topics.offset_map)?;
        if let Some(open) = &mut self.open {
            open.stated = true;
        }
        if self.control_dirty {
            let (key, value) = (Key::control().encode(), self.control.encode());
            self.sink.send_untracked(state_record(positions_topic, partition, &key, &value, now))?;
            let record = MapRecord::Admission(admission.map_record(self.control.generation));
            self.write_map(
                map_topic,
                &record,
                offset_map::Key::Admission { source: self.control.source.clone(), generation: self.control.generation }.to_bytes(),
                now,
            )?;
        }
        let segments = self.segments()?;
        self.note_aside();
        for segment in segments {
            let key = offset_map::Key::Segment {
                source: self.control.source.clone(),
                topic: segment.source().topic.clone(),
                partition: segment.source().partition,
            };
            self.write_map(map_topic, &MapRecord::Segment(segment), key.to_bytes(), now)?;
        }
        let mut positions = Vec::new();
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.dirty) {
            let position = slot.position(self.control.generation, &admission.config, &digests);
            let key = Key::Position { source: self.control.source.clone(), topic: slot.topic.to_string(), partition: slot.partition };
            self.sink.send_untracked(state_record(positions_topic, partition, &key.encode(), &position.encode(), now))?;
            positions.push((index, position));
        }
        Ok(positions)
    }

    fn write_map(&mut self, topic: u16, record: &MapRecord, key: Vec<u8>, now: i64) -> Result<(), Failure> {
        let parts = offset_map::encode(record).map_err(|error| Failure::Client(format!("cannot write the offset map: {error}")))?;
        for part in parts {
            self.sink.send_untracked(state_record(topic, self.lane.number as i32, &key, &part, now))?;
        }
        Ok(())
    }

    /// One offset-map segment a source partition that moved.
    fn segments(&mut self) -> Result<Vec<Segment>, Failure> {
        let failed = |error: offset_map::BuildError| Failure::Client(format!("cannot build the offset map: {error}"));
        let exact = self.lane.shared.exactly_once();
        let mut builders: BTreeMap<usize, SegmentBuilder> = BTreeMap::new();
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.dirty && slot.next > slot.committed.next) {
            let source = SourcePartition { topic: slot.topic.to_string(), partition: slot.partition };
            builders.insert(index, SegmentBuilder::new(source, slot.committed.next, self.control.generation, exact).map_err(failed)?);
        }
        // Target topics by their number in the sink, per builder; almost always one.
        let mut outputs: Vec<Output> = Vec::new();
        let entries = self.open.as_ref().map_or(&[][..], |open| &open.entries);
        let mut current: Option<(usize, &mut SegmentBuilder)> = None;
        // Of the last output: its slot, its topic in the sink and in the segment, and whether that is the slot's own.
        let mut known: Option<(usize, u16, u32, bool)> = None;
        let mut landed = vec![-1; self.slots.len()];
        let mut reached: BTreeMap<(usize, u16), (i32, i64)> = BTreeMap::new();
        for entry in entries {
            let slot = entry.slot as usize;
            let builder = match current.take() {
                Some((index, builder)) if index == slot => builder,
                _ => builders
                    .get_mut(&slot)
                    .ok_or_else(|| Failure::Client("cannot build the offset map: a record without a dirty slot".into()))?,
            };
            outputs.clear();
            let mut last = None;
            for ticket in entry.first..entry.first + entry.outputs {
                let landing = self.sink.landing(ticket as usize);
                let (topic, own) = match known {
                    Some((index, number, topic, own)) if index == slot && number == landing.topic => (topic, own),
                    _ => {
                        let name = self.sink.topic_name(landing.topic);
                        (builder.topic(name), *name == *self.slots[slot].topic)
                    }
                };
                known = Some((slot, landing.topic, topic, own));
                if own {
                    last = Some(landing.offset);
                } else {
                    reached.insert((slot, landing.topic), (landing.partition, landing.offset));
                }
                outputs.push(Output { topic, partition: landing.partition, offset: landing.offset });
            }
            let survivor = (entry.survivor != u32::MAX).then_some(entry.survivor);
            builder.record(entry.offset, &outputs, survivor).map_err(failed)?;
            current = Some((slot, builder));
            if let Some(last) = last {
                landed[slot] = last;
            }
        }
        for (slot, offset) in self.slots.iter_mut().zip(landed) {
            slot.landed = slot.landed.max(offset);
        }
        for ((slot, topic), at) in reached {
            self.slots[slot].reached.insert(self.sink.topic_name(topic).to_owned(), at);
        }
        builders.into_iter().map(|(index, builder)| builder.finish(self.slots[index].next).map_err(failed)).collect()
    }

    /// Where the coordinates of records landed that were put aside.
    fn note_aside(&mut self) {
        for (slot, ticket) in self.open.iter().flat_map(|open| &open.aside) {
            let at = self.sink.landing(*ticket);
            self.slots[*slot].reached.insert(self.sink.topic_name(at.topic).to_owned(), (at.partition, at.offset));
        }
    }

    /// The transaction is on the target: what was pending becomes what is.
    fn committed(&mut self, positions: Vec<(usize, Position)>) {
        let shared = &self.lane.shared;
        for (index, position) in positions {
            let slot = &mut self.slots[index];
            let Account { passed, filtered, quarantined, emitted, .. } = slot.delta;
            self.meters[index].committed(&Counted { passed, filtered, quarantined, emitted, bytes: self.bytes[index] });
            slot.settle(position);
        }
        match &mut self.unsent {
            Some(before) => self.chain.publish_before(before),
            None => self.chain.publish_counts(),
        }
        // Positions moved: what is left to do is told anew.
        self.ends_version = 0;
        self.bytes.fill(0);
        self.control_dirty = false;
        self.raw.ended();
        self.close();
        self.aborts = 0;
        if self.held.take().is_some() {
            self.tell_state();
        }
        self.refused.retain(|(slot, offset), _| self.slots[*slot].committed.next <= *offset);
        self.limit = self.limit.saturating_mul(2).min(shared.pipeline.transaction.max_records as usize);
        self.lane.report.ended(self.lane.number, TransactionResult::Committed);
    }

    /// No transaction is open any more.
    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.spare = open.entries;
            self.spare.clear();
        }
    }

    /// Tells how far each partition is behind, whenever the source was asked anew.
    pub(super) fn tell_lag(&mut self) {
        let shared = &self.lane.shared;
        let (version, ends) = shared.ends();
        if version == self.ends_version {
            return;
        }
        self.ends_version = version;
        for (slot, meter) in self.slots.iter().zip(&self.meters) {
            let Some(end) = ends.get(&(slot.topic.to_string(), slot.partition)) else { continue };
            let behind = end.saturating_sub(slot.committed.next).max(0).unsigned_abs();
            let age = || Duration::from_millis(now_millis().saturating_sub(slot.last_timestamp).max(0).unsigned_abs());
            let age = if behind == 0 { Some(Duration::ZERO) } else { (slot.last_timestamp > 0).then(age) };
            meter.lag(behind, age);
        }
    }

    /// I4: after any abort nothing in flight, prefetched or remembered by an instance survives; the source is read again
    /// from what is committed.
    pub(super) fn rewind(&mut self, error: &SinkError) -> Result<(), Failure> {
        let shared = &self.lane.shared;
        let sending = self.sending.take();
        let to_blame = error.kind == Kind::Refused && !error.own;
        let narrowed = if to_blame { self.narrow(sending, error) } else { Ok(()) };
        if !to_blame {
            self.aborts += 1;
            tracing::warn!(pipeline = shared.pipeline.name, lane = self.lane.number, %error, "transaction aborted; will replay");
        }
        failpoint::hit("in_abort");
        if let Err(left) = self.sink.abort() {
            // With nothing but denied partitions the broker has no transaction to abort, and the client gives up: what was
            // denied is the cause. The lane is taken over again, and meets it until it is granted.
            return Err(Failure::Sink(if error.is_denied() { error.given_up() } else { left }));
        }
        if self.open.is_some() {
            self.lane.report.ended(self.lane.number, TransactionResult::Aborted);
        }
        let stated = self.open.as_ref().is_some_and(|open| open.stated);
        self.raw.ended();
        self.close();
        narrowed?;
        self.confirm_committed(stated)?;
        self.bytes.fill(0);
        self.chain.discard();
        let mut again = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let lasting = slot.halted.as_ref().is_some_and(|halted| lasts(&halted.code));
            if slot.roll_back(lasting) {
                again.push(index);
            }
        }
        let was_held = std::mem::replace(&mut self.held, held_by(error)).is_some();
        if let Some((reason, detail)) = &self.held {
            tracing::error!(pipeline = shared.pipeline.name, lane = self.lane.number, code = %reason, "lane held up: {detail}");
        }
        if self.aborts > ABORTS_IN_A_ROW && self.held.is_none() {
            return Err(Failure::Client(format!("{} transactions in a row were aborted, last: {error}", self.aborts)));
        }
        if !again.is_empty() || was_held || self.held.is_some() {
            self.tell_state();
        }
        if !to_blame {
            // The cause is on the target's side; give it time, but let a stop through.
            let until = Instant::now() + Duration::from_millis(50 << self.aborts.min(7)).min(LONGEST_PAUSE);
            while Instant::now() < until && !self.lane.stop.requested() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
        let slots = &self.slots;
        self.source.rewind(|slot| slots[slot].read_from())?;
        for &slot in &again {
            let (next, leader_epoch) = self.slots[slot].read_from();
            self.source.start(slot, next, leader_epoch)?;
        }
        self.halt_without_target(error)
    }

    /// A lane that ends for good says so on the target, for the other processes, where its producer still can. What it
    /// learnt of new partitions since its last commit must not come along: they have no positions yet (I5).
    pub(super) fn leave_word(&mut self, failure: &Failure) {
        let reason = match failure {
            Failure::Halt { reason, .. } => *reason,
            Failure::Init(_) => Reason::PluginFailed,
            _ => return,
        };
        if self.control_dirty || self.lane.stop.requested() {
            return;
        }
        self.control.halted = Some(LaneHalt { code: reason.as_str().to_owned(), detail: failure.to_string() });
        if let Err(error) = self.write_control() {
            tracing::warn!(pipeline = self.lane.shared.pipeline.name, lane = self.lane.number, %error, "other processes are not told of the halt");
        }
    }

    fn write_control(&mut self) -> Result<(), SinkError> {
        let topic = self.sink.topic(&self.lane.shared.topics.positions)?;
        self.sink.begin()?;
        let (key, value) = (Key::control().encode(), self.control.encode());
        self.sink.send_untracked(state_record(topic, self.lane.number as i32, &key, &value, now_millis()))?;
        self.sink.settle()?;
        self.sink.commit()
    }

    /// The target refused something: replay less, until the guilty record stands alone and is known by its coordinates. Raw
    /// records are written one by one in the replay.
    fn narrow(&mut self, sending: Option<(usize, i64)>, error: &SinkError) -> Result<(), Failure> {
        if error.side == Side::Source {
            return Ok(());
        }
        let code = error.code.unwrap_or(RDKafkaErrorCode::Fail);
        let entries = self.open.as_ref().map_or(&[][..], |open| &open.entries);
        match guilty(entries, sending, error.doing == HANDING_OVER) {
            Some(record) => {
                if self.refused.insert(record, refusal_code(code).to_owned()).is_some() {
                    // It was put aside, and that was refused: nothing else can be done with it.
                    let detail = format!("the target refuses even the coordinates of the record at offset {}: {code}", record.1);
                    return Err(Failure::Halt { reason: Reason::TargetRefused, detail });
                }
            }
            None => self.limit = (entries.len() / 2).max(1),
        }
        Ok(())
    }
}

/// The source record that a refusal is about, by slot and offset; none: it may be one of several. `sending` was being
/// handed over, and some of what it became may have been taken already; `at_once`: just that was refused.
fn guilty(entries: &[Entry], sending: Option<(usize, i64)>, at_once: bool) -> Option<(usize, i64)> {
    match (sending, entries) {
        (Some(sending), _) if at_once => Some(sending),
        // The transaction has nothing else: an earlier row of its own was refused.
        (Some(sending), []) => Some(sending),
        (None, [only]) => Some((only.slot as usize, only.offset)),
        _ => None,
    }
}

/// A failure of phase two: none of its records is a source record's.
fn own(failure: Failure) -> Failure {
    match failure {
        Failure::Sink(error) => Failure::Sink(error.owned()),
        other => other,
    }
}

/// What stops the whole lane until somebody changes something on the target: it is tried again all the time.
fn held_by(error: &SinkError) -> Option<(Reason, String)> {
    if error.is_denied() {
        return Some((Reason::Authorization, format!("{error}; {GRANT}")));
    }
    (error.kind == Kind::Refused && error.own).then(|| {
        let detail = format!(
            "the target refuses the lane's own records, no source record is to blame: {error}; compare this machine's clock with the brokers', and look at the limits of the topic and of the pipeline's __sluice topics"
        );
        (Reason::StateInvalid, detail)
    })
}

/// The stable code of a refusal.
fn refusal_code(code: RDKafkaErrorCode) -> &'static str {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize => "target_refused_size",
        RDKafkaErrorCode::InvalidTimestamp => "target_refused_timestamp",
        RDKafkaErrorCode::InvalidRecord | RDKafkaErrorCode::InvalidMessage => "target_refused_record",
        _ => "target_refused",
    }
}

fn state_record<'a>(topic: u16, partition: i32, key: &'a [u8], value: &'a [u8], timestamp: i64) -> Record<'a> {
    Record { topic, partition, key: Some(key), value: Some(value), headers: None, timestamp }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_stands_alone_is_guilty() {
        let entry = |offset| Entry { slot: 0, offset, first: 0, outputs: 1, survivor: 0 };
        for (entries, sending, at_once, found) in [
            (&[][..], None, false, None),
            (&[5], None, false, Some((0, 5))),
            (&[5, 6], None, false, None),
            // Refused as it was handed over.
            (&[], Some((1, 7)), true, Some((1, 7))),
            (&[5, 6], Some((1, 7)), true, Some((1, 7))),
            // An earlier row was refused while a later one was handed over: its own, unless there are other records'.
            (&[], Some((1, 7)), false, Some((1, 7))),
            (&[5], Some((1, 7)), false, None),
        ] {
            let open: Vec<Entry> = entries.iter().map(|offset| entry(*offset)).collect();
            assert_eq!(guilty(&open, sending, at_once), found, "{entries:?} {sending:?} {at_once}");
        }
    }

    #[test]
    fn what_holds_a_lane_up_blames_no_record() {
        use RDKafkaErrorCode as E;
        let error = |code, kind, own| SinkError { own, ..SinkError::new("have a record acknowledged", "why", Some(code), kind) };
        for (error, held) in [
            (error(E::TopicAuthorizationFailed, Kind::Abort, false), Some(Reason::Authorization)),
            (error(E::InvalidTimestamp, Kind::Refused, true), Some(Reason::StateInvalid)),
            (error(E::InvalidTimestamp, Kind::Refused, false), None),
            (error(E::NotLeaderForPartition, Kind::Abort, true), None),
        ] {
            assert_eq!(held_by(&error).map(|(reason, _)| reason), held, "{error:?}");
        }
    }
}
