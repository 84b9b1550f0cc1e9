//! Topics on the target: Sluice's own, checked at start, and the data topics, created and grown to the source's
//! partition count. It must never shrink, delete or change a topic that exists.

mod compacted;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::Cluster;
use crate::discovery::{Counterpart, Topic};
use crate::kafka::{self, Context, ffi};
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
    #[error("cannot make a client for cluster {cluster}: {reason}; check its properties")]
    Client { cluster: String, reason: String },
    #[error("topic {topic} on {cluster} is not fit to hold positions: {reason}; it was made or changed by somebody else")]
    Unfit { topic: String, cluster: String, reason: String },
    #[error(
        "topic {topic} on {cluster} has {found} partitions, the configuration says lanes: {lanes}; set lanes: {found} back, or stop the pipeline and run `sluice lanes resize`"
    )]
    Lanes { topic: String, cluster: String, found: usize, lanes: u32 },
}

impl TopicError {
    /// The same about a topic whose name a record chose, and which is data (I8).
    pub fn nameless(self) -> Self {
        match self {
            Self::Failed { doing, cluster, reason, .. } => Self::Failed { doing, topic: "that a record chose".into(), cluster, reason },
            other => other,
        }
    }

    /// A client of the cluster could not be made.
    pub fn client(cluster: &Cluster, error: &KafkaError) -> Self {
        Self::Client { cluster: cluster.name.clone(), reason: error.to_string() }
    }
}

/// The target's side of a pipeline's topics.
pub struct TargetTopics {
    cluster: String,
    /// None: every topic was made beforehand (librdkafka's mock cluster answers no admin request).
    admin: Option<AdminClient<DefaultClientContext>>,
    observer: BaseConsumer<Context>,
    runtime: tokio::runtime::Runtime,
    /// Smallest `max.message.bytes` seen among the data topics.
    batch_bytes: AtomicUsize,
}

impl TargetTopics {
    pub fn new(cluster: &Cluster, premade: bool) -> Result<Self, TopicError> {
        let failed = |error: KafkaError| TopicError::client(cluster, &error);
        let admin = if premade { None } else { Some(kafka::admin(cluster).map_err(failed)?) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| TopicError::Client { cluster: cluster.name.clone(), reason: error.to_string() })?;
        let observer = kafka::observer(cluster).map_err(failed)?;
        Ok(Self { cluster: cluster.name.clone(), admin, observer, runtime, batch_bytes: AtomicUsize::new(LARGEST_BATCH) })
    }

    pub fn is_premade(&self) -> bool {
        self.admin.is_none()
    }

    /// The target's own client for questions.
    pub fn observer(&self) -> &BaseConsumer<Context> {
        &self.observer
    }

    /// Largest batch that every data topic takes, bytes.
    pub fn batch_bytes(&self) -> usize {
        self.batch_bytes.load(Ordering::Relaxed)
    }

    /// Makes the pipeline's own topics where they are missing and checks the ones that are there.
    pub fn ensure_state(&self, names: &StateTopics, lanes: u32) -> Result<(), TopicError> {
        let count = lanes as i32;
        // Small segments and a bounded compaction lag: a take-over reads the partition in well under 2 s after days.
        let positions = [
            ("cleanup.policy", "compact"),
            ("segment.bytes", "4194304"),
            ("segment.ms", "600000"),
            ("max.compaction.lag.ms", "900000"),
            ("min.cleanable.dirty.ratio", "0.1"),
        ];
        self.create(&names.positions, count, &positions)?;
        // Kept a month: as long as a group may take to be translated.
        self.create(&names.offset_map, count, &[("cleanup.policy", "delete"), ("retention.ms", "2592000000")])?;
        if let Some(quarantine) = &names.quarantine {
            self.create(quarantine, count, &[("cleanup.policy", "delete"), ("retention.ms", "-1")])?;
        }
        self.check_positions(&names.positions, lanes)
    }

    fn check_positions(&self, topic: &str, lanes: u32) -> Result<(), TopicError> {
        let found = self.partition_count(topic)?.unwrap_or(0);
        if found != lanes as usize {
            return Err(TopicError::Lanes { topic: topic.into(), cluster: self.cluster.clone(), found, lanes });
        }
        if self.is_premade() {
            return Ok(());
        }
        let policy = self.setting(topic, "cleanup.policy")?.unwrap_or_default();
        if policy == "compact" {
            return Ok(());
        }
        Err(TopicError::Unfit {
            topic: topic.into(),
            cluster: self.cluster.clone(),
            reason: format!("its cleanup.policy is {policy:?}, not exactly \"compact\""),
        })
    }

    /// Makes every data topic that is missing and grows those with fewer partitions than the source. One that was there
    /// before, to this process or by its `copied` records, was deleted: it is marked, not made again.
    pub fn ensure(
        &self,
        topics: &mut BTreeMap<String, Topic>,
        copied: &dyn Fn() -> Result<BTreeSet<String>, TopicError>,
    ) -> Result<(), TopicError> {
        let mut known: Option<BTreeSet<String>> = None;
        for (name, topic) in topics {
            match self.partition_count(name)? {
                None if self.is_premade() => {}
                None => {
                    let known = match &mut known {
                        Some(known) => known,
                        none => none.insert(copied()?),
                    };
                    topic.target.missing = !topic.target.id.is_empty() || known.contains(name);
                    if topic.target.missing {
                        continue;
                    }
                    self.create(name, topic.partitions, &[])?;
                }
                Some(found) if (found as i32) < topic.partitions => self.grow(name, topic.partitions)?,
                Some(_) => {}
            }
            if let Some(limit) = self.setting(name, "max.message.bytes")?.and_then(|text| text.parse::<usize>().ok()) {
                // Room for the batch's own header.
                self.batch_bytes.fetch_min(limit.saturating_sub(512), Ordering::Relaxed);
            }
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
        match ffi::topic_ids(self.observer.client(), &names, ASK_WITHIN) {
            Ok(ids) => {
                for (name, id) in ids {
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
        let failed = |reason: String| TopicError::Failed { doing: "create", topic: topic.into(), cluster: self.cluster.clone(), reason };
        let results = self.runtime.block_on(admin.create_topics([&new], &options())).map_err(|error| failed(error.to_string()))?;
        let mut made = false;
        for result in results {
            match result {
                Ok(_) => made = true,
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(failed(kafka::reason(code))),
            }
        }
        self.wait_for(topic, partitions)?;
        Ok(made)
    }

    fn grow(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        let failed =
            |reason: String| TopicError::Failed { doing: "add partitions to", topic: topic.into(), cluster: self.cluster.clone(), reason };
        let Some(admin) = &self.admin else { return Err(failed(format!("it has fewer than {partitions}"))) };
        let new = NewPartitions::new(topic, partitions as usize);
        let results = self.runtime.block_on(admin.create_partitions([&new], &options())).map_err(|error| failed(error.to_string()))?;
        for result in results {
            match result {
                Ok(_) => tracing::info!(
                    topic,
                    partitions,
                    cluster = self.cluster,
                    "topic grown; records of a key may now lie in two partitions, as on the source"
                ),
                // Another process of the pipeline was first.
                Err((_, RDKafkaErrorCode::InvalidPartitions)) => {}
                Err((_, code)) => return Err(failed(kafka::reason(code))),
            }
        }
        self.wait_for(topic, partitions)
    }

    fn wait_for(&self, topic: &str, partitions: i32) -> Result<(), TopicError> {
        let deadline = Instant::now() + VISIBLE_WITHIN;
        while self.partition_count(topic)?.is_none_or(|found| (found as i32) < partitions) {
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

    /// How many partitions a topic has, all with a leader; None: there is no such topic.
    pub fn partition_count(&self, topic: &str) -> Result<Option<usize>, TopicError> {
        let failed = |reason: String| TopicError::Failed { doing: "look at", topic: topic.into(), cluster: self.cluster.clone(), reason };
        let metadata = self.observer.fetch_metadata(Some(topic), ASK_WITHIN).map_err(|error| failed(error.to_string()))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => Ok(Some(found.partitions().iter().filter(|partition| partition.leader() >= 0).count()).filter(|count| *count > 0)),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::LeaderNotAvailable) => Ok(None),
            Some(code) => Err(failed(kafka::reason(code))),
        }
    }

    fn setting(&self, topic: &str, name: &str) -> Result<Option<String>, TopicError> {
        let Some(admin) = &self.admin else { return Ok(None) };
        let failed = |reason: String| TopicError::Failed {
            doing: "read the settings of",
            topic: topic.into(),
            cluster: self.cluster.clone(),
            reason,
        };
        let resource = ResourceSpecifier::Topic(topic);
        let results = self.runtime.block_on(admin.describe_configs([&resource], &options())).map_err(|error| failed(error.to_string()))?;
        for result in results {
            let resource = result.map_err(|code| failed(kafka::reason(code)))?;
            if let Some(entry) = resource.entries.into_iter().find(|entry| entry.name == name) {
                return Ok(entry.value);
            }
        }
        Ok(None)
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK_WITHIN)).operation_timeout(Some(ASK_WITHIN))
}
