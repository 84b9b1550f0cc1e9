//! A steady stream of payments into a source topic, beside what the case does. Must not outrun its rate: a kill has
//! to find work in progress.

use super::java;
use super::lab::Lab;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Records written by one command: less than a second's worth, so that stopping is prompt.
const CHUNK: u64 = 1000;

/// A running stream.
pub struct Feed {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Feed {
    /// Streams `rate` records a second; `spec` as for `generate`. Once stopped it still writes, without pause, what
    /// lacks to `at_least`.
    pub fn start(lab: &Lab, mut spec: Value, rate: u64, at_least: u64) -> Self {
        spec["bootstrap"] = json!(lab.a);
        spec["count"] = json!(CHUNK);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut written = 0;
            loop {
                let stopped = stopped.load(Ordering::Acquire);
                if stopped && written >= at_least {
                    return written;
                }
                let mut chunk = spec.clone();
                chunk["first"] = json!(written);
                if !stopped {
                    chunk["rate"] = json!(rate);
                }
                java::call("generate", chunk);
                written += CHUNK;
            }
        });
        Self { stop, thread }
    }

    /// Stops it and answers how many records it wrote.
    pub fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Release);
        self.thread.join().expect("the feed writes without an error")
    }
}
