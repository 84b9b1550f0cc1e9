//! When a run that is to catch up ends though something stands: once all else is copied, and not before.

use crate::harness::config;
use crate::harness::lab::Lab;
use crate::harness::rights::{Rights, as_bob};
use crate::harness::verdict::ask;
use serde_json::json;

/// Enough to be copied for longer than the run takes to learn what stands.
const MANY: u64 = 100_000;

/// Enough for a halt at the last of them to come after what is denied was met.
const SOME: u64 = 20_000;

/// Three topics in one lane: one is denied by the source, one has a record that fails where it is `broken`, and one is
/// large and has nothing wrong.
fn stands_beside_a_large_one(case: &str, broken: bool) {
    let lab = Lab::new(case);
    let [denied, poison, healthy] = ["denied", "poison", "healthy"].map(|name| lab.topic(name));
    for (topic, count) in [(&denied, 10), (&poison, SOME), (&healthy, MANY)] {
        lab.create(topic, 1);
        let broken_every = if broken && topic == &poison { SOME } else { 0 };
        lab.generate(json!({ "topic": topic, "count": count, "broken_every": broken_every }));
    }
    let (all, deny) = (Rights::all(&lab, &lab.a), Rights::denied(&lab.a, &denied, "READ"));
    all.grant();
    deny.grant();
    let steps = config::fields();
    let file = as_bob(&lab, &lab.config(&steps, |p| p["lanes"] = json!(1)), "landing");

    let ended = lab.catch_up("run", &file, 1).expect_line(&["partition parked", "authorization", &denied]);

    if broken {
        ended.expect_line(&["partition halted", "record_failed", &poison]);
    }
    for (topic, count) in [(&healthy, MANY), (&poison, SOME - u64::from(broken))] {
        assert_eq!(ask(&lab, topic, &steps).with("ends", json!({ "0": count })).right()["read"], count, "{topic}");
    }
    assert_eq!(lab.ends(&lab.b, &denied, true), [0]);
    deny.revoke();
    all.revoke();
    lab.finish();
}

/// The one that is denied waits for as long as the process lives: the run does not.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_halted_and_a_parked_partition_in_one_lane_end_the_run() {
    stands_beside_a_large_one("halted-and-parked", true);
}

/// What is denied at once does not end the run before its neighbours are copied.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_parked_partition_ends_no_run_before_its_neighbours_are_copied() {
    stands_beside_a_large_one("parked", false);
}
