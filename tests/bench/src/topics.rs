//! Topics of the bench: made anew for every run. It must not touch a topic that is neither named nor of the prefix.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::{Failed, clients};

/// How long a broker may take over a question, or a change may take to be seen.
const WITHIN: Duration = Duration::from_secs(30);

#[derive(Args)]
pub struct Reset {
    /// Bootstrap servers.
    #[arg(long)]
    brokers: String,
    /// The topic to make anew.
    #[arg(long)]
    topic: Option<String>,
    /// Its partitions; 0: delete it only.
    #[arg(long, default_value_t = 0)]
    partitions: i32,
    /// Topics whose name begins so are deleted too.
    #[arg(long)]
    prefix: Option<String>,
}

impl Reset {
    pub fn run(&self) -> Result<(), Failed> {
        let client = clients::observer(&self.brokers)?;
        let metadata = client.fetch_metadata(None, WITHIN).map_err(Failed::to("list topics"))?;
        let names = metadata.topics().iter().map(|topic| topic.name());
        let gone: Vec<&str> = names
            .filter(|name| self.topic.as_deref() == Some(*name) || self.prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix)))
            .collect();
        let admin = clients::admin(&self.brokers)?;
        delete(&admin, &gone)?;
        for name in &gone {
            wait_for(&client, name, None)?;
        }
        match &self.topic {
            Some(topic) if self.partitions > 0 => create(&admin, &client, topic, self.partitions),
            _ => Ok(()),
        }
    }
}

#[derive(Args)]
pub struct Check {
    /// Bootstrap servers.
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    topic: String,
    /// How many records must at least be there; markers of transactions count too.
    #[arg(long)]
    records: u64,
}

impl Check {
    pub fn run(&self) -> Result<(), Failed> {
        let client = clients::observer(&self.brokers)?;
        let deadline = Instant::now() + WITHIN;
        // A committed transaction is readable once its markers are written, a moment after the client knows of the commit.
        let held = loop {
            let held = ends(&client, &self.topic)?.values().sum::<i64>().unsigned_abs();
            if held >= self.records {
                return Ok(());
            }
            if Instant::now() > deadline {
                break held;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        };
        Err(Failed::new(format!("find {} records in topic {}", self.records, self.topic), format!("it ends at {held}")))
    }
}

/// Makes a topic, which must not exist, and waits until it can be written.
pub fn create(admin: &AdminClient<DefaultClientContext>, client: &BaseConsumer, topic: &str, partitions: i32) -> Result<(), Failed> {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1)).set("retention.ms", "-1").set("retention.bytes", "-1");
    let results = block_on(admin.create_topics([&new], &AdminOptions::new()))?.map_err(Failed::to("create a topic"))?;
    for result in results {
        result.map_err(|(name, code)| Failed::new(format!("create topic {name}"), code))?;
    }
    wait_for(client, topic, Some(partitions))
}

fn delete(admin: &AdminClient<DefaultClientContext>, names: &[&str]) -> Result<(), Failed> {
    if names.is_empty() {
        return Ok(());
    }
    let results = block_on(admin.delete_topics(names, &AdminOptions::new()))?.map_err(Failed::to("delete topics"))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((name, code)) => return Err(Failed::new(format!("delete topic {name}"), code)),
        }
    }
    Ok(())
}

/// The number of partitions that have a leader; None: no such topic.
pub fn partitions(client: &BaseConsumer, topic: &str) -> Result<Option<i32>, Failed> {
    let metadata = client.fetch_metadata(Some(topic), WITHIN).map_err(Failed::to("look at a topic"))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    Ok(found.map(|topic| topic.partitions().iter().filter(|partition| partition.leader() >= 0).count() as i32).filter(|count| *count > 0))
}

fn wait_for(client: &BaseConsumer, topic: &str, wanted: Option<i32>) -> Result<(), Failed> {
    let deadline = Instant::now() + WITHIN;
    while partitions(client, topic)? != wanted {
        if Instant::now() > deadline {
            return Err(Failed::new(format!("see topic {topic} change"), "time ran out"));
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// The end of every partition of a topic.
pub fn ends(client: &BaseConsumer, topic: &str) -> Result<BTreeMap<i32, i64>, Failed> {
    let count = partitions(client, topic)?.ok_or_else(|| Failed::new(format!("read topic {topic}"), "there is no such topic"))?;
    let deadline = Instant::now() + WITHIN;
    let end = |partition| loop {
        match client.fetch_watermarks(topic, partition, WITHIN) {
            Ok((_, end)) => return Ok((partition, end)),
            // A broker is named as the leader of a new partition a moment before it knows.
            Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NotLeaderForPartition)) if Instant::now() < deadline => {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            Err(error) => return Err(Failed::new(format!("ask for the end of {topic}-{partition}"), error)),
        }
    };
    (0..count).map(end).collect()
}

fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(Failed::to("start a runtime"))?;
    Ok(runtime.block_on(work))
}
