//! One record for each element of an array. It must not change a byte of what a part keeps of the whole.
use sluice_json::{Json, Kind, Path};
use sluice_plugin::{Batch, Value};

use crate::Fault;

/// How a record is split.
#[derive(Debug)]
pub struct Split {
    /// Where the array is.
    pub path: Path,
    /// What a part is.
    pub part: Part,
    /// What becomes of a record without the array.
    pub none: Missing,
    /// The header that says which element a part is, from 0.
    pub index_header: Option<Vec<u8>>,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The element alone.
    Value,
    /// The whole document, with the element in the place of the array.
    InPlace,
    /// The whole document, with an array of this element alone.
    Single,
}

/// What becomes of a record without the array: it is not there, or null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is rejected.
    Reject,
    /// It goes on whole.
    Pass,
    /// It does not go on.
    Drop,
}

/// What a record becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parts {
    /// It goes on as it is.
    Whole,
    /// Nothing.
    None,
    /// Records with these values, one at least.
    Values(Vec<Vec<u8>>),
}

impl Split {
    /// The parts of every record of the batch.
    pub fn parts(&self, batch: &Batch) -> Vec<Result<Parts, Fault>> {
        let values = batch.values.iter().flatten().map(|(_, value)| self.of(value));
        // The step sees values, or it was refused.
        values.chain(std::iter::repeat(Err(Fault::NotJson))).take(batch.count as usize).collect()
    }

    fn of(&self, value: Value<'_>) -> Result<Parts, Fault> {
        if value.is_null() {
            // A deletion has no parts, and its key is that of the whole.
            return Ok(Parts::Whole);
        }
        let whole = Json::parse(value.bytes).map_err(|_| Fault::NotJson)?;
        let range = whole.range(&self.path).map_err(|_| Fault::DuplicateName)?;
        let array =
            range.and_then(|range| Some((whole.bytes().get(..range.start)?, whole.at(&self.path).ok()??, whole.bytes().get(range.end..)?)));
        let Some((before, array, after)) = array.filter(|(_, array, _)| array.kind() != Kind::Null) else {
            return match self.none {
                Missing::Reject => Err(Fault::NoArray),
                Missing::Pass => Ok(Parts::Whole),
                Missing::Drop => Ok(Parts::None),
            };
        };
        if array.kind() != Kind::Array {
            return Err(Fault::NoArray);
        }
        // Text is a document that a schema says the type of. A part of another type would be read as this one.
        if value.kind == sluice_plugin::Kind::TEXT && self.part != Part::Single {
            return Err(Fault::PartHasNoSchema);
        }
        let part = |element: Json<'_>| match self.part {
            Part::Value => element.bytes().to_vec(),
            Part::InPlace => [before, element.bytes(), after].concat(),
            Part::Single => [before, b"[", element.bytes(), b"]", after].concat(),
        };
        let parts: Vec<Vec<u8>> = array.elements().map(part).collect();
        Ok(if parts.is_empty() { Parts::None } else { Parts::Values(parts) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_of_the_schema_of_the_whole_or_none() -> Result<(), Box<dyn std::error::Error>> {
        let document = br#"{"id":1,"items":[{"id":2}, 3]}"#;
        let texts = |parts: [&str; 2]| Ok(Parts::Values(parts.map(|part| part.as_bytes().to_vec()).to_vec()));
        let single = || texts([r#"{"id":1,"items":[{"id":2}]}"#, r#"{"id":1,"items":[3]}"#]);
        for (part, free, schema) in [
            (Part::Value, texts([r#"{"id":2}"#, "3"]), Err(Fault::PartHasNoSchema)),
            (Part::InPlace, texts([r#"{"id":1,"items":{"id":2}}"#, r#"{"id":1,"items":3}"#]), Err(Fault::PartHasNoSchema)),
            (Part::Single, single(), single()),
        ] {
            let split = Split { path: Path::parse("$.items")?, part, none: Missing::Drop, index_header: None };
            let of = |kind| split.of(Value { kind, bytes: document });
            assert_eq!(of(sluice_plugin::Kind::BYTES), free, "{part:?}");
            assert_eq!(of(sluice_plugin::Kind::TEXT), schema, "{part:?}");
        }
        Ok(())
    }
}
