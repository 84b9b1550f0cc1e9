//! What this process admits to the lanes of one pipeline: chain, digests and keys, replaced as one. Lanes look here
//! between two transactions. It must not decide what may take the place of what.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::chain::{ChainPlan, StepPlan};
use crate::clock::now_millis;
use crate::config::plan::Pipeline;
use crate::offset_map::Admission as MapAdmission;
use crate::plugin::KeyRing;
use crate::plugin::digest;
use crate::position::Claim;

/// The configuration as this process admits it to every lane.
#[derive(Clone)]
pub struct Admission {
    /// SHA-256 of what decides the output, hexadecimal.
    pub config: String,
    /// The chain's steps, for their plugins' digests.
    pub steps: Vec<Arc<StepPlan>>,
    /// Public fingerprints of the keys that steps name, by key name.
    pub keys: BTreeMap<String, String>,
    /// By what right it takes the place of another.
    pub claim: Claim,
}

impl Admission {
    /// Everything that decides what the output of `pipeline` is.
    pub fn of(pipeline: &Pipeline, chain: &ChainPlan, ring: &KeyRing, claim: Claim) -> Self {
        let keys: BTreeMap<String, String> = chain.key_names().filter_map(|name| Some((name.to_owned(), ring.key_id(name)?))).collect();
        let mut hash = Sha256::new();
        hash.update(pipeline.config_hash());
        for step in &chain.steps {
            hash.update(step.digest.as_bytes());
        }
        for (name, id) in &keys {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(id.as_bytes());
        }
        Self { config: digest::hex(&hash.finalize()), steps: chain.steps.clone(), keys, claim }
    }

    /// SHA-256 of each step's plugin, hexadecimal, in chain order.
    pub fn digests(&self) -> Vec<String> {
        self.steps.iter().map(|step| step.digest.clone()).collect()
    }

    /// The same for the offset map.
    pub fn map_record(&self, generation: u64) -> MapAdmission {
        let digests = self.steps.iter().enumerate().map(|(number, step)| (format!("{number}:{}", step.name), step.digest_bytes()));
        let key_ids = self.keys.iter().map(|(name, id)| format!("{name}:{id}")).collect();
        MapAdmission { generation, config_hash: self.config.clone(), digests: digests.collect(), key_ids }
    }
}

/// One state of what is admitted; never changed, only replaced.
pub struct Admitted {
    /// Rises with every replacement in this process.
    pub version: u64,
    pub chain: Arc<ChainPlan>,
    pub admission: Admission,
    /// Since when each step's plugin is admitted here, milliseconds since the epoch.
    pub since: Vec<i64>,
}

/// A component that was not admitted, and why; for the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// SHA-256 of it, hexadecimal, where it could be read.
    pub digest: Option<String>,
    /// A sentence without data from records.
    pub reason: String,
    /// When, milliseconds since the epoch.
    pub at: i64,
}

/// The current [`Admitted`] of a pipeline.
pub struct Current {
    version: AtomicU64,
    admitted: Mutex<Arc<Admitted>>,
    /// The last refusal of each plugin, by its name, until another component of that name is admitted.
    refusals: Mutex<BTreeMap<String, Refusal>>,
}

impl Current {
    /// Version 0: what the process started with, admitted since now.
    pub fn new(chain: Arc<ChainPlan>, admission: Admission) -> Self {
        let since = vec![now_millis(); chain.steps.len()];
        Self {
            version: AtomicU64::new(0),
            admitted: Mutex::new(Arc::new(Admitted { version: 0, chain, admission, since })),
            refusals: Mutex::default(),
        }
    }

    /// The version of what [`Current::now`] returns; cheap.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// What a lane runs from its next transaction on.
    pub fn now(&self) -> Arc<Admitted> {
        self.admitted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Admits another chain from now on; lanes that are in a transaction finish it first.
    pub fn replace(&self, chain: Arc<ChainPlan>, admission: Admission) {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = now_millis();
        let before = &admitted.chain.steps;
        let since = chain.steps.iter().enumerate().map(|(number, step)| {
            let stayed = before.get(number).is_some_and(|old| old.digest == step.digest);
            if stayed { admitted.since[number] } else { now }
        });
        let since: Vec<i64> = since.collect();
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        chain.steps.iter().zip(&since).filter(|(_, since)| **since == now).for_each(|(step, _)| {
            refusals.remove(&step.name);
        });
        let version = admitted.version + 1;
        *admitted = Arc::new(Admitted { version, chain, admission, since });
        self.version.store(version, Ordering::Release);
    }

    /// Remembers that a component was not admitted as `plugin`.
    pub fn refused(&self, plugin: &str, refusal: Refusal) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).insert(plugin.to_owned(), refusal);
    }

    /// A lane took the component up after all, which it had refused.
    pub fn took(&self, plugin: &str, digest: &str) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if refusals.get(plugin).is_some_and(|refusal| refusal.digest.as_deref() == Some(digest)) {
            refusals.remove(plugin);
        }
    }

    /// The last refusal of each plugin.
    pub fn refusals(&self) -> BTreeMap<String, Refusal> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
