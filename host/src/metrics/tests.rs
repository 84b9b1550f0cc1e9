//! Names and labels of the page as users rely on them, and when rows come and go.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
use super::*;
use std::time::Duration;

fn labels(partition: i32) -> PartitionLabels {
    let [pipeline, source, target, topic] = ["p", "landing", "main", "orders"].map(str::to_owned);
    PartitionLabels { pipeline, source, target, topic, partition }
}

/// The lines of the page that are of this metric, without its help.
fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
    let of = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    metrics.page().unwrap().lines().filter(of).map(str::to_owned).collect()
}

#[test]
fn names_and_labels_are_those_that_users_rely_on() {
    let metrics = Metrics::new("1.2.3");
    let partition = metrics.partition(labels(3));
    partition.committed(&Counted { passed: 5, filtered: 2, quarantined: 1, emitted: 4, bytes: 900 });
    partition.committed(&Counted { passed: 1, ..Counted::default() });
    partition.lag(7, Some(Duration::from_millis(1500)));
    let lane = metrics.lane("p", 2);
    lane.set(LaneState::Halted, Reason::Gap);
    lane.transaction_ended(TransactionResult::Committed);
    let plugin = metrics.plugin("mask");
    plugin.called(Duration::from_micros(15));
    plugin.failed(FailureKind::Trap);
    metrics.masked("hmac").add(11);
    metrics.swap("mask", SwapResult::Switched);
    metrics.admitted("mask", "aa");
    metrics.admitted("mask", "bb");
    let table = metrics.table("tiers");
    table.current(9);
    table.skipped(2);

    let of = r#"pipeline="p",source="landing",target="main",topic="orders",partition="3""#;
    for line in [
        format!(r#"sluice_records_total{{{of},outcome="passed"}} 6"#),
        format!(r#"sluice_records_total{{{of},outcome="filtered"}} 2"#),
        format!(r#"sluice_records_total{{{of},outcome="quarantined"}} 1"#),
        format!(r#"sluice_records_total{{{of},outcome="emitted"}} 4"#),
        format!("sluice_bytes_total{{{of}}} 900"),
        format!("sluice_lag_records{{{of}}} 7"),
        format!("sluice_lag_seconds{{{of}}} 1.5"),
        r#"sluice_transactions_total{pipeline="p",lane="2",result="committed"} 1"#.into(),
        r#"sluice_transactions_total{pipeline="p",lane="2",result="unknown"} 0"#.into(),
        r#"sluice_transaction_age_seconds{pipeline="p",lane="2"} 0.0"#.into(),
        r#"sluice_lane_state{pipeline="p",lane="2",state="halted",reason="gap"} 1"#.into(),
        r#"sluice_plugin_duration_seconds_count{plugin="mask"} 1"#.into(),
        r#"sluice_plugin_duration_seconds_bucket{le="0.00002",plugin="mask"} 1"#.into(),
        r#"sluice_plugin_failures_total{plugin="mask",kind="trap"} 1"#.into(),
        r#"sluice_plugin_swaps_total{plugin="mask",result="switched"} 1"#.into(),
        r#"sluice_plugin_info{plugin="mask",digest="bb"} 1"#.into(),
        r#"sluice_masked_fields_total{operator="hmac"} 11"#.into(),
        r#"sluice_table_rows{table="tiers"} 9"#.into(),
        r#"sluice_table_skipped_total{table="tiers"} 2"#.into(),
        r#"sluice_table_current{table="tiers"} 1"#.into(),
        r#"sluice_build_info{version="1.2.3"} 1"#.into(),
    ] {
        let page = metrics.page().unwrap();
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    assert!(!metrics.page().unwrap().contains(r#"digest="aa""#), "a plugin is one component");
    assert!(metrics.page().unwrap().ends_with("# EOF\n"));
}

#[test]
fn a_lane_has_one_state_and_takes_it_along() {
    let metrics = Metrics::new("1");
    let lane = metrics.lane("p", 0);
    assert_eq!(
        lines(&metrics, "sluice_lane_state"),
        [r#"sluice_lane_state{pipeline="p",lane="0",state="waiting",reason="not_assigned"} 1"#]
    );
    lane.set(LaneState::TakingOver, Reason::None);
    lane.set(LaneState::Running, Reason::None);
    let running = [r#"sluice_lane_state{pipeline="p",lane="0",state="running",reason="none"} 1"#];
    assert_eq!(lines(&metrics, "sluice_lane_state"), running);
    let second = metrics.lane("p", 0);
    drop(lane);
    assert_eq!(lines(&metrics, "sluice_lane_state"), running, "somebody still has it");
    second.transaction_ended(TransactionResult::Aborted);
    drop(second.clone());
    drop(second);
    assert_eq!(lines(&metrics, "sluice_lane_state").len() + lines(&metrics, "sluice_transaction_age_seconds").len(), 0);
    let counted = r#"sluice_transactions_total{pipeline="p",lane="0",result="aborted"} 1"#;
    assert!(lines(&metrics, "sluice_transactions_total").contains(&counted.to_owned()));
}

#[test]
fn the_age_of_a_transaction_grows_until_it_ends() {
    let metrics = Metrics::new("1");
    let lane = metrics.lane("p", 0);
    let age = || lines(&metrics, "sluice_transaction_age_seconds")[0].rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    lane.transaction_began();
    let first = std::iter::repeat_with(age).find(|age| *age > 0.0).unwrap();
    assert!(age() >= first);
    lane.transaction_ended(TransactionResult::Committed);
    assert_eq!(age(), 0.0);
}

#[test]
fn lag_goes_with_the_lane_and_counts_stay() {
    let metrics = Metrics::new("1");
    let partition = metrics.partition(labels(0));
    assert!(lines(&metrics, "sluice_lag_records").is_empty(), "nothing known yet");
    partition.lag(3, None);
    assert_eq!(["records", "seconds"].map(|of| lines(&metrics, &format!("sluice_lag_{of}")).len()), [1, 0], "no record was read yet");
    partition.lag(3, Some(Duration::ZERO));
    partition.committed(&Counted { passed: 2, ..Counted::default() });
    let copy = partition.clone();
    drop(partition);
    assert_eq!(lines(&metrics, "sluice_lag_records").len(), 1);
    drop(copy);
    assert!(lines(&metrics, "sluice_lag_records").is_empty());
    assert!(lines(&metrics, "sluice_lag_seconds").is_empty());
    metrics.partition(labels(0)).committed(&Counted { passed: 1, ..Counted::default() });
    assert!(lines(&metrics, "sluice_records_total")[0].ends_with(r#"outcome="passed"} 3"#));
}

#[test]
fn names_are_the_same_in_json_and_metrics() {
    let states = LaneState::ALL.iter().map(|state| (serde_json::to_string(state).unwrap(), state.as_str()));
    let reasons = Reason::ALL.iter().map(|reason| (serde_json::to_string(reason).unwrap(), reason.as_str()));
    for (json, name) in states.chain(reasons) {
        assert_eq!(json, format!("\"{name}\""));
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    }
}
