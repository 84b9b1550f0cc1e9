//! The key ring: secrets by name, and the keyed operations on whole columns that plugins ask for by that name.
//! It must not hand out, print or log a secret, and decides nothing about who may use which key.

use std::collections::BTreeMap;
use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use thiserror::Error;

type HmacSha256 = Hmac<Sha256>;

/// Least bytes of a secret: 256 bits, the strength of the hash built on it.
pub const SECRET_BYTES: usize = 32;
/// Bytes of one value's tag.
pub const TAG_BYTES: usize = 32;
/// Derived keys an instance keeps ready. Stops domains invented per record from growing without bound.
const DERIVED_KEYS: usize = 64;

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
    secrets: BTreeMap<String, Vec<u8>>,
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
        if secret.len() < SECRET_BYTES {
            return Err(KeyTooShort { name: name.to_owned(), bytes: secret.len() });
        }
        self.secrets.insert(name.to_owned(), secret);
        Ok(())
    }

    /// Whether there is a key of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.secrets.contains_key(name)
    }

    /// A public fingerprint that tells two secrets apart and says nothing else about them: HKDF-SHA-256 with empty
    /// salt and info `sluice/key-id`, 8 bytes in hex.
    pub fn key_id(&self, name: &str) -> Option<String> {
        use fmt::Write as _;
        let mut id = [0; 8];
        derive(self.secrets.get(name)?, &["sluice/key-id"], &mut id);
        Some(id.iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes any text");
            hex
        }))
    }
}

/// HKDF-SHA-256 (RFC 5869) with empty salt; `info` is given in pieces.
fn derive(secret: &[u8], info: &[&str], out: &mut [u8]) {
    let info: Vec<&[u8]> = info.iter().map(|part| part.as_bytes()).collect();
    Hkdf::<Sha256>::new(None, secret)
        .expand_multi_info(&info, out)
        .expect("HKDF-SHA-256 gives up to 8,160 bytes and nobody here asks for more than 32");
}

/// Why a keyed operation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The ring has no key of that name.
    UnknownKey,
    /// Ends that do not ascend or do not fit the data.
    Malformed,
}

/// Derived keys with their first hash block done, kept per instance so that no lane waits for another.
#[derive(Default)]
pub(super) struct Derived {
    ready: Vec<(String, String, HmacSha256)>,
}

impl Derived {
    /// HMAC-SHA-256 (RFC 2104) of every value, back to back, under the key derived for `domain` by HKDF-SHA-256
    /// (empty salt, info `sluice/hmac/<domain>`).
    pub(super) fn hmac_sha256(&mut self, ring: &KeyRing, key: &str, domain: &str, ends: &[u32], data: &[u8]) -> Result<Vec<u8>, Refusal> {
        let keyed = self.keyed(ring, key, domain)?;
        let mut tags = Vec::with_capacity(ends.len() * TAG_BYTES);
        let mut start = 0;
        for &end in ends {
            let end = end as usize;
            let value = data.get(start..end).ok_or(Refusal::Malformed)?;
            let mut mac = keyed.clone();
            mac.update(value);
            tags.extend_from_slice(&mac.finalize().into_bytes());
            start = end;
        }
        if start != data.len() {
            return Err(Refusal::Malformed);
        }
        Ok(tags)
    }

    fn keyed(&mut self, ring: &KeyRing, key: &str, domain: &str) -> Result<&HmacSha256, Refusal> {
        let known = self.ready.iter().position(|(k, d, _)| k == key && d == domain);
        let i = match known {
            Some(i) => i,
            None => {
                let secret = ring.secrets.get(key).ok_or(Refusal::UnknownKey)?;
                let mut derived = [0; 32];
                derive(secret, &["sluice/hmac/", domain], &mut derived);
                let keyed = HmacSha256::new_from_slice(&derived).expect("HMAC takes keys of any length");
                if self.ready.len() == DERIVED_KEYS {
                    self.ready.clear();
                }
                self.ready.push((key.to_owned(), domain.to_owned(), keyed));
                self.ready.len() - 1
            }
        };
        Ok(&self.ready[i].2)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    fn ring(secret: &[u8]) -> KeyRing {
        let mut ring = KeyRing::new();
        ring.add("pii", secret.to_vec()).unwrap();
        ring
    }

    #[test]
    fn hmac_answers_the_vectors_of_rfc_4231() {
        let cases = [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, tag) in cases {
            let mut derived = Derived::default();
            let keyed = HmacSha256::new_from_slice(&key).unwrap();
            derived.ready.push(("k".into(), "d".into(), keyed));
            let ends = [0, message.len() as u32];
            let tags = derived.hmac_sha256(&KeyRing::new(), "k", "d", &ends, &message).unwrap();
            assert_eq!(tags[TAG_BYTES..], unhex(tag));
        }
    }

    #[test]
    fn derivation_answers_the_vectors_of_rfc_5869() {
        // Test case 3: empty salt and info, as every derivation here has an empty salt.
        let mut out = [0; 42];
        derive(&[0x0b; 22], &[], &mut out);
        let okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(out.to_vec(), unhex(okm));
    }

    #[test]
    fn a_domain_is_the_info_of_its_own_key() {
        let ring = ring(&[7; 32]);
        let mut derived = Derived::default();
        let tag = derived.hmac_sha256(&ring, "pii", "default", &[5], b"alice").unwrap();
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, &[7; 32]).expand(b"sluice/hmac/default", &mut key).unwrap();
        let mut mac = HmacSha256::new_from_slice(&key).unwrap();
        mac.update(b"alice");
        assert_eq!(tag, mac.finalize().into_bytes().to_vec());
        let other = derived.hmac_sha256(&ring, "pii", "other", &[5], b"alice").unwrap();
        assert_ne!(tag, other);
    }

    #[test]
    fn ends_must_fit_the_data() {
        let ring = ring(&[7; 32]);
        let cases: [(&[u32], &[u8]); 4] = [(&[3, 2], b"abc"), (&[4], b"abc"), (&[2], b"abc"), (&[], b"a")];
        for (ends, data) in cases {
            let got = Derived::default().hmac_sha256(&ring, "pii", "default", ends, data);
            assert_eq!(got, Err(Refusal::Malformed), "{ends:?}");
        }
        let got = Derived::default().hmac_sha256(&ring, "nope", "default", &[], b"");
        assert_eq!(got, Err(Refusal::UnknownKey));
    }

    #[test]
    fn ready_keys_are_bounded() {
        let ring = ring(&[7; 32]);
        let mut derived = Derived::default();
        for i in 0..200 {
            derived.hmac_sha256(&ring, "pii", &i.to_string(), &[], b"").unwrap();
        }
        assert!(derived.ready.len() <= DERIVED_KEYS);
    }

    #[test]
    fn secrets_stay_secret() {
        let mut ring = ring(b"0123456789abcdef0123456789abcdef");
        assert_eq!(format!("{ring:?}"), r#"{"pii": "***"}"#);
        assert_eq!(ring.add("s", vec![1; 31]), Err(KeyTooShort { name: "s".into(), bytes: 31 }));
        assert_eq!(ring.key_id("pii").unwrap().len(), 16);
        assert_ne!(ring.key_id("pii"), super::tests::ring(&[7; 32]).key_id("pii"));
        assert_eq!(ring.key_id("s"), None);
    }
}
