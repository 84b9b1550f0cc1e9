//! The key ring: secrets by name, each with those that it replaced, and the keys derived from them. It must not hand
//! out, print or log a secret, and decides nothing about who may use which key.
//!
//! One file an operation, the same for plugins ([`column`] does whole columns, with derived keys kept ready) and for the
//! program itself, which alone opens what was sealed ([`open`]).

pub(super) mod column;
pub mod ff1;
pub mod gcm_siv;
mod hmac;
pub mod open;
mod ready;
pub mod siv;

use std::collections::BTreeMap;
use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use thiserror::Error;

pub use ff1::Ff1;
pub use gcm_siv::{Coordinates, GcmSiv};
pub use open::{OpenError, Opener};
pub use siv::Siv;

/// Least bytes of a secret: 256 bits, the strength of the hash built on it.
pub const SECRET_BYTES: usize = 32;
/// Most bytes of a domain. Stops a guest that invents domains from filling the host's memory with them.
pub const DOMAIN_BYTES: usize = 256;

/// A secret that is too short to be one.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("cannot use key {name}: it has {bytes} bytes and needs at least {SECRET_BYTES}; make one with `openssl rand -hex 32`")]
pub struct KeyTooShort {
    /// The key's name in the configuration.
    pub name: String,
    /// Its length.
    pub bytes: usize,
}

/// Secrets by name. One ring serves all instances of a process and never changes.
#[derive(Default)]
pub struct KeyRing {
    /// The current secret of each name first, then those that it replaced.
    secrets: BTreeMap<String, Vec<Vec<u8>>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.secrets.keys().map(|name| (name, "***"))).finish()
    }
}

impl KeyRing {
    /// A ring without keys.
    pub fn new() -> Self {
        KeyRing::default()
    }

    /// Adds a secret; one of the same name is replaced.
    pub fn add(&mut self, name: &str, secret: Vec<u8>) -> Result<(), KeyTooShort> {
        self.add_rotated(name, secret, Vec::new())
    }

    /// Adds a secret with those that it replaced: everything new is made under `current`, the others only open what was
    /// made under them. A key of the same name is replaced.
    pub fn add_rotated(&mut self, name: &str, current: Vec<u8>, previous: Vec<Vec<u8>>) -> Result<(), KeyTooShort> {
        let mut secrets = vec![current];
        secrets.extend(previous);
        if let Some(short) = secrets.iter().find(|secret| secret.len() < SECRET_BYTES) {
            return Err(KeyTooShort { name: name.to_owned(), bytes: short.len() });
        }
        self.secrets.insert(name.to_owned(), secrets);
        Ok(())
    }

    /// Whether there is a key of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.secrets.contains_key(name)
    }

    /// The public fingerprint of the current secret of that name: see [`Secret::id`].
    pub fn key_id(&self, name: &str) -> Option<String> {
        self.current(name).map(Secret::id)
    }

    /// The secret of that name that new values are made under.
    pub fn current(&self, name: &str) -> Option<Secret<'_>> {
        self.versions(name).next()
    }

    /// All secrets of that name, the current one first, then those that it replaced, in the order of the configuration.
    pub fn versions(&self, name: &str) -> impl Iterator<Item = Secret<'_>> {
        self.secrets.get(name).into_iter().flatten().map(|secret| Secret(secret))
    }

    /// The secret with that fingerprint, current or replaced, whatever its name.
    pub fn by_id(&self, id: &str) -> Option<Secret<'_>> {
        self.secrets.values().flatten().map(|secret| Secret(secret)).find(|secret| secret.id() == id)
    }
}

/// A secret of the ring, to derive keys from. It cannot be read or printed.
#[derive(Clone, Copy)]
pub struct Secret<'r>(&'r [u8]);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Secret<'_> {
    /// A public fingerprint that tells two secrets apart and says nothing else about them: HKDF-SHA-256 with empty
    /// salt and info `sluice/key-id`, 8 bytes in hex.
    pub fn id(self) -> String {
        use fmt::Write as _;
        let id: [u8; 8] = self.derive(&["sluice/key-id"]);
        id.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes any text");
            hex
        })
    }

    /// HKDF-SHA-256 (RFC 5869) with empty salt; `info` is given in pieces.
    fn derive<const N: usize>(self, info: &[&str]) -> [u8; N] {
        const { assert!(N <= 64, "HKDF-SHA-256 gives up to 8,160 bytes, and nobody here needs more than 64") };
        let info: Vec<&[u8]> = info.iter().map(|part| part.as_bytes()).collect();
        let mut out = [0; N];
        Hkdf::<Sha256>::new(None, self.0).expand_multi_info(&info, &mut out).expect("N is below what HKDF gives");
        out
    }
}

/// Why a keyed operation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The ring has no key of that name.
    #[error("there is no such key")]
    UnknownKey,
    /// So short a value over so small an alphabet is one of fewer than a million.
    #[error("the value is one of fewer than a million of its length and alphabet")]
    DomainTooSmall,
    /// Ends, rows, an alphabet, a domain or a value that is not what the contract says.
    #[error("the values are not in form")]
    Malformed,
}

#[cfg(test)]
mod tests;
