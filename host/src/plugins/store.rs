//! Changes the plugin directory, each file whole or not at all: a new component in, the one before it kept, and back
//! again. It must not judge what it writes; whoever calls has.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::directory::{self, Component, ReadError};
use super::lock::{Entry, Lock};
use super::signature::Signatures;
use super::trust::{self, Untrusted};
use crate::plugin::digest::Digest;

/// Where the component before the present one is kept, below the plugin directory. Hidden: nothing in it is a plugin.
const PREVIOUS: &str = ".previous";

/// What the names of drafts begin and end with; what is between is chance, so that nobody can wait there with a link.
const DRAFT: (&str, &str) = (".sluice-", ".part");

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
    lock: PathBuf,
    /// Unlocked when it is closed.
    _busy: File,
}

impl Store {
    /// Takes hold of the directory whose lock is in `lock`, and clears away what a killed command left half written.
    pub fn open(dir: &Path, lock: &Path) -> Result<Self, StoreError> {
        let path = dir.join(BUSY);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let busy = OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags).open(&path);
        let busy = busy.map_err(io("open", &path))?;
        match busy.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(StoreError::Busy(dir.to_owned())),
            Err(fs::TryLockError::Error(error)) => return Err(io("lock", &path)(error)),
        }
        let store = Self { dir: dir.to_owned(), lock: lock.to_owned(), _busy: busy };
        store.sweep(dir)?;
        if store.has_kept()? {
            store.sweep(&dir.join(PREVIOUS))?;
        }
        Ok(store)
    }

    /// Removes drafts: whoever wrote one held the directory, and is gone.
    fn sweep(&self, dir: &Path) -> Result<(), StoreError> {
        for entry in fs::read_dir(dir).map_err(io("read", dir))?.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(DRAFT.0) && name.ends_with(DRAFT.1)) {
                fs::remove_file(entry.path()).map_err(io("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Whether earlier components are kept: in a directory, never behind a link.
    fn has_kept(&self) -> Result<bool, StoreError> {
        let dir = self.dir.join(PREVIOUS);
        match fs::symlink_metadata(&dir) {
            Ok(meta) if meta.is_dir() => Ok(true),
            Ok(_) => Err(io("use", &dir)(io::Error::new(io::ErrorKind::NotADirectory, "it is a link or a file; remove it"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io("read", &dir)(error)),
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
        if !self.has_kept()? {
            return Ok(None);
        }
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
        self.put(&self.lock, lock.text().as_bytes())
    }

    fn place(&self, incoming: &Incoming<'_>, current: Option<&Component>) -> Result<(), StoreError> {
        let path = self.dir.join(&incoming.file);
        let beside = trust::signature_file(&path);
        let entry = Entry { name: incoming.name.clone(), file: incoming.file.clone(), digest: incoming.digest };
        let mut lock = trust::read_lock(&self.lock)?;
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
        if !self.has_kept()? {
            fs::create_dir(&dir).map_err(io("create", &dir))?;
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

    /// Writes a file under a new hidden name, forces it to the disk, and renames it into place. Neither step follows a
    /// link: the draft is made where nothing was, and the rename takes the place of a link itself.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (first, last) = DRAFT;
        let readable = fs::Permissions::from_mode(0o644);
        let written = (|| {
            let mut file = tempfile::Builder::new().prefix(first).suffix(last).permissions(readable).tempfile_in(dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            // The name itself lasts only once its directory is on the disk.
            File::open(dir)?.sync_all()
        })();
        written.map_err(io("write", path))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::plugin::digest;
    use crate::plugins::signature::SecretKey;

    fn open(dir: &Path) -> Result<Store, StoreError> {
        Store::open(dir, &trust::lock_beside(dir))
    }

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
        let store = open(dir.path()).unwrap();
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
        assert!(matches!(open(dir.path()), Err(StoreError::Busy(_))));
        drop(store);
        assert!(open(dir.path()).is_ok());
    }

    #[test]
    fn the_embedded_one_is_kept_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path()).unwrap();
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
        let store = open(dir.path()).unwrap();
        store.write_lock(&Lock::default()).unwrap();
        store.deploy(&signed(b"one"), Before::File).unwrap();
        store.deploy(&signed(b"two"), Before::File).unwrap();
        let lock = || trust::read_lock(&trust::lock_beside(dir.path())).unwrap().unwrap();
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
    fn no_link_is_followed() {
        let (dir, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (victim, path) = (away.path().join("victim"), dir.path().join("mask.wasm"));
        fs::write(&victim, b"untouched").unwrap();
        let untouched = || assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        // Where a draft would stand if its name could be guessed, and where the lock stands.
        symlink(&victim, dir.path().join(format!(".mask.wasm.{}.part", std::process::id()))).unwrap();
        symlink(&victim, trust::lock_beside(dir.path())).unwrap();
        let store = open(dir.path()).unwrap();
        assert!(store.deploy(&incoming(b"one"), Before::File).is_err(), "a lock that is a link admits nothing");
        store.write_lock(&Lock::default()).unwrap();
        store.deploy(&incoming(b"one"), Before::File).unwrap();
        untouched();
        // Earlier components are not put behind a link, nor taken from there.
        symlink(away.path(), dir.path().join(PREVIOUS)).unwrap();
        assert!(store.deploy(&incoming(b"two"), Before::File).is_err());
        assert!(store.previous("mask.wasm").is_err());
        assert_eq!((fs::read(&path).unwrap(), names(away.path())), (b"one".to_vec(), vec!["victim".to_owned()]));
        drop(store);
        fs::remove_file(dir.path().join(BUSY)).unwrap();
        symlink(&victim, dir.path().join(BUSY)).unwrap();
        assert!(open(dir.path()).is_err());
        untouched();
    }

    #[test]
    fn a_killed_command_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(PREVIOUS)).unwrap();
        let drafts = [dir.path().join(".sluice-x1.part"), dir.path().join(".previous/.sluice-x2.part")];
        let mine = dir.path().join(".upload.part");
        drafts.iter().chain([&mine]).for_each(|path| fs::write(path, b"half").unwrap());
        open(dir.path()).unwrap();
        assert!(mine.exists() && !drafts.iter().any(|draft| draft.exists()));
    }

    #[test]
    fn the_lock_may_stand_elsewhere() {
        let (dir, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lock = away.path().join("sluice.lock");
        let store = Store::open(dir.path(), &lock).unwrap();
        store.write_lock(&Lock::default()).unwrap();
        store.deploy(&incoming(b"one"), Before::File).unwrap();
        store.deploy(&incoming(b"two"), Before::File).unwrap();
        let listed = trust::read_lock(&lock).unwrap().unwrap();
        assert!(listed.admits("mask.wasm", &digest::of(b"two")).is_some() && listed.once_admitted("mask.wasm", &digest::of(b"one")));
        assert!(!trust::lock_beside(dir.path()).exists());
    }

    #[test]
    fn a_lock_that_cannot_be_read_stops_the_change() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(trust::lock_beside(dir.path()), "half").unwrap();
        let store = open(dir.path()).unwrap();
        assert!(matches!(store.deploy(&incoming(b"one"), Before::File), Err(StoreError::Untrusted(_))));
        assert!(!dir.path().join("mask.wasm").exists());
    }
}
