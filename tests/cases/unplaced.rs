//! A topic that the target refuses: its partitions halt with the reason, everything else goes on, and so do they once it
//! can be made, or looked at.

use crate::harness::lab::{Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::rights::{Rights, as_bob};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, http, java, status};
use serde_json::{Value, json};

fn lane(lab: &Lab, process: &Sluice) -> Option<Value> {
    let page: Value = serde_json::from_str(&http::get(process.port, "/status")?.body).ok()?;
    Some(status::find(lab, &page)["lanes"][0].clone())
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn a_topic_that_cannot_be_made_holds_up_no_other() {
    let lab = Lab::new("unplaced");
    let (stays, refused, late) = (lab.topic("stays"), lab.topic("a.b"), lab.topic("late"));
    // brokers refuse names that differ in dots and underscores alone
    let in_the_way = lab.topic("a_b");
    java::call("create_topic", json!({ "bootstrap": lab.b, "topic": in_the_way, "partitions": 1 }));
    lab.create(&stays, 1);
    lab.generate(json!({ "topic": stays, "count": 20 }));
    let file = lab.config(&json!([config::mask("fields")]), |p| p["lanes"] = json!(1));
    let copied = |topic: &str, count: i64| {
        eventually(&format!("{topic} is copied"), SOON, || (lab.ends(&lab.b, topic, true).iter().sum::<i64>() >= count).then_some(()));
    };
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    copied(&stays, 20);

    lab.create(&refused, 1);
    lab.generate(json!({ "topic": refused, "count": 30 }));
    eventually("the lane names the topic", SOON, || {
        let lane = lane(&lab, &process)?;
        (lane["reason"] == "target_topic" && lane["detail"].as_str()?.contains(&refused)).then_some(())
    });

    assert_eq!(http::get(process.port, "/readyz").map(|page| page.status), Some(503));
    lab.create(&late, 1);
    lab.generate(json!({ "topic": late, "count": 40 }));
    copied(&late, 40);
    lab.generate(json!({ "topic": stays, "first": 20, "count": 20 }));
    copied(&stays, 40);
    process.terminate(secs(60));
    let ended = lab.catch_up("restarted", &file, 1);
    assert!(ended.stderr.contains(&refused), "the topic is not named:\n{}", ended.stderr);
    let status = status::pipeline(&lab, &file);
    let partition = status["partitions"].as_array().and_then(|all| all.iter().find(|one| one["topic"] == refused.as_str()));
    assert_eq!(partition.map(|one| (&one["halted"]["code"], &one["lag"])), Some((&json!("target_topic"), &json!(30))));

    let mut process = lab.run("last", &file, &[], &[]);
    eventually("it is halted", SOON, || (lane(&lab, &process)?["reason"] == "target_topic").then_some(()));
    java::call("delete_topic", json!({ "bootstrap": lab.b, "topic": in_the_way }));
    copied(&refused, 30);
    process.wait_ready(SOON);
    process.terminate(secs(60));
    lab.catch_up("whole", &file, 0);
    assert_eq!([&stays, &refused, &late].map(|topic| lab.dump(topic).len()), [40, 30, 40], "each once");
    lab.finish();
}

/// A topic that may not even be described holds up neither its neighbour nor the next take-over of their lane, and is
/// copied once it may.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_topic_denied_on_the_target_holds_up_no_other() {
    let lab = Lab::new("unplaced-denied");
    let (healthy, denied) = (lab.topic("healthy"), lab.topic("denied"));
    for topic in [&healthy, &denied] {
        lab.create(topic, 1);
        lab.generate(json!({ "topic": topic, "count": 30 }));
    }
    let (all, deny) = (Rights::all(&lab, &lab.b), Rights::denied(&lab.b, &denied, "ALL"));
    all.grant();
    deny.grant();
    let steps = config::fields();
    let file = as_bob(&lab, &lab.config(&steps, |p| p["lanes"] = json!(1)), "main");
    let read = |topic: &str| ask(&lab, topic, &steps).right()["read"].clone();

    for (name, count) in [("begun", 30), ("taken-over", 60)] {
        lab.catch_up(name, &file, 1).expect_line(&["target_topic", &denied]);
        assert_eq!(read(&healthy), count, "{name}");
        lab.generate(json!({ "topic": healthy, "first": count, "count": 30 }));
    }
    assert!(lab.ends(&lab.b, &denied, true).is_empty(), "the topic was made");
    deny.revoke();
    lab.catch_up("whole", &file, 0);

    assert_eq!([read(&healthy), read(&denied)], [90, 30], "each once");
    all.revoke();
    lab.finish();
}
