//! Records that take another shape and another way: enriched, split, sent to the topic that they name.

use crate::harness::lab::{self, Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::status::{self, Account};
use crate::harness::verdict::base64;
use crate::harness::wait::eventually;
use crate::harness::{config, java};
use serde_json::{Value, json};
use std::fs;

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

    let ended = lab.catch_up("run", &file, 0);

    assert!(ended.stderr.contains("topic created for records that a step routes"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(&prefix), "a name that a record chose is in the log:\n{}", ended.stderr);
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

fn text(field: &Value) -> Option<String> {
    field.as_str().map(|bytes| String::from_utf8(base64(bytes)).expect("the records are text"))
}

/// Rows of a file and of a compacted topic that is kept current: what the next record is given follows the last row.
#[test]
#[ignore = "needs brokers: tests/run"]
fn looked_up_in_tables_that_change() {
    let lab = Lab::new("tables");
    let (topic, tiers) = (lab.topic("orders"), format!("{}-tiers", lab.id));
    lab.create(&topic, 1);
    let compacted = json!({ "bootstrap": lab.a, "topic": tiers, "partitions": 2, "config": { "cleanup.policy": "compact" } });
    java::call("create_topic", compacted);
    let row = |key: &str, tier: Value| json!({ "key": key, "value": if tier.is_null() { tier } else { json!({ "tier": tier }).to_string().into() } });
    lab.produce(&tiers, json!([row("c1", json!("gold")), row("c2", json!("tin"))]));
    fs::write(lab.dir.join("countries.csv"), "code,name\nDE,Germany\n").expect("the case's directory is writable");
    let steps = json!([{ "plugin": "enrich", "sees": ["value"], "set": [
        { "to": "$.tier", "lookup": { "table": "tiers", "by": "$.customer", "take": "tier", "miss": "null" } },
        { "to": "$.country", "lookup": { "table": "countries", "by": "$.code", "take": "name", "miss": { "value": "?" } } },
    ] }]);
    let file = lab.config(&steps, |_| ());
    let tables =
        json!({ "tables": { "tiers": { "topic": tiers, "cluster": "landing" }, "countries": { "file": "countries.csv", "key": "code" } } });
    let tables = lab.write("tables.yaml", &tables);
    let order = |customer: &str, code: &str| json!([{ "key": "k", "value": json!({ "customer": customer, "code": code, "note": "CANARY-1" }).to_string() }]);
    lab.produce(&topic, order("c1", "DE"));
    lab.produce(&topic, order("c2", "FR"));
    lab.produce(&topic, order("c3", "DE"));

    let process = lab.run("run", &file, &["-f", tables.to_str().expect("plain path")], &[]);

    let arrived = || {
        let records = if lab.ends(&lab.b, &topic, true).is_empty() { Vec::new() } else { lab.dump(&topic) };
        records.iter().map(value).map(|v| (v["tier"].clone(), v["country"].clone())).collect::<Vec<_>>()
    };
    let first = eventually("the records arrive", SOON, || Some(arrived()).filter(|all| all.len() == 3));
    assert_eq!(first, [(json!("gold"), json!("Germany")), (json!("tin"), json!("?")), (Value::Null, json!("Germany"))]);
    lab.produce(&tiers, json!([row("c1", Value::Null), row("c3", json!("gold"))]));
    fs::write(lab.dir.join("countries.csv"), "code,name\nDE,Deutschland\nFR,France\n").expect("the case's directory is writable");
    for (customer, code, expected) in [("c1", "FR", (Value::Null, json!("France"))), ("c3", "DE", (json!("gold"), json!("Deutschland")))] {
        eventually("the tables have changed", SOON, || {
            lab.produce(&topic, order(customer, code));
            arrived().into_iter().skip(3).any(|found| found == expected).then_some(())
        });
    }
    process.terminate(SOON).expect_code(0);
    lab.finish_clear();
}

/// Each element is a record of its own, in its place, with the key, headers and timestamp of the whole; later steps see
/// it like any other, and the account counts it apart.
#[test]
#[ignore = "needs brokers: tests/run"]
fn an_array_becomes_records() {
    let lab = Lab::new("split");
    let topic = lab.topic("orders");
    lab.create(&topic, 2);
    let order = |n: usize, items: &str| {
        json!({ "partition": n % 2, "key": format!("k{n}"), "timestamp": 1_700_000_000_000_i64 + n as i64,
        "headers": [["trace", format!("t{n}")]], "value": format!("{{\"items\": {items}}}") })
    };
    let records = [
        order(0, r#"[{"sku":"a","note":"CANARY-1"}, {"sku":"b" , "note":"CANARY-2"}]"#),
        order(1, "[]"),
        order(2, r#"[{"sku":"c","note":"CANARY-3"}]"#),
        order(3, "null"),
        json!({ "partition": 1, "key": "gone", "value": null }),
    ];
    lab.produce(&topic, json!(records));
    let steps = json!([
        { "plugin": "route", "sees": ["key", "value", "headers"], "split": { "$.items": { "as": "value", "none": "drop", "index": "item" } } },
        { "plugin": "mask", "fields": { "$.note": { "use": "redact" } } },
    ]);
    let file = lab.config(&steps, |_| ());

    lab.catch_up("run", &file, 0);

    let found: Vec<_> = lab
        .dump(&topic)
        .iter()
        .map(|record| {
            let named = |n: usize| Some(format!("{}={}", text(&record["h"][n][0])?, text(&record["h"][n][1])?));
            (
                record["p"].as_i64(),
                text(&record["k"]),
                text(&record["v"]),
                named(0),
                named(1),
                record["t"].as_i64().map(|t| t - 1_700_000_000_000),
            )
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    let item =
        |key: &str, value: &str, trace: &str, index: &str, t: i64| (Some(0), some(key), some(value), some(trace), some(index), Some(t));
    assert_eq!(
        found[..3],
        [
            item("k0", r#"{"sku":"a","note":"[redacted]"}"#, "trace=t0", "item=0", 0),
            item("k0", r#"{"sku":"b" , "note":"[redacted]"}"#, "trace=t0", "item=1", 0),
            item("k2", r#"{"sku":"c","note":"[redacted]"}"#, "trace=t2", "item=0", 2),
        ]
    );
    assert_eq!((found.len(), &found[3].1, &found[3].2), (4, &some("gone"), &None), "a deletion goes on");
    let said = Account::of(&status::pipeline(&lab, &file)["account"]);
    assert_eq!([said.read, said.passed, said.filtered, said.emitted], [5, 1, 4, 3]);
    lab.finish();
}

/// Another key, by fields of the value; the partition, the order and the rest of the record stay.
#[test]
#[ignore = "needs brokers: tests/run"]
fn another_key_in_the_same_place() {
    let lab = Lab::new("rekey");
    let topic = lab.topic("orders");
    lab.create(&topic, 3);
    let order = |n: i64| json!({ "partition": n % 3, "key": format!("old-{n}"), "value": json!({ "tenant": format!("t\"{}", n % 2), "id": n, "note": "CANARY-1" }).to_string() });
    let mut records: Vec<Value> = (0..30).map(order).collect();
    records.push(json!({ "partition": 0, "key": "old", "value": r#"{"tenant":"t","id":null}"# }));
    records.push(json!({ "partition": 1, "key": "kept", "value": null }));
    lab.produce(&topic, json!(records));
    let steps = json!([{ "plugin": "route", "fields": { "$.tenant": {}, "$.id": {} },
        "rekey": { "from": ["$.tenant", "$.id"], "miss": "keep" } }]);
    let file = lab.config(&steps, |_| ());

    lab.catch_up("run", &file, 0);

    let found: Vec<_> =
        lab.dump(&topic).iter().map(|record| (record["p"].as_i64().unwrap_or(-1), text(&record["k"]).expect("a key"))).collect();
    let mut expected: Vec<(i64, String)> = (0..30).map(|n| (n % 3, json!([format!("t\"{}", n % 2), n]).to_string())).collect();
    expected.extend([(0, "old".to_owned()), (1, "kept".to_owned())]);
    expected.sort_by_key(|(partition, _)| *partition);
    assert_eq!(found, expected);
    lab.finish_clear();
}

/// A batch of 500 records with 40 elements each is one call like any other.
#[test]
#[ignore = "needs brokers: tests/run"]
fn arrays_of_forty_elements() {
    let lab = Lab::new("split-wide");
    let topic = lab.topic("orders");
    lab.create(&topic, 1);
    let items = |n: usize| (0..40).map(|item| n * 40 + item).collect::<Vec<_>>();
    let order = |n: usize| json!({ "key": format!("k{n}"), "value": json!({ "items": items(n), "note": "CANARY-1" }).to_string() });
    lab.produce(&topic, Value::Array((0..600).map(order).collect()));
    let file = lab.config(&json!([{ "plugin": "route", "sees": ["key", "value", "headers"], "split": { "$.items": {} } }]), |_| ());

    let ended = lab.catch_up("run", &file, 0);

    assert!(!ended.stderr.contains("plugin call failed"), "{}", ended.stderr);
    let found: Vec<usize> =
        lab.dump(&topic).iter().map(|record| text(&record["v"]).and_then(|v| v.parse().ok()).expect("a number")).collect();
    assert_eq!(found, (0..24_000).collect::<Vec<_>>());
    let said = Account::of(&status::pipeline(&lab, &file)["account"]);
    assert_eq!([said.read, said.passed, said.filtered, said.emitted], [600, 0, 600, 24_000]);
    lab.finish();
}

/// Steps that make other keys, several records of one, or drop updates meet a compacted topic on purpose or not at all.
#[test]
#[ignore = "needs brokers: tests/run"]
fn compacted_topics_take_what_is_meant() {
    let lab = Lab::new("meant");
    let topic = lab.topic("orders");
    let compacted = json!({ "bootstrap": lab.a, "topic": topic, "partitions": 1, "config": { "cleanup.policy": "compact" } });
    java::call("create_topic", compacted);
    lab.produce(&topic, json!([{ "key": "k", "value": r#"{"id":7,"items":[1,2],"note":"CANARY-1"}"# }]));
    for (name, step, why, meant, left) in [
        (
            "rekey",
            json!({ "plugin": "route", "fields": { "$.id": {} }, "rekey": "$.id" }),
            "step 1 (route) can make one key of two",
            ("compacted", "allow"),
            1,
        ),
        (
            "split",
            json!({ "plugin": "route", "sees": ["key", "value", "headers"], "split": { "$.items": {} } }),
            "step 1 (route) can make several records under one key",
            ("compacted", "allow"),
            2,
        ),
        (
            "filter",
            json!({ "plugin": "filter", "where": { "field": "$.id", "ne": 7 } }),
            "step 1 (filter) can drop an update",
            ("on_drop", "keep_old"),
            0,
        ),
    ] {
        let before = if lab.ends(&lab.b, &topic, true).is_empty() { 0 } else { lab.dump(&topic).len() };
        let run = |step: &Value, code| {
            let file = lab.config(&json!([step]), |p| p["name"] = json!(format!("{}-{name}", lab.id)));
            lab.catch_up(name, &file, code)
        };

        let refused = run(&step, 5);

        let expected = format!("topic {topic} on landing is compacted, and {why}");
        let line =
            refused.stderr.lines().find(|line| line.contains(&expected)).unwrap_or_else(|| panic!("{expected}:\n{}", refused.stderr));
        assert!(line.contains("sluice.yaml:") && line.contains(meant.0), "neither the place nor the way out is named: {line}");
        let mut step = step;
        step[meant.0] = json!(meant.1);
        run(&step, 0);
        assert_eq!(lab.dump(&topic).len() - before, left, "{name}");
    }
    lab.finish_clear();
}

/// What names topics and keys by raw fields does not stand before what masks them.
#[test]
fn raw_fields_name_neither_topics_nor_keys() {
    let dir = lab::scratch("order");
    for (step, what) in [
        (r#"{ plugin: route, fields: { $.card.pan: {} }, to: "acct-{$.card.pan}" }"#, "the names of topics"),
        ("{ plugin: route, fields: { $.customer.email: {} }, rekey: $.customer.email }", "the key"),
    ] {
        let steps = format!("{step}\n      - {{ plugin: mask, mode: allow_list, key: clear, keep: [$.id] }}");
        let text = format!(
            "clusters:\n  a: {{ bootstrap_servers: \"one:9092\" }}\n  b: {{ bootstrap_servers: \"two:9092\" }}\npipelines:\n  - name: p\n    \
             source: a\n    target: b\n    topics: {{ include: [\"*\"] }}\n    steps:\n      - {steps}\n"
        );
        fs::write(dir.join("sluice.yaml"), text).expect("the case's directory is writable");
        for command in ["validate", "run"] {
            let ended = Sluice::start(&dir, command, 0, &[command, "-f", "sluice.yaml"], &[]).wait(SOON).expect_code(3);
            let expected = format!("step 1 (route) can put what it sees into {what}, where step 2 (mask) does not mask it");
            let line = ended.stderr.lines().find(|line| line.contains(&expected));
            assert!(line.is_some_and(|line| line.contains("sluice.yaml:10:")), "{command}: {}", ended.stderr);
        }
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}
