//! Attacks on the host, each a few lines of WebAssembly text: which limit cuts it, and after how much of this thread's
//! time, under the limits that a configuration without any of its own has. It must not be used outside tests.
//!
//! `cargo test --release -p sluice --lib plugin::hostile -- --nocapture` prints the table of `host/SECURITY.md`.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a failed unwrap is a failed test, and the table is for people")]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::guest::{ANSWER, DATA, Guest, words};
use super::{Batch, Column, Effects, HostServices, Kind, Limits, StepSpec};

/// How far beyond its limit a call may run: the epoch's tick, twice, and one operation that no tick interrupts.
const GRACE: Duration = Duration::from_millis(60);

const LOG: &str = r#"(import "sluice:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
const COUNT: &str = r#"(import "sluice:plugin/metrics@0.1.0" "add" (func $count (param i32 i64)))"#;
const FOREVER: &str = "(loop $l (br $l))";

/// Offset of the record `changes` in the answer of `transform`, and of its members; the canonical ABI's layout.
const CHANGES: u32 = ANSWER + 4;
const HEADER_ROWS: u32 = CHANGES + 80;
const HEADERS: u32 = CHANGES + 88;
const DROPPED: u32 = CHANGES + 112;
/// Where the guest's description says how many counters it has.
const COUNTERS: u32 = 64 + 48;

const EDIT_FIELDS: u16 = 1;
const EDIT_HEADERS: u16 = 1 << 3;
const DROP: u16 = 1 << 5;

/// What a plugin may take where nothing else is configured.
fn limits() -> Limits {
    Limits { batch_time: Duration::from_millis(200), ..Limits::default() }
}

/// What came of an attack: where it was cut, in whose words, and the time it had.
struct Cut {
    stage: &'static str,
    said: String,
    took: Duration,
}

fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

/// Loads, begins and calls a guest, each as far as it gets.
fn attack(guest: &Guest) -> Cut {
    let bytes = guest.bytes();
    let began = now();
    let cut = |stage, began, said: String| Cut { stage, said, took: now().saturating_sub(began) };
    let plugin = match super::guest::load(bytes, &limits()) {
        Ok(plugin) => plugin,
        Err(error) => return cut("load", began, error.to_string()),
    };
    let effects = Effects {
        edit_fields: guest.effects & EDIT_FIELDS != 0,
        edit_headers: guest.effects & EDIT_HEADERS != 0,
        drop: guest.effects & DROP != 0,
        ..Effects::default()
    };
    let step = StepSpec { settings_json: "{}".into(), fields: vec![("$.a".into(), "{}".into())], effects, ..StepSpec::default() };
    let began = now();
    let mut instance = match plugin.instantiate(&step, HostServices::default()) {
        Ok(instance) => instance,
        Err(error) => return cut("init", began, error.to_string()),
    };
    let mut column = Column::default();
    (0..2).for_each(|row| column.push(row, Kind::Text, b"Ada Lovelace").unwrap());
    let batch = Batch { topic: "t".into(), count: 2, fields: vec![column], origins: vec![0, 1], ..Batch::default() };
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

fn transforms(items: &str, transform: &str) -> Guest {
    Guest { items: items.into(), transform: transform.into(), counters: vec!["a"], ..Guest::default() }
}

fn answers(effects: u16, data: Vec<(u32, Vec<u8>)>) -> Guest {
    Guest { effects, data, ..Guest::default() }
}

/// A field's answers: actions, kinds, ends and text for the two values of the batch.
fn field(actions: [u8; 2], kinds: [u8; 2], ends: [u32; 2], data: &[u8]) -> Guest {
    let entry = DATA + 64;
    let lists = [0, DATA, 2, DATA + 8, 2, DATA + 16, 2, DATA + 32, data.len() as u32];
    let given = vec![
        (CHANGES, words(&[entry, 1])),
        (entry, words(&lists)),
        (DATA, actions.to_vec()),
        (DATA + 8, kinds.to_vec()),
        (DATA + 16, words(&ends)),
        (DATA + 32, data.to_vec()),
    ];
    answers(EDIT_FIELDS, given)
}

/// The attack, the guest, where it is cut, what is said, and the time that it may take there.
fn attacks() -> Vec<(&'static str, Guest, &'static str, &'static str, Duration)> {
    let limits = limits();
    let (describe, init, call, short) = (limits.describe_time, limits.init_time, limits.transform_time(2), Duration::from_millis(100));
    let start = "(func $start (loop $l (br $l))) (start $start)";
    let deep = "(func $deep (param i64) (result i64) (i64.add (i64.const 1) (call $deep (i64.add (local.get 0) (i64.const 1)))))";
    let until_refused = |grow: &str| format!("(loop $l (br_if $l (i32.ne ({grow}) (i32.const -1)))) unreachable");
    let storm = |grow: &str| format!("(loop $l (drop ({grow})) (br $l))");
    let (pages, elements) = ("memory.grow (i32.const 1)", "table.grow $t (ref.null func) (i32.const 10)");
    let table = "(table $t 1 funcref)";
    let memories = "(memory $m1 1) (memory $m2 1) (memory $m3 1) (memory $m4 1)";
    let fill = "(loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 60000000)) (br $l))";
    let whole = format!("(i32.store (i32.const {}) (i32.const 0x3fffffff))", DROPPED + 4);
    let large = format!("(i32.store (i32.const {}) (i32.const 14000000))", DROPPED + 4);
    let many = format!("(i32.store (i32.const {COUNTERS}) (i32.const 2000000))");
    let many: &'static str = Box::leak(many.into_boxed_str());
    let header = vec![
        (HEADER_ROWS, words(&[DATA, 1])),
        (HEADERS, words(&[DATA + 16, 1])),
        (DATA, words(&[0])),
        (DATA + 16, words(&[0, DATA + 64, 3, 0, 0, 0])),
        (DATA + 64, b"a\0b".to_vec()),
    ];
    let text = "(call $log (i32.const 1) (i32.const 8192) (i32.const 2))";
    let bad_text = Guest { data: vec![(DATA, vec![0xff, 0xfe])], ..transforms(LOG, text) };
    let calls = |import: &str, call: &str| calls_once(import, &format!("loop $l ({call}) (br $l)"));
    let line = "call $log (i32.const 1) (i32.const 8192) (i32.const 40)";
    vec![
        ("endless loop in describe", Guest { describe: FOREVER, ..Guest::default() }, "load", "longer than its time limit", describe),
        ("endless loop before describe", transforms(start, ""), "load", "longer than its time limit", describe),
        ("endless loop in init", Guest { init: FOREVER, ..Guest::default() }, "init", "longer than its time limit", init),
        ("endless loop in transform", transforms("", FOREVER), "transform", "timeout", call),
        ("memory to its limit", transforms("", &until_refused(pages)), "transform", "memory", call),
        ("memory.grow without end", transforms("", &storm(pages)), "transform", "timeout", call),
        ("memory.grow by nothing, without end", transforms("", &storm("memory.grow (i32.const 0)")), "transform", "timeout", call),
        ("60 MB filled again and again", Guest { pages: 1000, ..transforms("", fill) }, "transform", "timeout", call),
        ("five memories", transforms(memories, ""), "load", "5 memories; the limit is 4", short),
        ("memory beyond the limit at the start", Guest { pages: 1025, ..Guest::default() }, "load", "bytes of memory", short),
        ("a table to its limit", transforms(table, &until_refused(elements)), "transform", "memory", call),
        ("table.grow without end", transforms(table, &storm(elements)), "transform", "timeout", call),
        ("a table beyond the limit at the start", transforms("(table 10000000 funcref)", ""), "load", "memory limit", short),
        ("deep recursion", transforms(deep, "(drop (call $deep (i64.const 0)))"), "transform", "stack", short),
        ("a list of 4 GiB", answers_with(DROP, &whole, 4), "transform", "not of its type", short),
        ("a list of 56 MB", answers_with(DROP, &large, 1000), "transform", "output", short),
        ("ends that do not ascend", field([1, 1], [4, 4], [2, 1], b"xy"), "transform", "ends that do not ascend", short),
        ("ends beyond the data", field([1, 1], [4, 4], [1, 9], b"xy"), "transform", "ends that do not fit", short),
        (
            "a row out of range",
            answers(DROP, vec![(DROPPED, words(&[DATA, 1])), (DATA, words(&[2]))]),
            "transform",
            "does not exist",
            short,
        ),
        ("an action that does not exist", field([9, 0], [4, 4], [0, 0], b""), "transform", "an action that does not exist", short),
        ("a kind that does not exist", field([1, 0], [9, 4], [1, 1], b"x"), "transform", "a kind that does not exist", short),
        (
            "an enum that does not exist",
            calls_once(LOG, "call $log (i32.const 77) (i32.const 8192) (i32.const 4)"),
            "transform",
            "not of its type",
            short,
        ),
        ("text that is not UTF-8", field([1, 0], [4, 4], [1, 1], b"\xff"), "transform", "not UTF-8", short),
        ("a string that is not UTF-8", bad_text, "transform", "not of its type", short),
        ("a header name with a NUL", answers(EDIT_HEADERS, header), "transform", "a header name with a NUL", short),
        ("no answer to a granted value", answers(EDIT_FIELDS, vec![]), "transform", "without answers", short),
        ("a flood of log lines", calls(LOG, line), "transform", "timeout", call),
        ("a flood of counts", calls(COUNT, "call $count (i32.const 0) (i64.const 1)"), "transform", "timeout", call),
        ("a counter that was not declared", calls(COUNT, "call $count (i32.const 7) (i64.const 1)"), "transform", "did not declare", short),
        ("two million names of counters", Guest { describe: many, pages: 1000, ..Guest::default() }, "load", "more bytes than", short),
        ("65 names of counters", Guest { counters: names(65), ..Guest::default() }, "load", "at most 64", short),
    ]
}

fn answers_with(effects: u16, transform: &str, pages: u32) -> Guest {
    Guest { effects, pages, ..transforms("", transform) }
}

fn calls_once(import: &str, call: &str) -> Guest {
    Guest { data: vec![(DATA, vec![b'x'; 40])], ..transforms(import, &format!("({call})")) }
}

fn names(count: usize) -> Vec<&'static str> {
    (0..count).map(|i| &*Box::leak(format!("c{i}").into_boxed_str())).collect()
}

#[test]
fn every_attack_is_cut_at_its_limit() {
    let mut failed = Vec::new();
    for (name, guest, stage, says, within) in attacks() {
        let cut = attack(&guest);
        eprintln!("| {name} | {} | {} | {:.1} ms |", cut.stage, cut.said, cut.took.as_secs_f64() * 1e3);
        if cut.stage != stage || !cut.said.contains(says) || cut.took > within + GRACE {
            failed.push(format!("{name}: {stage}, {says}, {within:?}; not {}, {}, {:?}", cut.stage, cut.said, cut.took));
        }
        // What a guest was handed never comes back in an error.
        assert!(!cut.said.contains("Ada"), "{name}: {}", cut.said);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn what_reaches_outside_is_refused_before_it_runs() {
    let outside = [
        ("wasi:sockets/tcp@0.2.6", "package wasi:sockets@0.2.6; interface tcp { open: func(); }"),
        ("wasi:http/outgoing-handler@0.2.6", "package wasi:http@0.2.6; interface outgoing-handler { open: func(); }"),
        ("wasi:keyvalue/store@0.2.0", "package wasi:keyvalue@0.2.0; interface store { open: func(); }"),
    ];
    for (import, package) in outside {
        let guest = Guest {
            packages: Box::leak(Box::new([package])),
            world: Box::leak(format!("import {import};").into_boxed_str()),
            items: format!(r#"(import "{import}" "open" (func))"#),
            ..Guest::default()
        };
        let cut = attack(&guest);
        assert_eq!((cut.stage, cut.said.ends_with("which no plugin may")), ("load", true), "{import}: {}", cut.said);
    }
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
    let plugin = Guest { transform, ..guest }.load(&limits()).unwrap();
    let effects = Effects { edit_fields: true, ..Effects::default() };
    let step = StepSpec { settings_json: "{}".into(), fields: vec![("$.a".into(), "{}".into())], effects, ..StepSpec::default() };
    let fresh = || plugin.instantiate(&step, HostServices::default()).unwrap();
    let said = |instance: &mut super::Instance, topic: &str, text: &str| {
        let mut column = Column::default();
        column.push(0, Kind::Text, text.as_bytes()).unwrap();
        let batch = Batch { topic: topic.into(), count: 1, fields: vec![column], origins: vec![0], ..Batch::default() };
        String::from_utf8(instance.transform(&batch).unwrap().fields[0].answers.data.clone()).unwrap()
    };
    let mut one = fresh();
    assert_eq!(said(&mut one, "people", "Ada Lovelace"), "nothing seen");
    assert_eq!(said(&mut one, "orders", "Grace Hopper"), "Ada Lovelace", "SECURITY.md says that this can happen");
    assert_eq!(said(&mut fresh(), "orders", "Grace Hopper"), "nothing seen");
}
