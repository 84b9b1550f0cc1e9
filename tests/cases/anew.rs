//! A source topic that is deleted and created again while it is copied: records of the two never pass for one another,
//! whether the new one has reached the position of the old one or not.

use crate::harness::lab::{Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, http, java, status};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Time within which the client library tells that a topic went.
const NOTICED: std::time::Duration = secs(120);

/// Records of the old topic, all of them copied.
const OLD: i64 = 50;

/// A pipeline that has copied [`OLD`] records of a topic. From then on it does not look for topics, so that what it reads
/// is all that can tell it that the topic is another one now: `new` records long.
struct Anew {
    lab: Lab,
    topic: String,
    file: PathBuf,
    process: Sluice,
    looks: PathBuf,
}

impl Anew {
    fn begin(case: &str, setting: &str, on_gap: &str, new: i64, env: &[(&str, &str)]) -> Self {
        let lab = Lab::new(case);
        let topic = lab.topic("payments");
        lab.create(&topic, 1);
        let file = lab.config(&json!([config::mask("fields")]), |p| {
            p["lanes"] = json!(1);
            p["on_topic_recreated"] = json!(setting);
            p["on_gap"] = json!(on_gap);
        });
        lab.generate(json!({ "topic": topic, "count": OLD }));
        let looks = lab.dir.join("looks");
        let stop = format!("in_discovery=pause:{}@2", looks.display());
        let process = lab.run("run", &file, &[], &[env, &[("SLUICE_FAILPOINTS", stop.as_str())]].concat());
        eventually("the old topic is copied", SOON, || (lab.ends(&lab.b, &topic, true).iter().sum::<i64>() >= OLD).then_some(()));
        eventually("it looks for topics no more", SOON, || looks.with_extension("reached").exists().then_some(()));
        java::call("delete_topic", json!({ "bootstrap": lab.a, "topic": topic }));
        eventually("the topic is gone", SOON, || lab.ends(&lab.a, &topic, false).is_empty().then_some(()));
        lab.create(&topic, 1);
        lab.generate(json!({ "topic": topic, "first": OLD, "count": new }));
        Self { lab, topic, file, process, looks }
    }

    fn copied(&self) -> usize {
        self.lab.dump(&self.topic).len()
    }

    /// It looks for topics again, and is ended.
    fn end(self) -> (Lab, PathBuf, String) {
        std::fs::write(&self.looks, "").expect("the case's directory is writable");
        let ended = self.process.terminate(secs(60));
        (self.lab, self.file, ended.stderr)
    }
}

fn halts(case: &str, on_gap: &str, new: i64) {
    let anew = Anew::begin(case, "halt", on_gap, new, &[]);
    eventually("the lane is halted by the topic's id", NOTICED, || {
        let page: Value = serde_json::from_str(&http::get(anew.process.port, "/status")?.body).ok()?;
        let lane = &status::find(&anew.lab, &page)["lanes"][0];
        (lane["state"] == "halted" && lane["reason"] == "topic_recreated").then_some(())
    });

    assert_eq!(anew.copied() as i64, OLD, "records of another topic were mixed in");
    let topic = anew.topic.clone();
    let (lab, file, _) = anew.end();
    assert_eq!(status::pipeline(&lab, &file)["partitions"][0]["halted"]["code"], "topic_recreated");
    lab.catch_up("again", &file, 1);
    assert_eq!(lab.dump(&topic).len() as i64, OLD, "records of another topic were mixed in");
    lab.finish();
}

fn restarts(case: &str, new: i64) {
    let anew = Anew::begin(case, "restart", "halt", new, &[]);
    eventually("the new topic is copied from its beginning", NOTICED, || (anew.copied() as i64 >= OLD + new).then_some(()));

    let topic = anew.topic.clone();
    let (lab, file, stderr) = anew.end();
    assert!(stderr.contains("audit.topic_recreated"), "no audit event:\n{stderr}");
    lab.catch_up("again", &file, 0);
    let partition = &status::pipeline(&lab, &file)["partitions"][0];
    assert_eq!((&partition["position"], &partition["account"]["read"], &partition["lost"]), (&json!(new), &json!(OLD + new), &json!(0)));
    assert_eq!(lab.dump(&topic).len() as i64, OLD + new, "each record of both topics once");
    lab.finish();
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn topic_made_anew_and_longer_halts() {
    halts("anew-longer-halt", "halt", OLD + 70);
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn topic_made_anew_and_shorter_halts() {
    halts("anew-shorter-halt", "continue", OLD - 30);
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn topic_made_anew_and_longer_restarts() {
    restarts("anew-longer-restart", OLD + 70);
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn topic_made_anew_and_shorter_restarts() {
    restarts("anew-shorter-restart", OLD - 30);
}

/// What the cases above would miss if they could not tell: without the question the rest of the new topic is copied.
#[test]
#[ignore = "needs brokers: tests/run"]
fn ids_that_are_not_asked_for_mix_topics() {
    let anew = Anew::begin("anew-mutant", "halt", "halt", OLD + 70, &[("SLUICE_MUTANT", "topic_ids_unasked")]);
    eventually("the mutant mixes the two topics", NOTICED, || (anew.copied() as i64 > OLD).then_some(()));
}

/// A client whose questions are not answered any more holds up no lane: it asks again, by another one.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_client_without_answers_is_replaced() {
    let lab = Lab::new("anew-unanswered");
    let topic = lab.topic("payments");
    lab.create(&topic, 3);
    lab.generate(json!({ "topic": topic, "partitions": 3, "count": 300 }));
    let steps = config::fields();
    let file = lab.config(&steps, |_| ());

    let ended = lab.run("run", &file, &["--until-caught-up"], &[("SLUICE_MUTANT", "topic_ids_unanswered")]).wait(SOON).expect_code(0);

    for said in ["asking once more", "another client asks the cluster from now on"] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}
