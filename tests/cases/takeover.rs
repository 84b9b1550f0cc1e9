//! How long a take-over reads after a day of commits. A measurement: nothing is judged by a clock.

use crate::harness::config;
use crate::harness::java;
use crate::harness::lab::{Lab, SOON};
use crate::harness::verdict::{ask, base64};
use crate::harness::wait::{eventually, secs};
use serde_json::{Value, json};

/// One commit a second.
const COMMITS_OF_A_DAY: u64 = 86_400;

/// Seconds of the day in the log line that holds `message`.
fn moment(stderr: &str, message: &str) -> Option<f64> {
    let line = stderr.lines().find(|line| line.contains(message))?;
    let line: Value = serde_json::from_str(line).ok()?;
    let time = line["timestamp"].as_str()?.split_once('T')?.1.trim_end_matches('Z').to_owned();
    time.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

/// The lane's positions are written again and again by a plain producer, as many as a day has commits, and nobody waits
/// for the broker to compact them.
#[test]
#[ignore = "needs brokers: tests/run --full"]
fn read_after_a_day_of_commits_in_the_full_run() {
    let lab = Lab::new("day");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let steps = config::fields();
    let file = lab.config(&steps, |p| p["lanes"] = json!(1));
    lab.generate(json!({ "topic": topic, "count": 100 }));
    lab.catch_up("genesis", &file, 0);
    let positions = format!("__sluice.{}.positions", lab.pipeline());
    let is_position = |record: &&Value| String::from_utf8_lossy(&base64(record["k"].as_str().unwrap_or_default())).contains(&topic);
    let dump = lab.dump(&positions);
    let last = dump.iter().rfind(is_position).expect("a position");
    let again = json!([{ "key_base64": last["k"], "value_base64": last["v"] }]);
    java::call("produce", json!({ "bootstrap": lab.b, "topic": positions, "records": again, "times": COMMITS_OF_A_DAY }));
    let bytes = COMMITS_OF_A_DAY as usize * (base64(last["v"].as_str().unwrap_or_default()).len() + 100);

    let mut process = lab.run("run", &file, &[], &[("SLUICE_LOG", "sluice=debug")]);
    let (fenced, read) = eventually("the lane is taken over", SOON, || {
        let stderr = process.stderr();
        Some((moment(&stderr, "predecessor fenced")?, moment(&stderr, "positions read")?))
    });
    process.wait_ready(SOON);

    eprintln!("a take-over after {COMMITS_OF_A_DAY} commits (about {} MB) reads its positions in {:.2} s", bytes >> 20, read - fenced);
    process.terminate(secs(60));
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}
