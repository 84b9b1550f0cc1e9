//! Reads one value for one step, whatever it is written in: the same three calls for every format. It must not know how
//! the format of a record is found out.

use std::sync::Arc;

use super::hit::{self, DecodeError, Hit, Hits, Kind};
use super::patch::{self, Edit, PatchError, Patched};
use super::selection::Selection;
use super::whole::patch_whole;
use super::{avro, proto};

/// A format, with the step's selection compiled for the value's schema where it has one. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Reader {
    Json,
    Avro(Arc<avro::Plan>),
    Protobuf(Arc<proto::Plan>),
    /// One scalar.
    Whole(Kind),
}

impl PartialEq for Reader {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Json, Self::Json) => true,
            (Self::Avro(a), Self::Avro(b)) => Arc::ptr_eq(a, b),
            (Self::Protobuf(a), Self::Protobuf(b)) => Arc::ptr_eq(a, b),
            (Self::Whole(a), Self::Whole(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Reader {}

impl Reader {
    /// Finds the selected values of `body`, all of which is checked.
    #[inline]
    pub fn select(&self, selection: &Selection, body: &[u8], hits: &mut Hits) -> Result<(), DecodeError> {
        match self {
            Self::Json => selection.select(body, hits),
            Self::Avro(plan) => plan.select(body, hits),
            Self::Protobuf(plan) => plan.select(body, hits),
            Self::Whole(kind) => selection.select_whole(*kind, body, hits),
        }
    }

    /// Appends a found value as a column carries it.
    #[inline]
    pub fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        match self {
            Self::Json => hit::append_value(body, hit, out),
            Self::Avro(plan) => plan.append_value(body, hit, out),
            Self::Protobuf(plan) => plan.append_value(body, hit, out),
            Self::Whole(_) => {
                out.extend_from_slice(body);
                Ok(())
            }
        }
    }

    /// Appends the body with its values edited, if that changes it.
    #[inline]
    pub fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError> {
        match self {
            Self::Json => patch::patch(body, hits, edit, out),
            Self::Avro(plan) => plan.patch(body, hits, edit, out),
            Self::Protobuf(plan) => plan.patch(body, hits, edit, out),
            Self::Whole(kind) => patch_whole(*kind, body, hits, edit, out),
        }
    }
}
