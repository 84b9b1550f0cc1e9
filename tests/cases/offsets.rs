//! The offset map is exact: forwards to the first survivor, backwards to the record it came from.

use crate::harness::guests;
use crate::harness::lab::{Lab, SOON};
use crate::harness::random::Random;
use crate::harness::verdict::ask;
use crate::harness::{config, full};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PARTITIONS: i64 = 4;
const LOOK_UPS: usize = 1000;

/// Where every source record went, as the checker read it off both clusters: partition → source → target offsets.
type Truth = HashMap<i64, BTreeMap<i64, Vec<i64>>>;

fn truth(pairs: &Path) -> Truth {
    let mut truth = Truth::new();
    for line in fs::read_to_string(pairs).expect("the checker wrote the pairs").lines() {
        let n: Vec<i64> = line.split(' ').map(|n| n.parse().expect("the checker writes numbers")).collect();
        truth.entry(n[0]).or_default().entry(n[1]).or_default().push(n[2]);
    }
    truth
}

/// Asks for all of `places` in one process and answers in their order.
fn look_up(lab: &Lab, config: &Path, topic: &str, places: &[(i64, i64)], more: &[&str]) -> Vec<Value> {
    let list = lab.dir.join("places");
    let mut text = String::new();
    for (partition, offset) in places {
        writeln!(text, "{topic} {partition} {offset}").expect("a string takes text");
    }
    fs::write(&list, text).expect("the case's directory is writable");
    let (config, list) = (config.to_str().expect("plain path"), list.to_str().expect("plain path"));
    let args = ["offsets", "map", "-f", config, "--pipeline", lab.pipeline(), "--offsets-file", list, "-o", "json"];
    let ended = lab.command("offsets", &[&args[..], more].concat()).expect_code(0);
    let answers: Vec<Value> = ended.stdout.lines().map(|l| serde_json::from_str(l).expect("one JSON object a line")).collect();
    assert_eq!(answers.len(), places.len(), "one answer a place");
    answers
}

/// Through a filter and a plugin that splits records, with kills in between: 1,000 random source offsets each map
/// to exactly the first surviving record, and 1,000 random target offsets to exactly the record they came from.
#[test]
#[ignore = "needs brokers: tests/run"]
fn map_is_exact_through_filter_split_and_kills() {
    let lab = Lab::new("map");
    let topic = lab.topic("payments");
    guests::install(&lab, "guest-split");
    lab.create(&topic, PARTITIONS as u32);
    let steps = json!([config::mask("allow_list"), config::filter(), config::guest("guest-split")]);
    let file = lab.config(&steps, |p| {
        p["on_error"] = json!("quarantine");
        p["transaction"] = json!({ "max_age": "300ms", "max_records": 500, "timeout": "10s" });
    });
    let mut written = 0;
    for (round, point) in ["mid_produce=kill@700", "before_commit=kill@3", "after_commit=kill@4"].into_iter().enumerate() {
        let spec = json!({ "topic": topic, "partitions": PARTITIONS, "first": written, "count": full::size(8000, 40_000),
                           "broken_every": 999 });
        lab.generate(spec);
        written += full::size(8000, 40_000);
        let ended = lab.run(&format!("run-{round}"), &file, &["--until-caught-up"], &[("SLUICE_FAILPOINTS", point)]).wait(SOON);
        assert_eq!(ended.code, None, "{point} did not kill; stderr:\n{}", ended.stderr);
    }
    lab.catch_up("last", &file, 0);
    let pairs = lab.dir.join("pairs");
    let answer = ask(&lab, &topic, &steps).with("pairs", json!(pairs)).right_and_accounted(&file);
    assert!(answer["emitted"].as_u64() > Some(1000) && answer["filtered"].as_u64() > Some(1000), "{answer:#}");
    let truth = truth(&pairs);
    let mut random = Random::new("map_is_exact");

    let mut places = Vec::new();
    for _ in 0..LOOK_UPS {
        let partition = random.between(0, PARTITIONS as u64) as i64;
        places.push((partition, random.between(0, written / PARTITIONS as u64) as i64));
    }
    for (answer, &(partition, offset)) in look_up(&lab, &file, &topic, &places, &[]).iter().zip(&places) {
        let survivors = &truth[&partition];
        let first = survivors.range(offset..).next().map(|(_, targets)| targets[0]);
        let after_last = || survivors.values().flatten().max().map(|last| last + 1);
        assert_eq!(answer["source"], json!({ "topic": topic, "partition": partition, "offset": offset }));
        assert_eq!(answer["target"]["partition"], partition);
        assert_eq!(answer["target"]["offset"].as_i64(), first.or_else(after_last), "{topic}/{partition}@{offset}");
        assert_eq!(answer["exact"], true);
    }

    let mut backwards = Vec::new();
    let mut sources = Vec::new();
    for _ in 0..LOOK_UPS {
        let partition = random.between(0, PARTITIONS as u64) as i64;
        let flat: Vec<(i64, i64)> = truth[&partition].iter().flat_map(|(s, ts)| ts.iter().map(move |t| (*s, *t))).collect();
        let (source, target) = flat[random.between(0, flat.len() as u64) as usize];
        backwards.push((partition, target));
        sources.push(source);
    }
    let answers = look_up(&lab, &file, &topic, &backwards, &["--reverse"]);
    for ((answer, source), (partition, target)) in answers.iter().zip(sources).zip(backwards) {
        assert_eq!(answer["source"], json!({ "topic": topic, "partition": partition, "offset": source }), "from {target}");
        assert_eq!(answer["exact"], true);
    }
    lab.finish();
}

/// One look-up by flags; nothing mapped is exit 1.
#[test]
#[ignore = "needs brokers: tests/run"]
fn one_look_up() {
    let lab = Lab::new("lookup");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&json!([config::mask("fields")]), |_| ());
    lab.generate(json!({ "topic": topic, "count": 10 }));
    lab.catch_up("run", &file, 0);
    let file = file.to_str().expect("plain path");
    let look = |topic: &str| {
        let args = ["offsets", "map", "-f", file, "--pipeline", lab.pipeline(), "--topic", topic, "--partition", "0"];
        lab.command("offsets", &[&args[..], &["--offset", "3", "-o", "json"]].concat())
    };

    let found = look(&topic).expect_code(0).json();
    assert_eq!(found["target"], json!({ "topic": topic, "partition": 0, "offset": 3 }));
    assert_eq!(found["exact"], true);
    look(&lab.topic("never-copied")).expect_code(1);
    lab.finish();
}
