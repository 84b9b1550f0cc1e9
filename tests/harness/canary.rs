//! Searches everything that a case left behind for the personal strings that its input was made of.
//! Must not look at the source cluster, where they belong.

use super::java;
use super::lab::{self, Lab};
use super::process::Sluice;
use super::registry::{FakeRegistry, Trouble};
use super::wait::secs;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What every personal field of the generated payments contains, and the former as a schema's GUID shows it.
const PERSONAL: [&str; 3] = ["CANARY-", "4999015723", "43414e41-5259-2d"];

/// Panics where a canary is on the target cluster, aborted records and internal topics included; `clear`: in the internal
/// topics, where the others hold clear records on purpose.
pub fn assert_target_clean(lab: &Lab, clear: bool) {
    let topics = java::call("topics", json!({ "bootstrap": lab.b }));
    let searched = |topic: &str| topic.contains(&lab.id) && (!clear || topic.starts_with("__sluice."));
    let ours: Vec<&Value> = topics["topics"].as_array().into_iter().flatten().filter(|t| t.as_str().is_some_and(searched)).collect();
    let found = java::call("grep", json!({ "bootstrap": lab.b, "topics": ours, "patterns": PERSONAL }));
    assert_eq!(found["hits"], json!([]), "personal data on the target");
}

/// Panics where a canary is in a file of the directory: logs, output, saved pages.
pub fn assert_files_clean(dir: &Path) {
    for entry in fs::read_dir(dir).expect("the case's directory is readable") {
        let path = entry.expect("the case's directory is readable").path();
        if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("a file of the case is readable")).into_owned();
            for line in text.lines() {
                assert!(!PERSONAL.iter().any(|p| line.contains(p)), "personal data in {}: {line}", path.display());
            }
        }
    }
}

/// What a process said, what its pages showed last though it never ended by itself, and what a process of the same name
/// said before: each is found.
#[test]
fn a_canary_is_found_wherever_it_is() {
    let personal = format!("{}1", PERSONAL[0]);
    let seen = |dir: &Path| std::panic::catch_unwind(|| assert_files_clean(dir)).is_err();
    let shown = FakeRegistry::start();
    for case in ["output", "output of one before", "page"] {
        let dir = lab::scratch("canary");
        assert!(!seen(&dir), "{case}: found before it was there");
        let start = |args: &[&str]| Sluice::start(&dir, "run", shown.port(), args, &[]);
        shown.set(Some(Trouble::Body(if case == "page" { personal.clone() } else { String::new() })));
        match case {
            "page" => drop(start(&["demo"])),
            _ => drop(start(&[&personal]).wait(secs(30))),
        }
        if case == "output of one before" {
            start(&["--help"]).wait(secs(30)).expect_code(0);
        }
        assert!(seen(&dir), "{case}: not found");
        fs::remove_dir_all(&dir).expect("the case's directory is ours");
    }
}
