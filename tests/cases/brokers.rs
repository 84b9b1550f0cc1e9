//! Brokers that die under load, and one that comes back with another log than it had.

use crate::harness::broker::Broker;
use crate::harness::feed::Feed;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, java, status};
use serde_json::{Value, json};
use std::fs;

/// A broker is killed in the middle and started again: the stream goes on by itself, each record once.
fn dies_under_load(case: &str, choose: impl FnOnce(&mut Lab, &Broker)) {
    let broker = Broker::fresh();
    let mut lab = Lab::new(case);
    choose(&mut lab, &broker);
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4 }), 2000, 0);
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    let copied = || lab.ends(&lab.b, &topic, true).iter().sum::<i64>();
    eventually("records flow", SOON, || (copied() > 2000).then_some(()));

    broker.kill_9();
    broker.start();

    let before = copied();
    eventually("records flow again", SOON, || (copied() > before + 2000).then_some(()));
    feed.finish();
    process.terminate(secs(60));
    lab.catch_up("last", &file, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn source_broker_dies() {
    dies_under_load("source-dies", |lab, broker| lab.a.clone_from(&broker.bootstrap));
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn target_broker_dies() {
    dies_under_load("target-dies", |lab, broker| lab.b.clone_from(&broker.bootstrap));
}

/// The source lost the end of its log: what the position lies behind is not there any more, and a run does not take that
/// for having caught up. Once it has grown past the position only the leader epoch tells. It halts, and goes on where the
/// logs part only if that was allowed.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_log_truncated_and_grown_is_noticed() {
    let broker = Broker::fresh();
    let mut lab = Lab::new("truncated");
    lab.a.clone_from(&broker.bootstrap);
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let mask = json!([config::mask("fields")]);
    let file = lab.config(&mask, |_| ());
    for part in 0..5 {
        lab.generate(json!({ "topic": topic, "first": part * 20, "count": 20 }));
    }
    lab.catch_up("before", &file, 0);
    broker.kill_9();
    for entry in fs::read_dir(broker.log(&topic, 0)).expect("the broker keeps its log there") {
        let path = entry.expect("a readable directory").path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("log") => {
                let log = fs::OpenOptions::new().write(true).open(&path).expect("the log is a file");
                let length = log.metadata().expect("a file has a length").len();
                log.set_len(length / 2).expect("the file can be cut");
            }
            Some("index" | "timeindex" | "txnindex" | "snapshot") => fs::remove_file(&path).expect("the file can go"),
            _ => {}
        }
    }
    broker.start();
    let short = lab.catch_up("short", &file, 1);
    assert!(short.stderr.contains("log_truncated"), "{}", short.stderr);
    lab.generate(json!({ "topic": topic, "first": 100, "count": 200 }));
    assert!(lab.ends(&lab.a, &topic, true)[0] > 150, "the log has not grown past the position");

    let halted = lab.catch_up("halted", &file, 1);

    assert!(halted.stderr.contains("log_truncated"), "{}", halted.stderr);
    assert_eq!(lab.dump(&topic).len(), 100, "records of another log were mixed in");
    let file = lab.config(&mask, |p| p["on_gap"] = json!("continue"));
    let on = lab.catch_up("on", &file, 0);
    let event = on.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["event"] == "audit.gap");
    let parted = event.and_then(|event| event["to"].as_i64()).expect("the event says where it goes on");
    let end = lab.ends(&lab.a, &topic, true)[0];
    assert!(parted < 100, "{parted}");
    assert_eq!(lab.dump(&topic).len() as i64, 100 + end - parted, "everything from where the logs part");
    lab.finish();
}

/// A position behind aborted records of a later leader than the last record's: that log was not truncated. It is checked
/// where the last record ends, and where retention took that place since, nothing is missing either.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_position_behind_an_abort_of_a_later_leader_goes_on() {
    let broker = Broker::fresh();
    let mut lab = Lab::new("abort-later");
    lab.a.clone_from(&broker.bootstrap);
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    let stand_behind_an_abort = |first: u64, end: i64, name: &str| {
        broker.kill_9();
        broker.start();
        let id = format!("{}-{first}", lab.id);
        lab.generate(json!({ "topic": topic, "first": first, "count": 20, "transaction": "abort", "transactional_id": id }));
        eventually("the abort is in the log", SOON, || (lab.ends(&lab.a, &topic, true) == [end]).then_some(()));
        lab.catch_up(name, &file, 0);
    };
    lab.generate(json!({ "topic": topic, "count": 20 }));
    stand_behind_an_abort(20, 41, "before");
    lab.generate(json!({ "topic": topic, "first": 40, "count": 20 }));

    lab.catch_up("behind", &file, 0);

    ask(&lab, &topic, &steps).right_and_accounted(&file);
    stand_behind_an_abort(60, 82, "again");
    java::call("delete_records", json!({ "bootstrap": lab.a, "topic": topic, "partition": 0, "before": 82 }));
    lab.generate(json!({ "topic": topic, "first": 80, "count": 20 }));
    lab.catch_up("overtaken", &file, 0);
    // The judge cannot look at what the source deleted: the account has all of it, once.
    let shown = status::pipeline(&lab, &file);
    assert_eq!((&shown["account"]["read"], &shown["account"]["passed"]), (&json!(60), &json!(lab.dump(&topic).len())));
    assert_eq!(shown["partitions"][0]["lost"], 0);
    lab.finish();
}
