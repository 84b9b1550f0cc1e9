//! Where offsets of one target partition came from.
//! It sees runs of any source partition in any order and keeps one answer a question.

use super::spread::Spread;
use super::{AskReverse, Origin};
use crate::offset_map::run::Landing;

/// The target record `at` came from the source record at `offset`.
#[derive(Debug, Clone, Copy)]
struct Back {
    at: i64,
    source: usize,
    offset: i64,
    exact: bool,
}

/// The questions about one target partition, and their answers so far.
#[derive(Debug)]
pub(super) struct Reverse {
    pub(super) target: usize,
    /// Ascending, each once.
    offsets: Vec<i64>,
    /// The nearest record at or after each, so far; ascending by `at`, with the unanswered ones last.
    backs: Vec<Option<Back>>,
    /// The place after the last record, and the source offset after that record.
    last: Option<Back>,
    /// The lowest offset of a record: the map may not reach below it.
    first: i64,
}

impl Reverse {
    /// No answers yet; offsets may come in any order, and twice.
    pub(super) fn new(ask: AskReverse, spread: &mut Spread) -> Self {
        let AskReverse { target, mut offsets } = ask;
        offsets.sort_unstable();
        offsets.dedup();
        let backs = vec![None; offsets.len()];
        Self { target: spread.target(&target.topic, target.partition), offsets, backs, last: None, first: i64::MAX }
    }

    /// A run of records of `source` landed in this partition; of two at one offset the later one counts. `exact`: a
    /// transaction wrote it.
    pub(super) fn land(&mut self, landing: &Landing, source: usize, exact: bool) {
        let run = landing.target;
        self.first = self.first.min(run.start);
        let source_of = |at: i64| landing.source + if landing.expanded { 0 } else { at - run.start };
        let back = |at: i64| Back { at, source, offset: source_of(at), exact };
        let inside = self.offsets.partition_point(|&asked| asked < run.start);
        for (asked, answer) in self.offsets[inside..].iter().zip(&mut self.backs[inside..]) {
            if *asked >= run.end() {
                break;
            }
            *answer = Some(back(*asked));
        }
        // Answers ascend with the questions: the first below that has a nearer one ends the walk.
        for answer in self.backs[..inside].iter_mut().rev() {
            if answer.is_some_and(|known| known.at < run.start) {
                break;
            }
            *answer = Some(back(run.start));
        }
        if self.last.is_none_or(|last| last.at < run.end()) {
            self.last = Some(Back { at: run.end(), source, offset: source_of(run.end() - 1) + 1, exact: false });
        }
    }

    /// Where an offset came from, once all segments were seen; past the last record the source offset after that. None
    /// for an offset that was not asked, or where no record landed at all.
    pub(super) fn answer(&self, offset: i64, spread: &Spread) -> Option<Origin> {
        let index = self.offsets.binary_search(&offset).ok()?;
        let back = self.backs[index].or(self.last)?;
        Some(Origin {
            source: spread.source_name(back.source).clone(),
            offset: back.offset,
            exact: back.exact && self.first <= offset && spread.alone(back.source, self.target),
        })
    }
}
