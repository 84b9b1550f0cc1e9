//! What the host lends to plugins: windows that follow the transaction, tables that follow their topic or file, instances
//! that live for one batch.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::guests::install;
use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::{base64, quarantined};
use crate::harness::wait::eventually;

/// What the guest puts another name in the place of, in every record.
const NAME: &str = "CANARY-?";

/// The guest's step over `$.id` and `$.name`.
fn border(more: &Value) -> Value {
    let mut step = json!({
        "plugin": "guest-border",
        "window": 1000,
        "table": "names",
        "sees": ["sizes"],
        "fields": { "$.id": {}, "$.name": {} },
    });
    step.as_object_mut().into_iter().for_each(|step| step.extend(more.as_object().cloned().into_iter().flatten()));
    step
}

/// A second configuration file with the table, and small batches so that there are many calls.
fn sections(lab: &Lab, table: &Value) -> PathBuf {
    let plugins = json!({ "dir": lab.dir.join("plugins"), "limits": { "batch_records": 7 } });
    lab.write("tables.yaml", &json!({ "tables": { "names": table }, "plugins": plugins }))
}

/// The case's configuration without its section `plugins`, which [`sections`] gives.
fn config(lab: &Lab, steps: &Value, change: impl FnOnce(&mut Value)) -> PathBuf {
    let file = lab.config(steps, change);
    let mut text: Value = serde_json::from_str(&fs::read_to_string(&file).expect("written before")).expect("JSON");
    text.as_object_mut().and_then(|text| text.remove("plugins"));
    lab.write("sluice.yaml", &text)
}

fn record(id: &str) -> Value {
    json!({ "key": id, "value": json!({ "id": id, "name": NAME }).to_string() })
}

/// Identity and name of every record on the target.
fn arrived(lab: &Lab, topic: &str) -> Vec<(String, Value)> {
    if lab.ends(&lab.b, topic, true).is_empty() {
        return Vec::new(); // not there yet
    }
    let read = |record: &Value| {
        let value: Value = serde_json::from_slice(&base64(record["v"].as_str()?)).ok()?;
        Some((value["id"].as_str()?.to_owned(), value["name"].clone()))
    };
    lab.dump(topic).iter().map(|record| read(record).expect("a record with an id")).collect()
}

fn more<'a>(sections: &'a Path, rest: &[&'a str]) -> Vec<&'a str> {
    [&["-f", sections.to_str().expect("a plain path")], rest].concat()
}

/// Each identity arrives once, although calls fail, transactions are aborted and replayed, and what failed comes again.
#[test]
#[ignore = "needs brokers: tests/run"]
fn windows_follow_the_transaction() {
    let lab = Lab::new("windows");
    install(&lab, "guest-border");
    install(&lab, "guest-trap");
    let topic = lab.topic("orders");
    lab.create(&topic, 1);
    // The target refuses the large one: an abort, then replays in ever smaller transactions.
    let small = json!({ "bootstrap": lab.b, "topic": topic, "partitions": 1, "config": { "max.message.bytes": 2000 } });
    java::call("create_topic", small);
    let mut records: Vec<Value> = (0..200).map(|n| record(&format!("id{n}"))).collect();
    records[60] = json!({ "key": "id60", "value": json!({ "id": "id60", "name": NAME, "pad": "x".repeat(20_000) }).to_string() });
    // The step behind the guest stops itself here: the whole call failed, and the guest's part of it is taken back.
    records[130] = json!({ "key": "id130", "value": json!({ "id": "id130", "name": NAME, "trigger": "now" }).to_string() });
    let again: Vec<Value> = (0..200).map(|n| record(&format!("id{n}"))).collect();
    let near: Vec<Value> =
        records.iter().flat_map(|record| [record.clone(), record.clone()]).filter(|r| r["key"] != "id60" && r["key"] != "id130").collect();
    records.extend(near);
    records.extend(again);
    lab.produce(&topic, json!(records));
    fs::write(lab.dir.join("names.csv"), "id,name\nid1,one\n").expect("the case's directory is writable");
    let sections = sections(&lab, &json!({ "file": "names.csv", "key": "id" }));
    let trap = json!({ "plugin": "guest-trap", "fields": { "$.trigger": {} }, "unmatched": "allow" });
    let file = config(&lab, &json!([border(&json!({})), trap]), |p| {
        p["on_error"] = json!("quarantine");
        p["transaction"]["max_records"] = json!(50);
    });

    lab.run("run", &file, &more(&sections, &["--until-caught-up"]), &[]).wait(SOON).expect_code(0);

    let mut found: Vec<String> = arrived(&lab, &topic).into_iter().map(|(id, _)| id).collect();
    let mut want: Vec<String> = (0..200).filter(|n| *n != 60).map(|n| format!("id{n}")).collect();
    found.sort();
    want.sort();
    assert_eq!(found, want, "the large one was seen and refused; the trapped one was not seen, and its second copy passes");
    assert_eq!(quarantined(&lab), [(0, 60), (0, 130)]);
    lab.finish();
}

/// Rows of a compacted topic: there before the first record, current afterwards, gone with a tombstone.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_table_follows_its_topic() {
    let lab = Lab::new("table-topic");
    install(&lab, "guest-border");
    let (topic, names) = (lab.topic("orders"), format!("{}-names", lab.id));
    lab.create(&topic, 1);
    let compacted = json!({ "bootstrap": lab.a, "topic": names, "partitions": 3, "config": { "cleanup.policy": "compact" } });
    java::call("create_topic", compacted);
    let row = |key: &str, value: Value| json!({ "partition": key.len() % 3, "key": key, "value": value });
    lab.produce(
        &names,
        json!([row("a", json!("{\"n\":1}")), row("bb", json!("{\"n\":2}")), row("a", json!("{\"n\":3}")), row("ccc", json!("[]"))]),
    );
    lab.produce(&topic, json!([record("a"), record("bb"), record("ccc")]));
    let sections = sections(&lab, &json!({ "topic": names, "cluster": "landing" }));
    let file = config(&lab, &json!([border(&json!({ "window": 1 }))]), |_| ());

    let run = lab.run("run", &file, &more(&sections, &[]), &[]);

    let wait_for = |n: usize| eventually("the records arrive", SOON, || Some(arrived(&lab, &topic)).filter(|all| all.len() >= n));
    let first = wait_for(3);
    assert_eq!(first[0], ("a".to_owned(), json!("{\"n\":3}")));
    assert_eq!(first[1], ("bb".to_owned(), json!("{\"n\":2}")));
    assert_eq!(first[2], ("ccc".to_owned(), json!("none")));

    lab.produce(&names, json!([row("a", Value::Null), row("ddd", json!("{\"n\":4}"))]));
    for (id, name) in [("a", json!("none")), ("ddd", json!("{\"n\":4}"))] {
        eventually("the table has changed", SOON, || {
            // Two by turns: a window of one value lets each pass.
            lab.produce(&topic, json!([record("other"), record(id)]));
            arrived(&lab, &topic).into_iter().skip(3).any(|found| found == (id.to_owned(), name.clone())).then_some(())
        });
    }
    run.terminate(SOON).expect_code(0);
    lab.finish();
}

/// An instance that stops itself at its second call never gets there where each batch has its own.
#[test]
#[ignore = "needs brokers: tests/run"]
fn an_instance_may_live_for_one_batch() {
    for (isolation, code) in [("batch", 0), ("lane", 1)] {
        let lab = Lab::new(&format!("isolation-{isolation}"));
        install(&lab, "guest-border");
        let topic = lab.topic("orders");
        lab.create(&topic, 1);
        let records: Vec<Value> = (0..50).map(|n| record(&format!("id{n}"))).collect();
        lab.produce(&topic, json!(records));
        fs::write(lab.dir.join("names.json"), "{}").expect("the case's directory is writable");
        let sections = sections(&lab, &json!({ "file": "names.json" }));
        let file = config(&lab, &json!([border(&json!({ "isolation": isolation, "calls": 1 }))]), |_| ());

        let ended = lab.run("run", &file, &more(&sections, &["--until-caught-up"]), &[]).wait(SOON);

        if code == 0 {
            ended.expect_code(0);
            assert_eq!(arrived(&lab, &topic).len(), 50);
        } else {
            // Each failed call makes a fresh instance, which takes one batch more: nothing is lost, much is done twice.
            assert!(ended.stderr.contains("searching for the record"), "{}", ended.stderr);
        }
        lab.finish();
    }
}
