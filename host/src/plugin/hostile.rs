//! Attacks on the host, each a few lines of WebAssembly text: which limit cuts it, and after how much of this thread's
//! time, under the limits that a configuration without any of its own has. It must not be used outside tests.
//!
//! `cargo test --release -p sluice --lib plugin::hostile -- --nocapture` prints the table of `host/SECURITY.md`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed unwrap is a failed test, and the table is for people")]

mod attacks;

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use self::attacks::{attacks, field};
use super::guest::{DATA, Guest, words};
use super::{Batch, Column, Effects, HostServices, Kind, Limits, LoadError, LogLines, StepSpec};

/// What a call may take beyond its limit: two ticks of the epoch, one operation that no tick interrupts, and whatever a
/// shared machine charges to this thread.
const GRACE: Duration = Duration::from_secs(1);

const EDIT_FIELDS: u16 = 1;
const EDIT_HEADERS: u16 = 1 << 3;
const DROP: u16 = 1 << 5;

/// What a plugin may take where nothing else is configured: `plugins/tests.rs` holds it against a configuration's.
fn limits() -> Limits {
    Limits::default()
}

/// What came of an attack: where it was cut, in whose words, and the time it had.
struct Cut {
    stage: &'static str,
    said: String,
    took: Duration,
}

impl Cut {
    /// Where an operator finds what was said.
    fn seen(&self) -> String {
        match (self.stage, self.said.split_once(':')) {
            ("transform", Some((kind, _))) => format!("`plugin_{kind}`"),
            _ => "refused".to_owned(),
        }
    }
}

fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

fn step(guest: &Guest) -> StepSpec {
    let effects = Effects {
        edit_fields: guest.effects & EDIT_FIELDS != 0,
        edit_headers: guest.effects & EDIT_HEADERS != 0,
        drop: guest.effects & DROP != 0,
        ..Effects::default()
    };
    StepSpec { settings_json: "{}".into(), fields: vec![("$.a".into(), "{}".into())], effects, ..StepSpec::default() }
}

fn batch(topic: &str, texts: &[&str]) -> Batch {
    let mut column = Column::default();
    for (row, text) in (0..).zip(texts) {
        column.push(row, Kind::Text, text.as_bytes()).unwrap();
    }
    let count = texts.len() as u32;
    Batch { topic: topic.into(), count, fields: vec![column], origins: (0..i64::from(count)).collect(), ..Batch::default() }
}

/// Loads, begins and calls a guest, each as far as it gets.
fn attack(guest: &Guest, limits: &Limits) -> Cut {
    let bytes = guest.bytes();
    let began = now();
    let cut = |stage, began, said: String| Cut { stage, said, took: now().saturating_sub(began) };
    let plugin = match super::guest::load(bytes, limits) {
        Ok(plugin) => plugin,
        Err(error) => return cut("load", began, error.to_string()),
    };
    let began = now();
    let windows = Some(Arc::new(Mutex::new(plugin.windows())));
    let mut instance = match plugin.instantiate(&step(guest), HostServices { windows, ..HostServices::default() }) {
        Ok(instance) => instance,
        Err(error) => return cut("init", began, error.to_string()),
    };
    let batch = batch("t", &["Ada Lovelace", "Ada Lovelace"]);
    let began = now();
    match instance.transform(&batch) {
        Ok(_) => cut("not at all", began, String::new()),
        Err(error) => {
            let cut = cut("transform", began, format!("{}: {error}", error.kind()));
            assert!(instance.is_dead(), "an instance lives on after: {}", cut.said);
            cut
        }
    }
}

#[test]
fn every_attack_is_cut_at_its_limit() {
    let mut failed = Vec::new();
    for attack in attacks(&limits()) {
        let cut = self::attack(&attack.guest, &limits());
        let time = cut.took.as_secs_f64() * 1e3;
        eprintln!("| {} | {} | {} | {} | {time:.1} ms | {} |", attack.name, attack.limit, cut.stage, cut.said, cut.seen());
        if cut.stage != attack.stage || !cut.said.contains(attack.says) || cut.took > attack.within + GRACE {
            let (stage, says, within) = (attack.stage, attack.says, attack.within);
            failed.push(format!("{}: {stage}, {says}, {within:?}; not {}, {}, {:?}", attack.name, cut.stage, cut.said, cut.took));
        }
        // What a guest was handed never comes back in an error.
        assert!(!cut.said.contains("Ada"), "{}: {}", attack.name, cut.said);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// For `tests/cases/neighbours.rs`, which runs them beside a pipeline that has nothing to do with them: a component for each
/// attack, and a list of what each does, where it is cut, in which words, and of which kind a failed call is.
#[test]
#[ignore = "writes the attacks out for tests/run"]
fn written_out() {
    let dir = PathBuf::from(std::env::var_os("SLUICE_TEST_ATTACKS").unwrap());
    fs::create_dir_all(&dir).unwrap();
    let mut list = Vec::new();
    for (number, attack) in attacks(&limits()).into_iter().enumerate() {
        let name = format!("attack-{number:02}");
        let seen = self::attack(&attack.guest, &limits()).seen();
        let kind = seen.trim_matches('`').trim_start_matches("plugin_");
        fs::write(dir.join(format!("{name}.wasm")), Guest { name: name.clone(), ..attack.guest }.bytes()).unwrap();
        list.push(json!({ "name": name, "does": attack.name, "stage": attack.stage, "says": attack.says, "kind": kind }));
    }
    fs::write(dir.join("attacks.json"), serde_json::Value::from(list).to_string()).unwrap();
}

/// With its limit out of the way, nothing else cuts the attack in the same words: it is that limit that protects.
#[test]
fn without_its_limit_an_attack_is_not_cut() {
    let mut lifted = 0;
    for attack in attacks(&limits()) {
        let Some(lift) = attack.lift else { continue };
        let mut limits = limits();
        lift(&mut limits);
        let cut = self::attack(&attack.guest, &limits);
        assert!(cut.stage != attack.stage || !cut.said.contains(attack.says), "{}: {} cuts it all the same", attack.name, cut.said);
        lifted += 1;
    }
    assert!(lifted > 5, "{lifted}");
}

/// A loop that ends by itself after a fifth of a second or so ends with it where it has the time, and at its limit where it
/// has not: in each of the three calls.
#[test]
fn time_is_what_ends_a_loop() {
    const LONG: &str = "(local.set $n (i64.const 300000000)) (loop $l
        (local.set $n (i64.sub (local.get $n) (i64.const 1))) (br_if $l (i64.ne (local.get $n) (i64.const 0))))";
    let code = format!("(func $work (local $n i64) {LONG})");
    let guests = [
        ("load", Guest { items: code.clone(), describe: "(call $work)", ..Guest::default() }),
        ("init", Guest { items: code.clone(), init: "(call $work)", ..Guest::default() }),
        ("transform", Guest { items: code, transform: "(call $work)".into(), ..Guest::default() }),
    ];
    let time = |time| Limits { describe_time: time, init_time: time, batch_time: time, ..Limits::default() };
    for (stage, guest) in guests {
        assert_eq!(attack(&guest, &time(Duration::from_secs(600))).stage, "not at all", "{stage}");
        let cut = attack(&guest, &time(Duration::from_millis(1)));
        assert_eq!(cut.stage, stage, "{}", cut.said);
    }
}

/// Lines beyond the limit of one call are counted and go nowhere.
#[test]
fn a_flood_of_log_lines_is_counted() {
    let transform = "(loop $l (call $log (i32.const 1) (i32.const 8192) (i32.const 4))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 100000))))";
    let log = r#"(import "sluice:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
    let guest = Guest { items: log.into(), transform: transform.into(), ..Guest::default() };
    let plugin = guest.load(&Limits { batch_time: Duration::from_secs(600), ..limits() }).unwrap();
    let mut instance = plugin.instantiate(&step(&guest), HostServices::default()).unwrap();
    let began = now();
    instance.transform(&batch("t", &["Ada Lovelace"])).unwrap();
    let time = (now() - began).as_secs_f64() * 1e3;
    eprintln!("| 100,000 log lines | LOG_LINES | not cut | 100 counted as written, the rest as dropped | {time:.1} ms | counted |");
    assert_eq!(instance.take_log_lines(), LogLines { written: 100, dropped: 99_900 });
}

/// A guest that remembers without end takes no more of the host than its windows may, however many calls succeed.
#[test]
fn windows_take_no_more_than_their_share() {
    // A thousand new values a call: the counter that they are made of goes on from call to call.
    let seen = r#"(import "sluice:plugin/windows@0.1.0" "seen" (func $seen (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (global $n (mut i32) (i32.const 0))"#;
    let at = DATA;
    let (rows, ends, data, out) = (at + 0x1000, at + 0x3000, at + 0x5000, at + 0x100);
    let transform = format!(
        "(local.set $i (i32.const 0))
         (loop $l
           (i32.store (i32.add (i32.const {ends}) (i32.mul (local.get $i) (i32.const 4))) (i32.mul (i32.add (local.get $i) (i32.const 1)) (i32.const 4)))
           (i32.store (i32.add (i32.const {data}) (i32.mul (local.get $i) (i32.const 4))) (global.get $n))
           (global.set $n (i32.add (global.get $n) (i32.const 1)))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const 1000))))
         (call $seen (i32.const {at}) (i32.const 3) (i32.const 1000000) (i32.const {rows}) (i32.const 1000) (i32.const {ends})
           (i32.const 1000) (i32.const {data}) (i32.const 4000) (i32.const {out}))
         (if (i32.load8_u (i32.const {out})) (then unreachable))"
    );
    let guest = Guest { items: seen.into(), transform, data: vec![(at, b"ids".to_vec())], ..Guest::default() };
    let limits = Limits { memory_bytes: 8 << 20, ..limits() };
    let plugin = guest.load(&limits).unwrap();
    let windows = Arc::new(Mutex::new(plugin.windows()));
    let fresh = || HostServices { windows: Some(windows.clone()), ..HostServices::default() };
    let mut instance = plugin.instantiate(&step(&guest), fresh()).unwrap();
    let (began, mut most, mut refused) = (now(), 0, 0);
    for call in 0..200 {
        let mark = windows.lock().unwrap().mark();
        if let Err(error) = instance.transform(&batch("t", &["Ada Lovelace"])) {
            // As the chain does: taken back, committed, and again.
            assert_eq!((error.kind(), instance.is_dead()), ("output", true), "{error}");
            windows.lock().unwrap().rollback_to(mark);
            windows.lock().unwrap().commit();
            instance = plugin.instantiate(&step(&guest), fresh()).unwrap();
            refused += 1;
        }
        let bytes = windows.lock().unwrap().bytes();
        assert!(bytes <= limits.memory_bytes, "call {call}: {bytes} bytes");
        most = most.max(bytes);
    }
    let time = (now() - began).as_secs_f64() * 1e3;
    eprintln!(
        "| 200,000 values to remember | the windows' share (`MEMORY_BYTES`, here 8 MiB) | transform | {refused} calls too much; {most} bytes at most | {time:.1} ms | `plugin_output` |"
    );
    assert!(refused > 0 && most > limits.memory_bytes / 2, "{refused} {most}");
}

/// A large file is refused by its size, by the directory before it is read and by the loader before it is looked at.
#[test]
fn a_component_of_200_mb_is_not_looked_at() {
    let (limit, size) = (limits().binary_bytes, 200 << 20);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.wasm");
    std::fs::File::create(&path).unwrap().set_len(size as u64).unwrap();
    let began = now();
    let said = crate::plugins::directory::read(&path, limit).err().unwrap().to_string();
    let time = (now() - began).as_secs_f64() * 1e3;
    eprintln!("| a component of 200 MB | BINARY_BYTES | load | {said} | {time:.1} ms | refused |");
    assert_eq!(said, format!("it has {size} bytes and at most {limit} are allowed"));
    let loaded = super::guest::load(vec![0; size], &limits());
    assert!(matches!(loaded, Err(LoadError::TooLarge { .. })));
}

/// Environment, arguments, directories and clock are there for runtimes that ask, and hold nothing.
#[test]
fn what_runtimes_ask_for_holds_nothing() {
    let items = r#"
        (import "wasi:cli/environment@0.2.6" "get-environment" (func $env (param i32)))
        (import "wasi:cli/environment@0.2.6" "get-arguments" (func $args (param i32)))
        (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $dirs (param i32)))
        (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
        (import "wasi:clocks/wall-clock@0.2.6" "now" (func $date (param i32)))
        (func $none (param i32) (if (i32.load offset=4 (local.get 0)) (then unreachable)))"#;
    let at = DATA;
    let transform = format!(
        "(i32.store (i32.const {len}) (i32.const 1)) (call $env (i32.const {at})) (call $none (i32.const {at}))
         (i32.store (i32.const {len}) (i32.const 1)) (call $args (i32.const {at})) (call $none (i32.const {at}))
         (i32.store (i32.const {len}) (i32.const 1)) (call $dirs (i32.const {at})) (call $none (i32.const {at}))
         (i64.store (i32.const {at}) (i64.const 1)) (call $date (i32.const {at}))
         (if (i64.ne (i64.load (i32.const {at})) (i64.const 0)) (then unreachable))
         (if (i64.ne (call $now) (i64.const 0)) (then unreachable))",
        len = at + 4
    );
    let guest = Guest {
        packages: &[
            "package wasi:cli@0.2.6; interface environment {
               get-environment: func() -> list<tuple<string, string>>; get-arguments: func() -> list<string>; }",
            "package wasi:clocks@0.2.6; interface monotonic-clock { now: func() -> u64; }
             interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
            "package wasi:filesystem@0.2.6; interface types { resource descriptor { sync: func() -> result; } }
             interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }",
        ],
        world: "import wasi:cli/environment@0.2.6; import wasi:clocks/monotonic-clock@0.2.6; import wasi:clocks/wall-clock@0.2.6;
                import wasi:filesystem/types@0.2.6; import wasi:filesystem/preopens@0.2.6;",
        items: items.into(),
        transform,
        ..Guest::default()
    };
    let cut = attack(&guest, &limits());
    assert_eq!((cut.stage, cut.said.as_str()), ("not at all", ""));
}

/// What is not promised without `isolation: batch`, and what always is: an instance can carry a granted value from one
/// batch into another that it may edit; another instance never sees it.
#[test]
fn only_a_fresh_instance_forgets() {
    let secret = DATA + 200;
    let transform = format!(
        "(memory.copy (i32.const {}) (i32.const {secret}) (i32.const 12))
         (memory.copy (i32.const {secret}) (i32.load offset=24 (i32.load offset=16 (local.get $batch))) (i32.const 12))",
        DATA + 32
    );
    let mut guest = field([1, 0], [4, 4], [12, 12], b"nothing seen");
    guest.data.push((secret, b"nothing seen".to_vec()));
    // One value a batch: the answer's lists are that much shorter.
    guest.data[1].1 = words(&[0, DATA, 1, DATA + 8, 1, DATA + 16, 1, DATA + 32, 12]);
    let guest = Guest { transform, ..guest };
    let plugin = guest.load(&limits()).unwrap();
    let fresh = || plugin.instantiate(&step(&guest), HostServices::default()).unwrap();
    let said = |instance: &mut super::Instance, topic: &str, text: &str| {
        let changes = instance.transform(&batch(topic, &[text])).unwrap();
        String::from_utf8(changes.fields[0].answers.data.clone()).unwrap()
    };
    let mut one = fresh();
    assert_eq!(said(&mut one, "people", "Ada Lovelace"), "nothing seen");
    assert_eq!(said(&mut one, "orders", "Grace Hopper"), "Ada Lovelace", "SECURITY.md says that this can happen");
    assert_eq!(said(&mut fresh(), "orders", "Grace Hopper"), "nothing seen");
}
