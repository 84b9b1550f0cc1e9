//! The private directory of compiled plugins, and the one place where compiled code is brought to life.
//! It must not load a file that anybody but this user could have written, and never one from a plugin directory.
#![allow(
    unsafe_code,
    reason = "loading compiled code is unsafe by nature: the file is machine code. It is sound here because the \
              directory and the file belong to this user and nobody else may write either, which is checked before \
              every load; because the name is a digest of the plugin and of everything its code depends on; and \
              because files appear whole, by rename, written by our own compiler and never changed afterwards"
)]

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;

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
            Ok(component) => Ok(Some(component)),
            Err(error) => {
                tracing::warn!(%key, %error, "compiled plugin does not load; compiling again");
                fs::remove_file(&path).map_err(|source| io_error("remove", &path, source))?;
                Ok(None)
            }
        }
    }

    /// A new empty file beside the compiled ones, for a compiler to write into.
    pub(super) fn draft(&self, key: &str) -> Result<Draft, CacheError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        self.check_dir()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!(".{key}.{}.{number}", std::process::id()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| io_error("create", &path, source))?;
        Ok(Draft { path, file })
    }

    /// Makes a finished draft the code of that key, whole or not at all.
    pub(super) fn keep(&self, draft: &Draft, key: &str) -> Result<(), CacheError> {
        draft.file.sync_all().map_err(|source| io_error("write", &draft.path, source))?;
        fs::rename(&draft.path, self.path(key)).map_err(|source| io_error("rename", &draft.path, source))
    }
}

/// A file being written. It goes away with this value unless it was kept.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
    pub(super) file: File,
}

impl Drop for Draft {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            // It was kept under another name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "draft of a compiled plugin stays behind"),
        }
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

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn fill(cache: &Cache, key: &str, bytes: &[u8]) {
        let mut draft = cache.draft(key).unwrap();
        draft.file.write_all(bytes).unwrap();
        cache.keep(&draft, key).unwrap();
    }

    fn names(cache: &Cache) -> Vec<String> {
        fs::read_dir(&cache.dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_was_kept_loads_again() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path().join("a/b")).unwrap();
        let engine = engine().unwrap();
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
        assert!(cache.load(&engine().unwrap(), "k").unwrap().is_none());
        assert_eq!(names(&cache), [""; 0]);
    }

    #[test]
    fn what_others_may_write_is_not_trusted() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("c");
        let cache = Cache::open(&dir).unwrap();
        let engine = engine().unwrap();
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
