//! What is read: aborted and open transactions, where to start, what appears later, what is missing.

use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, java};
use serde_json::{Value, json};
use std::fs;

fn transaction(lab: &Lab, topic: &str, first: u64, count: u64, end: &str) -> String {
    let id = format!("{}-{first}", lab.id);
    lab.generate(json!({ "topic": topic, "partitions": 2, "first": first, "count": count, "transaction": end, "transactional_id": id }));
    id
}

/// Aborted records are never copied; open ones only once they are committed, and they hold up what follows them.
#[test]
#[ignore = "needs brokers: tests/run"]
fn aborted_and_open_source_transactions() {
    for commit in [true, false] {
        let lab = Lab::new("source-txn");
        let topic = lab.topic("payments");
        lab.create(&topic, 2);
        let steps = config::fields();
        let file = lab.config(&steps, |_| ());
        for (first, end) in [(0, "commit"), (100, "abort"), (200, "commit"), (300, "abort")] {
            transaction(&lab, &topic, first, 100, end);
        }
        let open = transaction(&lab, &topic, 400, 50, "open");
        lab.generate(json!({ "topic": topic, "partitions": 2, "first": 450, "count": 50 }));

        lab.catch_up("while-open", &file, 0);
        let answer = ask(&lab, &topic, &steps).right_and_accounted(&file);
        assert_eq!(answer["read"], 200);

        java::call("end_transaction", json!({ "transactional_id": open, "commit": commit }));
        lab.catch_up("after", &file, 0);
        let answer = ask(&lab, &topic, &steps).right_and_accounted(&file);
        assert_eq!(answer["read"], if commit { 300 } else { 250 });
        lab.finish();
    }
}

/// Each way to start: what was there before is copied from that place on, what comes later is copied whole, and a
/// second run goes on where the first ended, whatever `start` says.
#[test]
#[ignore = "needs brokers: tests/run"]
fn start_positions() {
    // record n has the timestamp 2023-11-14T22:13:20Z plus n milliseconds and is on partition n mod 2 at n / 2
    for (name, start, first) in [
        ("earliest", json!("earliest"), [0, 0]),
        ("latest", json!("latest"), [100, 100]),
        ("timestamp", json!({ "timestamp": "2023-11-14T22:13:20.101Z" }), [51, 50]),
        ("later", json!({ "timestamp": "2030-01-01T00:00:00Z" }), [100, 100]),
        ("offsets", Value::Null, [0, 70]),
    ] {
        let lab = Lab::new(&format!("start-{name}"));
        let topic = lab.topic("payments");
        lab.create(&topic, 2);
        let start = if start.is_null() { json!({ "offsets": { topic.as_str(): { "1": 70 } } }) } else { start };
        let steps = config::fields();
        let file = lab.config(&steps, |p| p["start"] = start);
        lab.generate(json!({ "topic": topic, "partitions": 2, "count": 200 }));

        lab.catch_up("first", &file, 0);
        lab.generate(json!({ "topic": topic, "partitions": 2, "first": 200, "count": 100 }));
        lab.catch_up("second", &file, 0);

        let answer = ask(&lab, &topic, &steps).with("starts", json!({ "0": first[0], "1": first[1] })).right_and_accounted(&file);
        assert_eq!(answer["read"], 300 - first[0] - first[1], "{name}");
        lab.finish();
    }
}

/// Topics and partitions that appear while it runs are copied from their beginning, though `start` says latest.
#[test]
#[ignore = "needs brokers: tests/run"]
fn new_topics_and_partitions() {
    let lab = Lab::new("new");
    let (old, new) = (lab.topic("old"), lab.topic("new"));
    lab.create(&old, 1);
    lab.generate(json!({ "topic": old, "count": 50 }));
    let steps = config::fields();
    let file = lab.config(&steps, |p| p["start"] = json!("latest"));
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    lab.wait_begun();
    let right = |topic: &str, start: i64, read: i64| {
        eventually(&format!("{topic} is copied"), SOON, || {
            if lab.ends(&lab.b, topic, true).is_empty() {
                return None;
            }
            let answer = ask(&lab, topic, &steps).with("starts", json!({ "0": start })).answer();
            (answer["ok"] == true && answer["read"] == read).then_some(())
        });
    };

    lab.create(&new, 2);
    lab.generate(json!({ "topic": new, "partitions": 2, "count": 60 }));
    right(&new, 0, 60);
    java::call("add_partitions", json!({ "bootstrap": lab.a, "topic": old, "partitions": 3 }));
    lab.generate(json!({ "topic": old, "partitions": 3, "first": 51, "count": 90 }));
    right(&old, 50, 90);

    process.terminate(secs(60));
    lab.finish();
}

/// A topic that goes before the pipeline has begun holds up nothing, and is copied whole once it is back.
#[test]
#[ignore = "needs brokers: tests/run"]
fn topic_gone_before_the_beginning() {
    let lab = Lab::new("gone-early");
    let (kept, gone) = (lab.topic("kept"), lab.topic("gone"));
    lab.create(&kept, 1);
    lab.create(&gone, 1);
    lab.generate(json!({ "topic": kept, "count": 50 }));
    let steps = config::fields();
    let file = lab.config(&steps, |p| p["lanes"] = json!(1));
    let go = lab.dir.join("go");
    let fail = format!("in_init=pause:{}", go.display());
    let process = lab.run("run", &file, &[], &[("SLUICE_FAILPOINTS", &fail)]);
    eventually("the lane is about to begin", SOON, || lab.dir.join("go.reached").exists().then_some(()));
    let right = |topic: &str, read: i64| {
        eventually(&format!("{topic} is copied"), SOON, || {
            if lab.ends(&lab.b, topic, true).is_empty() {
                return None;
            }
            let answer = ask(&lab, topic, &steps).answer();
            (answer["ok"] == true && answer["read"] == read).then_some(())
        });
    };

    java::call("delete_topic", json!({ "bootstrap": lab.a, "topic": gone }));
    eventually("the topic is gone", SOON, || lab.ends(&lab.a, &gone, false).is_empty().then_some(()));
    fs::write(&go, "").expect("the case's directory is writable");
    right(&kept, 50);
    lab.create(&gone, 1);
    lab.generate(json!({ "topic": gone, "first": 50, "count": 30 }));

    right(&gone, 30);
    process.terminate(secs(60));
    lab.finish();
}

/// An empty topic is caught up at once and exists on the target, with the source's partition count.
#[test]
#[ignore = "needs brokers: tests/run"]
fn empty_topic() {
    let lab = Lab::new("empty");
    let topic = lab.topic("nothing");
    lab.create(&topic, 5);
    let file = lab.config(&config::fields(), |_| ());

    lab.catch_up("run", &file, 0);

    assert_eq!(lab.ends(&lab.b, &topic, true), [0; 5]);
    lab.finish();
}

/// Globs, exclusions and regular expressions choose; what they do not choose is not even created.
#[test]
#[ignore = "needs brokers: tests/run"]
fn chosen_topics() {
    let lab = Lab::new("chosen");
    let names = ["pay.eu", "pay.us", "pay.test", "other"];
    for name in names {
        lab.create(&lab.topic(name), 1);
        lab.generate(json!({ "topic": lab.topic(name), "count": 5 }));
    }
    let escaped = lab.id.replace('.', "\\.");
    let steps = config::fields();
    for (topics, chosen) in [
        (json!({ "include": [lab.topic("pay.*")], "exclude": [lab.topic("*.test")] }), &["pay.eu", "pay.us"][..]),
        (json!({ "regex": format!("{escaped}\\.(other|pay\\.t.*)") }), &["pay.test", "other"][..]),
    ] {
        let file = lab.config(&steps, |p| {
            p["topics"] = topics;
            p["name"] = json!(format!("{}-{}", lab.id, chosen.len() + chosen[0].len()));
        });
        lab.catch_up("run", &file, 0);
        for name in chosen {
            ask(&lab, &lab.topic(name), &steps).right();
        }
        if chosen[0] == "pay.eu" {
            assert!(lab.ends(&lab.b, &lab.topic("pay.test"), true).is_empty(), "an excluded topic was created");
        }
    }
    lab.finish();
}

/// Retention overtook a stopped pipeline: it halts and names the exact range that is gone.
#[test]
#[ignore = "needs brokers: tests/run"]
fn overtaken_by_retention() {
    let lab = Lab::new("gap");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());
    lab.generate(json!({ "topic": topic, "count": 111 }));
    lab.catch_up("before", &file, 0);
    lab.generate(json!({ "topic": topic, "first": 111, "count": 200 }));
    java::call("delete_records", json!({ "bootstrap": lab.a, "topic": topic, "partition": 0, "before": 222 }));

    let ended = lab.catch_up("after", &file, 1);

    for part in [topic.as_str(), "111", "222"] {
        assert!(ended.stderr.contains(part), "the missing range is not named ({part}):\n{}", ended.stderr);
    }
    lab.finish();
}

/// A topic of the same name is not the same topic.
#[test]
#[ignore = "needs brokers: tests/run"]
fn source_topic_made_anew() {
    let lab = Lab::new("anew");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&config::fields(), |_| ());
    lab.generate(json!({ "topic": topic, "count": 50 }));
    lab.catch_up("before", &file, 0);
    let copied = lab.ends(&lab.b, &topic, true);
    java::call("delete_topic", json!({ "bootstrap": lab.a, "topic": topic }));
    eventually("the topic is gone", SOON, || lab.ends(&lab.a, &topic, false).is_empty().then_some(()));
    lab.create(&topic, 1);
    lab.generate(json!({ "topic": topic, "count": 80 }));

    let ended = lab.catch_up("after", &file, 1);

    assert!(ended.stderr.contains(&topic), "the topic is not named:\n{}", ended.stderr);
    assert_eq!(lab.ends(&lab.b, &topic, true), copied, "records of another topic were mixed in");
    lab.finish();
}

/// The number of lanes is part of the state: another one is refused, not obeyed.
#[test]
#[ignore = "needs brokers: tests/run"]
fn another_number_of_lanes() {
    let lab = Lab::new("lanes");
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 50 }));
    let file = lab.config(&config::fields(), |_| ());
    lab.catch_up("eight", &file, 0);
    let file = lab.config(&config::fields(), |p| p["lanes"] = json!(4));

    let ended = lab.run("four", &file, &["--until-caught-up"], &[]).wait(SOON);

    assert!(matches!(ended.code, Some(1 | 5)), "exit {:?}\n{}", ended.code, ended.stderr);
    assert!(ended.stderr.contains("lanes"), "{}", ended.stderr);
    lab.finish();
}
