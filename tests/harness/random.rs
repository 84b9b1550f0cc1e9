//! Random names and moments from one printed seed. Not for anything that needs to be unguessable.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// A small generator (SplitMix64); the same seed gives the same choices.
pub struct Random(u64);

impl Random {
    /// From `SLUICE_TEST_SEED`, else a fresh seed; printed, so that a failed run can be repeated.
    pub fn new(case: &str) -> Self {
        let seed = std::env::var("SLUICE_TEST_SEED")
            .ok()
            .and_then(|s| s.parse().ok())
            .unwrap_or_else(|| RandomState::new().build_hasher().finish());
        eprintln!("{case}: SLUICE_TEST_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `from..to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from)
    }
}

/// Six hex digits that no other case of this or another run is likely to have.
pub fn suffix() -> String {
    format!("{:06x}", RandomState::new().build_hasher().finish() & 0xff_ffff)
}
