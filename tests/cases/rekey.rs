//! What is on the target is made anew after a change of rules or keys: nothing old is left to be read, everything new is
//! there once, wherever it is killed.

use super::resize::the_map_agrees;
use crate::harness::lab::{Lab, SOON};
use crate::harness::process::{Ended, Sluice};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, java};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What the old rule leaves in every record.
const OLD: &str = "MADE-UNDER-THE-OLD-RULE";

/// The key that comes after the old one.
const NEXT_KEY: &str = "fedcba9876543210fedcba9876543210";

/// Time within which brokers have written down where their logs begin, and then some: the verdict waits for it.
const WRITTEN_DOWN: std::time::Duration = secs(150);

/// The old rules: a name becomes a mark that any reader can find.
fn old_steps() -> Value {
    let mut steps = config::fields();
    steps[0]["fields"]["$.customer.name"] = json!({ "use": "replace", "value": OLD });
    steps
}

fn old_rules(lab: &Lab) -> PathBuf {
    lab.config(&old_steps(), |p| p["lanes"] = json!(4))
}

/// The new rules, in a file of their own, with another key under the same name.
fn new_rules(lab: &Lab, steps: &Value, change: impl FnOnce(&mut Value)) -> PathBuf {
    let file = lab.config(steps, |p| {
        p["lanes"] = json!(4);
        change(p);
    });
    let mut all: Value = serde_json::from_slice(&fs::read(&file).expect("just written")).expect("written as JSON");
    fs::write(lab.dir.join("next.key"), NEXT_KEY).expect("the case's directory is writable");
    let (next, before) = (lab.dir.join("next.key"), lab.dir.join("pii.key"));
    all["keys"]["pii"] = json!({ "current": { "file": next }, "previous": [{ "file": before }] });
    lab.write("new.yaml", &all)
}

fn next_keys() -> Value {
    let hex: String = NEXT_KEY.bytes().map(|b| format!("{b:02x}")).collect();
    json!({ "pii": hex })
}

fn rekey(lab: &Lab, what: &str, file: &Path, more: &[&str], env: &[(&str, &str)]) -> Ended {
    let args = ["rekey", what, "-f", file.to_str().expect("plain path"), "--pipeline", lab.pipeline()];
    Sluice::start(&lab.dir, "rekey", 0, &[&args[..], more].concat(), env).wait(WRITTEN_DOWN)
}

/// Records of a target topic that any reader finds the old mark in, aborted ones included.
fn old_ones(lab: &Lab, topic: &str) -> usize {
    let found = java::call("grep", json!({ "bootstrap": lab.b, "topics": [topic], "patterns": [OLD] }));
    found["hits"].as_array().map_or(0, Vec::len)
}

fn describe(lab: &Lab, topic: &str) -> Value {
    java::call("describe_topic", json!({ "bootstrap": lab.b, "topic": topic }))
}

/// Asks until it holds: a minute has to pass first.
fn verdict(lab: &Lab, file: &Path) -> Value {
    let mut last = String::new();
    eventually("the verdict holds", WRITTEN_DOWN, || {
        let ended = rekey(lab, "verdict", file, &["-o", "json"], &[]);
        last = ended.stdout.clone();
        if ended.code != Some(0) {
            assert!(ended.stdout.contains("ask again in"), "it does not hold for another reason:\n{}\n{}", ended.stdout, ended.stderr);
            assert_eq!(ended.code, Some(1));
        }
        (ended.code == Some(0)).then_some(())
    });
    serde_json::from_str(&last).expect("the verdict is JSON")
}

/// Sums a number over all partitions of a verdict.
fn sum(verdict: &Value, name: &str) -> u64 {
    let topics = verdict["topics"].as_array().into_iter().flatten();
    topics.flat_map(|topic| topic["partitions"].as_array().into_iter().flatten()).filter_map(|partition| partition[name].as_u64()).sum()
}

/// Rules, a filter's and a mask's, and the key change; the rekey is killed wherever it can be.
#[test]
#[ignore = "needs brokers: tests/run"]
fn rules_and_key_change() {
    let lab = Lab::new("rekey");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let old = old_rules(&lab);
    lab.generate(json!({ "topic": topic, "partitions": 4, "count": 6000 }));
    lab.catch_up("before", &old, 0);
    assert!(old_ones(&lab, &topic) > 0);
    let id = describe(&lab, &topic)["topic_id"].clone();

    let steps = config::allow_list();
    let file = new_rules(&lab, &steps, |_| {});
    let plan = rekey(&lab, "plan", &file, &["-o", "json"], &[]).expect_code(6).json();
    assert_eq!((&plan["losses"], &plan["refused"]), (&json!([]), &json!([])), "{plan:#}");
    let made = &plan["topics"][0]["made_under"][0];
    assert!(made["keys"][0].as_str().is_some_and(|key| key.starts_with("pii:")) && made["keys"] != plan["keys"], "{plan:#}");
    assert_eq!(plan["topics"][0]["partitions"].as_array().map(Vec::len), Some(4));
    assert!(rekey(&lab, "verdict", &file, &[], &[]).expect_code(1).stdout.contains("no topic of the pipeline was rekeyed"));

    let mut running = lab.run("running", &old_rules(&lab), &[], &[]);
    running.wait_ready(SOON);
    assert!(rekey(&lab, "apply", &file, &[], &[]).expect_code(5).stderr.contains("stop them first"));
    running.terminate(SOON);

    let mut written = 6000;
    for point in ["rekey_fenced", "rekey_marked", "rekey_topic_deleted", "rekey_purged", "rekey_before_commit"] {
        let kill = format!("{point}=kill");
        let killed = rekey(&lab, "apply", &file, &[], &[("SLUICE_FAILPOINTS", &kill)]);
        assert_eq!(killed.code, None, "{point} did not kill:\n{}", killed.stderr);
        lab.generate(json!({ "topic": topic, "partitions": 4, "first": written, "count": 100 }));
        written += 100;
        if point == "rekey_fenced" {
            continue;
        }
        let meanwhile = lab.run("meanwhile", &file, &["--until-caught-up"], &[]).wait(SOON);
        assert!(meanwhile.code == Some(1) && meanwhile.stderr.contains("rekey apply"), "{:?}\n{}", meanwhile.code, meanwhile.stderr);
        if point == "rekey_purged" {
            assert_eq!(old_ones(&lab, &topic), 0);
            let other = lab.config(&old_steps(), |p| p["lanes"] = json!(3));
            let args = ["lanes", "resize", "-f", other.to_str().expect("plain path"), "--pipeline", lab.pipeline()];
            assert!(lab.command("resize", &args).expect_code(5).stderr.contains("rekey apply"));
            assert!(rekey(&lab, "verdict", &file, &[], &[]).expect_code(1).stdout.contains("broken off"));
        }
    }
    let killed = rekey(&lab, "apply", &file, &[], &[("SLUICE_FAILPOINTS", "rekey_committed=kill")]);
    assert_eq!(killed.code, None, "rekey_committed did not kill:\n{}", killed.stderr);
    assert!(killed.stderr.contains("audit.rekey_begun"), "no audit event:\n{}", killed.stderr);
    assert!(rekey(&lab, "apply", &file, &[], &[]).expect_code(0).stdout.contains("nothing to do"));
    assert_eq!(lab.dump(&topic).len(), 0, "nothing is to be read before the run");
    assert_eq!(describe(&lab, &topic)["topic_id"], id, "the same topic");
    assert!(rekey(&lab, "verdict", &file, &[], &[]).expect_code(1).stdout.contains("has not caught up"));

    let mut yesterday = lab.run("yesterday", &old_rules(&lab), &[], &[]);
    yesterday.wait_log("leaving the pipeline to the newer configuration", SOON);
    yesterday.terminate(SOON);
    assert_eq!(lab.dump(&topic).len(), 0, "a file with the old rules writes nothing any more");
    lab.catch_up("after", &file, 0);

    let pairs = lab.dir.join("pairs");
    let judged = ask(&lab, &topic, &steps).with("keys", next_keys()).with("pairs", json!(pairs)).right_and_accounted(&file);
    assert_eq!(old_ones(&lab, &topic), 0);
    the_map_agrees(&lab, &file, &topic, &pairs);
    let said = verdict(&lab, &file);
    for name in ["read", "passed", "filtered", "quarantined", "emitted"] {
        assert_eq!(Some(sum(&said, name)), judged[name].as_u64(), "{name}: {said:#}");
    }
    assert_eq!(sum(&said, "read"), written);

    lab.generate(json!({ "topic": topic, "partitions": 4, "first": written, "count": 200 }));
    assert!(rekey(&lab, "verdict", &file, &[], &[]).expect_code(1).stdout.contains("has not caught up"));
    lab.catch_up("later", &file, 0);
    ask(&lab, &topic, &steps).with("keys", next_keys()).right_and_accounted(&file);
    verdict(&lab, &file);
    lab.finish();
}

/// What cannot be made again is named with its range, on both sides, and gone over only where that is said.
#[test]
#[ignore = "needs brokers: tests/run"]
fn what_is_lost_is_refused() {
    let lab = Lab::new("rekey-loss");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let old = old_rules(&lab);
    lab.generate(json!({ "topic": topic, "count": 300 }));
    lab.catch_up("before", &old, 0);
    let foreign = json!({ "bootstrap": lab.b, "topic": topic, "records": [{ "key": "k", "value": "{\"seq\":1}" }] });
    let at = java::call("produce", foreign)["offsets"][0].as_i64().expect("an offset");
    java::call("delete_records", json!({ "bootstrap": lab.a, "topic": topic, "partition": 0, "before": 50 }));
    let steps = config::fields();
    let file = new_rules(&lab, &steps, |_| {});

    let plan = rekey(&lab, "plan", &file, &["-o", "json"], &[]).expect_code(5).json();
    let losses: Vec<(&str, i64, i64)> = plan["losses"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|loss| (loss["why"].as_str().unwrap_or_default(), loss["from"].as_i64().unwrap_or(-1), loss["to"].as_i64().unwrap_or(-1)))
        .collect();
    assert_eq!(losses, [("retention", 0, 50), ("other_writer", at, at + 1)], "{plan:#}");
    let refused = rekey(&lab, "apply", &file, &[], &[]).expect_code(5);
    assert!(refused.stderr.contains("source offsets 0 to 49") && refused.stderr.contains("--accept-loss"), "{}", refused.stderr);
    assert!(old_ones(&lab, &topic) > 0, "a refusal deletes nothing");
    lab.catch_up("as before", &old_rules(&lab), 0);

    let file = new_rules(&lab, &steps, |_| {});
    let id = format!("{}.open", lab.id);
    let record = json!({ "key": "k", "value": "{\"seq\":3}" });
    java::call(
        "produce",
        json!({ "bootstrap": lab.b, "topic": topic, "records": [record], "transaction": "open", "transactional_id": id }),
    );
    let open = rekey(&lab, "apply", &file, &["--accept-loss"], &[]).expect_code(5);
    assert!(open.stderr.contains("a transaction is open there"), "what is committed later would be gone unnamed:\n{}", open.stderr);
    java::call("end_transaction", json!({ "transactional_id": id, "commit": false }));
    let applied = rekey(&lab, "apply", &file, &["--accept-loss"], &[]).expect_code(0);
    assert!(applied.stderr.contains("audit.rekey_loss_accepted") && applied.stderr.contains("audit.rekey_applied"), "{}", applied.stderr);
    lab.catch_up("after", &file, 0);
    assert_eq!(old_ones(&lab, &topic), 0);
    ask(&lab, &topic, &steps).with("keys", next_keys()).right_and_accounted(&file);
    let said = verdict(&lab, &file);
    assert_eq!(sum(&said, "read"), 250);

    let foreign = json!({ "bootstrap": lab.b, "topic": topic, "records": [{ "key": "k", "value": "{\"seq\":2}" }] });
    java::call("produce", foreign);
    assert!(rekey(&lab, "verdict", &file, &[], &[]).expect_code(1).stdout.contains("does not know"));
    lab.finish();
}

/// A compacted topic has its own settings back afterwards, also where it was killed with the others in place.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_compacted_topic() {
    let lab = Lab::new("rekey-compacted");
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    let settings = json!({ "cleanup.policy": "compact", "retention.ms": "3600000" });
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": topic, "partitions": 2, "config": settings }));
    let before = describe(&lab, &topic);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 600 }));
    // Before such a topic a filter says what a dropped update leaves behind.
    let meant = |mut steps: Value| {
        steps[1]["on_drop"] = json!("keep_old");
        steps
    };
    lab.catch_up("before", &lab.config(&meant(old_steps()), |p| p["lanes"] = json!(4)), 0);
    let steps = config::fields();
    let file = new_rules(&lab, &meant(steps.clone()), |_| {});
    assert!(rekey(&lab, "plan", &file, &[], &[]).expect_code(6).stdout.contains("is compacted"));

    let killed = rekey(&lab, "apply", &file, &[], &[("SLUICE_FAILPOINTS", "rekey_policy_changed=kill")]);
    assert_eq!(killed.code, None, "it was to be killed:\n{}", killed.stderr);
    let meanwhile = describe(&lab, &topic)["config"].clone();
    assert_eq!((&meanwhile["cleanup.policy"], &meanwhile["retention.ms"]), (&json!("compact,delete"), &json!("-1")));
    rekey(&lab, "apply", &file, &[], &[]).expect_code(0);

    let after = describe(&lab, &topic);
    assert_eq!((&after["config"], &after["topic_id"]), (&before["config"], &before["topic_id"]), "its own settings, put back");
    assert_eq!((old_ones(&lab, &topic), lab.dump(&topic).len()), (0, 0));
    lab.catch_up("after", &file, 0);
    ask(&lab, &topic, &steps).with("keys", next_keys()).right_and_accounted(&file);
    verdict(&lab, &file);
    lab.finish();
}

/// One topic of two, without transactions: the other keeps what it has and goes on where it stands, under the new rules.
#[test]
#[ignore = "needs brokers: tests/run"]
fn one_topic_of_two() {
    let lab = Lab::new("rekey-one");
    let (again, stays) = (lab.topic("again"), lab.topic("stays"));
    let loose = |p: &mut Value| {
        p["lanes"] = json!(4);
        p["delivery"] = json!("at_least_once");
    };
    for topic in [&again, &stays] {
        lab.create(topic, 2);
        lab.generate(json!({ "topic": topic, "partitions": 2, "count": 300 }));
    }
    lab.catch_up("before", &lab.config(&old_steps(), loose), 0);
    let held = lab.dump(&stays).len();
    let steps = config::fields();
    let file = new_rules(&lab, &steps, loose);

    rekey(&lab, "apply", &file, &["--topic", &again], &[]).expect_code(0);

    lab.generate(json!({ "topic": stays, "partitions": 2, "first": 300, "count": 100 }));
    lab.catch_up("after", &file, 0);
    ask(&lab, &again, &steps).with("keys", next_keys()).right();
    assert!(old_ones(&lab, &again) == 0 && old_ones(&lab, &stays) > 0);
    let (before, after) = (300 - held, 400 - lab.dump(&stays).len());
    assert!(after >= before && after < 100 + before, "what stays was copied once: {before} of 300 filtered, {after} of 400");
    let said = rekey(&lab, "verdict", &file, &["-o", "json"], &[]).expect_code(1).json();
    assert_eq!(said["topics"].as_array().map(Vec::len), Some(1));
    let broken = said["topics"][0]["broken"].as_array().cloned().unwrap_or_default();
    assert!(broken.len() == 1 && broken[0].as_str().is_some_and(|reason| reason.contains("ask again in")), "{broken:?}");
    let other = rekey(&lab, "verdict", &file, &["--topic", &stays], &[]).expect_code(1);
    assert!(other.stdout.contains("was not rekeyed"), "{}", other.stdout);
    lab.finish();
}

/// A rekey that left out half of its work, on purpose, is called none by the verdict, and is made good by another.
#[test]
#[ignore = "needs brokers: tests/run"]
fn half_a_rekey_is_none() {
    let lab = Lab::new("rekey-half");
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 400 }));
    lab.catch_up("before", &old_rules(&lab), 0);
    let steps = config::allow_list();
    let file = new_rules(&lab, &steps, |_| {});
    let reasons = |file: &Path| {
        let said = rekey(&lab, "verdict", file, &["-o", "json"], &[]).expect_code(1).json();
        said["topics"][0]["broken"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|reason| Some(reason.as_str()?.to_owned()))
            .collect::<Vec<_>>()
    };

    rekey(&lab, "apply", &file, &[], &[("SLUICE_MUTANT", "rekey_keeps_records")]).expect_code(0);
    lab.catch_up("beside the old", &file, 0);
    assert!(old_ones(&lab, &topic) > 0);
    assert!(reasons(&file).iter().any(|reason| reason.contains("what stood there before is to be read again")), "{:?}", reasons(&file));

    rekey(&lab, "apply", &file, &[], &[("SLUICE_MUTANT", "rekey_keeps_positions")]).expect_code(0);
    lab.catch_up("nothing", &file, 0);
    assert_eq!(lab.dump(&topic).len(), 0);
    assert!(reasons(&file).iter().any(|reason| reason.contains("that the offset map does not name")), "{:?}", reasons(&file));

    // The same rules again would be nothing to do: another set is.
    let steps = config::fields();
    let file = new_rules(&lab, &steps, |_| {});
    rekey(&lab, "apply", &file, &[], &[]).expect_code(0);
    lab.catch_up("whole", &file, 0);
    ask(&lab, &topic, &steps).with("keys", next_keys()).right_and_accounted(&file);
    assert_eq!(old_ones(&lab, &topic), 0);
    let left = reasons(&file);
    assert!(left.len() == 1 && left[0].contains("ask again in"), "{left:?}");
    lab.finish();
}
