//! From a component that loaded to one that lanes take up: built for every step that names it, begun with each step's
//! configuration, tried, admitted in all pipelines or in none. It must not read files or touch lanes.

use std::path::Path;
use std::sync::Arc;

use crate::chain::{ChainPlan, Lent};
use crate::clock::now_millis;
use crate::metrics::{FailureKind, Metrics, SwapResult};
use crate::pipeline::{Admission, Compaction, Refusal, Running, Shared};
use crate::plugin::Plugin;
use crate::plugins::{Registry, cut, not_wider};
use crate::position::Claim;

/// What a label says for every file that is called after no step's plugin. Stops a directory full of files from becoming
/// as many series and lines of status: only names that the configuration chose are labels.
const OTHER: &str = "other";

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
    /// `registry` is what the process started with; each switch replaces it.
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
                self.refuse(Some(&name), Path::new(plugin.origin()), Some(plugin.digest_hex()), &reason, None);
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
            if let Some(before) = self.registry.get(name) {
                let steps = shared.pipeline.steps.iter().filter(|step| step.plugin == *name);
                steps.into_iter().try_for_each(|step| not_wider(step, plugin, before))?;
            }
            let chain = ChainPlan::build(&shared.pipeline, &registry, &self.lent, &self.metrics, &shared.current.now().chain.schemas)
                .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
            may_copy(shared, &chain)?;
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

    /// Says that a component does not become `plugin`, wherever an operator would look. `failure`: it is one of the
    /// plugin's failures, too.
    pub fn refuse(&self, plugin: Option<&str>, file: &Path, digest: Option<String>, reason: &str, failure: Option<FailureKind>) {
        let stays = plugin.and_then(|plugin| self.registry.get(plugin)).map(|running| running.digest_hex());
        let reason = cut(reason.to_owned());
        tracing::warn!(event = "audit.plugin_refused", plugin, file = %file.display(), digest, stays, reason, "plugin refused; the running one stays");
        let name = self.label(plugin);
        self.metrics.swap(name, SwapResult::Refused);
        if let Some(kind) = failure {
            self.metrics.plugin(name).failed(kind);
        }
        let refusal = Refusal { digest, reason, at: now_millis() };
        for running in self.running.iter() {
            running.shared.current.refused(name, refusal.clone());
        }
    }

    /// A component was found broken before this process watched: it counts, and was told.
    pub fn failed_before(&self, plugin: Option<&str>) {
        self.metrics.plugin(self.label(plugin)).failed(FailureKind::Load);
    }

    /// The plugin's name, where a step has it.
    fn label<'n>(&self, plugin: Option<&'n str>) -> &'n str {
        let named = |name: &&str| self.running.iter().any(|running| running.shared.pipeline.steps.iter().any(|step| step.plugin == *name));
        plugin.filter(named).unwrap_or(OTHER)
    }
}

/// Whether the topics that the pipeline copies may be copied through the chain.
fn may_copy(shared: &Shared, chain: &ChainPlan) -> Result<(), String> {
    let compaction = Compaction::of(shared, chain);
    for (topic, _) in shared.discovery.now().topics.iter().filter(|(_, topic)| topic.refused.is_none()) {
        if let Some(why) = compaction.refuses(topic).map_err(|error| error.to_string())? {
            return Err(why);
        }
    }
    Ok(())
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
