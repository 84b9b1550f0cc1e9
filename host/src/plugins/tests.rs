//! Which component a name means, and which one may take another's place.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::OnceLock;

use super::*;
use crate::config::plan::{PluginLimits, Trust};
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
        batch_time: std::time::Duration::from_millis(200),
        batch_records: 500,
        output_records: 10,
        output_bytes: 64 << 20,
        compile_time: std::time::Duration::from_secs(60),
        log_lines: 100,
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
    std::fs::write(dir.path().join("twice.wasm"), guest("mask", EDIT_FIELDS).bytes()).unwrap();
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
    std::fs::write(trust::lock_file(dir.path()), line).unwrap();
    assert!(said(Trust::Locked).contains("is in plugins.lock and not in the directory"), "{}", said(Trust::Locked));
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
