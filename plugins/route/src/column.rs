//! The one value of a field in every record. It must not choose among several.
use sluice_plugin::{Batch, Kind, Value};

use crate::Fault;

/// The value for every record of the batch; none where the field is missing.
pub fn values(batch: &Batch, field: usize) -> Vec<Result<Option<Value<'_>>, Fault>> {
    let mut values: Vec<Result<Option<Value<'_>>, Fault>> = vec![Ok(None); batch.count as usize];
    for (row, value) in batch.fields.get(field).into_iter().flatten() {
        let Some(place) = values.get_mut(row as usize) else { continue };
        *place = match place {
            Ok(None) if value.kind != Kind::COMPOSITE => Ok(Some(value)),
            _ => Err(Fault::NotAScalar),
        };
    }
    values
}
