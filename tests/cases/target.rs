//! What the target denies or refuses, and what becomes of the lane: the cause is named, no record is blamed for it, and
//! copying goes on by itself once it is mended.

use serde_json::{Value, json};

use crate::harness::lab::{Lab, SOON};
use crate::harness::rights::{Rights, as_bob};
use crate::harness::wait::eventually;
use crate::harness::{http, java, process::Sluice, status};

/// State and reason of each lane that a running process owns and that is in another state than `running` or `waiting`.
fn troubles(lab: &Lab, process: &Sluice) -> Vec<(Value, Value)> {
    let Some(page) = http::get(process.port, "/status") else { return Vec::new() };
    let pipeline = status::find(lab, &page.json());
    let lanes = pipeline["lanes"].as_array().cloned().unwrap_or_default();
    let calm = |lane: &Value| ["running", "waiting"].iter().any(|state| lane["state"] == *state);
    lanes.iter().filter(|lane| !calm(lane)).map(|lane| (lane["state"].clone(), lane["reason"].clone())).collect()
}

fn plain(count: usize) -> Value {
    (0..count).map(|n| json!({ "key": format!("k{n}"), "value": "CANARY-v" })).collect()
}

fn copied(lab: &Lab, topic: &str) -> usize {
    if lab.ends(&lab.b, topic, true).is_empty() { 0 } else { lab.dump(topic).len() }
}

fn wait_for(lab: &Lab, process: &Sluice, state: &str, reason: &str) {
    let there = || troubles(lab, process).contains(&(json!(state), json!(reason))).then_some(());
    eventually(&format!("a lane is {state}: {reason}"), SOON, there);
}

/// Without WRITE on one topic the broker refuses the partition, and the client purges the records: the right is named all
/// the same, and once it is granted everything is there once.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_denied_write_is_named_and_waited_for() {
    let lab = Lab::new("denied");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    lab.produce(&topic, plain(50));
    let (all, denied) = (Rights::all(&lab, &lab.b), Rights::denied(&lab.b, &topic, "WRITE"));
    all.grant();
    denied.grant();
    let file = as_bob(&lab, &lab.config(&json!([]), |_| ()), "main");

    let ended = lab.run("caught-up", &file, &["--until-caught-up"], &[]).wait(SOON).expect_code(1);
    let mut process = lab.run("run", &file, &[], &[]);
    wait_for(&lab, &process, "halted", "authorization");

    assert!(ended.stderr.contains("grant WRITE"), "the right is not named:\n{}", ended.stderr);
    assert_eq!(copied(&lab, &topic), 0);
    denied.revoke();
    eventually("the records arrive", SOON, || (copied(&lab, &topic) == 50).then_some(()));
    eventually("the lane says so", SOON, || troubles(&lab, &process).is_empty().then_some(()));
    assert!(process.ended().is_none(), "{}", process.stderr());
    process.terminate(SOON).expect_code(0);
    all.revoke();
    lab.finish_clear();
}

/// Without READ on the group nobody is given a lane: the right is named once in the log and on both pages, a run that is to
/// catch up ends, and copying begins once it is granted. Taken back, it is named again.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_denied_group_is_named_and_waited_for() {
    let lab = Lab::new("denied-group");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    lab.produce(&topic, plain(50));
    let id = lab.pipeline();
    let group = format!("sluice.{id}");
    let all = Rights::new(
        &lab.b,
        json!([
            ["TOPIC", "PREFIXED", id, "ALL", "ALLOW"],
            ["TOPIC", "PREFIXED", format!("__sluice.{id}"), "ALL", "ALLOW"],
            ["GROUP", "PREFIXED", group, "DESCRIBE", "ALLOW"],
            ["TRANSACTIONAL_ID", "PREFIXED", group, "ALL", "ALLOW"],
        ]),
    );
    let read = Rights::new(&lab.b, json!([["GROUP", "PREFIXED", group, "READ", "ALLOW"]]));
    all.grant();
    let file = as_bob(&lab, &lab.config(&json!([]), |_| ()), "main");
    let barred = |process: &Sluice| {
        let lanes = http::get(process.port, "/status").map(|page| status::find(&lab, &page.json())["lanes"].clone());
        let denied = |lane: &Value| lane["state"] == "waiting" && lane["reason"] == "authorization";
        let denied = lanes.is_some_and(|lanes| lanes.as_array().is_some_and(|lanes| !lanes.is_empty() && lanes.iter().all(denied)));
        let ready = http::get(process.port, "/readyz");
        (denied && ready.is_some_and(|page| page.status == 503 && page.body.contains("GroupAuthorizationFailed"))).then_some(())
    };

    let ended = lab.run("caught-up", &file, &["--until-caught-up"], &[]).wait(SOON).expect_code(1);
    let mut process = lab.run("run", &file, &[], &[]);
    eventually("the right is named", SOON, || barred(&process));

    let told = |stderr: &str| stderr.matches("does not take this process").count();
    assert_eq!(told(&ended.stderr), 1, "{}", ended.stderr);
    assert_eq!(copied(&lab, &topic), 0);
    read.grant();
    eventually("the records arrive", SOON, || (copied(&lab, &topic) == 50).then_some(()));
    process.wait_ready(SOON);
    assert_eq!(told(&process.stderr()), 1, "{}", process.stderr());
    read.revoke();
    eventually("the right is named again", SOON, || barred(&process));
    process.terminate(SOON).expect_code(0);
    all.revoke();
    lab.finish_clear();
}

/// The target refuses the position of a transaction with one record, as it does where clocks are apart: the record is not
/// put aside for it.
#[test]
#[ignore = "needs brokers: tests/run"]
fn refused_positions_blame_no_record() {
    let lab = Lab::new("own-records");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&json!([]), |p| {
        p["on_error"] = json!("quarantine");
        p["lanes"] = json!(1);
    });
    let process = lab.run("run", &file, &[], &[]);
    lab.wait_begun();
    lab.produce(&topic, plain(1));
    eventually("the first record arrives", SOON, || (copied(&lab, &topic) == 1).then_some(()));
    let positions = format!("__sluice.{}.positions", lab.pipeline());
    let limit = |bytes: &str| {
        java::call("alter_config", json!({ "bootstrap": lab.b, "topic": positions, "config": { "max.message.bytes": bytes } }));
    };

    limit("100");
    lab.produce(&topic, plain(1));
    wait_for(&lab, &process, "halted", "state_invalid");
    limit("1000000");

    eventually("the record arrives", SOON, || (copied(&lab, &topic) == 2).then_some(()));
    eventually("the lane says so", SOON, || troubles(&lab, &process).is_empty().then_some(()));
    let account = status::Account::of(&status::pipeline(&lab, &file)["account"]);
    assert_eq!((account.passed, account.quarantined), (2, 0));
    process.terminate(SOON).expect_code(0);
    lab.finish_clear();
}

/// A lane that ended for good is shown by everybody, not only by the process that ended it.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_lane_that_ended_is_shown_elsewhere() {
    let lab = Lab::new("ended");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&json!([]), |p| {
        p["on_error"] = json!("quarantine");
        p["lanes"] = json!(1);
    });
    let process = lab.run("run", &file, &[], &[]);
    lab.wait_begun();
    let small = |topic: &str| {
        java::call("alter_config", json!({ "bootstrap": lab.b, "topic": topic, "config": { "max.message.bytes": "100" } }));
    };
    eventually("the topic is there", SOON, || (!lab.ends(&lab.b, &topic, true).is_empty()).then_some(()));
    // Neither the record nor its coordinates are taken.
    small(&topic);
    small(&format!("__sluice.{}.quarantine", lab.pipeline()));

    lab.produce(&topic, json!([{ "key": "k", "value": "CANARY-".repeat(80) }]));
    wait_for(&lab, &process, "halted", "target_refused");

    let elsewhere = || status::pipeline(&lab, &file)["lanes"][0].clone();
    let shown = eventually("another process says so", SOON, || Some(elsewhere()).filter(|lane| lane["state"] == "halted"));
    assert_eq!((&shown["reason"], &shown["owner"]), (&json!("target_refused"), &json!("other")), "{shown}");
    process.terminate(SOON).expect_code(0);
    lab.finish();
}

/// Two source topics share a topic by `route`, one grows: the shared one follows. Before the first record of a lane goes to
/// a partition that something hangs in, that is ended as far as it is the lane's.
#[test]
#[ignore = "needs brokers: tests/run"]
fn routed_topics_follow_their_sources() {
    let lab = Lab::new("routed");
    let (few, many) = (lab.topic("few"), lab.topic("many"));
    let shared = format!("{}-all", lab.id);
    lab.create(&few, 1);
    let record = |partition: u32, n: u32| json!({ "partition": partition, "key": "k", "value": json!({ "n": n, "name": "CANARY-Zoë" }).to_string() });
    let steps = json!([{ "plugin": "route", "fields": { "$.none": {} }, "unmatched": "allow", "to": format!("{shared}-{{$.none}}"), "otherwise": shared }]);
    let file = lab.config(&steps, |p| p["lanes"] = json!(2));
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": shared, "partitions": 1 }));
    let id = format!("{}.open", lab.id);
    let open = json!({ "bootstrap": lab.b, "topic": shared, "records": [record(0, 99)], "transaction": "open", "transactional_id": id });
    java::call("produce", open);
    lab.produce(&few, json!([record(0, 0), record(0, 1)]));

    let process = lab.run("run", &file, &[], &[]);
    let met =
        || process.stderr().lines().any(|line| line.contains("ending what is ours") && line.contains("that a record chose")).then_some(());
    eventually("what hangs in the shared topic is noticed", SOON, met);
    java::call("end_transaction", json!({ "transactional_id": id, "commit": false }));
    eventually("the first records arrive", SOON, || (copied(&lab, &shared) == 2).then_some(()));
    lab.create(&many, 3);
    lab.produce(&many, json!([record(0, 2), record(1, 3), record(2, 4)]));
    eventually("those of the wider topic arrive", SOON, || (copied(&lab, &shared) == 5).then_some(()));
    java::call("add_partitions", json!({ "bootstrap": lab.a, "topic": many, "partitions": 5 }));
    lab.produce(&many, json!([record(4, 5)]));
    eventually("those of the new partition arrive", SOON, || (copied(&lab, &shared) == 6).then_some(()));

    process.terminate(SOON).expect_code(0);
    lab.catch_up("again", &file, 0);
    assert_eq!((copied(&lab, &shared), lab.ends(&lab.b, &shared, true).len()), (6, 5), "each once");
    lab.finish_clear();
}
