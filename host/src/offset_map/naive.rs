//! Test double: histories of transactions, and a table with a row a record to check runs, codec and look-ups against.
//! It is slow and obvious on purpose, and shares no code with what it checks.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One record: the source gap before it, its outputs as (target partition, gap before it), whether the first of
/// them is the record itself.
pub(super) type Record = (i64, Vec<(i32, i64)>, bool);

/// What one transaction does with one source partition, before offsets are known.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    source: i32,
    rewind: i64,
    records: Vec<Record>,
    /// Control records after the last record.
    tail: i64,
    exact: bool,
}

/// A transaction of one of two source partitions; mostly copies to one target partition.
fn transaction(replays: bool, spread: bool, others: bool) -> impl Strategy<Value = Transaction> {
    let partition = prop_oneof![9 => Just(0), 1 => 0..=i32::from(spread)];
    let gap = prop_oneof![6 => Just(0), 1 => 0..=3 * i64::from(others)];
    let outputs = prop_oneof![
        2 => Just(Vec::new()),
        6 => prop::collection::vec((partition.clone(), gap.clone()), 1),
        1 => prop::collection::vec((partition, gap), 2..5),
    ];
    let record = (prop_oneof![5 => Just(0i64), 1 => 1..4i64], outputs, prop::bool::weighted(0.9));
    let rewind = prop_oneof![3 => Just(0), 1 => 0..=8 * i64::from(replays)];
    (0..=i32::from(spread), rewind, prop::collection::vec(record, 0..30), 0..3i64)
        .prop_map(move |(source, rewind, records, tail)| Transaction { source, rewind, records, tail, exact: !replays })
}

/// Several transactions, with or without replays, spreading over partitions, and other writers.
pub(super) fn history() -> impl Strategy<Value = (Vec<Transaction>, bool)> {
    (any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.2))
        .prop_flat_map(|(replays, spread, others)| (prop::collection::vec(transaction(replays, spread, others), 1..12), Just(others)))
}

/// A partition of the only source topic.
pub(super) fn source(partition: i32) -> SourcePartition {
    SourcePartition { topic: "orders".into(), partition }
}

/// A partition of the only target topic.
pub(super) fn target(partition: i32) -> TargetPartition {
    TargetPartition { topic: "orders".into(), partition }
}

/// The first source offset of every partition.
pub(super) const START: i64 = 100;
/// The first target offset of every partition: others wrote before.
pub(super) const TARGET_START: i64 = 40;

/// A row a record of a source partition.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub rows: Vec<(i64, Vec<(i32, i64)>)>,
    pub last: Option<(i32, i64)>,
    pub covered: Option<i64>,
}

/// What really happened, record by record.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub sources: BTreeMap<i32, Rows>,
    /// (target partition, target offset) to (source partition, source offset).
    pub landed: BTreeMap<(i32, i64), (i32, i64)>,
    pub exact: bool,
}

impl Table {
    /// Whether a source partition and a target partition have no other partner.
    pub(super) fn alone(&self, source: i32, target: i32) -> bool {
        let pairs: BTreeSet<(i32, i32)> = self.landed.iter().map(|((to, _), (from, _))| (*from, *to)).collect();
        self.exact && pairs.iter().filter(|(from, to)| *from == source || *to == target).count() == 1
    }

    /// The first output of a record at or after `offset`, `within` one target partition where that is said; none if
    /// none survived.
    pub(super) fn forward(&self, source: i32, within: Option<i32>, offset: i64) -> Option<(i32, i64)> {
        let rows = &self.sources.get(&source)?.rows;
        let outputs = rows.iter().filter(|(at, _)| *at >= offset).flat_map(|(_, outputs)| outputs);
        outputs.copied().find(|(to, _)| within.is_none_or(|within| within == *to))
    }
}

/// Plays a history: its segments, and the table.
pub(super) fn play(history: &[Transaction]) -> (Vec<Segment>, Table) {
    let mut table = Table { exact: true, ..Table::default() };
    let mut positions = BTreeMap::new();
    let mut ends = BTreeMap::new();
    let mut segments = Vec::new();
    for transaction in history {
        let from = (*positions.entry(transaction.source).or_insert(START) - transaction.rewind).max(START);
        let rows = table.sources.entry(transaction.source).or_default();
        rows.rows.retain(|(at, _)| *at < from);
        table.exact &= transaction.exact;
        let mut builder = SegmentBuilder::new(source(transaction.source), from, 1, transaction.exact).unwrap();
        let topic = builder.topic("orders");
        let mut next = from;
        for (gap, outputs, itself) in &transaction.records {
            let at = next + gap;
            next = at + 1;
            let mut landed = Vec::new();
            for (partition, gap) in outputs {
                let end = ends.entry(*partition).or_insert(TARGET_START);
                landed.push((*partition, *end + gap));
                table.landed.insert((*partition, *end + gap), (transaction.source, at));
                *end += gap + 1;
            }
            let given: Vec<Output> =
                landed.iter().map(|(partition, offset)| Output { topic, partition: *partition, offset: *offset }).collect();
            builder.record(at, &given, (*itself && !given.is_empty()).then_some(0)).unwrap();
            rows.last = landed.last().copied().or(rows.last);
            rows.rows.push((at, landed));
        }
        let to = next + transaction.tail;
        segments.push(builder.finish(to).unwrap());
        rows.covered = Some(to);
        positions.insert(transaction.source, to);
        // The commit marker takes an offset of every target partition.
        ends.values_mut().for_each(|end| *end += 1);
    }
    (segments, table)
}
