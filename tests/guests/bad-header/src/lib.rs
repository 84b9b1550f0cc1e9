//! A guest that writes a header whose name holds a NUL. It must behave until it meets the value `now`.

use sluice_guest_trigger::{Guest, Poisoned};
use sluice_plugin::{Batch, Changes, Effects, Header};

struct BadHeader;

impl Guest for BadHeader {
    const NAME: &'static str = "guest-bad-header";
    const TRIES: &'static str = "Writes a header whose name holds a NUL.";

    fn effects() -> Effects {
        Effects::EDIT_HEADERS
    }

    fn misbehave(row: u32, _: &Batch, changes: &mut Changes) {
        changes.header_rows = vec![row];
        changes.headers = vec![Header { row, name: b"a\0b".to_vec(), value: None }];
    }
}

sluice_plugin::register!(Poisoned<BadHeader>);
