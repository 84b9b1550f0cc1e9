//! Carries the client library's own log lines into ours, for clients whose queue is read here and not by the safe crate.
//! They speak of brokers, topics and offsets, never of a record's bytes; a producer's not even of topics, whose names records
//! may have chosen (I8).

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;

/// How long the same line of the same client is not written again: the library repeats some every second.
const QUIET: Duration = Duration::from_secs(60);

/// Lines remembered for that. Stops texts that never repeat from growing the memory.
const REMEMBERED: usize = 256;

/// Facilities whose lines name no topic, whatever a producer meets: connections, who one is, requests, the client itself.
/// Found by reading each (librdkafka 2.12.1). Others do, and not only where it shows in their name: `BROKER` says of which
/// topic a partition is unknown.
const NAMELESS: [&str; 24] = [
    "APIVERSION",
    "AUTOCREATE",
    "CERTSTORE",
    "CLUSTERID",
    "CONFWARN",
    "FAIL",
    "GETPID",
    "GZIP",
    "JWT",
    "LIBSASL",
    "NAGLE",
    "OIDC",
    "QUEUESIZE",
    "RCVBUF",
    "REQTMOUT",
    "SASLREFRESH",
    "SNAPPY",
    "SNDBUF",
    "SSL",
    "SSLCERTVRFY",
    "SSLPASSWD",
    "TERMINATE",
    "THREAD",
    "WAKEUPFD",
];

/// Facilities that carry the text of an error.
const OF_ERRORS: [&str; 3] = ["ERROR", "FATAL", "TXNERR"];

static SAID: Mutex<Option<HashMap<String, Instant>>> = Mutex::new(None);

/// From now on the client's lines go to our log instead of plainly to stderr.
pub fn carry_logs<C: ClientContext>(client: &Client<C>) {
    // SAFETY: a valid client; the function lives as long as the program and does not unwind.
    unsafe { sys::rd_kafka_set_logger(client.native_ptr(), Some(line)) };
}

unsafe extern "C" fn line(client: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, text: *const c_char) {
    // SAFETY: the library hands over a live client (or null) and two texts that live for the call.
    let (name, reads, facility, text) = unsafe {
        let name = if client.is_null() { None } else { Some(CStr::from_ptr(sys::rd_kafka_name(client)).to_string_lossy()) };
        let reads = !client.is_null() && sys::rd_kafka_type(client) == sys::rd_kafka_type_t::RD_KAFKA_CONSUMER;
        (name.unwrap_or_default(), reads, CStr::from_ptr(facility).to_string_lossy(), CStr::from_ptr(text).to_string_lossy())
    };
    let text = if reads { text } else { told(&facility, &text) };
    if !is_news(&format!("{name} {text}")) {
        return;
    }
    match level {
        ..=3 => tracing::warn!(target: "librdkafka", client = &*name, facility = &*facility, "{text}"),
        4 | 5 => tracing::info!(target: "librdkafka", client = &*name, facility = &*facility, "{text}"),
        _ => tracing::debug!(target: "librdkafka", client = &*name, facility = &*facility, "{text}"),
    }
}

/// What may be said of a producer's line.
pub fn told<'t>(facility: &str, text: &'t str) -> Cow<'t, str> {
    if NAMELESS.contains(&facility) {
        text.into()
    } else if OF_ERRORS.contains(&facility) {
        nameless(text).into()
    } else {
        format!("a line of {facility} is left out: it may name a topic").into()
    }
}

/// What may be said of a producer's error: the library writes a topic as `NAME [PARTITION]` there.
pub fn nameless(text: &str) -> String {
    let is_partition = |word: &&str| {
        let number = word.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        number.is_some_and(|(number, _)| number.parse::<i32>().is_ok())
    };
    let mut words = text.split(' ').peekable();
    let mut said = Vec::new();
    while let Some(word) = words.next() {
        said.push(if words.peek().is_some_and(is_partition) { "a topic" } else { word });
    }
    said.join(" ")
}

fn is_news(line: &str) -> bool {
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    let said = said.get_or_insert_with(HashMap::new);
    if said.get(line).is_some_and(|at| at.elapsed() < QUIET) {
        return false;
    }
    if said.len() >= REMEMBERED {
        said.clear();
    }
    said.insert(line.to_owned(), Instant::now());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines and errors as the library writes them.
    #[test]
    fn a_producer_names_no_topic() {
        let fatal = "Fatal error: Broker: Out of order sequence number: ProduceRequest for eu.berlin [3] with 2 message(s) failed due to sequence desynchronization with broker 1 (PID{Id:1,Epoch:0}, base seq 4, idemp state change 9ms ago, last partition error NO_ERROR (actions , base seq 0..1, base msgid 1, 8ms ago)";
        for (facility, text, kept) in [
            (
                "FAIL",
                "sluice#producer-1: ssl://b:9092/1: SASL authentication error: Authentication failed (after 3ms in state AUTH_REQ)",
                true,
            ),
            ("REQTMOUT", "[thrd:b:9092/1]: b:9092/1: Timed out ProduceRequest in flight (after 10000ms, timeout #0)", true),
            (
                "TXNERR",
                "Current transaction failed in state InTransaction: Failed to add partition(s) to transaction on broker b:9092/1: Broker: Topic authorization failed (after 3 ms) (TOPIC_AUTHORIZATION_FAILED)",
                true,
            ),
            (
                "TXNERR",
                "Current transaction failed in state InTransaction: 4 message(s) timed out on eu.berlin [0] (_TIMED_OUT, requires epoch bump)",
                false,
            ),
            ("FATAL", fatal, false),
            ("PARTCNT", "Topic eu.berlin partition count changed from 1 to 5", false),
            ("BROKER", "eu.berlin [4] is unknown (partition_cnt 1): ignoring leader (1) update", false),
            ("METADATAUPDATE", "Topic eu.berlin not found in cache", false),
            ("ADDPARTS", "b:9092/1: Failed to add partition \"eu.berlin\" [0] to transaction: Broker: Topic authorization failed", false),
            ("NEW", "eu.berlin", false),
        ] {
            let said = told(facility, text);
            assert_eq!(said == text, kept, "{facility}: {said}");
            assert!(!said.contains("eu.berlin") && (kept || said.contains(facility) || said.contains("a topic [")), "{facility}: {said}");
        }
        assert_eq!(
            nameless("Connect to ipv6#[::1]:9092 failed: [x] 2/2 brokers are down"),
            "Connect to ipv6#[::1]:9092 failed: [x] 2/2 brokers are down"
        );
    }

    #[test]
    fn a_line_is_said_once() {
        assert!(is_news("client-1 broker is down"));
        assert!(!is_news("client-1 broker is down"));
        assert!(is_news("client-2 broker is down"));
        for number in 0..3 * REMEMBERED {
            assert!(is_news(&format!("line {number}")));
        }
    }
}
