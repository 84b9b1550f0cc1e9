//! Which plugin a step's name means: a component in the plugin directory, or else one that the binary carries. It must
//! not run any on records.

pub mod directory;
mod file;
pub mod lock;
pub mod signature;
pub mod store;
pub mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use file::{Cause, Knows, Unusable, cut, load_file};

use crate::config;
use crate::config::plan::Trust;
use crate::plugin::digest;
use crate::plugin::keys::KeyTooShort;
use crate::plugin::{self, Cache, Compile, KeyRing, Plugin, Plugins};
use trust::{Gate, Untrusted};

/// Time that files which are not called after any step's plugin have, together, before the lanes begin. Stops a directory
/// full of components that take long to compile from holding the start back.
const OTHERS_WITHIN: Duration = Duration::from_secs(15);

/// Files that a message lists at most. Stops one that is as long as a directory is full.
const LISTED: usize = 5;

/// What the origin of an embedded plugin begins with; others have the path of their file.
const EMBEDDED: &str = "embedded:";

/// The plugin host with the configured limits, its compiled code cached for this user alone.
pub fn host(config: &config::plan::Plugins) -> Result<Plugins, RegistryError> {
    let failed = |error: &dyn std::fmt::Display| RegistryError::Engine(error.to_string());
    let cache = Cache::open(Cache::default_dir()).map_err(|error| failed(&error))?;
    Plugins::new(config.limits.of_instances(), Compile::in_child(), cache).map_err(|error| failed(&error))
}

/// The keys of a configuration, as plugins name them.
pub fn key_ring(keys: &config::Keyring) -> Result<KeyRing, KeyTooShort> {
    let mut ring = KeyRing::new();
    for (name, secret) in keys.names().filter_map(|name| Some((name, keys.get(name)?))) {
        let previous = keys.previous(name).iter().map(|secret| secret.expose().to_vec()).collect();
        ring.add_rotated(name, secret.expose().to_vec(), previous)?;
    }
    Ok(ring)
}

/// The components that a process can use, by name.
#[derive(Clone)]
pub struct Registry {
    by_name: BTreeMap<String, Arc<Plugin>>,
    /// Files of the directory that are none, and why.
    unusable: Vec<Unusable>,
    /// Names that `plugins.lock` says come from the directory.
    claimed: BTreeSet<String>,
    batch_records: usize,
}

/// The plugin directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    #[error("cannot read the plugin directory {dir}: {reason}")]
    Directory { dir: PathBuf, reason: String },
    #[error("plugins {first} and {second} both call themselves {name}; remove one")]
    Twice { name: String, first: String, second: String },
    #[error(
        "{file} calls itself {name} but does not edit fields, as {than} does: steps that mask with it would mask nothing; remove it or give it another name"
    )]
    Weaker { name: String, file: String, than: String },
    #[error(transparent)]
    Lock(#[from] Untrusted),
    #[error("cannot start the plugin engine: {0}")]
    Engine(String),
    #[error("the embedded plugin {name} cannot be loaded: {reason}")]
    Embedded { name: &'static str, reason: String },
}

impl Registry {
    /// Loads the components of the directory, then the embedded ones that are `needed` and whose name nobody took. A file
    /// that cannot be used stops nothing unless a step names it; one that is called after no step's plugin and takes long
    /// is left to whoever watches the directory, unless a step could not do without it.
    pub fn load(host: &Plugins, config: &config::plan::Plugins, needed: &BTreeSet<&str>) -> Result<Self, RegistryError> {
        let mut plugins = Self {
            by_name: BTreeMap::new(),
            unusable: Vec::new(),
            claimed: BTreeSet::new(),
            batch_records: config.limits.batch_records as usize,
        };
        let embedded = embedded(host, needed)?;
        if let Some((dir, lock)) = trust::places(config) {
            // A lock that says nothing sensible might have said that a name is not the embedded one's.
            let gate = Ok(Gate::open(&config.trust, &lock)?);
            if let Ok(gate) = &gate {
                plugins.claimed = needed.iter().filter(|name| gate.claims(name)).map(|name| (*name).to_owned()).collect();
            }
            if config.trust == Trust::Locked
                && let Ok(Some(warning)) = trust::exposure(&lock)
            {
                tracing::warn!("plugins.trust is locked, and {warning}: they decide what runs; see plugins.lock");
            }
            let listed = directory::list(&dir).map_err(|error| RegistryError::Directory { dir, reason: error.to_string() })?;
            plugins.load_files(host, &gate, listed.into_iter().map(|(file, _)| file).collect(), needed)?;
        }
        for plugin in embedded {
            match plugins.by_name.get(&plugin.description().name) {
                Some(other) => not_weaker(other, &plugin)?,
                None => drop(plugins.by_name.insert(plugin.description().name.clone(), plugin)),
            }
        }
        Ok(plugins)
    }

    /// Those that are called after a step's plugin first, and as long as it takes; the others have [`OTHERS_WITHIN`], or
    /// as long as a step names a plugin that nobody was yet.
    fn load_files(
        &mut self,
        host: &Plugins,
        gate: &Result<Gate<'_>, Untrusted>,
        files: Vec<PathBuf>,
        needed: &BTreeSet<&str>,
    ) -> Result<(), RegistryError> {
        let meant = |file: &PathBuf| {
            let listed = gate.as_ref().ok().and_then(|gate| gate.name_of(file));
            listed.or_else(|| file.file_stem()?.to_str()).is_some_and(|name| needed.contains(name))
        };
        let (first, others): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(meant);
        for file in first {
            self.load_one(host, gate, &file, None)?;
        }
        let mut left = OTHERS_WITHIN;
        for file in others {
            let nobody = |name: &&&str| !self.by_name.contains_key(**name) && plugin::embedded::component(name).is_none();
            let within = if needed.iter().find(nobody).is_some() { None } else { Some(left) };
            let began = Instant::now();
            self.load_one(host, gate, &file, within)?;
            left = left.saturating_sub(began.elapsed());
        }
        Ok(())
    }

    fn load_one(
        &mut self,
        host: &Plugins,
        gate: &Result<Gate<'_>, Untrusted>,
        file: &std::path::Path,
        within: Option<Duration>,
    ) -> Result<(), RegistryError> {
        let plugin = match load_file(host, gate, file, &Knows { within, ..Knows::default() }) {
            Ok(plugin) => plugin,
            Err(unusable) if unusable.cause == Cause::TooSlow => {
                tracing::warn!(file = %file.display(), "plugin file takes long to compile; it is looked at once the lanes run");
                return Ok(());
            }
            Err(unusable) => {
                tracing::warn!(file = %unusable.file.display(), reason = unusable.reason, "plugin file cannot be used");
                self.unusable.push(unusable);
                return Ok(());
            }
        };
        let name = plugin.description().name.clone();
        match self.by_name.get(&name) {
            // The same bytes twice leave nothing to choose.
            Some(first) if first.digest() == plugin.digest() => {
                tracing::warn!(plugin = name, file = %file.display(), first = first.origin(), "two files are the same plugin; remove one");
            }
            Some(first) => {
                let (first, second) = (first.origin().to_owned(), file.display().to_string());
                return Err(RegistryError::Twice { name, first, second });
            }
            None => {
                tracing::info!(plugin = name, file = %file.display(), digest = plugin.digest_hex(), "plugin loaded");
                self.by_name.insert(name, plugin);
            }
        }
        Ok(())
    }

    /// The same with `plugin` in the place of whichever has its name. One that masks is not replaced by one that does
    /// not.
    pub fn with(&self, plugin: Arc<Plugin>) -> Result<Self, RegistryError> {
        let name = plugin.description().name.clone();
        if let Some(before) = self.by_name.get(&name) {
            not_weaker(&plugin, before)?;
        }
        let mut changed = self.clone();
        changed.unusable.retain(|unusable| !unusable.stands_for(&name));
        changed.by_name.insert(name, plugin);
        Ok(changed)
    }

    /// The plugin of that name, if there is one, whether or not a step may use it.
    pub fn get(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.by_name.get(name)
    }

    /// All plugins.
    pub fn plugins(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.by_name.values()
    }

    /// Files of the directory that are no plugins.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// The plugin of that name for a step, or a sentence that says what there is. The embedded one does not stand in for
    /// a file that was meant and cannot be used.
    pub fn named(&self, name: &str) -> Result<&Arc<Plugin>, String> {
        let plugin = self.by_name.get(name).ok_or_else(|| self.unknown(name))?;
        if !is_embedded(plugin) {
            return Ok(plugin);
        }
        if let Some(meant) = self.unusable.iter().find(|unusable| unusable.stands_for(name)) {
            return Err(format!("plugin {name} cannot be used: {meant}; repair it, or remove it to use the embedded {name}"));
        }
        if self.claimed.contains(name) {
            return Err(format!(
                "plugin {name} is in {} and not in the directory; put its file there, or take its line out to use the embedded {name}",
                lock::FILE
            ));
        }
        Ok(plugin)
    }

    fn unknown(&self, name: &str) -> String {
        let embedded = plugin::embedded::names().map(str::to_owned);
        let known: BTreeSet<String> = self.by_name.keys().cloned().chain(embedded).collect();
        let hint =
            config::nearest(name, known.iter().map(String::as_str)).map_or(String::new(), |near| format!("; did you mean {near:?}?"));
        let mut each: Vec<String> = self.unusable.iter().take(LISTED).map(ToString::to_string).collect();
        if self.unusable.len() > LISTED {
            each.push(format!("and {} more", self.unusable.len() - LISTED));
        }
        let unusable = if each.is_empty() { String::new() } else { format!("; not usable: {}", each.join("; ")) };
        format!("no plugin is named {name:?} (there are: {}){hint}{unusable}", known.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Most records that one call takes.
    pub fn batch_records(&self) -> usize {
        self.batch_records
    }
}

/// Whether a plugin is part of this program.
pub fn is_embedded(plugin: &Plugin) -> bool {
    plugin.origin().starts_with(EMBEDDED)
}

fn embedded(host: &Plugins, needed: &BTreeSet<&str>) -> Result<Vec<Arc<Plugin>>, RegistryError> {
    let mut loaded = Vec::new();
    for name in plugin::embedded::names().filter(|name| needed.contains(name)) {
        let Some(component) = plugin::embedded::component(name) else { continue };
        let plugin = host
            .load(component.to_vec(), &format!("{EMBEDDED}{name}"))
            .map_err(|error| RegistryError::Embedded { name, reason: error.to_string() })?;
        loaded.push(plugin);
    }
    Ok(loaded)
}

/// I6: a replacement that cannot mask would let everything pass that its steps list.
fn not_weaker(plugin: &Plugin, than: &Plugin) -> Result<(), RegistryError> {
    if than.description().effects.edit_fields && !plugin.description().effects.edit_fields {
        let than = match than.origin().strip_prefix(EMBEDDED) {
            Some(_) => "the embedded plugin of that name".to_owned(),
            None => format!("the running one (sha-256 {})", digest::hex(than.digest())),
        };
        return Err(RegistryError::Weaker { name: plugin.description().name.clone(), file: plugin.origin().to_owned(), than });
    }
    Ok(())
}

/// A replacement does in a step what the running one does, unless the step says what it may do: effects that nobody wrote
/// down do not come with a file. The sentence says what it would bring.
pub fn not_wider(step: &config::plan::Step, plugin: &Plugin, than: &Plugin) -> Result<(), String> {
    let brings = plugin.description().effects.beyond(than.description().effects);
    if step.effects.is_some() || brings.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = brings.iter().map(|name| name.replace('-', "_")).collect();
    Err(format!(
        "{}: {} declares {}, which the one before it (sha-256 {}) does not; write effects: [...] in the step, with what it may do",
        step.at,
        plugin.origin(),
        names.join(", "),
        than.digest_hex()
    ))
}

#[cfg(test)]
mod tests;
