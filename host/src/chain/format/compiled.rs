//! A step's selection compiled for a schema, whichever format the schema is of: what reads its records, and what it says of
//! its places. It must not decide what a misfit means; the step does.

use std::sync::Arc;

use super::{Parsed, Reader};
use crate::fields::{Leaf, Place, Selection, avro, json_schema, proto};

/// A selection compiled for a schema.
pub enum Compiled {
    Avro(Arc<avro::Plan>),
    Protobuf(Arc<proto::Plan>),
    JsonSchema(json_schema::Plan),
}

impl Compiled {
    /// For a schema; none where it has no types, or leaves open which message a record is, or the two are too complex
    /// together.
    pub fn of(selection: &Selection, schema: &Parsed) -> Option<Self> {
        match schema {
            Parsed::Avro(schema) => Self::avro(selection, schema).ok(),
            Parsed::Json(schema) => Some(Self::json_schema(selection, schema)),
            Parsed::Protobuf(_) | Parsed::Unusable(_) => None,
        }
    }

    /// For an Avro schema.
    pub fn avro(selection: &Selection, schema: &avro::Schema) -> Result<Self, avro::PlanError> {
        Ok(Self::Avro(Arc::new(avro::Plan::compile(selection, schema)?)))
    }

    /// For one message of a Protobuf schema.
    pub fn protobuf(selection: &Selection, schema: &proto::Schema, message: proto::MessageId) -> Result<Self, proto::PlanError> {
        Ok(Self::Protobuf(Arc::new(proto::Plan::compile(selection, schema, message)?)))
    }

    /// For a JSON Schema.
    pub fn json_schema(selection: &Selection, schema: &json_schema::Schema) -> Self {
        Self::JsonSchema(json_schema::Plan::compile(selection, schema))
    }

    /// What reads the records of the schema.
    pub fn reader(&self) -> Reader {
        match self {
            Self::Avro(plan) => Reader::Avro(plan.clone()),
            Self::Protobuf(plan) => Reader::Protobuf(plan.clone()),
            Self::JsonSchema(_) => Reader::Json,
        }
    }

    /// Every place of the schema where a single value stands.
    pub fn leaves(&self) -> Vec<Leaf> {
        match self {
            Self::Avro(plan) => plan.leaves(),
            Self::Protobuf(plan) => plan.leaves(),
            Self::JsonSchema(plan) => plan.leaves(),
        }
    }

    /// The fields of the selection whose selector names nothing.
    pub fn unmatched(&self) -> &[usize] {
        match self {
            Self::Avro(plan) => plan.unmatched(),
            Self::Protobuf(plan) => plan.unmatched(),
            Self::JsonSchema(plan) => plan.unmatched(),
        }
    }

    /// What an allow list names nowhere.
    pub fn unlisted(&self) -> Vec<String> {
        match self {
            Self::Avro(plan) => plan.unlisted(),
            Self::Protobuf(plan) => plan.unlisted(),
            Self::JsonSchema(plan) => plan.unlisted(),
        }
    }

    /// The maps that a field masks, and whose names stay.
    pub fn open_names(&self) -> Vec<(u32, String)> {
        match self {
            Self::Avro(plan) => plan.open_names(),
            Self::Protobuf(plan) => plan.open_names(),
            Self::JsonSchema(plan) => plan.open_names().to_vec(),
        }
    }

    /// Every place that hands its values to the field.
    pub fn places(&self, field: u32) -> Vec<Place> {
        match self {
            Self::Avro(plan) => plan.places(field).collect(),
            Self::Protobuf(plan) => plan.places(field).collect(),
            Self::JsonSchema(plan) => plan.places(field).collect(),
        }
    }
}
