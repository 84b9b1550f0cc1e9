//! A CEL expression over granted fields. It must not keep a record that it fails for: a value of the wrong type is
//! rejected, not guessed at.
use sluice_cel::{Expression, Failure, Value};
use sluice_plugin::{Batch, Column, Kind, Values};

use crate::Fault;
use crate::condition::Truth;

/// An expression and what its variables stand for, in the order of their names.
#[derive(Debug)]
pub struct Cel {
    /// Compiled over the names of `variables`.
    pub expression: Expression,
    /// Where each variable comes from.
    pub variables: Vec<Variable>,
}

/// Where a variable comes from.
#[derive(Debug)]
pub struct Variable {
    /// A granted field, by its index.
    pub field: usize,
    /// Always a list of all values, however many; without it several values are no value at all.
    pub list: bool,
    /// What it is where the field is missing.
    pub default: Option<Value<'static>>,
}

impl Cel {
    /// The truth for every record of the batch.
    pub fn judge(&self, batch: &Batch) -> Vec<Truth> {
        let mut sources: Vec<_> = self.variables.iter().map(|variable| Source::of(variable, batch.fields.get(variable.field))).collect();
        let mut values = Vec::with_capacity(sources.len());
        let mut truths = Vec::with_capacity(batch.count as usize);
        for row in 0..batch.count {
            values.clear();
            values.extend(sources.iter_mut().map(|source| source.take(row)));
            truths.push(match self.expression.evaluate(&values) {
                Ok(Value::Bool(holds)) => Truth::from(holds),
                Ok(_) => Truth::Failed(Fault::CelNotBoolean),
                Err(Failure::Missing) => Truth::Unknown,
                Err(Failure::Type) => Truth::Failed(Fault::CelType),
                Err(Failure::Range) => Truth::Failed(Fault::CelRange),
                Err(Failure::NoSuch) => Truth::Failed(Fault::CelNoSuchKey),
                Err(Failure::Conversion) => Truth::Failed(Fault::CelConversion),
                Err(Failure::Budget) => Truth::Failed(Fault::CelBudget),
            });
        }
        truths
    }
}

/// The values of a variable, record by record.
struct Source<'a> {
    variable: &'a Variable,
    values: Option<std::iter::Peekable<Values<'a>>>,
}

impl<'a> Source<'a> {
    fn of(variable: &'a Variable, column: Option<&'a Column>) -> Self {
        Self { variable, values: column.map(|column| column.iter().peekable()) }
    }

    /// The value for that record; rows ascend from call to call.
    fn take(&mut self, row: u32) -> Option<Value<'a>> {
        let mut next = || self.values.as_mut()?.next_if(|(own, _)| *own == row).map(|(_, value)| read(value));
        if self.variable.list {
            return Some(Value::List(std::iter::from_fn(next).collect()));
        }
        let Some(first) = next() else { return self.variable.default.clone() };
        let mut several = false;
        while next().is_some() {
            several = true;
        }
        Some(if several { Value::Opaque } else { first })
    }
}

/// A value as expressions know it.
fn read(value: sluice_plugin::Value<'_>) -> Value<'_> {
    match value.kind {
        Kind::NULL => Value::Null,
        Kind::BOOLEAN => Value::Bool(value.bytes == b"true"),
        Kind::INTEGER | Kind::DECIMAL => value.as_number().map_or(Value::Opaque, Value::number),
        Kind::TEXT => value.as_str().map_or(Value::Opaque, Value::text),
        Kind::BYTES => Value::Bytes(value.bytes.into()),
        _ => Value::Opaque,
    }
}
