//! Carries the client library's own log lines into ours, for clients whose queue is read here and not by the safe crate.
//! They speak of brokers, topics and offsets, never of a record's bytes.

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

static SAID: Mutex<Option<HashMap<String, Instant>>> = Mutex::new(None);

/// From now on the client's lines go to our log instead of plainly to stderr.
pub fn carry_logs<C: ClientContext>(client: &Client<C>) {
    // SAFETY: a valid client; the function lives as long as the program and does not unwind.
    unsafe { sys::rd_kafka_set_logger(client.native_ptr(), Some(line)) };
}

unsafe extern "C" fn line(client: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, text: *const c_char) {
    // SAFETY: the library hands over a live client (or null) and two texts that live for the call.
    let (name, facility, text) = unsafe {
        let name = if client.is_null() { None } else { Some(CStr::from_ptr(sys::rd_kafka_name(client)).to_string_lossy()) };
        (name.unwrap_or_default(), CStr::from_ptr(facility).to_string_lossy(), CStr::from_ptr(text).to_string_lossy())
    };
    let text = told(&facility, &text);
    if !is_news(&format!("{name} {text}")) {
        return;
    }
    match level {
        ..=3 => tracing::warn!(target: "librdkafka", client = &*name, facility = &*facility, "{text}"),
        4 | 5 => tracing::info!(target: "librdkafka", client = &*name, facility = &*facility, "{text}"),
        _ => tracing::debug!(target: "librdkafka", client = &*name, facility = &*facility, "{text}"),
    }
}

/// What may be said of a line: one names a topic of the transaction, and a topic's name may be a record's (I8).
pub fn told<'t>(facility: &str, text: &'t str) -> &'t str {
    if facility == "ADDPARTS" { "a partition could not be added to the transaction" } else { text }
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
