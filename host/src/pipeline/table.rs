//! The lanes that this process owns: starts them when the group says so, ends them when it takes them away, and takes
//! over again what gave up. Whether a lane may be taken over is asked by the lane itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::Shared;
use super::standing::{Barred, Standing};
use crate::group::{Confirm, Lanes};
use crate::lane::{End, Lane, Report, Said, Stop};
use crate::metrics::{LaneMetrics, LaneState, Reason, TransactionResult};
use crate::position::{Control, lane_of};

/// How long a revoked lane may take to commit or abort before it is let go; its successor fences it then.
const REVOKE_WITHIN: Duration = Duration::from_secs(20);

/// First and longest pause before a lane that gave up is taken over again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A lane that ran this long had recovered: its next pause starts small again.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// Stack of a lane's thread. Plugins run on it: wasm takes at most 512 KiB, the rest is the host's.
const STACK: usize = 8 * 1024 * 1024;

/// What is known of a lane in this process.
#[derive(Clone, Debug)]
pub struct LaneInfo {
    pub state: LaneState,
    pub reason: Reason,
    pub detail: String,
    /// Partitions that wait for somebody to change something on the source. Where there are any, the lane's other
    /// partitions go on.
    pub parked: Vec<(Arc<str>, i32)>,
    /// When its open transaction began.
    pub transaction: Option<Instant>,
}

impl LaneInfo {
    fn is_parked(&self, partition: Option<(&str, i32)>) -> bool {
        if self.parked.is_empty() {
            let parks = matches!(self.reason, Reason::SourceTopic | Reason::Authorization | Reason::StateInvalid);
            return parks && self.state == LaneState::Halted;
        }
        self.parked.iter().any(|(topic, number)| Some((&**topic, *number)) == partition)
    }
}

/// Whether every lane that has partitions runs this configuration; one that has none is never taken over.
fn all_run(config: &str, controls: &BTreeMap<u32, Control>, busy: &BTreeSet<u32>) -> bool {
    controls.iter().all(|(lane, control)| control.config == config || !busy.contains(lane))
}

struct Owned {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<End>>,
    metrics: LaneMetrics,
    started: Instant,
    pause: Duration,
    again_at: Option<Instant>,
    /// Version of what the process admitted when the lane was started.
    admitted: u64,
}

#[derive(Default)]
struct Inner {
    owned: BTreeMap<u32, Owned>,
    info: BTreeMap<u32, LaneInfo>,
    /// Version of what the process admitted when a lane that declined it was started.
    stands_down: Option<u64>,
    /// The process leaves the group: what it is assigned until it has left is somebody else's soon.
    leaves: bool,
}

impl Inner {
    /// A process that stands down has left the group, and owns the lane no more that told it to.
    fn any_ended_halted(&self) -> bool {
        let ended = |lane: &u32| self.owned.get(lane).is_some_and(|owned| owned.thread.is_none() && owned.again_at.is_none());
        let halted = |info: &LaneInfo| matches!(info.state, LaneState::Halted | LaneState::Declined);
        self.stands_down.is_some() || self.info.iter().any(|(lane, info)| halted(info) && ended(lane))
    }
}

/// The lanes of one pipeline that this process owns.
pub struct LaneTable {
    shared: Arc<Shared>,
    confirm: Mutex<Option<Confirm>>,
    standing: Standing,
    inner: Arc<Mutex<Inner>>,
}

impl LaneTable {
    /// Owns no lane; none can start before [`LaneTable::open`].
    pub fn new(shared: Arc<Shared>) -> Self {
        let standing = Standing::new(&shared.pipeline.name);
        Self { shared, confirm: Mutex::default(), standing, inner: Arc::default() }
    }

    /// Lanes can start once they have somebody to ask.
    pub fn open(&self, confirm: Confirm) {
        *self.confirm.lock().unwrap_or_else(PoisonError::into_inner) = Some(confirm);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A newer configuration runs elsewhere: this process leaves the pipeline to it.
    pub fn stands_down(&self) -> bool {
        self.lock().stands_down.is_some()
    }

    /// Whether the reason to stand down is over: this process admits something else now, or what every lane runs is what
    /// it admits.
    pub fn may_return(&self) -> bool {
        let Some(declined) = self.lock().stands_down else { return false };
        let current = self.shared.current.now();
        let sources = self.shared.discovery.now();
        let busy = sources.partitions().map(|(topic, partition)| lane_of(topic, partition, self.shared.pipeline.lanes)).collect();
        current.version != declined || all_run(&current.admission.config, &self.shared.view.now().controls, &busy)
    }

    /// Forgets what was declined; every lane has ended.
    pub fn come_back(&self) {
        let mut inner = self.lock();
        (inner.stands_down, inner.leaves) = (None, false);
        inner.owned.clear();
        inner.info.clear();
    }

    /// Whether no lane's thread is left; one that has ended is, until it is reaped.
    pub fn is_empty(&self) -> bool {
        self.lock().owned.values().all(|owned| owned.thread.is_none())
    }

    /// State of every lane this process owns or owned.
    pub fn info(&self) -> BTreeMap<u32, LaneInfo> {
        self.lock().info.clone()
    }

    /// Whether a lane ended for good, as a whole.
    pub fn any_ended_halted(&self) -> bool {
        self.lock().any_ended_halted()
    }

    /// Whether this process owns a lane, be it running or not.
    pub fn owns_any(&self) -> bool {
        !self.lock().owned.is_empty()
    }

    /// The group's client met an error.
    pub fn refused(&self, error: &KafkaError) {
        self.standing.meet(error);
    }

    /// Why the group does not take this process. Lanes that it owns it has from the group, whatever the client met since.
    pub fn barred(&self) -> Option<Barred> {
        if self.owns_any() { None } else { self.standing.barred() }
    }

    fn start(&self, inner: &mut Inner, number: u32, pause: Duration) {
        let Some(confirm) = self.confirm.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return };
        let stop = Arc::new(Stop::default());
        let admitted = self.shared.current.version();
        let metrics = self.shared.metrics.lane(&self.shared.pipeline.name, number);
        let report = Arc::new(Reporter { inner: self.inner.clone() });
        let lane = Lane { shared: self.shared.clone(), number, stop: stop.clone(), confirm, report };
        let name = format!("lane {}/{number}", self.shared.pipeline.name);
        let thread = thread::Builder::new().name(name).stack_size(STACK).spawn(move || lane.run());
        let thread = match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                tracing::error!(pipeline = self.shared.pipeline.name, lane = number, %error, "cannot start the lane's thread; will retry");
                None
            }
        };
        let again_at = thread.is_none().then(|| Instant::now() + LONGEST_PAUSE);
        inner.owned.insert(number, Owned { stop, thread, metrics, started: Instant::now(), pause, again_at, admitted });
    }

    /// Reaps lanes that ended and takes over again those whose pause is over.
    pub fn tend(&self) {
        self.reap();
        let mut inner = self.lock();
        let now = Instant::now();
        let due: Vec<(u32, Duration)> = inner
            .owned
            .iter()
            .filter(|(_, owned)| owned.again_at.is_some_and(|at| at <= now))
            .map(|(lane, owned)| (*lane, owned.pause))
            .collect();
        for (lane, pause) in due {
            self.start(&mut inner, lane, pause);
        }
    }

    /// Collects lanes that ended.
    pub fn reap(&self) {
        let finished: Vec<(u32, JoinHandle<End>)> = {
            let mut inner = self.lock();
            let done = |owned: &mut Owned| owned.thread.take_if(|thread| thread.is_finished());
            inner.owned.iter_mut().filter_map(|(lane, owned)| Some((*lane, done(owned)?))).collect()
        };
        for (lane, thread) in finished {
            let end =
                thread.join().unwrap_or_else(|_| End::GivenUp { reason: Reason::Internal, detail: "the lane's thread panicked".into() });
            self.ended(lane, end);
        }
    }

    fn ended(&self, lane: u32, end: End) {
        let pipeline = &self.shared.pipeline.name;
        let reporter = Reporter { inner: self.inner.clone() };
        reporter.lost(lane, &end);
        match end {
            End::Stopped => reporter.state(lane, Said::of(LaneState::Waiting, Reason::None, "")),
            End::GivenUp { reason, detail } => {
                tracing::warn!(pipeline, lane, "lane given up; will take over again if it is still ours: {detail}");
                // Tried again all the same, but until somebody changes something on the target it meets the same.
                let stands = matches!(reason, Reason::Authorization | Reason::StateInvalid);
                let state = if stands { LaneState::Halted } else { LaneState::TakingOver };
                reporter.state(lane, Said::of(state, reason, &detail));
                let mut inner = self.lock();
                if let Some(owned) = inner.owned.get_mut(&lane) {
                    let last = if owned.started.elapsed() > HEALTHY_AFTER { Duration::ZERO } else { owned.pause };
                    owned.pause = (last * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                    owned.again_at = Some(Instant::now() + owned.pause);
                }
            }
            End::Halted { reason, detail } => {
                tracing::error!(pipeline, lane, "lane halted: {detail}");
                reporter.state(lane, Said::of(LaneState::Halted, reason, &detail));
            }
            End::Declined(declined) => {
                tracing::error!(pipeline, lane, "lane declined; leaving the pipeline to the newer configuration: {declined}");
                reporter.state(lane, Said::of(LaneState::Declined, Reason::OlderGeneration, &declined.to_string()));
                let mut inner = self.lock();
                inner.stands_down =
                    inner.owned.get(&lane).map(|owned| owned.admitted).or(inner.stands_down).or(Some(self.shared.current.version()));
            }
        }
    }

    /// Whether a partition waits for somebody to change something on a cluster, as far as this process knows: it owns the
    /// lane, and the partition cannot be read, or a right of the lane is denied, or records of its own are refused by the
    /// target; or it has no right to be given any lane. Without a partition it is asked of the lane as a whole.
    pub fn is_parked(&self, lane: u32, partition: Option<(&str, i32)>) -> bool {
        self.barred().is_some_and(|barred| barred.reason == Reason::Authorization)
            || self.lock().info.get(&lane).is_some_and(|info| info.is_parked(partition))
    }

    /// Asks every lane to finish, and starts none; [`LaneTable::reap`] collects them.
    pub fn stop_all(&self) {
        let mut inner = self.lock();
        inner.leaves = true;
        for owned in inner.owned.values_mut() {
            owned.stop.request();
            owned.again_at = None;
        }
    }
}

impl Lanes for Arc<LaneTable> {
    fn assigned(&self, lanes: &[u32]) {
        tracing::info!(pipeline = self.shared.pipeline.name, ?lanes, "lanes assigned");
        self.standing.taken();
        let mut inner = self.lock();
        if inner.leaves {
            return;
        }
        for lane in lanes {
            self.start(&mut inner, *lane, Duration::ZERO);
        }
    }

    fn revoked(&self, lanes: &[u32]) {
        tracing::info!(pipeline = self.shared.pipeline.name, ?lanes, "lanes revoked");
        let going: Vec<(u32, Owned)> = {
            let mut inner = self.lock();
            lanes.iter().filter_map(|lane| Some((*lane, inner.owned.remove(lane)?))).collect()
        };
        for (_, owned) in &going {
            owned.stop.request();
        }
        let deadline = Instant::now() + REVOKE_WITHIN;
        for (lane, owned) in going {
            let Some(thread) = owned.thread else { continue };
            while !thread.is_finished() && Instant::now() < deadline {
                thread::park_timeout(Duration::from_millis(5));
            }
            if thread.is_finished() {
                if thread.join().is_err() {
                    tracing::error!(pipeline = self.shared.pipeline.name, lane, "the lane's thread panicked");
                }
            } else {
                tracing::warn!(pipeline = self.shared.pipeline.name, lane, "the lane did not finish in time; its successor fences it");
            }
        }
        let mut inner = self.lock();
        // A lane that was declined stays on show: it says why this process runs nothing.
        for lane in lanes {
            if inner.info.get(lane).is_some_and(|info| info.state != LaneState::Declined) {
                inner.info.remove(lane);
            }
        }
    }
}

struct Reporter {
    inner: Arc<Mutex<Inner>>,
}

impl Reporter {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane ended; a transaction that it left open is not its own any more.
    fn lost(&self, lane: u32, end: &End) {
        let open = self.lock().info.get(&lane).is_some_and(|info| info.transaction.is_some());
        if open {
            let fenced = matches!(end, End::GivenUp { reason: Reason::Fenced, .. });
            self.ended(lane, if fenced { TransactionResult::Fenced } else { TransactionResult::Unknown });
        }
    }
}

impl Report for Reporter {
    fn state(&self, lane: u32, said: Said<'_>) {
        let Said { state, reason, detail, parked } = said;
        let mut inner = self.lock();
        // A lane that was let go may still speak; its successor's word counts.
        let Some(owned) = inner.owned.get(&lane) else { return };
        owned.metrics.set(state, reason);
        let transaction = inner.info.get(&lane).and_then(|info| info.transaction);
        inner.info.insert(lane, LaneInfo { state, reason, detail: detail.to_owned(), parked, transaction });
    }

    fn began(&self, lane: u32) {
        let mut inner = self.lock();
        if let Some(owned) = inner.owned.get(&lane) {
            owned.metrics.transaction_began();
        }
        if let Some(info) = inner.info.get_mut(&lane) {
            info.transaction = Some(Instant::now());
        }
    }

    fn ended(&self, lane: u32, result: TransactionResult) {
        let mut inner = self.lock();
        if let Some(owned) = inner.owned.get(&lane) {
            owned.metrics.transaction_ended(result);
        }
        if let Some(info) = inner.info.get_mut(&lane) {
            info.transaction = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(state: LaneState, reason: Reason, parked: &[&str]) -> LaneInfo {
        let parked = parked.iter().map(|topic| (Arc::from(*topic), 0)).collect();
        LaneInfo { state, reason, detail: String::new(), parked, transaction: None }
    }

    #[test]
    fn a_parked_partition_holds_up_itself_alone() {
        use LaneState::{Halted, Running};
        for (info, parked) in [
            (info(Halted, Reason::Authorization, &["a"]), [true, false, false]),
            (info(Halted, Reason::RecordFailed, &["a"]), [true, false, false]),
            (info(Halted, Reason::RecordFailed, &[]), [false; 3]),
            (info(Halted, Reason::Authorization, &[]), [true; 3]),
            (info(Running, Reason::None, &[]), [false; 3]),
        ] {
            let asked = [Some(("a", 0)), Some(("b", 0)), None];
            assert_eq!(asked.map(|partition| info.is_parked(partition)), parked, "{info:?}");
        }
    }

    #[test]
    fn lanes_without_partitions_hold_up_no_return() {
        let control = |config: &str| {
            let control = serde_json::json!({
                "version": 1, "lanes": 2, "source": "s", "generation": 1, "config": config, "known": {}, "owner": "o", "since": 0,
            });
            serde_json::from_value::<Control>(control).expect("a control record")
        };
        let controls = BTreeMap::from([(0, control("ours")), (1, control("old"))]);
        assert!(all_run("ours", &controls, &BTreeSet::from([0])));
        assert!(!all_run("ours", &controls, &BTreeSet::from([0, 1])));
    }

    #[test]
    fn a_process_that_stands_down_has_ended_though_its_lanes_are_gone() {
        let declined = info(LaneState::Declined, Reason::OlderGeneration, &[]);
        for (stands_down, ended) in [(None, false), (Some(1), true)] {
            let inner = Inner { info: BTreeMap::from([(0, declined.clone())]), stands_down, ..Inner::default() };
            assert_eq!(inner.any_ended_halted(), ended, "{stands_down:?}");
        }
    }
}
