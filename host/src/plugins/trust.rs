//! Who says that a component may run: nobody, `plugins.lock`, or a signature. Asked of the bytes that will be compiled,
//! before they are. It must not load anything.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::directory::{self, ReadError};
use super::lock::{self, Lock};
use super::signature::{PublicKey, Signatures};
use crate::config::plan::{self, Trust};
use crate::plugin::digest::{self, Digest};
use crate::plugin::embedded;

/// Largest lock or signature file, bytes. Stops one that takes minutes to read.
const TEXT_BYTES: usize = 1 << 20;

/// What stands behind a component's name for its signatures.
const SIGNATURE_SUFFIX: &str = "sig";

/// A component that is not trusted, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// `trust: locked`, and there is no lock.
    #[error("plugins.trust is locked and there is no {}; make one with sluice plugin lock", .0.display())]
    NoLock(PathBuf),
    /// The lock cannot be used; it admits nothing.
    #[error("cannot use {}: {why}", lock.display())]
    Lock {
        /// The lock.
        lock: PathBuf,
        /// Why.
        why: String,
    },
    /// Anybody could have written the lock.
    #[error("cannot trust {}: {why}; put it where only its owner may write, with plugins.lock", lock.display())]
    Exposed {
        /// The lock.
        lock: PathBuf,
        /// Why.
        why: String,
    },
    /// The lock never listed the file with this digest.
    #[error(
        "its sha-256 {} was never in {}, so there is no going back to it; deploy it with sluice plugin deploy, if it is the one you mean",
        digest::hex(digest),
        lock.display()
    )]
    NeverLocked {
        /// What it is.
        digest: Digest,
        /// The lock.
        lock: PathBuf,
    },
    /// The lock does not list the file with this digest.
    #[error("its sha-256 {} is not in {}; deploy it with sluice plugin deploy", digest::hex(digest), lock.display())]
    NotLocked {
        /// What it is.
        digest: Digest,
        /// The lock.
        lock: PathBuf,
    },
    /// The lock lists the file, under another plugin's name.
    #[error("it calls itself {name}, and {} lists it as {listed}", lock.display())]
    OtherName {
        /// The name it gives itself.
        name: String,
        /// The name in the lock.
        listed: String,
        /// The lock.
        lock: PathBuf,
    },
    /// There is no signature file, or it cannot be used.
    #[error("plugins.trust is signed and {} {why}", file.display())]
    Signature {
        /// The signature file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// No signer of the configuration signed these bytes.
    #[error("none of plugins.signers signed it (sha-256 {}) in {}", digest::hex(digest), file.display())]
    NotSigned {
        /// What it is.
        digest: Digest,
        /// The signature file.
        file: PathBuf,
    },
}

/// Where the signatures of a component stand.
pub fn signature_file(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".");
    name.push(SIGNATURE_SUFFIX);
    name.into()
}

/// Where the lock of a plugin directory stands unless the configuration says otherwise.
pub fn lock_beside(dir: &Path) -> PathBuf {
    dir.join(lock::FILE)
}

/// The plugin directory of a configuration, and where its lock stands.
pub fn places(plugins: &plan::Plugins) -> Option<(PathBuf, PathBuf)> {
    let dir = plugins.dir.clone()?;
    let lock = plugins.lock.clone().unwrap_or_else(|| lock_beside(&dir));
    Some((dir, lock))
}

/// The plugin directory, where whoever may write it decides what masks.
pub fn open_directory(plugins: &plan::Plugins) -> Option<&Path> {
    plugins.dir.as_deref().filter(|_| plugins.trust == Trust::Open)
}

/// A lock; none where there is no file.
pub fn read_lock(file: &Path) -> Result<Option<Lock>, Untrusted> {
    let failed = |why: String| Untrusted::Lock { lock: file.to_owned(), why };
    let text = directory::text(file, TEXT_BYTES).map_err(|error| failed(error.to_string()))?;
    text.map(|text| Lock::parse(&text).map_err(|error| failed(error.to_string()))).transpose()
}

/// Who beside its owner may change a lock, and so decide what runs: a sentence where that is a group, an error where it is
/// everybody. Looks at the file and the directory that it stands in, not above.
pub fn exposure(lock: &Path) -> Result<Option<String>, Untrusted> {
    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    const STICKY: u32 = 0o1000;
    let dir = lock.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let exposed = |why: &str| Err(Untrusted::Exposed { lock: lock.to_owned(), why: why.to_owned() });
    // Where there is no directory, there is no lock either, which is said elsewhere.
    let Ok(around) = std::fs::metadata(dir) else { return Ok(None) };
    let file = std::fs::symlink_metadata(lock).ok();
    let of_everybody = around.mode() & OTHERS != 0;
    if of_everybody && around.mode() & STICKY == 0 {
        return exposed("everybody may write the directory that it stands in");
    }
    if let Some(file) = &file {
        if file.mode() & OTHERS != 0 {
            return exposed("everybody may write it");
        }
        // In a directory like /tmp whoever comes first makes it.
        if of_everybody && file.uid() != 0 && file.uid() != rustix::process::geteuid().as_raw() {
            return exposed("it belongs to another user, in a directory that everybody may write");
        }
    }
    let of_group = around.mode() & GROUP != 0 || file.is_some_and(|file| file.mode() & GROUP != 0);
    Ok((of_group || of_everybody).then(|| format!("others than its owner may write {} or its directory", lock.display())))
}

/// The signatures beside a component; none where there is no file.
pub fn read_signatures(component: &Path) -> Result<Option<Signatures>, Untrusted> {
    let file = signature_file(component);
    let failed = |why: String| Untrusted::Signature { file: file.clone(), why: format!("cannot be used: {why}") };
    let text = directory::text(&file, TEXT_BYTES).map_err(|error: ReadError| failed(error.to_string()))?;
    text.map(|text| Signatures::parse(&text).map_err(|error| failed(error.to_string()))).transpose()
}

/// The rule of one configuration, with the lock as it was when this was made.
pub struct Gate<'c> {
    trust: &'c Trust,
    file: PathBuf,
    lock: Option<Lock>,
}

/// A component that passed; says what its plugin has to call itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    named: Option<String>,
}

impl<'c> Gate<'c> {
    /// Reads the lock, where one is needed. One that cannot be read, or that everybody could have written, is an error: it
    /// would admit nothing.
    pub fn open(trust: &'c Trust, lock: &Path) -> Result<Self, Untrusted> {
        let file = lock.to_owned();
        if *trust != Trust::Locked {
            return Ok(Self { trust, file, lock: None });
        }
        exposure(lock)?;
        Ok(Self { trust, file, lock: read_lock(lock)? })
    }

    /// Whether the component in `file`, whose bytes have this digest, may be compiled and run. `file` need not be in the
    /// plugin directory: it is known by its name.
    pub fn admits(&self, file: &Path, digest: &Digest) -> Result<Pass, Untrusted> {
        match self.trust {
            Trust::Open => Ok(Pass { named: None }),
            Trust::Locked => {
                let entry = self.lock()?.admits(file_name(file), digest);
                let entry = entry.ok_or_else(|| Untrusted::NotLocked { digest: *digest, lock: self.file.clone() })?;
                Ok(Pass { named: Some(entry.name.clone()) })
            }
            // What is inside the program is part of it, wherever it stands.
            Trust::Signed { .. } if is_of_the_program(digest) => Ok(Pass { named: None }),
            Trust::Signed { signers } => {
                let beside = signature_file(file);
                let found = read_signatures(file)?;
                let found = found.ok_or_else(|| Untrusted::Signature {
                    file: beside.clone(),
                    why: "does not exist; sign it with sluice plugin sign".into(),
                })?;
                signed(&found, signers, digest)
                    .then_some(Pass { named: None })
                    .ok_or(Untrusted::NotSigned { digest: *digest, file: beside })
            }
        }
    }

    /// Whether a component that was replaced may come back. A lock lists what is in force: what it listed before may
    /// return, and what it never did may not, whoever put it where earlier components are kept.
    pub fn readmits(&self, file: &Path, digest: &Digest) -> Result<(), Untrusted> {
        if *self.trust != Trust::Locked {
            return self.admits(file, digest).map(drop);
        }
        if self.lock()?.once_admitted(file_name(file), digest) || is_of_the_program(digest) {
            return Ok(());
        }
        Err(Untrusted::NeverLocked { digest: *digest, lock: self.file.clone() })
    }

    fn lock(&self) -> Result<&Lock, Untrusted> {
        self.lock.as_ref().ok_or_else(|| Untrusted::NoLock(self.file.clone()))
    }

    /// Whether a plugin that passed calls itself what it has to.
    pub fn names(&self, pass: &Pass, name: &str) -> Result<(), Untrusted> {
        match &pass.named {
            Some(listed) if listed != name => {
                Err(Untrusted::OtherName { name: name.to_owned(), listed: listed.clone(), lock: self.file.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Whether the lock says that a plugin of that name comes from the directory: then the embedded one is no stand-in.
    pub fn claims(&self, name: &str) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.names(name))
    }

    /// The name that the lock gives a file.
    pub fn name_of(&self, file: &Path) -> Option<&str> {
        self.lock.as_ref()?.name_of(file_name(file))
    }
}

fn file_name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn is_of_the_program(digest: &Digest) -> bool {
    embedded::names().filter_map(embedded::component).any(|own| digest::of(own) == *digest)
}

fn signed(found: &Signatures, signers: &[PublicKey], digest: &Digest) -> bool {
    found.signer(signers, digest).is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::plugins::signature::SecretKey;

    const ONE: &[u8] = b"component one";

    fn said(gate: &Gate<'_>, file: &Path) -> String {
        gate.admits(file, &digest::of(ONE)).map_or_else(|error| error.to_string(), |pass| format!("{pass:?}"))
    }

    #[test]
    fn open_admits_whatever_is_there() {
        let dir = tempfile::tempdir().unwrap();
        // Even beside a lock that nobody can read.
        fs::write(lock_beside(dir.path()), "nonsense").unwrap();
        let gate = Gate::open(&Trust::Open, &lock_beside(dir.path())).unwrap();
        assert_eq!(gate.admits(&dir.path().join("a.wasm"), &digest::of(ONE)).unwrap(), Pass { named: None });
    }

    #[test]
    fn locked_admits_what_the_lock_lists() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wasm");
        let gate = Gate::open(&Trust::Locked, &lock_beside(dir.path())).unwrap();
        assert!(said(&gate, &file).contains("there is no"), "{}", said(&gate, &file));

        let digest = digest::of(ONE);
        fs::write(lock_beside(dir.path()), format!("{}  mask  a.wasm\n", digest::hex(&digest))).unwrap();
        let gate = Gate::open(&Trust::Locked, &lock_beside(dir.path())).unwrap();
        let pass = gate.admits(&file, &digest).unwrap();
        assert!(gate.names(&pass, "mask").is_ok() && gate.claims("mask") && !gate.claims("a"));
        let got = gate.names(&pass, "filter").unwrap_err().to_string();
        assert!(got.starts_with("it calls itself filter, and ") && got.ends_with("lists it as mask"), "{got}");
        for (file, content) in [("b.wasm", ONE), ("a.wasm", &b"component two"[..])] {
            let got = gate.admits(&dir.path().join(file), &digest::of(content));
            assert!(matches!(got, Err(Untrusted::NotLocked { .. })), "{file}");
        }
        // It stays as it was read until somebody reads it anew; one that cannot be read admits nothing.
        fs::write(lock_beside(dir.path()), "half a line").unwrap();
        assert!(gate.admits(&file, &digest).is_ok());
        assert!(matches!(Gate::open(&Trust::Locked, &lock_beside(dir.path())), Err(Untrusted::Lock { .. })));
    }

    #[test]
    fn a_lock_that_everybody_may_write_admits_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (lock, away) = (lock_beside(dir.path()), dir.path().join("away/plugins.lock"));
        fs::create_dir(dir.path().join("away")).unwrap();
        let digest = digest::of(ONE);
        for lock in [&lock, &away] {
            fs::write(lock, format!("{}  mask  a.wasm\n", digest::hex(&digest))).unwrap();
        }
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let opens = |lock: &Path| Gate::open(&Trust::Locked, lock).map(|gate| gate.admits(&dir.path().join("a.wasm"), &digest).is_ok());
        for (around, own, want) in [
            (0o755, 0o644, Some(false)),
            (0o775, 0o644, Some(true)),
            (0o755, 0o664, Some(true)),
            (0o1777, 0o644, Some(true)),
            (0o777, 0o644, None),
            (0o755, 0o666, None),
        ] {
            chmod(dir.path(), around);
            chmod(&lock, own);
            let warned = exposure(&lock).ok().map(|warning| warning.is_some());
            assert_eq!(warned, want, "{around:o} {own:o}");
            assert_eq!(opens(&lock).ok(), want.map(|_| true), "{around:o} {own:o}");
        }
        // The directory of the components is no matter where the lock is elsewhere.
        chmod(dir.path(), 0o777);
        assert!(matches!(opens(&lock), Err(Untrusted::Exposed { .. })));
        assert_eq!(opens(&away).ok(), Some(true));
    }

    #[test]
    fn a_lock_lets_nothing_return_that_it_never_listed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, lock) = (dir.path().join(".previous/a.wasm"), lock_beside(dir.path()));
        let entry = |content: &[u8]| lock::Entry { name: "mask".into(), file: "a.wasm".into(), digest: digest::of(content) };
        let mut listed = Lock::default();
        listed.set(entry(b"first"));
        listed.set(entry(ONE));
        fs::write(&lock, listed.text()).unwrap();
        let gate = Gate::open(&Trust::Locked, &lock).unwrap();
        for content in [&b"first"[..], ONE, embedded::component("mask").unwrap()] {
            assert!(gate.readmits(&file, &digest::of(content)).is_ok());
        }
        assert!(matches!(gate.readmits(&file, &digest::of(b"planted")), Err(Untrusted::NeverLocked { .. })));
        assert!(matches!(gate.admits(&file, &digest::of(b"first")), Err(Untrusted::NotLocked { .. })), "it was; it is not");
        let open = Gate::open(&Trust::Open, &lock).unwrap();
        assert!(open.readmits(&file, &digest::of(b"planted")).is_ok());
    }

    #[test]
    fn signed_admits_what_a_known_key_signed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wasm");
        let (ours, other) = (SecretKey::of_seed(&[1; 32]), SecretKey::of_seed(&[2; 32]));
        let trust = Trust::Signed { signers: vec![ours.public()] };
        let gate = Gate::open(&trust, &lock_beside(dir.path())).unwrap();
        assert!(said(&gate, &file).contains("does not exist"), "{}", said(&gate, &file));
        let digest = digest::of(ONE);
        for (content, want) in [
            (other.sign(&digest).text(), "none of plugins.signers signed it"),
            (ours.sign(&digest::of(b"other")).text(), "none of plugins.signers signed it"),
            ("ed25519 half".to_owned(), "cannot be used: line 1"),
            (ours.sign(&digest).text(), "Pass"),
        ] {
            fs::write(signature_file(&file), content).unwrap();
            assert!(said(&gate, &file).contains(want), "{want}: {}", said(&gate, &file));
        }
    }
}
