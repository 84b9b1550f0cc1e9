//! What the program shows of itself while it runs, by the names that others rely on.

use crate::harness::http::{get, metric};
use crate::harness::lab::{Lab, SOON};
use crate::harness::status::{self, Account};
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, http};
use serde_json::json;

const METRICS: [&str; 10] = [
    "sluice_records_total",
    "sluice_bytes_total",
    "sluice_lag_records",
    "sluice_lag_seconds",
    "sluice_transactions_total",
    "sluice_transaction_age_seconds",
    "sluice_lane_state",
    "sluice_plugin_duration_seconds",
    "sluice_masked_fields_total",
    "sluice_build_info",
];

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
    for name in METRICS {
        assert!(text.lines().any(|l| l.starts_with(name)), "no {name} in /metrics");
    }
    assert_eq!(http::metric(&text, "sluice_lag_records", &[]) as u64, 0);
    let shown = status::find(&lab, &page("/status").json());
    assert_eq!(Account::of(&shown["account"]), Account::of(&answer));
    assert_eq!(Account::of(&status::pipeline(&lab, &file)["account"]), Account::of(&answer), "the command says the same");
    process.terminate(secs(30));
    lab.finish();
}

/// A halted lane makes the process not ready, and visible.
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
    process.signal("TERM");
    let code = process.wait(secs(30)).code;
    assert!(matches!(code, Some(0 | 1)), "exit {code:?}"); // told to stop, and a partition halted: either is true
    lab.finish();
}
