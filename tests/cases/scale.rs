//! More processes with the same file: the lanes spread, and move when a process dies.

use crate::harness::config;
use crate::harness::feed::Feed;
use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use serde_json::{Value, json};

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
