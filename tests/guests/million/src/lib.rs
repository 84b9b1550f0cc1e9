//! A guest that emits a million records. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes, Effects, Emitted};

struct Million;

impl Guest for Million {
    const NAME: &'static str = "guest-million";
    const TRIES: &'static str = "Emits a million records.";

    fn effects() -> Effects {
        Effects::EMIT
    }

    fn misbehave(row: u32, _: &Batch, changes: &mut Changes) {
        let one = Emitted { row, topic: None, key: None, value: None, headers: Vec::new() };
        changes.emitted = vec![one; 1_000_000];
    }
}

sluice_plugin::register!(Poisoned<Million>);
