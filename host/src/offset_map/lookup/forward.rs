//! Where offsets of one source partition landed.
//! It sees runs in source order and keeps one answer a question; it decides nothing about other partitions.

use super::spread::Spread;
use super::{AskForward, Genesis, Mapped};
use crate::offset_map::run::Landing;

/// A target record, or the place after one.
#[derive(Debug, Clone, Copy)]
struct Hit {
    source: i64,
    target: usize,
    offset: i64,
    exact: bool,
}

/// The questions about one source partition, and their answers so far.
#[derive(Debug)]
pub(super) struct Forward {
    pub(super) source: usize,
    pub(super) within: Option<usize>,
    /// Ascending, each once.
    offsets: Vec<i64>,
    /// Answers of the first questions: a survivor at or after one offset is one for all lower offsets, so the
    /// answered questions are always a prefix, and their answers ascend.
    hits: Vec<Hit>,
    /// First source offset that the map reaches, and the one after the last.
    covered: Option<(i64, i64)>,
    /// After the last survivor. A replay does not take it back: what comes next lands after it all the same.
    last: Option<Hit>,
    genesis: Option<(Genesis, usize)>,
}

impl Forward {
    /// No answers yet; offsets may come in any order, and twice.
    pub(super) fn new(ask: AskForward, spread: &mut Spread) -> Self {
        let AskForward { source, within, mut offsets, genesis } = ask;
        offsets.sort_unstable();
        offsets.dedup();
        Self {
            source: spread.source(&source),
            within: within.map(|target| spread.target(&target.topic, target.partition)),
            offsets,
            hits: Vec::new(),
            covered: None,
            last: None,
            genesis: genesis.map(|genesis| {
                let home = spread.target(&genesis.target.topic, genesis.target.partition);
                (genesis, home)
            }),
        }
    }

    /// A segment over `[from, to)` follows; one that starts below what is covered is a replay.
    pub(super) fn cover(&mut self, from: i64, to: i64) {
        let first = match self.covered {
            Some((first, covered)) => {
                if from < covered {
                    let keep = self.hits.partition_point(|hit| hit.source < from);
                    self.hits.truncate(keep);
                }
                first.min(from)
            }
            None => from,
        };
        self.covered = Some((first, to));
    }

    /// A run of records landed in the target partition of that index; one outside `within` is passed over. `exact`: a
    /// transaction wrote it.
    pub(super) fn land(&mut self, landing: &Landing, target: usize, exact: bool) {
        if self.within.is_some_and(|within| within != target) {
            return;
        }
        let run = landing.target;
        let last = landing.source + if landing.expanded { 0 } else { run.length as i64 - 1 };
        while let Some(&asked) = self.offsets.get(self.hits.len())
            && asked <= last
        {
            let source = asked.max(landing.source);
            let offset = run.start + (source - landing.source);
            self.hits.push(Hit { source, target, offset, exact });
        }
        self.last = Some(Hit { source: last, target, offset: run.end(), exact });
    }

    /// Where an offset landed, once all segments were seen; past the last survivor the place after it. None for an
    /// offset that was not asked, or of which neither the map nor a genesis says anything.
    pub(super) fn answer(&self, offset: i64, spread: &Spread) -> Option<Mapped> {
        let index = self.offsets.binary_search(&offset).ok()?;
        let (first, to) = self.covered.unwrap_or((i64::MAX, i64::MIN));
        let whole = self.genesis.as_ref().is_some_and(|(genesis, _)| genesis.start == first);
        let reached = offset >= first || whole;
        match self.hits.get(index).or(self.last.as_ref()) {
            Some(hit) if reached => Some(Mapped {
                target: spread.target_name(hit.target).clone(),
                offset: hit.offset,
                // Past the position nothing is known: what lies between is met again.
                exact: hit.exact && offset <= to && spread.alone(self.source, hit.target),
            }),
            _ => self.genesis.as_ref().map(|(genesis, home)| Mapped {
                target: genesis.target.clone(),
                offset: genesis.target_end,
                exact: whole && offset <= to && spread.untouched(self.source, *home),
            }),
        }
    }
}
