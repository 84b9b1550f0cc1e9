//! What a record is told apart by: its key, or fields of it. It must not take two different identities for one: parts
//! are kept apart, and so are kinds.
use sluice_plugin::{Batch, Kind, Value};

use crate::condition::Truth;
use crate::number::Number;
use crate::{Fault, condition};

/// A part of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The record's key.
    Key,
    /// A granted field, by its index.
    Field(usize),
}

/// The one value of a part in every record; else the truth of whatever depends on it: unknown where there is none or it
/// is null, failed where it is an object, or several.
pub fn values<'b>(part: Part, batch: &'b Batch) -> Vec<Result<Value<'b>, Truth>> {
    let column = match part {
        Part::Key => batch.keys.as_ref(),
        Part::Field(field) => batch.fields.get(field),
    };
    let mut values: Vec<Result<Value<'b>, Truth>> = vec![Err(Truth::Unknown); batch.count as usize];
    let mut last = None;
    for (row, value) in column.into_iter().flatten() {
        let Some(place) = values.get_mut(row as usize) else { continue };
        *place = match value.kind {
            _ if last == Some(row) => Err(Truth::Failed(Fault::NotAScalar)),
            Kind::NULL => Err(Truth::Unknown),
            Kind::BOOLEAN | Kind::INTEGER | Kind::DECIMAL | Kind::TEXT | Kind::BYTES => Ok(value),
            _ => Err(Truth::Failed(Fault::NotAScalar)),
        };
        last = Some(row);
    }
    values
}

/// The identity of every record over several parts, as bytes: for each part its class and its length before its own.
/// Numbers are equal by value, whatever their text.
pub fn joined(parts: &[Part], batch: &Batch) -> Vec<Result<Vec<u8>, Truth>> {
    let mut joined: Vec<Result<Vec<u8>, Truth>> = vec![Ok(Vec::new()); batch.count as usize];
    for part in parts {
        for (identity, value) in joined.iter_mut().zip(values(*part, batch)) {
            match (&mut *identity, value) {
                (Ok(bytes), Ok(value)) => append(bytes, value),
                (Ok(_), Err(truth)) => *identity = Err(truth),
                (Err(truth), Err(other)) => *truth = condition::both(*truth, other),
                (Err(_), Ok(_)) => {}
            }
        }
    }
    joined
}

fn append(bytes: &mut Vec<u8>, value: Value<'_>) {
    let number;
    let (class, own) = match (value.kind, Number::parse(value.bytes)) {
        (Kind::INTEGER | Kind::DECIMAL, Some(parsed)) => {
            number = parsed.canonical();
            (b'n', number.as_slice())
        }
        (Kind::BOOLEAN, _) => (b'b', value.bytes),
        (Kind::TEXT, _) => (b't', value.bytes),
        _ => (b'x', value.bytes),
    };
    bytes.push(class);
    // A value longer than 4 GiB does not fit a guest's memory.
    bytes.extend_from_slice(&u32::try_from(own.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend_from_slice(own);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
    use sluice_plugin::testing::{batch, parse_scalars};

    use super::*;

    fn identities(records: &[[Option<&str>; 2]]) -> Vec<Result<Vec<u8>, Truth>> {
        let read = |json: &Option<&str>| json.map_or(Vec::new(), |json| parse_scalars(json).unwrap());
        let records: Vec<Vec<_>> = records.iter().map(|record| record.iter().map(read).collect()).collect();
        joined(&[Part::Field(0), Part::Field(1)], &batch(2, &records))
    }

    #[test]
    fn what_is_equal_is_one_and_nothing_else() {
        let equal = identities(&[[Some("1"), Some("\"a\"")], [Some("1.0"), Some("\"a\"")], [Some("10e-1"), Some("\"a\"")]]);
        assert!(equal.iter().all(|identity| identity.is_ok() && *identity == equal[0]));
        let different = identities(&[
            [Some("1"), Some("\"a\"")],
            [Some("\"1\""), Some("\"a\"")],
            [Some("\"a\""), Some("1")],
            [Some("true"), Some("\"a\"")],
            [Some("\"true\""), Some("\"a\"")],
            [Some("-1"), Some("\"a\"")],
            [Some("10"), Some("\"a\"")],
            [Some("0"), Some("\"a\"")],
            // Without their lengths these two would be one.
            [Some("\"at\""), Some("\"b\"")],
            [Some("\"a\""), Some("\"tb\"")],
        ]);
        for (n, identity) in different.iter().enumerate() {
            assert!(identity.is_ok() && !different[..n].contains(identity), "{n}");
        }
    }

    #[test]
    fn what_has_no_identity_says_why() {
        let failed = Err(Truth::Failed(Fault::NotAScalar));
        for (record, expected) in [
            ([None, Some("1")], Err(Truth::Unknown)),
            ([Some("null"), Some("1")], Err(Truth::Unknown)),
            ([Some("{}"), Some("1")], failed.clone()),
            ([Some("1"), Some("[1,2]")], failed.clone()),
            ([None, Some("[1,2]")], failed.clone()),
            ([Some("{}"), None], failed),
        ] {
            assert_eq!(identities(&[record]), [expected], "{record:?}");
        }
    }
}
