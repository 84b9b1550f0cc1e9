//! A guest that loops for ever. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes};

struct Loops;

impl Guest for Loops {
    const NAME: &'static str = "guest-loop";
    const TRIES: &'static str = "Loops for ever.";

    fn misbehave(row: u32, _: &Batch, _: &mut Changes) {
        while std::hint::black_box(row) == row {}
    }
}

sluice_plugin::register!(Poisoned<Loops>);
