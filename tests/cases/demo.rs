//! The demo: it ends well, and its account is right. On its own clusters it claims no exactly-once, so nothing here
//! counts as evidence of delivery.

use crate::harness::lab::{self, Lab, SOON};
use crate::harness::process::{Ended, Sluice};
use crate::harness::wait::secs;
use std::fs;

/// The number that stands beside `word` in the account: "read 10,000" or "10000 read".
fn number(text: &str, word: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let tokens: Vec<&str> = lower.split(|c: char| c.is_whitespace() || "=:+()|·".contains(c)).filter(|t| !t.is_empty()).collect();
    let parse = |t: &&str| t.replace([',', '_', '.'], "").parse::<u64>().ok();
    let at = tokens.iter().position(|t| *t == word)?;
    tokens.get(at + 1).and_then(parse).or_else(|| at.checked_sub(1).and_then(|i| parse(&tokens[i])))
}

fn accounted(ended: &Ended) {
    let count = |word| number(&ended.stdout, word).unwrap_or_else(|| panic!("no {word} in:\n{}", ended.stdout));
    let (read, passed, filtered, quarantined) = (count("read"), count("passed"), count("filtered"), count("quarantined"));
    assert_eq!(read, passed + filtered + quarantined);
    assert!(read >= 10_000 && filtered > 0 && quarantined > 0, "{}", ended.stdout);
}

#[test]
fn demo_without_kafka() {
    let dir = lab::scratch("demo");
    let ended = Sluice::start(&dir, "demo", 0, &["demo"], &[]).wait(secs(120)).expect_code(0);
    accounted(&ended);
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn demo_on_real_clusters() {
    let lab = Lab::new("demo-real");
    let clusters = format!("{},{}", lab.a, lab.b);
    let ended = Sluice::start(&lab.dir, "demo", 0, &["demo", "--clusters", &clusters], &[]).wait(SOON).expect_code(0);
    accounted(&ended);
}

#[test]
fn numbers_are_found_on_either_side() {
    assert_eq!(number("read = 10,000 = passed 9 + filtered 1", "read"), Some(10_000));
    assert_eq!(number("12 read, 3 passed", "passed"), Some(3));
    assert_eq!(number("nothing", "read"), None);
}
