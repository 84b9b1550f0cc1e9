//! Hostile plugins: each is cut at its limit, the record follows the policy, everything else goes on.

use crate::harness::config;
use crate::harness::guests::install;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::{ask, expected_quarantine, quarantined};
use serde_json::json;

/// Each behaves until it meets a record whose `$.trigger` is "fire". In the order of `tests/guests`.
const HOSTILE: [&str; 7] = [
    "guest-loop",    // never comes back
    "guest-trap",    // unreachable
    "guest-hoard",   // takes memory until it is refused
    "guest-rows",    // answers for rows that are not there
    "guest-ends",    // ends that overlap
    "guest-million", // a million records
    "guest-utf8",    // invalid UTF-8 in a text value
];

/// Under quarantine exactly the guilty record is set aside, alone, and the process lives.
#[test]
#[ignore = "needs brokers: tests/run"]
fn the_guilty_record_is_quarantined() {
    for name in HOSTILE {
        let lab = Lab::new(&format!("q-{name}"));
        install(&lab, name);
        let topic = lab.topic("payments");
        lab.create(&topic, 4);
        lab.generate(json!({ "topic": topic, "partitions": 4, "count": 800, "trigger": "fire", "trigger_at": 402 }));
        let steps = json!([config::mask("allow_list"), config::guest(name)]);
        let file = lab.config(&steps, |p| p["on_error"] = json!("quarantine"));

        lab.catch_up("run", &file, 0);

        let answer = ask(&lab, &topic, &steps).right_and_accounted(&file);
        assert_eq!(expected_quarantine(&answer), [(2, 100)], "{name}");
        assert_eq!(quarantined(&lab), [(2, 100)], "{name}");
        lab.finish();
    }
}

/// Under halt the partition stops before the guilty record; other partitions are copied whole.
#[test]
#[ignore = "needs brokers: tests/run"]
fn the_guilty_record_halts_its_partition() {
    for name in HOSTILE {
        let lab = Lab::new(&format!("h-{name}"));
        install(&lab, name);
        let topic = lab.topic("payments");
        lab.create(&topic, 4);
        lab.generate(json!({ "topic": topic, "partitions": 4, "count": 800, "trigger": "fire", "trigger_at": 402 }));
        let steps = json!([config::mask("allow_list"), config::guest(name)]);
        let file = lab.config(&steps, |_| ());

        let ended = lab.run("run", &file, &["--until-caught-up"], &[]).wait(SOON).expect_code(1);

        assert!(ended.stderr.contains(name), "{name} is not named:\n{}", ended.stderr);
        ask(&lab, &topic, &steps).with("prefix", json!(true)).right();
        let arrived = lab.ends(&lab.b, &topic, true);
        assert!(lab.dump(&topic).iter().filter(|r| r["p"] == 2).count() <= 100, "{name}: went past the record");
        assert!([0, 1, 3].iter().all(|p| arrived[*p] >= 200), "{name}: another partition did not go on: {arrived:?}");
        lab.finish();
    }
}

/// A component that imports what the world does not have is refused at load, with the import's name.
#[test]
#[ignore = "needs brokers: tests/run"]
fn foreign_imports_are_refused() {
    let lab = Lab::new("imports");
    install(&lab, "guest-imports");
    lab.create(&lab.topic("payments"), 1);
    let file = lab.config(&json!([config::guest("guest-imports")]), |_| ());

    let ended = lab.run("run", &file, &["--until-caught-up"], &[]).wait(SOON);

    assert!(matches!(ended.code, Some(3 | 5)), "exit {:?}\n{}", ended.code, ended.stderr);
    assert!(ended.stderr.contains("wasi:sockets"), "the import is not named:\n{}", ended.stderr);
    lab.finish();
}
