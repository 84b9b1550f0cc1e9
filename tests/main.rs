//! All cases as one test binary: `tests/run` starts brokers and runs them; without brokers most are ignored.
//! Must not link the host crate or its Kafka library: cases see what a user and a broker see.
#![allow(clippy::print_stderr, reason = "a test's output is for the person who reads the run")]

mod cases;
mod harness;
