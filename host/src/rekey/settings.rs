//! Settings of topics: which stand, which are a topic's own, and changing them one by one. It must not decide which.

use std::collections::BTreeMap;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigSource, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use super::{ASK_WITHIN, RekeyError};
use crate::config::plan::Cluster;
use crate::kafka::{self, Context, ffi};
use crate::position;
use crate::topics::TopicError;

/// One setting of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    /// The topic has it itself, instead of taking the brokers' own.
    pub own: bool,
}

/// A cluster's way to its topics' settings.
pub struct Settings {
    cluster: String,
    admin: AdminClient<DefaultClientContext>,
    observer: BaseConsumer<Context>,
    runtime: tokio::runtime::Runtime,
}

impl Settings {
    /// Makes the clients; waits for no broker.
    pub fn new(cluster: &Cluster) -> Result<Self, RekeyError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| TopicError::Client { cluster: cluster.name.clone(), reason: error.to_string() })?;
        let admin = kafka::admin(cluster).map_err(|error| TopicError::client(cluster, &error))?;
        let observer = kafka::observer(cluster).map_err(|error| TopicError::client(cluster, &error))?;
        Ok(Self { cluster: cluster.name.clone(), admin, observer, runtime })
    }

    /// The safe crate's own admin requests.
    pub fn admin(&self) -> &AdminClient<DefaultClientContext> {
        &self.admin
    }

    /// Waits for the answer to one of them.
    pub fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// All settings of a topic, by name.
    pub fn of(&self, topic: &str) -> Result<BTreeMap<String, Setting>, RekeyError> {
        let failed = |reason: String| self.failed("read the settings of", topic, reason);
        let resource = ResourceSpecifier::Topic(topic);
        let results = self.wait(self.admin.describe_configs([&resource], &options())).map_err(|error| failed(error.to_string()))?;
        let mut settings = BTreeMap::new();
        for result in results {
            for entry in result.map_err(|code| failed(kafka::reason(code)))?.entries {
                let own = entry.source == ConfigSource::DynamicTopic;
                settings.insert(entry.name, Setting { value: entry.value.unwrap_or_default(), own });
            }
        }
        Ok(settings)
    }

    /// Gives a topic these settings, all at once; what is none goes back to the brokers' own. Others stay as they are.
    pub fn change(&self, topic: &str, settings: &position::Settings) -> Result<(), RekeyError> {
        let changes: Vec<(&str, Option<&str>)> = settings.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        ffi::change_topic_settings(self.observer.client(), topic, &changes, ASK_WITHIN)
            .map_err(|code| self.failed("change the settings of", topic, kafka::reason(code)))
    }

    fn failed(&self, doing: &'static str, topic: &str, reason: String) -> RekeyError {
        TopicError::Failed { doing, topic: topic.to_owned(), cluster: self.cluster.clone(), reason }.into()
    }
}

/// How long an admin request may take.
pub fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK_WITHIN)).operation_timeout(Some(ASK_WITHIN))
}
