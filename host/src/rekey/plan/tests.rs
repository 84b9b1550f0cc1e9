//! What a plan begins anew, names as lost and forbids, from facts made up for it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use super::super::loss::Why;
use super::*;
use crate::offset_map::{Admission, MapRecord, Output, SegmentBuilder, SourcePartition};
use crate::position::{Account, Rekeyed, Rekeying, VERSION};

fn control(generation: u64, config: &str) -> Control {
    Control {
        version: VERSION,
        lanes: 1,
        source: "s".into(),
        generation,
        config: config.into(),
        replaced: Vec::new(),
        known: BTreeMap::new(),
        owner: String::new(),
        since: 0,
        moving: None,
        rekeying: None,
        halted: None,
        rekeyed: BTreeMap::new(),
    }
}

fn position(start: i64, next: i64) -> Position {
    Position {
        version: VERSION,
        topic_id: "source-id".into(),
        target_id: "target-id".into(),
        start,
        next,
        leader_epoch: 3,
        epoch_at: None,
        generation: 1,
        config: "old".into(),
        digests: Vec::new(),
        target_start: 0,
        account: Account::default(),
        landed: 9,
        reached: BTreeMap::new(),
        lost: 0,
        halted: None,
    }
}

/// Source offsets `[from, to)` of `topic`-0 copied one by one to `target`-0 from `landed` on.
fn copied(topic: &str, from: i64, to: i64, target: &str, landed: i64) -> MapRecord {
    let mut builder = SegmentBuilder::new(SourcePartition { topic: topic.into(), partition: 0 }, from, 1, true).unwrap();
    let number = builder.topic(target);
    for offset in from..to {
        builder.copied(offset, Output { topic: number, partition: 0, offset: landed + offset - from }).unwrap();
    }
    MapRecord::Segment(builder.finish(to).unwrap())
}

/// Topics `t` and `u` of one partition each: 10 records copied of what the source still holds.
fn facts() -> Facts {
    let mut facts = Facts { pipeline: "p".into(), ..Facts::default() };
    facts.next = Next { config: "new".into(), keys: vec!["pii:2".into()], routes: false, readmit: false };
    facts.controls.insert(0, control(1, "old"));
    let admission = Admission { generation: 1, config_hash: "old".into(), digests: BTreeMap::new(), key_ids: vec!["pii:1".into()] };
    facts.coverage.feed(1, 0, MapRecord::Admission(admission));
    for topic in ["t", "u"] {
        facts.positions.insert((topic.into(), 0), position(0, 10));
        let source = SourceTopic { id: "source-id".into(), compacted: Some(false), ranges: BTreeMap::from([(0, (0, 12))]) };
        facts.sources.insert(topic.into(), source);
        let target = TargetTopic { id: "target-id".into(), cleanup_policy: "delete".into(), ranges: BTreeMap::from([(0, (0, 11))]) };
        facts.targets.insert(topic.into(), target);
        facts.coverage.feed(1, 0, copied(topic, 0, 10, topic, 0));
    }
    facts
}

fn source<'f>(facts: &'f mut Facts, topic: &str) -> &'f mut SourceTopic {
    facts.sources.get_mut(topic).unwrap()
}

fn losses(plan: &Plan) -> Vec<(Why, &str, i64, i64, Option<u64>)> {
    plan.losses.iter().map(|loss| (loss.why, loss.topic.as_str(), loss.from, loss.to, loss.records)).collect()
}

#[test]
fn all_topics_begin_where_they_first_began() {
    let plan = Plan::make(&facts());
    assert_eq!((plan.refused.len(), plan.losses.len(), plan.to_do().count()), (0, 0, 2), "{plan:?}");
    let topic = &plan.topics[0];
    assert_eq!(topic.partitions, [PartitionPlan { partition: 0, copied: (0, 10), source: (0, 12), begins: 0 }]);
    assert_eq!(topic.targets, [TargetPlan { topic: "t".into(), partition: 0, holds: (0, 11), cleanup_policy: "delete".into() }]);
    assert_eq!(topic.made_under, [Made { config: "old".into(), keys: vec!["pii:1".into()] }]);
    assert_eq!((plan.config.as_str(), plan.keys.as_slice()), ("new", &["pii:2".to_owned()][..]));
    assert!(plan.notes.iter().any(|note| note.contains("read the records again")));
}

#[test]
fn a_start_behind_the_sources_first_offset_stays() {
    let mut facts = facts();
    facts.positions.insert(("t".into(), 0), position(4, 10));
    let plan = Plan::make(&facts);
    assert_eq!(plan.topics[0].partitions[0].begins, 4, "what was never copied is not copied now");
}

#[test]
fn named_topics_alone() {
    let mut facts = facts();
    facts.asked.insert("u".into());
    let plan = Plan::make(&facts);
    assert_eq!(plan.to_do().map(|topic| topic.topic.as_str()).collect::<Vec<_>>(), ["u"]);
    assert!(plan.notes.iter().any(|note| note.contains("what was copied of t stays")), "{:?}", plan.notes);
}

#[test]
fn what_retention_took_is_named() {
    for (first, expected) in [(0, vec![]), (4, vec![(0, 4, Some(4))]), (10, vec![(0, 10, Some(10))]), (12, vec![(0, 10, Some(10))])] {
        let mut facts = facts();
        facts.asked.insert("t".into());
        source(&mut facts, "t").ranges.insert(0, (first, 12));
        facts.coverage = Coverage::new(BTreeMap::from([(("t".to_owned(), 0), (first, i64::MAX))]), crate::position::MapEnds::default());
        facts.coverage.feed(1, 0, copied("t", 0, 10, "t", 0));
        let plan = Plan::make(&facts);
        let expected: Vec<_> = expected.into_iter().map(|(from, to, records)| (Why::Retention, "t", from, to, records)).collect();
        assert_eq!(losses(&plan), expected);
        assert_eq!(plan.topics[0].partitions[0].begins, first);
    }
}

#[test]
fn offsets_that_made_nothing_are_no_loss() {
    let mut facts = facts();
    facts.asked.insert("t".into());
    source(&mut facts, "t").ranges.insert(0, (3, 12));
    facts.coverage = Coverage::new(BTreeMap::from([(("t".to_owned(), 0), (3, i64::MAX))]), crate::position::MapEnds::default());
    let mut filtered = SegmentBuilder::new(SourcePartition { topic: "t".into(), partition: 0 }, 0, 1, true).unwrap();
    (0..3).for_each(|offset| filtered.dropped(offset).unwrap());
    facts.coverage.feed(1, 0, MapRecord::Segment(filtered.finish(3).unwrap()));
    facts.coverage.feed(1, 0, copied("t", 3, 10, "t", 0));
    assert_eq!(losses(&Plan::make(&facts)), []);
    // Where the map does not reach back, what it does not say may be a loss.
    facts.coverage = Coverage::default();
    facts.coverage.feed(1, 0, copied("t", 3, 10, "t", 0));
    assert_eq!(losses(&Plan::make(&facts)), [(Why::Retention, "t", 0, 3, None)]);
}

#[test]
fn what_others_wrote_is_named() {
    let mut facts = facts();
    facts.asked.insert("t".into());
    facts.positions.get_mut(&("t".to_owned(), 0)).unwrap().target_start = 3;
    facts.foreign.insert(("t".into(), 0), vec![(1, 5), (20, 22)]);
    let expected = [(Why::BeforePipeline, "t", 1, 3, None), (Why::OtherWriter, "t", 3, 5, None), (Why::OtherWriter, "t", 20, 22, None)];
    assert_eq!(losses(&Plan::make(&facts)), expected);
    facts.coverage = Coverage::default();
    facts.coverage.feed(1, 0, copied("t", 6, 10, "t", 0));
    assert_eq!(losses(&Plan::make(&facts))[1].0, Why::Unattributed);
}

#[test]
fn what_a_rekey_deleted_and_a_broker_brings_back_is_no_loss() {
    let mut facts = facts();
    facts.asked.insert("t".into());
    facts.positions.get_mut(&("t".to_owned(), 0)).unwrap().target_start = 20;
    facts.foreign.insert(("t".into(), 0), vec![(0, 19), (18, 22)]);
    let ends = BTreeMap::from([("t".to_owned(), BTreeMap::from([(0, 20)]))]);
    let done = Rekeyed { config: "old".into(), generation: 1, same_to: 1, map_from: 1, since: 0, ends };
    facts.controls.get_mut(&0).unwrap().rekeyed.insert("t".into(), done);
    assert_eq!(losses(&Plan::make(&facts)), [(Why::OtherWriter, "t", 20, 22, None)]);
}

#[test]
fn a_topic_made_anew_since_is_named() {
    let mut facts = facts();
    facts.asked.insert("t".into());
    facts.coverage.feed(1, 0, copied("t", 0, 10, "t", 11));
    assert_eq!(losses(&Plan::make(&facts)), [(Why::TopicRecreated, "t", 0, 10, None)]);
}

#[test]
fn superseded_values_are_a_loss_where_the_target_keeps_all() {
    for (policy, held, expected) in [("delete", 10, None), ("delete", 7, Some(3)), ("compact", 7, None), ("compact,delete", 7, None)] {
        let mut facts = facts();
        facts.asked.insert("t".into());
        facts.targets.get_mut("t").unwrap().cleanup_policy = policy.into();
        facts.counted.insert(("t".into(), 0), held);
        let found = losses(&Plan::make(&facts)).first().map(|loss| (loss.0, loss.4.unwrap()));
        assert_eq!(found, expected.map(|records| (Why::Superseded, records)), "{policy} {held}");
    }
}

#[test]
fn what_forbids_it() {
    type Fault = fn(&mut Facts);
    let cases: [(&str, Fault); 8] = [
        ("it has no position", |facts| {
            facts.asked.insert("strange".into());
        }),
        ("is not on the source", |facts| {
            facts.sources.remove("t");
        }),
        ("created again on the source", |facts| source(facts, "t").id = "other".into()),
        ("gone from the target", |facts| {
            facts.targets.remove("t");
        }),
        ("created again on the target", |facts| facts.targets.get_mut("t").unwrap().id = "other".into()),
        ("does not say what it holds", |facts| {
            source(facts, "t").ranges.clear();
        }),
        ("was replaced by a newer one", |facts| facts.controls.get_mut(&0).unwrap().replaced.push("new".into())),
        ("where they went cannot be told", |facts| {
            facts.next.routes = true;
            facts.coverage = Coverage::default();
        }),
    ];
    for (reason, change) in cases {
        let mut facts = facts();
        change(&mut facts);
        let plan = Plan::make(&facts);
        assert!(plan.refused.iter().any(|refused| refused.contains(reason)), "{reason}: {:?}", plan.refused);
    }
}

#[test]
fn a_replaced_configuration_may_come_back_on_purpose() {
    let mut facts = facts();
    facts.controls.get_mut(&0).unwrap().replaced.push("new".into());
    facts.next.readmit = true;
    assert_eq!(Plan::make(&facts).refused, Vec::<String>::new());
}

#[test]
fn whatever_feeds_the_same_target_goes_with_it() {
    let mut facts = facts();
    facts.coverage.feed(1, 0, copied("u", 10, 12, "t", 20));
    facts.asked.insert("t".into());
    assert!(Plan::make(&facts).refused.iter().any(|refused| refused.contains("--topic u")));
    facts.asked.insert("u".into());
    let plan = Plan::make(&facts);
    assert_eq!(plan.refused, Vec::<String>::new());
    assert_eq!(plan.topics[1].targets.iter().map(|target| target.topic.as_str()).collect::<Vec<_>>(), ["t", "u"]);
}

#[test]
fn a_rekey_is_done_once() {
    let done = |ends: i64| Rekeyed {
        config: "new".into(),
        generation: 2,
        same_to: 3,
        map_from: 2,
        since: 0,
        ends: BTreeMap::from([("t".to_owned(), BTreeMap::from([(0, ends)]))]),
    };
    let rekeyed = |generation, config: &str, start| {
        let mut facts = facts();
        facts.asked.insert("t".into());
        facts.controls.insert(0, control(generation, config));
        facts.controls.get_mut(&0).unwrap().rekeyed.insert("t".into(), done(11));
        facts.targets.get_mut("t").unwrap().ranges.insert(0, (start, 30));
        facts
    };
    assert!(Plan::make(&rekeyed(3, "new", 11)).topics[0].done);
    assert!(!Plan::make(&rekeyed(3, "new", 0)).topics[0].done, "old records are to be read again");
    assert!(!Plan::make(&rekeyed(4, "new", 11)).topics[0].done, "another configuration wrote since");
    assert!(!Plan::make(&rekeyed(3, "old", 11)).topics[0].done);
    let mut broken_off = rekeyed(3, "new", 11);
    broken_off.controls.get_mut(&0).unwrap().rekeying = Some(Rekeying { topics: BTreeSet::from(["t".to_owned()]), ..Rekeying::default() });
    assert!(!Plan::make(&broken_off).topics[0].done);
}

#[test]
fn a_broken_off_rekey_brings_its_topics_along() {
    let mut facts = facts();
    facts.asked.insert("u".into());
    facts.controls.get_mut(&0).unwrap().rekeying = Some(Rekeying { topics: BTreeSet::from(["t".to_owned()]), ..Rekeying::default() });
    let plan = Plan::make(&facts);
    assert_eq!(plan.to_do().map(|topic| topic.topic.as_str()).collect::<Vec<_>>(), ["t", "u"]);
    assert!(plan.notes[0].contains("broken off"));
}
