//! Another number of lanes: only by `sluice lanes resize`, and nothing is lost or doubled over it.

use crate::harness::config;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::ask;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn lanes(lab: &Lab, steps: &Value, lanes: u32) -> PathBuf {
    lab.config(steps, |p| p["lanes"] = json!(lanes))
}

fn resize(lab: &Lab, file: &Path, code: i32) -> String {
    let args = ["lanes", "resize", "-f", file.to_str().expect("plain path"), "--pipeline", lab.pipeline()];
    let ended = lab.command("resize", &args).expect_code(code);
    format!("{}{}", ended.stdout, ended.stderr)
}

/// Eight lanes become three, then eleven, with a kill before each: every record once, and the offset map reaches back
/// over both.
#[test]
#[ignore = "needs brokers: tests/run"]
fn lanes_become_fewer_and_more() {
    let lab = Lab::new("resize");
    let topic = lab.topic("payments");
    lab.create(&topic, 6);
    let steps = config::fields();
    let mut file = lanes(&lab, &steps, 8);
    let mut written = 0;
    for (round, next) in [3, 11].into_iter().enumerate() {
        lab.generate(json!({ "topic": topic, "partitions": 6, "first": written, "count": 3000 }));
        written += 3000;
        let killed = lab.run(&format!("killed-{round}"), &file, &["--until-caught-up"], &[("SLUICE_FAILPOINTS", "mid_produce=kill@900")]);
        assert_eq!(killed.wait(SOON).code, None, "it was to be killed");
        if round == 0 {
            let mut running = lab.run("running", &file, &[], &[]);
            running.wait_ready(SOON);
            file = lanes(&lab, &steps, next);
            assert!(resize(&lab, &file, 5).contains("stop them first"));
            running.terminate(SOON);
        }
        file = lanes(&lab, &steps, next);
        let refused = lab.run("refused", &file, &["--until-caught-up"], &[]).wait(SOON);
        assert!(refused.stderr.contains("lanes resize"), "the way out is not named:\n{}", refused.stderr);
        assert!(resize(&lab, &file, 0).contains(&format!("became {next}")));
        assert!(resize(&lab, &file, 0).contains("already"));
        lab.catch_up("after", &file, 0);
    }

    let old = lanes(&lab, &steps, 8);
    let ended = lab.run("old", &old, &["--until-caught-up"], &[]).wait(SOON);
    assert!(matches!(ended.code, Some(1 | 5)), "an old file is refused, not obeyed: {:?}\n{}", ended.code, ended.stderr);
    let pairs = lab.dir.join("pairs");
    ask(&lab, &topic, &steps).with("pairs", json!(pairs)).right_and_accounted(&lanes(&lab, &steps, 11));
    the_map_agrees(&lab, &lanes(&lab, &steps, 11), &topic, &pairs);
    lab.finish();
}

/// Every pair that the checker read off both clusters is what the map says.
pub fn the_map_agrees(lab: &Lab, file: &Path, topic: &str, pairs: &Path) {
    let text = std::fs::read_to_string(pairs).expect("the checker wrote the pairs");
    let truth: Vec<[i64; 3]> = text
        .lines()
        .step_by(7)
        .map(|line| {
            let mut numbers = line.split(' ').map(|n| n.parse().expect("the checker writes numbers"));
            [(); 3].map(|()| numbers.next().expect("three numbers a line"))
        })
        .collect();
    assert!(truth.len() > 300, "{} pairs are too few to show anything", truth.len());
    let places: String = truth.iter().map(|[partition, source, _]| format!("{topic} {partition} {source}\n")).collect();
    let list = lab.dir.join("places");
    std::fs::write(&list, places).expect("the case's directory is writable");
    let args = ["offsets", "map", "-f", file.to_str().expect("plain path"), "--pipeline", lab.pipeline(), "-o", "json", "--offsets-file"];
    let ended = lab.command("offsets", &[&args[..], &[list.to_str().expect("plain path")]].concat()).expect_code(0);
    for (line, [partition, source, target]) in ended.stdout.lines().zip(truth) {
        let answer: Value = serde_json::from_str(line).expect("one JSON object a line");
        assert_eq!(answer["target"]["offset"].as_i64(), Some(target), "{topic}-{partition} at {source}");
        assert_eq!(answer["exact"], true);
    }
}

/// A resize that was killed half way leaves lanes that nobody works on, until it is run again.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_broken_off_resize_is_taken_up() {
    let lab = Lab::new("resize-broken");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    let steps = config::fields();
    let file = lanes(&lab, &steps, 8);
    lab.generate(json!({ "topic": topic, "partitions": 4, "count": 1000 }));
    lab.catch_up("before", &file, 0);
    let mut written = 1000;
    for point in ["in_resize=kill@1", "before_resize_commit=kill@1"] {
        let four = lanes(&lab, &steps, 4);
        let args = ["lanes", "resize", "-f", four.to_str().expect("plain path"), "--pipeline", lab.pipeline()];
        let env = [("SLUICE_FAILPOINTS", point)];
        let killed = crate::harness::process::Sluice::start(&lab.dir, "killed", 0, &args, &env).wait(SOON);
        assert_eq!(killed.code, None, "{point} did not kill:\n{}", killed.stderr);
        lab.generate(json!({ "topic": topic, "partitions": 4, "first": written, "count": 500 }));
        written += 500;
        let file = lanes(&lab, &steps, 8);
        let ended = lab.run("meanwhile", &file, &["--until-caught-up"], &[]).wait(SOON);
        assert!(ended.code == Some(1) && ended.stderr.contains("lanes resize"), "{:?}\n{}", ended.code, ended.stderr);
    }
    let four = lanes(&lab, &steps, 4);
    assert!(resize(&lab, &four, 0).contains("became 4"));
    lab.catch_up("after", &four, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&four);
    lab.finish();
}
