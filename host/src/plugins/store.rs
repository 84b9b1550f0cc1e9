//! Changes the plugin directory, each file whole or not at all: a new component in, the one before it kept, and back
//! again. It must not judge what it writes; whoever calls has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::directory::{self, Component, ReadError};
use super::lock::{Entry, Lock};
use super::signature::Signatures;
use super::trust::{self, Untrusted};
use crate::plugin::digest::Digest;

/// Where the component before the present one is kept, below the plugin directory. Hidden: nothing in it is a plugin.
const PREVIOUS: &str = ".previous";

/// Held by the one command that changes the directory.
const BUSY: &str = ".deploying";

/// The directory could not be changed; what was there is there.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file of the directory cannot be read.
    #[error("cannot use {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// The lock or a signature file cannot be read.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// Another command is at it.
    #[error("another sluice plugin command is changing {}", .0.display())]
    Busy(PathBuf),
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { doing, path, source }
}

/// A component on its way into the directory.
pub struct Incoming<'b> {
    /// Its file's name in the directory.
    pub file: String,
    /// The plugin's name.
    pub name: String,
    /// Its bytes.
    pub bytes: &'b [u8],
    /// SHA-256 of them.
    pub digest: Digest,
    /// Its signatures, where it has any.
    pub signatures: Option<Signatures>,
}

/// What `rollback` is to return to after a deploy.
#[derive(Clone, Copy, Debug)]
pub enum Before<'b> {
    /// The file that the component replaces.
    File,
    /// The plugin inside the program, which the component takes over from.
    Embedded(&'b [u8]),
    /// What is kept already, if anything is: the file that is replaced is no plugin.
    Kept,
}

/// The plugin directory, held for one change.
pub struct Store {
    dir: PathBuf,
    /// Unlocked when it is closed.
    _busy: File,
}

impl Store {
    /// Takes hold of the directory.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(BUSY);
        let busy = OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(io("open", &path))?;
        match busy.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _busy: busy }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy(dir.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(io("lock", &path)(error)),
        }
    }

    /// Puts a component into the directory and keeps what was there `before`. A lock that is there admits it, and
    /// signatures stand beside it, before its name shows it: whoever looks in between finds old or new, and either is
    /// admitted.
    pub fn deploy(&self, incoming: &Incoming<'_>, before: Before<'_>) -> Result<(), StoreError> {
        let path = self.dir.join(&incoming.file);
        let current = self.read(&path)?;
        match (&current, before) {
            // The same again: what it replaced the first time is what a rollback is about.
            (Some(current), _) if current.digest == incoming.digest => {}
            (Some(current), Before::File) => self.keep(&incoming.file, &current.bytes)?,
            (_, Before::Embedded(embedded)) => self.keep(&incoming.file, embedded)?,
            _ => {}
        }
        self.place(incoming, current.as_ref())
    }

    /// Where the component is kept that [`Store::restore`] would bring back for a file.
    pub fn kept(&self, file: &str) -> PathBuf {
        self.dir.join(PREVIOUS).join(file)
    }

    /// That component, with its signatures.
    pub fn previous(&self, file: &str) -> Result<Option<(Component, Option<Signatures>)>, StoreError> {
        let path = self.kept(file);
        let Some(component) = self.read(&path)? else { return Ok(None) };
        Ok(Some((component, trust::read_signatures(&path)?)))
    }

    /// Brings a component back from where it was kept; the present one is kept in its place, so that a second time
    /// returns to it.
    pub fn restore(&self, incoming: &Incoming<'_>) -> Result<(), StoreError> {
        let path = self.dir.join(&incoming.file);
        let current = self.read(&path)?;
        if let Some(current) = &current {
            self.keep(&incoming.file, &current.bytes)?;
        }
        self.place(incoming, current.as_ref())
    }

    /// Writes the lock of the directory anew.
    pub fn write_lock(&self, lock: &Lock) -> Result<(), StoreError> {
        self.put(&trust::lock_file(&self.dir), lock.text().as_bytes())
    }

    fn place(&self, incoming: &Incoming<'_>, current: Option<&Component>) -> Result<(), StoreError> {
        let path = self.dir.join(&incoming.file);
        let beside = trust::signature_file(&path);
        let entry = Entry { name: incoming.name.clone(), file: incoming.file.clone(), digest: incoming.digest };
        let mut lock = trust::read_lock(&self.dir)?;
        if let Some(lock) = &mut lock {
            let mut both = lock.clone();
            both.add(entry.clone());
            self.write_lock(&both)?;
            lock.set(entry);
        }
        let old = if current.is_some() { trust::read_signatures(&path)? } else { None };
        if let Some(signatures) = &incoming.signatures {
            let mut both = signatures.clone();
            if let Some(old) = &old {
                both.add(old);
            }
            self.put(&beside, both.text().as_bytes())?;
        }
        self.put(&path, incoming.bytes)?;
        match (&incoming.signatures, old) {
            (Some(signatures), _) => self.put(&beside, signatures.text().as_bytes())?,
            (None, Some(_)) => fs::remove_file(&beside).map_err(io("remove", &beside))?,
            (None, None) => {}
        }
        lock.map_or(Ok(()), |lock| self.write_lock(&lock))
    }

    /// Keeps a component, with the signatures that stand beside its name now.
    fn keep(&self, file: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let dir = self.dir.join(PREVIOUS);
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io("create", &dir)(error)),
            _ => {}
        }
        let kept = dir.join(file);
        let beside = trust::signature_file(&kept);
        match trust::read_signatures(&self.dir.join(file))? {
            Some(signatures) => self.put(&beside, signatures.text().as_bytes())?,
            None => match fs::remove_file(&beside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io("remove", &beside)(error)),
                _ => {}
            },
        }
        self.put(&kept, bytes)
    }

    fn read(&self, path: &Path) -> Result<Option<Component>, StoreError> {
        match directory::read(path, usize::MAX >> 1) {
            Ok(component) => Ok(Some(component)),
            Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Read { path: path.to_owned(), source }),
        }
    }

    /// Writes a file under a hidden name, forces it to the disk, and renames it into place.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let dir = path.parent().unwrap_or(&self.dir);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let draft = dir.join(format!(".{name}.{}.part", std::process::id()));
        let written = (|| {
            let mut file = File::create(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&draft, path)?;
            // The name itself lasts only once its directory is on the disk.
            File::open(dir)?.sync_all()
        })();
        written.map_err(|error| {
            // A draft that was renamed is gone already; one that stays is hidden and no plugin.
            drop(fs::remove_file(&draft));
            io("write", path)(error)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::plugin::digest;
    use crate::plugins::signature::SecretKey;

    fn incoming(bytes: &[u8]) -> Incoming<'_> {
        Incoming { file: "mask.wasm".into(), name: "mask".into(), bytes, digest: digest::of(bytes), signatures: None }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn forth_and_back_and_forth() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mask.wasm");
        let store = Store::open(dir.path()).unwrap();
        store.deploy(&incoming(b"one"), Before::File).unwrap();
        assert!(store.previous("mask.wasm").unwrap().is_none());
        for bytes in [b"two", b"two"] {
            store.deploy(&incoming(bytes), Before::File).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"two");
        for want in [&b"one"[..], b"two", b"one"] {
            let (previous, _) = store.previous("mask.wasm").unwrap().unwrap();
            assert_eq!(previous.bytes, want);
            store.restore(&incoming(&previous.bytes)).unwrap();
            assert_eq!(fs::read(&path).unwrap(), want);
        }
        assert_eq!(names(dir.path()), [".deploying", ".previous", "mask.wasm"]);
        assert_eq!(names(&dir.path().join(".previous")), ["mask.wasm"]);
        assert!(matches!(Store::open(dir.path()), Err(StoreError::Busy(_))));
        drop(store);
        assert!(Store::open(dir.path()).is_ok());
    }

    #[test]
    fn the_embedded_one_is_kept_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.deploy(&incoming(b"one"), Before::Embedded(b"embedded")).unwrap();
        assert_eq!(store.previous("mask.wasm").unwrap().unwrap().0.bytes, b"embedded");
        // A file that was no plugin is nothing to return to.
        fs::write(dir.path().join("mask.wasm"), b"half").unwrap();
        store.deploy(&incoming(b"two"), Before::Kept).unwrap();
        assert_eq!(store.previous("mask.wasm").unwrap().unwrap().0.bytes, b"embedded");
    }

    #[test]
    fn lock_and_signatures_follow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mask.wasm");
        let key = SecretKey::of_seed(&[3; 32]);
        let signed = |bytes: &'static [u8]| Incoming { signatures: Some(key.sign(&digest::of(bytes))), ..incoming(bytes) };
        let store = Store::open(dir.path()).unwrap();
        store.write_lock(&Lock::default()).unwrap();
        store.deploy(&signed(b"one"), Before::File).unwrap();
        store.deploy(&signed(b"two"), Before::File).unwrap();
        let lock = || trust::read_lock(dir.path()).unwrap().unwrap();
        assert!(lock().admits("mask.wasm", &digest::of(b"two")).is_some() && lock().admits("mask.wasm", &digest::of(b"one")).is_none());
        let signer = [key.public()];
        assert!(trust::read_signatures(&path).unwrap().unwrap().signer(&signer, &digest::of(b"two")).is_some());
        let (previous, signatures) = store.previous("mask.wasm").unwrap().unwrap();
        assert!(signatures.as_ref().unwrap().signer(&signer, &previous.digest).is_some());
        store.restore(&Incoming { signatures, ..incoming(&previous.bytes) }).unwrap();
        assert!(lock().admits("mask.wasm", &digest::of(b"one")).is_some());
        assert!(trust::read_signatures(&path).unwrap().unwrap().signer(&signer, &digest::of(b"one")).is_some());
        // An unsigned one leaves no signature that is not its own.
        store.deploy(&incoming(b"three"), Before::File).unwrap();
        assert_eq!(trust::read_signatures(&path).unwrap(), None);
    }

    #[test]
    fn a_lock_that_cannot_be_read_stops_the_change() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(trust::lock_file(dir.path()), "half").unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(matches!(store.deploy(&incoming(b"one"), Before::File), Err(StoreError::Untrusted(_))));
        assert!(!dir.path().join("mask.wasm").exists());
    }
}
