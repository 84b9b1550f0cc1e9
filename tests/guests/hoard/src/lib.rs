//! A guest that hoards memory. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes};

struct Hoards;

impl Guest for Hoards {
    const NAME: &'static str = "guest-hoard";
    const TRIES: &'static str = "Takes memory until there is none.";

    fn misbehave(_: u32, _: &Batch, _: &mut Changes) {
        let mut hoard = Vec::new();
        loop {
            hoard.push(vec![1_u8; 1 << 20]);
            std::hint::black_box(&hoard);
        }
    }
}

sluice_plugin::register!(Poisoned<Hoards>);
