//! Which component a name means, and which one may take another's place.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::path::Path;
use std::sync::OnceLock;

use super::*;
use crate::config::plan::{PluginLimits, Trust};
use crate::plugin::Limits;
use crate::plugin::guest::Guest;

const EDIT_FIELDS: u16 = 1;

fn guest(name: &str, effects: u16) -> Guest {
    Guest { name: name.into(), effects, ..Guest::default() }
}

/// A host that compiles here: the program of a test is not a compiler.
fn host() -> &'static Plugins {
    static HOST: OnceLock<(tempfile::TempDir, Plugins)> = OnceLock::new();
    let made = || {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path().join("cache")).unwrap();
        (root, Plugins::new(Limits::default(), Compile::InProcess, cache).unwrap())
    };
    &HOST.get_or_init(made).1
}

fn section(dir: &Path, trust: Trust) -> config::plan::Plugins {
    let limits = PluginLimits {
        memory: 64 << 20,
        batch_time: Duration::from_millis(200),
        batch_records: 500,
        output_records: 10,
        output_bytes: 64 << 20,
        compile_time: Duration::from_secs(60),
        log_lines: 100,
        stack: 512 << 10,
    };
    config::plan::Plugins { dir: Some(dir.to_owned()), lock: None, trust, limits }
}

fn registry(dir: &Path, trust: Trust) -> Result<Registry, RegistryError> {
    Registry::load(host(), &section(dir, trust), &BTreeSet::from(["mask"]))
}

#[test]
fn the_directory_wins_over_the_embedded_one() {
    let dir = tempfile::tempdir().unwrap();
    assert!(is_embedded(registry(dir.path(), Trust::Open).unwrap().named("mask").unwrap()));
    std::fs::write(dir.path().join("own.wasm"), guest("mask", EDIT_FIELDS).bytes()).unwrap();
    let found = registry(dir.path(), Trust::Open).unwrap();
    assert!(!is_embedded(found.named("mask").unwrap()));
    let unknown = found.named("msk").unwrap_err();
    assert!(unknown.contains("did you mean \"mask\"?"), "{unknown}");
    // The same bytes under a second name leave nothing to choose; other bytes of the same name do.
    std::fs::copy(dir.path().join("own.wasm"), dir.path().join("copy.wasm")).unwrap();
    assert_eq!(registry(dir.path(), Trust::Open).unwrap().named("mask").unwrap().digest(), found.named("mask").unwrap().digest());
    let other = Guest { counters: vec!["c"], ..guest("mask", EDIT_FIELDS) };
    std::fs::write(dir.path().join("twice.wasm"), other.bytes()).unwrap();
    assert!(matches!(registry(dir.path(), Trust::Open), Err(RegistryError::Twice { .. })));
}

#[test]
fn what_masks_is_not_replaced_by_what_does_not() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("own.wasm"), guest("mask", 0).bytes()).unwrap();
    let said = registry(dir.path(), Trust::Open).err().unwrap().to_string();
    assert!(said.contains("does not edit fields, as the embedded plugin of that name does"), "{said}");

    std::fs::write(dir.path().join("own.wasm"), guest("mask", EDIT_FIELDS).bytes()).unwrap();
    let running = registry(dir.path(), Trust::Open).unwrap();
    let weaker = guest("mask", 0).load(&Limits::default()).unwrap();
    let said = running.with(weaker).err().unwrap().to_string();
    assert!(said.contains("does not edit fields, as the running one"), "{said}");
    let other = Guest { counters: vec!["c"], ..guest("mask", EDIT_FIELDS) }.load(&Limits::default()).unwrap();
    assert_eq!(running.with(other.clone()).unwrap().named("mask").unwrap().digest(), other.digest());
}

#[test]
fn the_embedded_one_is_no_stand_in() {
    let dir = tempfile::tempdir().unwrap();
    let said = |trust| registry(dir.path(), trust).unwrap().named("mask").err().unwrap();
    std::fs::write(dir.path().join("mask.wasm"), b"half").unwrap();
    assert!(said(Trust::Open).contains("mask.wasm: "), "{}", said(Trust::Open));
    // What another file is matters to nobody.
    std::fs::rename(dir.path().join("mask.wasm"), dir.path().join("other.wasm")).unwrap();
    assert!(is_embedded(registry(dir.path(), Trust::Open).unwrap().named("mask").unwrap()));

    let line = format!("{}  mask  gone.wasm\n", digest::hex(&digest::of(b"gone")));
    std::fs::write(trust::lock_beside(dir.path()), line).unwrap();
    assert!(said(Trust::Locked).contains("is in plugins.lock and not in the directory"), "{}", said(Trust::Locked));
}

/// A lock that says nothing sensible might say that a name is not the embedded one's: nothing begins under it.
#[test]
fn a_spoilt_lock_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(trust::lock_beside(dir.path()), "half a line").unwrap();
    assert!(matches!(registry(dir.path(), Trust::Locked), Err(RegistryError::Lock(_))));
    assert!(registry(dir.path(), Trust::Open).is_ok());
}

#[test]
fn a_repaired_file_makes_its_name_usable() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mask.wasm"), b"half").unwrap();
    let broken = registry(dir.path(), Trust::Open).unwrap();
    assert_eq!(broken.unusable().len(), 1);
    let good = guest("mask", EDIT_FIELDS).load(&Limits::default()).unwrap();
    assert!(broken.with(good).unwrap().named("mask").is_ok());
}

#[test]
fn a_directory_is_open_unless_something_vouches_for_what_is_in_it() {
    let dir = Path::new("/plugins");
    let signed = Trust::Signed { signers: Vec::new() };
    for (given, trust, open) in
        [(true, Trust::Open, true), (false, Trust::Open, false), (true, Trust::Locked, false), (true, signed, false)]
    {
        let mut plugins = section(dir, trust);
        plugins.dir = plugins.dir.filter(|_| given);
        assert_eq!(trust::open_directory(&plugins), open.then_some(dir), "{plugins:?}");
    }
}

#[test]
fn limits_have_one_truth() {
    let text = "clusters: { a: { bootstrap_servers: \"one:9092\" }, b: { bootstrap_servers: \"two:9092\" } }
pipelines: [{ name: p, source: a, target: b, topics: { include: [t] } }]";
    let source = config::Source { name: "s.yaml".into(), base: PathBuf::new(), text: text.into() };
    let plan = config::plan_of(&[source], &crate::cli::check_selector, &|_| None).unwrap();
    assert_eq!(plan.plugins.limits.of_instances(), Limits::default());
}

#[test]
fn what_no_step_is_called_after_does_not_hold_the_start_back() {
    let root = tempfile::tempdir().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path().join("cache")).unwrap();
    // A compiler that never ends, unless it is ended.
    let script = vec!["-c".into(), "cat >/dev/null; exec sleep 1000".into(), "compiler".into()];
    let compile = Compile::Child { program: "/bin/sh".into(), arguments: script };
    let host = Plugins::new(Limits { compile_time: Duration::from_secs(600), ..Limits::default() }, compile, cache).unwrap();
    std::fs::write(dir.path().join("slow.wasm"), guest("slow", 0).bytes()).unwrap();
    let gate = Gate::open(&Trust::Open, &trust::lock_beside(dir.path()));
    let within = Some(Duration::from_millis(50));
    let slow = load_file(&host, &gate, &dir.path().join("slow.wasm"), &Knows { within, ..Knows::default() }).err().unwrap();
    assert_eq!(slow.cause, Cause::TooSlow, "{slow}");
    // What is known of the bytes is not found out again.
    let known = |_: &_| Some(Err("it was broken before".to_owned()));
    let known = Knows { before: Some(&known), within: None };
    let broken = load_file(&host, &gate, &dir.path().join("slow.wasm"), &known).err().unwrap();
    assert_eq!((broken.cause, broken.reason.as_str()), (Cause::Broken, "it was broken before"));
}

/// A replacement that could do more than the running one is refused in a step that does not say what it may.
#[test]
fn effects_do_not_come_with_a_file() {
    const DROP: u16 = 1 << 5;
    const EMIT: u16 = 1 << 8;
    let text = "clusters: { a: { bootstrap_servers: \"one:9092\" }, b: { bootstrap_servers: \"two:9092\" } }
pipelines: [{ name: p, source: a, target: b, topics: { include: [t] },
              steps: [{ plugin: guest }, { plugin: guest, effects: [drop] }] }]";
    let source = config::Source { name: "s.yaml".into(), base: PathBuf::new(), text: text.into() };
    let plan = config::plan_of(&[source], &crate::cli::check_selector, &|_| None).unwrap();
    let [silent, says] = &plan.pipelines[0].steps[..] else { panic!("two steps") };
    let load = |effects| guest("guest", effects).load(&Limits::default()).unwrap();
    let (running, wider) = (load(DROP), load(DROP | EMIT));
    let why = not_wider(silent, &wider, &running).unwrap_err();
    assert!(why.starts_with("s.yaml:3:") && why.contains("declares emit, which the one before it"), "{why}");
    assert!(not_wider(says, &wider, &running).is_ok(), "it is granted what the step lists, and no more");
    assert!(not_wider(silent, &running, &wider).is_ok() && not_wider(silent, &running, &running).is_ok());
}
