//! The compiler as a process, played by a shell: what it says, and how it is ended.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::io::{Seek, SeekFrom};

use super::*;
use crate::plugin::Cache;

/// Runs `script` as the compiler of `wasm` and returns what it made.
fn played(script: &str, wasm: &[u8], limits: &Limits) -> Result<Vec<u8>, CompileError> {
    let root = tempfile::tempdir().unwrap();
    let mut draft = Cache::open(root.path().join("c")).unwrap().draft("k").unwrap();
    let how = Compile::Child { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into(), "compiler".into()] };
    compile(&how, &engine::build(STACK_BYTES).unwrap(), wasm, limits, &mut draft)?;
    let mut made = Vec::new();
    draft.file.seek(SeekFrom::Start(0)).unwrap();
    draft.file.read_to_end(&mut made).unwrap();
    Ok(made)
}

#[test]
fn its_output_is_the_compiled_plugin() {
    let limits = Limits { compile_bytes: 123, compile_time: Duration::from_secs(45), ..Limits::default() };
    // More than a pipe holds, so that handing over and reading must overlap.
    let wasm = vec![b'w'; 1 << 20];
    let made = played("printf '%s ' \"$@\"; /usr/bin/env | wc -l | tr -d '\\n'; printf ' '; wc -c", &wasm, &limits).unwrap();
    let made = String::from_utf8(made).unwrap();
    let words: Vec<&str> = made.split_whitespace().collect();
    assert_eq!((words[0], words[1], words[3]), ("123", "45", "1048576"), "{made}");
    // RAYON_NUM_THREADS, MALLOC_ARENA_MAX, and what a shell sets by itself: no secret among them.
    assert!(words[2].parse::<u32>().unwrap() <= 6, "{made}");
}

#[test]
fn each_way_to_fail_is_told_apart() {
    let limits = Limits::default();
    let got = played("cat >/dev/null; echo 'bad magic' >&2; exit 3", b"w", &limits).unwrap_err();
    assert!(matches!(&got, CompileError::Plugin(text) if text == "bad magic"), "{got}");
    let got = played("echo 'out of memory' >&2; kill -9 $$", &[0; 1 << 20], &limits).unwrap_err();
    assert!(matches!(&got, CompileError::GaveUp { said, .. } if said == "out of memory"), "{got}");
    let short = Limits { compile_time: Duration::from_millis(50), ..Limits::default() };
    let got = played("cat >/dev/null; exec sleep 1000", b"w", &short).unwrap_err();
    assert!(matches!(got, CompileError::Timeout { .. }), "{got}");
}

#[test]
fn nothing_is_compiled_without_its_process() {
    let root = tempfile::tempdir().unwrap();
    let mut draft = Cache::open(root.path().join("c")).unwrap().draft("k").unwrap();
    let how = Compile::Child { program: "/nowhere/compiler".into(), arguments: vec![] };
    let wasm = b"\0asm\x0d\0\x01\0";
    let got = compile(&how, &engine::build(STACK_BYTES).unwrap(), wasm, &Limits::default(), &mut draft);
    assert!(matches!(got, Err(CompileError::Run { doing: "starting it", .. })), "{got:?}");
    assert_eq!(draft.file.as_file().metadata().unwrap().len(), 0);
}
