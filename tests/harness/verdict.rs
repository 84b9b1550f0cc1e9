//! Asks the checker, and holds the program's own account against what the checker counted.
//! Must not soften a finding.

use super::config::checker_keys;
use super::lab::Lab;
use super::status::{self, Account};
use super::{config, java};
use serde_json::{Value, json};
use std::path::Path;

/// What the checker is asked about one topic of a case.
pub struct Question<'a> {
    lab: &'a Lab,
    args: Value,
}

/// Source and target hold what `steps` makes of `topic`.
pub fn ask<'a>(lab: &'a Lab, topic: &str, steps: &Value) -> Question<'a> {
    let args = json!({
        "source": { "bootstrap": lab.a, "topic": topic },
        "target": { "bootstrap": lab.b, "topic": topic },
        "steps": steps,
        "keys": checker_keys(),
    });
    Question { lab, args }
}

impl Question<'_> {
    /// Another setting of the checker: prefix, at_least_once, starts, ends, pairs.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.args[name] = value;
        self
    }

    /// The checker's whole answer, right or wrong.
    pub fn answer(self) -> Value {
        java::call("check", self.args)
    }

    /// Panics unless every record is as it must be; answers with what the checker counted.
    #[track_caller]
    pub fn right(self) -> Value {
        let answer = self.answer();
        assert!(answer["ok"] == true, "the target is wrong: {} first findings: {:#}", answer["kinds"], answer["findings"]);
        answer
    }

    /// The same, and the account of the pipeline, computed from committed state, says what the checker counted.
    #[track_caller]
    pub fn right_and_accounted(self, config: &Path) -> Value {
        let lab = self.lab;
        let answer = self.right();
        let said = Account::of(&status::pipeline(lab, config)["account"]);
        assert_eq!(said, Account::of(&answer), "the account in the status");
        assert_eq!(said.read, said.passed + said.filtered + said.quarantined, "read = passed + filtered + quarantined");
        answer
    }
}

/// Coordinates in the quarantine topic, sorted: (partition, offset). Reads `partition` and `offset` of each value.
pub fn quarantined(lab: &Lab) -> Vec<(i64, i64)> {
    let topic = format!("__sluice.{}.quarantine", lab.pipeline());
    let mut all: Vec<(i64, i64)> = lab
        .dump(&topic)
        .iter()
        .map(|r| {
            let value: Value = serde_json::from_slice(&base64(r["v"].as_str().expect("a quarantine record has a value")))
                .expect("a quarantine record is JSON");
            (value["partition"].as_i64().expect("partition"), value["offset"].as_i64().expect("offset"))
        })
        .collect();
    all.sort_unstable();
    all
}

/// The coordinates that the checker expects there, sorted.
pub fn expected_quarantine(answer: &Value) -> Vec<(i64, i64)> {
    let pairs = answer["quarantined_at"].as_array().into_iter().flatten();
    let mut all: Vec<(i64, i64)> = pairs.filter_map(|p| Some((p[0].as_i64()?, p[1].as_i64()?))).collect();
    all.sort_unstable();
    all
}

/// Decodes standard base64; the dumps hold bytes so.
pub fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0u32, |b, &c| b << 6 | u32::from(digit(c))) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

/// `text` in base64, for the tool's `*_base64` arguments.
pub fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |b, &c| b << 8 | u32::from(c)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63] as char;
            text.push(if i <= three.len() { digit } else { '=' });
        }
    }
    text
}

#[test]
fn base64_there_and_back() {
    for text in ["", "a", "ab", "abc", "abcd", "\u{ff}\0?"] {
        assert_eq!(base64(&to_base64(text.as_bytes())), text.as_bytes());
    }
    assert_eq!(to_base64(b"CANARY-"), "Q0FOQVJZLQ==");
    assert_eq!(config::KEY.len(), 32);
}
