//! Records that take another shape and another way: enriched, split, sent to the topic that they name.

use crate::harness::config;
use crate::harness::lab::Lab;
use crate::harness::verdict::base64;
use serde_json::{Value, json};

fn value(record: &Value) -> Value {
    serde_json::from_slice(&base64(record["v"].as_str().expect("a value"))).expect("JSON")
}

/// Each record goes to the topic of its status, which is made where it is missing, with what the step before added; one
/// that names a topic it may not have is put aside.
#[test]
#[ignore = "needs brokers: tests/run"]
fn routed_by_a_field() {
    let lab = Lab::new("shape");
    let topic = lab.topic("payments");
    lab.create(&topic, 3);
    let prefix = format!("{}.by.", lab.id);
    let steps = json!([
        config::mask("fields"),
        { "plugin": "enrich", "sees": ["value", "headers"],
          "set": [{ "to": "$.from", "from": "topic" }, { "header": "env", "value": "prod" }] },
        { "plugin": "route", "fields": { "$.status": { "allow": ["paid", "void"] } }, "to": format!("{prefix}{{$.status}}"),
          "otherwise": format!("{prefix}rest") },
    ]);
    let file = lab.config(&steps, |_| ());
    lab.generate(json!({ "topic": topic, "partitions": 3, "count": 300 }));

    lab.catch_up("run", &file, 0);

    let mut all = 0;
    for name in ["paid", "void", "rest"] {
        let routed = format!("{prefix}{name}");
        let ends = lab.ends(&lab.b, &routed, true);
        assert!(ends.is_empty() || ends.len() == 3, "{routed} has the partitions of its source");
        let records = if ends.is_empty() { Vec::new() } else { lab.dump(&routed) };
        for record in &records {
            let value = value(record);
            let status = value["status"].as_str().unwrap_or_default();
            assert_eq!(if ["paid", "void"].contains(&status) { status } else { "rest" }, name);
            assert_eq!(value["from"], json!(topic));
        }
        all += records.len();
    }
    assert_eq!(all, 300);
    assert!(lab.dump(&topic).is_empty(), "nothing stayed in the topic of the source's name");
    lab.finish();
}
