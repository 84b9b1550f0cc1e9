//! Topics on the target: Sluice's own, checked at start, and the data topics, created and grown to the source's
//! partition count. It must never shrink, delete or change a data topic that exists.

mod compacted;
mod own;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataPartition;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::Cluster;
use crate::discovery::{Counterpart, Questions, Topic};
use crate::failpoint;
use crate::kafka::ffi::Spec;
use crate::kafka::{self, Context, Observer, ffi};
pub use state::{StateTopics, generations};

/// How long a question to the target may take.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// How long a created topic may take to be visible.
const VISIBLE_WITHIN: Duration = Duration::from_secs(15);

/// Batch size where no topic says less: librdkafka's own default for `batch.size`.
const LARGEST_BATCH: usize = 1_000_000;

/// A topic could not be made, or is not what it has to be.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    #[error("cannot {doing} topic {topic} on {cluster}: {reason}")]
    Failed { doing: &'static str, topic: String, cluster: String, reason: String },
    /// As before, but the cluster did not answer at all: it would not for another topic either.
    #[error("cannot {doing} topic {topic} on {cluster}: {reason}")]
    Unanswered { doing: &'static str, topic: String, cluster: String, reason: String },
    #[error("cannot {doing} topic {topic} on {cluster}: {reason}; grant it, and it is tried again")]
    Denied { doing: &'static str, topic: String, cluster: String, reason: String },
    #[error("cannot {doing} topic {topic}: {cluster} has rules against it: {reason}")]
    Refused { doing: &'static str, topic: String, cluster: String, reason: String },
    #[error("cannot make a client for cluster {cluster}: {reason}; check its properties")]
    Client { cluster: String, reason: String },
    #[error("topic {topic} on {cluster} is not fit to hold a pipeline's state: {reason}; it was made or changed by somebody else")]
    Unfit { topic: String, cluster: String, reason: String },
    #[error(
        "topic {topic} on {cluster} has {found} partitions, the configuration says lanes: {lanes}; set lanes: {found} back, or stop the pipeline and run `sluice lanes resize`"
    )]
    Lanes { topic: String, cluster: String, found: usize, lanes: u32 },
}

impl TopicError {
    /// What a broker's answer says of a topic.
    fn answered(doing: &'static str, topic: &str, cluster: &str, code: RDKafkaErrorCode) -> Self {
        use RDKafkaErrorCode as E;
        let (topic, cluster, reason) = (topic.to_owned(), cluster.to_owned(), kafka::reason(code));
        match code {
            E::TopicAuthorizationFailed | E::ClusterAuthorizationFailed => Self::Denied { doing, topic, cluster, reason },
            E::PolicyViolation | E::InvalidTopic | E::InvalidConfig => Self::Refused { doing, topic, cluster, reason },
            _ => Self::Failed { doing, topic, cluster, reason },
        }
    }

    /// The same about a topic whose name a record chose, and which is data (I8).
    pub fn nameless(mut self) -> Self {
        if let Self::Failed { topic, .. } | Self::Unanswered { topic, .. } | Self::Denied { topic, .. } | Self::Refused { topic, .. } =
            &mut self
        {
            "that a record chose".clone_into(topic);
        }
        self
    }

    /// A client of the cluster could not be made.
    pub fn client(cluster: &Cluster, error: &KafkaError) -> Self {
        Self::Client { cluster: cluster.name.clone(), reason: error.to_string() }
    }

    /// Whether it says something of this topic alone.
    pub fn is_of_topic(&self) -> bool {
        !matches!(self, Self::Unanswered { .. } | Self::Client { .. })
    }
}

/// The target's side of a pipeline's topics.
pub struct TargetTopics {
    cluster: String,
    /// None: every topic was made beforehand (librdkafka's mock cluster answers no admin request).
    admin: Option<AdminClient<DefaultClientContext>>,
    observer: Observer,
    runtime: tokio::runtime::Runtime,
    /// Smallest `max.message.bytes` seen among the data topics.
    batch_bytes: AtomicUsize,
}

impl TargetTopics {
    /// Makes the clients; waits for no broker. `premade`: every topic is there, and there is no admin client.
    pub fn new(cluster: &Cluster, premade: bool) -> Result<Self, TopicError> {
        let failed = |error: KafkaError| TopicError::client(cluster, &error);
        let admin = if premade { None } else { Some(kafka::admin(cluster).map_err(failed)?) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| TopicError::Client { cluster: cluster.name.clone(), reason: error.to_string() })?;
        let observer = Observer::new(cluster).map_err(failed)?;
        Ok(Self { cluster: cluster.name.clone(), admin, observer, runtime, batch_bytes: AtomicUsize::new(LARGEST_BATCH) })
    }

    /// Whether every topic was made beforehand: then there is no admin client.
    pub fn is_premade(&self) -> bool {
        self.admin.is_none()
    }

    /// The target's own client for questions.
    pub fn observer(&self) -> Arc<BaseConsumer<Context>> {
        self.observer.client()
    }

    /// Asks all `partitions` for one offset each: see [`ffi::list_offsets`].
    pub fn list_offsets(&self, partitions: &[(&str, i32)], spec: Spec, wait: Duration) -> Result<ffi::OffsetAnswers, RDKafkaErrorCode> {
        self.observer.ask(|client| ffi::list_offsets(client.client(), partitions, spec, wait))
    }

    /// Largest batch that every data topic takes, bytes.
    pub fn batch_bytes(&self) -> usize {
        self.batch_bytes.load(Ordering::Relaxed)
    }

    /// Makes every data topic that is missing and grows those with fewer partitions than the source. One that was there
    /// before, to this process or by its `copied` records, was deleted: it is marked, not made again. One that cannot be
    /// made or grown is left out with the reason; only a target that does not answer fails the whole. Each may take
    /// seconds: where the pipeline is to end, the rest is left as it was, and so is what the source does not list.
    pub fn ensure(&self, topics: &mut BTreeMap<String, Topic>, questions: &Questions<'_>) -> Result<(), TopicError> {
        let mut known: Option<BTreeSet<String>> = None;
        for (name, topic) in topics.iter_mut().filter(|(_, topic)| !topic.gone) {
            if (questions.stopped)() {
                return Ok(());
            }
            let is_copied = || {
                if known.is_none() {
                    known = Some((questions.copied)()?);
                }
                Ok(known.as_ref().is_some_and(|known| known.contains(name)))
            };
            match self.place(name, topic, is_copied) {
                Ok(()) => topic.settle(),
                Err(error) if error.is_of_topic() => topic.leave_out(topic.placed.min(topic.partitions), &error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Gives one data topic its place. `copied`: whether it has records of it already.
    fn place(&self, name: &str, topic: &mut Topic, copied: impl FnOnce() -> Result<bool, TopicError>) -> Result<(), TopicError> {
        match self.partition_count(name)? {
            None if self.is_premade() => {}
            None => {
                topic.target.missing = !topic.target.id.is_empty() || copied()?;
                if topic.target.missing {
                    return Ok(());
                }
                topic.placed = 0;
                self.create(name, topic.partitions, &[])?;
            }
            Some(found) if (found as i32) < topic.partitions => {
                topic.placed = found as i32;
                self.grow(name, topic.partitions)?;
            }
            Some(_) => {}
        }
        if let Some(limit) = self.setting(name, "max.message.bytes")?.and_then(|text| text.parse::<usize>().ok()) {
            // Room for the batch's own header.
            self.batch_bytes.fetch_min(limit.saturating_sub(512), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Notes the ids of the data topics, and which that had one are gone. A target that cannot name ids (an old one, or one
    /// without the right to describe) costs the check for topics that were deleted, not the pipeline.
    pub fn identify(&self, topics: &mut BTreeMap<String, Topic>) {
        if topics.is_empty() || self.is_premade() {
            return;
        }
        let names: Vec<&str> = topics.keys().map(String::as_str).collect();
        match self.observer.ask(|client| ffi::topic_ids(client.client(), &names, ASK_WITHIN)) {
            Ok(ids) => {
                for (name, id) in ids {
                    let id = if failpoint::lies("target_ids") { Err(RDKafkaErrorCode::UnknownTopicOrPartition) } else { id };
                    match (topics.get_mut(&name).map(|topic| &mut topic.target), id) {
                        (Some(target), Ok(id)) => *target = Counterpart { id, missing: false },
                        (Some(target), Err(RDKafkaErrorCode::UnknownTopicOrPartition)) if !target.id.is_empty() => target.missing = true,
                        _ => {}
                    }
                }
            }
            Err(error) => tracing::debug!(%error, cluster = self.cluster, "topic ids of the target unknown"),
        }
    }

    /// Makes a topic with the brokers' default replication; one that is there already is left as it is.
    pub fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<(), TopicError> {
        if self.make(topic, partitions, settings)? {
            tracing::info!(topic, partitions, cluster = self.cluster, "topic created");
        }
        Ok(())
    }

    /// The same without a word in the log, and whether it was made now: a name that a record chose is data (I8).
    pub fn make(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<bool, TopicError> {
        let Some(admin) = &self.admin else { return Ok(false) };
        if self.partition_count(topic)?.is_some() {
            return Ok(false);
        }
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let results =
            self.runtime.block_on(admin.create_topics([&new], &options())).map_err(|error| self.unanswered("create", topic, &error))?;
        let mut made = false;
        for result in results {
            match result {
                Ok(_) => made = true,
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(TopicError::answered("create", topic, &self.cluster, code)),
            }
        }
        self.wait_for(topic, partitions)?;
        Ok(made)
    }

    /// Makes a topic that is missing and grows one with fewer partitions; says how many it has then, and whether it was
    /// made now. Where nothing can be made or grown, what is there has to do. No log line has the name: a record may have
    /// chosen it (I8).
    pub fn ensure_partitions(&self, topic: &str, partitions: i32) -> Result<(Option<usize>, bool), TopicError> {
        let mut made = false;
        match self.partition_count(topic)? {
            found if self.is_premade() => return Ok((found, made)),
            None => made = self.make(topic, partitions, &[])?,
            Some(found) if (found as i32) < partitions => self.add_partitions(topic, partitions)?,
            found => return Ok((found, made)),
        }
        Ok((self.partition_count(topic)?, made))
    }

    fn grow(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        self.add_partitions(topic, partitions)?;
        let cluster = &self.cluster;
        tracing::info!(topic, partitions, cluster, "topic grown; records of a key may now lie in two partitions, as on the source");
        Ok(())
    }

    /// Without a word in the log.
    fn add_partitions(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        let failed =
            |reason: String| TopicError::Failed { doing: "add partitions to", topic: topic.into(), cluster: self.cluster.clone(), reason };
        let Some(admin) = &self.admin else { return Err(failed(format!("it has fewer than {partitions}"))) };
        let new = NewPartitions::new(topic, partitions as usize);
        let results = self
            .runtime
            .block_on(admin.create_partitions([&new], &options()))
            .map_err(|error| self.unanswered("add partitions to", topic, &error))?;
        for result in results {
            match result {
                // Another process of the pipeline may have been first.
                Ok(_) | Err((_, RDKafkaErrorCode::InvalidPartitions)) => {}
                Err((_, code)) => return Err(TopicError::answered("add partitions to", topic, &self.cluster, code)),
            }
        }
        self.wait_for(topic, partitions)
    }

    fn wait_for(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        let deadline = Instant::now() + VISIBLE_WITHIN;
        // A new partition takes no record before it has a leader.
        let led = |leaders: Vec<i32>| leaders.iter().filter(|leader| **leader >= 0).count();
        while self.leaders(topic)?.is_none_or(|leaders| (led(leaders) as i32) < partitions) {
            if Instant::now() > deadline {
                return Err(TopicError::Failed {
                    doing: "see the new",
                    topic: topic.into(),
                    cluster: self.cluster.clone(),
                    reason: "the brokers do not show it".into(),
                });
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    /// How many partitions a topic has; None: there is no such topic. One without a leader counts: what it holds is there.
    pub fn partition_count(&self, topic: &str) -> Result<Option<usize>, TopicError> {
        Ok(self.leaders(topic)?.map(|leaders| leaders.len()))
    }

    /// The leader of each partition of a topic, below 0 where it has none at present; None: there is no such topic.
    fn leaders(&self, topic: &str) -> Result<Option<Vec<i32>>, TopicError> {
        self.partitions(topic, MetadataPartition::leader)
    }

    /// What `of` says of each partition of a topic; None: there is no such topic.
    fn partitions<T>(&self, topic: &str, of: impl Fn(&MetadataPartition) -> T) -> Result<Option<Vec<T>>, TopicError> {
        let metadata = self
            .observer
            .ask(|client| client.fetch_metadata(Some(topic), ASK_WITHIN))
            .map_err(|error| self.unanswered("look at", topic, &error))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => {
                let partitions: Vec<T> = found.partitions().iter().map(of).collect();
                Ok(Some(partitions).filter(|partitions| !partitions.is_empty()))
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable) => Ok(None),
            Some(code) => Err(TopicError::answered("look at", topic, &self.cluster, code)),
        }
    }

    fn setting(&self, topic: &str, name: &str) -> Result<Option<String>, TopicError> {
        Ok(self.settings(topic)?.remove(name))
    }

    /// All settings of a topic that have a value; none where every topic was made beforehand.
    fn settings(&self, topic: &str) -> Result<BTreeMap<String, String>, TopicError> {
        let Some(admin) = &self.admin else { return Ok(BTreeMap::new()) };
        let doing = "read the settings of";
        let resource = ResourceSpecifier::Topic(topic);
        let results = self
            .runtime
            .block_on(admin.describe_configs([&resource], &options()))
            .map_err(|error| self.unanswered(doing, topic, &error))?;
        let mut settings = BTreeMap::new();
        for result in results {
            let resource = result.map_err(|code| TopicError::answered(doing, topic, &self.cluster, code))?;
            settings.extend(resource.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))));
        }
        Ok(settings)
    }

    fn unanswered(&self, doing: &'static str, topic: &str, error: &KafkaError) -> TopicError {
        TopicError::Unanswered { doing, topic: topic.into(), cluster: self.cluster.clone(), reason: error.to_string() }
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK_WITHIN)).operation_timeout(Some(ASK_WITHIN))
}
