//! The bytes of the map's records, version 1: a JSON key, and a value of varints that are mostly deltas.
//! Whoever may write the topic may write anything into it: decoding checks all and trusts nothing.
//!
//! ```text
//! value    = version kind body            version = 1; kind = 0 segment | 1 admission
//! segment  = flags generation source-topic source-partition from (to - from)
//!            count topic…  count piece…   flags: bit 0 exact
//! piece    = (gap << 2 | tag) …           gap = source offsets since the end of the last piece
//!   0 copied    run
//!   1 dropped   (length - 1)
//!   2 expanded  (survivor + 1, or 0) (runs - 1) run…
//! run      = ((length - 1) << 1 | moved) [topic partition] delta
//!            moved: another target partition than the run before; delta: signed, from the end of the run before
//! ```

use super::admission::Admission;
use super::run::{OFFSET_LIMIT, Piece, Segment, SourcePartition, TargetRun};
use super::varint::{Malformed, Reader, put, put_signed, put_text};

const VERSION: u8 = 1;
const SEGMENT: u8 = 0;
const ADMISSION: u8 = 1;
const EXACT: u8 = 1;

const COPIED: u64 = 0;
const DROPPED: u64 = 1;
const EXPANDED: u64 = 2;

/// A value that grows past this many bytes is split, well below the 1 MiB that brokers accept by default.
pub const SPLIT_BYTES: usize = 900_000;

/// Kafka's own limit for topic names.
const MOST_TOPIC: usize = 249;

/// One record of the map's topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapRecord {
    /// What became of some source offsets.
    Segment(Segment),
    /// What a generation stands for.
    Admission(Admission),
}

/// The value is not a map record of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer Sluice.
    #[error("cannot read offset map record of version {0}: this build reads version 1; read it with a newer one")]
    Version(u8),
    /// Not written by Sluice, or damaged.
    #[error("cannot read offset map record: {0}")]
    Malformed(&'static str),
}

impl From<Malformed> for DecodeError {
    fn from(Malformed(why): Malformed) -> Self {
        DecodeError::Malformed(why)
    }
}

/// The segment or admission cannot be written in a form that reading takes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A record that emitted into so many separate runs that they exceed a record of the map.
    #[error("cannot write the offset map of source offset {source_offset}: its {runs} target runs exceed one record")]
    PieceTooLarge {
        /// The record.
        source_offset: i64,
        /// How many separate runs it landed in.
        runs: usize,
    },
    /// A topic name that is empty or longer than Kafka allows.
    #[error("cannot write the offset map: topic name of {0} bytes, Kafka allows 1 to 249")]
    TopicName(usize),
    /// A name or hash in an admission that is empty or longer than 1,024 bytes.
    #[error("cannot write admission of generation {0} to the offset map: a name is empty or longer than 1024 bytes")]
    AdmissionText(u64),
}

/// The key of a map record: `{"source":"<cluster id>","topic":"…","partition":N}` for segments,
/// `{"source":"<cluster id>","generation":N}` for admissions.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Key {
    /// Of a segment.
    Segment {
        /// Source cluster id.
        source: String,
        /// Source topic.
        topic: String,
        /// Source partition.
        partition: i32,
    },
    /// Of an admission.
    Admission {
        /// Source cluster id.
        source: String,
        /// The generation.
        generation: u64,
    },
}

impl Key {
    /// The record key's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and integers always serialise")
    }

    /// Reads a record key.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(bytes).map_err(|_| DecodeError::Malformed("its key is not one of an offset map"))
    }
}

/// The values for one map record, in order: several where a segment would exceed [`SPLIT_BYTES`], each of them a
/// complete segment of part of its source offsets.
pub fn encode(record: &MapRecord) -> Result<Vec<Vec<u8>>, EncodeError> {
    match record {
        MapRecord::Segment(segment) => encode_segment(segment, SPLIT_BYTES),
        MapRecord::Admission(admission) if !admission.fits() => Err(EncodeError::AdmissionText(admission.generation)),
        MapRecord::Admission(admission) => {
            let mut out = vec![VERSION, ADMISSION];
            admission.put(&mut out);
            Ok(vec![out])
        }
    }
}

/// The end of the run before, from which the next one is written as a difference.
#[derive(Clone, Copy)]
struct Before {
    topic: u32,
    partition: i32,
    end: i64,
}

const FIRST: Before = Before { topic: 0, partition: 0, end: 0 };

fn encode_segment(segment: &Segment, split: usize) -> Result<Vec<Vec<u8>>, EncodeError> {
    let mut names = std::iter::once(&segment.source.topic).chain(&segment.topics);
    if let Some(name) = names.find(|name| !(1..=MOST_TOPIC).contains(&name.len())) {
        return Err(EncodeError::TopicName(name.len()));
    }
    let mut values = Vec::new();
    let (mut body, mut one) = (Vec::new(), Vec::new());
    let (mut from, mut end, mut count, mut before) = (segment.from, segment.from, 0, FIRST);
    for piece in &segment.pieces {
        one.clear();
        let after = put_piece(&mut one, segment, piece, end, before);
        if body.len() + one.len() > split {
            if count > 0 {
                // The next part starts where the last piece ended: gaps belong to what follows them.
                values.push(value(segment, from, end, count, &body));
                (from, count) = (end, 0);
                body.clear();
            }
            one.clear();
            let after_split = put_piece(&mut one, segment, piece, end, FIRST);
            if one.len() > split {
                return Err(EncodeError::PieceTooLarge { source_offset: piece.source(), runs: segment.runs_of(piece).len() });
            }
            before = after_split;
        } else {
            before = after;
        }
        body.extend_from_slice(&one);
        end = piece.source_end();
        count += 1;
    }
    values.push(value(segment, from, segment.to, count, &body));
    Ok(values)
}

fn value(segment: &Segment, from: i64, to: i64, count: u64, pieces: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pieces.len() + 64);
    out.extend_from_slice(&[VERSION, SEGMENT, if segment.exact { EXACT } else { 0 }]);
    put(&mut out, segment.generation);
    put_text(&mut out, &segment.source.topic);
    put(&mut out, segment.source.partition as u64);
    put(&mut out, from as u64);
    put(&mut out, (to - from) as u64);
    put(&mut out, segment.topics.len() as u64);
    for topic in &segment.topics {
        put_text(&mut out, topic);
    }
    put(&mut out, count);
    out.extend_from_slice(pieces);
    out
}

fn put_piece(out: &mut Vec<u8>, segment: &Segment, piece: &Piece, end: i64, mut before: Before) -> Before {
    let gap = ((piece.source() - end) as u64) << 2;
    match *piece {
        Piece::Copied { .. } => put(out, gap | COPIED),
        Piece::Dropped { length, .. } => {
            put(out, gap | DROPPED);
            put(out, length - 1);
        }
        Piece::Expanded { runs, survivor, .. } => {
            put(out, gap | EXPANDED);
            put(out, survivor.map_or(0, |index| u64::from(index) + 1));
            put(out, u64::from(runs) - 1);
        }
    }
    for run in segment.runs_of(piece) {
        let moved = (run.topic, run.partition) != (before.topic, before.partition);
        put(out, (run.length - 1) << 1 | u64::from(moved));
        if moved {
            put(out, u64::from(run.topic));
            put(out, run.partition as u64);
        }
        put_signed(out, run.start - before.end);
        before = Before { topic: run.topic, partition: run.partition, end: run.end() };
    }
    before
}

/// Reads the value of one map record, as untrusted bytes.
pub fn decode(value: &[u8]) -> Result<MapRecord, DecodeError> {
    let mut reader = Reader::new(value);
    let version = reader.byte()?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    let record = match reader.byte()? {
        SEGMENT => MapRecord::Segment(read_segment(&mut reader)?),
        ADMISSION => MapRecord::Admission(Admission::read(&mut reader)?),
        _ => return Err(DecodeError::Malformed("its kind is unknown")),
    };
    if !reader.is_empty() {
        return Err(DecodeError::Malformed("bytes follow its end"));
    }
    Ok(record)
}

fn read_segment(reader: &mut Reader<'_>) -> Result<Segment, Malformed> {
    let flags = reader.byte()?;
    if flags & !EXACT != 0 {
        return Err(Malformed("a flag is unknown"));
    }
    let generation = reader.number()?;
    let topic = reader.text(MOST_TOPIC)?.to_owned();
    let source = SourcePartition { topic, partition: partition(reader)? };
    let from = end_of(0, reader.number()?)?;
    let to = end_of(from, reader.number()?)?;
    let mut topics = Vec::new();
    for _ in 0..reader.count()? {
        topics.push(reader.text(MOST_TOPIC)?.to_owned());
    }
    let mut segment = Segment { source, generation, exact: flags & EXACT != 0, from, to, topics, pieces: Vec::new(), runs: Vec::new() };
    let (mut end, mut before) = (from, FIRST);
    for _ in 0..reader.count()? {
        end = read_piece(reader, &mut segment, end, &mut before)?;
    }
    if end > to {
        return Err(Malformed("a piece exceeds its segment"));
    }
    Ok(segment)
}

/// Reads one piece that follows source offset `end`; the source offset after it.
fn read_piece(reader: &mut Reader<'_>, segment: &mut Segment, end: i64, before: &mut Before) -> Result<i64, Malformed> {
    let head = reader.number()?;
    let source = end_of(end, head >> 2)?;
    let piece = match head & 3 {
        COPIED => Piece::Copied { source, target: read_run(reader, &segment.topics, before)? },
        DROPPED => Piece::Dropped { source, length: length(reader.number()?)? },
        EXPANDED => {
            let survivor = reader.number()?;
            let count = reader.number()?;
            let first_run = segment.runs.len();
            let mut outputs = 0u64;
            // A run takes bytes, so a count that lies ends with them.
            for _ in 0..=count {
                let run = read_run(reader, &segment.topics, before)?;
                outputs = outputs.saturating_add(run.length);
                segment.runs.push(run);
            }
            if survivor > outputs || survivor > u64::from(u32::MAX) {
                return Err(Malformed("a survivor is not among the outputs"));
            }
            let survivor = survivor.checked_sub(1).map(|index| index as u32);
            Piece::Expanded { source, first_run: first_run as u32, runs: (segment.runs.len() - first_run) as u32, survivor }
        }
        _ => return Err(Malformed("a piece is of unknown kind")),
    };
    let length = match piece {
        Piece::Copied { target, .. } => target.length,
        Piece::Dropped { length, .. } => length,
        Piece::Expanded { .. } => 1,
    };
    segment.pieces.push(piece);
    end_of(source, length)
}

fn read_run(reader: &mut Reader<'_>, topics: &[String], before: &mut Before) -> Result<TargetRun, Malformed> {
    let head = reader.number()?;
    let length = length(head >> 1)?;
    if head & 1 == 1 {
        let topic = reader.number()?;
        before.topic = u32::try_from(topic).map_err(|_| Malformed("a run names no topic"))?;
        before.partition = partition(reader)?;
    }
    if before.topic as usize >= topics.len() {
        return Err(Malformed("a run names no topic"));
    }
    let start = before.end.checked_add(reader.signed()?).filter(|start| *start >= 0).ok_or(Malformed("an offset is out of range"))?;
    before.end = end_of(start, length)?;
    Ok(TargetRun { topic: before.topic, partition: before.partition, start, length })
}

fn partition(reader: &mut Reader<'_>) -> Result<i32, Malformed> {
    i32::try_from(reader.number()?).map_err(|_| Malformed("a partition is out of range"))
}

fn length(less_one: u64) -> Result<u64, Malformed> {
    less_one.checked_add(1).ok_or(Malformed("a length is out of range"))
}

fn end_of(start: i64, length: u64) -> Result<i64, Malformed> {
    start.checked_add_unsigned(length).filter(|end| *end <= OFFSET_LIMIT).ok_or(Malformed("an offset is out of range"))
}

#[cfg(test)]
mod tests;
