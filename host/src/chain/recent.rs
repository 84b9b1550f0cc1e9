//! The last records that a step was shown and that passed it, for the trial of a plugin that is to take its place. In
//! memory only, bounded, and gone with the lane: it must not show them to anybody but that trial.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::plugin::Batch;

/// Records that one lane keeps of one step, and bytes of their granted parts.
const RECORDS: u32 = 100;
const BYTES: usize = 64 << 10;

/// Least time between two looks: under load a trial wants samples, not everything.
const EVERY: Duration = Duration::from_millis(100);

/// What one lane keeps of one step.
#[derive(Default)]
pub struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    batches: VecDeque<Batch>,
    last: Option<Instant>,
}

/// All lanes' recent records of one step. Lanes come and go; what a lane kept goes with it.
#[derive(Default)]
pub struct RecentOfLanes(Mutex<Vec<Weak<Recent>>>);

impl Recent {
    /// Whether it is time to keep another batch.
    pub fn is_due(&self) -> bool {
        self.lock().last.is_none_or(|last| last.elapsed() >= EVERY)
    }

    /// Keeps the beginning of a batch that passed; what was kept first goes first.
    pub fn keep(&self, batch: &Batch) {
        let mut head = batch.head(RECORDS);
        while head.bytes() > BYTES && head.count > 1 {
            head = head.head(head.count / 2);
        }
        let mut kept = self.lock();
        kept.last = Some(Instant::now());
        if head.count == 0 || head.bytes() > BYTES {
            return;
        }
        kept.batches.push_back(head);
        let over = |batches: &VecDeque<Batch>| {
            batches.iter().map(|batch| batch.count).sum::<u32>() > RECORDS || batches.iter().map(Batch::bytes).sum::<usize>() > BYTES
        };
        while over(&kept.batches) {
            kept.batches.pop_front();
        }
    }

    fn batches(&self) -> Vec<Batch> {
        self.lock().batches.iter().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecentOfLanes {
    /// A lane begins to keep.
    pub fn join(&self, recent: Weak<Recent>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|lane| lane.strong_count() > 0);
        all.push(recent);
    }

    /// Copies of what all lanes keep now, oldest first within a lane.
    pub fn batches(&self) -> Vec<Batch> {
        let all: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
        all.iter().flat_map(|recent| recent.batches()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plugin::{Column, Kind};

    fn batch(count: u32, bytes: usize) -> Batch {
        let mut column = Column::default();
        for row in 0..count {
            column.push(row, Kind::Text, &vec![b'x'; bytes]).unwrap_or_else(|error| panic!("{error}"));
        }
        Batch { topic: "t".into(), count, fields: vec![column], ..Batch::default() }
    }

    #[test]
    fn no_more_than_the_bounds_is_kept() {
        let recent = Recent::default();
        let counts = |recent: &Recent| recent.batches().iter().map(|batch| batch.count).collect::<Vec<_>>();
        assert!(recent.is_due());
        recent.keep(&batch(40, 1));
        assert!(!recent.is_due());
        recent.keep(&batch(50, 1));
        assert_eq!(counts(&recent), [40, 50]);
        recent.keep(&batch(20, 1));
        assert_eq!(counts(&recent), [50, 20], "the oldest goes");
        recent.keep(&batch(500, 1));
        assert_eq!(counts(&recent), [100]);
        recent.keep(&batch(100, 1000));
        assert_eq!(counts(&recent), [50], "halved until it fits");
        recent.keep(&batch(1, BYTES + 1));
        recent.keep(&batch(0, 0));
        assert_eq!(counts(&recent), [50], "what does not fit is not kept");
    }

    #[test]
    fn what_a_lane_kept_goes_with_it() {
        let lanes = RecentOfLanes::default();
        let (one, two) = (Arc::new(Recent::default()), Arc::new(Recent::default()));
        lanes.join(Arc::downgrade(&one));
        lanes.join(Arc::downgrade(&two));
        one.keep(&batch(1, 1));
        two.keep(&batch(2, 1));
        assert_eq!(lanes.batches().len(), 2);
        drop(one);
        assert_eq!(lanes.batches().len(), 1);
    }
}
