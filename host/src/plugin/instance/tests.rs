//! Plugins that behave, plugins that do not, and what the host makes of each.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod lent;

use std::time::Duration;

use super::*;
use crate::plugin::guest::{ANSWER, DATA, Guest, words};
use crate::plugin::{Answers, KeyRing, Kind, Limits};

const LOG: &str = r#"(import "sluice:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
const COUNT: &str = r#"(import "sluice:plugin/metrics@0.1.0" "add" (func $count (param i32 i64)))"#;

const EDIT_FIELDS: u16 = 1;
const DROP: u16 = 1 << 5;
const EDITS: Effects = Effects { edit_fields: true, ..NONE };
const DROPS: Effects = Effects { drop: true, ..NONE };
const NONE: Effects = Effects {
    edit_fields: false,
    edit_key: false,
    edit_value: false,
    edit_headers: false,
    edit_timestamp: false,
    drop: false,
    reject: false,
    route: false,
    emit: false,
};

/// Limits that a test reaches quickly.
fn small() -> Limits {
    Limits {
        memory_bytes: 16 << 16,
        batch_time: Duration::from_millis(30),
        row_time: Duration::ZERO,
        hostcall_bytes: 64 << 10,
        // These guests say by their counters what they were handed.
        counts: u64::MAX,
        ..Limits::default()
    }
}

fn start(guest: &Guest, step: &StepSpec) -> Instance {
    start_with(guest, step, HostServices::default())
}

fn start_with(guest: &Guest, step: &StepSpec, host: HostServices) -> Instance {
    guest.load(&small()).unwrap().instantiate(step, host).unwrap()
}

/// One field with a value in each of `texts`.
fn batch(texts: &[&str]) -> Batch {
    let mut column = Column::default();
    for (row, text) in (0..).zip(texts) {
        column.push(row, Kind::Text, text.as_bytes()).unwrap();
    }
    Batch { topic: "t".into(), count: texts.len() as u32, fields: vec![column], ..Batch::default() }
}

fn step(effects: Effects) -> StepSpec {
    StepSpec { settings_json: "{}".into(), fields: vec![("$.a".into(), "{}".into())], effects, ..StepSpec::default() }
}

/// A guest whose transform is this code.
fn guest(items: &str, transform: &str) -> Guest {
    let rejections = vec!["odd"];
    let counters = vec!["a", "b"];
    Guest { items: items.into(), transform: transform.into(), rejections, counters, ..Guest::default() }
}

#[test]
fn an_answer_comes_back_as_given() {
    // One field answered: "ab" becomes "x", the second value stays.
    let entry = DATA + 64;
    let field_answers = [0, DATA, 2, DATA + 8, 2, DATA + 16, 2, DATA + 32, 1];
    let guest = Guest {
        effects: EDIT_FIELDS,
        data: vec![
            (ANSWER + 4, words(&[entry, 1])),
            (entry, words(&field_answers)),
            (DATA, vec![1, 0]),
            (DATA + 8, vec![4, 0]),
            (DATA + 16, words(&[1, 1])),
            (DATA + 32, b"x".to_vec()),
        ],
        ..Guest::default()
    };
    let mut instance = start(&guest, &step(EDITS));
    let changes = instance.transform(&batch(&["ab", "c"])).unwrap();
    let want = Answers { actions: vec![1, 0], kinds: vec![4, 0], ends: vec![1, 1], data: b"x".to_vec() };
    assert_eq!(changes.fields.len(), 1);
    assert!(changes.fields[0].answers == want);
    assert_eq!(changes.fields[0].answers.get(0), Some(&b"x"[..]));
    // The same answer is one too many for a batch of one.
    let got = instance.transform(&batch(&["ab"]));
    assert_eq!(got, Err(CallError::Invalid { what: "another number of answers than values" }));
    assert!(instance.is_dead());
    assert_eq!(instance.transform(&batch(&["ab", "c"])), Err(CallError::Dead));
}

#[test]
fn a_batch_arrives_as_columns() {
    // Counts the topic's length, the partition, the count, the fields, and the data of the first one.
    let add = |offset: u32| format!("(call $count (i32.const 0) (i64.extend_i32_u (i32.load offset={offset} (local.get $batch))))");
    let fields = "(call $count (i32.const 1) (i64.extend_i32_u (i32.load offset=28 (i32.load offset=16 (local.get $batch)))))";
    let transform = format!("{}{}{}{}{fields}", add(4), add(8), add(12), add(20));
    let mut instance = start(&guest(COUNT, &transform), &step(NONE));
    let mut batch = batch(&["abc", "de"]);
    (batch.topic, batch.partition) = ("orders".into(), 40);
    instance.transform(&batch).unwrap();
    assert_eq!(instance.take_counters(), [(0, 6 + 40 + 2 + 1), (1, 5)]);
    assert_eq!(instance.take_counters(), []);
}

#[test]
fn every_broken_limit_ends_the_instance() {
    let memory = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let deep = "(func $deep (param i64) (result i64) (i64.add (i64.const 1) (call $deep (i64.add (local.get 0) (i64.const 1)))))";
    let big = format!("(i32.store (i32.const {}) (i32.const 60000))", ANSWER + 4 + 116);
    let lost = format!("(i32.store (i32.const {}) (i32.const 2000000000))", ANSWER + 4 + 116);
    let trap = |what: &str| CallError::Trap { what: what.into() };
    let more = "more bytes than one call may answer";
    let cases: Vec<(&str, &str, CallError)> = vec![
        ("", "(loop $l (br $l))", CallError::Timeout),
        ("", "unreachable", trap("wasm `unreachable` instruction executed")),
        ("", "(drop (i32.load (i32.const -1)))", trap("out of bounds memory access")),
        ("", memory, CallError::Memory),
        (deep, "(drop (call $deep (i64.const 0)))", CallError::Stack),
        ("", &big, CallError::Output { what: more }),
        ("", &lost, CallError::Invalid { what: "a value that is not of its type" }),
        (COUNT, "(call $count (i32.const 2) (i64.const 1))", trap("it added to a counter that it did not declare")),
    ];
    for (items, transform, want) in cases {
        let guest = Guest { effects: DROP, ..guest(items, transform) };
        let mut instance = start(&guest, &step(DROPS));
        assert_eq!(instance.transform(&batch(&["a"])), Err(want), "{transform}");
        assert!(instance.is_dead(), "{transform}");
    }
}

#[test]
fn rows_that_do_not_exist_are_refused() {
    let guest = Guest { effects: DROP, data: vec![(ANSWER + 4 + 112, words(&[DATA, 1])), (DATA, words(&[1]))], ..Guest::default() };
    let mut instance = start(&guest, &step(DROPS));
    assert_eq!(instance.transform(&batch(&["a", "b"])).unwrap().dropped, [1]);
    let got = instance.transform(&batch(&["a"]));
    assert_eq!(got, Err(CallError::Invalid { what: "a row that does not exist" }));
    // Declared by the plugin, not granted by the step.
    let mut instance = start(&guest, &step(NONE));
    let got = instance.transform(&batch(&["a", "b"]));
    assert_eq!(got, Err(CallError::Invalid { what: "dropped records without the effect drop" }));
}

#[test]
fn a_rejected_batch_leaves_the_instance_alive_and_counts_nothing() {
    let code = ANSWER + 4;
    let transform = format!(
        "(call $count (i32.const 1) (i64.const 5))
         (i32.store8 (i32.const {ANSWER}) (i32.gt_u (i32.load offset=12 (local.get $batch)) (i32.const 1)))
         (i32.store (i32.const {code}) (i32.gt_u (i32.load offset=12 (local.get $batch)) (i32.const 2)))"
    );
    let guest = guest(COUNT, &transform);
    let mut instance = start(&guest, &step(NONE));
    assert_eq!(instance.transform(&batch(&["a", "b"])), Err(CallError::Rejected("odd".into())));
    assert!(!instance.is_dead());
    assert_eq!(instance.take_counters(), []);
    // The code of the rejection overlaps the changes of this answer: make it none again.
    let got = instance.transform(&batch(&["a", "b", "c"]));
    assert_eq!(got, Err(CallError::Invalid { what: "a rejection code that was not declared" }));
    assert!(instance.is_dead());
}

#[test]
fn settings_that_the_plugin_refuses_come_back() {
    let at = DATA + 64;
    let problem = Guest {
        data: vec![
            (16, words(&[1, DATA, 1])),
            (DATA, words(&[at, 11, at + 16, 7])),
            (at, b"/settings/n".to_vec()),
            (at + 16, b"too\nbig".to_vec()),
        ],
        ..Guest::default()
    };
    let plugin = problem.load(&small()).unwrap();
    let got = plugin.instantiate(&step(NONE), HostServices::default()).err().unwrap();
    assert_eq!(got.to_string(), "plugin guest does not accept the settings of its step: /settings/n: too big");

    let loops = Guest { init: "(loop $l (br $l))", ..Guest::default() };
    let plugin = loops.load(&Limits { init_time: Duration::from_millis(20), ..small() }).unwrap();
    let got = plugin.instantiate(&step(NONE), HostServices::default()).err().unwrap();
    assert!(matches!(got, InitError::Failed { source: CallError::Timeout, .. }), "{got}");
}

#[test]
fn a_step_cannot_grant_what_was_not_asked_for() {
    let plugin = Guest { sees: 1, effects: DROP, ..Guest::default() }.load(&small()).unwrap();
    let grant = StepSpec { sees: Sees { key: true, offset: true, ..Sees::default() }, ..step(Effects { emit: true, ..DROPS }) };
    let got = plugin.instantiate(&grant, HostServices::default()).err().unwrap();
    let want = "plugin guest does not accept the settings of its step: \
                /sees: the plugin does not ask to see offset; /effects: the plugin does not ask to do emit";
    assert_eq!(got.to_string(), want);
}

#[test]
fn a_batch_with_more_than_was_granted_is_not_handed_over() {
    type Fill = fn(&mut Batch);
    let cases: [Fill; 8] = [
        |b| b.fields.push(Column::default()),
        |b| b.keys = Some(b.fields[0].clone()),
        |b| b.values = Some(b.fields[0].clone()),
        |b| b.headers.push(0, b"h", None),
        |b| b.timestamps.push(1),
        |b| b.offsets.push(1),
        |b| b.key_sizes.push(1),
        |b| b.value_sizes.push(1),
    ];
    for (i, fill) in cases.iter().enumerate() {
        let mut instance = start(&Guest::default(), &step(NONE));
        let mut batch = batch(&["a"]);
        fill(&mut batch);
        let got = instance.transform(&batch);
        assert_eq!(got, Err(CallError::Invalid { what: "the batch itself is not what the step grants" }), "{i}");
    }
}

#[test]
fn log_lines_are_counted_and_capped() {
    let write = "(call $log (i32.const 1) (i32.const 64) (i32.const 4))";
    let transform = format!(
        "(loop $l {write} (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $l (i32.lt_u (local.get $i) (i32.const 150))))"
    );
    let mut instance = start(&guest(LOG, &transform), &step(NONE));
    instance.transform(&batch(&["a"])).unwrap();
    instance.transform(&batch(&["a"])).unwrap();
    assert_eq!(instance.take_log_lines(), LogLines { written: 200, dropped: 100 });
    assert_eq!(instance.take_log_lines(), LogLines::default());
}

#[test]
fn a_full_instance_asks_to_be_replaced() {
    let transform = "(drop (memory.grow (i32.const 5)))";
    let mut instance = start(&guest("", transform), &step(NONE));
    let mut asked = vec![];
    for _ in 0..2 {
        instance.transform(&batch(&["a"])).unwrap();
        asked.push((instance.memory_bytes() >> 16, instance.wants_recycling()));
    }
    assert_eq!(asked, [(9, false), (14, true)]);
}

/// `cargo test --release -p sluice --lib -- --ignored --nocapture a_fresh_instance_costs`
#[test]
#[ignore = "a measurement, to be run alone on a quiet machine"]
#[allow(clippy::print_stdout, reason = "its result is a figure")]
fn a_fresh_instance_costs() {
    let component = crate::plugin::embedded::component("mask").unwrap().to_vec();
    let plugin = crate::plugin::guest::load(component, &Limits::default()).unwrap();
    let step = StepSpec { fields: vec![("$.a".into(), r#"{"use":"redact"}"#.into())], ..step(EDITS) };
    let texts: Vec<&str> = vec!["ana@example.org"; 500];
    let batch = batch(&texts);
    for fresh in [false, true] {
        let mut instance = plugin.instantiate(&step, HostServices::default()).unwrap();
        let (began, mut calls) = (std::time::Instant::now(), 0u32);
        while began.elapsed().as_millis() < 1000 {
            if fresh {
                instance = plugin.instantiate(&step, HostServices::default()).unwrap();
            }
            instance.transform(&batch).unwrap();
            calls += 1;
        }
        println!("{:6.1} µs a batch of 500, fresh instances: {fresh}", began.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
    }
}

/// `cargo test --release -p sluice --lib -- --ignored --nocapture a_crossing_costs`
#[test]
#[ignore = "a measurement, to be run alone on a quiet machine"]
#[allow(clippy::print_stdout, reason = "its result is a figure")]
fn a_crossing_costs() {
    const RECORDS: u32 = 500;
    // Every value is answered with "keep", whose parts are zeros.
    let (entry, zeros) = (DATA + 64, DATA + 4096);
    let lists = [0, zeros, RECORDS, zeros, RECORDS, zeros, RECORDS, zeros, 0];
    let guest = Guest { effects: EDIT_FIELDS, data: vec![(ANSWER + 4, words(&[entry, 1])), (entry, words(&lists))], ..Guest::default() };
    let plugin = guest.load(&Limits::default()).unwrap();
    let mut instance = plugin.instantiate(&step(EDITS), HostServices::default()).unwrap();
    let batch = batch(&vec!["ana@example.org"; RECORDS as usize]);
    let mut best = Duration::MAX;
    for _ in 0..20_000 {
        let began = std::time::Instant::now();
        instance.transform(&batch).unwrap();
        best = best.min(began.elapsed());
    }
    println!("{:6.1} ns a record, no-op plugin, batch of {RECORDS}, one text field", best.as_secs_f64() * 1e9 / f64::from(RECORDS));
}

#[test]
fn wasi_is_answered_by_stubs_that_reach_nothing() {
    let items = format!(
        r#"{COUNT}
        (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $print (param i32 i32 i32 i32)))
        (import "wasi:io/streams@0.2.6" "[resource-drop]output-stream" (func $close (param i32)))
        (import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))
        (import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $sleep (param i64) (result i32)))
        (import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.6" "[resource-drop]pollable" (func $forget (param i32)))
        (import "wasi:io/poll@0.2.6" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))
        (import "wasi:random/random@0.2.6" "get-random-bytes" (func $bytes (param i64 i32)))
        (import "wasi:cli/environment@0.2.6" "get-environment" (func $env (param i32)))
        (import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#
    );
    let calm = format!(
        "(local.set $i (call $stdout))
         (call $print (local.get $i) (i32.const {DATA}) (i32.const 12) (i32.const {out}))
         (call $close (local.get $i))
         (local.set $i (call $sleep (i64.const 3600000000000)))
         (call $block (local.get $i))
         (i32.store (i32.const {out}) (local.get $i))
         (call $poll (i32.const {out}) (i32.const 1) (i32.const {out}))
         (call $forget (local.get $i))
         (call $env (i32.const {out}))
         (call $bytes (i64.const 20) (i32.const {out}))
         (call $count (i32.const 0) (i64.add (call $now) (i64.load32_u offset=4 (i32.const {out}))))
         (call $count (i32.const 1) (i64.shr_u (call $random) (i64.const 8)))",
        out = DATA + 64
    );
    let of = |transform: &str| Guest {
        packages: WASI,
        world: "import wasi:cli/stdout@0.2.6; import wasi:io/streams@0.2.6; import wasi:io/poll@0.2.6;
                import wasi:clocks/monotonic-clock@0.2.6; import wasi:random/random@0.2.6;
                import wasi:cli/environment@0.2.6; import wasi:cli/exit@0.2.6;",
        data: vec![(DATA, b"two\nlines\n\n\n".to_vec())],
        ..guest(&items, transform)
    };
    let mut instance = start(&of(&calm), &step(NONE));
    instance.transform(&batch(&["a"])).unwrap();
    let first = instance.take_counters().to_vec();
    assert_eq!(first[0], (0, 20));
    assert_eq!(instance.take_log_lines(), LogLines { written: 2, dropped: 0 });
    // Chance is the same in every call.
    instance.transform(&batch(&["a"])).unwrap();
    assert_eq!(instance.take_counters(), first);

    let cases = [
        ("(call $exit (i32.const 1))", CallError::Trap { what: "it called wasi:cli/exit#exit, which no plugin may use".into() }),
        ("(call $bytes (i64.const 65537) (i32.const 8192))", CallError::Output { what: "more random bytes than it may ask for at once" }),
    ];
    for (transform, want) in cases {
        let mut instance = start(&of(transform), &step(NONE));
        assert_eq!(instance.transform(&batch(&["a"])), Err(want));
    }
}

/// As much of WASI 0.2 as that guest imports.
const WASI: &[&str] = &[
    "package wasi:io@0.2.6;
     interface error { resource error { to-debug-string: func() -> string; } }
     interface poll { resource pollable { ready: func() -> bool; block: func(); } poll: func(in: list<borrow<pollable>>) -> list<u32>; }
     interface streams {
       use error.{error};
       use poll.{pollable};
       variant stream-error { last-operation-failed(error), closed }
       resource output-stream {
         check-write: func() -> result<u64, stream-error>;
         subscribe: func() -> pollable;
         blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
       }
     }",
    "package wasi:cli@0.2.6;
     interface environment { get-environment: func() -> list<tuple<string, string>>; }
     interface exit { exit: func(status: result); }
     interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }",
    "package wasi:clocks@0.2.6;
     interface monotonic-clock { use wasi:io/poll@0.2.6.{pollable}; now: func() -> u64; subscribe-duration: func(when: u64) -> pollable; }",
    "package wasi:random@0.2.6;
     interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }",
];
