//! The model: what became of the source offsets of one partition in one transaction, as runs.
//! It holds what the builder or the decoder has checked, and never changes it.

/// Offsets are below this, ends at most this: so far from `i64::MAX` that adding a run's length cannot overflow.
/// No log gets there: at a thousand million records a second it takes a century.
pub(super) const OFFSET_LIMIT: i64 = 1 << 62;

/// A source partition, by name: the map outlives topic ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourcePartition {
    /// The topic on the source cluster.
    pub topic: String,
    /// Its partition, 0 or more.
    pub partition: i32,
}

/// A target partition, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetPartition {
    /// The topic on the target cluster.
    pub topic: String,
    /// Its partition, 0 or more.
    pub partition: i32,
}

/// Consecutive target offsets of one target partition. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetRun {
    /// Index into [`Segment::target_topics`].
    pub topic: u32,
    /// Partition of that topic.
    pub partition: i32,
    /// First offset.
    pub start: i64,
    /// Number of offsets, 1 or more.
    pub length: u64,
}

impl TargetRun {
    /// The offset after the last one.
    pub fn end(&self) -> i64 {
        self.start + self.length as i64
    }

    /// Whether both are in one target partition; of runs of the same segment only, as topics are numbered in it.
    pub(super) fn same_partition(&self, other: &TargetRun) -> bool {
        self.topic == other.topic && self.partition == other.partition
    }
}

/// What became of some consecutive source records. Source offsets that no piece names never were records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Record `source + i` became `target.start + i`; `target.length` says how many.
    Copied {
        /// First source offset.
        source: i64,
        /// Where they went.
        target: TargetRun,
    },
    /// Nothing of these records is among the data on the target: filtered or quarantined.
    Dropped {
        /// First source offset.
        source: i64,
        /// Number of records, 1 or more.
        length: u64,
    },
    /// One record that emitted others.
    Expanded {
        /// Its offset.
        source: i64,
        /// Its outputs, in order: `first_run..first_run + runs` of the segment's runs; see [`Segment::runs_of`].
        first_run: u32,
        /// Number of runs, 1 or more.
        runs: u32,
        /// Which of the outputs, counted over all runs from 0, is the record itself; none: only the others went on.
        survivor: Option<u32>,
    },
}

impl Piece {
    /// First source offset.
    pub fn source(&self) -> i64 {
        match *self {
            Piece::Copied { source, .. } | Piece::Dropped { source, .. } | Piece::Expanded { source, .. } => source,
        }
    }

    /// The source offset after the last one.
    pub fn source_end(&self) -> i64 {
        match *self {
            Piece::Copied { source, target } => source + target.length as i64,
            Piece::Dropped { source, length } => source + length as i64,
            Piece::Expanded { source, .. } => source + 1,
        }
    }
}

/// One run of target records with the source records behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landing {
    /// Source offset of the first target record of the run.
    pub source: i64,
    /// The run.
    pub target: TargetRun,
    /// Whether all of the run came from the one record at `source`, instead of one record each.
    pub expanded: bool,
}

/// What one transaction did with one source partition: complete over the source offsets `[from, to)`.
///
/// Made by [`super::SegmentBuilder`] or [`super::decode`] only, which uphold: pieces ascend, do not overlap and lie
/// within `[from, to)`; offsets are 0 or more and no end exceeds 2^62; runs name existing topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub(super) source: SourcePartition,
    pub(super) generation: u64,
    pub(super) exact: bool,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) topics: Vec<String>,
    pub(super) pieces: Vec<Piece>,
    /// Runs of all expanded pieces back to back, so that a record that emits costs no allocation of its own.
    pub(super) runs: Vec<TargetRun>,
}

impl Segment {
    /// The source partition.
    pub fn source(&self) -> &SourcePartition {
        &self.source
    }

    /// Generation of the configuration, digests and keys that made these records; see [`super::Admission`].
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// False where the segment was written without a transaction (`delivery: at_least_once`): its records may be
    /// on the target twice, or be there without the segment.
    pub fn exact(&self) -> bool {
        self.exact
    }

    /// First source offset covered.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The source offset after the last one covered: the position that was committed with it.
    pub fn to(&self) -> i64 {
        self.to
    }

    /// The target topics that runs refer to by index.
    pub fn target_topics(&self) -> &[String] {
        &self.topics
    }

    /// The pieces, source offsets ascending.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The target runs of a piece of this segment, in output order; none of a dropped one.
    pub fn runs_of<'a>(&'a self, piece: &'a Piece) -> &'a [TargetRun] {
        match piece {
            Piece::Copied { target, .. } => std::slice::from_ref(target),
            Piece::Dropped { .. } => &[],
            Piece::Expanded { first_run, runs, .. } => &self.runs[*first_run as usize..(*first_run + *runs) as usize],
        }
    }

    /// All target runs with the source records behind them, in source order.
    pub fn landings(&self) -> impl Iterator<Item = Landing> + '_ {
        self.pieces.iter().flat_map(|piece| {
            let expanded = matches!(piece, Piece::Expanded { .. });
            self.runs_of(piece).iter().map(move |&target| Landing { source: piece.source(), target, expanded })
        })
    }
}
