//! What the offset map says of whole partitions: which source offsets were dealt with, which target offsets that made,
//! and under which configuration. It keeps runs, never segments, and talks to nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::offset_map::{Admission, MapRecord, Piece, Segment, SourcePartition};
use crate::position::{Account, MapEnds};

/// A topic and one of its partitions.
pub type Partition = (String, i32);

/// Lane and generation: a generation is a lane's own.
pub type Maker = (u32, u64);

/// What the map says of one source partition.
#[derive(Debug, Default)]
pub struct Dealt {
    /// First source offset that it reaches, and the one after the last.
    pub covered: Option<(i64, i64)>,
    /// Source offsets in between that no segment names.
    pub holes: u64,
    /// Where segments began below what was covered already: the topic was made anew, or its records were made twice.
    pub again: Vec<i64>,
    /// False where a segment was written without a transaction.
    pub inexact: bool,
    pub makers: BTreeSet<Maker>,
    /// What became of the records within the bounds asked for; the map cannot tell filtered from quarantined: both count
    /// as filtered.
    pub account: Account,
    /// Target records made of source offsets below those bounds.
    pub below: u64,
}

/// Consecutive target offsets that one source partition made; the key of its entry is the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// The offset after the last one.
    pub to: i64,
    /// Records in it: less than offsets where transactions end in it.
    pub records: u64,
    /// Index into [`Coverage::source`].
    pub source: usize,
    pub maker: Maker,
    /// The source topic was made anew since: nothing of it can be made again.
    pub gone: bool,
}

/// Fed with the whole map, generation by generation, each lane in log order; answers afterwards.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Source offsets whose records are counted, by partition: from the first up to before the second.
    bounds: BTreeMap<Partition, (i64, i64)>,
    ends: MapEnds,
    sources: Vec<SourcePartition>,
    by_source: HashMap<SourcePartition, usize>,
    dealt: Vec<Dealt>,
    landed: BTreeMap<Partition, BTreeMap<i64, Landed>>,
    admissions: BTreeMap<Maker, Admission>,
}

impl Coverage {
    /// `ends`: what of the map is over. Source partitions without bounds are counted whole.
    pub fn new(bounds: BTreeMap<Partition, (i64, i64)>, ends: MapEnds) -> Self {
        Self { bounds, ends, ..Self::default() }
    }

    /// Takes a record of `generation` of the map, written by `lane`, into account.
    pub fn feed(&mut self, generation: u32, lane: u32, record: MapRecord) {
        match record {
            MapRecord::Admission(admission) => {
                self.admissions.insert((lane, admission.generation), admission);
            }
            MapRecord::Segment(segment) if self.ends.ended(&segment.source().topic, generation) => {}
            MapRecord::Segment(segment) => self.segment((lane, segment.generation()), &segment),
        }
    }

    fn segment(&mut self, maker: Maker, segment: &Segment) {
        let source = self.index(segment.source());
        let at = (segment.source().topic.clone(), segment.source().partition);
        let bounds = self.bounds.get(&at).copied().unwrap_or((i64::MIN, i64::MAX));
        let dealt = &mut self.dealt[source];
        let mut anew = false;
        dealt.covered = Some(match dealt.covered {
            None => (segment.from(), segment.to()),
            Some((first, to)) if segment.from() >= to => {
                dealt.holes += (segment.from() - to).unsigned_abs();
                (first, segment.to())
            }
            Some((first, to)) => {
                dealt.again.push(segment.from());
                anew = segment.exact();
                if anew { (segment.from(), segment.to()) } else { (first.min(segment.from()), to.max(segment.to())) }
            }
        });
        if anew {
            // Within transactions only a topic made anew begins again: what came before is of another topic.
            (dealt.account, dealt.below, dealt.holes) = (Account::default(), 0, 0);
            for landed in self.landed.values_mut().flat_map(BTreeMap::values_mut).filter(|landed| landed.source == source) {
                landed.gone = true;
            }
        }
        dealt.inexact |= !segment.exact();
        dealt.makers.insert(maker);
        for piece in segment.pieces() {
            count(&mut dealt.account, segment, piece, bounds);
        }
        let mut met = BTreeSet::new();
        for landing in segment.landings() {
            let run = landing.target;
            let below = match bounds.0.saturating_sub(landing.source) {
                before if before <= 0 => 0,
                _ if landing.expanded => run.length,
                before => run.length.min(before.unsigned_abs()),
            };
            self.dealt[source].below += below;
            // A transaction leaves one marker behind its records; within it ours lie side by side.
            let marker = i64::from(segment.exact() && met.insert((run.topic, run.partition)));
            let topic = segment.target_topics()[run.topic as usize].clone();
            let runs = self.landed.entry((topic, run.partition)).or_default();
            let landed = Landed { to: run.end(), records: run.length, source, maker, gone: false };
            place(runs, run.start, landed, marker);
        }
    }

    fn index(&mut self, source: &SourcePartition) -> usize {
        if let Some(index) = self.by_source.get(source) {
            return *index;
        }
        let index = self.sources.len();
        self.sources.push(source.clone());
        self.by_source.insert(source.clone(), index);
        self.dealt.push(Dealt::default());
        index
    }

    /// The source partition behind a [`Landed`].
    pub fn source(&self, index: usize) -> &SourcePartition {
        &self.sources[index]
    }

    /// What became of a source partition; none where the map does not name it.
    pub fn dealt(&self, topic: &str, partition: i32) -> Option<&Dealt> {
        self.by_source.get(&SourcePartition { topic: topic.to_owned(), partition }).map(|index| &self.dealt[*index])
    }

    /// What a generation stands for; none where the map does not say any more.
    pub fn admission(&self, maker: Maker) -> Option<&Admission> {
        self.admissions.get(&maker)
    }

    /// The target partitions that the map names.
    pub fn targets(&self) -> impl Iterator<Item = &Partition> {
        self.landed.keys()
    }

    /// The target partitions that records of this source topic, as it is now, landed in.
    pub fn reached_by(&self, topic: &str) -> impl Iterator<Item = &Partition> {
        let of_topic = move |landed: &Landed| !landed.gone && self.sources[landed.source].topic == topic;
        self.landed.iter().filter(move |(_, runs)| runs.values().any(of_topic)).map(|(at, _)| at)
    }

    /// Everything that landed in a target partition, in order, with its first offset.
    pub fn landed(&self, at: &Partition) -> impl Iterator<Item = (i64, &Landed)> {
        self.landed.get(at).into_iter().flatten().map(|(from, landed)| (*from, landed))
    }

    /// What made that target offset.
    pub fn behind(&self, at: &Partition, offset: i64) -> Option<&Landed> {
        let (_, landed) = self.landed.get(at)?.range(..=offset).next_back()?;
        (offset < landed.to).then_some(landed)
    }

    /// What of `[from, to)` of a target partition the map does not account for; a single offset between two transactions
    /// of one source partition is their marker, and no gap.
    pub fn gaps(&self, at: &Partition, from: i64, to: i64) -> Vec<(i64, i64)> {
        let (mut gaps, mut next) = (Vec::new(), from);
        for (start, landed) in self.landed(at) {
            if start > next {
                gaps.push((next, start.min(to)));
            }
            next = next.max(landed.to);
        }
        if next < to {
            gaps.push((next, to));
        }
        gaps.retain(|(from, to)| from < to);
        gaps
    }
}

/// Adds a run to those of its partition; joins the one before where only a marker may stand between.
fn place(runs: &mut BTreeMap<i64, Landed>, start: i64, landed: Landed, marker: i64) {
    if let Some((_, last)) = runs.range_mut(..=start).next_back()
        && last.source == landed.source
        && last.maker == landed.maker
        && !last.gone
        && (0..=marker).contains(&(start - last.to))
    {
        last.to = landed.to;
        last.records += landed.records;
        return;
    }
    runs.insert(start, landed);
}

/// Adds what became of a piece's records within `bounds`.
fn count(account: &mut Account, segment: &Segment, piece: &Piece, bounds: (i64, i64)) {
    let within = (piece.source_end().min(bounds.1) - piece.source().max(bounds.0)).max(0).unsigned_abs();
    account.read += within;
    match piece {
        Piece::Copied { .. } => account.passed += within,
        Piece::Dropped { .. } => account.filtered += within,
        Piece::Expanded { survivor, .. } => {
            let outputs: u64 = segment.runs_of(piece).iter().map(|run| run.length).sum();
            let survived = u64::from(survivor.is_some());
            account.passed += within * survived;
            account.filtered += within * (1 - survived);
            account.emitted += within * (outputs - survived);
        }
    }
}

#[cfg(test)]
mod tests;
