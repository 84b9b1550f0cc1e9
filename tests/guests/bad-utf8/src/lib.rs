//! A guest that answers a text that is not UTF-8. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes};

struct BadUtf8;

impl Guest for BadUtf8 {
    const NAME: &'static str = "guest-bad-utf8";
    const TRIES: &'static str = "Answers text that is not UTF-8.";

    fn misbehave(_: u32, _: &Batch, changes: &mut Changes) {
        for field in &mut changes.fields {
            let answers = &mut field.answers;
            answers.actions.fill(1);
            answers.kinds.fill(4);
            answers.data = vec![0xff; answers.actions.len()];
            answers.ends = (1..).take(answers.actions.len()).collect();
        }
    }
}

sluice_plugin::register!(Poisoned<BadUtf8>);
