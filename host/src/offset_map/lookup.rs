//! Answers many questions over one scan of the map: where source offsets landed, and where target offsets came from.
//! It keeps the questions, the answers and what feeds what, never segments: memory does not grow with the map.
//!
//! Feed every segment of the topic in log order, all lanes, whichever source partition they are of: those of other
//! partitions tell whether a target partition has one feeder or several, on which `exact` depends.
//!
//! **Replays.** Within one source partition segments follow each other. One that starts below what is covered is a
//! replay (`at_least_once` after a crash, or a topic made anew): it takes back all that is known from its start on,
//! because everything from there on is written again.

mod forward;
mod reverse;
mod spread;

use super::run::{Segment, SourcePartition, TargetPartition};
use forward::Forward;
use reverse::Reverse;
use spread::Spread;

/// Where a source partition and its home on the target stood before the first record: what "no survivor" means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// First source offset that the pipeline copies.
    pub start: i64,
    /// The target partition that the source partition feeds unless rerouted.
    pub target: TargetPartition,
    /// Its end offset when the pipeline began; 0 where Sluice created the topic.
    pub target_end: i64,
}

/// Where do these offsets of a source partition land?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskForward {
    /// The source partition.
    pub source: SourcePartition,
    /// Count only what landed in this target partition: the lowest safe offset there, where a chain routes records
    /// to several. None: whatever comes first.
    pub within: Option<TargetPartition>,
    /// The offsets, any order, any number.
    pub offsets: Vec<i64>,
    /// Answers where nothing survived; without it these stay without an answer.
    pub genesis: Option<Genesis>,
}

/// Where do these offsets of a target partition come from?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskReverse {
    /// The target partition.
    pub target: TargetPartition,
    /// The offsets, any order, any number.
    pub offsets: Vec<i64>,
}

/// Where a source offset landed: reading on from here on the target misses nothing that reading on from there at
/// the source would have met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// The target partition.
    pub target: TargetPartition,
    /// The target offset.
    pub offset: i64,
    /// Whether it repeats nothing either: a transaction wrote it, the source partition feeds this target partition
    /// alone, no other source partition and no other writer feeds it, and the map reaches the offset. Another writer is
    /// noticed within a transaction alone: between two, its records cannot be told from those that an abort of ours left,
    /// which take offsets too.
    pub exact: bool,
}

/// Where a target offset came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The source partition.
    pub source: SourcePartition,
    /// The source offset.
    pub offset: i64,
    /// As [`Mapped::exact`], the other way; false below the first and past the last record of the map.
    pub exact: bool,
}

/// The questions and what is known of their answers so far.
#[derive(Debug)]
pub struct Lookup {
    /// By index of the source partition.
    forward: Vec<Vec<Forward>>,
    /// By index of the target partition.
    reverse: Vec<Vec<Reverse>>,
    spread: Spread,
}

impl Lookup {
    /// All questions come first: an answer needs every segment from the first on.
    pub fn new(forward: Vec<AskForward>, reverse: Vec<AskReverse>) -> Self {
        let mut this = Self { forward: Vec::new(), reverse: Vec::new(), spread: Spread::default() };
        for ask in forward {
            let ask = Forward::new(ask, &mut this.spread);
            at(&mut this.forward, ask.source).push(ask);
        }
        for ask in reverse {
            let ask = Reverse::new(ask, &mut this.spread);
            at(&mut this.reverse, ask.target).push(ask);
        }
        this
    }

    /// Takes the next segment of the log into account.
    pub fn feed(&mut self, segment: &Segment) {
        let source = self.spread.source(segment.source());
        let forward = at(&mut self.forward, source);
        for ask in forward.iter_mut() {
            ask.cover(segment.from(), segment.to());
        }
        let mut last = None;
        for landing in segment.landings() {
            let run = landing.target;
            let target = match last {
                Some((before, target)) if run.same_partition(&before) => {
                    if before.end() != run.start {
                        // Within one transaction our records lie side by side: no marker of ours comes between.
                        self.spread.other_writer(target);
                    }
                    target
                }
                _ => self.spread.fed(source, &segment.target_topics()[run.topic as usize], run.partition),
            };
            last = Some((run, target));
            for ask in forward.iter_mut() {
                ask.land(&landing, target, segment.exact());
            }
            for ask in at(&mut self.reverse, target) {
                ask.land(&landing, source, segment.exact());
            }
        }
    }

    /// The first surviving record at or after a source offset that was asked for, filtered topics included; of a
    /// record that emitted others the first output. No later survivor: the last survivor + 1. No survivor ever, or
    /// an offset below what the map still reaches: the target's end at genesis. None: not asked, or none of these.
    pub fn forward(&self, source: &SourcePartition, offset: i64) -> Option<Mapped> {
        self.forward_where(source, None, offset)
    }

    /// As [`Lookup::forward`], of what was asked with [`AskForward::within`].
    pub fn forward_within(&self, source: &SourcePartition, within: &TargetPartition, offset: i64) -> Option<Mapped> {
        self.forward_where(source, Some(within), offset)
    }

    fn forward_where(&self, source: &SourcePartition, within: Option<&TargetPartition>, offset: i64) -> Option<Mapped> {
        let asks = self.forward.get(self.spread.find_source(source)?)?;
        let asked = |ask: &&Forward| ask.within.map(|target| self.spread.target_name(target)) == within;
        asks.iter().filter(asked).find_map(|ask| ask.answer(offset, &self.spread))
    }

    /// The source record of a target offset that was asked for; where that is no record of ours (a control marker),
    /// of the next one. Past the last: the source offset after it. None: not asked, or nothing landed there.
    pub fn reverse(&self, target: &TargetPartition, offset: i64) -> Option<Origin> {
        let asks = self.reverse.get(self.spread.find_target(&target.topic, target.partition)?)?;
        asks.iter().find_map(|ask| ask.answer(offset, &self.spread))
    }
}

/// The entry at `index`, made where it is missing.
fn at<T>(entries: &mut Vec<Vec<T>>, index: usize) -> &mut Vec<T> {
    if entries.len() <= index {
        entries.resize_with(index + 1, Vec::new);
    }
    &mut entries[index]
}

#[cfg(test)]
mod tests;
