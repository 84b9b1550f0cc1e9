//! Records that the target does not take: each stands alone in the end, and follows the policy; what came before it and,
//! under quarantine, what comes after it is on the target once.

use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::{base64, quarantined};
use serde_json::{Value, json};

const RECORDS: usize = 40;

/// Where the record that is refused stands.
const GUILTY: usize = 17;

/// Why the target refuses it, its settings, the code by which the halt names it, and the record.
fn refusals() -> [(&'static str, Value, &'static str, Value); 3] {
    let value = json!({ "n": GUILTY, "name": "CANARY-Zoë" }).to_string();
    [
        (
            "size",
            json!({ "max.message.bytes": "5000" }),
            "target_refused_size",
            json!({ "key": format!("k{GUILTY}"), "value_repeat": ["CANARY-", 3_000] }),
        ),
        (
            "timestamp",
            json!({ "message.timestamp.before.max.ms": "3600000" }),
            "target_refused_timestamp",
            json!({ "key": format!("k{GUILTY}"), "value": value, "timestamp": 1_600_000_000_000_i64 }),
        ),
        ("null-key", json!({ "cleanup.policy": "compact" }), "target_refused_record", json!({ "key": null, "value": value })),
    ]
}

/// Numbers of the records on the target, in order.
fn arrived(lab: &Lab, topic: &str) -> Vec<usize> {
    let number = |record: &Value| {
        let key = String::from_utf8(base64(record["k"].as_str()?)).ok()?;
        key.strip_prefix('k')?.parse().ok()
    };
    lab.dump(topic).iter().map(|record| number(record).expect("a key of ours")).collect()
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn a_record_that_the_target_refuses_stands_alone() {
    for (why, settings, code, guilty) in refusals() {
        for on_error in ["halt", "quarantine"] {
            let lab = Lab::new(&format!("no-{why}-{}", &on_error[..1]));
            let topic = lab.topic("orders");
            lab.create(&topic, 1);
            java::call("create_topic", json!({ "bootstrap": lab.b, "topic": topic, "partitions": 1, "config": settings }));
            let mut records: Vec<Value> =
                (0..RECORDS).map(|n| json!({ "key": format!("k{n}"), "value": json!({ "n": n }).to_string() })).collect();
            records[GUILTY] = guilty.clone();
            lab.produce(&topic, json!(records));
            let file = lab.config(&json!([]), |p| p["on_error"] = json!(on_error));

            let ended = lab.run("run", &file, &["--until-caught-up"], &[]).wait(SOON);

            if on_error == "halt" {
                let ended = ended.expect_code(1);
                let halts = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
                let halt = halts.filter(|line| line["level"] == "ERROR").find(|line| line["code"] == "record_failed");
                let halt = halt.unwrap_or_else(|| panic!("{why}: no halt:\n{}", ended.stderr));
                assert!(halt["message"].as_str().is_some_and(|text| text.contains(code)), "{why}: {halt}");
                assert_eq!((&halt["partition"], &halt["offset"]), (&json!(0), &json!(GUILTY)), "{why}");
                assert_eq!(arrived(&lab, &topic), (0..GUILTY).collect::<Vec<_>>(), "{why}: what came before");
            } else {
                ended.expect_code(0);
                assert_eq!(arrived(&lab, &topic), (0..RECORDS).filter(|n| *n != GUILTY).collect::<Vec<_>>(), "{why}");
                assert_eq!(quarantined(&lab), [(0, GUILTY as i64)], "{why}");
            }
            lab.finish();
        }
    }
}
