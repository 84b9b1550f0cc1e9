//! One pipeline in this process: what its lanes share, and the threads around them. It must not touch records.

mod admitted;
mod budget;
mod compaction;
mod standing;
mod status;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::{Cluster, Delivery, Pipeline};
use crate::discovery::{Discovery, DiscoveryError, Questions, REFRESH};
use crate::group::Group;
use crate::kafka::ffi::{self, OffsetAnswers, Spec};
use crate::kafka::{self, Context, Observer, ProducerSettings};
use crate::lane::{Failure, Stop};
use crate::metrics::{Metrics, PartitionLabels, PartitionMetrics};
use crate::quarantine::RawQuarantine;
use crate::status::PipelineStatus;
use crate::topics::{StateTopics, TargetTopics, TopicError};
use crate::view::{Snapshot, View};
pub use admitted::{Admission, Admitted, Current, Refusal};
pub use budget::Budget;
pub use compaction::Compaction;
use status::Own;
pub use status::pipeline_status;
pub use table::{LaneInfo, LaneTable};

/// How long a question for offsets may take.
const ASK_WITHIN: Duration = Duration::from_secs(10);

/// How long a stop waits for lanes to commit what they have open; the transaction time-out bounds what comes after.
const DRAIN_WITHIN: Duration = Duration::from_secs(30);

/// An offset a partition.
pub type Offsets = BTreeMap<(String, i32), i64>;

/// See [`Shared::ends`].
pub type Ends = Mutex<(u64, Arc<Offsets>)>;

/// What all lanes of a pipeline share.
pub struct Shared {
    pub pipeline: Pipeline,
    pub source: Arc<Cluster>,
    pub target: Arc<Cluster>,
    pub source_id: String,
    pub topics: StateTopics,
    pub target_topics: Arc<TargetTopics>,
    pub observer: Observer,
    pub discovery: Discovery,
    pub view: View,
    /// The chain and what it stands for; a switch of a plugin replaces them.
    pub current: Current,
    pub metrics: Metrics,
    /// Last stable offsets of the source, and how often they were asked for.
    pub ends: Ends,
    pub budget: Budget,
    /// Host and process id.
    pub owner: String,
    /// Partitions of the quarantine topic on the target, which may have been there before.
    pub quarantine_partitions: u32,
}

impl Shared {
    /// Whether records and positions are committed in one transaction.
    pub fn exactly_once(&self) -> bool {
        self.pipeline.delivery == Delivery::ExactlyOnce
    }

    /// Largest batch that every data topic of the target takes, bytes.
    pub fn batch_bytes(&self) -> usize {
        self.target_topics.batch_bytes()
    }

    /// Whether the offset map has ever been written: then an empty positions topic was lost, not new.
    pub fn has_offset_map(&self) -> Result<bool, Failure> {
        let lanes = 0..self.pipeline.lanes as i32;
        let partitions: Vec<(&str, i32)> = lanes.map(|lane| (self.topics.offset_map.as_str(), lane)).collect();
        let failed = |error: String| Failure::Client(format!("cannot look at the offset map: {error}"));
        let ends = self.target_topics.list_offsets(&partitions, Spec::Latest, ASK_WITHIN).map_err(|error| failed(error.to_string()))?;
        let mut any = false;
        for (_, end) in ends {
            any |= end.map_err(|error| failed(error.to_string()))? > 0;
        }
        Ok(any)
    }

    /// The end of each partition's counterpart on the target.
    pub fn target_ends(&self, partitions: &[(&str, i32)]) -> Result<Offsets, Failure> {
        let answers = self
            .target_topics
            .list_offsets(partitions, Spec::Latest, ASK_WITHIN)
            .map_err(|error| Failure::Client(format!("cannot ask the target for its ends: {error}")))?;
        answers
            .into_iter()
            .map(|(at, end)| {
                Ok((
                    at.clone(),
                    end.map_err(|error| Failure::Client(format!("cannot ask the target for the end of {}-{}: {error}", at.0, at.1)))?,
                ))
            })
            .collect()
    }

    /// The lane's partition of the quarantine topic.
    pub fn quarantine_partition(&self, lane: u32) -> i32 {
        (lane % self.quarantine_partitions.max(1)) as i32
    }

    /// A writer of raw records to `topic` on the source cluster.
    pub fn raw_quarantine(&self, topic: &str) -> Result<RawQuarantine, Failure> {
        let timeout = self.pipeline.transaction.timeout;
        let settings = ProducerSettings {
            transactional_id: None,
            transaction_timeout: timeout,
            memory: self.budget.producer / 4,
            batch_bytes: 256 * 1024,
        };
        let failed = |error: String| Failure::Client(format!("cannot open the quarantine topic {topic} on the source: {error}"));
        let source_topics = TargetTopics::new(&self.source, self.target_topics.is_premade()).map_err(|error| failed(error.to_string()))?;
        source_topics
            .create(topic, self.pipeline.lanes as i32, &[("cleanup.policy", "delete"), ("max.message.bytes", "134217728")])
            .map_err(|error| failed(error.to_string()))?;
        let partitions = source_topics.partition_count(topic).map_err(|error| failed(error.to_string()))?.unwrap_or(1);
        let producer = kafka::producer(&self.source, &settings).map_err(|error| failed(error.to_string()))?;
        Ok(RawQuarantine::new(producer, topic, partitions as i32, timeout)?)
    }

    /// The metrics of one source partition.
    pub fn meter(&self, topic: &str, partition: i32) -> PartitionMetrics {
        self.metrics.partition(PartitionLabels {
            pipeline: self.pipeline.name.clone(),
            source: self.source.name.clone(),
            target: self.target.name.clone(),
            topic: topic.to_owned(),
            partition,
        })
    }

    /// What the source's ends were when it was last asked, and the number of that answer.
    pub fn ends(&self) -> (u64, Arc<Offsets>) {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        (ends.0, ends.1.clone())
    }

    /// Last stable offsets of all partitions that the source lists; one that does not answer fails the whole.
    pub fn ends_now(&self) -> Result<Offsets, String> {
        let named = |at: &(String, i32), error| format!("cannot ask the source for the end of {}-{}: {error}", at.0, at.1);
        let until = Instant::now() + ASK_WITHIN;
        loop {
            let answers = self.observer.ask(|client| stable_ends(client, self.discovery.now().listed()))?;
            // The leader of a topic that was just made may not know yet that it is one.
            if !answers.values().any(|end| end.is_err_and(settles)) || Instant::now() >= until {
                return answers.into_iter().map(|(at, end)| end.map_err(|error| named(&at, error)).map(|end| (at, end))).collect();
            }
            thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// Asks for the source's ends anew; where it does not answer they stay as they were.
    fn ask_ends(&self) {
        match self.observer.ask(|client| stable_ends(client, self.discovery.now().listed())).map(answered) {
            Ok(answer) => {
                let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
                *ends = (ends.0 + 1, Arc::new(answer));
            }
            Err(error) => tracing::debug!(pipeline = self.pipeline.name, error, "lag stays as it was"),
        }
    }

    fn discover(&self, stop: &Stop) -> Result<(), DiscoveryError> {
        let chain = self.current.now().chain.clone();
        let compaction = Compaction::of(self, &chain);
        let questions = Questions {
            copied: &|| self.copied(),
            met: &|| self.met(),
            refused: &|topic| compaction.refuses(topic),
            stopped: &|| stop.requested(),
        };
        self.discovery.refresh(&self.observer, &self.pipeline.topics, &self.target_topics, &questions)
    }

    /// The topics that had their place on the target, by their positions: read only when one is missing there.
    fn copied(&self) -> Result<BTreeSet<String>, TopicError> {
        let failed = |reason: String| TopicError::Unanswered {
            doing: "read",
            topic: self.topics.positions.clone(),
            cluster: self.target.name.clone(),
            reason,
        };
        let snapshot = View::read_once(&self.target, &self.pipeline.name, &self.topics.positions, self.pipeline.lanes, ASK_WITHIN)
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed(format!("its end was not reached within {} s", ASK_WITHIN.as_secs())))?;
        Ok(snapshot.positions.into_iter().filter(|(_, position)| position.was_placed()).map(|((topic, _), _)| topic).collect())
    }

    /// How many partitions of each topic have positions, as far as those can be read: where a lane's cannot, its owner says
    /// so.
    fn met(&self) -> BTreeMap<String, i32> {
        if self.target_topics.is_premade() {
            return BTreeMap::new();
        }
        let (name, lanes) = (&self.pipeline.name, self.pipeline.lanes);
        let snapshot = View::read_within(&self.target, name, &self.topics.positions, lanes, ASK_WITHIN).unwrap_or_else(|error| {
            tracing::warn!(pipeline = name, %error, "positions cannot be read; a topic that went before this start is not missed");
            Snapshot::default()
        });
        let mut met = BTreeMap::new();
        for (topic, partition) in snapshot.positions.into_keys() {
            met.entry(topic).and_modify(|known: &mut i32| *known = (partition + 1).max(*known)).or_insert(partition + 1);
        }
        met
    }
}

/// A running pipeline; its threads end with [`Running::stop`].
pub struct Running {
    pub shared: Arc<Shared>,
    pub table: Arc<LaneTable>,
    stop: Arc<Stop>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A pipeline could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    #[error("{0}")]
    Refused(String),
    #[error("cannot join the pipeline's group on the target: {0}")]
    Group(String),
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl Running {
    /// Makes the pipeline's topics, looks at the source once, joins the group and starts to work. Where `starting` is to
    /// end, nothing more is asked of the clusters, and no lane begins.
    pub fn start(mut shared: Shared, starting: &Stop) -> Result<Self, StartError> {
        shared.target_topics.ensure_state(&shared.topics, shared.pipeline.lanes)?;
        if let Some(quarantine) = &shared.topics.quarantine {
            shared.quarantine_partitions = shared.target_topics.partition_count(quarantine)?.unwrap_or(1) as u32;
        }
        let stop = Arc::new(Stop::default());
        shared.discover(starting)?;
        let refused: Vec<String> = shared.discovery.now().topics.values().filter_map(|topic| topic.refused.clone()).collect();
        if !refused.is_empty() {
            return Err(StartError::Refused(refused.join("\n")));
        }
        if shared.discovery.now().topics.is_empty() {
            tracing::warn!(pipeline = shared.pipeline.name, source = shared.source.name, "no topic of the source matches yet");
        }
        shared.ask_ends();
        let shared = Arc::new(shared);
        let table = Arc::new(LaneTable::new(shared.clone()));
        let name = &shared.pipeline.name;
        let group = Group::join(&shared.target, &format!("sluice.{name}"), &shared.topics.positions, table.clone())
            .map_err(|error| StartError::Group(error.to_string()))?;
        table.open(group.confirm());
        let threads = vec![
            spawn(format!("view {name}"), {
                let (shared, stop) = (shared.clone(), stop.clone());
                move || follow(&shared, &stop)
            })?,
            spawn(format!("discovery {name}"), {
                let (shared, stop) = (shared.clone(), stop.clone());
                move || discover(&shared, &stop)
            })?,
            spawn(format!("group {name}"), {
                let (shared, table, stop) = (shared.clone(), table.clone(), stop.clone());
                move || tend(group, &shared, &table, &stop)
            })?,
        ];
        Ok(Self { shared, table, stop, threads: Mutex::new(threads) })
    }

    /// Asks everything to end.
    pub fn stop(&self) {
        self.stop.request();
    }

    /// The state of the pipeline, over all its processes.
    pub fn status(&self) -> PipelineStatus {
        let shared = &self.shared;
        let own = Own {
            lanes: self.table.info(),
            barred: self.table.barred(),
            admitted: shared.current.now(),
            refusals: shared.current.refusals(),
        };
        pipeline_status(&shared.pipeline, &shared.view.now(), &shared.ends().1, Some(&own), &shared.owner)
    }

    /// Waits for every thread; the lanes have committed or given up what they had open.
    pub fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!(pipeline = self.shared.pipeline.name, "a thread of the pipeline panicked");
            }
        }
    }
}

/// Last stable offsets of these partitions, of those that answer.
pub fn ends_of<'a>(source: &BaseConsumer<Context>, partitions: impl Iterator<Item = &'a (String, i32)>) -> Offsets {
    let asked = partitions.map(|(topic, partition)| (topic.as_str(), *partition));
    stable_ends(source, asked).map(answered).unwrap_or_else(|error| {
        tracing::warn!(error, "lag is unknown");
        Offsets::new()
    })
}

/// Whether an error says that the brokers have yet to agree on who leads.
fn settles(error: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(error, E::UnknownLeaderEpoch | E::FencedLeaderEpoch | E::NotLeaderForPartition | E::LeaderNotAvailable)
}

/// Asks the source for the last stable offset of each of these partitions.
fn stable_ends<'a>(source: &BaseConsumer<Context>, partitions: impl Iterator<Item = (&'a str, i32)>) -> Result<OffsetAnswers, String> {
    let asked: Vec<(&str, i32)> = partitions.collect();
    ffi::list_offsets(source.client(), &asked, Spec::LatestStable, ASK_WITHIN)
        .map_err(|error| format!("cannot ask the source for its ends: {error}"))
}

/// The offsets of those that answered.
fn answered(answers: OffsetAnswers) -> Offsets {
    answers.into_iter().filter_map(|(at, end)| Some((at, end.ok()?))).collect()
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name).spawn(body)
}

fn follow(shared: &Shared, stop: &Stop) {
    while !stop.requested() {
        let followed = shared
            .view
            .follow(&shared.target, &shared.pipeline.name, &shared.topics.positions, shared.pipeline.lanes, &|| stop.requested());
        if let Err(error) = followed {
            tracing::warn!(pipeline = shared.pipeline.name, %error, "positions cannot be followed; will retry");
            thread::park_timeout(Duration::from_secs(1));
        }
    }
}

fn discover(shared: &Shared, stop: &Stop) {
    let mut failing = false;
    let mut next = Instant::now() + REFRESH;
    while !stop.requested() {
        if Instant::now() < next {
            thread::park_timeout(Duration::from_millis(50));
            continue;
        }
        next = Instant::now() + REFRESH;
        match shared.discover(stop) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(pipeline = shared.pipeline.name, %error, "topics cannot be followed; will retry");
            }
            Err(_) => {}
        }
        shared.ask_ends();
    }
}

/// The group's thread: polls always, tends the lanes, and drains them at the end. A process that stood down for a newer
/// configuration joins again once it has that one, or a newer one yet.
fn tend(group: Group<Arc<LaneTable>>, shared: &Shared, table: &Arc<LaneTable>, stop: &Stop) {
    let tick = Duration::from_millis(20);
    let mut member = Some(group);
    while let Some(group) = member.take() {
        while !stop.requested() && !table.stands_down() {
            if let Some(error) = group.serve(tick) {
                table.refused(&error);
            }
            table.tend();
        }
        let deadline = Instant::now() + DRAIN_WITHIN;
        table.stop_all();
        while !table.is_empty() && Instant::now() < deadline {
            group.serve(tick);
            table.reap();
        }
        group.leave();
        member = join_again(shared, table, stop);
    }
}

/// Waits until the process may return to the group; none once it is to stop.
fn join_again(shared: &Shared, table: &Arc<LaneTable>, stop: &Stop) -> Option<Group<Arc<LaneTable>>> {
    while !stop.requested() {
        thread::park_timeout(Duration::from_millis(50));
        if !table.is_empty() || !table.may_return() {
            table.reap();
            continue;
        }
        match Group::join(&shared.target, &format!("sluice.{}", shared.pipeline.name), &shared.topics.positions, table.clone()) {
            Ok(group) => {
                tracing::info!(pipeline = shared.pipeline.name, "the lanes run what this process admits; joining again");
                table.come_back();
                table.open(group.confirm());
                return Some(group);
            }
            Err(error) => {
                tracing::warn!(pipeline = shared.pipeline.name, %error, "cannot join the group again; will retry");
                thread::park_timeout(REFRESH);
            }
        }
    }
    None
}
