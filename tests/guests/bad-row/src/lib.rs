//! A guest that drops a record that does not exist. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes, Effects};

struct BadRow;

impl Guest for BadRow {
    const NAME: &'static str = "guest-bad-row";
    const TRIES: &'static str = "Drops a record that does not exist.";

    fn effects() -> Effects {
        Effects::DROP
    }

    fn misbehave(_: u32, batch: &Batch, changes: &mut Changes) {
        changes.drop_row(batch.count);
    }
}

sluice_plugin::register!(Poisoned<BadRow>);
