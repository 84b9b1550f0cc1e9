//! What a person meets first: the help of every command, the schema that editors use, the quickstart's script where
//! something is missing. None needs a broker.

use super::examples::copied;
use crate::harness::lab;
use crate::harness::process::Sluice;
use crate::harness::serdes;
use crate::harness::wait::secs;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// The commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Runs `sluice PATH --help` and the same of every command below; returns how many that were.
fn helped(dir: &Path, path: &[String]) -> usize {
    let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let ended = Sluice::start(dir, "help", 0, &args, &[]).wait(secs(60)).expect_code(0);
    let usage = ["Usage: sluice".to_owned()].iter().chain(path).cloned().collect::<Vec<_>>().join(" ");
    assert!(ended.stdout.contains(&usage), "{args:?} does not say how it is used:\n{}", ended.stdout);
    assert!(ended.stderr.is_empty(), "{args:?}: {}", ended.stderr);
    // What shows nothing, or shows as it goes, has no other form.
    let shows = listed(&ended.stdout).is_empty() && !["run", "demo", "plugin new", "plugin dev"].contains(&&*path.join(" "));
    assert_eq!(shows, ended.stdout.contains("--output"), "{args:?}: the form of what it shows\n{}", ended.stdout);
    let about = ended.stdout.lines().next().unwrap_or_default();
    assert!(about.len() > 10 && !about.starts_with("Usage"), "{args:?} does not say what it does:\n{}", ended.stdout);
    let below = listed(&ended.stdout).into_iter().filter(|name| name != "help");
    below.map(|name| helped(dir, &[path, &[name]].concat())).sum::<usize>() + 1
}

#[test]
fn every_command_explains_itself() {
    let dir = lab::scratch("help");
    let commands = helped(&dir, &[]);
    assert!(commands >= 25, "only {commands} commands were found");
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

fn schema(dir: &Path) -> Value {
    Sluice::start(dir, "schema", 0, &["schema"], &[]).wait(secs(60)).expect_code(0).json()
}

#[test]
fn the_schema_knows_every_section() {
    let dir = lab::scratch("schema");
    let schema = schema(&dir);
    assert!(schema["$schema"].as_str().is_some_and(|draft| draft.contains("json-schema.org")), "no draft is named");
    for section in ["clusters", "keys", "tables", "plugins", "http", "memory", "pipelines"] {
        let about = &schema["properties"][section]["description"];
        assert!(about.as_str().is_some_and(|text| text.len() > 10), "{section}: {about}");
    }
    assert_eq!(schema["additionalProperties"], false, "unknown sections are not refused");
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// The configurations of the examples fit the schema, and each stops to fit with a key that nobody knows, at every level
/// that the program is strict about.
#[test]
#[ignore = "needs the Python environment: tests/run"]
fn the_examples_fit_the_schema() {
    let dir = lab::scratch("schema-fits");
    let schema = schema(&dir);
    for example in ["quickstart", "two-stage", "staging", "partner", "every-key"] {
        for file in copied(&dir, example) {
            let fits = |name: &str, text: &str| {
                let path = dir.join(name);
                fs::write(&path, text).expect("the case's directory is writable");
                serdes::misfits(&schema, &path)
            };
            let text = fs::read_to_string(&file).expect("the copy can be read");
            assert_eq!(fits("as-it-is.yaml", &text), Vec::<String>::new(), "{}", file.display());
            for (from, to) in [
                ("clusters:\n", "clutsers:\n"),
                ("    target:", "    targt: x\n    target:"),
                ("    steps:", "    lanes: many\n    steps:"),
            ] {
                let wrong = text.replacen(from, to, 1);
                assert_ne!(text, wrong, "{} has no {from:?}", file.display());
                assert_ne!(fits("wrong.yaml", &wrong), Vec::<String>::new(), "{}: {to:?} fits", file.display());
            }
        }
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// A directory with the programs that the quickstart's script may call, and nothing else: each one named as `NAME=SCRIPT`
/// runs that script.
fn only(dir: &Path, programs: &[(&str, &str)]) {
    fs::create_dir_all(dir).expect("the case's directory is writable");
    symlink("/usr/bin/dirname", dir.join("dirname")).expect("the case's directory is writable");
    for (name, script) in programs {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).expect("the case's directory is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }
}

/// What a machine has on which nothing is missing, seen by somebody who is not root.
const ALL: [(&str, &str); 8] = [
    ("id", "echo 1000"),
    ("cargo", "echo cargo \"$@\""),
    ("rustc", "echo \"${0%/*}\""),
    // A compiler reads what it is handed.
    ("cc", "while read -r line; do :; done"),
    ("c++", "while read -r line; do :; done"),
    ("make", "exit 0"),
    ("perl", "exit 0"),
    ("apt-get", "echo apt-get was called >&2; exit 9"),
];

/// The quickstart's last line names no binary: of all that `cargo run` could mean, one is said to be meant.
#[test]
fn cargo_run_means_the_program() {
    let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    // as a person calls it: in the root of the workspace
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let told = cargo.output().expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&told.stdout).expect("cargo answers in JSON");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let members = list(&metadata["workspace_default_members"]);
    let packages: Vec<Value> = list(&metadata["packages"]).into_iter().filter(|package| members.contains(&package["id"])).collect();
    let meant: Vec<&Value> = packages.iter().map(|package| &package["default_run"]).filter(|run| !run.is_null()).collect();
    assert_eq!(meant, ["sluice"]);
}

/// Runs the quickstart's script where there is nothing but the programs of that directory: exit code, stdout, stderr.
fn quickstart(path: &Path) -> (Option<i32>, String, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart/run");
    let mut bash = Command::new("/bin/bash");
    bash.arg("-n").arg(&script);
    assert!(bash.status().is_ok_and(|done| done.success()), "it is no script");
    let mut bash = Command::new("/bin/bash");
    bash.arg(&script).arg("--keep-running").env("PATH", path).env_remove("SLUICE_WASM_SYSROOT");
    let done = bash.output().expect("bash is there");
    let [out, err] = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(!err.contains("apt-get was called"), "it installs without rights: {err}");
    (done.status.code(), out, err)
}

/// What it calls where nothing is missing.
const DEMO: &str = "cargo run --release -- demo --keep-running\n";

/// Without rights it installs nothing, says the one line that would, and goes no further; where nothing is missing it
/// hands its options to the demo.
#[test]
fn the_quickstart_says_what_is_missing() {
    let dir = lab::scratch("quickstart");
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("all", &[], &[]),
        ("no-cargo", &["cargo"], &["cargo is missing", "https://rustup.rs"]),
        ("no-compiler", &["cc", "make"], &["sudo apt-get install -y --no-install-recommends build-essential\n"]),
        ("no-apt", &["perl", "apt-get"], &["missing, by the names of Debian's packages: perl;"]),
    ];
    for (case, missing, says) in cases {
        let path = dir.join(case);
        let there: Vec<_> = ALL.into_iter().filter(|(name, _)| !missing.contains(name)).collect();
        only(&path, &there);
        fs::write(path.join("libcore-0.rlib"), "").expect("the case's directory is writable");

        let (code, out, err) = quickstart(&path);

        assert_eq!(code, Some(i32::from(!missing.is_empty())), "{case}: {out}{err}");
        assert_eq!(out, if missing.is_empty() { DEMO } else { "" }, "{case}: {err}");
        assert!(says.iter().all(|part| err.contains(part)), "{case}: {says:?} is not all in: {err}");
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// The WebAssembly target is rustup's; where that cannot add it, or is not there, it is Debian's, and the line names those
/// of its packages that are missing.
#[test]
fn the_quickstart_takes_debians_target_where_rustup_fails() {
    let dir = lab::scratch("quickstart-target");
    let adds = ("rustup", r#": > "${0%/*}/libcore-0.rlib""#);
    let fails = ("rustup", "exit 1");
    let timeout = ("timeout", r#"shift; "$@""#);
    let nothing = ("dpkg-query", "exit 1");
    let all_but_one = ("dpkg-query", r#"[ "${@: -1}" = lld-22 ] || echo installed"#);
    for (case, programs, wanted) in [
        ("adds", vec![adds, timeout, nothing], None),
        ("fails", vec![fails, timeout, nothing], Some("rustc-web cargo-web rust-web-src lld-22")),
        ("no-rustup", vec![nothing], Some("rustc-web cargo-web rust-web-src lld-22")),
        ("all-but-one", vec![fails, timeout, all_but_one], Some("lld-22")),
    ] {
        let path = dir.join(case);
        only(&path, &[&ALL[..], &programs[..]].concat());

        let (code, out, err) = quickstart(&path);

        assert_eq!(code, Some(i32::from(wanted.is_some())), "{case}: {out}{err}");
        assert_eq!(out, if wanted.is_none() { DEMO } else { "" }, "{case}: {err}");
        let line = wanted.map_or("\n".to_owned(), |packages| format!("apt-get install -y --no-install-recommends {packages}\n"));
        assert!(err.contains(&line), "{case}: {line:?} is not in: {err}");
        assert_eq!(err.contains("rustup does not answer"), programs.contains(&fails), "{case}: {err}");
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}
