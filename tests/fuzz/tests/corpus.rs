//! Runs every saved input through its target: those that an engine found worth keeping, and those that once failed.

use std::fs;
use std::path::{Path, PathBuf};

use sluice_fuzz::TARGETS;

fn files(target: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.sort();
    files
}

#[test]
fn saved_inputs_hold() {
    for (name, run) in TARGETS {
        let files = files(name);
        assert!(!files.is_empty(), "no inputs for {name}");
        for file in files {
            let input = fs::read(&file).expect("it can be read");
            // The message of the panic names no file.
            let held = std::panic::catch_unwind(|| run(&input));
            assert!(held.is_ok(), "{}", file.display());
        }
    }
}
