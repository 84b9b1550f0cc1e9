//! Keyed hashes: one way, the same value gives the same tag. It must not know columns.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

/// Bytes of one value's tag.
pub(super) const TAG_BYTES: usize = 32;

/// HMAC-SHA-256 (RFC 2104) with its first hash block done.
#[derive(Clone)]
pub(super) struct Keyed(Hmac<Sha256>);

impl Keyed {
    /// Under the key derived by HKDF-SHA-256 with the info `sluice/hmac/<domain>`.
    pub(super) fn derive(secret: Secret<'_>, domain: &str) -> Self {
        Keyed::of_key(&secret.derive::<32>(&["sluice/hmac/", domain]))
    }

    pub(super) fn of_key(key: &[u8]) -> Self {
        Keyed(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// Adds to the message.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The tag of the message.
    pub(super) fn tag(self) -> [u8; TAG_BYTES] {
        self.0.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::unhex;
    use super::*;

    #[test]
    fn it_answers_the_vectors_of_rfc_4231() {
        let cases = [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, tag) in cases {
            let mut keyed = Keyed::of_key(&key);
            keyed.update(&message);
            assert_eq!(keyed.tag().to_vec(), unhex(tag));
        }
    }
}
