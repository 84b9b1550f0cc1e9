//! The librdkafka calls that the safe crate lacks, wrapped so that nothing unsafe leaves this file. It must not decide
//! anything: no retries, no policy, no Sluice words.
//!
//! What is wrapped, and why the safe crate does not do:
//! - **fetching**: its end-of-partition event carries neither topic nor offset, its header access panics on a name that
//!   is not UTF-8, and it allocates twice a record. Batches come from `rd_kafka_consume_batch_queue`; that call can
//!   advance librdkafka's own position over errors and end-of-partition events (fixed in 2.13.2), which is harmless
//!   here because nobody reads that position: no commit, no stored offsets, no pause and resume; every (re)start of a
//!   partition names its offset.
//! - **producing**: a cached topic handle, header names as bytes, and a number that comes back with the report.
//! - **delivery reports**: read from the event as they are, without an allocation each.
//! - **log lines** of the clients whose queues are read so: they would go plainly to stderr.
//! - **seeking with a leader epoch**: the safe crate's lists carry none.
//! - **single settings of a topic**: the safe crate's call replaces all of them.
//! - **topic ids and list-offsets by isolation level**: not exposed at all.
#![allow(unsafe_code)]

mod admin;
mod fetch;
mod log;
mod produce;
mod settings;

use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;

pub use admin::{AskedIds, OffsetAnswers, Spec, TopicIds, list_offsets, topic_ids};
pub use fetch::{FetchQueue, Fetched, Header};
pub use log::{carry_logs, nameless, told};
pub use produce::{Headers, Outgoing, Report, ReportQueue, Ticket, TopicHandle, produce, wake_senders};
pub use settings::change_topic_settings;

/// Makes the mock cluster of this client settle groups without waiting for more members. False: it has none.
pub fn settle_mock_groups_at_once<C: ClientContext>(client: &Client<C>) -> bool {
    // SAFETY: a valid client; the cluster handle is checked before it is used and lives as long as the client.
    unsafe {
        let cluster = sys::rd_kafka_handle_mock_cluster(client.native_ptr());
        if !cluster.is_null() {
            sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
        !cluster.is_null()
    }
}

/// Keeps the C library's allocator from holding what the clients' threads gave back: without this every thread's arena
/// keeps its own peak, and a process with eight lanes passes its memory budget twofold. The first thing in `main`.
#[cfg(target_env = "gnu")]
pub fn bound_allocator() {
    unsafe extern "C" {
        fn mallopt(parameter: std::ffi::c_int, value: std::ffi::c_int) -> std::ffi::c_int;
    }
    /// `M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD` and `M_ARENA_MAX` of malloc.h. A fixed mapping threshold does not grow.
    const SETTINGS: [(std::ffi::c_int, std::ffi::c_int); 3] = [(-1, 1 << 20), (-3, 128 << 10), (-8, 2)];
    for (parameter, value) in SETTINGS {
        // SAFETY: mallopt takes two integers and touches only the allocator's own settings. Where it refuses (0), memory
        // is as it was.
        unsafe { mallopt(parameter, value) };
    }
}

/// Other C libraries keep nothing that has to be bounded.
#[cfg(not(target_env = "gnu"))]
pub fn bound_allocator() {}

fn millis(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}
