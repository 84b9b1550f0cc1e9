//! What belongs to one instance on the host's side: its account of memory and time, its counters, its log, its keys, and
//! where the records of the running call stand.
//! It must not outlive the instance or be shared between two.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, UpdateDeadline};

use super::column::Batch;
use super::engine::ticks;
use super::instance::StepPlace;
use super::keys::KeyRing;
use super::keys::column::Derived;
use super::limiter::Limiter;
use super::limits::Limits;
use super::tables::Tables;
use super::windows::Windows;

/// What becomes of the text that a plugin logs or prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogMode {
    /// Lines are counted, not written: in production nobody may read them, for they could hold data.
    #[default]
    Count,
    /// Lines are also written to the log, at target `plugin`; for the plugin tools.
    Show,
}

/// What the host lends an instance.
#[derive(Debug, Clone, Default)]
pub struct HostServices {
    /// All keys of the configuration.
    pub keys: Arc<KeyRing>,
    /// Names of the keys that the step's settings name; others are denied.
    pub allowed_keys: Vec<String>,
    /// All tables of the configuration.
    pub tables: Arc<Tables>,
    /// Names of the tables that the step's settings name; others are denied.
    pub allowed_tables: BTreeSet<String>,
    /// What the step remembers in its lane; outlives the instance. None: its settings ask for no window.
    pub windows: Option<Arc<Mutex<Windows>>>,
    /// What becomes of log lines.
    pub log: LogMode,
}

/// Lines that a plugin logged since they were last asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogLines {
    /// Lines within the limits, and those cut at the line limit.
    pub written: u64,
    /// Lines beyond the limit of their call.
    pub dropped: u64,
}

/// What the store of one instance carries.
pub(super) struct State {
    pub(super) plugin: Arc<str>,
    pub(super) limits: Limits,
    pub(super) limiter: Limiter,
    pub(super) services: HostServices,
    pub(super) place: StepPlace,
    pub(super) derived: Derived,
    pub(super) call: Call,
    deadline: Deadline,
    /// Sums by index: of the running call, and of those that succeeded since they were last taken.
    running: Vec<u64>,
    counted: Vec<u64>,
    pub(super) log: LogLines,
    pub(super) lines_left: u32,
    /// State of the constant-seed generator.
    pub(super) random: u64,
}

/// Where the records of the running call stand, whatever the plugin is shown of it; empty outside a call.
#[derive(Default)]
pub(super) struct Call {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Source offset of each row.
    pub(super) origins: Vec<i64>,
}

impl Call {
    /// Notes where the records of a call stand, before the guest runs.
    pub(super) fn begin(&mut self, batch: &Batch) {
        self.topic.clone_from(&batch.topic);
        self.partition = batch.partition;
        self.origins.clone_from(&batch.origins);
    }
}

/// CPU time of the calling thread, not wall time: on a busy machine a good record must not become a guilty one. A
/// guest cannot wait for anything, so what it takes is CPU time.
struct Deadline {
    budget: Duration,
    started: Option<Duration>,
}

impl State {
    /// Before any call, without CPU time: [`arm`] grants it. `counters` is how many the plugin declares.
    pub(super) fn new(plugin: Arc<str>, limits: &Limits, counters: usize, services: HostServices, place: StepPlace) -> Self {
        State {
            plugin,
            limits: limits.clone(),
            limiter: Limiter::new(limits),
            services,
            place,
            derived: Derived::default(),
            call: Call::default(),
            deadline: Deadline { budget: Duration::ZERO, started: None },
            running: vec![0; counters],
            counted: vec![0; counters],
            log: LogLines::default(),
            lines_left: limits.log_lines,
            random: 0,
        }
    }

    /// Adds to a counter of the running call; false if there is none of that index. What it may come to is known at the
    /// end.
    pub(super) fn count(&mut self, counter: u32, delta: u64) -> bool {
        match self.running.get_mut(counter as usize) {
            Some(sum) => {
                *sum = sum.saturating_add(delta);
                true
            }
            None => false,
        }
    }

    /// Ends a call: its counts are kept if it succeeded and forgotten if its batch will be seen again. None may come to
    /// more than `things`, what there was to count: a counter is no place to write a value into.
    pub(super) fn finish(&mut self, succeeded: bool, things: u64) {
        let most = things.saturating_mul(self.limits.counts);
        for (sum, running) in self.counted.iter_mut().zip(&mut self.running) {
            let delta = std::mem::take(running);
            if succeeded {
                *sum = sum.saturating_add(delta.min(most));
            }
        }
    }

    /// Moves the counts that are not zero into `into`.
    pub(super) fn take_counts(&mut self, into: &mut Vec<(u32, u64)>) {
        into.clear();
        for (i, sum) in (0..).zip(&mut self.counted) {
            let delta = std::mem::take(sum);
            if delta > 0 {
                into.push((i, delta));
            }
        }
    }
}

/// A store with every limit in force, before anything of the plugin runs in it.
pub(super) fn store(engine: &wasmtime::Engine, state: State) -> Store<State> {
    let (hostcall_bytes, handles) = (state.limits.hostcall_bytes, state.limits.handles);
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(hostcall_bytes);
    store.set_max_component_handles(handles);
    store.epoch_deadline_callback(|mut cx| cx.data_mut().deadline.at_tick());
    store
}

/// Begins a call: sets its deadline, and makes everything as if there had been no call before.
pub(super) fn arm(store: &mut Store<State>, budget: Duration) {
    let state = store.data_mut();
    state.deadline = Deadline { budget, started: None };
    state.limiter.rearm();
    state.lines_left = state.limits.log_lines;
    state.random = 0;
    store.set_epoch_deadline(1);
}

impl Deadline {
    /// Called at the first tick within a call, and whenever the remaining budget could be used up. Calls shorter
    /// than a tick never ask the clock.
    fn at_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let now = Duration::try_from(now).unwrap_or_default();
        let used = now.saturating_sub(*self.started.get_or_insert(now));
        Ok(match self.budget.checked_sub(used) {
            Some(left) if !left.is_zero() => UpdateDeadline::Continue(ticks(left)),
            _ => UpdateDeadline::Interrupt,
        })
    }
}
