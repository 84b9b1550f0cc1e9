//! The configuration as a whole: text in, plan or messages out. What concerns one file of code is tested beside it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod accepted;
mod bounds;
mod keys;
mod mutated;
mod places;
mod refused;
mod slips;
mod view;

use std::path::PathBuf;

use super::*;

/// The whole sample of the documentation, with a key at hand.
const SAMPLE: &str = include_str!("tests/sample.yaml");

/// A case: a title, the text, and the lines that it is answered with.
fn check(title: &str, text: &str, expected: &[&str]) {
    match plan(text) {
        Ok(_) => panic!("{title}: accepted"),
        Err(errors) => assert_eq!(errors.to_string().lines().collect::<Vec<_>>(), expected, "{title}"),
    }
}

/// Two clusters and a key, for cases about pipelines.
const CLUSTERS: &str = "\
clusters:
  a: { bootstrap_servers: \"one:9092\" }
  b: { bootstrap_servers: \"two:9092\" }
keys: { pii: { env: KEY } }
";

/// A stand-in for the selector parser: names in dots or brackets, one canonical form.
fn selector(text: &str) -> Result<String, (usize, String)> {
    if !text.starts_with('$') {
        return Err((0, "a path begins with $".into()));
    }
    match text.find('[') {
        Some(open) if !text[open..].contains(']') => Err((open, "the bracket is not closed".into())),
        _ => Ok(text.replace("['", ".").replace("']", "")),
    }
}

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("0123456789abcdef0123456789abcdef".into()),
        "SHORT" => Some("swordfish".into()),
        "SPACED" => Some("sword fish".into()),
        _ => None,
    }
}

fn source(name: &str, text: &str) -> Source {
    Source { name: name.into(), base: PathBuf::new(), text: text.into() }
}

fn plan(text: &str) -> Result<Plan, ConfigErrors> {
    plan_of(&[source("s.yaml", text)], &selector, &env)
}

/// One pipeline with more keys, indented by four.
fn pipeline(more: &str) -> String {
    let head = "pipelines:\n  - name: p\n    source: a\n    target: b\n    topics: { include: [\"*\"] }\n";
    format!("{CLUSTERS}{head}{more}")
}
