//! Opens what plugins sealed, for the people who may: by the key's id, current or replaced. It must not be reachable
//! from a plugin.

use thiserror::Error;

use super::ready::Ready;
use super::{Ff1, GcmSiv, KeyRing, Secret, Siv};

/// Derived keys of each kind kept ready.
const READY: usize = 64;

/// Why a value does not open. No byte of it is in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Neither a current nor a previous key of the configuration has that id.
    #[error("no key of the configuration has its id; add the key that it was made under as a previous one")]
    UnknownKey,
    /// It was made under another key or domain, or changed since, or is no such value at all.
    #[error("it was not made under this key and domain, or it was changed since")]
    NotSealed,
}

/// Opens values under the keys of a ring; derived keys are kept, so that many values of a few domains cost little.
pub struct Opener<'r> {
    ring: &'r KeyRing,
    sivs: Ready<Siv>,
    gcms: Ready<GcmSiv>,
    ff1s: Ready<Ff1>,
}

impl<'r> Opener<'r> {
    /// Under the keys of `ring`.
    pub fn new(ring: &'r KeyRing) -> Self {
        Opener { ring, sivs: Ready::new(READY), gcms: Ready::new(READY), ff1s: Ready::new(READY) }
    }

    /// Opens what `seal` made (AES-SIV).
    pub fn open(&mut self, key_id: &str, domain: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let ring = self.ring;
        self.sivs.get([key_id, domain, ""], || Ok(Siv::derive(secret(ring, key_id)?, domain)))?.open(sealed)
    }

    /// Opens what `encrypt` made (AES-GCM-SIV).
    pub fn decrypt(&mut self, key_id: &str, domain: &str, encrypted: &[u8]) -> Result<Vec<u8>, OpenError> {
        let ring = self.ring;
        self.gcms.get([key_id, domain, ""], || Ok(GcmSiv::derive(secret(ring, key_id)?, domain)))?.open(encrypted)
    }

    /// Opens what `fpe` made (FF1). The value itself does not say which key it was made under, nor whether it was made at
    /// all: whoever asks knows, and has the ids of a name from [`KeyRing::versions`].
    pub fn fpe_open(&mut self, key_id: &str, domain: &str, alphabet: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let ring = self.ring;
        let make = || Ff1::derive(secret(ring, key_id)?, domain, alphabet).map_err(|_| OpenError::NotSealed);
        self.ff1s.get([key_id, domain, alphabet], make)?.open(sealed)
    }
}

fn secret<'r>(ring: &'r KeyRing, id: &str) -> Result<Secret<'r>, OpenError> {
    ring.by_id(id).ok_or(OpenError::UnknownKey)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn values_of_replaced_keys_open_by_their_id() {
        let (old, new) = (vec![1; 32], vec![2; 32]);
        let mut before = KeyRing::new();
        before.add("pii", old.clone()).unwrap();
        let mut after = KeyRing::new();
        after.add_rotated("pii", new, vec![old]).unwrap();
        after.add("other", vec![3; 32]).unwrap();
        let (id, now) = (before.key_id("pii").unwrap(), after.key_id("pii").unwrap());
        assert_ne!(id, now);
        assert_eq!(after.versions("pii").map(Secret::id).collect::<Vec<_>>(), [now.clone(), id.clone()]);

        let secret = before.current("pii").unwrap();
        let (mut sealed, mut encrypted, mut same) = (Vec::new(), Vec::new(), Vec::new());
        Siv::derive(secret, "d").seal(b"ana", &mut sealed).unwrap();
        GcmSiv::derive(secret, "d").seal([9; 12], b"ana", &mut encrypted).unwrap();
        Ff1::derive(secret, "d", "0123456789").unwrap().seal(b"123456", &mut same).unwrap();

        let mut opener = Opener::new(&after);
        for _ in 0..2 {
            assert_eq!(opener.open(&id, "d", &sealed).unwrap(), b"ana");
            assert_eq!(opener.decrypt(&id, "d", &encrypted).unwrap(), b"ana");
            assert_eq!(opener.fpe_open(&id, "d", "0123456789", &same).unwrap(), b"123456");
        }
        assert_eq!(opener.open(&now, "d", &sealed), Err(OpenError::NotSealed));
        assert_eq!(opener.decrypt(&now, "d", &encrypted), Err(OpenError::NotSealed));
        assert_ne!(opener.fpe_open(&now, "d", "0123456789", &same).unwrap(), b"123456");
        assert_eq!(opener.open("0000000000000000", "d", &sealed), Err(OpenError::UnknownKey));
        assert_eq!(opener.fpe_open(&id, "d", "0", &same), Err(OpenError::NotSealed));
    }
}
