//! Builds every Kafka client that Sluice uses, each setting with its reason. It must not produce, consume or decide;
//! `kafka::ffi` holds the calls that the safe crate lacks.

pub mod ffi;
mod observer;

pub use observer::Observer;

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::{ClientContext, DefaultClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;

use crate::config::plan::{Cluster, Property, PropertyValue};
use crate::config::{self, Location};

/// How long a start waits for a cluster before it gives up with its address.
pub const REACHABLE_WITHIN: Duration = Duration::from_secs(12);

/// Largest record that the producer takes; above every broker's usual limit, so that the target's own limit decides
/// and its refusal can be told from ours.
pub const LARGEST_RECORD: usize = 128 * 1024 * 1024;

/// Group consumer's session time-out: how long a dead process keeps its lanes.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// Carries librdkafka's log lines and errors to our log, and remembers the last error for whoever has to explain why
/// nothing happens. Neither ever holds payload.
#[derive(Clone)]
pub struct Context {
    cluster: Arc<str>,
    /// The client writes to topics whose names records may have chosen (I8): what it says names none.
    writes: bool,
    last_error: Arc<Mutex<Option<String>>>,
}

impl Context {
    /// For one client of the cluster that reads or asks; clones share the last error.
    pub fn new(cluster: &Cluster) -> Self {
        Self { cluster: cluster.name.as_str().into(), writes: false, last_error: Arc::default() }
    }

    /// For one producer.
    fn of_writer(cluster: &Cluster) -> Self {
        Self { writes: true, ..Self::new(cluster) }
    }

    /// The last error that this client met, if any.
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().ok()?.clone()
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = false;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let cluster = &*self.cluster;
        let message = if self.writes { ffi::told(facility, message) } else { message.into() };
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::warn!(target: "librdkafka", cluster, facility, "{message}");
            }
            RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => tracing::info!(target: "librdkafka", cluster, facility, "{message}"),
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", cluster, facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = if self.writes { Cow::from(ffi::nameless(reason)) } else { reason.into() };
        tracing::debug!(target: "librdkafka", cluster = &*self.cluster, %error, "{reason}");
        if let Ok(mut last) = self.last_error.lock() {
            *last = Some(reason.into_owned());
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        Err("tokens come from librdkafka's own OIDC client".into())
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;
    /// Reports are read from the queue by `kafka::ffi`, never through this callback.
    fn delivery(&self, _: &DeliveryResult<'_>, _: usize) {}
}

/// The settings that every client of a cluster shares: the user's properties, then ours.
fn base(cluster: &Cluster) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &cluster.bootstrap_servers);
    // Brokers' logs should say who connects; the user may name it otherwise.
    config.set("client.id", "sluice");
    for property in &cluster.properties {
        config.set(&property.name, property.value.expose());
    }
    // Reconnect fast: a broker restart should cost a lane well under a second after the broker is back.
    unless_said(&mut config, "reconnect.backoff.ms", "50");
    unless_said(&mut config, "reconnect.backoff.max.ms", "2000");
    // A typo in a topic name must not create the topic.
    config.set("allow.auto.create.topics", "false");
    // No statistics: their events would pile up on clients that are polled rarely (librdkafka's queue has no bound).
    config.set("statistics.interval.ms", "0");
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

/// Sets what the file may say otherwise.
fn unless_said(config: &mut ClientConfig, name: &str, value: &str) {
    if config.get(name).is_none() {
        config.set(name, value);
    }
}

/// The property that the client library refuses, with its place and the reason; never its value.
pub fn refused_property(cluster: &Cluster) -> Option<(Location, String)> {
    if let Some((property, feature)) = cluster.properties.iter().find_map(|property| Some((property, not_built(property)?))) {
        let message =
            format!("this program was built without what property {} asks for; build it with --features {feature}", property.name);
        return Some((property.at.clone(), message));
    }
    let KafkaError::ClientConfig(_, reason, name, _) = base(cluster).create_native_config().err()? else {
        return Some((cluster.at.clone(), format!("the client library refuses the properties of cluster {}", cluster.name)));
    };
    let at = cluster.properties.iter().find(|property| property.name == name).map_or(&cluster.at, |property| &property.at);
    // The library's sentence may quote the value.
    let (reason, hint) = match reason.contains("No such configuration property") {
        true => ("there is no such property", config::property_hint(&name)),
        false => ("its value is not valid", String::new()),
    };
    Some((at.clone(), format!("the client library refuses property {name}: {reason}{hint}")))
}

/// The build feature that the property's value needs and this program lacks.
fn not_built(property: &Property) -> Option<&'static str> {
    let PropertyValue::Clear(value) = &property.value else { return None };
    match (property.name.as_str(), value.to_ascii_uppercase().as_str()) {
        ("sasl.mechanism" | "sasl.mechanisms", "GSSAPI") if !cfg!(feature = "kerberos") => Some("kerberos"),
        ("sasl.oauthbearer.method", "OIDC") if !cfg!(feature = "oidc") => Some("oidc"),
        _ => None,
    }
}

/// Of the files that properties name, the first one that cannot be read: the client library does not say which it was.
pub fn unreadable_file(cluster: &Cluster) -> Option<(Location, String)> {
    cluster.properties.iter().find_map(|property| {
        let PropertyValue::Clear(path) = &property.value else { return None };
        // librdkafka looks for certificates itself where it is told to probe; a folder can be opened, too.
        if !property.name.ends_with(".location") || path == "probe" {
            return None;
        }
        let error = std::fs::File::open(path).err()?;
        Some((property.at.clone(), format!("cannot open {path}, which {} names: {error}", property.name)))
    })
}

/// A client for metadata and offsets alone, to ask something once. It joins nothing and fetches nothing.
pub fn observer(cluster: &Cluster) -> KafkaResult<BaseConsumer<Context>> {
    observer_config(cluster).create_with_context(Context::new(cluster))
}

fn observer_config(cluster: &Cluster) -> ClientConfig {
    let mut config = base(cluster);
    // Topics that appear are noticed by asking; the cache only has to be younger than the question.
    config.set("topic.metadata.refresh.interval.ms", "60000");
    config
}

/// A client for creating and describing topics.
pub fn admin(cluster: &Cluster) -> KafkaResult<AdminClient<DefaultClientContext>> {
    base(cluster).create()
}

/// A producer that brings a mock cluster of its own: librdkafka's, one broker on loopback, for the demo.
pub fn mock() -> KafkaResult<BaseProducer<Context>> {
    let mut config = ClientConfig::new();
    config.set("test.mock.num.brokers", "1");
    config.set_log_level(RDKafkaLogLevel::Error);
    config.create_with_context(Context { cluster: "in this process".into(), writes: false, last_error: Arc::default() })
}

fn reader(cluster: &Cluster, group: &str) -> ClientConfig {
    let mut config = base(cluster);
    // assign() wants a group.id; it is a dummy: nothing is ever committed to it and no member joins.
    config.set("group.id", group);
    // Positions live on the target; the source's group offsets would be a second truth.
    config.set("enable.auto.commit", "false");
    config.set("enable.auto.offset.store", "false");
    // A position that is out of range is a gap and must be seen, never skipped.
    config.set("auto.offset.reset", "error");
    // Aborted records are none; the last stable offset is the end.
    config.set("isolation.level", "read_committed");
    // The end of a partition is an event: it moves positions over trailing control records and says "caught up".
    config.set("enable.partition.eof", "true");
    // A flipped bit on the wire must not become somebody's record.
    config.set("check.crcs", "true");
    config
}

/// The source consumer of a lane. `memory` bytes bound what it prefetches.
pub fn source_consumer(cluster: &Cluster, pipeline: &str, memory: usize) -> KafkaResult<BaseConsumer<Context>> {
    let mut config = reader(cluster, &format!("sluice.{pipeline}.source"));
    // Prefetch until the budget is full. The library counts payload alone: small records are bounded by number.
    config.set("queued.min.messages", by_number(memory, 10_000_000));
    config.set("queued.max.messages.kbytes", (memory / 1024).clamp(1024, 1_000_000).to_string());
    // A full queue is looked at again at once: the default of a second stalls a fast lane.
    config.set("fetch.queue.backoff.ms", "5");
    // One fetch must fit the budget; a larger single record still comes alone (KIP-74).
    config.set("fetch.message.max.bytes", (memory / 2).clamp(256 * 1024, 4 * 1024 * 1024).to_string());
    // The library makes no client whose fetch is below `message.max.bytes`, 1,000,000 by default.
    config.set("fetch.max.bytes", (memory / 2).clamp(1024 * 1024, 32 * 1024 * 1024).to_string());
    // Fewer, fuller responses at full speed; the wait bounds the delay of a trickle.
    unless_said(&mut config, "fetch.min.bytes", "65536");
    unless_said(&mut config, "fetch.wait.max.ms", "50");
    // A response holds the largest record whole, though it is larger than the budget; the default of 100 MB would not.
    config.set("receive.message.max.bytes", (LARGEST_RECORD + 1024 * 1024).to_string());
    config.create_with_context(Context::new(cluster))
}

/// A reader of our own topics on the target, from offsets it is given to their end.
pub fn state_reader(cluster: &Cluster, pipeline: &str) -> KafkaResult<BaseConsumer<Context>> {
    let mut config = reader(cluster, &format!("sluice.{pipeline}.state"));
    // A take-over reads a lane's partition to its end and keeps the newest of each key; more waiting would gain nothing.
    config.set("queued.max.messages.kbytes", "8192");
    // As in `source_consumer`.
    config.set("fetch.queue.backoff.ms", "5");
    // State topics are small and somebody waits for them.
    unless_said(&mut config, "fetch.wait.max.ms", "20");
    config.create_with_context(Context::new(cluster))
}

/// A reader of a table's topic, whole and then what comes.
pub fn table_reader(cluster: &Cluster, table: &str) -> KafkaResult<BaseConsumer<Context>> {
    let mut config = reader(cluster, &format!("sluice.table.{table}"));
    // Rows are put into memory as fast as they come; more waiting ones would gain nothing.
    config.set("queued.max.messages.kbytes", "8192");
    // As in `source_consumer`.
    config.set("fetch.queue.backoff.ms", "5");
    // What a row says may be a moment late.
    unless_said(&mut config, "fetch.wait.max.ms", "100");
    config.create_with_context(Context::new(cluster))
}

/// How many records a queue of that many bytes may hold, at a few hundred bytes of the library's own for each.
fn by_number(memory: usize, most: usize) -> String {
    (memory / 512).clamp(10_000, most).to_string()
}

/// What a lane's producer is built from.
pub struct ProducerSettings<'a> {
    /// None: idempotent only (`delivery: at_least_once`, the raw quarantine on the source).
    pub transactional_id: Option<&'a str>,
    pub transaction_timeout: Duration,
    /// Bytes that may wait in its queue.
    pub memory: usize,
    /// Largest batch, bytes: the smallest `max.message.bytes` among the target's topics.
    pub batch_bytes: usize,
}

/// A producer for the target. `compression.type` is left to the file: the library's default is none, which costs no processor
/// time and changes no byte of a record; what it saves is network and disk, and the user alone knows which is scarce.
pub fn producer(cluster: &Cluster, settings: &ProducerSettings<'_>) -> KafkaResult<BaseProducer<Context>> {
    let mut config = base(cluster);
    // Retries must neither double nor reorder.
    config.set("enable.idempotence", "true");
    config.set("acks", "all");
    config.set("max.in.flight.requests.per.connection", "5");
    if let Some(id) = settings.transactional_id {
        config.set("transactional.id", id);
        config.set("transaction.timeout.ms", settings.transaction_timeout.as_millis().to_string());
    }
    // A record that cannot be delivered in time aborts the transaction while it still can be aborted.
    config.set("message.timeout.ms", settings.transaction_timeout.as_millis().to_string());
    // What waits stays within the lane's part of the memory, in number too: the library counts payload alone. The sink waits
    // while the queue is full.
    config.set("queue.buffering.max.messages", by_number(settings.memory, 1_000_000));
    config.set("queue.buffering.max.kbytes", (settings.memory / 1024).clamp(1024, 1_000_000).to_string());
    // The target's own limit decides; see `LARGEST_RECORD`.
    config.set("message.max.bytes", LARGEST_RECORD.to_string());
    // A batch that the target's smallest limit would refuse costs every record in it.
    config.set("batch.size", settings.batch_bytes.clamp(16 * 1024, 4 * 1024 * 1024).to_string());
    // Bytes decide when a batch is full: the default of 10,000 would cut batches of small records short.
    config.set("batch.num.messages", "100000");
    // A full batch goes at once, and the sink tells when the rest has to. The library has one request of a partition on
    // its way (its limit of five counts records, librdkafka 2.12.1, rdkafka_broker.c) and polls without a pause while a
    // record that lingered long enough waits behind it: one spinning thread a lane.
    config.set("linger.ms", (settings.transaction_timeout.as_millis() / 2).to_string());
    config.create_with_context(Context::of_writer(cluster))
}

/// The consumer that joins the pipeline's group on the target; owning a partition of the positions topic is owning the
/// lane of that number.
pub fn group_consumer<C: ConsumerContext>(cluster: &Cluster, group: &str, context: C) -> KafkaResult<BaseConsumer<C>> {
    let mut config = reader(cluster, group);
    // Lanes that stay keep running while others move.
    config.set("partition.assignment.strategy", "cooperative-sticky");
    config.set("session.timeout.ms", SESSION_TIMEOUT.as_millis().to_string());
    // Six within a session: some may be lost. It is also how soon a member learns that lanes move (default: 3 s).
    config.set("heartbeat.interval.ms", "1000");
    // The group thread polls always; a callback that waits for lanes to finish is bounded well below this.
    config.set("max.poll.interval.ms", "60000");
    // A coordinator that does not answer must not hold the thread for a minute.
    unless_said(&mut config, "socket.timeout.ms", "10000");
    // What it is assigned it pauses; one small fetch may slip through before.
    config.set("queued.min.messages", "1");
    config.set("queued.max.messages.kbytes", "64");
    config.set("fetch.message.max.bytes", "1024");
    config.set("fetch.max.bytes", "1048576");
    config.create_with_context(context)
}

/// Whether a code says that a right is denied.
pub fn denies(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as E;
    matches!(
        code,
        E::TopicAuthorizationFailed | E::GroupAuthorizationFailed | E::ClusterAuthorizationFailed | E::TransactionalIdAuthorizationFailed
    )
}

/// A refusal in words: what an operator has to grant is not hidden behind a code.
pub fn reason(code: RDKafkaErrorCode) -> String {
    if denies(code) { format!("not authorized ({code:?}); grant the cluster's user this right") } else { code.to_string() }
}

/// A cluster did not answer within [`REACHABLE_WITHIN`].
#[derive(Debug, thiserror::Error)]
#[error("cannot reach cluster {cluster} at {address}: {reason}; check the address, that a broker listens there, and the security settings")]
pub struct Unreachable {
    pub cluster: String,
    pub address: String,
    pub reason: String,
}

/// Asks the cluster for its id; the first thing a run does with it.
pub fn reach(cluster: &Cluster, client: &BaseConsumer<Context>) -> Result<String, Unreachable> {
    let fail = |reason: String| Unreachable { cluster: cluster.name.clone(), address: cluster.bootstrap_servers.clone(), reason };
    let metadata = client.fetch_metadata(None, REACHABLE_WITHIN);
    if let Err(error) = metadata {
        // The event with the real cause may still be in the queue.
        if let Some(Err(error)) = client.poll(Duration::from_millis(10)) {
            client.context().error(error.clone(), &error.to_string());
        }
        return Err(fail(client.context().last_error().unwrap_or_else(|| error.to_string())));
    }
    client.client().fetch_cluster_id(REACHABLE_WITHIN).ok_or_else(|| fail("the cluster names no cluster id".into()))
}
