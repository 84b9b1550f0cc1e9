//! Builds a segment from records fed in source order, merging neighbours into runs.
//! It takes offsets as acknowledged and never infers one: markers and other writers take offsets in between.

use super::run::{OFFSET_LIMIT, Piece, Segment, SourcePartition, TargetRun};

/// A caller broke the order that the map relies on, or passed an offset that no broker gave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Records must come in source order, from the segment's start on.
    #[error("cannot map source offset {offset}: records before {expected} are already mapped")]
    OutOfOrder {
        /// The offset given.
        offset: i64,
        /// The lowest that would do.
        expected: i64,
    },
    /// A delivery without an offset must abort the transaction, not reach the map.
    #[error("cannot map source offset {source_offset}: {value} is not a target offset or partition")]
    NotATarget {
        /// The record.
        source_offset: i64,
        /// The offset, partition or topic index given.
        value: i64,
    },
    /// The survivor must be one of the outputs.
    #[error("cannot map source offset {source_offset}: output {survivor} of {outputs} cannot be the record itself")]
    NotAnOutput {
        /// The record.
        source_offset: i64,
        /// Index given.
        survivor: u32,
        /// Number of outputs given.
        outputs: usize,
    },
}

/// One acknowledged target record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Index from [`SegmentBuilder::topic`].
    pub topic: u32,
    /// Target partition.
    pub partition: i32,
    /// Target offset, from the delivery report.
    pub offset: i64,
}

/// The run of copied records that the next record may continue, so that the common case is one comparison of the
/// expected with the given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    next_source: i64,
    next: Output,
}

/// No run is open: the topic index is one that no topic gets, so no record continues it.
const CLOSED: Open = Open { next_source: -1, next: Output { topic: u32::MAX, partition: -1, offset: -1 } };

/// Collects one segment. The lane has one a source partition and transaction, and drops it when the transaction aborts.
#[derive(Debug)]
pub struct SegmentBuilder {
    segment: Segment,
    open: Open,
    open_length: u64,
    /// Lowest source offset that the next record may have.
    next: i64,
}

impl SegmentBuilder {
    /// A segment of `source` that starts at the committed position `from`, made under `generation`; `exact` is false
    /// where no transaction ties it to its records.
    pub fn new(source: SourcePartition, from: i64, generation: u64, exact: bool) -> Result<Self, BuildError> {
        if !(0..OFFSET_LIMIT).contains(&from) || source.partition < 0 {
            return Err(BuildError::OutOfOrder { offset: from.min(i64::from(source.partition)), expected: 0 });
        }
        let segment = Segment { source, generation, exact, from, to: from, topics: Vec::new(), pieces: Vec::new(), runs: Vec::new() };
        Ok(Self { segment, open: CLOSED, open_length: 0, next: from })
    }

    /// The index of a target topic in this segment. A linear search: keep the index, not the name, with the record.
    pub fn topic(&mut self, name: &str) -> u32 {
        let topics = &mut self.segment.topics;
        let index = topics.iter().position(|known| known == name).unwrap_or_else(|| {
            topics.push(name.to_owned());
            topics.len() - 1
        });
        index as u32
    }

    /// What became of the record at `source`: its outputs in order, and which of them is the record itself.
    /// No output: dropped. One that is the record itself: copied. Else: expanded.
    #[inline]
    pub fn record(&mut self, source: i64, outputs: &[Output], survivor: Option<u32>) -> Result<(), BuildError> {
        match (outputs, survivor) {
            ([], None) => self.dropped(source),
            (&[output], Some(0)) => self.copied(source, output),
            _ => self.expanded(source, outputs, survivor),
        }
    }

    /// The record at `source` went on as `output` and nothing else.
    #[inline]
    pub fn copied(&mut self, source: i64, output: Output) -> Result<(), BuildError> {
        if self.open != (Open { next_source: source, next: output }) {
            self.start_copied(source, output)?;
        }
        self.open.next_source += 1;
        self.open.next.offset += 1;
        self.open_length += 1;
        Ok(())
    }

    #[cold]
    fn start_copied(&mut self, source: i64, output: Output) -> Result<(), BuildError> {
        self.close();
        self.check(source, &[output])?;
        self.open = Open { next_source: source, next: output };
        Ok(())
    }

    /// Nothing of the record at `source` is among the data on the target.
    pub fn dropped(&mut self, source: i64) -> Result<(), BuildError> {
        self.close();
        self.check(source, &[])?;
        self.next = source + 1;
        match self.segment.pieces.last_mut() {
            Some(Piece::Dropped { source: start, length }) if *start + *length as i64 == source => *length += 1,
            _ => self.segment.pieces.push(Piece::Dropped { source, length: 1 }),
        }
        Ok(())
    }

    fn expanded(&mut self, source: i64, outputs: &[Output], survivor: Option<u32>) -> Result<(), BuildError> {
        self.close();
        self.check(source, outputs)?;
        if let Some(survivor) = survivor
            && survivor as usize >= outputs.len()
        {
            return Err(BuildError::NotAnOutput { source_offset: source, survivor, outputs: outputs.len() });
        }
        self.next = source + 1;
        let first_run = self.segment.runs.len();
        for output in outputs {
            let run = TargetRun { topic: output.topic, partition: output.partition, start: output.offset, length: 1 };
            match self.segment.runs[first_run..].last_mut() {
                Some(last) if last.same_partition(&run) && last.end() == run.start => last.length += 1,
                _ => self.segment.runs.push(run),
            }
        }
        let runs = (self.segment.runs.len() - first_run) as u32;
        self.segment.pieces.push(Piece::Expanded { source, first_run: first_run as u32, runs, survivor });
        Ok(())
    }

    /// Ends the segment at `to`, the position committed with it: every source offset below is accounted for, trailing
    /// control records included.
    pub fn finish(mut self, to: i64) -> Result<Segment, BuildError> {
        self.close();
        if to < self.next || to > OFFSET_LIMIT {
            return Err(BuildError::OutOfOrder { offset: to, expected: self.next });
        }
        self.segment.to = to;
        Ok(self.segment)
    }

    /// Turns the open run into a piece.
    fn close(&mut self) {
        if self.open_length == 0 {
            return;
        }
        let length = self.open_length;
        let Open { next_source, next } = std::mem::replace(&mut self.open, CLOSED);
        self.open_length = 0;
        self.next = next_source;
        let target = TargetRun { topic: next.topic, partition: next.partition, start: next.offset - length as i64, length };
        self.segment.pieces.push(Piece::Copied { source: next_source - length as i64, target });
    }

    /// Outside the common case, so that the consecutive record pays nothing for it.
    fn check(&self, source: i64, outputs: &[Output]) -> Result<(), BuildError> {
        if source < self.next || source >= OFFSET_LIMIT {
            return Err(BuildError::OutOfOrder { offset: source, expected: self.next });
        }
        for output in outputs {
            let wrong = match output {
                Output { offset, .. } if *offset < 0 || *offset >= OFFSET_LIMIT => *offset,
                Output { partition, .. } if *partition < 0 => i64::from(*partition),
                Output { topic, .. } if *topic as usize >= self.segment.topics.len() => i64::from(*topic),
                _ => continue,
            };
            return Err(BuildError::NotATarget { source_offset: source, value: wrong });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;

    fn at(partition: i32, offset: i64) -> Output {
        Output { topic: 0, partition, offset }
    }

    fn builder(from: i64) -> SegmentBuilder {
        let mut builder = SegmentBuilder::new(SourcePartition { topic: "orders".into(), partition: 3 }, from, 7, true).unwrap();
        assert_eq!(builder.topic("orders"), 0);
        builder
    }

    fn run(partition: i32, start: i64, length: u64) -> TargetRun {
        TargetRun { topic: 0, partition, start, length }
    }

    #[test]
    fn neighbours_merge_and_gaps_part() {
        type Fed<'a> = &'a [(i64, &'a [Output], Option<u32>)];
        let cases: &[(&str, Fed, &[Piece])] = &[
            ("nothing", &[], &[]),
            (
                "consecutive on both sides",
                &[(10, &[at(1, 5)], Some(0)), (11, &[at(1, 6)], Some(0))],
                &[Piece::Copied { source: 10, target: run(1, 5, 2) }],
            ),
            (
                "a gap in the source",
                &[(10, &[at(1, 5)], Some(0)), (12, &[at(1, 6)], Some(0))],
                &[Piece::Copied { source: 10, target: run(1, 5, 1) }, Piece::Copied { source: 12, target: run(1, 6, 1) }],
            ),
            (
                "a gap on the target",
                &[(10, &[at(1, 5)], Some(0)), (11, &[at(1, 7)], Some(0))],
                &[Piece::Copied { source: 10, target: run(1, 5, 1) }, Piece::Copied { source: 11, target: run(1, 7, 1) }],
            ),
            (
                "another target partition",
                &[(10, &[at(1, 5)], Some(0)), (11, &[at(2, 6)], Some(0))],
                &[Piece::Copied { source: 10, target: run(1, 5, 1) }, Piece::Copied { source: 11, target: run(2, 6, 1) }],
            ),
            (
                "dropped between",
                &[(10, &[], None), (11, &[], None), (12, &[at(1, 5)], Some(0)), (13, &[], None), (15, &[], None)],
                &[
                    Piece::Dropped { source: 10, length: 2 },
                    Piece::Copied { source: 12, target: run(1, 5, 1) },
                    Piece::Dropped { source: 13, length: 1 },
                    Piece::Dropped { source: 15, length: 1 },
                ],
            ),
            (
                "emitted, with and without itself",
                &[(10, &[at(1, 5), at(1, 6), at(1, 9)], Some(0)), (11, &[at(1, 10)], None)],
                &[
                    Piece::Expanded { source: 10, first_run: 0, runs: 2, survivor: Some(0) },
                    Piece::Expanded { source: 11, first_run: 2, runs: 1, survivor: None },
                ],
            ),
        ];
        for (name, records, pieces) in cases {
            let mut builder = builder(10);
            for (source, outputs, survivor) in *records {
                builder.record(*source, outputs, *survivor).unwrap();
            }
            let segment = builder.finish(20).unwrap();
            assert_eq!(segment.pieces(), *pieces, "{name}");
            assert_eq!((segment.from(), segment.to()), (10, 20), "{name}");
        }
    }

    #[test]
    fn outputs_of_one_record_form_runs() {
        let mut builder = builder(0);
        builder.record(0, &[at(0, 1), at(0, 2), at(1, 3), at(0, 3)], Some(1)).unwrap();
        let segment = builder.finish(1).unwrap();
        assert_eq!(segment.runs_of(&segment.pieces()[0]), [run(0, 1, 2), run(1, 3, 1), run(0, 3, 1)]);
        assert_eq!(segment.landings().count(), 3);
    }

    #[test]
    fn what_breaks_the_order_is_refused() {
        let mut late = builder(10);
        assert_eq!(late.copied(9, at(0, 1)), Err(BuildError::OutOfOrder { offset: 9, expected: 10 }));
        late.copied(10, at(0, 1)).unwrap();
        assert_eq!(late.copied(10, at(0, 2)), Err(BuildError::OutOfOrder { offset: 10, expected: 11 }));
        assert_eq!(late.dropped(4), Err(BuildError::OutOfOrder { offset: 4, expected: 11 }));
        assert_eq!(late.finish(10), Err(BuildError::OutOfOrder { offset: 10, expected: 11 }));
    }

    #[test]
    fn what_no_broker_gave_is_refused() {
        for (output, value) in
            [(at(0, -1), -1), (at(0, i64::MAX), i64::MAX), (at(-2, 0), -2), (Output { topic: 4, partition: 0, offset: 0 }, 4)]
        {
            assert_eq!(builder(0).copied(0, output), Err(BuildError::NotATarget { source_offset: 0, value }));
        }
        let survivor = builder(0).record(0, &[at(0, 0), at(0, 1)], Some(2));
        assert_eq!(survivor, Err(BuildError::NotAnOutput { source_offset: 0, survivor: 2, outputs: 2 }));
    }
}
