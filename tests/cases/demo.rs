//! The demo: it ends well, and its account is right. On its own clusters it claims no exactly-once, so nothing here
//! counts as evidence of delivery.

use crate::harness::http;
use crate::harness::java;
use crate::harness::lab::{self, Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::wait::{eventually, secs};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The number that stands beside `word` in the account: "read 10,000" or "10000 read".
fn number(text: &str, word: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let tokens: Vec<&str> = lower.split(|c: char| c.is_whitespace() || "=:+()|·".contains(c)).filter(|t| !t.is_empty()).collect();
    let parse = |t: &&str| t.replace([',', '_', '.'], "").parse::<u64>().ok();
    let at = tokens.iter().position(|t| *t == word)?;
    tokens.get(at + 1).and_then(parse).or_else(|| at.checked_sub(1).and_then(|i| parse(&tokens[i])))
}

const OUTCOMES: [&str; 4] = ["read", "passed", "filtered", "quarantined"];

fn counts(text: &str) -> [u64; 4] {
    OUTCOMES.map(|word| number(text, word).unwrap_or_else(|| panic!("no {word} in:\n{text}")))
}

fn quickstart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart")
}

/// What the shipped events have to come to, as `examples/quickstart/check` counts them: it knows the rules by its own means.
fn independent() -> [u64; 4] {
    let checked = Command::new("python3").arg(quickstart().join("check")).output().expect("python3 is there");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let counts = counts(String::from_utf8_lossy(&checked.stdout).lines().next().unwrap_or_default());
    assert_eq!(counts[0], counts[1..].iter().sum::<u64>());
    counts
}

#[test]
fn demo_without_kafka() {
    let dir = lab::scratch("demo");
    let ended = Sluice::start(&dir, "demo", 0, &["demo"], &[]).wait(secs(120)).expect_code(0);
    assert_eq!(counts(&ended.stdout), independent());
    assert_clean("stderr", &ended.stderr);
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// It streams on after the account, and ends well when it is told to.
#[test]
fn demo_that_keeps_running() {
    let dir = lab::scratch("demo-on");
    let mut process = Sluice::start(&dir, "demo", 0, &["demo", "--keep-running"], &[]);
    process.wait_log("streaming", secs(120));
    let sent = independent()[0];
    eventually("more is read than was sent at first", secs(60), || {
        let progress = process.stderr();
        assert!(process.ended().is_none(), "it ended by itself:\n{progress}");
        let lines = progress.lines().filter(|line| line.contains(" read,"));
        lines.filter_map(|line| line.split_whitespace().next()?.parse::<u64>().ok()).any(|read| read > sent).then_some(())
    });
    let said = process.stderr();
    let port = said.split_once("http://127.0.0.1:").and_then(|(_, rest)| rest.split(':').next()?.parse().ok());
    let port = port.unwrap_or_else(|| panic!("no address of the pages in:\n{said}"));
    for path in ["/status", "/metrics"] {
        let page = http::get(port, path).unwrap_or_else(|| panic!("{path} answers"));
        assert!(page.status == 200 && page.body.contains("landing-to-main"), "{path}: {}", page.body);
        assert_clean(path, &page.body);
    }
    let ended = process.terminate(secs(30));
    assert_eq!(counts(&ended.stdout), independent(), "the account is of the events sent at first");
    assert_clean("stderr", &ended.stderr);
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// Values of a field of the shipped events, as they stand there.
fn shipped(field: &str, most: usize) -> Vec<String> {
    let events = fs::read_to_string(quickstart().join("payments.tsv")).expect("the events are there");
    let mark = format!("\"{field}\":\"");
    let found = events.lines().filter_map(|line| Some(line.split_once(&mark)?.1.split('"').next()?.to_owned()));
    found.filter(|value| value.len() > 8 && value.is_ascii()).take(most).collect()
}

/// Personal values of the shipped events, all of which are masked. They have no canary: people look at them.
fn personal() -> Vec<String> {
    let personal = [shipped("pan", 10), shipped("email", 10), shipped("phone", 10)].concat();
    assert!(personal.len() > 20, "nothing to look for: {personal:?}");
    personal
}

/// Panics where one of them is in what the demo says of itself. Its stdout shows records as they came, on purpose.
#[track_caller]
fn assert_clean(place: &str, text: &str) {
    let found: Vec<String> = personal().into_iter().filter(|value| text.contains(value)).collect();
    assert_eq!(found, Vec::<String>::new(), "personal data in {place}");
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn demo_on_real_clusters() {
    let lab = Lab::new("demo-real");
    let clusters = format!("{},{}", lab.a, lab.b);
    let ended = Sluice::start(&lab.dir, "demo", 0, &["demo", "--clusters", &clusters], &[]).wait(SOON).expect_code(0);

    // Brokers that were kept hold the events of earlier runs too, as often as it ran.
    let (said, once) = (counts(&ended.stdout), independent());
    let times = said[0] / once[0];
    assert!(times > 0 && said == once.map(|count| count * times), "{said:?} is not {once:?}, or as often as it ran");
    let personal = personal();
    let state = ["positions", "offset-map", "quarantine"].map(|of| format!("__sluice.landing-to-main.{of}"));
    let topics = [&["payments"][..], &state.each_ref().map(String::as_str)[..]].concat();
    let on = |cluster: &str, topics: &[&str]| {
        java::call("grep", json!({ "bootstrap": cluster, "topics": topics, "patterns": personal }))["hits"].as_array().map_or(0, Vec::len)
    };
    assert!(on(&lab.a, &["payments"]) > 0, "they are not even on the source");
    assert_eq!(on(&lab.b, &topics), 0, "personal data on the target");
    assert_clean("stderr", &ended.stderr);
    lab.finish();
}

#[test]
fn numbers_are_found_on_either_side() {
    assert_eq!(number("read = 10,000 = passed 9 + filtered 1", "read"), Some(10_000));
    assert_eq!(number("12 read, 3 passed", "passed"), Some(3));
    assert_eq!(number("nothing", "read"), None);
}
