//! Stand-ins for the host's imports, with the same signatures. They must compute what the contract says, not what a
//! test wants.
use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::host::{Failure, Level};

#[derive(Default)]
struct Host {
    keys: BTreeMap<String, Vec<u8>>,
    counters: BTreeMap<u32, u64>,
    lines: Vec<(Level, String)>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Forgets keys, counters and log lines of this thread.
pub fn reset() {
    HOST.with_borrow_mut(|host| *host = Host::default());
}

/// A key that plugins of this thread may use by its name.
pub fn add_key(name: &str, secret: &[u8]) {
    HOST.with_borrow_mut(|host| host.keys.insert(name.to_owned(), secret.to_vec()));
}

/// What was counted on this thread, by index; counters never touched are not in it.
#[must_use]
pub fn counters() -> BTreeMap<u32, u64> {
    HOST.with_borrow(|host| host.counters.clone())
}

/// What was logged on this thread.
#[must_use]
pub fn log_lines() -> Vec<(Level, String)> {
    HOST.with_borrow(|host| host.lines.clone())
}

pub(crate) mod log {
    //! Stand-in for `sluice:plugin/log`. It must not print.
    use super::{HOST, Level};

    pub(crate) fn write(level: Level, message: &str) {
        HOST.with_borrow_mut(|host| host.lines.push((level, message.to_owned())));
    }
}

pub(crate) mod metrics {
    //! Stand-in for `sluice:plugin/metrics`. It must not know names.
    use super::HOST;

    pub(crate) fn add(counter: u32, delta: u64) {
        HOST.with_borrow_mut(|host| *host.counters.entry(counter).or_default() += delta);
    }
}

pub(crate) mod keys {
    //! Stand-in for `sluice:plugin/keys`. It must not hand out key bytes.
    use hkdf::Hkdf;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::{Failure, HOST};

    pub(crate) fn hmac_sha256(key: &str, domain: &str, ends: &[u32], data: &[u8]) -> Result<Vec<u8>, Failure> {
        let secret = HOST.with_borrow(|host| host.keys.get(key).cloned()).ok_or(Failure::UnknownKey)?;
        let mut derived = [0; 32];
        Hkdf::<Sha256>::new(None, &secret)
            .expand(format!("sluice/hmac/{domain}").as_bytes(), &mut derived)
            .expect("32 bytes are within what HKDF-SHA-256 gives");
        let mac = Hmac::<Sha256>::new_from_slice(&derived).expect("HMAC takes keys of any length");
        let mut start = 0;
        let mut tags = Vec::with_capacity(ends.len() * 32);
        for &end in ends {
            let end = usize::try_from(end).map_err(|_| Failure::Malformed)?;
            let value = data.get(start..end).ok_or(Failure::Malformed)?;
            tags.extend_from_slice(&mac.clone().chain_update(value).finalize().into_bytes());
            start = end;
        }
        Ok(tags)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// python3 - <<'EOF'
    /// import hmac, hashlib
    /// prk = hmac.new(b"\0" * 32, b"0123456789abcdef0123456789abcdef", hashlib.sha256).digest()
    /// key = hmac.new(prk, b"sluice/hmac/default\x01", hashlib.sha256).digest()
    /// for v in (b"ana@example.org", b""): print(hmac.new(key, v, hashlib.sha256).hexdigest())
    /// EOF
    #[test]
    fn hmac_is_the_one_of_another_implementation() {
        reset();
        add_key("pii", b"0123456789abcdef0123456789abcdef");
        let tags = keys::hmac_sha256("pii", "default", &[15, 15], b"ana@example.org").unwrap();
        assert_eq!(hex(&tags[..32]), "223c73a7523c3279c2b39614443d9484ae02948d1f1b4c4d2cdf07e55bfc4381");
        assert_eq!(hex(&tags[32..]), "159e7314e62c7fce6509c4813bf0df365cc5b085accb0ce568c17cd516b4c7c0");
        assert!(matches!(keys::hmac_sha256("nope", "default", &[], &[]), Err(Failure::UnknownKey)));
        assert!(matches!(keys::hmac_sha256("pii", "default", &[3, 2], b"abc"), Err(Failure::Malformed)));
    }
}
