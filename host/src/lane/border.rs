//! Between two transactions: the lane takes up the plugins that this process admits now. It must not do so while a
//! transaction is open, so that every record of one belongs to one digest.

use std::sync::Arc;
use std::time::Instant;

use super::{Failure, Working};
use crate::chain::Chain;
use crate::failpoint;

impl Working<'_> {
    /// Takes up another chain, where one is admitted. What it cannot start leaves the running one in place; what a newer
    /// configuration forbids ends the lane (I7).
    pub(super) fn follow_admitted(&mut self) -> Result<(), Failure> {
        let current = &self.lane.shared.current;
        if self.open.is_some() || current.version() == self.admitted_seen {
            return Ok(());
        }
        let next = current.now();
        self.admitted_seen = next.version;
        let (pipeline, lane) = (&self.lane.shared.pipeline.name, self.lane.number);
        failpoint::hit("in_plugin_swap");
        let began = Instant::now();
        let chain = match Chain::open_after(&next.chain, &self.chain) {
            Ok(chain) => chain,
            Err(error) => {
                tracing::error!(event = "audit.plugin_refused", pipeline, lane, %error, "a lane cannot start the new plugin; it goes on with the old one");
                return Ok(());
            }
        };
        // The control record and the admission in the offset map go into the first transaction of the new chain.
        self.control.admit(&next.admission.config, next.admission.claim)?;
        self.control_dirty = true;
        let selectors = chain.selectors();
        self.slots.iter_mut().for_each(|slot| slot.watch(selectors));
        self.chain = chain;
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
        Ok(())
    }
}
