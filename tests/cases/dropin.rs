//! Plugins replaced while records flow: nothing lost, nothing doubled, every record of one component; what is not fit to
//! run never does.

use crate::harness::feed::Feed;
use crate::harness::guests::{component, place, stamp};
use crate::harness::lab::{Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::verdict::base64;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, full, http, java, status};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

pub(super) const FILE: &str = "guest-stamp.wasm";
pub(super) const PARTITIONS: u32 = 8;

/// The log lines with that event so far.
pub(super) fn events(process: &Sluice, event: &str) -> Vec<Value> {
    let stderr = process.stderr();
    let lines = stderr.lines().filter(|line| line.contains(event)).filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == event).collect()
}

/// Waits until there are `count` lines with that event, and returns the last.
#[track_caller]
pub(super) fn wait_event(process: &Sluice, event: &str, count: usize) -> Value {
    eventually(&format!("{count} of {event}"), SOON, || events(process, event).into_iter().nth(count - 1))
}

pub(super) fn arrived(lab: &Lab, topic: &str) -> i64 {
    lab.ends(&lab.b, topic, true).iter().sum()
}

#[track_caller]
pub(super) fn wait_arrive(lab: &Lab, topic: &str, more: i64) {
    let before = arrived(lab, topic);
    eventually("records flow", SOON, || (arrived(lab, topic) >= before + more).then_some(()));
}

/// The step's state on the status page.
fn step(lab: &Lab, process: &Sluice) -> Value {
    let page = http::get(process.port, "/status").expect("the page is served").json();
    status::find(lab, &page)["plugins"].as_array().expect("a chain").last().expect("a step").clone()
}

pub(super) fn digest(lab: &Lab, process: &Sluice) -> String {
    step(lab, process)["digest"].as_str().expect("a digest").to_owned()
}

fn metric(process: &Sluice, name: &str, labels: &[&str]) -> f64 {
    http::metric(&http::get(process.port, "/metrics").expect("the page is served").body, name, labels)
}

pub(super) fn steps() -> Value {
    json!([config::mask("allow_list"), config::guest("guest-stamp")])
}

/// Every record of the source is on the target once, in order, and its stamp is that of the component which the offset
/// map says made it. Returns the stamps by partition and number.
#[track_caller]
pub(super) fn each_record_has_one_maker(
    lab: &Lab,
    file: &Path,
    topic: &str,
    written: u64,
    stamps: &BTreeMap<String, String>,
) -> BTreeMap<(i64, i64), String> {
    let (dump, list) = (lab.dir.join("dump"), lab.dir.join("places"));
    java::call("dump", json!({ "bootstrap": lab.b, "topic": topic, "file": dump }));
    let mut last: BTreeMap<i64, i64> = BTreeMap::new();
    let (mut makers, mut found, mut places) = (BTreeMap::new(), Vec::new(), String::new());
    for line in BufReader::new(fs::File::open(&dump).expect("the dump is there")).lines() {
        let record: Value = serde_json::from_str(&line.expect("the dump can be read")).expect("one JSON object a line");
        let value: Value = serde_json::from_slice(&base64(record["v"].as_str().expect("a value"))).expect("JSON");
        let (partition, seq) = (record["p"].as_i64().expect("a partition"), value["seq"].as_i64().expect("seq"));
        assert!(last.insert(partition, seq).is_none_or(|before| before < seq), "record {seq} is there twice, or out of order");
        let (offset, stamp) = (record["o"].as_i64().expect("an offset"), value["trigger"].as_str().expect("a stamp").to_owned());
        writeln!(places, "{topic} {partition} {offset}").expect("a string takes text");
        found.push((partition, offset, stamp.clone()));
        makers.insert((partition, seq), stamp);
    }
    assert_eq!(makers.len() as u64, written, "records on the target");

    fs::write(&list, places).expect("the case's directory is writable");
    let (file, list) = (file.to_str().expect("plain path"), list.to_str().expect("plain path"));
    let args = ["offsets", "map", "-f", file, "--pipeline", lab.pipeline(), "--offsets-file", list, "--reverse", "-o", "json"];
    let answers = lab.command("offsets", &args).expect_code(0);
    for (line, (partition, offset, stamp)) in answers.stdout.lines().zip(&found) {
        let answer: Value = serde_json::from_str(line).expect("one JSON object a line");
        let maker = &answer["by"]["plugins"]["1:guest-stamp"];
        assert_eq!(maker, &stamps[stamp], "{topic}-{partition} at {offset} says {stamp}; the map says {}", answer["by"]);
    }
    assert_eq!(answers.stdout.lines().count(), found.len(), "one answer a record");
    makers
}

/// How many different stamps there are.
fn makers_of(records: BTreeMap<(i64, i64), String>) -> usize {
    records.into_values().collect::<BTreeSet<_>>().len()
}

/// Under load from one component to another and another, and back to the first: each record has exactly one maker, and
/// the return is no yesterday's configuration.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_switch_under_load_loses_and_doubles_nothing() {
    let lab = Lab::new("swap");
    let topic = lab.topic("payments");
    let dir = lab.dir.join("plugins");
    lab.create(&topic, PARTITIONS);
    place(&dir, FILE, &stamp(1, None));
    let file = lab.config(&steps(), |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": PARTITIONS }), full::size(3000, 8000), 0);
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    wait_arrive(&lab, &topic, 2000);
    let mut stamps = BTreeMap::from([("stamp-001".to_owned(), digest(&lab, &process))]);

    for (turn, version) in [2, 3, 1].into_iter().enumerate() {
        place(&dir, FILE, &stamp(version, None));
        let switched = wait_event(&process, "audit.plugin_switched", turn + 1);
        assert_eq!(switched["generation"], turn as u64 + 2);
        assert!(switched["tried"].as_u64() > Some(0), "nothing to try it on: {switched}");
        let digest = switched["digest"].as_str().expect("a digest").to_owned();
        let name = format!("stamp-{version:03}");
        assert!(stamps.get(&name).is_none_or(|before| *before == digest), "the same component has one digest");
        stamps.insert(name, digest.clone());
        let lanes = (turn + 1) * 8;
        wait_event(&process, "audit.lane_switched", lanes);
        assert_eq!(metric(&process, "sluice_plugin_info", &["plugin=\"guest-stamp\"", &format!("digest=\"{digest}\"")]), 1.0);
        wait_arrive(&lab, &topic, 2000);
    }

    let slowest = events(&process, "audit.lane_switched").iter().filter_map(|event| event["took_ms"].as_f64()).fold(0.0, f64::max);
    eprintln!("slowest switch of a lane: {slowest:.2} ms; tests/bench/swap measures it");
    assert_eq!(metric(&process, "sluice_plugin_swaps_total", &["result=\"switched\""]), 3.0);
    process.terminate(secs(60));
    let written = feed.finish();
    lab.catch_up("last", &file, 0);
    assert_eq!(makers_of(each_record_has_one_maker(&lab, &file, &topic, written, &stamps)), 3);
    lab.finish();
}

/// Whatever is not fit to run leaves the running component in place, and the operator sees why, in log, metric and
/// status; the good one that comes after is taken up.
#[test]
#[ignore = "needs brokers: tests/run"]
fn what_is_not_fit_leaves_the_running_one() {
    let lab = Lab::new("unfit");
    let topic = lab.topic("payments");
    let dir = &lab.dir.join("plugins");
    lab.create(&topic, 4);
    place(dir, FILE, &stamp(1, None));
    let file = lab.config(&steps(), |_| ());
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4 }), 1000, 0);
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    wait_arrive(&lab, &topic, 1000);
    let first = digest(&lab, &process);
    let good = stamp(2, None);
    let path = dir.join(FILE);

    type Put<'a> = Box<dyn Fn() + 'a>;
    let put = |bytes: Vec<u8>| -> Put<'_> { Box::new(move || drop(place(dir, FILE, &bytes))) };
    // Written where it stands, as a careless copy does.
    let over = |bytes: Vec<u8>| -> Put<'_> { Box::new(move || fs::write(dir.join(FILE), &bytes).expect("the directory is writable")) };
    let large = || fs::File::create(&path).and_then(|file| file.set_len(200 << 20)).expect("the directory is writable");
    let unfit: [(&str, Put<'_>, &str); 7] = [
        ("half a file", over(good[..good.len() / 2].to_vec()), "cannot compile plugin"),
        ("an empty file", over(Vec::new()), "it is empty"),
        ("another world", put(b"\0asm\x0d\0\x01\0".to_vec()), "it exports nothing"),
        ("a failing init", put(stamp(3, Some(("begin-well", "begin-hard")))), "it does not want to begin"),
        ("a failure in the trial", put(stamp(4, Some(("work-well", "work-hard")))), "tried on"),
        ("200 MB", Box::new(large), "at most 33554432 are allowed"),
        ("another plugin", put(component("guest-trap")), ""),
    ];
    let mut refused = 0;
    for (what, put, words) in &unfit {
        put();
        if words.is_empty() {
            continue; // a plugin of another name is none of this step's business
        }
        refused += 1;
        let event = wait_event(&process, "audit.plugin_refused", refused);
        assert!(event["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{what}: {event}");
        assert_eq!((&event["plugin"], &event["stays"]), (&json!("guest-stamp"), &json!(first)), "{what}");
        let step = step(&lab, &process);
        assert_eq!(step["digest"], first, "{what}");
        assert!(step["refused"]["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{what}: {step}");
        assert_eq!(metric(&process, "sluice_plugin_swaps_total", &["plugin=\"guest-stamp\"", "result=\"refused\""]), refused as f64);
        wait_arrive(&lab, &topic, 200);
    }
    assert_eq!(events(&process, "audit.plugin_switched").len(), 0);
    place(dir, FILE, &good);
    wait_event(&process, "audit.plugin_switched", 1);
    wait_event(&process, "audit.lane_switched", 1);
    // A second file of that name: neither is guessed at.
    place(dir, "other.wasm", &stamp(5, None));
    let event = wait_event(&process, "audit.plugin_refused", refused + 1);
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("calls itself guest-stamp too")), "{event}");
    // Which of the two is meant becomes clear when the other goes.
    fs::remove_file(&path).expect("the directory is writable");
    let switched = wait_event(&process, "audit.plugin_switched", 2);
    assert_ne!(switched["from"], switched["digest"]);
    fs::remove_file(dir.join("other.wasm")).expect("the directory is writable");
    wait_event(&process, "audit.plugin_file_gone", 1);
    wait_arrive(&lab, &topic, 1000);
    assert_eq!(digest(&lab, &process), switched["digest"].as_str().unwrap_or_default());

    let stamps: BTreeMap<String, String> = BTreeMap::from([
        ("stamp-001".to_owned(), first),
        ("stamp-002".to_owned(), switched["from"].as_str().unwrap_or_default().to_owned()),
        ("stamp-005".to_owned(), switched["digest"].as_str().unwrap_or_default().to_owned()),
    ]);
    let written = feed.finish();
    eventually("all is copied", SOON, || (arrived(&lab, &topic) as u64 >= written).then_some(()));
    process.terminate(secs(60));
    each_record_has_one_maker(&lab, &file, &topic, written, &stamps);
    lab.finish();
}

/// A partition that stands for what its plugin did goes on by itself once one that works is put there, from the very
/// record.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_plugin_that_is_mended_sets_its_partitions_going() {
    let lab = Lab::new("mended");
    let topic = lab.topic("payments");
    let dir = &lab.dir.join("plugins");
    lab.create(&topic, 4);
    place(dir, FILE, &stamp(1, Some(("work-well", "work-hard"))));
    let file = lab.config(&steps(), |_| ());
    let written = Feed::start(&lab, json!({ "topic": topic, "partitions": 4 }), 1000, 1000).finish();
    let mut process = lab.run("run", &file, &[], &[]);
    let stands = |process: &Sluice| {
        let page = http::get(process.port, "/status")?.json();
        let partitions = status::find(&lab, &page)["partitions"].as_array().cloned().unwrap_or_default();
        Some(partitions.iter().filter(|partition| !partition["halted"].is_null()).count())
    };
    eventually("every partition stands", SOON, || (stands(&process) == Some(4)).then_some(()));
    assert_eq!(arrived(&lab, &topic), 0);
    let first = digest(&lab, &process);

    place(dir, FILE, &stamp(2, None));
    let switched = wait_event(&process, "audit.plugin_switched", 1);
    assert_eq!(switched["from"], first);
    eventually("all is copied", SOON, || (arrived(&lab, &topic) as u64 >= written).then_some(()));
    process.wait_ready(SOON);
    eventually("no partition stands", SOON, || (stands(&process) == Some(0)).then_some(()));
    process.terminate(secs(60));
    let stamps = BTreeMap::from([("stamp-002".to_owned(), switched["digest"].as_str().unwrap_or_default().to_owned())]);
    each_record_has_one_maker(&lab, &file, &topic, written, &stamps);
    lab.finish();
}

/// A pipeline's configuration with other settings of `plugins`.
fn trusting(lab: &Lab, trust: Value) -> std::path::PathBuf {
    let file = lab.config(&steps(), |_| ());
    let mut text: Value = serde_json::from_str(&fs::read_to_string(&file).expect("just written")).expect("JSON");
    for (name, value) in trust.as_object().expect("a map") {
        text["plugins"][name] = value.clone();
    }
    lab.write("sluice.yaml", &text)
}

/// `sluice plugin COMMAND …` on the case's configuration.
fn plugin(lab: &Lab, file: &Path, args: &[&str]) -> crate::harness::process::Ended {
    let file = file.to_str().expect("plain path");
    lab.command("plugin", &[&["plugin"], args, &["-f", file]].concat())
}

/// `deploy` and `rollback` under `trust: locked`, while the pipeline runs: what the lock does not list is refused, what
/// the commands put there is taken up, and a rollback returns to the digest before.
#[test]
#[ignore = "needs brokers: tests/run"]
fn deploy_and_rollback_under_a_lock() {
    let lab = Lab::new("lock");
    let topic = lab.topic("payments");
    let dir = lab.dir.join("plugins");
    lab.create(&topic, 4);
    place(&dir, FILE, &stamp(1, None));
    let file = trusting(&lab, json!({ "trust": "locked" }));
    let validate = |code| lab.command("validate", &["validate", "-f", file.to_str().expect("plain path")]).expect_code(code);
    let refused = validate(3).stderr;
    assert!(refused.contains("there is no") && refused.contains("plugins.lock"), "{refused}");
    plugin(&lab, &file, &["lock"]).expect_code(0);
    validate(0);

    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4 }), 1000, 0);
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    wait_arrive(&lab, &topic, 1000);
    let first = digest(&lab, &process);
    place(&dir, FILE, &stamp(2, None));
    let event = wait_event(&process, "audit.plugin_refused", 1);
    assert!(event["reason"].as_str().is_some_and(|reason| reason.contains("is not in")), "{event}");
    place(&dir, FILE, &stamp(1, None));

    let new = lab.dir.join("new.wasm");
    fs::write(&new, stamp(2, None)).expect("the case's directory is writable");
    let new = new.to_str().expect("plain path");
    let placed = plugin(&lab, &file, &["deploy", new, "-o", "json"]).expect_code(0).json();
    assert_eq!((&placed["plugin"], &placed["previous"]), (&json!("guest-stamp"), &json!(first)));
    let switched = wait_event(&process, "audit.plugin_switched", 1);
    assert_eq!(switched["digest"], placed["digest"]);
    wait_arrive(&lab, &topic, 1000);
    let back = plugin(&lab, &file, &["rollback", "guest-stamp", "-o", "json"]).expect_code(0).json();
    assert_eq!((&back["digest"], &back["previous"]), (&json!(first), &placed["digest"]));
    assert_eq!(wait_event(&process, "audit.plugin_switched", 2)["digest"], json!(first));
    wait_arrive(&lab, &topic, 1000);
    validate(0);
    // A component that no step would accept is not deployed.
    fs::write(new, stamp(3, Some(("begin-well", "begin-hard")))).expect("the case's directory is writable");
    let refused = plugin(&lab, &file, &["deploy", new]).expect_code(3);
    assert!(refused.stderr.contains("it does not want to begin"), "{}", refused.stderr);
    assert_eq!(fs::read(dir.join(FILE)).expect("it is there"), stamp(1, None));

    process.terminate(secs(60));
    let written = feed.finish();
    // A process that begins now has what the last switch left: nothing is declined.
    lab.catch_up("last", &file, 0);
    let second = placed["digest"].as_str().expect("a digest").to_owned();
    let stamps = BTreeMap::from([("stamp-001".to_owned(), first), ("stamp-002".to_owned(), second)]);
    assert_eq!(makers_of(each_record_has_one_maker(&lab, &file, &topic, written, &stamps)), 2);
    lab.finish();
}

/// `trust: signed`: unsigned, signed by a stranger, and signed before it was changed are refused; needs no broker.
#[test]
fn only_what_a_known_key_signed_runs() {
    let dir = crate::harness::lab::scratch("sign");
    let path = |name: &str| dir.join(name).to_str().expect("plain path").to_owned();
    let run = |args: &[&str], code| Sluice::start(&dir, "command", 0, args, &[]).wait(secs(60)).expect_code(code);
    let ours = run(&["plugin", "keygen", &path("ours.key")], 0).stdout.trim().to_owned();
    let other = run(&["plugin", "keygen", &path("other.key")], 0).stdout.trim().to_owned();
    assert!(ours.starts_with("ed25519:") && ours != other, "{ours}");
    run(&["plugin", "keygen", &path("ours.key")], 1); // never over a key that is there
    let plugins = dir.join("plugins");
    let component = place(&plugins, FILE, &stamp(1, None));
    let component = component.to_str().expect("plain path");
    let config = json!({
        "clusters": { "a": { "bootstrap_servers": "127.0.0.1:1" }, "b": { "bootstrap_servers": "127.0.0.1:2" } },
        "plugins": { "dir": plugins, "trust": "signed", "signers": [ours] },
        "pipelines": [{ "name": "p", "source": "a", "target": "b", "topics": { "include": ["t"] },
                        "steps": [config::guest("guest-stamp")] }],
    });
    let file = path("sluice.yaml");
    fs::write(&file, config.to_string()).expect("the directory is writable");
    let says = |code, words: &str| {
        let ended = run(&["validate", "-f", &file], code);
        assert!(ended.stderr.contains(words), "{words:?} is not in {}", ended.stderr);
    };

    says(3, "does not exist; sign it with sluice plugin sign");
    run(&["plugin", "sign", component, "--key", &path("other.key")], 0);
    says(3, "none of plugins.signers signed it");
    run(&["plugin", "verify", component, "--signer", &ours], 5);
    run(&["plugin", "sign", component, "--key", &path("ours.key")], 0);
    says(0, "");
    run(&["plugin", "verify", component, "--signer", &ours], 0);
    // A deploy takes the signature along; an unsigned component is not deployed.
    fs::write(path("new.wasm"), stamp(2, None)).expect("the directory is writable");
    run(&["plugin", "deploy", &path("new.wasm"), "-f", &file], 5);
    run(&["plugin", "sign", &path("new.wasm"), "--key", &path("ours.key")], 0);
    run(&["plugin", "deploy", &path("new.wasm"), "-f", &file], 0);
    says(0, "");
    run(&["plugin", "rollback", "guest-stamp", "-f", &file], 0);
    says(0, "");
    place(&plugins, FILE, &stamp(3, None));
    says(3, "none of plugins.signers signed it");
    fs::remove_dir_all(&dir).expect("the directory is ours");
}

/// Two processes, each with a plugin directory of its own: the one that is behind declines what the other has moved on
/// to, undoes nothing, and comes back once it has the same component. A run to the end that is behind ends with 1.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_process_that_is_behind_undoes_nothing() {
    let lab = Lab::new("behind");
    let topic = lab.topic("payments");
    lab.create(&topic, PARTITIONS);
    let (own, others) = (lab.dir.join("plugins"), lab.dir.join("plugins-2"));
    fs::create_dir(&others).expect("the case's directory is writable");
    for dir in [&own, &others] {
        place(dir, FILE, &stamp(1, None));
    }
    let file = lab.config(&steps(), |_| ());
    let mut text: Value = serde_json::from_str(&fs::read_to_string(&file).expect("just written")).expect("JSON");
    text["plugins"]["dir"] = json!(others);
    let behind = lab.write("behind.json", &text);
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": PARTITIONS }), 1000, 0);
    let mut first = lab.run("first", &file, &[], &[]);
    first.wait_ready(SOON);
    wait_arrive(&lab, &topic, 1000);
    let old = digest(&lab, &first);
    place(&own, FILE, &stamp(2, None));
    let new = wait_event(&first, "audit.plugin_switched", 1)["digest"].as_str().expect("a digest").to_owned();
    wait_event(&first, "audit.lane_switched", 8);

    let mut second = lab.run("second", &behind, &[], &[]);
    second.wait_log("leaving the pipeline to the newer configuration", SOON);
    lab.catch_up("declined", &behind, 1);
    wait_arrive(&lab, &topic, 1000);
    place(&others, FILE, &stamp(2, None));
    second.wait_ready(SOON);
    first.terminate(secs(60));
    wait_arrive(&lab, &topic, 1000);

    second.terminate(secs(60));
    let written = feed.finish();
    lab.catch_up("last", &file, 0);
    let stamps = BTreeMap::from([("stamp-001".to_owned(), old), ("stamp-002".to_owned(), new)]);
    each_record_has_one_maker(&lab, &file, &topic, written, &stamps);
    // Its stamp never comes back: in each partition the second follows the first.
    let mut last: BTreeMap<i64, String> = BTreeMap::new();
    for record in lab.dump(&topic) {
        let value: Value = serde_json::from_slice(&base64(record["v"].as_str().expect("a value"))).expect("JSON");
        let stamp = value["trigger"].as_str().expect("a stamp").to_owned();
        let before = last.insert(record["p"].as_i64().expect("a partition"), stamp.clone());
        assert!(before.is_none_or(|before| before <= stamp), "yesterday's component came back");
    }
    lab.finish();
}
