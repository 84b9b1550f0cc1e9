//! What runs, gaps and counts a map comes to: transactions side by side, generations, markers, earlier rekeys.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use super::*;
use crate::offset_map::{Output, SegmentBuilder};
use crate::position::{Control, Rekeyed, VERSION};

fn source(partition: i32) -> SourcePartition {
    SourcePartition { topic: "t".into(), partition }
}

fn at(topic: &str, partition: i32) -> Partition {
    (topic.to_owned(), partition)
}

/// A transaction over `[from, to)` that puts each of `pairs` (source offset, target offset) into `topic`-0; the rest of
/// the range is dropped.
fn segment(from: i64, to: i64, topic: &str, pairs: &[(i64, i64)]) -> MapRecord {
    made(from, to, topic, pairs, true, 1)
}

fn made(from: i64, to: i64, topic: &str, pairs: &[(i64, i64)], exact: bool, generation: u64) -> MapRecord {
    let mut builder = SegmentBuilder::new(source(0), from, generation, exact).unwrap();
    let topic = builder.topic(topic);
    for offset in from..to {
        match pairs.iter().find(|(source, _)| *source == offset) {
            Some((_, target)) => builder.copied(offset, Output { topic, partition: 0, offset: *target }).unwrap(),
            None => builder.dropped(offset).unwrap(),
        }
    }
    MapRecord::Segment(builder.finish(to).unwrap())
}

fn fed(records: Vec<MapRecord>) -> Coverage {
    let mut coverage = Coverage::default();
    records.into_iter().for_each(|record| coverage.feed(1, 0, record));
    coverage
}

#[test]
fn transactions_lie_side_by_side_but_for_their_markers() {
    let coverage = fed(vec![segment(0, 4, "t", &[(0, 0), (2, 1), (3, 2)]), segment(4, 6, "t", &[(4, 4), (5, 5)])]);
    let runs: Vec<_> = coverage.landed(&at("t", 0)).map(|(from, landed)| (from, landed.to, landed.records)).collect();
    assert_eq!(runs, [(0, 6, 5)], "offset 3 is the first transaction's marker");
    assert_eq!(coverage.gaps(&at("t", 0), 0, 7), [(6, 7)]);
    assert_eq!(coverage.gaps(&at("t", 0), 2, 5), []);
    assert_eq!(coverage.gaps(&at("u", 0), 3, 5), [(3, 5)]);
    let dealt = coverage.dealt("t", 0).unwrap();
    assert_eq!((dealt.covered, dealt.holes, dealt.again.len()), (Some((0, 6)), 0, 0));
    assert_eq!((dealt.account.read, dealt.account.passed, dealt.account.filtered), (6, 5, 1));
}

#[test]
fn what_somebody_else_wrote_is_a_gap() {
    // Within a transaction, where no marker of ours can be; and two offsets between transactions, one of them the marker.
    let coverage = fed(vec![segment(0, 3, "t", &[(0, 0), (1, 2), (2, 3)]), segment(3, 4, "t", &[(3, 6)])]);
    assert_eq!(coverage.gaps(&at("t", 0), 0, 7), [(1, 2), (4, 6)]);
    assert!(coverage.behind(&at("t", 0), 1).is_none());
    assert!(coverage.behind(&at("t", 0), 2).is_some() && coverage.behind(&at("t", 0), 6).is_some());
    assert!(coverage.behind(&at("t", 0), 7).is_none() && coverage.behind(&at("t", 1), 2).is_none());
}

#[test]
fn without_transactions_there_are_no_markers() {
    let coverage = fed(vec![made(0, 1, "t", &[(0, 0)], false, 1), made(1, 2, "t", &[(1, 2)], false, 1)]);
    assert_eq!(coverage.gaps(&at("t", 0), 0, 3), [(1, 2)]);
    assert!(coverage.dealt("t", 0).unwrap().inexact);
}

#[test]
fn another_generation_is_another_run() {
    let coverage = fed(vec![made(0, 1, "t", &[(0, 0)], true, 1), made(1, 2, "t", &[(1, 2)], true, 2)]);
    let makers: Vec<Maker> = coverage.landed(&at("t", 0)).map(|(_, landed)| landed.maker).collect();
    assert_eq!(makers, [(0, 1), (0, 2)]);
    assert_eq!(coverage.dealt("t", 0).unwrap().makers, BTreeSet::from([(0, 1), (0, 2)]));
}

#[test]
fn records_are_counted_within_their_bounds() {
    for (bounds, read, passed, below) in
        [((0, 10), 10, 6, 0), ((3, 8), 5, 3, 2), ((9, 9), 0, 0, 5), ((12, 20), 0, 0, 6), ((i64::MIN, i64::MAX), 10, 6, 0)]
    {
        let mut coverage = Coverage::new(BTreeMap::from([(at("t", 0), bounds)]), MapEnds::default());
        coverage.feed(1, 0, segment(0, 10, "t", &[(0, 0), (2, 1), (4, 2), (6, 3), (7, 4), (9, 5)]));
        let dealt = coverage.dealt("t", 0).unwrap();
        assert_eq!((dealt.account.read, dealt.account.passed, dealt.below), (read, passed, below), "{bounds:?}");
    }
}

#[test]
fn a_record_that_made_others_counts_once() {
    let mut builder = SegmentBuilder::new(source(0), 0, 1, true).unwrap();
    let topic = builder.topic("t");
    let output = |offset| Output { topic, partition: 0, offset };
    builder.record(0, &[output(0), output(1), output(2)], Some(1)).unwrap();
    builder.record(1, &[output(3), output(4)], None).unwrap();
    let coverage = fed(vec![MapRecord::Segment(builder.finish(2).unwrap())]);
    let account = coverage.dealt("t", 0).unwrap().account;
    assert_eq!((account.read, account.passed, account.filtered, account.emitted), (2, 1, 1, 4));
    assert_eq!(coverage.landed(&at("t", 0)).next().map(|(from, landed)| (from, landed.to, landed.records)), Some((0, 5, 5)));
}

#[test]
fn holes_and_repeats_are_seen() {
    let coverage = fed(vec![segment(0, 2, "t", &[(0, 0)]), segment(5, 7, "t", &[(5, 2)])]);
    assert_eq!(coverage.dealt("t", 0).unwrap().holes, 3);

    let coverage = fed(vec![segment(0, 4, "t", &[(0, 0), (1, 1)]), segment(0, 2, "t", &[(0, 3)])]);
    let dealt = coverage.dealt("t", 0).unwrap();
    assert_eq!((dealt.again.as_slice(), dealt.covered, dealt.account.read), (&[0][..], Some((0, 2)), 2));
    let gone: Vec<bool> = coverage.landed(&at("t", 0)).map(|(_, landed)| landed.gone).collect();
    assert_eq!(gone, [true, false], "what came before is of a topic that is no more");
}

#[test]
fn what_a_rekey_ended_is_not_heard_of() {
    let rekeyed = Rekeyed { config: "c".into(), generation: 3, same_to: 3, map_from: 2, since: 0, ends: BTreeMap::new() };
    let control = Control {
        version: VERSION,
        lanes: 1,
        source: "s".into(),
        generation: 3,
        config: "c".into(),
        replaced: Vec::new(),
        known: BTreeMap::new(),
        owner: String::new(),
        since: 0,
        moving: None,
        rekeying: None,
        halted: None,
        rekeyed: BTreeMap::from([("t".to_owned(), rekeyed)]),
    };
    let mut coverage = Coverage::new(BTreeMap::new(), MapEnds::of(Some(&control)));
    coverage.feed(1, 0, segment(0, 2, "t", &[(0, 0)]));
    coverage.feed(2, 0, segment(0, 1, "t", &[(0, 5)]));
    assert_eq!(coverage.landed(&at("t", 0)).map(|(from, _)| from).collect::<Vec<_>>(), [5]);
    assert!(coverage.dealt("t", 0).unwrap().again.is_empty());
}
