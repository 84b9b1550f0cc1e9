//! The small front for the commonest plugin: a function from a value to a value. It must not let a value go
//! unanswered, which the types see to.
use serde::de::DeserializeOwned;

use crate::{Batch, Changes, ColumnAnswers, Description, Field, Grants, Kind, NoSettings, Plugin, Problem, Rejected, Value};

/// A masking plugin whose type is the settings of one field: one value of it is one granted field of a step.
///
/// Register it with `register!(Fields<YourType>)`.
pub trait FieldPlugin: DeserializeOwned + 'static {
    /// What the plugin is; `Effects::EDIT_FIELDS` is among its effects, `REJECT` if it ever rejects.
    fn describe() -> Description;

    /// What is wrong with the settings, beyond their types; nothing unless written.
    ///
    /// # Errors
    /// A sentence without data from records.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Answers one value. The token that is returned is the proof that it was answered.
    fn mask(&mut self, value: Value<'_>, answer: Answer<'_>) -> Answered;
}

/// Makes a [`Plugin`] of a [`FieldPlugin`].
#[derive(Debug)]
pub struct Fields<F>(Vec<F>);

impl<F: FieldPlugin> Plugin for Fields<F> {
    type Settings = NoSettings;
    type Field = F;

    fn describe() -> Description {
        F::describe()
    }

    fn new(_: NoSettings, fields: Vec<Field<F>>, _: Grants) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        for (n, field) in fields.iter().enumerate() {
            if let Err(message) = field.settings.check() {
                problems.push(Problem::new(format!("/fields/{n}"), message));
            }
        }
        if problems.is_empty() { Ok(Self(fields.into_iter().map(|field| field.settings).collect())) } else { Err(problems) }
    }

    fn transform(&mut self, batch: &Batch, changes: &mut Changes) -> Result<(), Rejected> {
        for ((n, column), field) in (0..).zip(&batch.fields).zip(&mut self.0) {
            let mut answers = ColumnAnswers::of(column);
            for (row, value) in column {
                let Answered(()) = field.mask(value, Answer { row, value, answers: &mut answers });
            }
            changes.answer(n, answers);
        }
        Ok(())
    }
}

/// The answer to one value; giving it uses it up.
#[derive(Debug)]
pub struct Answer<'a> {
    row: u32,
    value: Value<'a>,
    answers: &'a mut ColumnAnswers,
}

/// A value was answered. Only an [`Answer`] makes one.
#[derive(Debug)]
pub struct Answered(());

impl Answer<'_> {
    /// The value stays, byte for byte.
    pub fn keep(self) -> Answered {
        self.answers.keep();
        Answered(())
    }

    /// The value becomes this text.
    pub fn text(self, text: &str) -> Answered {
        self.answers.text(text);
        Answered(())
    }

    /// The value becomes this one; `bytes` must read as `kind` says.
    pub fn set(self, kind: Kind, bytes: &[u8]) -> Answered {
        self.answers.set(kind, bytes);
        Answered(())
    }

    /// The value becomes what `write` appends to the buffer of the column.
    pub fn write(self, kind: Kind, write: impl FnOnce(&mut Vec<u8>)) -> Answered {
        self.answers.write(kind, write);
        Answered(())
    }

    /// The value becomes text of the same number of Unicode scalars, each mapped by `map`; a value that is not text
    /// becomes null, as does text that is not UTF-8.
    pub fn map_text(self, map: impl Fn(char) -> char) -> Answered {
        let Some(text) = self.value.as_str() else { return self.null() };
        self.write(Kind::TEXT, |out| {
            for scalar in text.chars() {
                out.extend_from_slice(map(scalar).encode_utf8(&mut [0; 4]).as_bytes());
            }
        })
    }

    /// The value becomes null.
    pub fn null(self) -> Answered {
        self.answers.null();
        Answered(())
    }

    /// The value says nothing any more, whatever its type: a text becomes this one, anything else null, or its type's
    /// zero where null does not fit.
    pub fn clear(self, text: &str) -> Answered {
        self.answers.clear(text);
        Answered(())
    }

    /// The field or array element goes.
    pub fn remove(self) -> Answered {
        self.answers.remove();
        Answered(())
    }

    /// The record cannot be transformed: the index of a declared rejection code.
    pub fn reject(self, code: u32) -> Answered {
        self.answers.reject(self.row, code);
        Answered(())
    }
}
