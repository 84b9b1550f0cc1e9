//! What the registry client has done, as plain counters. It decides nothing and labels nothing.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start of the process; all only grow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Schemas that were known.
    hits: AtomicU64,
    /// Schemas that had to be asked for.
    misses: AtomicU64,
    /// Requests that brought neither a yes nor a no.
    failures: AtomicU64,
}

impl Counters {
    /// Schemas that were known.
    pub fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }

    /// Schemas that had to be asked for; one that several lanes wait for counts once.
    pub fn misses(&self) -> u64 {
        self.misses.load(Ordering::Relaxed)
    }

    /// Requests that brought neither a yes nor a no.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// A look-up was answered from memory, be it with a schema or with "no such schema".
    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// A look-up had to ask the registry.
    pub(super) fn miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// A request brought neither a yes nor a no.
    pub(super) fn failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }
}
