//! Encryption under which equal values look different in different records, yet a replay gives the same bytes: the nonce
//! is made of where the value stands. It must not take a nonce from chance or from a clock.

use aes_gcm_siv::aead::{Aead, AeadInOut};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit};

use super::hmac::Keyed;
use super::open::OpenError;
use super::{Refusal, Secret};

/// Bytes of the nonce, which an encrypted value begins with.
pub const NONCE_BYTES: usize = 12;
/// Bytes of the tag, which an encrypted value ends with.
pub const TAG_BYTES: usize = 16;

/// Where a column stands: what all nonces of one call have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coordinates<'a> {
    /// Name of the source cluster in the configuration.
    pub cluster: &'a str,
    /// The source topic.
    pub topic: &'a str,
    /// The source partition.
    pub partition: i32,
    /// The step in its pipeline, counted from 0.
    pub step: u32,
    /// The field in its step.
    pub field: u32,
}

/// AES-256-GCM-SIV (RFC 8452) without associated data. Where a nonce is used for two values after all, it shows whether
/// they are equal and nothing else.
pub struct GcmSiv {
    cipher: Aes256GcmSiv,
    nonces: Keyed,
}

/// What makes the nonces of one column.
pub struct Nonces {
    keyed: Keyed,
    /// What the column's messages begin with.
    place: usize,
    /// That, and the last value's place in it.
    message: Vec<u8>,
}

impl GcmSiv {
    /// Under keys derived by HKDF-SHA-256 with the infos `sluice/gcm-siv/<domain>` and, for the nonces,
    /// `sluice/gcm-siv-nonce/<domain>`.
    pub fn derive(secret: Secret<'_>, domain: &str) -> Self {
        let nonces = Keyed::of_key(&secret.derive::<32>(&["sluice/gcm-siv-nonce/", domain]));
        GcmSiv { cipher: Aes256GcmSiv::new(&secret.derive::<32>(&["sluice/gcm-siv/", domain]).into()), nonces }
    }

    /// The nonces of a column that stands there.
    pub fn nonces(&self, at: &Coordinates<'_>) -> Nonces {
        let mut message = Vec::new();
        for name in [at.cluster, at.topic] {
            // Lengths first, so that no two names together read as another two.
            message.extend_from_slice(&(name.len() as u32).to_be_bytes());
            message.extend_from_slice(name.as_bytes());
        }
        message.extend_from_slice(&at.partition.to_be_bytes());
        message.extend_from_slice(&at.step.to_be_bytes());
        message.extend_from_slice(&at.field.to_be_bytes());
        Nonces { keyed: self.nonces.clone(), place: message.len(), message }
    }

    /// Appends the encrypted value: the nonce, as many bytes as the value has, the tag.
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        out.extend_from_slice(&nonce);
        let start = out.len();
        out.extend_from_slice(value);
        // It refuses only values of more than 2^36 bytes.
        let tag = self.cipher.encrypt_inout_detached(&nonce.into(), b"", (&mut out[start..]).into());
        out.extend_from_slice(&tag.map_err(|_| Refusal::Malformed)?);
        Ok(())
    }

    /// The value that was encrypted.
    pub fn open(&self, encrypted: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (nonce, sealed) = encrypted.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::NotSealed)?;
        self.cipher.decrypt(nonce.into(), sealed).map_err(|_| OpenError::NotSealed)
    }
}

impl Nonces {
    /// The nonce of the `ordinal`th value of the record at that offset, counted from 0: the first 12 bytes of the
    /// HMAC-SHA-256 over cluster and topic (each after its length), partition, step, field, offset and ordinal, numbers
    /// in 4 bytes and the offset in 8, the most significant first.
    pub fn of(&mut self, offset: i64, ordinal: u32) -> [u8; NONCE_BYTES] {
        self.message.truncate(self.place);
        self.message.extend_from_slice(&offset.to_be_bytes());
        self.message.extend_from_slice(&ordinal.to_be_bytes());
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&self.keyed.tag(&self.message)[..NONCE_BYTES]);
        nonce
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{ring, unhex};
    use super::*;

    #[test]
    fn it_answers_the_vectors_of_rfc_8452() {
        let key: [u8; 32] = unhex("0100000000000000000000000000000000000000000000000000000000000000").try_into().unwrap();
        let nonce: [u8; 12] = unhex("030000000000000000000000").try_into().unwrap();
        let gcm = GcmSiv { cipher: Aes256GcmSiv::new(&key.into()), nonces: Keyed::of_key(&[]) };
        let cases = [
            ("", "07f5f4169bbf55a8400cd47ea6fd400f"),
            ("0100000000000000", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
            ("010000000000000000000000", "9aab2aeb3faa0a34aea8e2b18ca50da9ae6559e48fd10f6e5c9ca17e"),
            ("01000000000000000000000000000000", "85a01b63025ba19b7fd3ddfc033b3e76c9eac6fa700942702e90862383c6c366"),
        ];
        for (value, sealed) in cases {
            let mut out = b"before".to_vec();
            gcm.seal(nonce, &unhex(value), &mut out).unwrap();
            assert_eq!((&out[6..18], out[18..].to_vec()), (&nonce[..], unhex(sealed)));
            assert_eq!(gcm.open(&out[6..]).unwrap(), unhex(value));
        }
    }

    #[test]
    fn every_place_has_a_nonce_of_its_own_and_always_the_same() {
        let ring = ring(&[7; 32]);
        let gcm = GcmSiv::derive(ring.current("pii").unwrap(), "d");
        let at = Coordinates { cluster: "landing", topic: "orders", partition: 3, step: 0, field: 0 };
        let places = [
            at,
            Coordinates { cluster: "landingo", topic: "rders", ..at },
            Coordinates { partition: 4, ..at },
            Coordinates { step: 1, ..at },
            Coordinates { field: 1, ..at },
        ];
        let mut all = HashSet::new();
        for place in &places {
            for (offset, ordinal) in [(0, 0), (0, 1), (1, 0), (i64::MAX, 0)] {
                let nonce = gcm.nonces(place).of(offset, ordinal);
                assert_eq!(nonce, gcm.nonces(place).of(offset, ordinal));
                assert!(all.insert(nonce), "{place:?} {offset} {ordinal}");
            }
        }
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let ring = ring(&[7; 32]);
        let secret = ring.current("pii").unwrap();
        let (gcm, other) = (GcmSiv::derive(secret, "d"), GcmSiv::derive(secret, "e"));
        let mut sealed = Vec::new();
        gcm.seal([1; 12], b"4111111111111111", &mut sealed).unwrap();
        assert_eq!(sealed.len(), 16 + NONCE_BYTES + TAG_BYTES);
        assert_eq!(other.open(&sealed), Err(OpenError::NotSealed));
        for i in 0..sealed.len() {
            sealed[i] ^= 1;
            assert_eq!(gcm.open(&sealed), Err(OpenError::NotSealed), "{i}");
            sealed[i] ^= 1;
        }
        assert_eq!(gcm.open(b"short"), Err(OpenError::NotSealed));
    }
}
