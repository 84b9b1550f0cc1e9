//! Plugins in any language: the templates build as they are and conform, the embedded plugins conform, fixtures find what
//! is wrong. Where a tool is missing the case types what `build` says, as an author would.

use crate::harness::config;
use crate::harness::guests::slow_to_compile;
use crate::harness::lab::{self, Lab, SOON};
use crate::harness::process::{Ended, Sluice};
use crate::harness::wait::{eventually, secs};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

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

/// Whatever tool is missing, `build` names it, and one line that installs it; needs no broker.
#[test]
fn a_missing_tool_is_named_with_its_cure() {
    let dir = lab::scratch("plugin-no-tools");
    let empty = dir.join("empty");
    fs::create_dir_all(&empty).expect("the case's directory is ours");
    let empty = empty.to_str().expect("a plain path");
    let none = [("PATH", empty), ("HOME", empty), ("XDG_CACHE_HOME", empty), ("CARGO", "cargo"), ("RUSTC", "rustc")];
    for (language, tool) in [("rust", "a Rust compiler"), ("go", "go"), ("python", "python3"), ("js", "node"), ("c", "clang")] {
        let name = format!("plugin-{language}");
        sluice(&dir, &["plugin", "new", &name, "--lang", language]).expect_code(0);

        let ended = Sluice::start(&dir.join(&name), "build", 0, &["plugin", "build"], &none).wait(LONG);

        let cure = ended.stderr.lines().find_map(|line| line.split_once("install it with: "));
        let (what, cure) = cure.unwrap_or_else(|| panic!("{language}: no cure in {}", ended.stderr));
        assert!(what.contains(tool) && what.contains("missing") && !cure.is_empty(), "{language}: {what} | {cure}");
        assert_ne!(ended.code, Some(0), "{language}");
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// The compiler bounds itself before it has read a byte of the component, and ends at each bound; needs no broker.
#[test]
fn the_compiler_keeps_to_its_limits() {
    let compiler = |bytes: u64, seconds: u64| {
        let mut command = Command::new(crate::harness::binary::sluice());
        command.args(["__compile-plugin", &bytes.to_string(), &seconds.to_string()]).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program is there")
    };
    let mut waiting = compiler(3 << 30, 60);
    let limits = PathBuf::from(format!("/proc/{}/limits", waiting.id()));
    let line = |name: &str| {
        let text = fs::read_to_string(&limits).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_whitespace().rev().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    eventually("it is bounded", SOON, || (line("Max core file size") == ["0", "0"]).then_some(()));
    assert_eq!(line("Max address space"), vec!["3221225472"; 2]);
    assert_eq!(line("Max cpu time"), vec!["120"; 2], "two threads count");
    assert_eq!(line("Max file size"), vec!["1073741824"; 2]);
    let nice = fs::read_to_string(format!("/proc/{}/stat", waiting.id())).expect("it runs");
    let nice = nice.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(16)).map(str::to_owned);
    drop(waiting.stdin.take());
    assert_eq!(waiting.wait().expect("it ends").code(), Some(3), "nothing is no component");
    assert!(nice.and_then(|nice| nice.parse::<i32>().ok()).is_some_and(|nice| nice >= 10), "lanes come first");

    // Too little memory, and too little time of the processor: it does not say that the component is bad.
    for (bytes, seconds) in [(64 << 20, 600), (3 << 30, 1)] {
        let mut child = compiler(bytes, seconds);
        // It may be gone before it has read all.
        let fed = child.stdin.take().map(|mut stdin| stdin.write_all(&slow_to_compile()));
        let began = Instant::now();
        let status = child.wait().expect("it ends");
        assert!(status.code() != Some(0) && status.code() != Some(3), "{bytes} {seconds}: {status}, fed {fed:?}");
        assert!(began.elapsed() < LONG, "{bytes} {seconds}");
    }
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
#[ignore = "needs clang and wasi-libc: tests/run"]
fn the_template_for_c_conforms() {
    conforms("c", "C");
}

#[test]
#[ignore = "needs Go: tests/run --full"]
fn the_template_for_go_conforms_in_the_full_run() {
    conforms("go", "Go");
}

#[test]
#[ignore = "needs Node.js: tests/run --full"]
fn the_template_for_javascript_conforms_in_the_full_run() {
    conforms("js", "JavaScript");
}

#[test]
#[ignore = "needs Python's packages: tests/run --full"]
fn the_template_for_python_conforms_in_the_full_run() {
    conforms("python", "Python");
}

/// What each fixture of the suite finds: a fault in the plugin (or in its tools: `plugin.c`, `sluice/sluice.c`), or, where
/// the host alone decides, a step that says something else.
const FAULTS: [(&str, &str, &str, &str); 16] = [
    ("text", "plugin.c", "if (from == 0) from = value.length;", ""),
    (
        "numbers",
        "plugin.c",
        "size_t from",
        "if (sluice_is_number(value) && value.length > 15) ((uint8_t *)value.data)[15] = '0'; size_t from",
    ),
    ("kinds", "plugin.c", "sluice_keep(answer);", "sluice_set(answer, SLUICE_TEXT, 0);"),
    ("kinds", "plugin.c", "sluice_reject(answer, NOT_TEXT);", "sluice_keep(answer);"),
    ("bytes", "fixture", "rejected: invalid_utf8", "rejected: not_json"),
    ("bytes_value", "plugin.c", "value.kind != SLUICE_TEXT &&", "value.kind != SLUICE_TEXT && value.kind != SLUICE_BYTES &&"),
    ("avro", "plugin.c", "value.kind != SLUICE_TEXT &&", "value.kind != SLUICE_TEXT && value.kind != SLUICE_BYTES &&"),
    ("arrays", "plugin.c", "size_t from", "static int n; if (++n % 2 == 0) { sluice_keep(answer); return; } size_t from"),
    ("missing", "fixture", "absent: reject", "absent: pass"),
    ("missing_passes", "fixture", "unmatched: allow", "unmatched: allow\n  absent: reject"),
    ("empty", "sluice/sluice.c", "(void)err;", "(void)err; if (batch->count == 0) abort();"),
    ("many", "plugin.c", "size_t from", "static int n; if (++n > 9000) { sluice_keep(answer); return; } size_t from"),
    ("scripts", "plugin.c", "stars += (value.data[i] & 0xC0) != 0x80", "stars++"),
    ("refused", "plugin.c", ".most = 1000", ".least = -5, .most = 1000"),
    ("refused", "plugin.c", ".name = \"n\"", ".name = \"m\""),
    ("refused_step", "fixture", "  colour: red\n", ""),
];

/// A suite that nothing fails says nothing: each of its fixtures passes the template for C, and finds a fault.
#[test]
#[ignore = "needs clang and wasi-libc: tests/run"]
fn each_fixture_of_the_suite_can_fail() {
    let dir = lab::scratch("plugin-faults");
    let folder = built(&dir, "c");
    let fixtures: Vec<PathBuf> =
        fs::read_dir(suite("keep_last")).expect("the suite is there").flatten().map(|entry| entry.path()).collect();
    for path in &fixtures {
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a plain name");
        assert!(FAULTS.iter().any(|(fixture, ..)| *fixture == name), "nobody knows what {name} finds");
    }
    for (fixture, place, from, to) in FAULTS {
        let original = Path::new(&suite("keep_last")).join(format!("{fixture}.yaml"));
        let file = if place == "fixture" { original.clone() } else { folder.join(place) };
        let text = fs::read_to_string(&file).expect("it is there");
        let faulty = text.replacen(from, to, 1);
        assert_ne!(text, faulty, "{fixture}: {from:?} is not in {}", file.display());
        let judged = if place == "fixture" { dir.join(format!("{fixture}.yaml")) } else { original };
        fs::write(if place == "fixture" { &judged } else { &file }, faulty).expect("the case's directory is writable");
        if place != "fixture" {
            sluice(&folder, &["plugin", "build"]).expect_code(0);
        }
        let found = sluice(&folder, &["plugin", "test", ".", "--fixtures", &judged.display().to_string()]);
        assert_eq!(found.code, Some(1), "{fixture} passes in spite of {to:?}:\n{}{}", found.stdout, found.stderr);
        if place != "fixture" {
            fs::write(&file, text).expect("the case's directory is writable");
        }
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

#[test]
fn the_embedded_plugins_conform() {
    let dir = lab::scratch("plugin-embedded");
    for name in ["mask", "filter", "enrich", "route"] {
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

/// `plugin dev` on a topic: the newest record, those that come, and after a save all of them as they come out now.
#[test]
#[ignore = "needs brokers: tests/run"]
fn dev_follows_a_live_topic_and_every_save() {
    let lab = Lab::new("dev");
    let folder = built(&lab.dir, "c");
    let topic = lab.topic("cards");
    lab.create(&topic, 1);
    let write = |card: &str| lab.produce(&topic, json!([{ "partition": 0, "value": format!("{{\"card\":\"{card}\"}}") }]));
    write("4242424242424242");
    let file = lab.config(&config::fields(), |_| ()).display().to_string();

    let args = ["plugin", "dev", "last-four", "--topic", &topic, "-f", &file, "--cluster", "landing", "--before"];
    let process = Sluice::start(&lab.dir, "dev", 0, &args, &[]);
    let wait_shown = |text: &str| {
        let shown = || fs::read_to_string(lab.dir.join("dev.out")).unwrap_or_default();
        eventually(&format!("{text} is shown"), SOON, || shown().contains(text).then_some(()));
    };
    wait_shown(r#"- {"card":"4242424242424242"}"#);
    wait_shown(r#"+ passed: {"card":"************4242"}"#);
    write("5105105105105100");
    wait_shown(r#"+ passed: {"card":"************5100"}"#);
    let source = folder.join("plugin.c");
    let text = fs::read_to_string(&source).expect("the template has it");
    fs::write(&source, text.replace(".preset = {.integer = 4}", ".preset = {.integer = 2}")).expect("the case's directory is writable");
    wait_shown(r#"+ passed: {"card":"**************42"}"#);
    wait_shown(r#"+ passed: {"card":"**************00"}"#);

    process.terminate(SOON);
    lab.finish();
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
