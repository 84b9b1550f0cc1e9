//! A guest that traps. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes};

struct Traps;

impl Guest for Traps {
    const NAME: &'static str = "guest-trap";
    const TRIES: &'static str = "Panics, which is a trap.";

    fn misbehave(row: u32, _: &Batch, _: &mut Changes) {
        panic!("record {row}");
    }
}

sluice_plugin::register!(Poisoned<Traps>);
