//! The trait of a plugin and what it is handed at the start. It must not know how a batch crosses the border.
use serde::de::DeserializeOwned;

use crate::{Batch, Changes, Description, Effects, Problem, Sees};

/// A plugin: one value of the type is one instance, made for one step.
///
/// The same batch must give the same answer whatever came before it: instances are thrown away and made anew at any
/// time, and where a batch ends is chance.
pub trait Plugin: Sized + 'static {
    /// The step's settings; [`NoSettings`](crate::NoSettings) for none. What does not deserialise is reported with its
    /// place, `/settings/…`.
    type Settings: DeserializeOwned;
    /// The settings of one granted field; what does not deserialise is reported at `/fields/N/…`.
    type Field: DeserializeOwned;

    /// What the plugin is, the most it asks to see and the most it may do. Pure.
    fn describe() -> Description;

    /// Makes the instance of a step. `fields` are in the order of `Batch::fields`; `grants` is never more than
    /// [`describe`](Plugin::describe) asks for.
    ///
    /// # Errors
    /// Everything that is wrong with the settings, all of it at once, without data from records.
    fn new(settings: Self::Settings, fields: Vec<Field<Self::Field>>, grants: Grants) -> Result<Self, Vec<Problem>>;

    /// Answers one batch. What `changes` does not name stays as it is; a plugin with the effect `edit-fields` answers
    /// every value of every field column.
    ///
    /// # Errors
    /// The whole batch failed and nothing of it is applied. The host calls again with ever smaller batches until the
    /// guilty record stands alone; a plugin that knows the record rejects it by [`Changes::reject`] instead.
    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected>;
}

/// A field that the step grants, with what the step says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<T> {
    /// RFC 9535 selector, as written in the configuration.
    pub selector: String,
    /// The step's settings for this field.
    pub settings: T,
}

/// What the step grants beside its fields, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// What it is shown.
    pub sees: Sees,
    /// What it may do.
    pub effects: Effects,
    /// Name of the pipeline in the configuration.
    pub pipeline: String,
    /// Name of the cluster that the pipeline reads from.
    pub source: String,
    /// Name of the cluster that the pipeline writes to.
    pub target: String,
}

/// The whole batch cannot be transformed: an index into the rejection codes of the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejected(pub u32);
