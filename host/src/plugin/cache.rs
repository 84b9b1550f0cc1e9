//! The private directory of compiled plugins, and the one place where compiled code is brought to life.
//! It must not load a file that anybody but this user could have written, and never one from a plugin directory.
#![allow(
    unsafe_code,
    reason = "loading compiled code is unsafe by nature: the file is machine code. It is sound here because the \
              directory and the file belong to this user and nobody else may write either, which is checked before \
              every load; because the name is a digest of the plugin and of everything its code depends on; and \
              because files appear whole, by rename, written by our own compiler and never changed afterwards"
)]

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;
use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiled plugins that are kept, and bytes of them together. Stops a directory that fills the disk, release by release
/// and draft by draft: the one whose last use is longest ago goes first, and with it those of other engines, which
/// nobody uses any more.
const ENTRIES: usize = 256;
const ENTRY_BYTES: u64 = 4 << 30;
/// Age from which a draft is one that a process left behind when it was killed: longer than any compilation may take.
const DRAFT_AGE: Duration = Duration::from_secs(3600);

/// Why the cache cannot be used.
#[derive(Debug, Error)]
pub enum CacheError {
    /// An operation on the directory or a file failed.
    #[error("cannot {doing} {path}; set XDG_CACHE_HOME to a directory that this user may write")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Somebody else could have written here.
    #[error("cannot trust {path}: {why}; compiled plugins are machine code, so remove it or set XDG_CACHE_HOME to another place")]
    NotPrivate {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A directory that only this user may enter.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// `$XDG_CACHE_HOME/sluice/compiled`, else `$HOME/.cache/sluice/compiled`, else a directory of this user's own
    /// below the temporary one.
    pub fn default_dir() -> PathBuf {
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        match cache {
            Some(cache) => cache.join("sluice/compiled"),
            None => {
                let user = rustix::process::geteuid().as_raw();
                std::env::temp_dir().join(format!("sluice-compiled-{user}"))
            }
        }
    }

    /// Opens the cache in `dir`, which is made (mode 0700) when it is not there.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Cache, CacheError> {
        let dir = dir.into();
        if let Some(parent) = dir.parent() {
            fs::create_dir_all(parent).map_err(|source| io_error("create", parent, source))?;
        }
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(io_error("create", &dir, source)),
        }
        let cache = Cache { dir };
        cache.check_dir()?;
        cache.sweep(SystemTime::now());
        Ok(cache)
    }

    fn check_dir(&self) -> Result<(), CacheError> {
        // Not following links: a link could be turned elsewhere after the check.
        let meta = fs::symlink_metadata(&self.dir).map_err(|source| io_error("read", &self.dir, source))?;
        let why = if !meta.is_dir() {
            "it is not a directory"
        } else {
            match private(&meta) {
                Ok(()) => return Ok(()),
                Err(why) => why,
            }
        };
        Err(CacheError::NotPrivate { path: self.dir.clone(), why })
    }

    /// Where the code of that key is, or will be.
    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(key)
    }

    /// The compiled component of that key, if it is here and sound. A file that does not load is removed: whatever
    /// happened to it, compiling again cures it.
    pub(super) fn load(&self, engine: &Engine, key: &str) -> Result<Option<Component>, CacheError> {
        self.check_dir()?;
        let path = self.path(key);
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("read", &path, source)),
        };
        let checked = if meta.is_file() { private(&meta) } else { Err("it is not a file") };
        checked.map_err(|why| CacheError::NotPrivate { path: path.clone(), why })?;
        // SAFETY: directory and file were just found to belong to this user and to be writable by nobody else; the
        // key names the plugin's bytes and the engine's fingerprint; see the reasons at the top of this file.
        match unsafe { Component::deserialize_file(engine, &path) } {
            Ok(component) => {
                touch(&path);
                Ok(Some(component))
            }
            Err(error) => {
                tracing::warn!(%key, %error, "compiled plugin does not load; compiling again");
                fs::remove_file(&path).map_err(|source| io_error("remove", &path, source))?;
                Ok(None)
            }
        }
    }

    /// A new empty file beside the compiled ones, for a compiler to write into. Its name is chance: in containers every
    /// process has the same id, and what a killed one left behind must not stop the next.
    pub(super) fn draft(&self, key: &str) -> Result<Draft, CacheError> {
        self.check_dir()?;
        let draft = tempfile::Builder::new().prefix(&format!(".{key}.")).tempfile_in(&self.dir);
        Ok(Draft { file: draft.map_err(|source| io_error("create a file in", &self.dir, source))? })
    }

    /// Makes a finished draft the code of that key, whole or not at all; what is too much goes.
    pub(super) fn keep(&self, draft: Draft, key: &str) -> Result<(), CacheError> {
        let path = draft.file.path().to_owned();
        draft.file.as_file().sync_all().map_err(|source| io_error("write", &path, source))?;
        draft.file.persist(self.path(key)).map_err(|error| io_error("rename", &path, error.error))?;
        self.evict(key, ENTRIES, ENTRY_BYTES);
        Ok(())
    }

    /// Removes the drafts of processes that were killed.
    fn sweep(&self, now: SystemTime) {
        for (path, meta) in self.files(|name| name.starts_with('.')) {
            let age = meta.modified().ok().and_then(|modified| now.duration_since(modified).ok());
            if age.is_some_and(|age| age > DRAFT_AGE) {
                remove(&path);
            }
        }
    }

    /// Removes what was not used for the longest time until the rest is within the bounds; never the code of `key`. Code
    /// that runs stays in memory: its file may go.
    fn evict(&self, key: &str, entries: usize, bytes: u64) {
        let mut kept = self.files(|name| !name.starts_with('.'));
        kept.sort_by_key(|(_, meta)| meta.modified().ok());
        let mut sum: u64 = kept.iter().map(|(_, meta)| meta.len()).sum();
        let mut count = kept.len();
        for (path, meta) in kept.iter().filter(|(path, _)| *path != self.path(key)) {
            if count <= entries && sum <= bytes {
                return;
            }
            remove(path);
            count -= 1;
            sum -= meta.len();
        }
    }

    /// The plain files whose name is as wanted. What cannot be read is left for the next time.
    fn files(&self, wanted: impl Fn(&str) -> bool) -> Vec<(PathBuf, fs::Metadata)> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_str().is_some_and(&wanted));
        let files = named.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)));
        files.filter(|(_, meta)| meta.is_file()).collect()
    }
}

/// A file being written. It goes away with this value unless it was kept.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) file: NamedTempFile,
}

/// Another process may have been faster.
fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "a compiled plugin that is not needed stays behind"),
    }
}

/// Notes that a file was used now. Where that fails, it counts as used when it was made.
fn touch(path: &Path) {
    if let Err(error) = File::open(path).and_then(|file| file.set_modified(SystemTime::now())) {
        tracing::debug!(path = %path.display(), %error, "the use of a compiled plugin is not noted");
    }
}

fn private(meta: &fs::Metadata) -> Result<(), &'static str> {
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err("it belongs to another user");
    }
    if meta.mode() & 0o077 != 0 {
        return Err("others may use it; its mode must end in 00");
    }
    Ok(())
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> CacheError {
    CacheError::Io { doing, path: path.to_owned(), source }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::plugin::engine::engine;
    use crate::plugin::limits::STACK_BYTES;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn fill(cache: &Cache, key: &str, bytes: &[u8]) {
        let mut draft = cache.draft(key).unwrap();
        draft.file.write_all(bytes).unwrap();
        cache.keep(draft, key).unwrap();
    }

    fn names(cache: &Cache) -> Vec<String> {
        fs::read_dir(&cache.dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_was_kept_loads_again() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path().join("a/b")).unwrap();
        let engine = engine(STACK_BYTES).unwrap();
        assert!(cache.load(&engine, "k").unwrap().is_none());
        fill(&cache, "k", &engine.precompile_component(EMPTY).unwrap());
        assert!(cache.load(&engine, "k").unwrap().is_some());
        assert_eq!(names(&cache), ["k"]);
    }

    #[test]
    fn drafts_and_damaged_files_go_away() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path().join("c")).unwrap();
        drop(cache.draft("k").unwrap());
        fill(&cache, "k", b"not machine code");
        assert!(cache.load(&engine(STACK_BYTES).unwrap(), "k").unwrap().is_none());
        assert_eq!(names(&cache), [""; 0]);
    }

    fn aged(path: &Path, age: Duration) {
        File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn what_a_killed_process_left_stops_nobody() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("c");
        let cache = Cache::open(&dir).unwrap();
        // The first process of a container, twice: the first draft stays, as after a kill.
        let left = cache.draft("k").unwrap().file.into_temp_path().keep().unwrap();
        let other = cache.draft("k").unwrap();
        assert_ne!(left, other.file.path());
        assert_eq!(fs::metadata(other.file.path()).unwrap().mode() & 0o777, 0o600);
        drop(other);
        Cache::open(&dir).unwrap();
        assert!(left.exists(), "it may be one that is being written");
        aged(&left, DRAFT_AGE + Duration::from_secs(1));
        Cache::open(&dir).unwrap();
        assert_eq!(names(&cache), [""; 0]);
    }

    #[test]
    fn what_nobody_uses_makes_room() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path().join("c")).unwrap();
        let code = engine(STACK_BYTES).unwrap().precompile_component(EMPTY).unwrap();
        for (key, age) in [("a", 4), ("b", 3), ("c", 2), ("d", 1)] {
            fill(&cache, key, &code);
            aged(&cache.path(key), Duration::from_secs(age * 60));
        }
        // What is loaded was used.
        assert!(cache.load(&engine(STACK_BYTES).unwrap(), "a").unwrap().is_some());
        cache.evict("b", 3, u64::MAX);
        let sorted = || {
            let mut names = names(&cache);
            names.sort();
            names
        };
        assert_eq!(sorted(), ["a", "b", "d"], "the oldest but the one that was just made");
        cache.evict("b", 3, 2 * code.len() as u64);
        assert_eq!(sorted(), ["a", "b"]);
        cache.evict("b", 3, 1);
        assert_eq!(sorted(), ["b"]);
    }

    #[test]
    fn what_others_may_write_is_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("c");
        let cache = Cache::open(&dir).unwrap();
        let engine = engine(STACK_BYTES).unwrap();
        fill(&cache, "k", &engine.precompile_component(EMPTY).unwrap());
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();

        chmod(&dir.join("k"), 0o620);
        assert!(matches!(cache.load(&engine, "k"), Err(CacheError::NotPrivate { .. })));
        chmod(&dir.join("k"), 0o600);
        assert!(cache.load(&engine, "k").unwrap().is_some());

        chmod(&dir, 0o770);
        assert!(matches!(cache.load(&engine, "k"), Err(CacheError::NotPrivate { .. })));
        assert!(matches!(Cache::open(&dir), Err(CacheError::NotPrivate { .. })));
        chmod(&dir, 0o700);

        symlink(dir.join("k"), dir.join("l")).unwrap();
        assert!(matches!(cache.load(&engine, "l"), Err(CacheError::NotPrivate { .. })));
        symlink(&dir, root.path().join("d")).unwrap();
        assert!(matches!(Cache::open(root.path().join("d")), Err(CacheError::NotPrivate { .. })));
    }
}
