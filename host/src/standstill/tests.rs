//! Positions on their way to another number of lanes, and what stops the move.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use super::*;
use crate::position::Account;

fn pipeline(lanes: u32) -> Pipeline {
    let yaml = format!(
        "clusters: {{ a: {{ bootstrap_servers: \"localhost:1\" }}, b: {{ bootstrap_servers: \"localhost:2\" }} }}\n\
         pipelines: [ {{ name: p, source: a, target: b, lanes: {lanes}, topics: {{ include: [\"t*\"] }} }} ]\n"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), yaml).unwrap();
    let plan = crate::config::validate(&[file.path().to_owned()], &crate::cli::check_selector).unwrap();
    plan.pipelines.into_iter().next().unwrap()
}

fn position(next: i64) -> Position {
    Position {
        version: VERSION,
        topic_id: String::new(),
        target_id: String::new(),
        start: 0,
        next,
        leader_epoch: -1,
        epoch_at: None,
        generation: 1,
        config: "c".into(),
        digests: Vec::new(),
        target_start: 0,
        account: Account::default(),
        landed: -1,
        reached: BTreeMap::new(),
        lost: 0,
        halted: None,
    }
}

fn found(generation: u64, config: &str, replaced: &[&str], partitions: &[(&str, i32, i64)]) -> Found {
    let mut control = Control {
        version: VERSION,
        lanes: 2,
        source: "abc".into(),
        generation,
        config: config.into(),
        replaced: replaced.iter().map(|&old| old.to_owned()).collect(),
        known: BTreeMap::new(),
        owner: "o".into(),
        since: 0,
        moving: Some(2),
        rekeying: None,
        halted: None,
        rekeyed: BTreeMap::new(),
    };
    let mut positions = BTreeMap::new();
    for (topic, partition, next) in partitions {
        control.know(topic, *partition);
        positions.insert(((*topic).to_owned(), *partition), position(*next));
    }
    Found { control: Some(control), positions, sources: BTreeSet::from(["abc".to_owned()]) }
}

#[test]
fn every_position_finds_its_new_lane() {
    let pipeline = pipeline(5);
    let old = StateTopics::of("p", None, 1);
    let lanes = [found(1, "c1", &[], &[("t1", 0, 7), ("t2", 3, 9)]), found(3, "c3", &["c2"], &[("t1", 1, 8)])];
    let moved = gather(&pipeline, &lanes, &old, "me").unwrap();
    assert_eq!(moved.positions.iter().map(|(_, _, position)| position.next).collect::<BTreeSet<_>>(), BTreeSet::from([7, 8, 9]));
    assert_eq!(moved.controls.len(), 5);
    for (topic, partition, _) in &moved.positions {
        let home = lane_of(topic, *partition, 5);
        assert!(moved.controls.iter().all(|(lane, control)| control.knows(topic, *partition) == (*lane == home)));
    }
    let control = &moved.controls[&0];
    assert_eq!((control.lanes, control.generation, control.config.as_str(), control.moving), (5, 4, "c3", None));
    assert_eq!(control.replaced, ["c2", "c1"], "what one lane left behind stays behind");
}

#[test]
fn a_lost_position_stops_it() {
    let mut lane = found(1, "c", &[], &[("t", 0, 7)]);
    lane.positions.clear();
    lane.control.as_mut().unwrap().lanes = 1;
    let error = gather(&pipeline(5), &[lane], &StateTopics::of("p", None, 1), "me").map(|_| ()).unwrap_err();
    assert!(matches!(error, MoveError::Lost { lane: 0, .. }), "{error}");
}

#[test]
fn a_lane_that_is_not_seen_stops_it() {
    // Two lanes, and the partition of the second has no leader at present: its records would be copied again.
    let seen = found(1, "c", &[], &[("t", 0, 7)]);
    let error = gather(&pipeline(5), &[seen], &StateTopics::of("p", None, 1), "me").map(|_| ()).unwrap_err();
    assert!(matches!(error, MoveError::Lanes { lane: 0, recorded: 2, shown: 1, .. }), "{error}");
}
