//! The clients of the bench, tuned as Sluice tunes its own wherever that decides speed or memory. It must not be kinder
//! to one side: change a setting here when `host/src/kafka.rs` changes it.

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::producer::BaseProducer;

use crate::Failed;

/// What Sluice gives its consumer and its producer where one lane has the default budget of 256 MiB, KiB.
const CONSUMER_KIB: &str = "104857";
const PRODUCER_KIB: &str = "91750";

fn base(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("client.id", "sluice-bench").set("allow.auto.create.topics", "false");
    config
}

/// A reader of committed records that is assigned its partitions; ends of partitions are events.
fn reader(brokers: &str) -> ClientConfig {
    let mut config = base(brokers);
    config
        .set("group.id", "sluice-bench")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true");
    config
}

/// A reader for throughput, as a lane's source.
pub fn consumer(brokers: &str) -> Result<BaseConsumer, Failed> {
    reader(brokers)
        .set("queued.min.messages", "200000")
        .set("queued.max.messages.kbytes", CONSUMER_KIB)
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.message.max.bytes", "4194304")
        .set("fetch.max.bytes", "33554432")
        .set("fetch.min.bytes", "65536")
        .set("fetch.wait.max.ms", "50")
        .create()
        .map_err(Failed::to("make a consumer"))
}

/// A reader that sees a record as soon as it is committed.
pub fn prompt_consumer(brokers: &str) -> Result<BaseConsumer, Failed> {
    reader(brokers).set("fetch.wait.max.ms", "10").create().map_err(Failed::to("make a consumer"))
}

/// A producer that neither doubles nor reorders; with an id, a transactional one.
pub fn producer(brokers: &str, transactional_id: Option<&str>) -> Result<BaseProducer, Failed> {
    let mut config = base(brokers);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "5")
        .set("message.timeout.ms", "60000")
        .set("queue.buffering.max.messages", "180000")
        .set("queue.buffering.max.kbytes", PRODUCER_KIB)
        .set("batch.size", "1000000")
        .set("batch.num.messages", "100000")
        .set("compression.type", "none");
    if let Some(id) = transactional_id {
        config.set("transactional.id", id).set("transaction.timeout.ms", "60000");
    }
    config.create().map_err(Failed::to("make a producer"))
}

/// A client for making and deleting topics.
pub fn admin(brokers: &str) -> Result<AdminClient<DefaultClientContext>, Failed> {
    base(brokers).create().map_err(Failed::to("make an admin client"))
}

/// A client for questions alone.
pub fn observer(brokers: &str) -> Result<BaseConsumer, Failed> {
    base(brokers).create().map_err(Failed::to("make a client"))
}
