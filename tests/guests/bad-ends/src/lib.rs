//! A guest that answers with ends that overlap. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes};

struct BadEnds;

impl Guest for BadEnds {
    const NAME: &'static str = "guest-bad-ends";
    const TRIES: &'static str = "Answers with ends that overlap and leave the data.";

    fn misbehave(_: u32, _: &Batch, changes: &mut Changes) {
        // One value set to more than it has, the next ending before it.
        for field in &mut changes.fields {
            let answers = &mut field.answers;
            answers.actions.fill(1);
            answers.kinds.fill(4);
            answers.data = b"ab".to_vec();
            answers.ends.fill(1);
            if let Some(first) = answers.ends.first_mut() {
                *first = 3;
            }
        }
    }
}

sluice_plugin::register!(Poisoned<BadEnds>);
