//! What the target's transaction coordinator says about a pipeline's lanes. Must not ask the program.

use super::java;
use super::lab::Lab;
use super::wait::pass;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

/// One lane's transaction, as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// `sluice.<pipeline>.<lane>`
    pub id: String,
    /// The lane of that name.
    pub lane: u64,
    /// With the epoch, who has it open.
    pub producer: i64,
    /// `Ongoing`, `CompleteCommit`, …
    pub state: String,
    /// Rises with every init.
    pub epoch: i64,
    /// When it began; none where it is not open.
    pub started_ms: Option<i64>,
}

/// All lanes' transactions of the case's pipeline.
pub fn of(lab: &Lab) -> Vec<Transaction> {
    let prefix = format!("sluice.{}.", lab.pipeline());
    let answer = java::call("transactions", json!({ "bootstrap": lab.b, "prefix": prefix }));
    let text = |v: &Value| v.as_str().expect("the tool names id and state").to_owned();
    let each = answer["transactions"].as_array().into_iter().flatten();
    each.map(|t| Transaction {
        id: text(&t["id"]),
        lane: text(&t["id"]).strip_prefix(&prefix).and_then(|lane| lane.parse().ok()).expect("an id ends with its lane"),
        producer: t["producer_id"].as_i64().expect("the tool tells the producer"),
        state: text(&t["state"]),
        epoch: t["epoch"].as_i64().expect("the tool tells the epoch"),
        started_ms: t["started_ms"].as_i64(),
    })
    .collect()
}

/// Those that are open.
pub fn open(lab: &Lab) -> Vec<Transaction> {
    of(lab).into_iter().filter(|t| t.state == "Ongoing").collect()
}

/// Open transactions that nobody works on, of these lanes of a killed process: the same ones are open after several times
/// their greatest age. They are what it left, if asked before a successor takes over (the group's session takes 6 s to run
/// out).
pub fn abandoned(lab: &Lab, lanes: &HashSet<u64>, max_age: Duration) -> Vec<Transaction> {
    let before = open(lab);
    pass(max_age * 4);
    unchanged(before, &open(lab), lanes)
}

/// Those of these lanes that are the same later.
fn unchanged(before: Vec<Transaction>, after: &[Transaction], lanes: &HashSet<u64>) -> Vec<Transaction> {
    before.into_iter().filter(|t| lanes.contains(&t.lane) && after.contains(t)).collect()
}

/// One that another process is slow with, one that ended, and one that its successor has begun anew were not left by the
/// killed one.
#[test]
fn only_what_the_killed_process_left_counts() {
    let one = |lane: u64, epoch: i64| Transaction {
        id: format!("sluice.p.{lane}"),
        lane,
        producer: 1,
        state: "Ongoing".to_owned(),
        epoch,
        started_ms: Some(7),
    };
    let before = vec![one(0, 1), one(1, 1), one(2, 1), one(3, 1)];
    let after = [one(0, 1), one(1, 1), one(3, 2)];
    assert_eq!(unchanged(before, &after, &HashSet::from([1, 2, 3])), [one(1, 1)]);
}
