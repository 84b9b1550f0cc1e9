//! Notices that the files of a folder changed. It asks the file system again and again, which works on every disk and needs
//! no service of the system; a plugin's folder has few files. It must not look at what builds make.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::build::BUILD_DIR;

/// Time between two looks.
pub const LOOK: Duration = Duration::from_millis(300);
/// Folders that tools fill; names that begin with a dot are left out too.
const MADE: &[&str] = &[BUILD_DIR, "target", "node_modules", "__pycache__"];
/// Files looked at, at most: a folder with more is not a plugin's.
const MOST: usize = 10_000;

/// What a folder's files were like at a look.
#[derive(Debug, PartialEq, Eq)]
pub struct Look(BTreeMap<PathBuf, (u64, SystemTime)>);

impl Look {
    /// Looks at every file below `dir`, by size and time of change.
    pub fn at(dir: &Path) -> io::Result<Look> {
        let mut files = BTreeMap::new();
        let mut dirs = vec![dir.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir(&dir)? {
                let entry = entry?;
                let name = entry.file_name();
                if name.as_encoded_bytes().starts_with(b".") || MADE.iter().any(|made| name == *made) {
                    continue;
                }
                // An editor's own file may be gone by now.
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() {
                    dirs.push(entry.path());
                } else if files.len() < MOST {
                    files.insert(entry.path(), (meta.len(), meta.modified()?));
                }
            }
        }
        Ok(Look(files))
    }

    /// A file that changed after that time; none where the time is not known.
    pub fn newer_than(&self, time: Option<SystemTime>) -> Option<&Path> {
        let time = time?;
        self.0.iter().find(|(_, (_, changed))| *changed > time).map(|(path, _)| path.as_path())
    }

    /// Files that came, went or changed since `before`.
    pub fn changes(&self, before: &Look) -> Vec<PathBuf> {
        let changed = self.0.iter().filter(|(path, now)| before.0.get(*path) != Some(now)).map(|(path, _)| path.clone());
        let gone = before.0.keys().filter(|path| !self.0.contains_key(*path)).cloned();
        changed.chain(gone).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn what_the_author_changes_is_seen_and_what_builds_make_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("plugin.c", "a");
        write("tests/a.yaml", "a");
        let before = Look::at(dir.path()).unwrap();
        for made in ["build/a.wasm", "target/x", "node_modules/y/z", ".git/index", ".plugin.c.swp"] {
            write(made, "a");
        }
        assert_eq!(Look::at(dir.path()).unwrap(), before);
        write("plugin.c", "ab");
        write("new.c", "");
        std::fs::remove_file(dir.path().join("tests/a.yaml")).unwrap();
        let now = Look::at(dir.path()).unwrap();
        let names: Vec<_> = now.changes(&before).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["new.c", "plugin.c", "a.yaml"]);
    }
}
