//! Exactly once through kill -9: at random moments, and at every named point of a lane.

use crate::harness::feed::Feed;
use crate::harness::lab::{Lab, SOON};
use crate::harness::random::Random;
use crate::harness::verdict::{ask, expected_quarantine, quarantined, to_base64};
use crate::harness::wait::{eventually, pass, secs};
use crate::harness::{config, full, java, status, transactions};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

const MAX_AGE: Duration = Duration::from_millis(500);
const RECORDS: u64 = 200_000;
const PARTITIONS: u64 = 12;

/// 200,000 records over 12 partitions, two processes, one of them killed again and again. A kill counts only if it
/// left an open transaction; while fewer than four of five do, the run is inconclusive and goes on.
#[test]
#[ignore = "needs brokers: tests/run"]
fn exactly_once_through_kills() {
    let wanted = full::size(3, 10);
    let lab = Lab::new("kills");
    let topic = lab.topic("payments");
    lab.create(&topic, PARTITIONS as u32);
    let steps = config::allow_list();
    let file = lab.config(&steps, |p| p["on_error"] = json!("quarantine"));
    let spec = json!({ "topic": topic, "partitions": PARTITIONS, "broken_every": 5000, "odd": true });
    let feed = Feed::start(&lab, spec, full::size(4000, 1500), RECORDS);
    let mut random = Random::new("exactly_once_through_kills");

    let mut processes = [lab.run("p0", &file, &[], &[]), lab.run("p1", &file, &[], &[])];
    let (mut kills, mut counted) = (0, 0);
    let mut known = HashSet::new();
    while counted < wanted || counted * 5 < kills * 4 {
        assert!(kills < 5 * wanted, "inconclusive: only {counted} of {kills} kills left an open transaction");
        for process in &mut processes {
            process.wait_ready(SOON);
        }
        pass(Duration::from_millis(random.between(300, 2500)));
        let victim = random.between(0, 2) as usize;
        let lanes = status::own_lanes(&lab, &processes[victim]);
        processes[victim].kill_9();
        kills += 1;
        let mut left = transactions::abandoned(&lab, &lanes, MAX_AGE);
        // A lane that moved meanwhile is its new owner's, however slow that one is.
        let moved = status::own_lanes(&lab, &processes[1 - victim]);
        left.retain(|t| !moved.contains(&t.lane));
        // What an earlier kill left may be open still, until it times out.
        left.retain(|t| known.insert((t.producer, t.epoch)));
        counted += u64::from(!left.is_empty());
        eprintln!("kill {kills} of process {victim} left open: {:?}", left.iter().map(|t| &t.id).collect::<Vec<_>>());
        processes[victim] = lab.run(&format!("p{}", kills + 1), &file, &[], &[]);
    }
    let written = feed.finish();
    for process in &mut processes {
        process.wait_ready(SOON);
    }
    for process in processes {
        process.terminate(secs(60));
    }
    lab.catch_up("last", &file, 0);

    let answer = ask(&lab, &topic, &steps).right_and_accounted(&file);
    assert_eq!(answer["read"], written);
    assert_eq!(quarantined(&lab), expected_quarantine(&answer));
    lab.finish();
}

/// The process dies at the n-th passing of each point; the next one goes on as if nothing had happened.
#[test]
#[ignore = "needs brokers: tests/run"]
fn exactly_once_when_killed_anywhere() {
    let points = [
        ("after_poll", 3),
        ("after_plugin", 3),
        ("mid_produce", 150),
        ("after_last_produce", 2),
        ("after_position_record", 2),
        ("before_commit", 2),
        ("commit_sent", 2),
        ("after_commit", 2),
        ("in_init", 1),
        ("in_position_read", 1),
    ];
    let lab = Lab::new("points");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let steps = config::fields();
    let file = lab.config(&steps, |p| {
        p["on_error"] = json!("quarantine");
        p["lanes"] = json!(2);
        p["transaction"] = json!({ "max_age": "300ms", "max_records": 200, "timeout": "10s" });
    });
    let mut written = 0;
    for round in 1..=full::size(1, 3) {
        for (point, n) in points {
            lab.generate(json!({ "topic": topic, "partitions": 4, "first": written, "count": 2000, "broken_every": 700 }));
            written += 2000;
            let name = format!("{point}-{round}");
            let fail = format!("{point}=kill@{}", if n > 100 { n * round } else { n });
            let ended = lab.run(&name, &file, &["--until-caught-up"], &[("SLUICE_FAILPOINTS", &fail)]).wait(SOON);
            assert_eq!(ended.code, None, "{fail} did not kill; stderr:\n{}", ended.stderr);
        }
    }
    lab.catch_up("last", &file, 0);

    let answer = ask(&lab, &topic, &steps).right_and_accounted(&file);
    assert_eq!(answer["read"], written);
    assert_eq!(quarantined(&lab), expected_quarantine(&answer));
    lab.finish();
}

/// Killed as it gives a transaction up, first of all and in the middle of the search for the record that the target
/// refuses: what is there in the end is there once.
#[test]
#[ignore = "needs brokers: tests/run"]
fn killed_in_an_abort() {
    let lab = Lab::new("abort");
    let topic = lab.topic("orders");
    lab.create(&topic, 1);
    let small = json!({ "bootstrap": lab.b, "topic": topic, "partitions": 1, "config": { "max.message.bytes": 5000 } });
    java::call("create_topic", small);
    let mut records: Vec<Value> = (0..200).map(|n| json!({ "key": format!("k{n}"), "value": format!("{n}") })).collect();
    records[60] = json!({ "key": "k60", "value_repeat": ["CANARY-60", 5_000] });
    lab.produce(&topic, json!(records));
    let file = lab.config(&json!([]), |p| {
        p["on_error"] = json!("quarantine");
        p["transaction"]["max_records"] = json!(50);
    });

    for (name, fail) in [("first", "in_abort=kill@1"), ("third", "in_abort=kill@3")] {
        let ended = lab.run(name, &file, &["--until-caught-up"], &[("SLUICE_FAILPOINTS", fail)]).wait(SOON);
        assert_eq!(ended.code, None, "{fail} did not kill; stderr:\n{}", ended.stderr);
    }
    lab.catch_up("last", &file, 0);

    let arrived: Vec<Value> = lab.dump(&topic).into_iter().map(|mut record| record["k"].take()).collect();
    let expected: Vec<Value> = (0..200).filter(|n| *n != 60).map(|n| json!(to_base64(format!("k{n}").as_bytes()))).collect();
    assert_eq!(arrived, expected);
    assert_eq!(quarantined(&lab), [(0, 60)]);
    lab.finish();
}

/// Killed as it was told to end, with transactions open.
#[test]
#[ignore = "needs brokers: tests/run"]
fn killed_on_the_way_to_the_end() {
    let lab = Lab::new("shutdown");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4 }), 2000, 0);
    let mut process = lab.run("run", &file, &[], &[("SLUICE_FAILPOINTS", "in_shutdown=kill@2")]);
    process.wait_ready(SOON);
    eventually("records flow", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() > 2000).then_some(()));

    process.signal("TERM");
    let ended = process.wait(SOON);

    assert_eq!(ended.code, None, "the end did not kill; stderr:\n{}", ended.stderr);
    let written = feed.finish();
    lab.catch_up("last", &file, 0);
    assert_eq!(ask(&lab, &topic, &steps).right_and_accounted(&file)["read"], written);
    lab.finish();
}

/// At least once loses nothing and keeps the order of first arrivals; it may repeat, and its map says that it may.
#[test]
#[ignore = "needs brokers: tests/run"]
fn at_least_once_through_a_kill() {
    let lab = Lab::new("atleast");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let steps = config::fields();
    let file = lab.config(&steps, |p| p["delivery"] = json!("at_least_once"));
    lab.generate(json!({ "topic": topic, "partitions": 4, "count": 20_000 }));
    let fail = [("SLUICE_FAILPOINTS", "mid_produce=kill@5000")];
    let ended = lab.run("first", &file, &["--until-caught-up"], &fail).wait(SOON);
    assert_eq!(ended.code, None, "the failpoint did not kill; stderr:\n{}", ended.stderr);

    lab.catch_up("last", &file, 0);

    ask(&lab, &topic, &steps).with("at_least_once", json!(true)).right();
    let args = ["offsets", "map", "-f", file.to_str().expect("plain path"), "--pipeline", lab.pipeline(), "--topic", &topic];
    let found = lab.command("map", &[&args[..], &["--partition", "1", "--offset", "100", "-o", "json"]].concat()).expect_code(0).json();
    assert_eq!((&found["target"]["topic"], &found["exact"]), (&json!(topic), &json!(false)), "{found}");
    lab.finish();
}

/// A genesis that was cut off before its last record is made again: at least once it is no transaction.
#[test]
#[ignore = "needs brokers: tests/run"]
fn killed_in_the_genesis() {
    for delivery in ["at_least_once", "exactly_once"] {
        let lab = Lab::new("genesis");
        let topic = lab.topic("payments");
        lab.create(&topic, 4);
        let steps = config::fields();
        let file = lab.config(&steps, |p| {
            p["delivery"] = json!(delivery);
            p["lanes"] = json!(2);
        });
        lab.generate(json!({ "topic": topic, "partitions": 4, "count": 200 }));
        let fail = [("SLUICE_FAILPOINTS", "in_genesis=kill")];
        let ended = lab.run("first", &file, &["--until-caught-up"], &fail).wait(SOON);
        assert_eq!(ended.code, None, "the failpoint did not kill; stderr:\n{}", ended.stderr);

        lab.catch_up("last", &file, 0);

        let repeats = json!(delivery == "at_least_once");
        let answer = ask(&lab, &topic, &steps).with("at_least_once", repeats).right_and_accounted(&file);
        assert_eq!(answer["read"], 200, "{delivery}");
        lab.finish();
    }
}
