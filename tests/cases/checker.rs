//! The checker's own test: it passes a right copy and names what is wrong with a spoilt one.
//! Needs brokers but not the program: the copies are made by the Java tool.

use crate::harness::config;
use crate::harness::java;
use crate::harness::lab::Lab;
use crate::harness::verdict::ask;
use serde_json::{Value, json};

fn copied(lab: &Lab, steps: &Value, fault: &str) -> Value {
    let topic = lab.topic("orders");
    lab.create(&topic, 3);
    lab.generate(json!({ "topic": topic, "partitions": 3, "count": 600, "broken_every": 50, "odd": true }));
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": topic, "partitions": 3 }));
    java::call(
        "reference_copy",
        json!({
            "source": { "bootstrap": lab.a, "topic": topic },
            "target": { "bootstrap": lab.b, "topic": topic },
            "steps": steps, "keys": config::checker_keys(), "fault": fault,
        }),
    );
    ask(lab, &topic, steps).answer()
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn passes_a_right_copy() {
    let split = json!([config::mask("allow_list"), config::filter(), config::guest("guest-split")]);
    for steps in [json!([]), config::allow_list(), split] {
        let lab = Lab::new("checker-right");
        let answer = copied(&lab, &steps, "");
        assert_eq!(answer["kinds"], json!({}), "{answer:#}");
        assert_eq!(answer["read"], 600);
        let masked = steps != json!([]);
        assert_eq!(answer["quarantined"], if masked { 12 } else { 0 });
        assert_eq!(answer["filtered"].as_u64() > Some(100), masked, "{answer:#}");
        assert_eq!(answer["emitted"].as_u64() > Some(50), steps[2] != Value::Null, "{answer:#}");
        if masked {
            lab.finish();
        } else {
            lab.finish_clear();
        }
    }
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn names_what_is_wrong() {
    for (fault, kinds) in [
        ("lose", json!({ "lost": 1 })),
        ("double", json!({ "doubled": 1 })),
        ("reorder", json!({ "reordered": 1 })),
        ("unmask", json!({ "altered": 1 })),
        ("retime", json!({ "altered": 1 })),
        ("rehead", json!({ "altered": 1 })),
        ("move", json!({ "alien": 1, "lost": 1 })),
    ] {
        let lab = Lab::new("checker-wrong");
        let answer = copied(&lab, &config::fields(), fault);
        assert_eq!(answer["ok"], false, "{fault} passed");
        assert_eq!(answer["kinds"], kinds, "{fault}: {:#}", answer["findings"]);
        // `mode: fields` leaves text where it expects an object, which the generated records have.
        lab.finish_clear();
    }
}

#[test]
#[ignore = "needs brokers: tests/run"]
#[should_panic(expected = "personal data on the target")]
fn canaries_are_found() {
    let lab = Lab::new("checker-canary");
    // Without the fault nothing personal is left: see above.
    copied(&lab, &config::allow_list(), "unmask");
    lab.finish();
}

/// The transform itself is the checker's word against the program's; here it is held against worked examples.
#[test]
#[ignore = "needs brokers: tests/run"]
fn knows_the_transform() {
    let lab = Lab::new("checker-transform");
    let topic = lab.topic("worked");
    lab.create(&topic, 1);
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": topic, "partitions": 1 }));
    let step = json!([{ "plugin": "mask", "fields": {
        "$.name": { "use": "redact" }, "$.age": { "use": "redact" }, "$.mail": { "use": "email" },
        "$.pan": { "use": "keep_last" }, "$.pin": { "use": "keep_first", "n": 4 }, "$.id": { "use": "hmac", "key": "pii" },
        "$.born": { "use": "date_trunc", "to": "year" }, "$.at": { "use": "date_trunc", "to": "day" },
        "$..deep": { "use": "replace", "value": 7 },
    } }]);
    let examples = [
        (r#"{"name":"Zoë","age":41,"z":1.50}"#, r#"{"name":"[redacted]","age":null,"z":1.50}"#),
        (r#"{ "mail" : "zoë@example.com" , "x":1e400 }"#, r#"{ "mail" : "z**@example.com" , "x":1e400 }"#),
        (r#"{"pan":"4999123412341234","pin":"1234"}"#, r#"{"pan":"************1234","pin":"****"}"#),
        (r#"{"born":"1980-05-06T07:08:09Z","at":1700000000123}"#, r#"{"born":"1980-01-01T00:00:00Z","at":1699920000000}"#),
        // HKDF and HMAC by another implementation (Python's hmac and hashlib)
        (r#"{"id":"42"}"#, r#"{"id":"65297277e9952118805cdb9656c3d9e3"}"#),
        (r#"{"a":[{"deep":{"x":[1,"t"]}}]}"#, r#"{"a":[{"deep":{"x":[7,7]}}]}"#),
    ];
    for (source, target) in examples {
        lab.produce(&topic, json!([{ "value": source, "timestamp": 1 }]));
        java::call("produce", json!({ "bootstrap": lab.b, "topic": topic, "records": [{ "value": target, "timestamp": 1 }] }));
    }
    ask(&lab, &topic, &step).right();
    lab.finish();
}
