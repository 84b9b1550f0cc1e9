//! Which plugin a step's name means: a component in the plugin directory, or else one that the binary carries. It must
//! not run any on records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config;
use crate::plugin::keys::KeyTooShort;
use crate::plugin::{self, Cache, Compile, KeyRing, Limits, Plugin, Plugins};

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

/// The bytes of a component's file, through no link: what is checked is what was meant.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::symlink_metadata(file).map_err(|error| format!("cannot read it: {error}"))?;
    if !metadata.is_file() {
        return Err("it is not a plain file; copy the component itself into the directory".into());
    }
    std::fs::read(file).map_err(|error| format!("cannot read it: {error}"))
}

/// The components that a process can use, by name.
pub struct Registry {
    by_name: BTreeMap<String, Arc<Plugin>>,
    /// Files of the directory that are none, and why.
    unusable: Vec<String>,
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
        "{file} calls itself {name} but does not edit fields, as the embedded plugin of that name does: steps that mask with it would mask nothing; remove it or give it another name"
    )]
    Weaker { name: &'static str, file: String },
    #[error("cannot start the plugin engine: {0}")]
    Engine(String),
    #[error("the embedded plugin {name} cannot be loaded: {reason}")]
    Embedded { name: &'static str, reason: String },
}

impl Registry {
    /// Loads every component of the directory, then the embedded ones that are `needed` and whose name nobody took. A
    /// file that cannot be used stops nothing unless a step names it.
    pub fn load(host: &Plugins, config: &config::plan::Plugins, needed: &BTreeSet<&str>) -> Result<Self, RegistryError> {
        let mut plugins = Self { by_name: BTreeMap::new(), unusable: Vec::new(), batch_records: config.limits.batch_records as usize };
        if let Some(dir) = &config.dir {
            plugins.load_directory(host, dir)?;
        }
        for name in plugin::embedded::names().filter(|name| needed.contains(name)) {
            let Some(component) = plugin::embedded::component(name) else { continue };
            let loaded = host
                .load(component.to_vec(), &format!("embedded:{name}"))
                .map_err(|error| RegistryError::Embedded { name, reason: error.to_string() })?;
            match plugins.by_name.get(name) {
                // A replacement that cannot mask would let everything pass that its steps list.
                Some(other) if loaded.description().effects.edit_fields && !other.description().effects.edit_fields => {
                    return Err(RegistryError::Weaker { name, file: other.origin().to_owned() });
                }
                Some(_) => {}
                None => {
                    plugins.by_name.insert(name.to_owned(), loaded);
                }
            }
        }
        Ok(plugins)
    }

    fn load_directory(&mut self, host: &Plugins, dir: &Path) -> Result<(), RegistryError> {
        let failed = |error: std::io::Error| RegistryError::Directory { dir: dir.to_owned(), reason: error.to_string() };
        let mut files: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // A file that is still being written has another name; renaming makes it a plugin.
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.extension().is_some_and(|extension| extension == "wasm") {
                files.push(path);
            }
        }
        files.sort();
        let mut origins: BTreeMap<String, String> = BTreeMap::new();
        for file in files {
            let shown = file.display().to_string();
            let loaded = read(&file).and_then(|bytes| host.load(bytes, &shown).map_err(|error| error.to_string()));
            match loaded {
                Ok(plugin) => {
                    let name = plugin.description().name.clone();
                    if let Some(first) = origins.insert(name.clone(), shown.clone()) {
                        return Err(RegistryError::Twice { name, first, second: shown });
                    }
                    tracing::info!(plugin = name, file = shown, digest = plugin.digest_hex(), "plugin loaded");
                    self.by_name.insert(name, plugin);
                }
                Err(reason) => {
                    tracing::warn!(file = shown, reason, "plugin file cannot be used");
                    self.unusable.push(format!("{shown}: {reason}"));
                }
            }
        }
        Ok(())
    }

    /// The plugin of that name, or a sentence that says what there is.
    pub fn named(&self, name: &str) -> Result<&Arc<Plugin>, String> {
        self.by_name.get(name).ok_or_else(|| {
            let embedded = plugin::embedded::names().map(str::to_owned);
            let known: BTreeSet<String> = self.by_name.keys().cloned().chain(embedded).collect();
            let hint =
                config::nearest(name, known.iter().map(String::as_str)).map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            let unusable = if self.unusable.is_empty() { String::new() } else { format!("; not usable: {}", self.unusable.join("; ")) };
            format!(
                "no plugin is named {name:?} (there are: {}){hint}{unusable}",
                known.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// Most records that one call takes.
    pub fn batch_records(&self) -> usize {
        self.batch_records
    }
}
