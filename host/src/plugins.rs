//! Which plugin a step's name means: a component in the plugin directory, or else one that the binary carries. It must
//! not run any on records.

pub mod directory;
pub mod lock;
pub mod signature;
pub mod store;
pub mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config;
use crate::plugin::digest::{self, Digest};
use crate::plugin::keys::KeyTooShort;
use crate::plugin::{self, Cache, Compile, KeyRing, Limits, Plugin, Plugins, limits};
use directory::{Component, ReadError};
use trust::{Gate, Untrusted};

/// What the origin of an embedded plugin begins with; others have the path of their file.
const EMBEDDED: &str = "embedded:";

/// The plugin host with the configured limits, its compiled code cached for this user alone.
pub fn host(config: &config::plan::Plugins) -> Result<Plugins, RegistryError> {
    let given = &config.limits;
    let limits = Limits {
        memory_bytes: given.memory as usize,
        batch_time: given.batch_time,
        // The configuration counts per record, the host per call.
        output_records: given.output_records as usize * given.batch_records as usize,
        output_bytes: given.output_bytes as usize,
        // What crosses the border is counted with its list headers: a half more.
        hostcall_bytes: (given.output_bytes as usize).saturating_add(given.output_bytes as usize / 2),
        log_lines: given.log_lines,
        ..Limits::default()
    };
    let failed = |error: &dyn std::fmt::Display| RegistryError::Engine(error.to_string());
    let cache = Cache::open(Cache::default_dir()).map_err(|error| failed(&error))?;
    Plugins::new(limits, Compile::in_child(), cache).map_err(|error| failed(&error))
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

/// A file of the plugin directory that is no plugin to this process.
#[derive(Clone, Debug)]
pub struct Unusable {
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of it, where it could be read.
    pub digest: Option<Digest>,
    /// Why, without the file's name.
    pub reason: String,
    /// It is being written: it is to be looked at again.
    pub changing: bool,
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

/// Reads a component once, asks the gate, and loads exactly the bytes that were read. `known` is asked for a plugin that
/// was loaded from the same bytes before.
pub fn load_file(
    host: &Plugins,
    gate: &Result<Gate<'_>, Untrusted>,
    file: &Path,
    known: impl Fn(&Digest) -> Option<Arc<Plugin>>,
) -> Result<Arc<Plugin>, Unusable> {
    let unusable = |digest, reason: String, changing| Unusable { file: file.to_owned(), digest, reason, changing };
    let Component { bytes, digest, .. } = directory::read(file, limits::BINARY_BYTES).map_err(|error| {
        let changing = matches!(error, ReadError::Changing);
        unusable(None, error.to_string(), changing)
    })?;
    let said = |reason: String| unusable(Some(digest), reason, false);
    let gate = gate.as_ref().map_err(|error| said(error.to_string()))?;
    let pass = gate.admits(file, &digest).map_err(|error| said(error.to_string()))?;
    let loaded = known(&digest).map_or_else(|| host.load(bytes, &file.display().to_string()), Ok);
    let plugin = loaded.map_err(|error| said(error.to_string()))?;
    gate.names(&pass, &plugin.description().name).map_err(|error| said(error.to_string()))?;
    Ok(plugin)
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
    #[error("cannot start the plugin engine: {0}")]
    Engine(String),
    #[error("the embedded plugin {name} cannot be loaded: {reason}")]
    Embedded { name: &'static str, reason: String },
}

impl Registry {
    /// Loads every component of the directory, then the embedded ones that are `needed` and whose name nobody took. A
    /// file that cannot be used stops nothing unless a step names it.
    pub fn load(host: &Plugins, config: &config::plan::Plugins, needed: &BTreeSet<&str>) -> Result<Self, RegistryError> {
        let mut plugins = Self {
            by_name: BTreeMap::new(),
            unusable: Vec::new(),
            claimed: BTreeSet::new(),
            batch_records: config.limits.batch_records as usize,
        };
        let embedded = embedded(host, needed)?;
        if let Some(dir) = &config.dir {
            let gate = Gate::open(&config.trust, dir);
            if let Ok(gate) = &gate {
                plugins.claimed = needed.iter().filter(|name| gate.claims(name)).map(|name| (*name).to_owned()).collect();
            }
            plugins.load_directory(host, dir, &gate)?;
        }
        for plugin in embedded {
            match plugins.by_name.get(&plugin.description().name) {
                Some(other) => not_weaker(other, &plugin)?,
                None => drop(plugins.by_name.insert(plugin.description().name.clone(), plugin)),
            }
        }
        Ok(plugins)
    }

    fn load_directory(&mut self, host: &Plugins, dir: &Path, gate: &Result<Gate<'_>, Untrusted>) -> Result<(), RegistryError> {
        let failed = |error: std::io::Error| RegistryError::Directory { dir: dir.to_owned(), reason: error.to_string() };
        for (file, _) in directory::list(dir).map_err(failed)? {
            match load_file(host, gate, &file, |_| None) {
                Ok(plugin) => {
                    let name = plugin.description().name.clone();
                    if let Some(first) = self.by_name.get(&name) {
                        let (first, second) = (first.origin().to_owned(), file.display().to_string());
                        return Err(RegistryError::Twice { name, first, second });
                    }
                    tracing::info!(plugin = name, file = %file.display(), digest = plugin.digest_hex(), "plugin loaded");
                    self.by_name.insert(name, plugin);
                }
                Err(unusable) => {
                    tracing::warn!(file = %unusable.file.display(), reason = unusable.reason, "plugin file cannot be used");
                    self.unusable.push(unusable);
                }
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
        let each: Vec<String> = self.unusable.iter().map(ToString::to_string).collect();
        let unusable = if each.is_empty() { String::new() } else { format!("; not usable: {}", each.join("; ")) };
        format!("no plugin is named {name:?} (there are: {}){hint}{unusable}", known.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Most records that one call takes.
    pub fn batch_records(&self) -> usize {
        self.batch_records
    }
}

impl Unusable {
    /// Whether the file's name says that it was meant to be the plugin of that name.
    fn stands_for(&self, name: &str) -> bool {
        self.file.file_stem().is_some_and(|stem| stem == name)
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

#[cfg(test)]
mod tests;
