//! Who says that a component may run: nobody, `plugins.lock`, or a signature. Asked of the bytes that will be compiled,
//! before they are. It must not load anything.

use std::path::{Path, PathBuf};

use super::directory::{self, ReadError};
use super::lock::{self, Lock};
use super::signature::{PublicKey, Signatures};
use crate::config::plan::Trust;
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

/// Where the lock of a plugin directory stands.
pub fn lock_file(dir: &Path) -> PathBuf {
    dir.join(lock::FILE)
}

/// The lock of a plugin directory; none where there is none.
pub fn read_lock(dir: &Path) -> Result<Option<Lock>, Untrusted> {
    let file = lock_file(dir);
    let failed = |why: String| Untrusted::Lock { lock: file.clone(), why };
    let text = directory::text(&file, TEXT_BYTES).map_err(|error| failed(error.to_string()))?;
    text.map(|text| Lock::parse(&text).map_err(|error| failed(error.to_string()))).transpose()
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
    dir: PathBuf,
    lock: Option<Lock>,
}

/// A component that passed; says what its plugin has to call itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    named: Option<String>,
}

impl<'c> Gate<'c> {
    /// Reads the lock, where one is needed. A lock that cannot be read is an error: it would admit nothing.
    pub fn open(trust: &'c Trust, dir: &Path) -> Result<Self, Untrusted> {
        let lock = if *trust == Trust::Locked { read_lock(dir)? } else { None };
        Ok(Self { trust, dir: dir.to_owned(), lock })
    }

    /// Whether the component in `file`, whose bytes have this digest, may be compiled and run. `file` need not be in the
    /// plugin directory: it is known by its name.
    pub fn admits(&self, file: &Path, digest: &Digest) -> Result<Pass, Untrusted> {
        match self.trust {
            Trust::Open => Ok(Pass { named: None }),
            Trust::Locked => {
                let lock = self.lock.as_ref().ok_or_else(|| Untrusted::NoLock(lock_file(&self.dir)))?;
                let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let entry =
                    lock.admits(name, digest).ok_or_else(|| Untrusted::NotLocked { digest: *digest, lock: lock_file(&self.dir) })?;
                Ok(Pass { named: Some(entry.name.clone()) })
            }
            // What is inside the program is part of it, wherever it stands.
            Trust::Signed { .. } if embedded::names().filter_map(embedded::component).any(|own| digest::of(own) == *digest) => {
                Ok(Pass { named: None })
            }
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

    /// Whether a plugin that passed calls itself what it has to.
    pub fn names(&self, pass: &Pass, name: &str) -> Result<(), Untrusted> {
        match &pass.named {
            Some(listed) if listed != name => {
                Err(Untrusted::OtherName { name: name.to_owned(), listed: listed.clone(), lock: lock_file(&self.dir) })
            }
            _ => Ok(()),
        }
    }

    /// Whether the lock says that a plugin of that name comes from the directory: then the embedded one is no stand-in.
    pub fn claims(&self, name: &str) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.names(name))
    }
}

fn signed(found: &Signatures, signers: &[PublicKey], digest: &Digest) -> bool {
    found.signer(signers, digest).is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::fs;

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
        fs::write(lock_file(dir.path()), "nonsense").unwrap();
        let gate = Gate::open(&Trust::Open, dir.path()).unwrap();
        assert_eq!(gate.admits(&dir.path().join("a.wasm"), &digest::of(ONE)).unwrap(), Pass { named: None });
    }

    #[test]
    fn locked_admits_what_the_lock_lists() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wasm");
        let gate = Gate::open(&Trust::Locked, dir.path()).unwrap();
        assert!(said(&gate, &file).contains("there is no"), "{}", said(&gate, &file));

        let digest = digest::of(ONE);
        fs::write(lock_file(dir.path()), format!("{}  mask  a.wasm\n", digest::hex(&digest))).unwrap();
        let gate = Gate::open(&Trust::Locked, dir.path()).unwrap();
        let pass = gate.admits(&file, &digest).unwrap();
        assert!(gate.names(&pass, "mask").is_ok() && gate.claims("mask") && !gate.claims("a"));
        let got = gate.names(&pass, "filter").unwrap_err().to_string();
        assert!(got.starts_with("it calls itself filter, and ") && got.ends_with("lists it as mask"), "{got}");
        for (file, content) in [("b.wasm", ONE), ("a.wasm", &b"component two"[..])] {
            let got = gate.admits(&dir.path().join(file), &digest::of(content));
            assert!(matches!(got, Err(Untrusted::NotLocked { .. })), "{file}");
        }
        // It stays as it was read until somebody reads it anew; one that cannot be read admits nothing.
        fs::write(lock_file(dir.path()), "half a line").unwrap();
        assert!(gate.admits(&file, &digest).is_ok());
        assert!(matches!(Gate::open(&Trust::Locked, dir.path()), Err(Untrusted::Lock { .. })));
    }

    #[test]
    fn signed_admits_what_a_known_key_signed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wasm");
        let (ours, other) = (SecretKey::of_seed(&[1; 32]), SecretKey::of_seed(&[2; 32]));
        let trust = Trust::Signed { signers: vec![ours.public()] };
        let gate = Gate::open(&trust, dir.path()).unwrap();
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
