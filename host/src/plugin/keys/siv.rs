//! Deterministic encryption: the same value gives the same bytes, so that joins survive, and it can be opened again.
//! It must not be used where equal values must not look equal.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;

use super::open::OpenError;
use super::{Refusal, Secret};

/// Bytes that a sealed value is longer than the value: the synthetic IV, which comes first.
pub const IV_BYTES: usize = 16;

/// AES-256-SIV (RFC 5297, with CMAC) without associated data.
pub struct Siv(Aes256Siv);

impl Siv {
    /// Under the 64 bytes of key derived by HKDF-SHA-256 with the info `sluice/siv/<domain>`.
    pub fn derive(secret: Secret<'_>, domain: &str) -> Self {
        Siv::of_key(&secret.derive::<64>(&["sluice/siv/", domain]))
    }

    fn of_key(key: &[u8; 64]) -> Self {
        Siv(Aes256Siv::new(key.into()))
    }

    /// Appends the sealed value: the synthetic IV, then as many bytes as the value has.
    pub fn seal(&mut self, value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let start = out.len();
        out.resize(start + IV_BYTES, 0);
        out.extend_from_slice(value);
        let (iv, text) = out[start..].split_at_mut(IV_BYTES);
        let none: [&[u8]; 0] = [];
        // It refuses only values of more than 2^36 bytes.
        let tag = self.0.encrypt_inout_detached(none, text.into()).map_err(|_| Refusal::Malformed)?;
        iv.copy_from_slice(&tag);
        Ok(())
    }

    /// The value that was sealed.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let none: [&[u8]; 0] = [];
        self.0.decrypt(none, sealed).map_err(|_| OpenError::NotSealed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use aes_siv::siv::Aes128Siv;

    use super::super::tests::{ring, unhex};
    use super::*;

    /// RFC 5297 has vectors for AES-128 alone, with associated data.
    #[test]
    fn the_mode_answers_the_vectors_of_rfc_5297() {
        let cases: [(&str, &[&str], &str, &str); 2] = [
            (
                "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                &["101112131415161718191a1b1c1d1e1f2021222324252627"],
                "112233445566778899aabbccddee",
                "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
            ),
            (
                "7f7e7d7c7b7a79787776757473727170404142434445464748494a4b4c4d4e4f",
                &[
                    "00112233445566778899aabbccddeeffdeaddadadeaddadaffeeddccbbaa99887766554433221100",
                    "102030405060708090a0",
                    "09f911029d74e35bd84156c5635688c0",
                ],
                "7468697320697320736f6d6520706c61696e7465787420746f20656e6372797074207573696e67205349562d414553",
                "7bdb6e3b432667eb06f4d14bff2fbd0fcb900f2fddbe404326601965c889bf17dba77ceb094fa663b7a3f748ba8af829ea64ad544a272e9c485b62a3fd5c0d",
            ),
        ];
        for (key, associated, value, sealed) in cases {
            let mut siv = Aes128Siv::new_from_slice(&unhex(key)).unwrap();
            let associated: Vec<Vec<u8>> = associated.iter().map(|text| unhex(text)).collect();
            assert_eq!(siv.encrypt(&associated, &unhex(value)).unwrap(), unhex(sealed));
        }
    }

    /// The type that seals values, with one associated text: the first case is RFC 5297's A.1 with the longer key of the
    /// same pattern, the others are 320, 323 and 326 of Project Wycheproof's `aes_siv_cmac_test.json`.
    #[test]
    fn the_mode_of_512_bit_keys_answers_published_vectors() {
        let cases = [
            (
                "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f06f6e6d6c6b6a69686766656463626160f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f",
                "101112131415161718191a1b1c1d1e1f2021222324252627",
                "112233445566778899aabbccddee",
                "f125274c598065cfc26b0e71575029088b035217e380cac8919ee800c126",
            ),
            (
                "139383f3f82dc78e0b380027f9e5fcd2ed23716404be5c554452e4dc73d237026594491820c6b8297185cc1fa84f49a5c7d7cd05c5de090ff1c3397bc2740437",
                "d39da73ffc03ad0a9213ffc7",
                "48604944a80fadf50d55b87727934458c8",
                "a9cf73951cb39823777f35c96c845169476e2ec2317cb6b8dd8b6172fdceabff9d",
            ),
            (
                "cd8689f821817f59bfaa755131f2565161c7f4489f89b657ac9fa127a9768535a702d001b9b99cc11c3976467b1b45865ff417dc256ebb5079b7f1b3e08307b5",
                "b3edffbb89b373fe04da244b",
                "ebcfb2ffb681cc5dfa0c5c524c1b1cc87cc6b2bfa35dc36d15e80505118b84a072a78a157b4d1837",
                "1ac78aae2ede04eb47924d8f9f99fe75deb61bf693da7f3a2147c05f6d29d17392356fe00f82b24cdbce774fd864561548f33dd3192d806f",
            ),
            (
                "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
                "000102030405060708090a0b0c0d0e0f",
                "bfa1733d07afa03cb3f2eeb81bbde037",
                "000000000000000000000000000000004ce637d6ca9cdf1c2feb0d140865cddb",
            ),
        ];
        for (key, associated, value, sealed) in cases {
            let Siv(mut siv) = Siv::of_key(unhex(key)[..].try_into().unwrap());
            assert_eq!(siv.encrypt([unhex(associated)], &unhex(value)).unwrap(), unhex(sealed));
            assert_eq!(siv.decrypt([unhex(associated)], &unhex(sealed)).unwrap(), unhex(value));
        }
    }

    /// python3 -c 'from cryptography.hazmat.primitives.ciphers.aead import AESSIV
    /// siv = AESSIV(bytes(range(64)))
    /// for v in (b"4111111111111111", b"ana@example.org"): print(siv.encrypt(v, None).hex())'
    #[test]
    fn it_is_the_one_of_another_implementation() {
        let mut siv = Siv::of_key(&std::array::from_fn(|i| i as u8));
        let cases = [
            ("4111111111111111", "9e8ccb02a4f8801dabc9ca75a5a7ddeed2c3a16cda07682a11cdaa5aa79c06ef"),
            ("ana@example.org", "68b798a8578473895f90859abe36d4b9fcc65973c579cc3b091d4e26568025"),
        ];
        for (value, sealed) in cases {
            let mut out = b"before".to_vec();
            siv.seal(value.as_bytes(), &mut out).unwrap();
            assert_eq!(out[6..].to_vec(), unhex(sealed));
        }
    }

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        let ring = ring(&[7; 32]);
        let secret = ring.current("pii").unwrap();
        let (mut siv, mut other) = (Siv::derive(secret, "d"), Siv::derive(secret, "e"));
        for value in [&b""[..], b"a", b"4111111111111111", &[0; 1000]] {
            let mut sealed = Vec::new();
            siv.seal(value, &mut sealed).unwrap();
            assert_eq!(sealed.len(), value.len() + IV_BYTES);
            assert_eq!(siv.open(&sealed).as_deref(), Ok(value));
            assert_eq!(other.open(&sealed), Err(OpenError::NotSealed));
            sealed[0] ^= 1;
            assert_eq!(siv.open(&sealed), Err(OpenError::NotSealed));
        }
        assert_eq!(siv.open(b"short"), Err(OpenError::NotSealed));
    }
}
