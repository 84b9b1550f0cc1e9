//! Plugins replaced while a pipeline works as hard as it can, and a process killed while its lanes change over. What is
//! not fit to run, and who may put it there, is `dropin`'s.

use super::dropin::{FILE, PARTITIONS, arrived, digest, each_record_has_one_maker, events, steps, wait_arrive, wait_event};
use crate::harness::feed::Feed;
use crate::harness::full;
use crate::harness::guests::{place, stamp};
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::{ask, base64};
use crate::harness::wait::{eventually, secs};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// By record: the stamp in it.
type Makers = BTreeMap<(i64, i64), String>;

/// The target holds what the chain makes of the source and nothing else, each record has the stamp of the component that
/// offset map and positions name; returns the stamps that are there.
#[track_caller]
fn judged(lab: &Lab, file: &Path, topic: &str, written: u64, stamps: &BTreeMap<String, String>) -> BTreeSet<String> {
    let answer = ask(lab, topic, &steps()).with("stamped", json!(true)).right_and_accounted(file);
    assert_eq!(answer["read"], written);
    let makers = each_record_has_one_maker(lab, file, topic, written, stamps);
    let positions = named_by_positions(lab, topic, &makers, stamps);
    assert!(positions >= PARTITIONS as usize, "only {positions} positions are left to look at");
    makers.into_values().collect()
}

/// Each position that compaction has left names the component that made the last record before it. Returns how many there
/// are.
#[track_caller]
fn named_by_positions(lab: &Lab, topic: &str, makers: &Makers, stamps: &BTreeMap<String, String>) -> usize {
    let mut looked = 0;
    for record in lab.dump(&format!("__sluice.{}.positions", lab.pipeline())) {
        let part = |name: &str| record[name].as_str().map(base64);
        let (Some(key), Some(value)) = (part("k"), part("v")) else { continue };
        let [key, value] = [key, value].map(|bytes| serde_json::from_slice::<Value>(&bytes).expect("the state is JSON"));
        let (Some(partition), Some(next)) = (key["partition"].as_i64(), value["next"].as_i64()) else { continue };
        // record n is on partition n mod PARTITIONS, at offset n / PARTITIONS
        let Some(stamp) = makers.get(&(partition, (next - 1) * i64::from(PARTITIONS) + partition)) else { continue };
        assert_eq!(key["topic"], topic);
        assert_eq!(value["digests"][1], stamps[stamp], "{topic}-{partition} up to {next} says {stamp}; its position says {value}");
        looked += 1;
    }
    looked
}

/// Nothing is paced: there is always more to copy than is copied, while one component after the other takes over.
#[test]
#[ignore = "needs brokers: tests/run"]
fn switches_under_full_load_lose_and_double_nothing() {
    let lab = Lab::new("swap-full");
    let topic = lab.topic("payments");
    let dir = lab.dir.join("plugins");
    lab.create(&topic, PARTITIONS);
    place(&dir, FILE, &stamp(1, None));
    let file = lab.config(&steps(), |_| ());
    let portion: u64 = full::size(40_000, 150_000);
    let mut written = 0;
    let mut write = |count: u64| {
        lab.generate(json!({ "topic": topic, "partitions": PARTITIONS, "first": written, "count": count }));
        written += count;
        written
    };
    // At least half a portion lies ahead of the pipeline, until there are ten: a machine too busy to compile a plugin
    // meanwhile switches on an empty backlog, and what must hold is the same.
    let mut ahead = write(portion);
    let lies_ahead = |ahead: u64| ahead >= arrived(&lab, &topic).unsigned_abs() + portion / 2;
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    eventually("records flow", SOON, || (arrived(&lab, &topic) >= 1000).then_some(()));
    let mut stamps = BTreeMap::from([("stamp-001".to_owned(), digest(&lab, &process))]);

    let turns = full::size(1, 4);
    for turn in 1..=turns {
        place(&dir, FILE, &stamp(turn + 1, None));
        eventually(&format!("every lane has taken up version {}", turn + 1), SOON, || {
            if ahead < 10 * portion && !lies_ahead(ahead) {
                ahead = write(portion);
            }
            (events(&process, "audit.lane_switched").len() as u32 >= turn * 8).then_some(())
        });
        let switched = wait_event(&process, "audit.plugin_switched", turn as usize);
        stamps.insert(format!("stamp-{:03}", turn + 1), switched["digest"].as_str().expect("a digest").to_owned());
        eprintln!("version {} taken up at {} of {ahead} records, unpaced", turn + 1, arrived(&lab, &topic));
        // Some for the new one, whatever became of the backlog.
        ahead = write(2000);
    }
    let written = ahead;
    process.terminate(secs(60));
    lab.catch_up("last", &file, 0);
    let seen = judged(&lab, &file, &topic, written, &stamps);
    assert_eq!(seen.len() as u32, turns + 1, "{seen:?}");
    lab.finish();
}

/// Killed while one lane has yet to change over, and the others have committed records of the new component: the next
/// process goes on with the component that is there, and no record has two makers or none.
#[test]
#[ignore = "needs brokers: tests/run"]
fn killed_in_the_middle_of_a_switch() {
    let lab = Lab::new("swap-kill");
    let topic = lab.topic("payments");
    let dir = lab.dir.join("plugins");
    lab.create(&topic, PARTITIONS);
    place(&dir, FILE, &stamp(1, None));
    let file = lab.config(&steps(), |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": PARTITIONS }), 2000, 0);
    // The third lane of all waits for a file that never comes.
    let stop = format!("in_plugin_swap=pause:{}@3", lab.dir.join("never").display());
    let mut process = lab.run("killed", &file, &[], &[("SLUICE_FAILPOINTS", &stop)]);
    process.wait_ready(SOON);
    wait_arrive(&lab, &topic, 2000);
    let first = digest(&lab, &process);

    place(&dir, FILE, &stamp(2, None));
    wait_event(&process, "audit.lane_switched", 3);
    wait_arrive(&lab, &topic, 5000);
    let switched = events(&process, "audit.lane_switched").len();
    assert!((3..8).contains(&switched), "{switched} lanes of 8 have changed over");
    process.kill_9();

    let mut next = lab.run("next", &file, &[], &[]);
    next.wait_ready(SOON);
    wait_arrive(&lab, &topic, 2000);
    let second = digest(&lab, &next);
    next.terminate(secs(60));
    let written = feed.finish();
    lab.catch_up("last", &file, 0);
    let stamps = BTreeMap::from([("stamp-001".to_owned(), first), ("stamp-002".to_owned(), second)]);
    assert_eq!(judged(&lab, &file, &topic, written, &stamps).len(), 2);
    lab.finish();
}
