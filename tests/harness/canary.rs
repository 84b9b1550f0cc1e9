//! Searches everything that a case left behind for the personal strings that its input was made of.
//! Must not look at the source cluster, where they belong.

use super::java;
use super::lab::Lab;
use serde_json::{Value, json};
use std::fs;

/// What every personal field of the generated payments contains.
const PERSONAL: [&str; 2] = ["CANARY-", "499901"];

/// Panics where a canary is on the target cluster (aborted records and internal topics included) or in a file.
pub fn assert_clean(lab: &Lab) {
    let topics = java::call("topics", json!({ "bootstrap": lab.b }));
    let ours: Vec<&Value> =
        topics["topics"].as_array().into_iter().flatten().filter(|t| t.as_str().is_some_and(|t| t.contains(&lab.id))).collect();
    let found = java::call("grep", json!({ "bootstrap": lab.b, "topics": ours, "patterns": PERSONAL }));
    assert_eq!(found["hits"], json!([]), "personal data on the target");
    for entry in fs::read_dir(&lab.dir).expect("the case's directory is readable") {
        let path = entry.expect("the case's directory is readable").path();
        if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("a file of the case is readable")).into_owned();
            for line in text.lines() {
                assert!(!PERSONAL.iter().any(|p| line.contains(p)), "personal data in {}: {line}", path.display());
            }
        }
    }
}
