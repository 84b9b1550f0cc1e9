//! Topics and offsets that go while they are copied: what halts, what parks, what goes on only where it was allowed.

use crate::harness::lab::{Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, http, java, status};
use serde_json::{Value, json};
use std::fs;

/// Time within which the client library tells that a topic went.
const NOTICED: std::time::Duration = secs(120);

fn delete(lab: &Lab, bootstrap: &str, topic: &str) {
    java::call("delete_topic", json!({ "bootstrap": bootstrap, "topic": topic }));
    eventually("the topic is gone", SOON, || lab.ends(bootstrap, topic, false).is_empty().then_some(()));
}

fn own_status(lab: &Lab, process: &Sluice) -> Option<Value> {
    let page = http::get(process.port, "/status")?;
    Some(status::find(lab, &serde_json::from_str(&page.body).ok()?))
}

fn wait_reason(lab: &Lab, process: &Sluice, reason: &str) {
    eventually(&format!("a lane is halted with {reason}"), NOTICED, || {
        let status = own_status(lab, process)?;
        let halted = |lane: &Value| lane["state"] == "halted" && lane["reason"] == reason;
        status["lanes"].as_array()?.iter().any(halted).then_some(())
    });
}

fn copied(lab: &Lab, topic: &str) -> usize {
    lab.dump(topic).len()
}

/// Going on behind a gap is opt-in, exact, and leaves its mark.
#[test]
#[ignore = "needs brokers: tests/run"]
fn on_behind_a_gap() {
    let lab = Lab::new("gap-on");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&json!([config::mask("fields")]), |_| ());
    lab.generate(json!({ "topic": topic, "count": 111 }));
    lab.catch_up("before", &file, 0);
    lab.generate(json!({ "topic": topic, "first": 111, "count": 200 }));
    java::call("delete_records", json!({ "bootstrap": lab.a, "topic": topic, "partition": 0, "before": 222 }));
    let halted = lab.catch_up("halted", &file, 1);
    assert!(halted.stderr.contains("on_gap: continue"), "the way on is not named:\n{}", halted.stderr);

    let file = lab.config(&json!([config::mask("fields")]), |p| p["on_gap"] = json!("continue"));
    let ended = lab.catch_up("on", &file, 0);

    assert!(ended.stderr.contains("audit.gap"), "no audit event:\n{}", ended.stderr);
    assert_eq!(copied(&lab, &topic), 111 + 89);
    let partition = &status::pipeline(&lab, &file)["partitions"][0];
    assert_eq!((&partition["lost"], &partition["position"], &partition["account"]["read"]), (&json!(111), &json!(311), &json!(200)));
    let args = ["offsets", "map", "-f", file.to_str().expect("plain path"), "--pipeline", lab.pipeline(), "--topic", &topic];
    let found = lab.command("map", &[&args[..], &["--partition", "0", "--offset", "150", "-o", "json"]].concat()).expect_code(0).json();
    let after_the_gap =
        lab.command("map", &[&args[..], &["--partition", "0", "--offset", "222", "-o", "json"]].concat()).expect_code(0).json();
    assert_eq!(found["target"], after_the_gap["target"], "the first survivor after the gap");
    lab.finish();
}

/// A record that the target refuses aborts the very transaction that was to be settled before going on behind a gap; the
/// partition with the gap is not forgotten over that.
#[test]
#[ignore = "needs brokers: tests/run"]
fn on_behind_a_gap_beside_a_refused_record() {
    let lab = Lab::new("gap-refused");
    let (gap, small) = (lab.topic("gap"), lab.topic("small"));
    lab.create(&gap, 1);
    lab.create(&small, 1);
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": small, "partitions": 1, "config": { "max.message.bytes": 2000 } }));
    // a transaction long enough to be open when the gap is met
    let file = lab.config(&json!([]), |p| {
        p["lanes"] = json!(1);
        p["on_gap"] = json!("continue");
        p["on_error"] = json!("quarantine");
        p["transaction"] = json!({ "max_age": "4s", "timeout": "15s" });
    });
    let values = |count: u32, large: u32| -> Value {
        (0..count).map(|n| json!({ "value": if n == large { "CANARY-".repeat(800) } else { format!("{n}") } })).collect()
    };
    lab.produce(&gap, values(50, 50));
    lab.catch_up("before", &file, 0);
    lab.produce(&gap, values(50, 50));
    java::call("delete_records", json!({ "bootstrap": lab.a, "topic": gap, "partition": 0, "before": 80 }));
    lab.produce(&small, values(20, 10));

    lab.catch_up("after", &file, 0);

    assert_eq!((copied(&lab, &gap), copied(&lab, &small)), (50 + 20, 19));
    lab.finish();
}

/// A topic made anew is copied from its beginning where that was asked for.
#[test]
#[ignore = "needs brokers: tests/run"]
fn restart_of_a_topic_made_anew() {
    let lab = Lab::new("anew-on");
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    let file = lab.config(&json!([config::mask("fields")]), |p| p["on_topic_recreated"] = json!("restart"));
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 50 }));
    lab.catch_up("before", &file, 0);
    delete(&lab, &lab.a, &topic);
    lab.create(&topic, 2);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 80 }));

    let ended = lab.catch_up("after", &file, 0);

    assert!(ended.stderr.contains("audit.topic_recreated"), "no audit event:\n{}", ended.stderr);
    assert_eq!(copied(&lab, &topic), 130);
    lab.catch_up("again", &file, 0);
    assert_eq!(copied(&lab, &topic), 130, "restarted once");
    lab.finish();
}

/// A source topic that is deleted parks its partitions with a name; the other topics go on.
#[test]
#[ignore = "needs brokers: tests/run"]
fn source_topic_deleted() {
    let lab = Lab::new("gone");
    let (gone, stays) = (lab.topic("gone"), lab.topic("stays"));
    lab.create(&gone, 1);
    lab.create(&stays, 1);
    let file = lab.config(&json!([config::mask("fields")]), |p| p["lanes"] = json!(1));
    lab.generate(json!({ "topic": gone, "count": 20 }));
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    eventually("it is copied", SOON, || (lab.ends(&lab.b, &gone, true).iter().sum::<i64>() >= 20).then_some(()));
    delete(&lab, &lab.a, &gone);

    wait_reason(&lab, &process, "source_topic");

    assert_eq!(http::get(process.port, "/readyz").map(|page| page.status), Some(503));
    lab.generate(json!({ "topic": stays, "count": 30 }));
    eventually("the other topic goes on", SOON, || (lab.ends(&lab.b, &stays, true).iter().sum::<i64>() >= 30).then_some(()));
    process.terminate(secs(60));
    lab.finish();
}

/// A source topic that goes while nobody runs is missed by the next run, until the file leaves it out.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_source_topic_that_went_between_two_runs_is_not_forgotten() {
    let lab = Lab::new("gone-between");
    let (gone, stays) = (lab.topic("gone"), lab.topic("stays"));
    for topic in [&gone, &stays] {
        lab.create(topic, 1);
        lab.generate(json!({ "topic": topic, "count": 20 }));
    }
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    lab.catch_up("before", &file, 0);
    let there = copied(&lab, &gone);
    delete(&lab, &lab.a, &gone);
    lab.generate(json!({ "topic": stays, "first": 20, "count": 30 }));

    lab.catch_up("missed", &file, 1).expect_line(&["source_topic", &gone]);

    assert_eq!(ask(&lab, &stays, &steps).right()["read"], 50);
    let process = lab.run("stands", &file, &[], &[]);
    wait_reason(&lab, &process, "source_topic");
    lab.create(&gone, 1);
    wait_reason(&lab, &process, "topic_recreated");
    process.terminate(secs(60));
    let file = lab.config(&steps, |p| p["topics"]["exclude"] = json!([gone]));
    lab.catch_up("left-out", &file, 0);
    assert_eq!(copied(&lab, &gone), there, "what was copied stays");
    lab.finish();
}

/// A target topic that is deleted halts what goes there, and is not made again behind the operator's back.
#[test]
#[ignore = "needs brokers: tests/run"]
fn target_topic_deleted() {
    let lab = Lab::new("target-gone");
    let (gone, stays) = (lab.topic("gone"), lab.topic("stays"));
    lab.create(&gone, 1);
    lab.create(&stays, 1);
    let file = lab.config(&json!([config::mask("fields")]), |p| p["lanes"] = json!(1));
    lab.generate(json!({ "topic": gone, "count": 20 }));
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    eventually("it is copied", SOON, || (lab.ends(&lab.b, &gone, true).iter().sum::<i64>() >= 20).then_some(()));
    delete(&lab, &lab.b, &gone);
    lab.generate(json!({ "topic": gone, "first": 20, "count": 20 }));

    wait_reason(&lab, &process, "target_topic");

    lab.generate(json!({ "topic": stays, "count": 30 }));
    eventually("the other topic goes on", SOON, || (lab.ends(&lab.b, &stays, true).iter().sum::<i64>() >= 30).then_some(()));
    process.terminate(secs(60));
    let ended = lab.catch_up("restarted", &file, 1);
    assert!(ended.stderr.contains("gone from the target"), "{}", ended.stderr);
    assert!(lab.ends(&lab.b, &gone, true).is_empty(), "the topic was made again");
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": gone, "partitions": 1 }));
    let ended = lab.catch_up("anew", &file, 1);
    assert!(ended.stderr.contains("created again on the target"), "{}", ended.stderr);
    assert!(lab.dump(&gone).is_empty(), "records behind a hole");
    lab.finish();
}

/// The target does not know its topic for a while, as a broker that has yet to learn of it: its partition stands, and goes on
/// with the same topic.
#[test]
#[ignore = "needs brokers: tests/run"]
fn target_topic_forgotten_for_a_while() {
    let lab = Lab::new("target-forgotten");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let steps = json!([config::mask("fields")]);
    let file = lab.config(&steps, |p| p["lanes"] = json!(1));
    lab.generate(json!({ "topic": topic, "count": 20 }));
    let lie = lab.dir.join("lie");
    let mut process = lab.run("run", &file, &[], &[("SLUICE_FAILPOINTS", &format!("target_ids=lie:{}", lie.display()))]);
    process.wait_ready(SOON);
    eventually("it is copied", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() >= 20).then_some(()));
    fs::write(&lie, "").expect("the case's directory is writable");
    wait_reason(&lab, &process, "target_topic");
    lab.generate(json!({ "topic": topic, "first": 20, "count": 20 }));
    fs::remove_file(&lie).expect("the case's directory is writable");

    eventually("it goes on", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() >= 40).then_some(()));
    process.wait_ready(SOON);
    process.terminate(secs(60));
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}

/// The only target topic of a lane goes while nobody runs: the next run says so and ends, and makes nothing again.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_lane_whose_only_target_topic_is_gone() {
    let lab = Lab::new("target-gone-alone");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&json!([config::mask("fields")]), |p| {
        p["lanes"] = json!(1);
        p["delivery"] = json!("exactly_once");
        p["on_error"] = json!("halt");
    });
    lab.generate(json!({ "topic": topic, "count": 20 }));
    lab.catch_up("before", &file, 0);
    delete(&lab, &lab.b, &topic);
    lab.generate(json!({ "topic": topic, "first": 20, "count": 5 }));

    lab.catch_up("after", &file, 1).expect_line(&["target_topic", &topic]);

    assert!(lab.ends(&lab.b, &topic, true).is_empty(), "the topic was made again");
    lab.finish();
}
