//! What is not changed on purpose arrives as it was: keys, values, headers, timestamps, partitions.

use crate::harness::config;
use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::{ask, expected_quarantine, quarantined, to_base64};
use serde_json::{Value, json};

fn odd_records() -> Value {
    json!([
        { "partition": 0, "key": "CANARY-k", "value": "CANARY-v", "headers": [["CANARY-n", "CANARY-h"]] },
        { "partition": 1, "key": null, "value": "null key" },
        { "partition": 2, "key": "", "value": "empty key" },
        { "partition": 0, "key": "tombstone", "value": null },
        { "partition": 1, "key": "empty value", "value": "" },
        { "partition": 2, "key": null, "value": null },
        { "partition": 0, "key": "order", "value": "v", "headers": [["b", "1"], ["a", "2"], ["b", "3"], ["b", "1"]] },
        { "partition": 1, "key": "null header", "value": "v", "headers": [["n", null], ["e", ""], ["", "empty name"]] },
        { "partition": 2, "key": "names", "value": "v", "headers": [["naïve 名前", "x"], ["with\u{0}nul", "a\u{0}b"]] },
        { "partition": 0, "key_base64": to_base64(&[0xff, 0, 0xfe]), "value_base64": to_base64(&[0, 0xc3, 0x28, 0xff]) },
        { "partition": 1, "key": "1970", "value": "v", "timestamp": 1 },
        { "partition": 2, "key": "2100", "value": "v", "timestamp": 4_102_444_800_000_i64 },
        { "partition": 2, "key": "big", "value_repeat": ["0123456789", 500_000], "timestamp": 1_700_000_000_000_i64 },
    ])
}

/// Header names that are not UTF-8, which only a raw request can write.
fn raw_names(lab: &Lab, topic: &str) {
    let records = json!([
        { "key": "latin-1", "value": "v", "headers": [["6e61ef7665", "x"], ["ff00fe", null], ["6e61ef7665", ""]] },
        { "key": "cut", "value": "v", "headers": [["e5908d", "whole"], ["e590", "cut"]] },
    ]);
    java::call("produce_raw", json!({ "bootstrap": lab.a, "topic": topic, "partition": 0, "records": records }));
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn everything_arrives_as_it_was() {
    let lab = Lab::new("fidelity");
    let topic = lab.topic("odd");
    lab.create(&topic, 3);
    lab.produce(&topic, odd_records());
    raw_names(&lab, &topic);
    let file = lab.config(&json!([]), |_| ());

    lab.catch_up("run", &file, 0);

    let answer = ask(&lab, &topic, &json!([])).right_and_accounted(&file);
    assert_eq!(answer["passed"], 15);
    lab.finish_clear();
}

/// Tombstones, keys, headers and white space beside a mask.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_mask_touches_nothing_else() {
    let lab = Lab::new("beside");
    let topic = lab.topic("masked");
    lab.create(&topic, 1);
    let value =
        |text: &str| json!({ "key": text.replace("CANARY-", ""), "value": text, "headers": [["h", "1"], ["h", null]], "timestamp": 7 });
    lab.produce(
        &topic,
        json!([
            value("{\"pin\":\"CANARY-123456\"}"),
            value(" { \"b\" : 1.50 ,\n\t\"pin\" : \"CANARY-12345678\" , \"a\" : [ 1e400, -0.0, 12345678901234567890123 ] } "),
            value(r#"{"\u0070in":"CANARY-escaped name","x":"\u00e9\/"}"#),
            value(r#"{"pin":{"deep":["CANARY-Zoë","\ud83d\ude00",true,null]}}"#),
            value(r#"{"other":"no such field"}"#),
            value("[]"),
            { "key": "gone", "value": null, "headers": [["h", "1"]], "timestamp": 8 },
        ]),
    );
    let steps = json!([{ "plugin": "mask", "fields": { "$.pin": { "use": "redact" } } }]);
    let file = lab.config(&steps, |_| ());

    lab.catch_up("run", &file, 0);

    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}

/// Timestamps 0 and none cannot be written by the client library: never a silent other time.
#[test]
#[ignore = "needs brokers: tests/run"]
fn timestamps_that_cannot_be_written() {
    for (on_error, code) in [("quarantine", 0), ("halt", 1)] {
        let lab = Lab::new(&format!("times-{on_error}"));
        let topic = lab.topic("payments");
        lab.create(&topic, 1);
        for timestamp in [1, 0, -1, 2] {
            let records = json!([{ "key": format!("t{timestamp}"), "value": "CANARY-v", "timestamp": timestamp }]);
            java::call("produce_raw", json!({ "bootstrap": lab.a, "topic": topic, "partition": 0, "records": records }));
        }
        let file = lab.config(&json!([]), |p| p["on_error"] = json!(on_error));

        let ended = lab.catch_up("run", &file, code);

        if code == 0 {
            let answer = ask(&lab, &topic, &json!([])).right_and_accounted(&file);
            assert_eq!(expected_quarantine(&answer), [(0, 1), (0, 2)]);
            assert_eq!(quarantined(&lab), expected_quarantine(&answer));
        } else {
            assert!(ended.stderr.contains("timestamp"), "{}", ended.stderr);
            ask(&lab, &topic, &json!([])).with("prefix", json!(true)).right();
            assert_eq!(lab.dump(&topic).len(), 1);
        }
        lab.finish_clear();
    }
}

/// 5 MB values, masked and not; the clients' usual limit is one.
#[test]
#[ignore = "needs brokers: tests/run"]
fn five_megabytes() {
    let lab = Lab::new("large");
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 6, "pad": 5_000_000 }));
    lab.generate(json!({ "topic": topic, "partitions": 2, "first": 6, "count": 200 }));
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());

    lab.run("run", &file, &["--until-caught-up"], &[]).wait(SOON).expect_code(0);

    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}
