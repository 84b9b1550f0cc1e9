//! When a guest misbehaves, and how it behaves until then. It must not misbehave itself.
//!
//! A guest misbehaves on a batch in which a granted text field holds the value `now`, so that poison can be mixed with
//! good records; everything else it keeps.

use sluice_plugin::{Batch, Changes, ColumnAnswers, Description, Effects, Field, Grants, NoSettings, Plugin, Problem, Rejected};

/// The value that makes a guest misbehave.
pub const NOW: &str = "now";

/// The first record that holds it.
pub fn row(batch: &Batch) -> Option<u32> {
    let values = batch.fields.iter().flat_map(|column| column.iter());
    values.filter(|(_, value)| value.as_str() == Some(NOW)).map(|(row, _)| row).min()
}

/// Answers every value with keep.
pub fn keep_all(batch: &Batch, changes: &mut Changes) {
    for (field, column) in (0..).zip(&batch.fields) {
        let mut answers = ColumnAnswers::of(column);
        column.iter().for_each(|_| answers.keep());
        changes.answer(field, answers);
    }
}

/// A guest: its name, what else it may do, and what it does to a batch that holds [`NOW`].
pub trait Guest: 'static {
    /// `guest-…`.
    const NAME: &'static str;
    /// One sentence on what it tries.
    const TRIES: &'static str;

    /// What it may do beside editing fields.
    fn effects() -> Effects {
        Effects::empty()
    }

    /// Misbehaves on record `row`. Where it returns, `changes` holds a keep for every value.
    fn misbehave(row: u32, batch: &Batch, changes: &mut Changes);
}

/// The plugin of a guest.
pub struct Poisoned<G>(std::marker::PhantomData<G>);

impl<G: Guest> Plugin for Poisoned<G> {
    type Settings = NoSettings;
    type Field = NoSettings;

    fn describe() -> Description {
        Description::new(G::NAME, env!("CARGO_PKG_VERSION"), G::TRIES).effects(Effects::EDIT_FIELDS | G::effects())
    }

    fn new(_: NoSettings, _: Vec<Field<NoSettings>>, _: Grants) -> Result<Self, Vec<Problem>> {
        Ok(Poisoned(std::marker::PhantomData))
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        keep_all(batch, changes);
        if let Some(row) = row(batch) {
            G::misbehave(row, batch, changes);
        }
        Ok(())
    }
}
