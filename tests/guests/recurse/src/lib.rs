//! A guest that recurses without end. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes};

struct Recurses;

/// Far deeper than any stack before it returns anything, and nothing that a compiler turns into a loop.
fn ackermann(m: u64, n: u64) -> u64 {
    match (m, n) {
        (0, n) => n + 1,
        (m, 0) => ackermann(m - 1, 1),
        (m, n) => ackermann(m - 1, ackermann(m, n - 1)),
    }
}

impl Guest for Recurses {
    const NAME: &'static str = "guest-recurse";
    const TRIES: &'static str = "Recurses until the stack ends.";

    fn misbehave(row: u32, _: &Batch, _: &mut Changes) {
        std::hint::black_box(ackermann(4, 1_000 + u64::from(row)));
    }
}

sluice_plugin::register!(Poisoned<Recurses>);
