//! Guests of a few lines in a chain: what a step lets them do, what is counted of them, and what becomes of one that fails
//! now and then.

use super::*;
use crate::chain::pace::{SETBACKS, STEADY};
use crate::plugin::guest::{ANSWER, DATA, Guest, words};

const DROP: u16 = 1 << 5;
const REJECT: u16 = 1 << 6;
const EMIT: u16 = 1 << 8;
/// Offset of the lists `dropped` and `rejected` in the answer of `transform`.
const DROPPED: u32 = ANSWER + 4 + 112;
const REJECTED: u32 = DROPPED + 8;

/// A chain with one step, whose plugin is this guest.
fn guests(guest: &Guest, step: &str) -> Result<(Chain, Metrics), String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("guest.wasm"), guest.bytes()).unwrap();
    let text = format!(
        "clusters: {{ a: {{ bootstrap_servers: \"one:9092\" }}, b: {{ bootstrap_servers: \"two:9092\" }} }}\nplugins: {{ dir: {} }}\npipelines:\n  - {{ name: p, source: a, target: b, topics: {{ include: [\"*\"] }}, format: json, steps: [{step}] }}\n",
        dir.path().display()
    );
    let source = Source { name: "s.yaml".into(), base: PathBuf::new(), text };
    let plan = config::plan_of(&[source], &check_selector, &|_| None).unwrap_or_else(|error| panic!("{error}"));
    let registry = Registry::load(host(), &plan.plugins, &BTreeSet::from(["guest"])).unwrap();
    let (metrics, schemas) = (Metrics::new("test"), Schemas::new(&plan.pipelines[0]).unwrap());
    let plan = ChainPlan::build(&plan.pipelines[0], &registry, &Lent::default(), &metrics, &Arc::new(schemas));
    let plan = plan.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok((Chain::open(&Arc::new(plan)).unwrap(), metrics))
}

fn records(count: usize) -> Vec<Sample> {
    (0..count).map(|n| Sample { offset: n as i64, ..record(None, Some("{\"a\":\"x\"}")) }).collect()
}

fn run(chain: &mut Chain, records: &[Sample]) -> Result<(Vec<Verdict>, usize), String> {
    run_in(chain, 0, records).map(|processed| (processed.verdicts, processed.rows.len()))
}

fn run_in<'r>(chain: &mut Chain, partition: i32, records: &'r [Sample]) -> Result<Processed<'r>, String> {
    let mut missed = vec![0; chain.selectors()];
    chain.process("t", partition, records, &mut missed).map_err(|stopped| match stopped {
        Stopped::Call(failed) => failed.code,
        other => panic!("{other}"),
    })
}

#[track_caller]
fn shows(metrics: &Metrics, line: &str) {
    let page = metrics.page().unwrap();
    assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
}

#[test]
fn a_step_may_let_a_plugin_do_less() {
    let drops = Guest { effects: DROP | EMIT | REJECT, data: vec![(DROPPED, words(&[DATA, 1])), (DATA, words(&[0]))], ..Guest::default() };
    let (mut all, _) = guests(&drops, "{ plugin: guest }").unwrap();
    assert_eq!(run(&mut all, &records(2)).unwrap().1, 1);
    let (mut listed, _) = guests(&drops, "{ plugin: guest, effects: [drop] }").unwrap();
    assert_eq!(run(&mut listed, &records(2)).unwrap().1, 1);
    let (mut other, _) = guests(&drops, "{ plugin: guest, effects: [emit] }").unwrap();
    assert_eq!(run(&mut other, &records(2)), Err("plugin_invalid".to_owned()));
    let refused = guests(&drops, "{ plugin: guest, effects: [] }").err().unwrap();
    assert!(refused.contains("takes away all that plugin guest does"), "{refused}");
    let refused = guests(&drops, "{ plugin: guest, effects: [drop, edit_value, edit_key] }").err().unwrap();
    assert!(refused.contains("does not declare edit_key, edit_value; take it out of effects"), "{refused}");
}

#[test]
fn counters_show_by_name_and_count_things() {
    let count = r#"(import "sluice:plugin/metrics@0.1.0" "add" (func $count (param i32 i64)))"#;
    let transform = "(call $count (i32.const 0) (i64.const 0x4144414c4f56)) (call $count (i32.const 1) (i64.const 2))";
    let guest = Guest { items: count.into(), transform: transform.into(), counters: vec!["seen", "masked:x"], ..Guest::default() };
    let (mut chain, metrics) = guests(&guest, "{ plugin: guest, fields: { $.a: {} } }").unwrap();
    run(&mut chain, &records(3)).unwrap();
    shows(&metrics, r#"sluice_plugin_counter_total{pipeline="p",plugin="guest",step="1",name="seen"} 0"#);
    chain.publish_counts();
    // Three records, three values: no text fits into that.
    shows(&metrics, r#"sluice_plugin_counter_total{pipeline="p",plugin="guest",step="1",name="seen"} 6"#);
    shows(&metrics, r#"sluice_masked_fields_total{operator="x"} 2"#);
}

#[test]
fn rejected_records_are_counted() {
    let data = vec![(REJECTED, words(&[DATA, 2])), (DATA, words(&[0, 0, 2, 0]))];
    let guest = Guest { effects: REJECT, rejections: vec!["bad"], data, ..Guest::default() };
    let (mut chain, metrics) = guests(&guest, "{ plugin: guest }").unwrap();
    assert_eq!(run(&mut chain, &records(3)).unwrap().1, 1);
    shows(&metrics, r#"sluice_plugin_failures_total{plugin="guest",kind="rejected"} 2"#);
}

#[test]
fn lines_are_counted_for_the_operator() {
    let log = r#"(import "sluice:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))"#;
    let transform = "(loop $l (call $log (i32.const 1) (i32.const 8192) (i32.const 4))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 150))))";
    let guest = Guest { items: log.into(), transform: transform.into(), ..Guest::default() };
    let (mut chain, metrics) = guests(&guest, "{ plugin: guest }").unwrap();
    run(&mut chain, &records(1)).unwrap();
    shows(&metrics, r#"sluice_plugin_log_lines_total{plugin="guest",result="counted"} 100"#);
    shows(&metrics, r#"sluice_plugin_log_lines_total{plugin="guest",result="dropped"} 50"#);
}

/// A call that fails as a whole and passes in parts is counted, makes the next ones smaller, and ends in a halt.
#[test]
fn a_plugin_that_fails_now_and_then_is_handed_less_and_less() {
    let transform = "(if (i32.gt_u (i32.load offset=12 (local.get $batch)) (i32.const 1)) (then unreachable))";
    let guest = Guest { transform: transform.into(), ..Guest::default() };
    let (mut chain, metrics) = guests(&guest, "{ plugin: guest }").unwrap();
    let two = records(2);
    let most = chain.batch();
    for setback in 1..=SETBACKS {
        assert_eq!(run(&mut chain, &two), Err("plugin_trap".to_owned()));
        let found = chain.bisect("t", 0, &two, &mut [], &|| false).unwrap();
        assert!(found.verdicts.iter().all(|verdict| *verdict == Verdict::Taken));
        assert_eq!(chain.batch(), (most >> setback).max(1));
        shows(&metrics, &format!(r#"sluice_plugin_failures_total{{plugin="guest",kind="trap"}} {setback}"#));
    }
    assert_eq!(run(&mut chain, &two), Err("plugin_trap".to_owned()));
    assert!(chain.bisect("t", 0, &two, &mut [], &|| false).err().unwrap().to_string().contains("one after the other"));

    // Batches that pass make it trusted again.
    let (mut chain, _) = guests(&guest, "{ plugin: guest }").unwrap();
    assert!(run(&mut chain, &two).is_err() && chain.bisect("t", 0, &two, &mut [], &|| false).is_ok());
    for _ in 0..STEADY {
        assert_eq!(chain.batch(), most / 2);
        run(&mut chain, &two[..1]).unwrap();
    }
    assert_eq!(chain.batch(), most);
}

/// Fails where the value of the only record of its batch was there before, and counts where it was not.
fn repeats() -> Guest {
    let items = r#"(import "sluice:plugin/windows@0.1.0" "seen" (func $seen (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
        (import "sluice:plugin/metrics@0.1.0" "add" (func $count (param i32 i64)))"#;
    // One value, "ids", of row 0, whose end is at 3.
    let (rows, ends, out) = (DATA + 16, DATA + 32, DATA + 64);
    let transform = format!(
        "(call $seen (i32.const {DATA}) (i32.const 3) (i32.const 9) (i32.const {rows}) (i32.const 1) (i32.const {ends}) (i32.const 1)
           (i32.const {DATA}) (i32.const 3) (i32.const {out}))
         (if (i32.load8_u (i32.const {out})) (then unreachable))
         (if (i32.load8_u (i32.load offset=4 (i32.const {out}))) (then unreachable))
         (call $count (i32.const 0) (i64.const 1))"
    );
    let data = vec![(DATA, b"ids".to_vec()), (rows, words(&[0])), (ends, words(&[3]))];
    Guest { items: items.into(), transform, data, counters: vec!["new"], ..Guest::default() }
}

/// A commit between a batch and its rows is of what came before: after an abort the batch comes again, and is no repeat.
#[test]
fn a_commit_before_a_batch_has_nothing_of_it() {
    let (mut chain, metrics) = guests(&repeats(), "{ plugin: guest, window: 9 }").unwrap();
    let one = records(1);
    let counted =
        |count: u64| shows(&metrics, &format!(r#"sluice_plugin_counter_total{{pipeline="p",plugin="guest",step="1",name="new"}} {count}"#));
    run_in(&mut chain, 0, &one).unwrap();
    let mut before = run_in(&mut chain, 1, &one).unwrap().before;
    for _ in 0..2 {
        chain.publish_before(&mut before);
        counted(1);
    }
    chain.discard();
    run_in(&mut chain, 1, &one).unwrap();
    chain.publish_counts();
    counted(2);
    for partition in [0, 1] {
        assert_eq!(run_in(&mut chain, partition, &one).err().as_deref(), Some("plugin_trap"), "what is committed stays");
    }
}

/// Of a batch whose guilty record is not found nothing is remembered, neither of its parts that passed.
#[test]
fn a_search_that_is_given_up_leaves_nothing() {
    let (mut chain, _) = guests(&repeats(), "{ plugin: guest, window: 9 }").unwrap();
    let (one, before) = (records(1), chain.before());
    run_in(&mut chain, 0, &one).unwrap();
    chain.give_up(before, String::new());
    run_in(&mut chain, 0, &one).unwrap();
}

/// A lane that is told to end does not search on: the next owner does it anew.
#[test]
fn a_search_ends_when_it_is_told_to() {
    let guest = Guest { transform: "unreachable".into(), ..Guest::default() };
    let (mut chain, _) = guests(&guest, "{ plugin: guest }").unwrap();
    let told = std::cell::Cell::new(0);
    let stop = || told.replace(told.get() + 1) == 3;
    assert!(chain.bisect("t", 0, &records(64), &mut [], &stop).is_err_and(|gave_up| gave_up.stopped));
    assert_eq!(told.get(), 4, "asked before every part, and no more after the answer");
}

/// Memory from batch to batch is lent where the settings ask for it.
#[test]
fn windows_are_lent_to_steps_that_ask() {
    let seen = r#"(import "sluice:plugin/windows@0.1.0" "seen" (func $seen (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let out = DATA + 64;
    let transform = format!(
        "(call $seen (i32.const {DATA}) (i32.const 3) (i32.const 9) (i32.const {DATA}) (i32.const 0) (i32.const {DATA}) (i32.const 0)
           (i32.const {DATA}) (i32.const 0) (i32.const {out}))
         (if (i32.load8_u (i32.const {out})) (then unreachable))"
    );
    let guest = Guest { items: seen.into(), transform, data: vec![(DATA, b"ids".to_vec())], ..Guest::default() };
    for (step, lent) in [
        ("{ plugin: guest }", false),
        ("{ plugin: guest, size: 9 }", false),
        ("{ plugin: guest, window: 9 }", true),
        ("{ plugin: guest, where: { all: [{ first: { by: key } }] } }", true),
        ("{ plugin: guest, fields: { $.a: { window: 9 } } }", true),
    ] {
        let (mut chain, _) = guests(&guest, step).unwrap();
        assert_eq!(run(&mut chain, &records(1)).is_ok(), lent, "{step}");
    }
}
