//! The attacks: each a guest, the limit that is to cut it, where, and in which words. It must not run them.

use std::time::Duration;

use super::{DROP, EDIT_FIELDS, EDIT_HEADERS};
use crate::plugin::Limits;
use crate::plugin::guest::{ANSWER, DATA, Guest, words};

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

/// Processor time within which whatever needs no waiting is cut.
const SHORT: Duration = Duration::from_millis(100);
/// An answer that is not checked is an answer that harms: there is no figure to raise.
const CONTRACT: &str = "the check of every answer";

/// One attack and what must come of it.
pub(super) struct Attack {
    pub name: &'static str,
    pub guest: Guest,
    /// What cuts it: a constant of `limits.rs`, or a rule.
    pub limit: &'static str,
    /// Raises that limit, where it is one of [`Limits`] and the guest ends by itself without it.
    pub lift: Option<fn(&mut Limits)>,
    /// `load`, `init` or `transform`.
    pub stage: &'static str,
    /// Part of what is said.
    pub says: &'static str,
    /// Processor time that it may take there.
    pub within: Duration,
}

impl Attack {
    fn new(name: &'static str, guest: Guest, stage: &'static str, says: &'static str) -> Self {
        Self { name, guest, limit: CONTRACT, lift: None, stage, says, within: SHORT }
    }

    fn by(self, limit: &'static str, lift: fn(&mut Limits)) -> Self {
        Self { limit, lift: Some(lift), ..self }
    }

    /// By something that the tests cannot raise: a constant, or a limit without which the guest never ends.
    fn by_fixed(self, limit: &'static str) -> Self {
        Self { limit, ..self }
    }

    fn within(self, limit: &'static str, within: Duration) -> Self {
        Self { limit, within, ..self }
    }
}

fn transforms(items: &str, transform: &str) -> Guest {
    Guest { items: items.into(), transform: transform.into(), counters: vec!["a"], ..Guest::default() }
}

fn answers(effects: u16, data: Vec<(u32, Vec<u8>)>) -> Guest {
    Guest { effects, data, ..Guest::default() }
}

/// A field's answers: actions, kinds, ends and text for the two values of the batch.
pub(super) fn field(actions: [u8; 2], kinds: [u8; 2], ends: [u32; 2], data: &[u8]) -> Guest {
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

/// All of them.
pub(super) fn attacks(limits: &Limits) -> Vec<Attack> {
    [time(limits), memory(limits), output(), answered(), outside()].into_iter().flatten().collect()
}

/// Those that do not come back.
fn time(limits: &Limits) -> Vec<Attack> {
    let start = "(func $start (loop $l (br $l))) (start $start)";
    let fill = "(loop $l (memory.fill (i32.const 65536) (i32.const 1) (i32.const 60000000)) (br $l))";
    let storm = |grow: &str| format!("(loop $l (drop ({grow})) (br $l))");
    let calls = |import: &str, call: &str| calls_once(import, &format!("loop $l ({call}) (br $l)"));
    let (describe, init, call) = (limits.describe_time, limits.init_time, limits.transform_time(2));
    let line = "call $log (i32.const 1) (i32.const 8192) (i32.const 40)";
    let transform = |name, guest| Attack::new(name, guest, "transform", "timeout").within("BATCH_TIME, ROW_TIME", call);
    vec![
        Attack::new("endless loop in describe", Guest { describe: FOREVER, ..Guest::default() }, "load", "longer than its time limit")
            .within("DESCRIBE_TIME", describe),
        Attack::new("endless loop before describe", transforms(start, ""), "load", "longer than its time limit")
            .within("DESCRIBE_TIME", describe),
        Attack::new("endless loop in init", Guest { init: FOREVER, ..Guest::default() }, "init", "longer than its time limit")
            .within("INIT_TIME", init),
        transform("endless loop in transform", transforms("", FOREVER)),
        transform("memory.grow without end", transforms("", &storm("memory.grow (i32.const 1)"))),
        transform("memory.grow by nothing, without end", transforms("", &storm("memory.grow (i32.const 0)"))),
        transform("60 MB filled again and again", Guest { pages: 1000, ..transforms("", fill) }),
        transform("table.grow without end", transforms("(table $t 1 funcref)", &storm("table.grow $t (ref.null func) (i32.const 10)"))),
        transform("log lines without end", calls(LOG, line)),
        transform("counts without end", calls(COUNT, "call $count (i32.const 0) (i64.const 1)")),
    ]
}

/// Those that take memory.
fn memory(limits: &Limits) -> Vec<Attack> {
    let deep = "(func $deep (param i64) (result i64) (i64.add (i64.const 1) (call $deep (i64.add (local.get 0) (i64.const 1)))))";
    let until_refused = |grow: &str| format!("(loop $l (br_if $l (i32.ne ({grow}) (i32.const -1)))) unreachable");
    let table = "(table $t 1 funcref)";
    let elements = until_refused("table.grow $t (ref.null func) (i32.const 10)");
    let memories = "(memory $m1 1) (memory $m2 1) (memory $m3 1) (memory $m4 1)";
    let tables: String = (0..17).map(|i| format!("(table $t{i} 1 funcref)")).collect();
    let call = limits.transform_time(2);
    vec![
        Attack::new("memory to its limit", transforms("", &until_refused("memory.grow (i32.const 1)")), "transform", "memory")
            .within("MEMORY_BYTES", call)
            .by("MEMORY_BYTES", |limits| limits.memory_bytes = 8 << 30),
        Attack::new("five memories", transforms(memories, ""), "load", "5 memories; the limit is 4")
            .by("MEMORIES", |limits| limits.memories = 5),
        Attack::new("memory beyond the limit at the start", Guest { pages: 1025, ..Guest::default() }, "load", "bytes of memory")
            .by("MEMORY_BYTES", |limits| limits.memory_bytes = 1 << 30),
        Attack::new("a table to its limit", transforms(table, &elements), "transform", "memory")
            .within("TABLE_ELEMENTS", call)
            .by("TABLE_ELEMENTS", |limits| limits.table_elements = 1 << 30),
        Attack::new("a table beyond the limit at the start", transforms("(table 10000000 funcref)", ""), "load", "memory limit")
            .by("TABLE_ELEMENTS", |limits| limits.table_elements = 10_000_000),
        Attack::new("seventeen tables", transforms(&tables, ""), "load", "17 tables; the limit is 16")
            .by("TABLES", |limits| limits.tables = 17),
        Attack::new("deep recursion", transforms(deep, "(drop (call $deep (i64.const 0)))"), "transform", "stack").by_fixed("STACK_BYTES"),
    ]
}

/// Those that answer too much.
fn output() -> Vec<Attack> {
    let list = |count: u32| format!("(i32.store (i32.const {}) (i32.const {count}))", DROPPED + 4);
    let many: &'static str = Box::leak(format!("(i32.store (i32.const {COUNTERS}) (i32.const 5000000))").into_boxed_str());
    // The same bytes of its memory, by two lists.
    let twice = format!("{} (i32.store (i32.const {}) (i32.const 14000000))", list(14_000_000), HEADER_ROWS + 4);
    let large = Guest { effects: DROP, pages: 1000, ..transforms("", &twice) };
    let hmac = r#"(import "sluice:plugin/keys@0.1.0" "hmac-sha256" (func $hmac (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let arguments = "(call $hmac (i32.const 8192) (i32.const 1) (i32.const 8192) (i32.const 1) (i32.const 0) (i32.const 14000000)
        (i32.const 0) (i32.const 56000000) (i32.const 8256))";
    vec![
        Attack::new("a list of 4 GiB", Guest { effects: DROP, ..transforms("", &list(0x3fff_ffff)) }, "transform", "not of its type")
            .by_fixed("the guest's own memory ends before the list"),
        Attack::new("two lists of 56 MB", large, "transform", "output").by("HOSTCALL_BYTES", |limits| limits.hostcall_bytes = 1 << 30),
        Attack::new(
            "an import with 112 MB of arguments",
            Guest { pages: 1000, ..transforms(hmac, arguments) },
            "transform",
            "more bytes than",
        )
        .by("HOSTCALL_BYTES", |limits| limits.hostcall_bytes = 1 << 30),
        Attack::new("five million names of counters", Guest { describe: many, pages: 1000, ..Guest::default() }, "load", "more bytes than")
            .by("HOSTCALL_BYTES", |limits| limits.hostcall_bytes = 1 << 30),
        Attack::new("65 names of counters", Guest { counters: names(65), ..Guest::default() }, "load", "at most 64").by_fixed("NAMES"),
        Attack::new(
            "a counter that was not declared",
            calls_once(COUNT, "call $count (i32.const 7) (i64.const 1)"),
            "transform",
            "did not declare",
        )
        .by_fixed("what describe declared"),
    ]
}

/// Those whose answer is none.
fn answered() -> Vec<Attack> {
    let header = vec![
        (HEADER_ROWS, words(&[DATA, 1])),
        (HEADERS, words(&[DATA + 16, 1])),
        (DATA, words(&[0])),
        (DATA + 16, words(&[0, DATA + 64, 3, 0, 0, 0])),
        (DATA + 64, b"a\0b".to_vec()),
    ];
    let text = "(call $log (i32.const 1) (i32.const 8192) (i32.const 2))";
    let bad_text = Guest { data: vec![(DATA, vec![0xff, 0xfe])], ..transforms(LOG, text) };
    let level = calls_once(LOG, "call $log (i32.const 77) (i32.const 8192) (i32.const 4)");
    let far = answers(DROP, vec![(DROPPED, words(&[DATA, 1])), (DATA, words(&[1_000_000]))]);
    let cases = [
        ("ends that do not ascend", field([1, 1], [4, 4], [2, 1], b"xy"), "ends that do not ascend"),
        ("ends beyond the data", field([1, 1], [4, 4], [1, 9], b"xy"), "ends that do not fit"),
        ("a row out of range", far, "does not exist"),
        ("an action that does not exist", field([9, 0], [4, 4], [0, 0], b""), "an action that does not exist"),
        ("a kind that does not exist", field([1, 0], [9, 4], [1, 1], b"x"), "a kind that does not exist"),
        ("an enum that does not exist", level, "not of its type"),
        ("text that is not UTF-8", field([1, 0], [4, 4], [1, 1], b"\xff"), "not UTF-8"),
        ("a string that is not UTF-8", bad_text, "not of its type"),
        ("a header name with a NUL", answers(EDIT_HEADERS, header), "a header name with a NUL"),
        ("no answer to a granted value", answers(EDIT_FIELDS, vec![]), "without answers"),
    ];
    cases.into_iter().map(|(name, guest, says)| Attack::new(name, guest, "transform", says)).collect()
}

/// Those that reach for what is not theirs.
fn outside() -> Vec<Attack> {
    let interfaces = [
        ("sockets", "wasi:sockets/tcp@0.2.6", "package wasi:sockets@0.2.6; interface tcp { open: func(); }"),
        ("HTTP", "wasi:http/outgoing-handler@0.2.6", "package wasi:http@0.2.6; interface outgoing-handler { open: func(); }"),
        ("an interface that nobody declared", "other:store/keys@1.0.0", "package other:store@1.0.0; interface keys { open: func(); }"),
    ];
    let undeclared = interfaces.into_iter().map(|(name, import, package)| {
        let guest = Guest {
            packages: Box::leak(Box::new([package])),
            world: Box::leak(format!("import {import};").into_boxed_str()),
            items: format!(r#"(import "{import}" "open" (func))"#),
            ..Guest::default()
        };
        Attack::new(name, guest, "load", "which no plugin may").by_fixed("the written list of imports")
    });
    let file = Guest {
        packages: &["package wasi:filesystem@0.2.6; interface types { resource descriptor { sync: func() -> result; } }"],
        world: "import wasi:filesystem/types@0.2.6;",
        items: r#"(import "wasi:filesystem/types@0.2.6" "[method]descriptor.sync" (func $sync (param i32) (result i32)))"#.into(),
        transform: "(drop (call $sync (i32.const 3)))".into(),
        ..Guest::default()
    };
    let file = Attack::new("a file by a handle that it guessed", file, "transform", "not of its type")
        .by_fixed("handles come from the host alone");
    let chance = Guest {
        packages: &["package wasi:random@0.2.6; interface random { get-random-bytes: func(len: u64) -> list<u8>; }"],
        world: "import wasi:random/random@0.2.6;",
        items: r#"(import "wasi:random/random@0.2.6" "get-random-bytes" (func $chance (param i64 i32)))"#.into(),
        transform: "(call $chance (i64.const 2000000000) (i32.const 8192))".into(),
        ..Guest::default()
    };
    let chance = Attack::new("two billion random bytes", chance, "transform", "more random bytes").by_fixed("RANDOM_BYTES");
    undeclared.chain([file, chance]).collect()
}

fn calls_once(import: &str, call: &str) -> Guest {
    Guest { data: vec![(DATA, vec![b'x'; 40])], ..transforms(import, &format!("({call})")) }
}

fn names(count: usize) -> Vec<&'static str> {
    (0..count).map(|i| &*Box::leak(format!("c{i}").into_boxed_str())).collect()
}
