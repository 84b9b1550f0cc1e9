//! What the plugin directory holds, look by look: which files are new or changed and have settled, what each turned out
//! to be, and which one of them is to be a plugin. It must not build or run anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::switch::{Outcome, Switch};
use crate::config::plan::Trust;
use crate::metrics::FailureKind;
use crate::plugin::digest::{self, Digest};
use crate::plugin::{Plugin, Plugins};
use crate::plugins::directory::{self, Stamp};
use crate::plugins::trust::{Gate, signature_file};
use crate::plugins::{Cause, Knows, Unusable, load_file};

/// How long bytes that did not load are not tried again, and how many are remembered. Stops a file that is touched over
/// and over from keeping a compiler busy.
const BROKEN_FOR: Duration = Duration::from_secs(600);
const BROKEN: usize = 1024;

/// What one file turned out to be.
enum Found {
    /// Not looked at in its present state.
    Unread,
    /// A plugin; whether it was offered to the steps.
    Plugin(Arc<Plugin>, Offered),
    /// None, and it was said so.
    Unusable,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Offered {
    No,
    /// Another file has the same name; it was said so.
    Doubled,
    Yes,
}

struct File {
    /// The state at the last look: of the file, and of the signatures beside it.
    state: (Stamp, Option<Stamp>),
    found: Found,
}

/// The plugin directory as it was at the last look.
pub struct Files {
    dir: PathBuf,
    lock_file: PathBuf,
    trust: Trust,
    files: BTreeMap<PathBuf, File>,
    lock: Option<Stamp>,
    /// What was found unusable at the start, and said then: not to be said again.
    told: BTreeSet<(PathBuf, Option<Digest>)>,
    /// What did not load, by digest: when, and why.
    broken: BTreeMap<Digest, (Instant, String)>,
    /// The plugin that a file was last, for what is said of a file that is none any more.
    names: BTreeMap<PathBuf, String>,
    /// Plugins whose file is gone.
    gone: BTreeSet<String>,
    unreadable: bool,
}

impl Files {
    /// Before the first look. `unusable` is what the start of the process found and said.
    pub fn new(dir: PathBuf, lock_file: PathBuf, trust: Trust, unusable: &[Unusable]) -> Self {
        let mut files = Self {
            lock: Stamp::at(&lock_file),
            dir,
            lock_file,
            trust,
            files: BTreeMap::new(),
            told: unusable.iter().map(|unusable| (unusable.file.clone(), unusable.digest)).collect(),
            broken: BTreeMap::new(),
            names: BTreeMap::new(),
            gone: BTreeSet::new(),
            unreadable: false,
        };
        unusable.iter().for_each(|unusable| files.remember(unusable));
        files
    }

    /// Bytes that did not load will not load the next time either.
    fn remember(&mut self, unusable: &Unusable) {
        let (Some(digest), Cause::Broken) = (unusable.digest, unusable.cause) else { return };
        self.broken.retain(|_, (since, _)| since.elapsed() < BROKEN_FOR);
        if self.broken.len() < BROKEN {
            self.broken.entry(digest).or_insert_with(|| (Instant::now(), unusable.reason.clone()));
        }
    }

    /// One look: settled files are read, and what is new among them is offered to `switch`.
    pub fn look(&mut self, host: &Plugins, switch: &mut Switch) {
        let listed = match directory::list(&self.dir) {
            Ok(listed) => listed,
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    tracing::warn!(dir = %self.dir.display(), %error, "the plugin directory cannot be read; running plugins stay");
                }
                return;
            }
        };
        self.unreadable = false;
        let settled = self.settled(listed);
        if !settled.is_empty() {
            let trust = self.trust.clone();
            let gate = Gate::open(&trust, &self.lock_file);
            for path in settled {
                let from_here = |plugin: &&Arc<Plugin>| Path::new(plugin.origin()) == path;
                let before = |digest: &Digest| {
                    let runs = switch.running().filter(from_here).find(|plugin| plugin.digest() == digest);
                    let broken = self.broken.get(digest).filter(|(since, _)| since.elapsed() < BROKEN_FOR);
                    runs.cloned().map(Ok).or_else(|| Some(Err(broken?.1.clone())))
                };
                let loaded = load_file(host, &gate, &path, &Knows { before: Some(&before), within: None });
                self.loaded(path, loaded, switch);
            }
        }
        self.offer(switch);
        self.tell_gone(switch);
    }

    /// Takes over a listing; returns the files that two looks have found in the same, unread state.
    fn settled(&mut self, listed: Vec<(PathBuf, Stamp)>) -> Vec<PathBuf> {
        let lock = Stamp::at(&self.lock_file);
        let relocked = std::mem::replace(&mut self.lock, lock) != lock && self.trust == Trust::Locked;
        let present: BTreeSet<&PathBuf> = listed.iter().map(|(path, _)| path).collect();
        let before = self.files.len();
        self.files.retain(|path, _| present.contains(path));
        if relocked || self.files.len() != before {
            // Another lock, or one file less: what was refused for that reason is looked at again.
            self.files.values_mut().for_each(File::forget_refusal);
        }
        let mut settled = Vec::new();
        for (path, stamp) in listed {
            let state = (stamp, Stamp::at(&signature_file(&path)));
            match self.files.get(&path) {
                Some(file) if file.state == state => {
                    if matches!(file.found, Found::Unread) {
                        settled.push(path);
                    }
                }
                _ => drop(self.files.insert(path, File { state, found: Found::Unread })),
            }
        }
        settled
    }

    fn loaded(&mut self, path: PathBuf, loaded: Result<Arc<Plugin>, Unusable>, switch: &mut Switch) {
        let found = match loaded {
            Ok(plugin) => {
                self.names.insert(path.clone(), plugin.description().name.clone());
                Found::Plugin(plugin, Offered::No)
            }
            // It is being written: the next look finds another state.
            Err(unusable) if matches!(unusable.cause, Cause::Changing | Cause::TooSlow) => Found::Unread,
            Err(unusable) => {
                self.remember(&unusable);
                if !self.told.remove(&(path.clone(), unusable.digest)) {
                    let plugin = self.names.get(&path).cloned().or_else(|| stem(&path));
                    let digest = unusable.digest.map(|digest| digest::hex(&digest));
                    switch.refuse(plugin.as_deref(), &path, digest, &unusable.reason, Some(FailureKind::Load));
                }
                Found::Unusable
            }
        };
        if let Some(file) = self.files.get_mut(&path) {
            file.found = found;
        }
    }

    /// Offers each plugin that has not been offered in its file's present state, unless two files claim one name.
    fn offer(&mut self, switch: &mut Switch) {
        let mut claims: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (path, file) in &self.files {
            if let Found::Plugin(plugin, _) = &file.found {
                claims.entry(plugin.description().name.clone()).or_default().push(path.clone());
            }
        }
        for (name, paths) in claims {
            let digests: BTreeSet<Digest> = paths.iter().filter_map(|path| self.files.get(path)?.digest()).collect();
            for (number, path) in paths.iter().enumerate() {
                // The same bytes twice leave nothing to choose: the first stands for all.
                let (one, alone) = (digests.len() == 1, digests.len() == 1 && number == 0);
                let Some(File { found: Found::Plugin(plugin, offered), .. }) = self.files.get_mut(path) else { continue };
                if *offered == Offered::Yes || (*offered == Offered::Doubled && !alone) {
                    continue;
                }
                if alone {
                    // Building may fail for a reason that passes by itself; it is tried again with the next change.
                    *offered = Offered::Yes;
                    if switch.offer(plugin) == Outcome::Switched {
                        self.gone.remove(&name);
                    }
                    continue;
                }
                *offered = Offered::Doubled;
                if !one && !switch.runs(plugin) {
                    let other = paths.iter().find(|other| *other != path).map_or(String::new(), |other| other.display().to_string());
                    let reason = format!("{other} calls itself {name} too; remove one");
                    switch.refuse(Some(&name), path, Some(plugin.digest_hex()), &reason, None);
                }
            }
        }
    }

    /// A plugin whose file is gone runs on: without it, its steps could only stop. A restart falls back to the embedded
    /// one, if there is one.
    fn tell_gone(&mut self, switch: &Switch) {
        for plugin in switch.running().filter(|plugin| !crate::plugins::is_embedded(plugin)) {
            let name = &plugin.description().name;
            if self.files.contains_key(Path::new(plugin.origin())) {
                self.gone.remove(name);
            } else if self.gone.insert(name.clone()) {
                let digest = plugin.digest_hex();
                tracing::warn!(
                    event = "audit.plugin_file_gone",
                    plugin = name,
                    file = plugin.origin(),
                    digest,
                    "the file of a running plugin is gone; the plugin runs on until the process ends"
                );
            }
        }
    }
}

impl File {
    /// SHA-256 of the plugin that it is.
    fn digest(&self) -> Option<Digest> {
        match &self.found {
            Found::Plugin(plugin, _) => Some(*plugin.digest()),
            _ => None,
        }
    }

    /// Looks at it again with the next look, unless it runs.
    fn forget_refusal(&mut self) {
        match &mut self.found {
            Found::Unusable => self.found = Found::Unread,
            Found::Plugin(_, offered) if *offered == Offered::Doubled => *offered = Offered::No,
            _ => {}
        }
    }
}

/// The plugin that a file's name suggests, where the name could be one.
pub fn stem(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let plain = stem.len() <= 64 && stem.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    plain.then(|| stem.to_owned())
}
