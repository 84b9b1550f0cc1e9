//! Reads `sluice status -o json`. The one place that knows its shape; must not fall back on metrics.

use super::http;
use super::lab::Lab;
use super::process::Sluice;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;

/// A pipeline's account by source record, from committed state.
#[derive(Debug, PartialEq, Eq)]
pub struct Account {
    pub read: u64,
    pub passed: u64,
    pub filtered: u64,
    pub quarantined: u64,
    /// Extra records, counted apart.
    pub emitted: u64,
}

impl Account {
    /// From an object with those five members: the status, or the checker's answer.
    #[track_caller]
    pub fn of(object: &Value) -> Self {
        let number = |name: &str| object[name].as_u64().unwrap_or_else(|| panic!("no {name} in {object}"));
        Self {
            read: number("read"),
            passed: number("passed"),
            filtered: number("filtered"),
            quarantined: number("quarantined"),
            emitted: number("emitted"),
        }
    }
}

/// The status of the case's pipeline: `{"pipelines": [{"name", "account": {…}, "lanes": […]}]}`.
#[track_caller]
pub fn pipeline(lab: &Lab, config: &Path) -> Value {
    let file = config.to_str().expect("plain path");
    let status = lab.command("status", &["status", "-f", file, "-o", "json"]).expect_code(0).json();
    find(lab, &status)
}

/// The same out of a `/status` page.
#[track_caller]
pub fn find(lab: &Lab, status: &Value) -> Value {
    let found = status["pipelines"].as_array().into_iter().flatten().find(|p| p["name"] == lab.pipeline());
    found.unwrap_or_else(|| panic!("no pipeline {} in {status}", lab.pipeline())).clone()
}

/// The lanes that a process says are its own, on its page; none where it does not answer.
pub fn own_lanes(lab: &Lab, process: &Sluice) -> HashSet<u64> {
    let Some(page) = http::get(process.port, "/status") else { return HashSet::new() };
    let pipeline = find(lab, &page.json());
    let lanes = pipeline["lanes"].as_array().into_iter().flatten();
    lanes.filter(|lane| lane["owner"] == "this").filter_map(|lane| lane["lane"].as_u64()).collect()
}

/// What a status says of each source partition.
pub fn partitions(pipeline: &Value) -> Vec<Value> {
    let partitions = pipeline["partitions"].as_array().into_iter().flatten();
    partitions.map(|p| json!([p["topic"], p["partition"], p["position"], p["end"], p["halted"]])).collect()
}
