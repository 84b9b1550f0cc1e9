//! From a component that loaded to one that lanes take up: built for every step that names it, begun with each step's
//! configuration, tried, admitted in all pipelines or in none. It must not read files or touch lanes.

use std::path::Path;
use std::sync::Arc;

use crate::chain::{ChainPlan, Lent};
use crate::clock::now_millis;
use crate::metrics::{Metrics, SwapResult};
use crate::pipeline::{Admission, Refusal, Running, Shared};
use crate::plugin::Plugin;
use crate::plugins::Registry;
use crate::position::Claim;

/// What the label of a metric says where no plugin can be named.
const UNKNOWN: &str = "unknown";

/// A pipeline, its chain with the plugin, and how many records the plugin was tried on.
type Prepared = (Arc<Shared>, Arc<ChainPlan>, u64);

/// What came of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It runs already, or no step names it.
    Nothing,
    Switched,
    Refused,
}

/// Switches plugins of a running process.
pub struct Switch {
    registry: Registry,
    lent: Lent,
    metrics: Metrics,
    running: Arc<Vec<Running>>,
    /// The highest generation that this process claimed for a switch.
    claimed: u64,
}

impl Switch {
    pub fn new(registry: Registry, lent: Lent, metrics: Metrics, running: Arc<Vec<Running>>) -> Self {
        Self { registry, lent, metrics, running, claimed: 0 }
    }

    /// The plugins that this process runs, or would run if a step named them.
    pub fn running(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.registry.plugins()
    }

    /// Whether that very component is the plugin of its name.
    pub fn runs(&self, plugin: &Plugin) -> bool {
        self.registry.get(&plugin.description().name).is_some_and(|running| running.digest() == plugin.digest())
    }

    /// Puts a plugin in the place of the one of its name, if it is another one and everything says that it can.
    pub fn offer(&mut self, plugin: &Arc<Plugin>) -> Outcome {
        let name = plugin.description().name.clone();
        if self.runs(plugin) {
            // The same bytes, maybe in another file: from now on that is where it comes from.
            if let Ok(registry) = self.registry.with(plugin.clone()) {
                self.registry = registry;
            }
            return Outcome::Nothing;
        }
        match self.prepare(plugin) {
            Ok((registry, chains)) => {
                let from = self.registry.get(&name).map(|before| before.digest_hex());
                self.registry = registry;
                self.admit(plugin, from, chains)
            }
            Err(reason) => {
                self.refuse(Some(&name), Path::new(plugin.origin()), Some(plugin.digest_hex()), &reason);
                Outcome::Refused
            }
        }
    }

    /// The chain of every pipeline that names the plugin, built with it and tried.
    fn prepare(&self, plugin: &Arc<Plugin>) -> Result<(Registry, Vec<Prepared>), String> {
        let name = &plugin.description().name;
        let registry = self.registry.with(plugin.clone()).map_err(|error| error.to_string())?;
        let mut chains = Vec::new();
        let naming = self.running.iter().map(|running| &running.shared);
        for shared in naming.filter(|shared| shared.pipeline.steps.iter().any(|step| step.plugin == *name)) {
            let chain = ChainPlan::build(&shared.pipeline, &registry, &self.lent, &self.metrics, &shared.current.now().chain.schemas)
                .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
            let tried = try_on(shared, &chain, plugin)?;
            chains.push((shared.clone(), Arc::new(chain), tried));
        }
        Ok((registry, chains))
    }

    fn admit(&mut self, plugin: &Plugin, from: Option<String>, chains: Vec<Prepared>) -> Outcome {
        let (name, digest) = (&plugin.description().name, plugin.digest_hex());
        if chains.is_empty() {
            tracing::info!(plugin = name, file = plugin.origin(), digest, "plugin loaded; no step names it");
            return Outcome::Nothing;
        }
        self.claimed = chains.iter().map(|(shared, ..)| highest(shared)).max().unwrap_or(0).max(self.claimed) + 1;
        for (shared, chain, tried) in chains {
            let admission = Admission::of(&shared.pipeline, &chain, &self.lent.keys, Claim::Switched(self.claimed));
            tracing::info!(
                event = "audit.plugin_switched",
                pipeline = shared.pipeline.name,
                plugin = name,
                file = plugin.origin(),
                from,
                digest,
                generation = self.claimed,
                tried,
                "plugin switched; lanes take it up with their next transaction"
            );
            shared.current.replace(chain, admission);
        }
        self.metrics.swap(name, SwapResult::Switched);
        self.metrics.admitted(name, &digest);
        Outcome::Switched
    }

    /// Says that a component does not become `plugin`, wherever an operator would look.
    pub fn refuse(&self, plugin: Option<&str>, file: &Path, digest: Option<String>, reason: &str) {
        let name = plugin.unwrap_or(UNKNOWN);
        let stays = plugin.and_then(|plugin| self.registry.get(plugin)).map(|running| running.digest_hex());
        tracing::warn!(event = "audit.plugin_refused", plugin = name, file = %file.display(), digest, stays, reason, "plugin refused; the running one stays");
        self.metrics.swap(name, SwapResult::Refused);
        let refusal = Refusal { digest, reason: reason.to_owned(), at: now_millis() };
        for running in self.running.iter() {
            running.shared.current.refused(name, refusal.clone());
        }
    }
}

/// Shows the last records of every lane to the new plugin, in each step that it is to take over.
fn try_on(shared: &Shared, chain: &ChainPlan, plugin: &Plugin) -> Result<u64, String> {
    let before = shared.current.now();
    let mut tried = 0;
    for (step, (new, old)) in chain.steps.iter().zip(&before.chain.steps).enumerate() {
        if new.digest_bytes() == *plugin.digest() {
            let taken =
                new.try_on(&old.recent()).map_err(|error| format!("pipeline {}, step {}: {error}", shared.pipeline.name, step + 1))?;
            tried += taken;
        }
    }
    Ok(tried)
}

/// The highest generation that any lane of any process is at, as far as it can be seen from here.
fn highest(shared: &Shared) -> u64 {
    shared.view.now().controls.values().map(|control| control.generation).max().unwrap_or(0)
}
