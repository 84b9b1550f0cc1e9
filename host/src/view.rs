//! The committed state of all lanes of all processes, followed from the positions topic on the target. It only reads:
//! what it shows is what survives a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::Cluster;
use crate::kafka;
use crate::kafka::ffi::{FetchQueue, Fetched};
use crate::position::{Account, Control, Key, Position};

/// What the positions topic says, by lane and by partition.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub controls: BTreeMap<u32, Control>,
    pub positions: BTreeMap<(String, i32), Position>,
    /// Lanes whose partition was read to its end at least once.
    pub read: BTreeSet<u32>,
    /// Records that could not be read as ours.
    pub unreadable: u64,
}

impl Snapshot {
    /// The account of the whole pipeline.
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        for position in self.positions.values() {
            account.add(&position.account);
        }
        account
    }
}

/// A [`Snapshot`] that follows the topic.
#[derive(Default)]
pub struct View {
    snapshot: Mutex<Snapshot>,
    changed: Condvar,
}

impl View {
    /// A copy of what was read so far.
    pub fn now(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a committed control record of the lane was read.
    pub fn has_control(&self, lane: u32) -> bool {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).controls.contains_key(&lane)
    }

    /// Whether a lane's partition was read to its end without a control record, though another lane has one.
    pub fn lacks_control(&self, lane: u32) -> bool {
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.read.contains(&lane) && !snapshot.controls.contains_key(&lane) && !snapshot.controls.is_empty()
    }

    /// Waits up to `wait` until `enough` holds; says whether it does.
    pub fn wait(&self, wait: Duration, enough: impl Fn(&Snapshot) -> bool) -> bool {
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let (snapshot, _) = self.changed.wait_timeout_while(snapshot, wait, |now| !enough(now)).unwrap_or_else(PoisonError::into_inner);
        enough(&snapshot)
    }

    /// Follows `topic` from its beginning until `stop` says so; what was read before is forgotten. Read committed: an open or aborted transaction is not seen.
    pub fn follow(&self, target: &Cluster, pipeline: &str, topic: &str, lanes: u32, stop: &dyn Fn() -> bool) -> KafkaResult<()> {
        let reader = kafka::state_reader(target, pipeline)?;
        let mut list = TopicPartitionList::new();
        for lane in 0..lanes {
            list.add_partition_offset(topic, lane as i32, Offset::Beginning)?;
        }
        reader.assign(&list)?;
        let Some(mut queue) = FetchQueue::new(reader) else { return Ok(()) };
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = Snapshot::default();
        let mut batch: Vec<Fetched> = Vec::new();
        while !stop() {
            queue.take(&mut batch, 1_000, Duration::from_millis(100));
            if batch.is_empty() {
                continue;
            }
            let mut snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = batch.drain(..).try_for_each(|fetched| take_in(&mut snapshot, &fetched));
            drop(snapshot);
            self.changed.notify_all();
            taken.map_err(KafkaError::MessageConsumption)?;
        }
        Ok(())
    }

    /// Reads the topic once to its present end, for commands that show state without running anything.
    /// None: some of it could not be read in time.
    pub fn read_once(target: &Cluster, pipeline: &str, topic: &str, lanes: u32, within: Duration) -> KafkaResult<Option<Snapshot>> {
        let snapshot = Self::read_within(target, pipeline, topic, lanes, within)?;
        Ok((snapshot.read.len() == lanes as usize).then_some(snapshot))
    }

    /// As [`View::read_once`], as far as it comes: `read` says which lanes are whole.
    pub fn read_within(target: &Cluster, pipeline: &str, topic: &str, lanes: u32, within: Duration) -> KafkaResult<Snapshot> {
        let view = Self::default();
        let deadline = Instant::now() + within;
        let done = || view.snapshot.lock().unwrap_or_else(PoisonError::into_inner).read.len() == lanes as usize;
        view.follow(target, pipeline, topic, lanes, &|| done() || Instant::now() > deadline)?;
        Ok(view.now())
    }
}

/// Fails where the client reads no further: the log does not have what comes next any more.
fn take_in(snapshot: &mut Snapshot, fetched: &Fetched) -> Result<(), RDKafkaErrorCode> {
    use RDKafkaErrorCode as E;
    let Ok(lane) = u32::try_from(fetched.partition()) else { return Ok(()) };
    match fetched.error() {
        Some(E::PartitionEOF) => {
            snapshot.read.insert(lane);
        }
        Some(code @ (E::AutoOffsetReset | E::OffsetOutOfRange)) => return Err(code),
        // The client goes on by itself.
        Some(_) => {}
        None => {
            if !take_in_record(snapshot, lane, fetched) {
                snapshot.unreadable += 1;
            }
        }
    }
    Ok(())
}

fn take_in_record(snapshot: &mut Snapshot, lane: u32, record: &Fetched) -> bool {
    let Ok(key) = Key::decode(record.key().unwrap_or_default()) else { return false };
    match (key, record.value()) {
        (Key::Control { .. }, Some(value)) => match Control::decode(value) {
            Ok(control) => {
                snapshot.controls.insert(lane, control);
            }
            Err(_) => return false,
        },
        (Key::Control { .. }, None) => {
            snapshot.controls.remove(&lane);
        }
        (Key::Position { topic, partition, .. }, Some(value)) => match Position::decode(value) {
            Ok(position) => {
                snapshot.positions.insert((topic, partition), position);
            }
            Err(_) => return false,
        },
        (Key::Position { topic, partition, .. }, None) => {
            snapshot.positions.remove(&(topic, partition));
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::VERSION;

    #[test]
    fn a_lane_lacks_what_others_have() {
        let view = View::default();
        assert!(!view.lacks_control(1), "before anything is known");
        let control = Control {
            version: VERSION,
            lanes: 2,
            source: "s".into(),
            generation: 1,
            config: "c".into(),
            replaced: Vec::new(),
            known: Default::default(),
            owner: "o".into(),
            since: 0,
            moving: None,
            rekeying: None,
            rekeyed: Default::default(),
            halted: None,
        };
        view.snapshot.lock().unwrap_or_else(PoisonError::into_inner).controls.insert(0, control);
        assert!(!view.lacks_control(1), "not read yet");
        view.snapshot.lock().unwrap_or_else(PoisonError::into_inner).read.extend([0, 1]);
        assert!(view.lacks_control(1) && !view.lacks_control(0));
    }
}
