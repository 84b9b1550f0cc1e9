//! Evidence that holds, and every fault in it that a verdict has to name.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use super::*;
use crate::offset_map::{Admission, MapRecord, Output, SegmentBuilder, SourcePartition};
use crate::position::{Account, Halted, MapEnds, VERSION};

/// Everything about topic `t` of one partition: source offsets 2 to 11 copied but for 5, which was filtered, to target
/// offsets 20 to 28; the rekey emptied the target up to 20.
struct Scene {
    done: Rekeyed,
    state: State,
    coverage: Coverage,
    goals: BTreeMap<Partition, (i64, i64)>,
    read: u64,
    found: Found,
    quarantined: u64,
    restarts: bool,
    compacted: bool,
}

fn at() -> Partition {
    ("t".into(), 0)
}

fn segment(from: i64, to: i64, landed: i64, generation: u64) -> MapRecord {
    sent("t", "t", from, to, landed, generation)
}

/// Records of `source` sent to topic `target`.
fn sent(source: &str, target: &str, from: i64, to: i64, landed: i64, generation: u64) -> MapRecord {
    let mut builder = SegmentBuilder::new(SourcePartition { topic: source.into(), partition: 0 }, from, generation, true).unwrap();
    let topic = builder.topic(target);
    let mut landed = landed;
    for offset in from..to {
        if offset == 5 {
            builder.dropped(offset).unwrap();
        } else {
            builder.copied(offset, Output { topic, partition: 0, offset: landed }).unwrap();
            landed += 1;
        }
    }
    MapRecord::Segment(builder.finish(to).unwrap())
}

fn admission(generation: u64, config: &str) -> MapRecord {
    MapRecord::Admission(Admission { generation, config_hash: config.into(), digests: BTreeMap::new(), key_ids: Vec::new() })
}

fn coverage(records: Vec<MapRecord>) -> Coverage {
    let mut coverage = Coverage::new(BTreeMap::from([(at(), (0, 12))]), MapEnds::default());
    records.into_iter().for_each(|record| coverage.feed(1, 0, record));
    coverage
}

fn scene() -> Scene {
    let position = Position {
        version: VERSION,
        topic_id: String::new(),
        target_id: String::new(),
        start: 2,
        next: 12,
        leader_epoch: -1,
        epoch_at: None,
        generation: 2,
        config: "new".into(),
        digests: vec!["d".into()],
        target_start: 20,
        account: Account::default(),
        landed: 28,
        reached: BTreeMap::new(),
        lost: 0,
        halted: None,
    };
    let mut state = State::default();
    state.positions.insert(at(), position);
    Scene {
        done: Rekeyed {
            config: "new".into(),
            generation: 2,
            same_to: 2,
            map_from: 1,
            since: 0,
            ends: BTreeMap::from([("t".to_owned(), BTreeMap::from([(0, 20)]))]),
        },
        state,
        coverage: coverage(vec![admission(2, "new"), segment(2, 12, 20, 2)]),
        goals: BTreeMap::from([(at(), (0, 12))]),
        read: 10,
        found: Found { start: 20, start_after: 20, end: 30, records: 9, ..Found::default() },
        quarantined: 0,
        restarts: false,
        compacted: false,
    }
}

impl Scene {
    fn judged(&self) -> TopicVerdict {
        judge(&self.evidence(), &BTreeMap::from([(at(), self.quarantined)]))
    }

    fn evidence(&self) -> Evidence<'_> {
        Evidence {
            topic: "t",
            done: &self.done,
            config: "new",
            digests: vec!["d".into()],
            restarts: self.restarts,
            compacted: self.compacted,
            now: WRITTEN_DOWN_AFTER,
            state: &self.state,
            coverage: &self.coverage,
            goals: &self.goals,
            read: BTreeMap::from([(0, self.read)]),
            found: BTreeMap::from([(at(), self.found.clone())]),
        }
    }

    fn position(&mut self) -> &mut Position {
        self.state.positions.get_mut(&at()).unwrap()
    }
}

#[test]
fn what_is_whole_holds_and_is_counted() {
    let verdict = scene().judged();
    assert!(verdict.holds, "{:?}", verdict.broken);
    let partition = &verdict.partitions[0];
    assert_eq!((partition.read, partition.passed, partition.filtered, partition.quarantined), (10, 9, 1, 0));
    assert_eq!(verdict.targets[0], TargetVerdict { topic: "t".into(), partition: 0, emptied_to: 20, begins: 20, records: 9 });
    let mut aside = scene();
    aside.quarantined = 1;
    assert_eq!((aside.judged().holds, aside.judged().partitions[0].filtered), (true, 0));
}

#[test]
fn every_fault_is_named() {
    type Fault = fn(&mut Scene);
    let cases: [(&str, Fault); 17] = [
        ("another configuration than the one given", |scene| scene.done.config = "other".into()),
        ("ask again in 1 s", |scene| scene.done.since = 1),
        ("begins at 19, below 20", |scene| scene.found.start = 19),
        ("records below 20, the first at 7", |scene| scene.found.old = Some(7)),
        ("does not know, the first at 31", |scene| scene.found.unknown = Some(31)),
        ("of another configuration, the first at 22", |scene| scene.found.other = Some(22)),
        ("lacks 1 of the 9 records", |scene| scene.found.records = 8),
        ("has not caught up", |scene| scene.position().next = 11),
        ("is halted at 12", |scene| {
            scene.position().halted = Some(Halted { code: "record_failed".into(), offset: 12, detail: String::new() });
        }),
        ("position of another configuration", |scene| scene.position().config = "old".into()),
        ("position of other plugins", |scene| scene.position().digests = vec!["e".into()]),
        ("not to be found on the source", |scene| scene.goals.clear()),
        ("that the offset map does not name", |scene| scene.position().start = 1),
        ("11 records from 2 on, of which 10 are accounted for", |scene| scene.read = 11),
        ("9 records from 2 on, but 10 are accounted for", |scene| scene.read = 9),
        ("2 records in quarantine, but only 1", |scene| scene.quarantined = 2),
        ("copied again from source offset 2 on", |scene| {
            scene.coverage = coverage(vec![admission(2, "new"), segment(2, 12, 20, 2), segment(2, 12, 30, 2)]);
        }),
    ];
    for (reason, change) in cases {
        let mut scene = scene();
        change(&mut scene);
        let verdict = scene.judged();
        assert!(!verdict.holds && verdict.broken.iter().any(|broken| broken.contains(reason)), "{reason}: {:?}", verdict.broken);
    }
}

#[test]
fn holes_hold_where_the_position_owns_up_to_them() {
    let mut scene = scene();
    scene.coverage = coverage(vec![admission(2, "new"), segment(2, 6, 20, 2), segment(8, 12, 24, 2)]);
    (scene.read, scene.found.records) = (8, 7);
    assert!(scene.judged().broken.iter().any(|broken| broken.contains("has 2 source offsets")), "{:?}", scene.judged().broken);
    scene.position().lost = 2;
    assert!(scene.judged().holds, "{:?}", scene.judged().broken);
}

#[test]
fn compaction_takes_records_and_nothing_else() {
    let mut scene = scene();
    (scene.compacted, scene.read) = (true, 4);
    (scene.found.compacted, scene.found.records) = (true, 3);
    assert!(scene.judged().holds, "{:?}", scene.judged().broken);
    scene.read = 11;
    assert!(!scene.judged().holds, "more than was dealt with");
}

#[test]
fn each_record_is_judged_by_who_made_it() {
    let coverage =
        coverage(vec![admission(1, "old"), admission(2, "new"), segment(2, 5, 20, 1), segment(6, 12, 24, 2), segment(12, 13, 40, 3)]);
    let mut found = Found::default();
    for offset in [19, 21, 23, 24, 29, 40] {
        found.see(&at(), offset, 20, &coverage, "new");
    }
    assert_eq!((found.old, found.other, found.unknown), (Some(19), Some(21), Some(23)), "40 is of a generation that nobody explained");
    assert_eq!((found.records, found.wrong), (2, 4));
}

#[test]
fn what_was_reached_only_since_is_judged_too() {
    // After the rekey a step sent two records to `eu` for the first time; topic `u` has records of its own there.
    let mut scene = scene();
    let map = || vec![admission(2, "new"), segment(2, 12, 20, 2), sent("t", "eu", 12, 14, 0, 2), sent("u", "eu", 0, 3, 3, 1)];
    scene.coverage = coverage(map());
    scene.position().next = 14;
    let judged = |scene: &Scene, eu: Option<Found>| {
        let mut found = BTreeMap::from([(at(), scene.found.clone())]);
        found.extend(eu.map(|eu| (("eu".to_owned(), 0), eu)));
        let evidence = Evidence { found, ..scene.evidence() };
        judge(&evidence, &BTreeMap::new())
    };
    let unseen = judged(&scene, None);
    assert!(unseen.broken.iter().any(|broken| broken.contains("eu-0 does not say what it holds")), "{:?}", unseen.broken);
    let eu = Found { end: 7, records: 2, ..Found::default() };
    let whole = judged(&scene, Some(eu.clone()));
    assert!(whole.holds && whole.targets.len() == 2, "{:?}", whole.broken);
    let lacking = judged(&scene, Some(Found { records: 1, ..eu.clone() }));
    assert!(lacking.broken.iter().any(|broken| broken.contains("eu-0 lacks 1 of the 2")), "of its own: {:?}", lacking.broken);
    let other = judged(&scene, Some(Found { other: Some(1), ..eu }));
    assert!(!other.holds);
    let of = |offset| coverage(map()).behind(&("eu".to_owned(), 0), offset).cloned();
    let counted = |offset| counts("t", None, &scene.coverage, of(offset).as_ref());
    assert_eq!([0, 2, 3].map(counted), [true, true, false], "its own, and what nobody owns up to");
}
