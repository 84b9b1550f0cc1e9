//! Keyed hashes: one way, the same value gives the same tag. It must not know columns.
//!
//! HMAC is done on SHA-256's blocks, as values are short: most take one block inside and one outside, and a hasher that
//! is made, copied and emptied for each value costs a third more than its blocks (`sluice-bench fields`, "hashing alone").

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use super::Secret;

/// Bytes of one value's tag.
pub(super) const TAG_BYTES: usize = 32;

/// Bytes of one block of SHA-256, and of the length that the last one ends with.
const BLOCK: usize = 64;
const LENGTH: usize = 8;
/// What SHA-256 begins with (FIPS 180-4 section 5.3.3).
const BEGIN: [u32; 8] = [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// HMAC-SHA-256 (RFC 2104) with the block of its key done, inside and outside.
#[derive(Clone)]
pub(super) struct Keyed {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Keyed {
    /// Under the key derived by HKDF-SHA-256 with the info `sluice/hmac/<domain>`.
    pub(super) fn derive(secret: Secret<'_>, domain: &str) -> Self {
        Keyed::of_key(&secret.derive::<32>(&["sluice/hmac/", domain]))
    }

    /// Under a key of any length; one longer than a block is hashed first, as RFC 2104 says.
    pub(super) fn of_key(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        match block.get_mut(..key.len()) {
            Some(start) => start.copy_from_slice(key),
            None => block[..TAG_BYTES].copy_from_slice(&Sha256::digest(key)),
        }
        let after = |pad: u8| {
            let mut state = BEGIN;
            compress256(&mut state, &[block.map(|byte| byte ^ pad)]);
            state
        };
        Keyed { inner: after(0x36), outer: after(0x5c) }
    }

    /// The tag of a message.
    pub(super) fn tag(&self, message: &[u8]) -> [u8; TAG_BYTES] {
        hash_after_block(self.outer, &hash_after_block(self.inner, message))
    }
}

/// SHA-256 of one block, which left `state`, and then `rest`: whole blocks, then what is left, a one bit, zeroes, and the
/// number of bits in one or two more (FIPS 180-4 section 5.1.1).
fn hash_after_block(mut state: [u32; 8], rest: &[u8]) -> [u8; TAG_BYTES] {
    let (blocks, left) = rest.as_chunks::<BLOCK>();
    compress256(&mut state, blocks);
    let mut last = [[0; BLOCK]; 2];
    let used = if left.len() + 1 + LENGTH <= BLOCK { 1 } else { 2 };
    let padded = last[..used].as_flattened_mut();
    padded[..left.len()].copy_from_slice(left);
    padded[left.len()] = 0x80;
    let bits = (BLOCK + rest.len()) as u64 * 8;
    padded[used * BLOCK - LENGTH..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &last[..used]);
    let mut tag = [0; TAG_BYTES];
    tag.as_chunks_mut().0.iter_mut().zip(state).for_each(|(bytes, word): (&mut [u8; 4], u32)| *bytes = word.to_be_bytes());
    tag
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use hmac::{KeyInit, Mac};

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
            assert_eq!(Keyed::of_key(&key).tag(&message).to_vec(), unhex(tag));
        }
    }

    /// Around every border of a block, in the key and in the message.
    #[test]
    fn it_says_what_the_library_says_at_every_length() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(300).collect();
        for length in 0..bytes.len() {
            let mut library = hmac::Hmac::<Sha256>::new_from_slice(&bytes[..32]).unwrap();
            library.update(&bytes[..length]);
            assert_eq!(Keyed::of_key(&bytes[..32]).tag(&bytes[..length])[..], library.finalize().into_bytes()[..], "a message of {length}");
            let library = hmac::Hmac::<Sha256>::new_from_slice(&bytes[..length]).unwrap();
            assert_eq!(Keyed::of_key(&bytes[..length]).tag(b"")[..], library.finalize().into_bytes()[..], "a key of {length}");
        }
    }
}
