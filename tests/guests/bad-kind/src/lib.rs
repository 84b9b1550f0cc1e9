//! A guest that answers with a kind of value that does not exist. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes, action};

struct BadKind;

impl Guest for BadKind {
    const NAME: &'static str = "guest-bad-kind";
    const TRIES: &'static str = "Answers with a kind of value that does not exist.";

    fn misbehave(_: u32, _: &Batch, changes: &mut Changes) {
        for field in &mut changes.fields {
            field.answers.actions.fill(action::SET);
            field.answers.kinds.fill(99);
            field.answers.ends.fill(0);
            field.answers.data.clear();
        }
    }
}

sluice_plugin::register!(Poisoned<BadKind>);
