//! More processes with the same file: the lanes spread, and move when a process dies.

use crate::harness::config;
use crate::harness::feed::Feed;
use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use serde_json::{Value, json};
use std::fs;

/// Lanes by member of the pipeline's group on the target, as the broker tells it; none while it rebalances.
fn owners(lab: &Lab) -> Option<Vec<Vec<i64>>> {
    let group = java::call("group", json!({ "bootstrap": lab.b, "group": format!("sluice.{}", lab.pipeline()) }));
    let members = group["members"].as_array()?;
    let lanes = |m: &Value| m["partitions"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    (group["state"] == "Stable").then(|| members.iter().map(lanes).collect())
}

/// Waits until `sizes` (descending) is how many lanes the members own, each lane with exactly one owner.
fn wait_spread(lab: &Lab, sizes: &[usize]) {
    eventually(&format!("lanes spread {sizes:?}"), SOON, || {
        let owners = owners(lab)?;
        let mut now: Vec<usize> = owners.iter().map(Vec::len).collect();
        now.sort_unstable_by(|a, b| b.cmp(a));
        let mut lanes = owners.concat();
        lanes.sort_unstable();
        (now == sizes && lanes == (0..8).collect::<Vec<_>>()).then_some(())
    });
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn lanes_spread_and_move() {
    let lab = Lab::new("scale");
    let topic = lab.topic("payments");
    lab.create(&topic, 12);
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 12 }), 1000, 0);

    let mut first = lab.run("first", &file, &[], &[]);
    first.wait_ready(SOON);
    wait_spread(&lab, &[8]);
    let second = lab.run("second", &file, &[], &[]);
    wait_spread(&lab, &[4, 4]);
    let third = lab.run("third", &file, &[], &[]);
    wait_spread(&lab, &[3, 3, 2]);
    third.terminate(secs(60));
    wait_spread(&lab, &[4, 4]);
    first.kill_9();
    wait_spread(&lab, &[8]);
    let before: i64 = lab.ends(&lab.b, &topic, true).iter().sum();
    eventually("the heir goes on", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() > before + 500).then_some(()));

    feed.finish();
    second.terminate(secs(60));
    lab.catch_up("last", &file, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}

/// SIGTERM under load: what is open is committed or aborted, exit 0, and nothing waits for a time-out.
#[test]
#[ignore = "needs brokers: tests/run"]
fn terminates_cleanly_under_load() {
    let lab = Lab::new("term");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4 }), 3000, 0);
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    eventually("records flow", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() > 2000).then_some(()));

    process.terminate(secs(30));

    let open = crate::harness::transactions::open(&lab);
    assert_eq!(open, [], "left open");
    feed.finish();
    lab.catch_up("last", &file, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}

/// Told to end together, the one that is slower is given the lanes of the one that has left: it does not take them up, and
/// ends with its own.
#[test]
#[ignore = "needs brokers: tests/run"]
fn two_processes_told_to_end_together_do() {
    let lab = Lab::new("term-both");
    let topic = lab.topic("payments");
    lab.create(&topic, 12);
    let steps = config::fields();
    // what is open outlives the pause
    let file = lab.config(&steps, |p| p["transaction"]["timeout"] = json!("60s"));
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 12 }), 2000, 0);
    let first = lab.run("first", &file, &[], &[]);
    // the second one gives none away before the end
    wait_spread(&lab, &[8]);
    let go = lab.dir.join("go");
    let slow = format!("in_shutdown=pause:{}", go.display());
    let second = lab.run("second", &file, &[], &[("SLUICE_FAILPOINTS", &slow)]);
    wait_spread(&lab, &[4, 4]);
    let before: i64 = lab.ends(&lab.b, &topic, true).iter().sum();
    eventually("records flow", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() > before + 2000).then_some(()));

    first.signal("TERM");
    second.signal("TERM");
    first.wait(secs(20)).expect_code(0);
    eventually("the second one is ending", secs(20), || lab.dir.join("go.reached").exists().then_some(()));
    wait_spread(&lab, &[8]);
    fs::write(&go, "").expect("the case's directory is writable");
    // with lanes of the first one it would wait for them until half a minute after the signal
    second.wait(secs(15)).expect_code(0);

    feed.finish();
    lab.catch_up("last", &file, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}
