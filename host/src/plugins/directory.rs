//! The plugin directory as it stands: which files are components, which state they are in, and their bytes, read once.
//! It must not judge what it reads, and never writes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::plugin::digest::{self, Digest};

/// What tells one state of a file from another. A file written in place changes its times even where its length stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: (u64, u64),
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &fs::Metadata) -> Self {
        Self {
            inode: (meta.dev(), meta.ino()),
            bytes: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// The state of a file, or none where there is none.
    pub fn at(path: &Path) -> Option<Self> {
        fs::symlink_metadata(path).ok().map(|meta| Self::of(&meta))
    }
}

/// A component's file, read.
#[derive(Clone)]
pub struct Component {
    /// Its bytes: those that are hashed are those that are compiled.
    pub bytes: Vec<u8>,
    /// SHA-256 of them.
    pub digest: Digest,
    /// The state of the file that they were read from.
    pub stamp: Stamp,
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system said no.
    #[error("cannot read it: {0}")]
    Io(#[source] io::Error),
    /// A link, a directory, a pipe.
    #[error("it is not a plain file; copy the component itself into the directory")]
    NotPlain,
    /// Larger than any plugin may be; not one byte was read.
    #[error("it has {bytes} bytes and at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
    /// Somebody is writing it.
    #[error("it changed while it was read; write it under another name and rename it into place")]
    Changing,
}

/// The components of `dir` by name, each with its state. Hidden files are none: a file that is still being written has
/// such a name, and renaming it makes it a plugin.
pub fn list(dir: &Path) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        // One that went since is not there.
        if is_component(&path)
            && let Some(stamp) = Stamp::at(&path)
        {
            found.push((path, stamp));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// Whether a path has the name of a component in a plugin directory.
pub fn is_component(path: &Path) -> bool {
    let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|extension| extension == "wasm")
}

/// Reads a component of at most `limit` bytes, through no link: what is checked is what was meant.
pub fn read(path: &Path, limit: usize) -> Result<Component, ReadError> {
    let meta = fs::symlink_metadata(path).map_err(ReadError::Io)?;
    if !meta.is_file() {
        return Err(ReadError::NotPlain);
    }
    // Should it have become a link or a pipe since, opening it fails or does not wait.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path).map_err(ReadError::Io)?;
    let before = file.metadata().map_err(ReadError::Io)?;
    if !before.is_file() {
        return Err(ReadError::NotPlain);
    }
    if before.len() > limit as u64 {
        return Err(ReadError::TooLarge { bytes: before.len(), limit });
    }
    let bytes = read_at_most(&mut file, limit)?;
    let after = file.metadata().map_err(ReadError::Io)?;
    let stamp = Stamp::of(&after);
    // Neither the file nor what its name stands for may have changed meanwhile.
    if stamp != Stamp::of(&before) || Stamp::at(path) != Some(stamp) || bytes.len() as u64 != after.len() {
        return Err(ReadError::Changing);
    }
    Ok(Component { digest: digest::of(&bytes), bytes, stamp })
}

fn read_at_most(file: &mut File, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() > limit { Err(ReadError::Changing) } else { Ok(bytes) }
}

/// The text of a small file beside the components; none where there is none.
pub fn text(path: &Path, limit: usize) -> Result<Option<String>, ReadError> {
    match read(path, limit) {
        Ok(read) => {
            String::from_utf8(read.bytes).map(Some).map_err(|error| ReadError::Io(io::Error::new(io::ErrorKind::InvalidData, error)))
        }
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_visible_components_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.wasm", "a.wasm", ".c.wasm", "d.wasm.part", "e", "plugins.lock", "a.wasm.sig"] {
            fs::write(dir.path().join(name), b"x").unwrap();
        }
        fs::create_dir(dir.path().join(".previous")).unwrap();
        let names: Vec<PathBuf> = list(dir.path()).unwrap().into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, [dir.path().join("a.wasm"), dir.path().join("b.wasm")]);
        assert!(list(&dir.path().join("nowhere")).is_err());
    }

    #[test]
    fn every_change_of_a_file_is_another_state() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a.wasm"), dir.path().join(".a"));
        fs::write(&path, b"one").unwrap();
        let first = Stamp::at(&path).unwrap();
        assert_eq!(Stamp::at(&path), Some(first));
        fs::write(&other, b"one").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_ne!(Stamp::at(&path), Some(first), "the same bytes in another file");
        fs::remove_file(&path).unwrap();
        assert_eq!(Stamp::at(&path), None);
    }

    #[test]
    fn what_is_read_is_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wasm");
        fs::write(&path, b"bytes").unwrap();
        let read_it = read(&path, 5).unwrap();
        assert_eq!((read_it.bytes.as_slice(), read_it.digest), (&b"bytes"[..], digest::of(b"bytes")));
        assert_eq!(Some(read_it.stamp), Stamp::at(&path));
        assert!(matches!(read(&path, 4), Err(ReadError::TooLarge { bytes: 5, limit: 4 })));
        symlink(&path, dir.path().join("l.wasm")).unwrap();
        assert!(matches!(read(&dir.path().join("l.wasm"), 5), Err(ReadError::NotPlain)));
        assert!(matches!(read(dir.path(), 5), Err(ReadError::NotPlain)));
        assert!(matches!(read(&dir.path().join("none.wasm"), 5), Err(ReadError::Io(_))));
        assert_eq!(text(&dir.path().join("none"), 5).unwrap(), None);
        assert_eq!(text(&path, 5).unwrap().as_deref(), Some("bytes"));
    }

    #[test]
    fn a_large_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.wasm");
        File::create(&path).unwrap().set_len(200 << 20).unwrap();
        let begin = std::time::Instant::now();
        assert!(matches!(read(&path, 32 << 20), Err(ReadError::TooLarge { .. })));
        assert!(begin.elapsed() < std::time::Duration::from_millis(100));
    }
}
