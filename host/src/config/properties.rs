//! Which client properties a cluster may set, and which are Sluice's own, each with its reason. It sets none.

use super::suggest::hint;

/// Why Sluice keeps a property to itself.
struct Owned {
    /// Names; a `*` at the end or the beginning stands for anything.
    names: &'static [&'static str],
    /// Completes "… belongs to Sluice: ".
    reason: &'static str,
}

const OWNED: &[Owned] = &[
    Owned { names: &["bootstrap.servers", "metadata.broker.list"], reason: "write bootstrap_servers of the cluster" },
    Owned {
        names: &[
            "enable.idempotence",
            "enable.gapless.guarantee",
            "acks",
            "request.required.acks",
            "retries",
            "message.send.max.retries",
            "max.in.flight*",
            "transactional.id",
        ],
        reason: "nothing lost, nothing doubled and the order of records depend on it; see delivery of the pipeline",
    },
    Owned {
        names: &["transaction.timeout.ms", "message.timeout.ms", "delivery.timeout.ms"],
        reason: "it follows from transaction.timeout of the pipeline",
    },
    Owned {
        names: &["isolation.level", "check.crcs"],
        reason: "what a producer aborted and what was damaged on the way must never be copied",
    },
    Owned {
        names: &["enable.auto.commit", "auto.commit.*", "enable.auto.offset.store", "offset.store.*"],
        reason: "positions are kept on the target, in the same transaction as the records",
    },
    Owned { names: &["auto.offset.reset"], reason: "a gap stops the partition with a named error; see start of the pipeline" },
    Owned { names: &["enable.partition.eof"], reason: "the end of a partition is how a lane knows that it has caught up" },
    Owned {
        names: &["group.*", "partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms"],
        reason: "the group that shares the lanes between processes is Sluice's",
    },
    Owned { names: &["allow.auto.create.topics"], reason: "topics are created with the partition count of the source" },
    Owned { names: &["partitioner", "partitioner.*", "sticky.partitioning.linger.ms"], reason: "a record keeps its partition number" },
    Owned {
        names: &[
            "queued.*",
            "queue.buffering.max.messages",
            "queue.buffering.max.kbytes",
            "queue.buffering.backpressure.threshold",
            "fetch.message.max.bytes",
            "max.partition.fetch.bytes",
            "fetch.max.bytes",
        ],
        reason: "all queues together stay within memory",
    },
    Owned {
        names: &["linger.ms", "queue.buffering.max.ms", "batch.size", "batch.num.messages"],
        reason: "full batches go at once, the rest when the transaction ends; see transaction.max_age of the pipeline",
    },
    Owned { names: &["fetch.queue.backoff.ms"], reason: "a full queue is looked at again at once" },
    Owned { names: &["topic.metadata.refresh.interval.ms"], reason: "new topics and partitions are asked for by Sluice" },
    Owned {
        names: &["message.max.bytes", "receive.message.max.bytes", "message.copy.max.bytes"],
        reason: "it follows from the limits of the topics",
    },
    Owned { names: &["statistics.interval.ms"], reason: "the metrics depend on it" },
    Owned { names: &["plugin.library.paths", "ssl.engine.*", "ssl_engine*"], reason: "it would load native code into the process" },
    Owned {
        names: &["enabled_events", "log.queue", "delivery.report.only.error", "*_cb", "opaque", "default_topic_conf", "test.*"],
        reason: "it is part of how Sluice drives the client library",
    },
];

/// What Java's clients call otherwise, or have alone: names or their beginnings, and what to write here.
const JAVA: &[(&str, &str)] = &[
    ("ssl.truststore.", "write ssl.ca.location with a file of PEM certificates"),
    ("sasl.jaas.config", "write sasl.username and sasl.password"),
    ("sasl.login.", "write sasl.mechanism with its own properties"),
    ("sasl.client.callback.", "write sasl.mechanism with its own properties"),
    ("schema.registry.", "write schema_registry of the cluster"),
    ("basic.auth.", "write schema_registry of the cluster"),
    ("key.", "records are copied as they are; see format of the pipeline"),
    ("value.", "records are copied as they are; see format of the pipeline"),
    ("max.request.size", "it follows from the limits of the topics"),
    ("max.poll.records", "see transaction of the pipeline"),
    ("buffer.memory", "see memory"),
];

/// Those of the client library that files have; more are taken.
const USUAL: [&str; 40] = [
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.extensions",
    "sasl.kerberos.service.name",
    "sasl.kerberos.principal",
    "sasl.kerberos.keytab",
    "sasl.kerberos.kinit.cmd",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.key.location",
    "ssl.key.pem",
    "ssl.key.password",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.crl.location",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
    "client.id",
    "client.rack",
    "client.dns.lookup",
    "broker.address.family",
    "compression.type",
    "compression.level",
    "socket.timeout.ms",
    "socket.keepalive.enable",
    "connections.max.idle.ms",
    "reconnect.backoff.ms",
    "reconnect.backoff.max.ms",
    "debug",
];

/// `; did you mean "…"?` for a property that does not exist, or nothing.
pub fn property_hint(name: &str) -> String {
    hint(name, USUAL)
}

/// What to write instead of a property that only Java's clients have.
pub(super) fn of_java(name: &str) -> Option<&'static str> {
    JAVA.iter().find(|(start, _)| name.starts_with(start)).map(|(_, instead)| *instead)
}

/// Why the property may not be set, if so.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    let owned = |pattern: &&str| match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(start), _) => name.starts_with(start),
        (_, Some(end)) => name.ends_with(end),
        _ => name == *pattern,
    };
    let entry = OWNED.iter().find(|entry| entry.names.iter().any(owned));
    entry.map(|entry| entry.reason)
}

/// Whether the property's value is a secret, by its name. Locations (of files) and certificates are none.
pub(super) fn is_secret(name: &str) -> bool {
    let marks = ["password", "secret", "passphrase", "key.pem"];
    marks.iter().any(|mark| name.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn javas_own_names_are_known() {
        for name in ["ssl.truststore.location", "ssl.truststore.password", "sasl.jaas.config", "value.deserializer"] {
            assert!(of_java(name).is_some(), "{name}");
        }
        for name in ["ssl.keystore.location", "ssl.endpoint.identification.algorithm", "sasl.mechanism"] {
            assert!(of_java(name).is_none(), "{name}");
        }
    }

    #[test]
    fn refuses_by_name() {
        for name in [
            "enable.idempotence",
            "group.instance.id",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "queued.max.messages.kbytes",
            "queue.buffering.max.kbytes",
            "dr_msg_cb",
            "bootstrap.servers",
            "linger.ms",
            "queue.buffering.max.ms",
        ] {
            assert!(refused(name).is_some(), "{name}");
        }
        for name in [
            "client.id",
            "client.rack",
            "security.protocol",
            "ssl.ca.location",
            "sasl.username",
            "socket.keepalive.enable",
            "compression.type",
            "fetch.min.bytes",
            "fetch.wait.max.ms",
            "socket.timeout.ms",
            "reconnect.backoff.ms",
            "debug",
            "log_level",
        ] {
            assert_eq!(refused(name), None, "{name}");
        }
    }

    /// What a file may set is used: `kafka` sets nothing over it.
    #[test]
    fn nothing_that_is_allowed_is_set_over() {
        let builders = include_str!("../kafka.rs");
        let set: Vec<&str> = builders.split("config.set(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(set.len() > 30, "only {} settings found", set.len());
        for name in set.into_iter().filter(|name| *name != "client.id") {
            assert!(refused(name).is_some(), "{name} is allowed and set over");
        }
    }

    #[test]
    fn knows_secrets_by_name() {
        for name in ["sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["sasl.username", "ssl.key.location", "ssl.certificate.pem"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
