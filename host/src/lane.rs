//! One lane: a source consumer, a transactional producer and the chain's instances on one thread. It upholds the
//! delivery invariants (ARCHITECTURE.md, I1 to I8); who owns it is decided by `group`, what runs it is `pipeline`.
//!
//! ```text
//! waiting ──owned, has work──▶ taking over ──▶ running ──stop──▶ ended
//!                                   ▲             │ abortable: abort, rewind, go on
//!                                   └──confirmed──┤ fatal, unknown: give up
//!                                                 └ named error: halted
//! ```

mod awaited;
mod border;
mod commit;
mod genesis;
mod identity;
mod orphan;
mod raw;
mod route;
mod slot;
mod takeover;
mod trouble;
mod work;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use takeover::{Found, ReadError, read};

use crate::chain::{Before, CallFailed, Chain, LossyKey};
use crate::failpoint;
use crate::group::Confirm;
use crate::kafka::ffi::Ticket;
use crate::kafka::{self, ProducerSettings};
use crate::metrics::{LaneState, PartitionMetrics, Reason, TransactionResult};
use crate::pipeline::{Admitted, Shared};
use crate::position::{Control, Declined, Position, Unreadable, lane_of};
use crate::sink::{Kind, Side, Sink, SinkError};
use crate::source::{Batch, Event, Source, SourceError};
use slot::Slot;

/// How long an idle lane looks at its source before it looks at everything else.
const IDLE_WAIT: Duration = Duration::from_millis(50);

/// How long a control record that others have may be missing before the lane looks for itself: what follows the positions
/// sees the partitions of one commit a moment apart.
const LOST_AFTER: Duration = Duration::from_secs(2);

/// Records per look at the source. Enough to fill several plugin batches, little enough to keep a replay short.
const FETCH: usize = 2_000;

/// What to do where the target denies a right.
const GRANT: &str = "grant WRITE on every topic that the pipeline writes to, and on its transactional ids; copying goes on by itself then";

pub use slot::UNMATCHED_WINDOW;

/// Why a lane ended.
#[derive(Debug)]
pub enum End {
    /// It was asked to, and finished or aborted what it had open.
    Stopped,
    /// Another take-over may help: the producer was fenced, a broker went, an outcome is unknown.
    GivenUp { reason: Reason, detail: String },
    /// It stands until somebody changes something.
    Halted { reason: Reason, detail: String },
    /// This process's configuration is older than the lane's.
    Declined(Declined),
}

/// What went wrong inside a lane. `end` says what becomes of the lane; nothing else decides it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Sink(#[from] SinkError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Declined(#[from] Declined),
    #[error("the group no longer counts this process as the lane's owner")]
    NotOwned,
    #[error("{detail}")]
    Halt { reason: Reason, detail: String },
    #[error("a step cannot be started: {0}")]
    Init(#[from] CallFailed),
    #[error("{0}")]
    Client(String),
    #[error("another component may take what a step stood for: the lane begins again from its positions")]
    Afresh,
    #[error("stopped")]
    Stopped,
}

impl Failure {
    fn end(self) -> End {
        let detail = self.to_string();
        match self {
            Failure::Stopped | Failure::Read(ReadError::Stopped) => End::Stopped,
            Failure::Declined(declined) => End::Declined(declined),
            Failure::Halt { reason, .. } => End::Halted { reason, detail },
            Failure::Init(_) => End::Halted { reason: Reason::PluginFailed, detail },
            Failure::Unreadable(_) | Failure::Read(ReadError::Unreadable(_)) => End::Halted { reason: Reason::PositionMissing, detail },
            Failure::Sink(error) if error.is_denied() => {
                End::GivenUp { reason: Reason::Authorization, detail: format!("{detail}; {GRANT}") }
            }
            // Whatever is refused before the first source record is the lane's own.
            Failure::Sink(error) if error.kind == Kind::Refused => End::GivenUp { reason: Reason::StateInvalid, detail },
            Failure::Sink(error) if error.is_fenced() => End::GivenUp { reason: Reason::Fenced, detail },
            Failure::Sink(_) | Failure::Source(_) | Failure::Read(_) | Failure::Client(_) => {
                End::GivenUp { reason: Reason::ClusterUnreachable, detail }
            }
            Failure::NotOwned | Failure::Afresh => End::GivenUp { reason: Reason::None, detail },
        }
    }
}

/// Tells a lane to end.
#[derive(Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks for the end; it cannot be taken back.
    pub fn request(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the end was asked for; every wait looks at it.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a lane says of how it stands.
pub struct Said<'a> {
    pub state: LaneState,
    pub reason: Reason,
    pub detail: &'a str,
    /// Partitions that the source does not serve, where the lane's others go on.
    pub parked: Vec<(Arc<str>, i32)>,
}

impl<'a> Said<'a> {
    /// Of the lane as a whole.
    pub fn of(state: LaneState, reason: Reason, detail: &'a str) -> Self {
        Self { state, reason, detail, parked: Vec::new() }
    }
}

/// What a lane says of itself while it runs.
pub trait Report: Send + Sync {
    fn state(&self, lane: u32, said: Said<'_>);
    /// A transaction was opened.
    fn began(&self, lane: u32);
    /// The open transaction ended.
    fn ended(&self, lane: u32, result: TransactionResult);
}

/// A lane that this process owns; runs on its own thread.
pub struct Lane {
    pub shared: Arc<Shared>,
    pub number: u32,
    pub stop: Arc<Stop>,
    pub confirm: Confirm,
    pub report: Arc<dyn Report>,
}

impl Lane {
    /// Runs until it is stopped or fails.
    pub fn run(&self) -> End {
        match self.drive() {
            Ok(()) => End::Stopped,
            Err(failure) => failure.end(),
        }
    }

    fn drive(&self) -> Result<(), Failure> {
        loop {
            self.state(LaneState::Waiting, Reason::None, "");
            self.wait_for_work()?;
            self.state(LaneState::TakingOver, Reason::None, "");
            let mut working = self.take_over()?;
            if !working.slots.is_empty() || !working.untaken.is_empty() {
                working.tell_state();
                return working.run();
            }
            // The genesis is made, and there is nothing to copy: what it was made with is closed again.
            drop(working);
            while !self.shared.view.wait(IDLE_WAIT, |seen| seen.controls.contains_key(&self.number)) {
                self.stopping()?;
            }
        }
    }

    fn state(&self, state: LaneState, reason: Reason, detail: &str) {
        self.report.state(self.number, Said::of(state, reason, detail));
    }

    fn stopping(&self) -> Result<(), Failure> {
        if self.stop.requested() { Err(Failure::Stopped) } else { Ok(()) }
    }

    /// A lane without source partitions opens no clients. Lane 0 has work from the start: it makes the genesis that all
    /// others wait for.
    fn wait_for_work(&self) -> Result<(), Failure> {
        let (mut seen, mut lacking) = (0, None);
        loop {
            self.stopping()?;
            self.notice_loss(&mut lacking)?;
            let sources = self.shared.discovery.wait_past(seen, Duration::from_millis(200));
            let has_work = sources.partitions().any(|(topic, partition)| lane_of(topic, partition, self.lanes()) == self.number);
            let ready = self.shared.view.has_control(self.number) && self.has_begun();
            let genesis = self.number == 0 && !ready;
            if sources.version > 0 && (genesis || (has_work && ready)) {
                return Ok(());
            }
            seen = if has_work { 0 } else { sources.version };
            if seen == 0 {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        }
    }

    /// I5: whether a genesis of which something is to be seen is complete. One transaction is; without it, lane 0's control
    /// record is written last.
    fn has_begun(&self) -> bool {
        self.shared.exactly_once() || self.shared.view.has_control(0)
    }

    /// I5: the genesis wrote a control record for every lane at once. Where others have theirs and this one has none, its
    /// positions were lost, and waiting would not bring them back.
    fn notice_loss(&self, lacking: &mut Option<Instant>) -> Result<(), Failure> {
        if self.number == 0 || !self.has_begun() || !self.shared.view.lacks_control(self.number) {
            *lacking = None;
            return Ok(());
        }
        if lacking.get_or_insert_with(Instant::now).elapsed() < LOST_AFTER {
            return Ok(());
        }
        *lacking = None;
        if self.read_state(&|| self.stop.requested())?.control.is_some() {
            return Ok(());
        }
        let detail = format!(
            "partition {} of {} has no control record, though other lanes have theirs: its positions were lost. Restore them, or use a new pipeline name to start anew on purpose",
            self.number, self.shared.topics.positions
        );
        Err(Failure::Halt { reason: Reason::PositionMissing, detail })
    }

    fn lanes(&self) -> u32 {
        self.shared.pipeline.lanes
    }

    /// I3: confirm, initialise, confirm, read, and only then work.
    fn take_over(&self) -> Result<Working<'_>, Failure> {
        let give_up = || self.stop.requested();
        // A process that came back from the dead must not fence its successor: it asks first.
        self.owned()?;
        let early = if failpoint::mutant("position_before_init") { Some(self.read_state(&give_up)?) } else { None };
        if early.is_some() {
            failpoint::hit("in_init");
        }
        tracing::debug!(lane = self.number, "lane confirmed");
        let mut sink = self.open_sink()?;
        tracing::debug!(lane = self.number, "predecessor fenced");
        if early.is_none() {
            failpoint::hit("in_init");
        }
        self.owned()?;
        self.end_own_orphans(&mut sink)?;
        let found = match early {
            Some(found) => found,
            None => self.read_state(&give_up)?,
        };
        self.stopping()?;
        tracing::debug!(lane = self.number, positions = found.positions.len(), "positions read");
        let checked = self.end_data_orphans(&mut sink, &found)?;
        let mut working = Working::new(self, sink, found)?;
        working.opened = checked;
        Ok(working)
    }

    fn owned(&self) -> Result<(), Failure> {
        if self.confirm.still_owned(self.number, || self.stop.requested()) { Ok(()) } else { self.stopping().and(Err(Failure::NotOwned)) }
    }

    fn read_state(&self, give_up: &dyn Fn() -> bool) -> Result<Found, Failure> {
        let shared = &*self.shared;
        Ok(takeover::read(&shared.target, &shared.pipeline.name, &shared.topics.positions, self.number, give_up)?)
    }

    fn open_sink(&self) -> Result<Sink, Failure> {
        let shared = &*self.shared;
        let exactly_once = shared.exactly_once();
        let id = format!("sluice.{}.{}", shared.pipeline.name, self.number);
        let settings = ProducerSettings {
            transactional_id: exactly_once.then_some(id.as_str()),
            transaction_timeout: shared.pipeline.transaction.timeout,
            memory: shared.budget.producer,
            batch_bytes: shared.batch_bytes(),
        };
        let producer = kafka::producer(&shared.target, &settings)
            .map_err(|error| Failure::Client(format!("cannot make the lane's producer: {error}")))?;
        let sink = Sink::new(producer, exactly_once, shared.pipeline.transaction.timeout);
        sink.init()?;
        Ok(sink)
    }
}

/// What became of one source record within the open transaction.
struct Entry {
    slot: u32,
    offset: i64,
    /// First ticket and number of records on the target, emitted ones included.
    first: u32,
    outputs: u32,
    /// Which of them is the record itself; `u32::MAX`: none.
    survivor: u32,
}

/// The open transaction.
struct Open {
    since: Instant,
    bytes: u64,
    entries: Vec<Entry>,
    /// Slot and ticket of the coordinates of each record that was put aside.
    aside: Vec<(usize, Ticket)>,
    /// Its positions were handed to the producer.
    stated: bool,
}

/// A lane that has been taken over.
struct Working<'a> {
    lane: &'a Lane,
    sink: Sink,
    source: Source,
    chain: Chain,
    /// What `chain` was made from, and the last version that was looked at: another one where it could not be started.
    admitted: Arc<Admitted>,
    admitted_seen: u64,
    /// How often that was tried.
    tries: border::Tries,
    control: Control,
    /// The control record differs from what is on the target.
    control_dirty: bool,
    slots: Vec<Slot>,
    /// Metrics by slot.
    meters: Vec<PartitionMetrics>,
    by_partition: HashMap<(Arc<str>, i32), usize>,
    /// Positions on the target whose partition has not been seen in the source yet.
    unclaimed: BTreeMap<(String, i32), Position>,
    /// Version of the discovery that `slots` follow.
    version: u64,
    /// When to try again what could not be taken up, and what that was.
    look_again: Option<Instant>,
    untaken: BTreeSet<(Arc<str>, i32)>,
    /// Version of the source ends that the lag was last told by.
    ends_version: u64,
    open: Option<Open>,
    /// Room for the next transaction's entries: growing it anew each time copies megabytes.
    spare: Vec<Entry>,
    /// Bytes of passed records by slot in the open transaction, for the metrics.
    bytes: Vec<u64>,
    /// Most source records that a transaction may hold; below the configured number only while a refused record is
    /// sought.
    limit: usize,
    /// Records that the target refused, by slot and offset, with the reason's code.
    refused: HashMap<(usize, i64), String>,
    /// How the chain stood before the batch at hand, while its rows are not in the open transaction yet.
    unsent: Option<Before>,
    /// The source record that is being handed to the producer.
    sending: Option<(usize, i64)>,
    /// Partitions of the topics that records were sent to by a step.
    routed: HashMap<String, Result<i32, &'static str>>,
    /// By source topic: where a step may lose records of it if their topic is compacted. The registry may be asked for that,
    /// with a transaction open, so it is asked once.
    lossy: HashMap<Arc<str>, Option<LossyKey>>,
    /// Target partitions in which nothing of the lane's predecessors hangs.
    opened: HashSet<(u16, i32)>,
    /// What stops the whole lane for now, and why: rights that are denied, records of its own that are refused.
    held: Option<(Reason, String)>,
    /// Partitions that were asked to be told about once.
    told: BTreeSet<usize>,
    /// Writes raw quarantined records to the source.
    raw: raw::Raw,
    /// Schemas that partitions stand for.
    awaited: awaited::Awaited,
    aborts: u32,
}

impl Working<'_> {
    fn run(&mut self) -> Result<(), Failure> {
        let mut batch = Batch::default();
        loop {
            if self.lane.stop.requested() {
                return self.finish();
            }
            let turned = match self.turn(&mut batch) {
                Err(Failure::Sink(error)) if error.kind != Kind::Lost => self.rewind(&error),
                other => other,
            };
            if let Err(failure) = turned {
                self.let_go(&failure);
                self.leave_word(&failure);
                return Err(failure);
            }
        }
    }

    /// A lane that ends by a failure leaves no transaction open, where its producer can still say so: an open one holds
    /// the target's readers until it times out.
    fn let_go(&mut self, failure: &Failure) {
        let lost = matches!(failure, Failure::Sink(error) if error.kind == Kind::Lost && error.side == Side::Target);
        if self.open.is_some()
            && !lost
            && let Err(error) = self.sink.abort()
        {
            tracing::warn!(pipeline = self.lane.shared.pipeline.name, lane = self.lane.number, %error, "the open transaction is left to its time-out");
        }
    }

    /// One look at the world: new partitions, records, events, reports, and a commit where one is due.
    fn turn(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.follow_admitted()?;
        self.follow_registry();
        self.follow_discovery()?;
        self.tell_lag();
        if self.open.is_none() && (self.control_dirty || self.slots.iter().any(|slot| slot.dirty)) {
            // Something is still to be written though no record comes, after an abort for one.
            self.begin()?;
        }
        let room = self.limit - self.open.as_ref().map_or(0, |open| open.entries.len().min(self.limit));
        self.source.fetch(batch, room.min(FETCH), self.wait())?;
        failpoint::hit("after_poll");
        for run in &batch.runs {
            self.served(run.slot);
            self.work(run.slot, &batch.records[run.start..run.end])?;
        }
        if self.lane.stop.requested() {
            // Records may have been left out: the end of their partition must not move its position past them.
            return Ok(());
        }
        for event in &batch.events {
            match event {
                Event::End { slot, next } => {
                    self.served(*slot);
                    self.end_of_partition(*slot, *next)?;
                }
                Event::Short { slot, end } => self.short(*slot, *end)?,
                Event::Broken { slot, trouble } => self.broken(*slot, trouble)?,
            }
        }
        self.sink.serve(Duration::ZERO)?;
        if self.due() { self.commit() } else { Ok(()) }
    }

    /// How long the next look at the source may block.
    fn wait(&self) -> Duration {
        let max_age = self.lane.shared.pipeline.transaction.max_age;
        self.open.as_ref().map_or(IDLE_WAIT, |open| max_age.saturating_sub(open.since.elapsed()).min(IDLE_WAIT))
    }

    /// Whether the open transaction has reached one of its bounds.
    fn due(&self) -> bool {
        let limits = &self.lane.shared.pipeline.transaction;
        self.open.as_ref().is_some_and(|open| {
            open.entries.len() >= self.limit || open.bytes >= limits.max_bytes || open.since.elapsed() >= limits.max_age
        })
    }

    /// The lane was asked to stop: what is open is finished; where that fails, the successor replays it.
    fn finish(&mut self) -> Result<(), Failure> {
        failpoint::hit("in_shutdown");
        self.lane.state(LaneState::Stopping, Reason::None, "");
        if self.open.is_none() {
            return Ok(());
        }
        self.commit().inspect_err(|failure| self.let_go(failure))
    }
}
