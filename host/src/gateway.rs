//! The whole process: from a plan to running pipelines and back to nothing. It decides when a run is over and how it
//! ended; it must not know Kafka's or plugins' details.

mod goal;
mod ready;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::BaseConsumer;

use crate::chain::{ChainPlan, Lent, PlanError, Schemas};
use crate::clock::now_millis;
use crate::config::plan::{Cluster, OnError, Payload, Pipeline, Plan};
use crate::discovery::Discovery;
use crate::dropin::{self, Watch};
use crate::http::{ListenError, Pages, Server};
use crate::kafka::{self, Context, Unreachable};
use crate::lane::Stop;
use crate::metrics::{LaneState, Metrics};
use crate::pipeline::{Admission, Budget, Current, Ends, Running, Shared, StartError, pipeline_status};
use crate::plugin::{LogMode, Plugins};
use crate::plugins::trust::open_directory;
use crate::plugins::{self, Registry, RegistryError};
use crate::position::{Claim, Position, lane_of};
use crate::status::Status;
use crate::tables::{self, Following};
use crate::topics::{StateTopics, TargetTopics, TopicError};
use crate::view::{Snapshot, View};
use goal::{Goal, Goals};
use ready::Ready;

/// How often a run looks whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// How long a run waits for the positions that the target has as it begins, so that it knows which of them stand above the
/// ends of their logs.
const POSITIONS_WITHIN: Duration = Duration::from_secs(10);

/// After this long a halt on the target is believed even where no owner took the lane over since the start.
const STALE_HALTS_FOR: Duration = Duration::from_secs(60);

/// How a run is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// End once every partition has reached the last stable offset that it had at the start.
    pub until_caught_up: bool,
    /// Take back a configuration that was replaced.
    pub readmit: bool,
    /// Every topic was made beforehand; nothing is asked of the clusters' admin requests. For librdkafka's mock
    /// cluster, which answers none.
    pub premade: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was asked to stop, or caught up.
    Done,
    /// Something is halted.
    Halted,
}

/// A run could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Steps(Vec<PlanError>),
    #[error(transparent)]
    Plugins(#[from] RegistryError),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("{0}")]
    Unsafe(String),
    /// Unsafe, and the file says so.
    #[error(transparent)]
    Conflict(PlanError),
    /// Asked to stop before it had begun: nothing failed.
    #[error("asked to stop while it started")]
    Stopped,
    #[error("pipeline {pipeline}: {error}")]
    Start { pipeline: String, error: Box<StartError> },
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("{0}")]
    Client(String),
}

/// Everything that can be checked without a cluster: plugins loaded, every step tried.
pub struct Prepared {
    pub metrics: Metrics,
    pub chains: Vec<Arc<ChainPlan>>,
    pub lent: Lent,
    pub registry: Registry,
}

/// Loads the plugins and tries every step's settings. `log`: what becomes of the plugins' log lines.
pub fn prepare(plan: &Plan, log: LogMode) -> Result<Prepared, RunError> {
    let host = plugins::host(&plan.plugins)?;
    let registry = registry(&host, plan)?;
    prepare_with(plan, registry, log)
}

/// The plugins that a run of this plan would use.
pub fn registry(host: &Plugins, plan: &Plan) -> Result<Registry, RunError> {
    let needed = plan.pipelines.iter().flat_map(|pipeline| &pipeline.steps).map(|step| step.plugin.as_str()).collect();
    Ok(Registry::load(host, &plan.plugins, &needed)?)
}

/// Tries every step's settings with these plugins.
pub fn prepare_with(plan: &Plan, registry: Registry, log: LogMode) -> Result<Prepared, RunError> {
    check_properties(plan)?;
    check_raw_quarantines(plan)?;
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"));
    let ring = plugins::key_ring(&plan.keys).map_err(|error| RunError::Client(error.to_string()))?;
    let tables = tables::load(plan).map_err(RunError::Steps)?;
    let lent = Lent { keys: Arc::new(ring), tables: Arc::new(tables), log };
    let (mut chains, mut problems) = (Vec::new(), Vec::new());
    for pipeline in &plan.pipelines {
        let schemas = Schemas::new(pipeline).map_err(|error| RunError::Client(error.to_string()))?;
        match ChainPlan::build(pipeline, &registry, &lent, &metrics, &Arc::new(schemas)) {
            Ok(chain) => {
                chain.steps.iter().for_each(|step| metrics.admitted(&step.name, &step.digest));
                chains.push(Arc::new(chain));
            }
            Err(mut found) => problems.append(&mut found),
        }
    }
    if problems.is_empty() { Ok(Prepared { metrics, chains, lent, registry }) } else { Err(RunError::Steps(problems)) }
}

/// What the client library says of a cluster's properties, at their place in the file.
fn check_properties(plan: &Plan) -> Result<(), RunError> {
    let problems: Vec<PlanError> = plan
        .clusters
        .values()
        .filter_map(|cluster| kafka::refused_property(cluster))
        .map(|(at, message)| PlanError { at, message })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(RunError::Steps(problems)) }
}

/// I6: raw records that one pipeline puts aside on the source must not be another one's input.
fn check_raw_quarantines(plan: &Plan) -> Result<(), RunError> {
    for owner in &plan.pipelines {
        let OnError::Quarantine { topic, payload: Payload::Source } = &owner.on_error else { continue };
        let reads = |other: &&Pipeline| other.source.name == owner.source.name && other.topics.matches(topic);
        if let Some(other) = plan.pipelines.iter().find(reads) {
            let message =
                format!("pipeline {} would copy {topic}, where pipeline {} puts raw records aside; exclude it", other.name, owner.name);
            return Err(RunError::Conflict(PlanError { at: other.at.clone(), message }));
        }
    }
    Ok(())
}

/// A process at work.
pub struct Gateway {
    running: Arc<Vec<Running>>,
    server: Option<Server>,
    pages_stop: tokio::sync::watch::Sender<bool>,
    goals: Vec<Goals>,
    started: Instant,
    started_millis: i64,
    options: Options,
    watch: Watch,
    /// Ends after the pipelines, which look rows up.
    _following: Following,
}

impl Gateway {
    /// Reaches every cluster, starts every pipeline and serves the pages. A stop that is asked for meanwhile is looked at
    /// between these steps, and ends them with [`RunError::Stopped`].
    pub fn start(plan: Plan, options: Options, stop: &Stop) -> Result<Self, RunError> {
        let Ready { plan, host, prepared, ids } = ready::begin(plan, stop)?;
        if let Some(dir) = open_directory(&plan.plugins) {
            tracing::warn!(
                dir = %dir.display(),
                "plugins.trust is open: whoever may write the plugin directory decides what masks; trust: locked admits what plugins.lock lists"
            );
        }
        let (started, started_millis) = (Instant::now(), now_millis());
        // Before the first record: a row that is missing only because it was not read yet would pass for none.
        let following = Following::start(&plan, &prepared.lent.tables, &prepared.metrics).map_err(RunError::Client)?;
        let lanes: u32 = plan.pipelines.iter().map(|pipeline| pipeline.lanes).sum();
        let budget = Budget::of(plan.memory, lanes);
        let (listen, owner, plugins) = (plan.http.listen, owner(), plan.plugins);
        let mut running = Vec::new();
        let mut goals = Vec::new();
        for (pipeline, chain) in plan.pipelines.into_iter().zip(&prepared.chains) {
            if stop.requested() {
                end(&running);
                return Err(RunError::Stopped);
            }
            let name = pipeline.name.clone();
            let failed = |error: StartError| match error {
                StartError::Refused(why) => RunError::Unsafe(why),
                error => RunError::Start { pipeline: name.clone(), error: Box::new(error) },
            };
            if ids[&pipeline.source.name] == ids[&pipeline.target.name] {
                return Err(RunError::Unsafe(format!(
                    "pipeline {name}: source {} and target {} are the same cluster; it would copy topics onto themselves",
                    pipeline.source.name, pipeline.target.name
                )));
            }
            let started = shared(pipeline, chain.clone(), &prepared, &ids, budget, &owner, options)
                .map_err(StartError::from)
                .and_then(|shared| Running::start(shared, stop))
                .map_err(failed)
                .inspect_err(|_| end(&running))?;
            let goal = if options.until_caught_up { goals_of(&started.shared) } else { Ok(Goals::new()) };
            running.push(started);
            goals.push(goal.inspect_err(|_| end(&running))?);
        }
        if stop.requested() {
            end(&running);
            return Err(RunError::Stopped);
        }
        let running = Arc::new(running);
        let (pages_stop, stopped) = tokio::sync::watch::channel(false);
        let pages = Arc::new(pages(&running, &prepared.metrics));
        let server = serve(listen, &pages, &stopped).inspect_err(|_| end(&running))?;
        tracing::info!(address = %server.address(), "pages");
        let Prepared { metrics, lent, registry, .. } = prepared;
        let watch = Watch::start(dropin::Parts { host, registry, config: plugins, lent, metrics, running: running.clone() })
            .map_err(|error| RunError::Client(format!("cannot start the plugin watch: {error}")))
            .inspect_err(|_| end(&running))?;
        Ok(Self { running, server: Some(server), pages_stop, goals, started, started_millis, options, watch, _following: following })
    }

    /// The pipelines.
    pub fn pipelines(&self) -> &[Running] {
        &self.running
    }

    /// Where the pages are served.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Waits until the run is over: asked to stop, or caught up where that ends it.
    pub fn wait(&self, stop: &Stop) -> Outcome {
        while !stop.requested() {
            if self.options.until_caught_up
                && let Some(outcome) = self.caught_up()
            {
                return outcome;
            }
            std::thread::park_timeout(LOOK);
        }
        if self.running.iter().any(|running| halted_lanes(running).next().is_some()) && self.options.until_caught_up {
            Outcome::Halted
        } else {
            Outcome::Done
        }
    }

    /// Whether every partition is where it had to come, or will never get there.
    pub fn caught_up(&self) -> Option<Outcome> {
        let mut outcome = Outcome::Done;
        for (running, goals) in self.running.iter().zip(&self.goals) {
            if running.table.any_ended_halted() {
                return Some(Outcome::Halted);
            }
            let (snapshot, sources) = (running.shared.view.now(), running.shared.discovery.now());
            for (at, goal) in goals {
                let lane = lane_of(&at.0, at.1, running.shared.pipeline.lanes);
                let position = snapshot.positions.get(at);
                // A position in a topic that was made anew says nothing of the one that is there: its partition halts. Where
                // it restarts instead, what is to be reached is still the old one's end, as the run began.
                let restarts = running.shared.pipeline.restart_recreated;
                let same = |position: &&Position| restarts || position.is_of(sources.id(&at.0));
                if position.filter(same).is_some_and(|position| goal.is_reached(position)) {
                    continue;
                }
                // By this process or another one: the partition, or the whole lane.
                let told = position.is_some_and(|position| position.halted.is_some())
                    || snapshot.controls.get(&lane).is_some_and(|control| control.halted.is_some());
                let halted = told && self.is_of_this_run(&snapshot, lane);
                // Without a position, lane 0 has not made the genesis yet.
                let (lane, partition) = if position.is_some() { (lane, Some((&*at.0, at.1))) } else { (0, None) };
                let parked = running.table.is_parked(lane, partition);
                let gone = goal.is_gone() || sources.topics.get(&at.0).is_some_and(|topic| topic.gone);
                if !halted && !parked && !gone {
                    return None;
                }
                outcome = Outcome::Halted;
            }
        }
        Some(outcome)
    }

    /// Whether a halt was written by an owner that took the lane over after this run began: halts of earlier runs stay on
    /// the target until then.
    fn is_of_this_run(&self, snapshot: &Snapshot, lane: u32) -> bool {
        let taken_over = snapshot.controls.get(&lane).is_some_and(|control| control.since >= self.started_millis);
        taken_over || self.started.elapsed() > STALE_HALTS_FOR
    }

    /// Drains every pipeline and ends the pages. Lanes commit what they have open; false: one did not end in time, and
    /// the lane's next owner finds out what became of its transaction.
    pub fn drain(mut self) -> bool {
        end(&self.running);
        self.watch.join();
        if self.pages_stop.send(true).is_err() {
            tracing::debug!("the pages had ended already");
        }
        if let Some(server) = self.server.take()
            && let Err(error) = server.join()
        {
            tracing::warn!(%error, "pages");
        }
        self.running.iter().all(|running| running.table.is_empty())
    }
}

/// What the pipeline has to reach. The positions are read before the ends are asked for: later they may be above them in
/// good faith.
fn goals_of(shared: &Shared) -> Result<Goals, RunError> {
    let lanes = shared.pipeline.lanes as usize;
    if !shared.view.wait(POSITIONS_WITHIN, |seen| seen.read.len() >= lanes) {
        tracing::warn!(pipeline = shared.pipeline.name, "not all positions can be read yet");
    }
    let found = shared.view.now().positions;
    let mut goals = goal::goals(shared.ends_now().map_err(RunError::Client)?, &found);
    let sources = shared.discovery.now();
    let gone = |topic: &str| sources.topics.get(topic).is_some_and(|topic| topic.gone);
    goals.extend(found.into_keys().filter(|(topic, _)| gone(topic)).map(|at| (at, Goal::gone())));
    Ok(goals)
}

/// Ends pipelines: all are asked before the first is waited for.
fn end(running: &[Running]) {
    running.iter().for_each(Running::stop);
    running.iter().for_each(Running::join);
}

/// Serves the pages; where another process of this machine has the address, on a free port beside it.
fn serve(listen: SocketAddr, pages: &Arc<Pages>, stopped: &tokio::sync::watch::Receiver<bool>) -> Result<Server, ListenError> {
    let start = |listen: SocketAddr| {
        let mut stopped = stopped.clone();
        Server::start(listen, pages.clone(), async move {
            // An error means that the sender is gone, which ends the pages too.
            stopped.wait_for(|stop| *stop).await.ok();
        })
    };
    match start(listen) {
        Err(error) if error.in_use() => {
            tracing::warn!(%listen, "another process serves its pages there; taking a free port");
            start(SocketAddr::new(listen.ip(), 0))
        }
        other => other,
    }
}

fn halted_lanes(running: &Running) -> impl Iterator<Item = String> {
    let name = running.shared.pipeline.name.clone();
    let info = running.table.info().into_iter();
    info.filter(|(_, info)| matches!(info.state, LaneState::Halted | LaneState::Declined))
        .map(move |(lane, info)| format!("pipeline {name}, lane {lane}: {} ({}): {}", info.state, info.reason, info.detail))
}

fn unassigned(running: &Running) -> String {
    let why = running.table.barred().map_or_else(String::new, |barred| format!(" ({}): {}", barred.reason, barred.detail));
    format!("pipeline {}: no lane is assigned to this process{why}", running.shared.pipeline.name)
}

fn pages(running: &Arc<Vec<Running>>, metrics: &Metrics) -> Pages {
    let (for_status, for_ready) = (running.clone(), running.clone());
    Pages {
        status: Box::new(move || Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pipelines: for_status.iter().map(Running::status).collect(),
        }),
        ready: Box::new(move || {
            let mut reasons: Vec<String> = for_ready.iter().flat_map(halted_lanes).collect();
            let idle = for_ready.iter().filter(|running| !running.table.owns_any());
            reasons.extend(idle.map(unassigned));
            if reasons.is_empty() { Ok(()) } else { Err(reasons) }
        }),
        metrics: metrics.clone(),
    }
}

/// A client for questions to a cluster.
pub fn observer(cluster: &Cluster) -> Result<BaseConsumer<Context>, RunError> {
    kafka::observer(cluster).map_err(|error| match kafka::unreadable_file(cluster) {
        Some((at, message)) => RunError::Steps(vec![PlanError { at, message }]),
        None => RunError::Client(format!("cannot make a client for cluster {}: {error}; check its properties", cluster.name)),
    })
}

fn shared(
    pipeline: Pipeline,
    chain: Arc<ChainPlan>,
    prepared: &Prepared,
    ids: &BTreeMap<String, String>,
    budget: Budget,
    owner: &str,
    options: Options,
) -> Result<Shared, TopicError> {
    let quarantine = match &pipeline.on_error {
        OnError::Quarantine { topic, .. } => Some(topic.as_str()),
        OnError::Halt => None,
    };
    let target_topics = TargetTopics::new(&pipeline.target, options.premade)?;
    let topics = StateTopics::current(&pipeline.target, &target_topics.observer(), &pipeline.name, quarantine)?;
    let observer = kafka::Observer::new(&pipeline.source).map_err(|error| TopicError::client(&pipeline.source, &error))?;
    let claim = if options.readmit { Claim::Readmitted } else { Claim::Began };
    let admission = Admission::of(&pipeline, &chain, &prepared.lent.keys, claim);
    Ok(Shared {
        source: pipeline.source.clone(),
        target: pipeline.target.clone(),
        source_id: ids[&pipeline.source.name].clone(),
        topics,
        target_topics: Arc::new(target_topics),
        observer,
        discovery: Discovery::default(),
        view: View::default(),
        current: Current::new(chain, admission),
        metrics: prepared.metrics.clone(),
        ends: Ends::default(),
        budget,
        owner: owner.to_owned(),
        quarantine_partitions: 1,
        pipeline,
    })
}

/// Host name and process id.
pub fn owner() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}:{}", if host.is_empty() { "localhost" } else { host }, std::process::id())
}

/// The state of one pipeline as the target has it, for a process that runs nothing.
pub fn status_of(plan: &Plan, within: Duration) -> Result<Status, RunError> {
    let ids = ready::reach_all(plan)?;
    let mut pipelines = Vec::new();
    for pipeline in &plan.pipelines {
        let target = TargetTopics::new(&pipeline.target, false).map_err(|error| RunError::Client(error.to_string()))?;
        let topics = StateTopics::current(&pipeline.target, &target.observer(), &pipeline.name, None)
            .map_err(|error| RunError::Client(error.to_string()))?;
        let lanes = target.partition_count(&topics.positions).map_err(|error| RunError::Client(error.to_string()))?;
        let snapshot = match lanes {
            // Nothing is there to be read: it has never run.
            None => Snapshot { read: (0..pipeline.lanes).collect(), ..Snapshot::default() },
            // A lane whose partition cannot be read is shown as such; the others are shown all the same.
            Some(lanes) => View::read_within(&pipeline.target, &pipeline.name, &topics.positions, lanes as u32, within)
                .map_err(|error| RunError::Client(format!("cannot read the positions of pipeline {}: {error}", pipeline.name)))
                .and_then(|snapshot| match snapshot.read.is_empty() {
                    true => Err(RunError::Client(format!(
                        "cannot read the positions of pipeline {} within {} s",
                        pipeline.name,
                        within.as_secs()
                    ))),
                    false => Ok(snapshot),
                })?,
        };
        let ends = crate::pipeline::ends_of(&observer(&pipeline.source)?, snapshot.positions.keys());
        tracing::debug!(source = ids[&pipeline.source.name], "status");
        pipelines.push(pipeline_status(pipeline, &snapshot, &ends, None, ""));
    }
    Ok(Status { version: env!("CARGO_PKG_VERSION").into(), pipelines })
}
