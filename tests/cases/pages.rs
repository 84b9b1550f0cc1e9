//! What the program shows of itself while it runs, by the names that others rely on.

use crate::harness::http::{get, metric};
use crate::harness::lab::{Lab, SOON};
use crate::harness::status::{self, Account};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, http};
use serde_json::{Value, json};
use std::path::Path;

/// A line of each metric with all its labels; `*` stands for any one value.
fn lines(pipeline: &str, topic: &str) -> [String; 11] {
    let at = format!(r#"pipeline="{pipeline}",source="landing",target="main",topic="{topic}",partition="0""#);
    let lane = format!(r#"pipeline="{pipeline}",lane="0""#);
    [
        format!(r#"sluice_records_total{{{at},outcome="passed"}} *"#),
        format!("sluice_bytes_total{{{at}}} *"),
        format!("sluice_lag_records{{{at}}} 0"),
        format!("sluice_lag_seconds{{{at}}} *"),
        format!(r#"sluice_transactions_total{{{lane},result="committed"}} *"#),
        format!("sluice_transaction_age_seconds{{{lane}}} *"),
        format!(r#"sluice_lane_state{{{lane},state="*",reason="*"}} 1"#),
        r#"sluice_plugin_duration_seconds_count{plugin="mask"} *"#.to_owned(),
        r#"sluice_plugin_failures_total{plugin="mask",kind="trap"} 0"#.to_owned(),
        r#"sluice_masked_fields_total{operator="redact"} *"#.to_owned(),
        r#"sluice_build_info{version="*"} 1"#.to_owned(),
    ]
}

/// Whether a line of the page has that shape.
fn is_shaped(line: &str, shape: &str) -> bool {
    let (mut rest, mut fixed) = (line, shape.split('*').peekable());
    while let Some(part) = fixed.next() {
        let Some(after) = rest.strip_prefix(part) else { return false };
        let value = after.find(['"', ' ', ',']).unwrap_or(after.len());
        rest = if fixed.peek().is_some() { &after[value..] } else { after };
    }
    rest.is_empty()
}

#[test]
fn a_shape_is_a_whole_line() {
    for (line, is) in [
        (r#"m{a="x",b="y"} 1"#, true),
        (r#"m{a="x",b="y"} 1.5"#, true),
        (r#"m{a="x",b="y",c="z"} 1"#, false),
        (r#"m{b="y",a="x"} 1"#, false),
        (r#"m{a="x"} 1"#, false),
        (r#"mm{a="x",b="y"} 1"#, false),
        (r#"m{a="x",b="y"} 1 2"#, false),
    ] {
        assert_eq!(is_shaped(line, r#"m{a="*",b="y"} *"#), is, "{line}");
    }
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn pages_say_what_happens() {
    let lab = Lab::new("pages");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    lab.generate(json!({ "topic": topic, "partitions": 4, "count": 2000, "broken_every": 500 }));
    let steps = config::allow_list();
    let file = lab.config(&steps, |p| p["on_error"] = json!("quarantine"));
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    let port = process.port;
    let page = |path: &str| get(port, path).unwrap_or_else(|| panic!("{path} answers"));
    let answer = eventually("all is copied", SOON, || {
        let there = !lab.ends(&lab.b, &topic, true).is_empty();
        there.then(|| ask(&lab, &topic, &steps).answer()).filter(|a| a["ok"] == true && a["read"] == 2000)
    });

    assert_eq!(page("/livez").status, 200);
    assert_eq!(page("/nothing-here").status, 404);
    let text = eventually("the metrics count it", secs(30), || {
        let text = page("/metrics").body;
        let count = |outcome: &str| {
            let labels = [&format!("pipeline=\"{}\"", lab.pipeline()), &format!("outcome=\"{outcome}\"")];
            metric(&text, "sluice_records_total", &labels.map(String::as_str)) as u64
        };
        let said = [count("passed"), count("filtered"), count("quarantined")];
        (said.iter().sum::<u64>() == 2000).then_some((said, text))
    });
    let (said, text) = text;
    assert_eq!(json!(said), json!([answer["passed"], answer["filtered"], answer["quarantined"]]));
    for shape in lines(lab.pipeline(), &topic) {
        assert!(text.lines().any(|line| is_shaped(line, &shape)), "no {shape} in /metrics:\n{text}");
    }
    assert_eq!(http::metric(&text, "sluice_lag_records", &[]) as u64, 0);
    let shown = status::find(&lab, &page("/status").json());
    assert_eq!(Account::of(&shown["account"]), Account::of(&answer));
    assert_eq!(Account::of(&status::pipeline(&lab, &file)["account"]), Account::of(&answer), "the command says the same");
    same_partitions(&lab, port, &file);
    process.terminate(secs(30));
    lab.finish();
}

/// The page and the command say the same of each partition, once both have read what was committed; returns it.
fn same_partitions(lab: &Lab, port: u16, file: &Path) -> Vec<Value> {
    eventually("the page and the command say the same of each partition", SOON, || {
        let page = status::partitions(&status::find(lab, &get(port, "/status")?.json()));
        (page == status::partitions(&status::pipeline(lab, file)) && !page.is_empty()).then_some(page)
    })
}

/// A halted lane makes the process not ready, and visible; told to stop it ends well all the same.
#[test]
#[ignore = "needs brokers: tests/run"]
fn halted_is_not_ready() {
    let lab = Lab::new("unready");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let file = lab.config(&config::fields(), |_| ());
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);

    lab.generate(json!({ "topic": topic, "count": 100, "broken_every": 50 }));

    eventually("not ready", SOON, || get(process.port, "/readyz").filter(|p| p.status == 503));
    let text = get(process.port, "/metrics").map(|p| p.body).unwrap_or_default();
    assert!(http::metric(&text, "sluice_lane_state", &["state=\"halted\""]) >= 1.0, "{text}");
    process.wait_log("halt", SOON);
    let partitions = same_partitions(&lab, process.port, &file);
    assert_eq!((partitions.len(), &partitions[0][4]["code"]), (1, &json!("record_failed")), "{partitions:?}");
    process.terminate(secs(30));
    lab.finish();
}
