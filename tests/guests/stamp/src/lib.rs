//! A guest that stamps its version into every value it is shown. The tests make other versions of it, good ones and bad
//! ones, by changing its marks in the built component; each mark has a length of its own to keep.

use std::hint::black_box;

use sluice_plugin::{Batch, Changes, ColumnAnswers, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected};

/// What it writes.
static STAMP: &str = "stamp-000";

/// How it describes itself: any other mark of this length never comes back.
static DESCRIBE: &str = "describe-well";

/// How it begins: `begin-ever` never comes back, any other mark of this length is a refusal.
static BEGIN: &str = "begin-well";

/// How it works: any other mark of this length ends it in the first batch that it is handed.
static WORK: &str = "work-well";

/// A loop that nothing in here ends.
fn for_ever_unless(done: bool) {
    while !black_box(done) {}
}

struct Stamp;

impl Plugin for Stamp {
    type Settings = NoSettings;
    type Field = NoSettings;

    fn describe() -> Description {
        for_ever_unless(black_box(DESCRIBE).ends_with("well"));
        Description::new("guest-stamp", env!("CARGO_PKG_VERSION"), "Stamps its version into every value.").effects(Effects::EDIT_FIELDS)
    }

    fn new(_: NoSettings, _: Vec<Field<NoSettings>>, _: Grants) -> Result<Self, Vec<Problem>> {
        for_ever_unless(!black_box(BEGIN).ends_with("ever"));
        if black_box(BEGIN).ends_with("well") {
            return Ok(Stamp);
        }
        Err(vec![Problem::new("/settings", "it does not want to begin")])
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        assert!(black_box(WORK).ends_with("well"), "it does not want to work");
        for (field, column) in (0..).zip(&batch.fields) {
            let mut answers = ColumnAnswers::of(column);
            column.iter().for_each(|_| answers.text(black_box(STAMP)));
            changes.answer(field, answers);
        }
        Ok(())
    }
}

sluice_plugin::register!(Stamp);
