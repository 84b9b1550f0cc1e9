//! What the target's transaction coordinator says about a pipeline's lanes. Must not ask the program.

use super::java;
use super::lab::Lab;
use super::wait::pass;
use serde_json::{Value, json};
use std::time::Duration;

/// One lane's transaction, as the broker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// `sluice.<pipeline>.<lane>`
    pub id: String,
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

/// Open transactions that nobody works on: the same ones are open after several times their greatest age. They are
/// what a killed process left, if asked before a successor takes over (the group's session takes 6 s to run out).
pub fn abandoned(lab: &Lab, max_age: Duration) -> Vec<Transaction> {
    let before = open(lab);
    pass(max_age * 4);
    let after = open(lab);
    before.into_iter().filter(|t| after.contains(t)).collect()
}
