//! Between two transactions: the lane takes up the plugins that this process admits now. It must not do so while a
//! transaction is open, so that every record of one belongs to one digest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Failure, Working};
use crate::chain::{CallFailed, Chain};
use crate::clock::now_millis;
use crate::failpoint;
use crate::metrics::{FailureKind, LaneState, Reason, SwapResult};
use crate::pipeline::{Admitted, Refusal};

/// How often a lane tries to take up what its process admitted, and how long it waits after the first time; each further
/// wait is twice as long. A lane that goes on with another component than its neighbours is no state to stay in.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Tries of a lane to take up one version.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    failed: u32,
    /// When to try again; none: nothing is left to take up.
    next: Option<Instant>,
}

impl Tries {
    fn are_due(self, now: Instant) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// One more failed; false: it was the last.
    fn failed(&mut self, now: Instant) -> bool {
        self.next = Some(now + FIRST_WAIT * 2_u32.pow(self.failed));
        self.failed += 1;
        self.failed < TRIES
    }
}

/// Whether a partition may have halted for what a step did with a record.
fn of_a_step(code: &str) -> bool {
    matches!(Reason::of(code), Reason::RecordFailed | Reason::PluginFailed | Reason::Drift)
}

impl Working<'_> {
    /// Takes up another chain, where one is admitted. What it cannot start leaves the running one in place, visibly, and is
    /// tried again a few times before the lane halts; what a newer configuration forbids ends the lane (I7).
    pub(super) fn follow_admitted(&mut self) -> Result<(), Failure> {
        let current = &self.lane.shared.current;
        let fresh = current.version() != self.admitted_seen;
        if self.open.is_some() || !(fresh || self.tries.are_due(Instant::now())) {
            return Ok(());
        }
        let next = current.now();
        if next.version != self.admitted_seen {
            self.tries = Tries::default();
        }
        self.admitted_seen = next.version;
        let (pipeline, lane) = (&self.lane.shared.pipeline.name, self.lane.number);
        failpoint::hit("in_plugin_swap");
        let began = Instant::now();
        let chain = match Chain::open_after(&next.chain, &self.chain) {
            Ok(chain) => chain,
            Err(error) => return self.cannot_switch(&next, error),
        };
        if self.tries.failed > 0 {
            next.chain.steps.iter().for_each(|step| current.took(&step.name, &step.digest));
            self.tell_state();
        }
        self.tries = Tries::default();
        // The control record and the admission in the offset map go into the first transaction of the new chain.
        self.control.admit(&next.admission.config, next.admission.claim)?;
        self.control_dirty = true;
        let selectors = chain.selectors();
        self.slots.iter_mut().for_each(|slot| slot.watch(selectors));
        self.chain = chain;
        // Whether records may go to a topic depends on the chain, too.
        self.routed.clear();
        self.lossy.clear();
        self.admitted = Arc::clone(&next);
        let digests = self.admitted.admission.digests().join(",");
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        tracing::info!(
            event = "audit.lane_switched",
            pipeline,
            lane,
            generation = self.control.generation,
            digests,
            took_ms,
            "lane switched"
        );
        // What a step stood for is read again from its position, and by a take-over: whatever else the lane remembers of
        // those records (windows, refusals, misses) must not meet them a second time.
        let stood = self.slots.iter().filter_map(|slot| slot.halted.as_ref()).any(|halted| of_a_step(&halted.code));
        if stood { Err(Failure::Afresh) } else { Ok(()) }
    }

    /// The lane runs on with what it has, and says so wherever an operator looks; or it halts.
    fn cannot_switch(&mut self, next: &Admitted, error: CallFailed) -> Result<(), Failure> {
        let shared = &self.lane.shared;
        let more = self.tries.failed(Instant::now());
        let (pipeline, lane, plugin) = (&shared.pipeline.name, self.lane.number, error.plugin.as_str());
        let digest = next.chain.steps.get(error.step).map(|step| step.digest.clone());
        let detail = format!("lane {lane} goes on with the plugins before: {error}");
        tracing::error!(event = "audit.plugin_refused", pipeline, lane, plugin, digest, again = more, %error, "a lane cannot start the new plugin; it goes on with the old one");
        shared.metrics.swap(plugin, SwapResult::Refused);
        shared.metrics.plugin(plugin).failed(FailureKind::Init);
        shared.current.refused(plugin, Refusal { digest, reason: detail.clone(), at: now_millis() });
        if !more {
            return Err(Failure::Init(error));
        }
        if self.slots.iter().all(|slot| slot.halted.is_none() && slot.parked.is_none()) {
            self.lane.state(LaneState::Running, Reason::PluginFailed, &detail);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_wait_longer_and_longer_and_end() {
        let (mut tries, began) = (Tries::default(), Instant::now());
        assert!(!tries.are_due(began), "nothing failed");
        let (mut now, mut waits) = (began, Vec::new());
        while tries.failed(now) {
            let next = tries.next.unwrap_or(now);
            assert!(!tries.are_due(now) && tries.are_due(next));
            waits.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16]);
    }
}
