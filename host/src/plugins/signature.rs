//! Signatures of components as lines of text: ed25519 (RFC 8032) over the SHA-256 of a file's bytes. It must not decide
//! who is trusted, and never shows a secret key.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::plugin::digest::{self, Digest};

/// What is signed begins so: a signature made for anything else is none for a plugin, and the other way round.
const CONTEXT: &[u8] = b"sluice plugin signature v1\0";

/// The one algorithm, as keys and signatures name it.
const ALGORITHM: &str = "ed25519";

/// What a secret key's text begins with, so that it is not mistaken for a public one.
const SECRET: &str = "ed25519-secret";

/// Signatures that one file may carry. Stops a file of signatures that takes minutes to check.
const MOST_LINES: usize = 64;

/// Somebody's public key: `ed25519:` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The other half. Prints as `***`; its bytes are wiped when it goes.
pub struct SecretKey(SigningKey);

/// What stands beside a component as `FILE.sig`: one signature a line, of several signers or of several versions of the
/// file, so that a file and its signature can be replaced one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures(Vec<(PublicKey, Signature)>);

/// A text that is no key or no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not a public key.
    #[error("it is not a public key: ed25519: and 64 hex digits, as sluice plugin keygen prints it")]
    Public,
    /// Not a secret key.
    #[error("it is not a secret key as sluice plugin keygen writes it")]
    Secret,
    /// Not a file of signatures.
    #[error("line {0} is not a signature: ed25519, the signer's key and the signature, in hex")]
    Line(usize),
    /// Too many lines.
    #[error("it has more than {MOST_LINES} signatures")]
    Many,
}

fn message(digest: &Digest) -> Vec<u8> {
    [CONTEXT, digest.as_slice()].concat()
}

impl PublicKey {
    /// Reads `ed25519:HEX`.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let hex = text.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(':')).ok_or(Malformed::Public)?;
        Self::of_hex(hex).ok_or(Malformed::Public)
    }

    fn of_hex(hex: &str) -> Option<Self> {
        let key = VerifyingKey::from_bytes(&digest::bytes(hex)?).ok()?;
        // Under a key of small order one signature fits many messages.
        (!key.is_weak()).then_some(Self(key))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}:{}", digest::hex(self.0.as_bytes()))
    }
}

impl SecretKey {
    /// The key of 32 bytes of chance.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads what [`SecretKey::text`] wrote; white space around it is not part of it.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let hex = text.trim().strip_prefix(SECRET).and_then(|rest| rest.strip_prefix(':')).ok_or(Malformed::Secret)?;
        digest::bytes(hex).map(|seed| Self::of_seed(&seed)).ok_or(Malformed::Secret)
    }

    /// As it is kept in a file that only its owner may read.
    pub fn text(&self) -> String {
        format!("{SECRET}:{}\n", digest::hex(self.0.as_bytes()))
    }

    /// The half that others may know.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the digest of a component.
    pub fn sign(&self, digest: &Digest) -> Signatures {
        Signatures(vec![(self.public(), self.0.sign(&message(digest)))])
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

impl Signatures {
    /// Reads a `.sig` file. Empty lines are none.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut all = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            if all.len() == MOST_LINES {
                return Err(Malformed::Many);
            }
            all.push(signature(line).ok_or(Malformed::Line(number + 1))?);
        }
        Ok(Self(all))
    }

    /// As it is kept in a file.
    pub fn text(&self) -> String {
        let line = |(key, signature): &(PublicKey, Signature)| {
            format!("{ALGORITHM} {} {}\n", digest::hex(key.0.as_bytes()), digest::hex(&signature.to_bytes()))
        };
        self.0.iter().map(line).collect()
    }

    /// Adds those of `other` that are not here yet, up to what a file may carry.
    pub fn add(&mut self, other: &Self) {
        for one in &other.0 {
            if !self.0.contains(one) && self.0.len() < MOST_LINES {
                self.0.push(one.clone());
            }
        }
    }

    /// The first of `signers` whose signature over `digest` is here. A signature of anybody else counts for nothing.
    pub fn signer<'k>(&self, signers: &'k [PublicKey], digest: &Digest) -> Option<&'k PublicKey> {
        let message = message(digest);
        signers
            .iter()
            .find(|signer| self.0.iter().any(|(key, signature)| key == *signer && key.0.verify_strict(&message, signature).is_ok()))
    }
}

fn signature(line: &str) -> Option<(PublicKey, Signature)> {
    let mut words = line.split_whitespace();
    let (algorithm, key, signature) = (words.next()?, words.next()?, words.next()?);
    let signature = Signature::from_bytes(&digest::bytes(signature)?);
    (algorithm == ALGORITHM && words.next().is_none()).then_some((PublicKey::of_hex(key)?, signature))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::of_seed(&[seed; 32])
    }

    #[test]
    fn only_a_trusted_signer_over_the_very_bytes_counts() {
        let (ours, other) = (key(1), key(2));
        let signers = [other.public(), ours.public()];
        let digest = digest::of(b"component");
        let mut signed = ours.sign(&digest);
        assert_eq!(signed.signer(&signers, &digest), Some(&ours.public()));
        assert_eq!(signed.signer(&signers[..1], &digest), None, "somebody else's");
        assert_eq!(signed.signer(&signers, &digest::of(b"component.")), None, "another file's");
        assert_eq!(Signatures::default().signer(&signers, &digest), None);
        // Under the signer's name, made by another: a name proves nothing.
        let forged = Signatures(vec![(ours.public(), other.sign(&digest).0[0].1)]);
        assert_eq!(forged.signer(&signers, &digest), None);
        signed.add(&other.sign(&digest));
        assert_eq!(signed.signer(&signers, &digest), Some(&other.public()), "in the order of the signers");
    }

    #[test]
    fn the_signed_bytes_are_written_down() {
        // RFC 8032 over `sluice plugin signature v1`, a NUL and the digest: any tool can make one.
        let digest = digest::of(b"");
        assert_eq!(message(&digest).len(), 27 + 32);
        let text = key(7).sign(&digest).text();
        assert_eq!(text, format!("ed25519 {} {}\n", &VECTOR[..64], &VECTOR[64..]));
    }

    /// Public key and signature, computed independently with OpenSSL (`openssl pkeyutl -sign -rawin`), key of 32 bytes 7.
    const VECTOR: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c6d6d9b4ce3f820eaf13bce84a0599098137a4b589c350eade1c2bdd92f43d49f82682ae2b85ee68fd1d2164900003b629ec17f8ea68b50414a8307ececb35a0e";

    #[test]
    fn texts_read_back_and_strangers_are_refused() {
        let digest = digest::of(b"x");
        let mut signed = key(1).sign(&digest);
        signed.add(&key(2).sign(&digest));
        signed.add(&key(2).sign(&digest));
        assert_eq!(signed.0.len(), 2);
        assert_eq!(Signatures::parse(&format!("\n{}\n", signed.text())), Ok(signed.clone()));
        let public = key(1).public();
        assert_eq!(PublicKey::parse(&public.to_string()), Ok(public.clone()));
        assert_eq!(SecretKey::parse(&key(1).text()).unwrap().public(), public);
        assert_eq!(format!("{:?}", key(1)), "SecretKey(***)");

        let hex = digest::hex(public.0.as_bytes());
        let zero = "0".repeat(64);
        for text in ["", "ed25519:", "ed25519:ab", &hex, &format!("rsa:{hex}"), &format!("ed25519:{hex}0"), &format!("ed25519:{zero}")] {
            assert_eq!(PublicKey::parse(text), Err(Malformed::Public), "{text}");
        }
        for text in [public.to_string(), "ed25519-secret:00".into(), String::new()] {
            assert_eq!(SecretKey::parse(&text).err(), Some(Malformed::Secret));
        }
        let good = signed.text().lines().next().unwrap().to_owned();
        for (text, line) in [("x".into(), 1), (format!("{good}\n{good} more"), 2), (good.replace("ed25519 ", "ed448 "), 1)] {
            assert_eq!(Signatures::parse(&text), Err(Malformed::Line(line)));
        }
        assert_eq!(Signatures::parse(&format!("{good}\n").repeat(MOST_LINES + 1)), Err(Malformed::Many));
    }
}
