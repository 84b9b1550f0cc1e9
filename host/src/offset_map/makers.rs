//! Who made what: under which generation, and so with which plugins and keys, each source offset was dealt with. It keeps
//! changes of the generation, never segments: memory does not grow with the map.

use std::collections::BTreeMap;

use super::admission::Admission;
use super::run::{Segment, SourcePartition};

/// A generation is a lane's own: two lanes may number differently.
type Maker = (u32, u64);

/// What is known of one source partition.
#[derive(Debug, Default)]
struct Spans {
    /// From that source offset on, until the next entry.
    from: BTreeMap<i64, Maker>,
    /// The source offset after the last one that was dealt with.
    to: i64,
}

/// Fed with the whole map, each lane in log order; answers afterwards.
#[derive(Debug, Default)]
pub struct Makers {
    spans: BTreeMap<SourcePartition, Spans>,
    admissions: BTreeMap<Maker, Admission>,
}

impl Makers {
    /// Takes a segment of lane `lane` into account.
    pub fn segment(&mut self, lane: u32, segment: &Segment) {
        let spans = self.spans.entry(segment.source().clone()).or_default();
        // What starts below the end is a replay: it takes back what stood there.
        spans.from.retain(|from, _| *from < segment.from());
        let maker = (lane, segment.generation());
        if spans.from.values().next_back() != Some(&maker) {
            spans.from.insert(segment.from(), maker);
        }
        spans.to = segment.to();
    }

    /// Takes an admission of lane `lane` into account.
    pub fn admission(&mut self, lane: u32, admission: Admission) {
        self.admissions.insert((lane, admission.generation), admission);
    }

    /// What the record at that source offset was dealt with by. None: nothing was, or the map does not say any more.
    pub fn of(&self, source: &SourcePartition, offset: i64) -> Option<&Admission> {
        let spans = self.spans.get(source)?;
        let maker = spans.from.range(..=offset).next_back().map(|(_, maker)| maker)?;
        if offset < spans.to { self.admissions.get(maker) } else { None }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use crate::offset_map::SegmentBuilder;

    fn source(partition: i32) -> SourcePartition {
        SourcePartition { topic: "t".into(), partition }
    }

    fn segment(partition: i32, from: i64, to: i64, generation: u64) -> Segment {
        SegmentBuilder::new(source(partition), from, generation, true).unwrap().finish(to).unwrap()
    }

    fn admission(generation: u64) -> Admission {
        Admission { generation, config_hash: format!("c{generation}"), digests: BTreeMap::new(), key_ids: Vec::new() }
    }

    #[test]
    fn each_offset_has_the_generation_that_dealt_with_it() {
        let mut makers = Makers::default();
        for lane in [0, 1] {
            [1, 2, 4].into_iter().for_each(|generation| makers.admission(lane, admission(generation)));
        }
        for (from, to, generation) in [(5, 10, 1), (10, 20, 1), (20, 30, 2), (30, 40, 4)] {
            makers.segment(0, &segment(0, from, to, generation));
        }
        makers.segment(1, &segment(1, 0, 10, 2));
        makers.segment(1, &segment(1, 10, 20, 3));
        let generation = |partition, offset| makers.of(&source(partition), offset).map(|admission| admission.generation);
        for (offset, want) in [(4, None), (5, Some(1)), (19, Some(1)), (20, Some(2)), (29, Some(2)), (39, Some(4)), (40, None)] {
            assert_eq!(generation(0, offset), want, "{offset}");
        }
        assert_eq!(generation(1, 9), Some(2));
        assert_eq!(generation(1, 10), None, "an admission that the map lost tells nothing");
        assert_eq!(generation(2, 0), None);
        assert_eq!(makers.spans[&source(0)].from.len(), 3);
    }

    #[test]
    fn a_replay_takes_back() {
        let mut makers = Makers::default();
        [1, 2].into_iter().for_each(|generation| makers.admission(0, admission(generation)));
        makers.segment(0, &segment(0, 0, 10, 1));
        makers.segment(0, &segment(0, 10, 20, 2));
        makers.segment(0, &segment(0, 5, 8, 2));
        let generation = |offset| makers.of(&source(0), offset).map(|admission| admission.generation);
        assert_eq!([generation(4), generation(5), generation(7), generation(8)], [Some(1), Some(2), Some(2), None]);
    }
}
