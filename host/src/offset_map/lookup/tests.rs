//! Questions to the map, one by one, and at random against a plain table of records.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
use super::*;
use crate::offset_map::naive::{START, TARGET_START, history, play, source, target};
use crate::offset_map::{Output, SegmentBuilder};
use proptest::prelude::*;

/// Source partition 0, pieces as (source offset, target partition, target offsets).
fn segment(from: i64, records: &[(i64, i32, &[i64])], to: i64, exact: bool) -> Segment {
    let mut builder = SegmentBuilder::new(source(0), from, 1, exact).unwrap();
    let topic = builder.topic("orders");
    for (at, partition, offsets) in records {
        let outputs: Vec<Output> = offsets.iter().map(|&offset| Output { topic, partition: *partition, offset }).collect();
        builder.record(*at, &outputs, (!outputs.is_empty()).then_some(0)).unwrap();
    }
    builder.finish(to).unwrap()
}

fn genesis(start: i64) -> Option<Genesis> {
    Some(Genesis { start, target: target(0), target_end: 7 })
}

fn ask(genesis: Option<Genesis>, segments: &[Segment]) -> Lookup {
    let forward = AskForward { source: source(0), within: None, offsets: (0..100).collect(), genesis };
    let reverse = AskReverse { target: target(0), offsets: (0..200).collect() };
    let mut lookup = Lookup::new(vec![forward], vec![reverse]);
    segments.iter().for_each(|segment| lookup.feed(segment));
    lookup
}

fn forward(lookup: &Lookup, offset: i64) -> Option<(i64, bool)> {
    lookup.forward(&source(0), offset).map(|mapped| (mapped.offset, mapped.exact))
}

fn reverse(lookup: &Lookup, offset: i64) -> Option<(i64, bool)> {
    lookup.reverse(&target(0), offset).map(|origin| (origin.offset, origin.exact))
}

#[test]
fn survivors_gaps_and_ends() {
    let segments = [
        segment(10, &[(10, 0, &[50]), (11, 0, &[]), (12, 0, &[51]), (15, 0, &[52, 53, 54])], 18, true),
        segment(18, &[(18, 0, &[56]), (19, 0, &[])], 22, true),
    ];
    let lookup = ask(genesis(10), &segments);
    for (asked, answer) in [
        (9, Some((50, true))), // before the start: the first record copied
        (10, Some((50, true))),
        (11, Some((51, true))),  // filtered: the next survivor
        (13, Some((52, true))),  // compacted away: the first output of the next survivor
        (16, Some((56, true))),  // control records: the next transaction's first
        (19, Some((57, true))),  // filtered, no later survivor: the last + 1
        (22, Some((57, true))),  // at the position
        (23, Some((57, false))), // past the position
    ] {
        assert_eq!(forward(&lookup, asked), answer, "source offset {asked}");
    }
    for (asked, answer) in [
        (49, Some((10, false))), // below the map
        (50, Some((10, true))),
        (53, Some((15, true))), // the second output
        (54, Some((15, true))),
        (55, Some((18, true))), // the marker: the next record
        (56, Some((18, true))),
        (57, Some((19, false))), // past the last
    ] {
        assert_eq!(reverse(&lookup, asked), answer, "target offset {asked}");
    }
    assert_eq!(lookup.forward(&source(1), 10), None, "not asked");
}

#[test]
fn nothing_survived() {
    let dropped = [segment(10, &[(10, 0, &[]), (11, 0, &[])], 12, true)];
    for (name, genesis, segments, answer) in [
        ("all filtered", genesis(10), &dropped[..], Some((7, true))),
        ("all filtered, older part of the map expired", genesis(5), &dropped, Some((7, false))),
        ("no map at all", genesis(10), &[], Some((7, false))),
        ("no genesis", None, &dropped, None),
    ] {
        let lookup = ask(genesis, segments);
        assert_eq!(forward(&lookup, 11), answer, "{name}");
        assert_eq!(reverse(&lookup, 11), None, "{name}");
    }
}

#[test]
fn below_what_an_expired_map_reaches() {
    let segments = [segment(10, &[(10, 0, &[50])], 12, true)];
    assert_eq!(forward(&ask(genesis(5), &segments), 9), Some((7, false)));
    assert_eq!(forward(&ask(None, &segments), 9), None);
    assert_eq!(forward(&ask(genesis(5), &segments), 10), Some((50, true)));
}

#[test]
fn a_replay_takes_back_what_it_rewrites() {
    let segments = [segment(0, &[(0, 0, &[50]), (1, 0, &[51]), (2, 0, &[52])], 3, false), segment(1, &[(1, 0, &[53])], 2, false)];
    let lookup = ask(genesis(0), &segments);
    assert_eq!(forward(&lookup, 0), Some((50, false)));
    assert_eq!(forward(&lookup, 1), Some((53, false)));
    assert_eq!(forward(&lookup, 2), Some((54, false)), "to be written again after the last survivor");
    assert_eq!(reverse(&lookup, 51), Some((1, false)), "both copies are of the one record");
    assert_eq!(reverse(&lookup, 53), Some((1, false)));
}

#[test]
fn what_keeps_a_map_from_being_exact() {
    let plain = segment(0, &[(0, 0, &[50]), (1, 0, &[51])], 3, true);
    let mut merged = SegmentBuilder::new(source(1), 0, 1, true).unwrap();
    let topic = merged.topic("orders");
    merged.copied(0, Output { topic, partition: 0, offset: 60 }).unwrap();
    let cases = [
        ("plain", vec![plain.clone()], true),
        ("a transaction later", vec![plain.clone(), segment(3, &[(3, 0, &[53])], 4, true)], true),
        ("at least once", vec![segment(0, &[(0, 0, &[50])], 3, false)], false),
        ("routed", vec![plain.clone(), segment(3, &[(3, 1, &[9])], 4, true)], false),
        ("merged", vec![plain.clone(), merged.finish(1).unwrap()], false),
        ("another writer", vec![plain, segment(3, &[(3, 0, &[53]), (4, 0, &[55])], 5, true)], false),
    ];
    for (name, segments, exact) in cases {
        let lookup = ask(genesis(0), &segments);
        assert_eq!(forward(&lookup, 0), Some((50, exact)), "{name}");
        assert_eq!(reverse(&lookup, 50), Some((0, exact)), "{name}");
    }
}

#[test]
fn partitions_merged_from_several_lanes_come_in_any_order() {
    let mut later = SegmentBuilder::new(source(1), 5, 1, true).unwrap();
    let topic = later.topic("orders");
    later.copied(5, Output { topic, partition: 0, offset: 60 }).unwrap();
    later.copied(6, Output { topic, partition: 0, offset: 61 }).unwrap();
    let lookup = ask(genesis(0), &[later.finish(7).unwrap(), segment(0, &[(0, 0, &[50]), (1, 0, &[51])], 3, true)]);
    for (asked, partition, offset) in [(49, 0, 0), (50, 0, 0), (51, 0, 1), (52, 1, 5), (61, 1, 6), (62, 1, 7)] {
        let origin = Some(Origin { source: source(partition), offset, exact: false });
        assert_eq!(lookup.reverse(&target(0), asked), origin, "target offset {asked}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_a_table_of_records((history, others) in history()) {
        let (segments, table) = play(&history);
        let offsets: Vec<i64> = (START - 3..START + 400).collect();
        let questions = |within: Option<i32>| (0..2).map(move |partition| AskForward {
            source: source(partition),
            within: within.map(target),
            offsets: (START - 3..START + 400).rev().collect(),
            genesis: Some(Genesis { start: START, target: target(partition), target_end: TARGET_START }),
        });
        let back = |partition| AskReverse { target: target(partition), offsets: (0..600).collect() };
        let mut lookup = Lookup::new(questions(None).chain(questions(Some(1))).collect(), vec![back(0), back(1)]);
        segments.iter().for_each(|segment| lookup.feed(segment));

        for partition in 0..2 {
            for &offset in &offsets {
                let mapped = lookup.forward(&source(partition), offset).unwrap();
                let rows = table.sources.get(&partition);
                let covered = rows.and_then(|rows| rows.covered);
                let last = rows.and_then(|rows| rows.last).map(|(to, at)| (to, at + 1));
                let (to, at) = table.forward(partition, None, offset).or(last).unwrap_or((partition, TARGET_START));
                prop_assert_eq!((mapped.target.partition, mapped.offset), (to, at), "source {} {}", partition, offset);
                if last.is_some() {
                    let exact = table.alone(partition, to) && covered.is_some_and(|covered| offset <= covered);
                    prop_assert!(if others { !mapped.exact || exact } else { mapped.exact == exact }, "source {} {}", partition, offset);
                }
                if let Some((_, at)) = table.forward(partition, Some(1), offset) {
                    prop_assert_eq!(lookup.forward_within(&source(partition), &target(1), offset).unwrap().offset, at);
                }
            }
            for offset in 0..600 {
                let next = table.landed.range((partition, offset)..(partition + 1, 0)).next();
                let last = table.landed.range((partition, 0)..(partition + 1, 0)).next_back();
                let expected = match (next, last) {
                    (Some((_, (from, at))), _) => Some((*from, *at)),
                    (None, Some((_, (from, at)))) => Some((*from, *at + 1)),
                    _ => None,
                };
                let origin = lookup.reverse(&target(partition), offset);
                prop_assert_eq!(origin.as_ref().map(|origin| (origin.source.partition, origin.offset)), expected, "target {} {}", partition, offset);
                if let (Some(((_, at), (from, _))), Some(origin), false) = (next, origin, others)
                    && *at == offset
                {
                    prop_assert_eq!(origin.exact, table.alone(*from, partition), "target {} {}", partition, offset);
                }
            }
        }
    }
}
