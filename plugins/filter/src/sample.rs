//! Keeps a share of the records, always the same ones. It must not depend on anything but the identity and the seed: the
//! share is the same in every pipeline, on every machine, in every batch.
//!
//! A record is in the share where `u64(first 8 bytes of SHA-256(seed, 0x00, identity), big-endian) / 2^64 < percent /
//! 100`. The identity is the value's bytes: text as UTF-8, a number as its text, a boolean as `true` or `false`.
use sha2::{Digest, Sha256};
use sluice_plugin::Batch;

use crate::condition::Truth;
use crate::identity::{Part, values};

/// Most digits after the point of a percentage.
const MOST_DIGITS: usize = 6;

/// A share of the records.
#[derive(Debug)]
pub struct Sample {
    by: Part,
    /// The hash of the seed and its end, ready to go on.
    seeded: Sha256,
    /// A hash below it is in the share; 2^64 for all.
    below: u128,
}

impl Sample {
    /// `percent` as its text.
    ///
    /// # Errors
    /// It is no number above 0, up to 100, of at most 6 digits after the point; as a sentence.
    pub fn new(by: Part, seed: &str, percent: &str) -> Result<Self, &'static str> {
        let below = threshold(percent).ok_or("must be a number above 0 and up to 100, with at most 6 digits after the point")?;
        Ok(Self { by, seeded: Sha256::new().chain_update(seed).chain_update([0]), below })
    }

    /// The truth for every record of the batch.
    pub fn judge(&self, batch: &Batch) -> Vec<Truth> {
        let held = |value: Result<sluice_plugin::Value<'_>, Truth>| match value {
            Ok(value) => Truth::from(self.holds(value.bytes)),
            Err(truth) => truth,
        };
        values(self.by, batch).into_iter().map(held).collect()
    }

    fn holds(&self, identity: &[u8]) -> bool {
        let hash = self.seeded.clone().chain_update(identity).finalize();
        let first = hash.iter().take(8).fold(0u128, |number, byte| number << 8 | u128::from(*byte));
        first < self.below
    }
}

/// `percent` of 2^64, rounded up.
fn threshold(percent: &str) -> Option<u128> {
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || fraction.len() > MOST_DIGITS || !digits(whole) || !digits(fraction) {
        return None;
    }
    let scaled: u128 = format!("{whole}{fraction:0<MOST_DIGITS$}").parse().ok()?;
    let whole = 100 * 10u128.pow(6);
    (1..=whole).contains(&scaled).then(|| (scaled << 64).div_ceil(whole))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use super::*;

    /// python3 - <<'EOF'
    /// import hashlib
    /// for seed, percent in (("", 10), ("2026", 10), ("2026", 50)):
    ///     share = lambda i: int.from_bytes(hashlib.sha256(seed.encode() + b"\0" + f"c{i}".encode()).digest()[:8], "big") * 100 < percent << 64
    ///     print(seed, percent, [i for i in range(40) if share(i)])
    /// EOF
    #[test]
    fn the_share_is_the_one_of_another_implementation() {
        for (seed, percent, expected) in [
            ("", "10", &[11, 28, 36][..]),
            ("2026", "10.0", &[8, 20, 22][..]),
            ("2026", "50", &[3, 4, 5, 6, 8, 10, 11, 13, 16, 18, 19, 20, 22, 24, 26, 28, 29, 33, 36, 38][..]),
        ] {
            let sample = Sample::new(Part::Key, seed, percent).unwrap();
            let found: Vec<u32> = (0..40).filter(|i| sample.holds(format!("c{i}").as_bytes())).collect();
            assert_eq!(found, expected, "{seed} {percent}");
        }
    }

    #[test]
    fn a_share_is_as_large_as_it_says_and_part_of_every_larger_one() {
        let share = |percent: &str| {
            let sample = Sample::new(Part::Key, "s", percent).unwrap();
            (0..10_000u32).map(|i| sample.holds(&i.to_be_bytes())).collect::<Vec<_>>()
        };
        let (tenth, half, all) = (share("10"), share("50"), share("100"));
        let count = |share: &[bool]| share.iter().filter(|held| **held).count();
        assert!((900..1100).contains(&count(&tenth)) && (4800..5200).contains(&count(&half)) && count(&all) == 10_000);
        assert!(tenth.iter().zip(&half).all(|(tenth, half)| !tenth || *half));
    }

    #[test]
    fn a_percentage_is_exact_or_refused() {
        assert_eq!(threshold("100"), Some(1 << 64));
        assert_eq!(threshold("50"), Some(1 << 63));
        assert_eq!(threshold("0.000001"), Some(184_467_440_738));
        for percent in ["0", "0.0", "100.000001", "101", "-1", "1e1", "", ".5", "1.0000001", "1000"] {
            assert_eq!(threshold(percent), None, "{percent}");
        }
    }
}
