//! Whoever reads what a command prints may go away. None needs a broker.

use crate::harness::binary;
use crate::harness::lab;
use crate::harness::process::Sluice;
use crate::harness::wait::{eventually, secs};
use std::fs;
use std::process::{Command, Output, Stdio};

/// Runs a command whose stdout has no reader.
fn unheard(args: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe can be had");
    drop(reader);
    let mut command = Command::new(binary::sluice());
    command.args(args).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    command.output().expect("the program starts")
}

#[test]
fn a_result_that_nobody_reads_ends_quietly() {
    for args in [&["schema"][..], &["plugin", "inspect", "mask", "-o", "json"], &["mask", "try", "--use", "redact", "--input", "x"]] {
        let ended = unheard(args);
        assert_eq!(ended.status.code(), Some(1), "{args:?}");
        assert!(ended.stderr.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

/// A log that nobody reads any more, or a full disk below it, must not stop what copies.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let dir = lab::scratch("deaf");
    let (reader, writer) = std::io::pipe().expect("a pipe can be had");
    drop(reader);
    let shown = dir.join("shown");
    let mut process = Command::new(binary::sluice())
        .args(["demo"])
        .env("SLUICE_LOG", "debug")
        .env("XDG_CACHE_HOME", &dir)
        .stdin(Stdio::null())
        .stdout(fs::File::create(&shown).expect("the case's directory is writable"))
        .stderr(writer)
        .spawn()
        .expect("the program starts");
    let status = eventually("the demo ends", secs(120), || process.try_wait().expect("it is a child"));
    let told = fs::read_to_string(&shown).expect("the output can be read");
    assert_eq!(status.code(), Some(0), "{told}");
    // The same account as of a demo that is heard.
    let heard = Sluice::start(&dir, "heard", 0, &["demo"], &[]).wait(secs(120)).expect_code(0);
    let account = |text: &str| text.lines().find(|line| line.contains(" = passed ")).map(str::to_owned);
    assert!(account(&told).is_some());
    assert_eq!(account(&told), account(&heard.stdout));
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}
