//! `mask try` and `unmask`, as a person and a script use them: the result alone on stdout, a trace in the log, nothing of
//! a value anywhere else.

use crate::harness::lab;
use crate::harness::process::{Ended, Sluice};
use crate::harness::wait::secs;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory with a configuration that has nothing but keys.
fn keys(name: &str) -> PathBuf {
    let dir = lab::scratch(name);
    fs::write(dir.join("pii.key"), "0123456789abcdef0123456789abcdef\n").expect("the case's directory is writable");
    fs::write(dir.join("other.key"), "another key of thirty-two bytes, or more\n").expect("the case's directory is writable");
    fs::write(dir.join("k.yaml"), "keys: { pii: { file: pii.key }, other: { file: other.key } }\n")
        .expect("the case's directory is writable");
    dir
}

fn run(dir: &Path, args: &[&str]) -> Ended {
    Sluice::start(dir, "mask", 0, args, &[]).wait(secs(60))
}

#[test]
fn a_value_is_tried_and_opened() {
    let dir = keys("mask-try");
    let tried = |args: &[&str]| {
        let ended = run(&dir, &[&["mask", "try", "-f", "k.yaml"], args].concat());
        (ended.code, ended.stdout.trim_end_matches('\n').to_owned(), ended.stderr)
    };
    for (args, code, stdout) in [
        (&["--use", "hmac", "--key", "pii", "--input", "ana@example.org"][..], 0, "223c73a7523c3279c2b39614443d9484"),
        (&["--use", "keep_last", "--set", "n=2", "--input", "Núñez"], 0, "***ez"),
        (&["--use", "round", "--set", "to=100", "--input", "-1250"], 0, "-1300"),
        (&["--use", "redact", "--input", "7"], 0, "null"),
        (&["--use", "redact", "--input", "7", "--text"], 0, "[redacted]"),
        (&["--use", "remove", "--input", "7"], 0, ""),
        (&["--use", "date_trunc", "--set", "to=year", "--input", "soon"], 1, ""),
        (&["--use", "redcat", "--input", "x"], 3, ""),
        (&["--use", "hash", "--input", "x"], 3, ""),
        (&["--use", "hmac", "--key", "none", "--input", "x"], 3, ""),
        (&["--use", "hmac"], 2, ""),
    ] {
        let (found, out, err) = tried(args);
        assert_eq!((found, out.as_str()), (Some(code), stdout), "{args:?}: {err}");
        assert_eq!(err.is_empty(), code == 0, "{args:?}: {err}");
    }
    let shown = run(&dir, &["mask", "try", "--use", "date_trunc", "--set", "to=day", "--input", "soon", "-o", "json"]).expect_code(1);
    assert_eq!(shown.json(), json!({ "outcome": "rejected", "code": "not_a_date" }));

    for (make, open) in [
        (&["--use", "tokenize", "--key", "pii", "--set", "prefix=t:"][..], &[][..]),
        (&["--use", "encrypt", "--key", "pii"], &[]),
        (&["--use", "fpe", "--key", "pii", "--set", "alphabet=digits", "--set", "keep=- "], &["--alphabet", "digits", "--keep", "- "]),
    ] {
        let value = "4111-1111 1111";
        let (code, masked, err) = tried(&[make, &["--input", value]].concat());
        assert!(code == Some(0) && !masked.contains(value), "{make:?}: {err}");
        let ended = run(&dir, &[&["unmask", "-f", "k.yaml", "--key", "pii"], open, &[masked.as_str()]].concat()).expect_code(0);
        assert_eq!(ended.stdout, format!("{value}\n"));
        audited(&ended, 1, 0, &[value, &masked]);
    }
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// The one line of the log: who opened how many, and not what.
fn audited(ended: &Ended, opened: u64, refused: u64, secret: &[&str]) {
    let line = ended.stderr.lines().find(|line| line.contains("audit.unmask")).expect("opening leaves a trace");
    let event: Value = serde_json::from_str(line).expect("the log is JSON for machines");
    assert_eq!((&event["event"], &event["key"], &event["domain"]), (&json!("audit.unmask"), &json!("pii"), &json!("default")));
    assert_eq!((&event["opened"], &event["refused"]), (&json!(opened), &json!(refused)));
    assert!(event["uid"].is_u64() && event["key_ids"].as_str().is_some_and(|ids| ids.len() >= 16), "{event}");
    assert!(!secret.iter().any(|secret| ended.stderr.contains(secret)), "a value is in the log");
}

#[test]
fn what_does_not_open_is_counted_and_not_shown() {
    let dir = keys("unmask-refused");
    let made = run(&dir, &["mask", "try", "-f", "k.yaml", "--use", "tokenize", "--key", "pii", "--input", "ana"]).expect_code(0);
    let token = made.stdout.trim_end();
    for (args, opened) in
        [(&["--key", "pii", token, "nothing"][..], 1), (&["--key", "pii", "--domain", "default", "nothing", "15f23ee73b0ff623.AAAA"], 0)]
    {
        // No level of logging leaves the trace out.
        let args = [&["unmask", "-f", "k.yaml"], args].concat();
        let ended = Sluice::start(&dir, "refused", 0, &args, &[("SLUICE_LOG", "off,audit=off")]).wait(secs(60)).expect_code(1);
        assert_eq!(ended.stdout, if opened == 1 { "ana\n\n" } else { "\n\n" });
        audited(&ended, opened, 2 - opened, &[token, "nothing", "AAAA"]);
    }
    for args in [&["unmask", "-f", "k.yaml", "--key", "none", token][..], &["unmask", "-f", "gone.yaml", "--key", "pii", token]] {
        let ended = run(&dir, args).expect_code(3);
        assert!(ended.stdout.is_empty() && !ended.stderr.contains(token), "{}", ended.stderr);
    }
    let ended = run(&dir, &["unmask", "-f", "k.yaml", "--key", "other", token]).expect_code(1);
    assert!(ended.stdout.trim().is_empty() && ended.stderr.contains("another key"), "{}", ended.stderr);
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}
