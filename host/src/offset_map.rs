//! The offset map: which target offset each source offset became, written in the same transaction as the data.
//! It knows nothing of Kafka's clients: it builds, encodes, decodes and searches, and never reads or writes a topic.
//!
//! ```text
//! lane ──record──▶ SegmentBuilder ──finish──▶ Segment ──encode──▶ __sluice.<pipeline>.offset-map
//!                                                                          │
//!               forward / reverse ◀──answer── Lookup ◀──feed── Segment ◀──decode
//! ```
//!
//! A segment says what became of *every* source offset of one partition in one transaction, so that a search never
//! has to guess: a source offset that no piece names was a gap (compacted away, or a control marker).

mod admission;
mod builder;
mod codec;
mod lookup;
mod makers;
#[cfg(test)]
mod naive;
mod run;
mod varint;

pub use admission::Admission;
pub use builder::{BuildError, Output, SegmentBuilder};
pub use codec::{DecodeError, EncodeError, Key, MapRecord, SPLIT_BYTES, decode, encode};
pub use lookup::{AskForward, AskReverse, Genesis, Lookup, Mapped, Origin};
pub use makers::Makers;
pub use run::{Landing, Piece, Segment, SourcePartition, TargetPartition, TargetRun};
