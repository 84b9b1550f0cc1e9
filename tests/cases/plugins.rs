//! Plugins in any language: the templates build as they are and conform, the embedded plugins conform, fixtures find what
//! is wrong. Where a tool is missing the case types what `build` says, as an author would.

use crate::harness::full;
use crate::harness::lab;
use crate::harness::process::{Ended, Sluice};
use crate::harness::wait::secs;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A packager of a slow language on a busy machine, and the compilation of its 12 MB.
const LONG: std::time::Duration = secs(900);

fn suite(folder: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/plugins").join(folder).display().to_string()
}

fn sluice(dir: &Path, args: &[&str]) -> Ended {
    Sluice::start(dir, args[1], 0, args, &[]).wait(LONG)
}

/// The folder that `plugin new` makes, built; a missing tool is installed by the very command that is named.
fn built(dir: &Path, language: &str) -> PathBuf {
    sluice(dir, &["plugin", "new", "last-four", "--lang", language]).expect_code(0);
    let folder = dir.join("last-four");
    let mut ended = sluice(&folder, &["plugin", "build"]);
    for _ in 0..2 {
        let hints: Vec<String> =
            ended.stderr.lines().filter_map(|line| line.split_once("install it with: ")).map(|(_, hint)| hint.to_owned()).collect();
        for hint in hints {
            let status = Command::new("bash").args(["-c", &hint]).current_dir(&folder).status();
            assert!(status.is_ok_and(|status| status.success()), "the hint does not work: {hint}");
            ended = sluice(&folder, &["plugin", "build"]);
        }
    }
    ended.expect_code(0);
    folder
}

/// The template as it comes: builds, passes its own fixtures and the suite, and says what it is.
fn conforms(language: &str, name: &str) {
    let dir = lab::scratch(&format!("plugin-{language}"));
    let folder = built(&dir, language);

    sluice(&folder, &["plugin", "test"]).expect_code(0);
    let suite = sluice(&folder, &["plugin", "test", ".", "--fixtures", &suite("keep_last"), "-o", "json"]).expect_code(0).json();
    let about = sluice(&folder, &["plugin", "inspect", "build/last-four.wasm", "-o", "json"]).expect_code(0).json();

    let verdicts = suite.as_array().expect("a list of verdicts");
    assert_eq!(verdicts.len(), fs::read_dir(self::suite("keep_last")).expect("the suite is there").count());
    let records: u64 = verdicts.iter().filter_map(|verdict| verdict["records"].as_u64()).sum();
    assert!(records > 10_000, "{records} records");
    assert_eq!((&about["plugin"]["name"], &about["languages"][0]), (&"last-four".into(), &name.into()));
    assert_eq!(
        about["plugin"]["field_settings_schema"]["properties"]["n"]["description"].as_str().map(|text| &text[..16]),
        Some("Characters that ")
    );
    let outside: Vec<&Value> = about["imports"].as_array().into_iter().flatten().filter(|import| !is_ours(import)).collect();
    assert_eq!(outside, Vec::<&Value>::new(), "the template reaches outside");
    let shown = sluice(&folder, &["plugin", "dev", "--sample", "sample.jsonl", "--once"]).expect_code(0).stdout;
    assert!(shown.contains(r#"+ passed: {"id":1,"card":"************4242","phone":"*************56"}"#), "{shown}");
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

fn is_ours(import: &Value) -> bool {
    import.as_str().is_some_and(|import| import.starts_with("sluice:plugin/"))
}

#[test]
fn the_template_for_rust_conforms() {
    conforms("rust", "Rust");
}

#[test]
fn the_template_for_c_conforms() {
    conforms("c", "C");
}

#[test]
fn the_template_for_go_conforms_in_the_full_run() {
    if full::is_full() {
        conforms("go", "Go");
    }
}

#[test]
fn the_template_for_javascript_conforms_in_the_full_run() {
    if full::is_full() {
        conforms("js", "JavaScript");
    }
}

#[test]
fn the_template_for_python_conforms_in_the_full_run() {
    if full::is_full() {
        conforms("python", "Python");
    }
}

#[test]
fn the_embedded_plugins_conform() {
    let dir = lab::scratch("plugin-embedded");
    for name in ["mask", "filter"] {
        sluice(&dir, &["plugin", "test", name, "--fixtures", &suite(name)]).expect_code(0);
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

const FIXTURE: &str = r#"# a comment that stays
configuration:
  fields:
    $.a: { use: keep_last }
records:
  - value: '{"a":"4242424242"}'
    expect:
      equals: '{"a":"**42424242"}'
      no_leak: ["42424"]
"#;

/// A fixture that does not hold: exit 1 with both sides; `--update` writes what is, and then it holds; one that is wrong
/// itself: exit 3 at its place.
#[test]
fn fixtures_find_what_is_wrong() {
    let dir = lab::scratch("plugin-fixtures");
    let file = dir.join("a.yaml");
    fs::write(&file, FIXTURE).expect("the case's directory is writable");
    let test = |more: &[&str]| sluice(&dir, &[&["plugin", "test", "mask", "--fixtures", "a.yaml"], more].concat());

    let found = test(&[]).expect_code(1).stdout;
    test(&["--update"]).expect_code(0);
    test(&[]).expect_code(0);
    let updated = fs::read_to_string(&file).expect("the fixture is there");
    fs::write(&file, FIXTURE.replace("records:", "recrods:")).expect("the case's directory is writable");
    let refused = test(&[]).expect_code(3);

    for part in ["FAILED", "record 1 (line 6), value", r#"- {"a":"**42424242"}"#, r#"+ {"a":"******4242"}"#, "0 passed, 1 failed"] {
        assert!(found.contains(part), "{part:?} is not in:\n{found}");
    }
    assert_eq!(updated, FIXTURE.replace("**42424242", "******4242").replace("[\"42424\"]", "['42424']"));
    assert!(refused.stderr.contains("a.yaml:5:1") && refused.stderr.contains("records"), "{}", refused.stderr);
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// What Sluice refuses is shown as far as it can be read, with the reason and exit 1.
#[test]
fn a_component_that_is_refused_is_still_shown() {
    let dir = lab::scratch("plugin-refused");
    fs::write(dir.join("none.wasm"), b"\0asm\x01\0\0\0").expect("the case's directory is writable");

    let shown = sluice(&dir, &["plugin", "inspect", "none.wasm", "-o", "json"]).expect_code(1).json();

    assert!(shown["refused"].as_str().is_some_and(|why| why.contains("a core module")), "{shown}");
    assert_eq!((shown["size"].as_u64(), &shown["plugin"]), (Some(8), &Value::Null));
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}
