//! A guest that takes its time, some milliseconds a record. It must not do anything else.

use sluice_guest_trigger::keep_all;
use sluice_plugin::{Batch, Changes, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected};

/// Rounds that each record costs: 6 ms or more, so that the records of one look at the source outlast a transaction. There is
/// no clock in a sandbox.
const ROUNDS: u32 = 18_000_000;

struct Slow;

impl Plugin for Slow {
    type Settings = NoSettings;
    type Field = NoSettings;

    fn describe() -> Description {
        Description::new("guest-slow", env!("CARGO_PKG_VERSION"), "Takes its time.").effects(Effects::EDIT_FIELDS)
    }

    fn new(_: NoSettings, _: Vec<Field<NoSettings>>, _: Grants) -> Result<Self, Vec<Problem>> {
        Ok(Slow)
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        for _ in 0..batch.count {
            for round in 0..ROUNDS {
                std::hint::black_box(round);
            }
        }
        keep_all(batch, changes);
        Ok(())
    }
}

sluice_plugin::register!(Slow);
