//! What a lane starts from: the pipeline's genesis, the positions found at take-over, and partitions that appear later.
//! It must not read source records.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Failure, Found, Lane, Working};
use rdkafka::consumer::Consumer;

use crate::chain::Chain;
use crate::clock::now_millis;
use crate::config::plan::Start;
use crate::discovery::{REFRESH, Sources};
use crate::failpoint;
use crate::kafka;
use crate::kafka::ffi::{self, Spec};
use crate::metrics::Reason;
use crate::pipeline::Offsets;
use crate::position::{Account, Control, Key, Position, VERSION, lane_of};
use crate::sink::{Record, Sink};
use crate::source::Source;

use super::slot::Slot;

/// How long a question for offsets may take.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// Offset -1 in an answer: there is no record at or after the time asked for.
const NONE_AFTER: i64 = -1;

impl Lane {
    /// I5: the genesis, one transaction before the first record: lanes, source, and every known partition's start. Made
    /// by lane 0 for all lanes; the others wait until they see it. Without transactions each record counts as it arrives:
    /// lane 0's control record is the last one, and no lane works before it is there.
    fn genesis(&self, sink: &mut Sink) -> Result<Found, Failure> {
        let shared = &*self.shared;
        if shared.has_offset_map()? {
            return Err(Failure::Halt {
                reason: Reason::PositionMissing,
                detail: format!(
                    "lane 0 has no control record in topic {}, but topic {} is not empty: the positions were lost. Restore them, or use a new pipeline name to start anew on purpose",
                    shared.topics.positions, shared.topics.offset_map
                ),
            });
        }
        let sources = shared.discovery.now();
        // A topic that went has no start; one that comes back is taken up from its beginning, as any that appears later.
        let partitions: Vec<(&str, i32)> = sources.listed().collect();
        let starts = self.starts(&partitions)?;
        let ends = self.placed_ends(&sources, &partitions)?;
        let now = now_millis();
        let lanes = self.lanes();
        let mut controls: BTreeMap<u32, Control> = (0..lanes).map(|lane| (lane, self.control(now))).collect();
        let mut mine = Found::default();
        let topic = sink.topic(&shared.topics.positions)?;
        sink.begin()?;
        for (name, partition) in partitions {
            let lane = lane_of(name, partition, lanes);
            let at = (name.to_owned(), partition);
            let position = self.position(&sources, name, starts[&at], ends.get(&at).copied().unwrap_or(-1));
            let key = Key::Position { source: shared.source_id.clone(), topic: name.to_owned(), partition };
            write(sink, topic, lane, &key.encode(), &position.encode(), now)?;
            controls.entry(lane).and_modify(|control| {
                control.know(name, partition);
            });
            if lane == self.number {
                mine.positions.insert(at, position);
            }
        }
        let tell = |sink: &mut Sink, lane| write(sink, topic, lane, &Key::control().encode(), &controls[&lane].encode(), now);
        for lane in 1..lanes {
            tell(sink, lane)?;
        }
        sink.settle()?;
        failpoint::hit("in_genesis");
        // It says that the genesis is complete: all else is there before.
        tell(sink, 0)?;
        sink.settle()?;
        sink.commit()?;
        mine.control = controls.remove(&self.number);
        tracing::info!(pipeline = shared.pipeline.name, partitions = starts.len(), lanes, "genesis committed");
        Ok(mine)
    }

    fn control(&self, now: i64) -> Control {
        let shared = &*self.shared;
        Control {
            version: VERSION,
            lanes: self.lanes(),
            source: shared.source_id.clone(),
            generation: 1,
            config: shared.current.now().admission.config.clone(),
            replaced: Vec::new(),
            known: BTreeMap::new(),
            owner: shared.owner.clone(),
            since: now,
            moving: None,
            rekeying: None,
            halted: None,
            rekeyed: BTreeMap::new(),
        }
    }

    fn position(&self, sources: &Sources, topic: &str, next: i64, target_start: i64) -> Position {
        let admitted = self.shared.current.now();
        let admission = &admitted.admission;
        Position {
            version: VERSION,
            topic_id: sources.id(topic).to_owned(),
            target_id: sources.target_id(topic).to_owned(),
            start: next,
            next,
            leader_epoch: -1,
            epoch_at: None,
            generation: 1,
            config: admission.config.clone(),
            digests: admission.digests(),
            target_start,
            account: Account::default(),
            landed: -1,
            reached: BTreeMap::new(),
            lost: 0,
            halted: None,
        }
    }

    /// Where `start` puts each of these partitions.
    fn starts(&self, partitions: &[(&str, i32)]) -> Result<BTreeMap<(String, i32), i64>, Failure> {
        let ask = |spec| self.offsets(partitions, spec);
        match &self.shared.pipeline.start {
            Start::Earliest => ask(Spec::Earliest),
            Start::Latest => ask(Spec::LatestStable),
            Start::Timestamp(at) => {
                let (mut found, ends) = (ask(Spec::AtTime(*at))?, ask(Spec::LatestStable)?);
                for (partition, offset) in found.iter_mut().filter(|(_, offset)| **offset == NONE_AFTER) {
                    *offset = ends[partition];
                }
                Ok(found)
            }
            Start::Offsets(given) => {
                let mut found = ask(Spec::Earliest)?;
                for ((topic, partition), offset) in &mut found {
                    if let Some(wanted) = given.get(topic.as_str()).and_then(|partitions| partitions.get(partition)) {
                        *offset = *wanted;
                    }
                }
                Ok(found)
            }
        }
    }

    /// The ends of the counterparts that partitions have on the target.
    fn placed_ends(&self, sources: &Sources, partitions: &[(&str, i32)]) -> Result<Offsets, Failure> {
        let is_placed = |at: &&(&str, i32)| sources.unplaced(at.0, at.1).is_none();
        self.shared.target_ends(&partitions.iter().filter(is_placed).copied().collect::<Vec<_>>())
    }

    /// Where partitions that appeared after the genesis begin, on the source and on the target.
    fn begins(&self, sources: &Sources, partitions: &[(&str, i32)]) -> Result<BTreeMap<(String, i32), Begin>, Failure> {
        let first = self.offsets(partitions, Spec::Earliest)?;
        let ends = self.placed_ends(sources, partitions)?;
        let begin = |(at, next)| {
            let target_start = ends.get(&at).copied().unwrap_or(-1);
            (at, Begin { next, target_start })
        };
        Ok(first.into_iter().map(begin).collect())
    }

    /// One offset of each of these source partitions. An answer that is missing, or an error of any of them, fails the
    /// whole.
    pub(super) fn offsets(&self, partitions: &[(&str, i32)], spec: Spec) -> Result<BTreeMap<(String, i32), i64>, Failure> {
        let failed = |what: String| Failure::Client(format!("cannot ask the source for start offsets: {what}"));
        let asked = self.shared.observer.ask(|client| ffi::list_offsets(client.client(), partitions, spec, ASK_WITHIN));
        let answers = asked.map_err(|error| failed(error.to_string()))?;
        let mut out = BTreeMap::new();
        for (topic, partition) in partitions {
            let at = ((*topic).to_owned(), *partition);
            match answers.get(&at) {
                Some(Ok(offset)) => {
                    out.insert(at, *offset);
                }
                Some(Err(error)) => return Err(failed(format!("{topic}-{partition}: {error}"))),
                None => return Err(failed(format!("{topic}-{partition}: no answer"))),
            }
        }
        Ok(out)
    }
}

/// Where a partition that appeared after the genesis begins.
#[derive(Clone, Copy)]
struct Begin {
    next: i64,
    /// The end of its counterpart on the target; -1: it has none yet.
    target_start: i64,
}

fn write(sink: &mut Sink, topic: u16, lane: u32, key: &[u8], value: &[u8], timestamp: i64) -> Result<(), Failure> {
    Ok(sink.send_untracked(Record { topic, partition: lane as i32, key: Some(key), value: Some(value), headers: None, timestamp })?)
}

impl<'a> Working<'a> {
    /// The state found at take-over, checked; then the lane's control record under this process's configuration.
    pub(super) fn new(lane: &'a Lane, mut sink: Sink, mut found: Found) -> Result<Self, Failure> {
        let shared = &*lane.shared;
        if found.control.is_none() {
            if begins(lane.number, &found.positions, shared.exactly_once()) {
                found = lane.genesis(&mut sink)?;
            } else if found.positions.is_empty() {
                return Err(Failure::Client("the pipeline's genesis is not there yet".into()));
            }
        }
        let Some(mut control) = found.control else { return Err(missing("the lane's control record is gone".into())) };
        check(&control, &found.positions, &found.sources, lane)?;
        let admitted = shared.current.now();
        control.admit(&admitted.admission.config, admitted.admission.claim)?;
        control.owner = shared.owner.clone();
        control.since = now_millis();
        control.halted = None;
        let consumer = kafka::source_consumer(&shared.source, &shared.pipeline.name, shared.budget.consumer)
            .map_err(|error| Failure::Client(format!("cannot make the lane's source consumer: {error}")))?;
        let chain = Chain::open(&admitted.chain)?;
        let mut working = Self {
            lane,
            sink,
            source: Source::new(consumer)?,
            chain,
            admitted_seen: admitted.version,
            tries: super::border::Tries::default(),
            admitted,
            control,
            control_dirty: true,
            slots: Vec::new(),
            meters: Vec::new(),
            by_partition: HashMap::new(),
            unclaimed: found.positions,
            version: 0,
            look_again: None,
            untaken: BTreeSet::new(),
            ends_version: 0,
            open: None,
            spare: Vec::new(),
            bytes: Vec::new(),
            limit: shared.pipeline.transaction.max_records as usize,
            refused: HashMap::new(),
            unsent: None,
            sending: None,
            raw: super::raw::Raw::default(),
            awaited: super::awaited::Awaited::default(),
            told: BTreeSet::new(),
            routed: HashMap::new(),
            lossy: HashMap::new(),
            opened: HashSet::new(),
            held: None,
            aborts: 0,
        };
        // Who owns the lane now, and under which generation, is committed before the first record.
        working.follow_discovery()?;
        working.begin()?;
        working.commit()?;
        Ok(working)
    }

    /// Takes up partitions of this lane that the source has and the lane does not read yet.
    pub(super) fn follow_discovery(&mut self) -> Result<(), Failure> {
        let shared = self.lane.shared.clone();
        let due = self.look_again.is_some_and(|at| at <= Instant::now());
        if shared.discovery.version() == self.version && !due {
            return Ok(());
        }
        self.look_again = None;
        let sources = shared.discovery.now();
        self.version = sources.version;
        // One that fails leaves the others unseen.
        self.meet_all(&sources).inspect_err(|_| self.look_again = Some(Instant::now()))
    }

    fn meet_all(&mut self, sources: &Sources) -> Result<(), Failure> {
        let mine: Vec<(Arc<str>, i32)> = sources
            .partitions()
            .filter(|(topic, partition)| lane_of(topic, *partition, self.lane.lanes()) == self.lane.number)
            .map(|(topic, partition)| (Arc::from(topic), partition))
            .collect();
        let begins = self.begins_of(sources, &mine);
        for (topic, partition) in mine {
            if self.lane.stop.requested() {
                return Ok(());
            }
            match self.by_partition.get(&(topic.clone(), partition)) {
                Some(slot) => self.meet(*slot, sources)?,
                None => match self.take_up(sources, topic.clone(), partition, &begins) {
                    // A topic that went again, or is not ready yet: the others go on, and it is looked at again.
                    Err(Failure::Client(reason)) => {
                        if self.untaken.insert((topic.clone(), partition)) {
                            tracing::warn!(
                                pipeline = self.lane.shared.pipeline.name,
                                topic = &*topic,
                                partition,
                                reason,
                                "partition cannot be taken up yet"
                            );
                        }
                        self.look_again = Some(Instant::now() + REFRESH);
                    }
                    other => other?,
                },
            }
        }
        Ok(())
    }

    /// Where those of `mine` begin that have no position, asked for all at once: a topic may have a thousand. Where one of
    /// them has no answer, each is asked for by itself.
    fn begins_of(&self, sources: &Sources, mine: &[(Arc<str>, i32)]) -> BTreeMap<(String, i32), Begin> {
        let new: Vec<(&str, i32)> = mine
            .iter()
            .filter(|at| !self.by_partition.contains_key(at) && !self.unclaimed.contains_key(&(at.0.to_string(), at.1)))
            .filter(|at| sources.topics.get(&*at.0).is_some_and(|topic| !topic.gone))
            .map(|(topic, partition)| (&**topic, *partition))
            .collect();
        if new.len() < 2 {
            return BTreeMap::new();
        }
        self.lane.begins(sources, &new).unwrap_or_else(|failure| {
            tracing::debug!(pipeline = self.lane.shared.pipeline.name, %failure, "new partitions are asked for one by one");
            BTreeMap::new()
        })
    }

    fn take_up(
        &mut self,
        sources: &Sources,
        topic: Arc<str>,
        partition: i32,
        begins: &BTreeMap<(String, i32), Begin>,
    ) -> Result<(), Failure> {
        let at = (topic.to_string(), partition);
        let found = self.unclaimed.remove(&at);
        let unwritten = found.is_none();
        let position = match found {
            Some(position) => position,
            // Appeared after genesis: from its beginning, whatever `start` says.
            None => {
                let Begin { next, target_start } = match begins.get(&at) {
                    Some(begin) => *begin,
                    None => self.lane.begins(sources, &[(&topic, partition)])?[&at],
                };
                tracing::info!(pipeline = self.lane.shared.pipeline.name, topic = &*topic, partition, next, "new partition");
                self.lane.position(sources, &topic, next, target_start)
            }
        };
        self.control_dirty |= self.control.know(&topic, partition);
        let slot = self.slots.len();
        // A new position is written even if no record comes.
        self.slots.push(Slot::new(topic.clone(), partition, position, self.chain.selectors(), unwritten));
        self.bytes.push(0);
        self.meters.push(self.lane.shared.meter(&topic, partition));
        let number = self.source.add(topic.clone(), partition);
        debug_assert_eq!(number, slot, "source and lane number partitions alike");
        self.by_partition.insert((topic.clone(), partition), slot);
        self.meet(slot, sources)?;
        self.begin()
    }
}

/// Whether a lane without a control record makes the genesis: lane 0 does, where nothing was written yet, or where a genesis
/// without a transaction was cut off before its last record. Nothing was copied then.
fn begins(lane: u32, positions: &BTreeMap<(String, i32), Position>, exactly_once: bool) -> bool {
    let untouched = |position: &Position| position.next == position.start && position.account == Account::default();
    lane == 0 && positions.values().all(|position| !exactly_once && untouched(position))
}

fn missing(detail: String) -> Failure {
    Failure::Halt { reason: Reason::PositionMissing, detail }
}

/// I5: what was written once must still fit: lanes, source, and a position for every partition that is known.
fn check(control: &Control, positions: &BTreeMap<(String, i32), Position>, sources: &BTreeSet<String>, lane: &Lane) -> Result<(), Failure> {
    if control.rekeying.is_some() {
        let detail = "a rekey of the pipeline was broken off, or is on its way: run `sluice rekey apply` to its end, then start";
        return Err(Failure::Halt { reason: Reason::LanesMismatch, detail: detail.into() });
    }
    if control.moving.is_some() {
        let detail = "the pipeline was moved to another number of lanes, or is about to be: run `sluice lanes resize` to its end, then start with the file that it ran with";
        return Err(Failure::Halt { reason: Reason::LanesMismatch, detail: detail.into() });
    }
    if control.lanes != lane.lanes() {
        let detail = format!(
            "the pipeline was made with {} lanes, the configuration says {}; set lanes: {0} back, or stop it and run `sluice lanes resize`",
            control.lanes,
            lane.lanes()
        );
        return Err(Failure::Halt { reason: Reason::LanesMismatch, detail });
    }
    let source = &lane.shared.source_id;
    if control.source != *source || sources.iter().any(|found| found != source) {
        let detail = format!(
            "the pipeline's positions are of source cluster {}, the configured source is {source}; use a new pipeline name for another source",
            control.source
        );
        return Err(missing(detail));
    }
    for (topic, partitions) in &control.known {
        for partition in partitions {
            if !positions.contains_key(&(topic.clone(), *partition)) {
                return Err(missing(format!(
                    "the position of {topic}-{partition} is gone from the positions topic; it never starts anew silently"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn position(next: i64, read: u64) -> Position {
        let account = serde_json::json!({ "read": read, "passed": read, "filtered": 0, "quarantined": 0, "emitted": 0 });
        let position = serde_json::json!({
            "version": 1, "topic_id": "", "start": 5, "next": next, "leader_epoch": -1, "generation": 1, "config": "c",
            "target_start": 0, "account": account,
        });
        serde_json::from_value(position).unwrap()
    }

    #[test]
    fn a_genesis_that_was_cut_off_is_made_again() {
        for (lane, found, exactly_once, expected) in [
            (0, vec![], true, true),
            (0, vec![], false, true),
            (0, vec![position(5, 0), position(5, 0)], false, true),
            // What was copied was begun by a genesis that was complete.
            (0, vec![position(5, 0), position(9, 4)], false, false),
            (0, vec![position(9, 0)], false, false),
            // A transaction is never cut off: the control record was lost.
            (0, vec![position(5, 0)], true, false),
            (1, vec![], false, false),
            (1, vec![position(5, 0)], false, false),
        ] {
            let found: BTreeMap<_, _> = (0..).zip(&found).map(|(n, position)| (("t".to_owned(), n), position.clone())).collect();
            assert_eq!(begins(lane, &found, exactly_once), expected, "lane {lane}, exactly once {exactly_once}: {found:?}");
        }
    }
}
