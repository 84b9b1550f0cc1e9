//! Hostile plugins beside a pipeline that has nothing to do with them, in the same process: it keeps its rate.

use crate::harness::feed::Feed;
use crate::harness::guests::{component, install, place, slow_to_compile};
use crate::harness::lab::{Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, pass, secs};
use crate::harness::{config, full, http};
use serde_json::{Value, json};
use std::fs;
use std::time::Instant;

/// Each misbehaves on a record whose `$.trigger` is "now".
const HOSTILE: [&str; 9] = [
    "guest-loop",
    "guest-trap",
    "guest-hoard",
    "guest-recurse",
    "guest-bad-row",
    "guest-bad-ends",
    "guest-million",
    "guest-bad-utf8",
    "guest-flood",
];

/// Records that each hostile pipeline gets, every fourth of them poison.
const POISON: usize = 200;

/// How far the calm pipeline may be behind at any look, in seconds of its rate.
const BEHIND: u64 = 5;

fn hostile(lab: &Lab, guest: &str) -> Value {
    json!({
        "name": format!("{}-{guest}", lab.pipeline()),
        "source": "landing", "target": "main", "lanes": 1,
        "topics": { "include": [lab.topic(guest)] },
        "transaction": { "max_age": "500ms", "timeout": "10s" },
        "on_error": "quarantine",
        "steps": [config::guest(guest)],
    })
}

fn quarantined(process: &Sluice, lab: &Lab, guest: &str) -> f64 {
    let label = format!("pipeline=\"{}-{guest}\"", lab.pipeline());
    let page = http::get(process.port, "/metrics").map_or(String::new(), |page| page.body);
    http::metric(&page, "sluice_records_total", &[&label, "outcome=\"quarantined\""])
}

/// Nine hostile plugins at work at once, and three components dropped in that no plugin should be: the calm pipeline,
/// paced at a fifth of what it can do alone, never falls behind and never halts.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_calm_pipeline_keeps_its_rate() {
    let lab = Lab::new("calm");
    let topic = lab.topic("payments");
    lab.create(&topic, 4);
    for guest in HOSTILE {
        install(&lab, guest);
        lab.create(&lab.topic(guest), 1);
    }
    let steps = json!([config::mask("allow_list"), config::filter()]);
    let calm = |pipeline: &mut Value| {
        pipeline["topics"] = json!({ "include": [topic] });
        pipeline["lanes"] = json!(4);
    };
    // What it can do alone, so that a fifth of it is known.
    let alone = full::size(30_000, 100_000);
    lab.generate(json!({ "topic": topic, "partitions": 4, "count": alone }));
    let file = lab.config(&steps, calm);
    let began = Instant::now();
    lab.catch_up("alone", &file, 0);
    let capacity = alone as f64 / began.elapsed().as_secs_f64();
    let rate = (capacity / 5.0) as u64;

    let mut text: Value = serde_json::from_str(&fs::read_to_string(&file).expect("just written")).expect("JSON");
    let pipelines = text["pipelines"].as_array_mut().expect("pipelines");
    pipelines.extend(HOSTILE.map(|guest| hostile(&lab, guest)));
    let both = lab.write("both.yaml", &text);
    let process = {
        let mut process = lab.run("run", &both, &[], &[]);
        process.wait_ready(SOON);
        process
    };
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4, "seed": 2 }), rate, 0);
    for guest in HOSTILE {
        let record = |n: usize| {
            let trigger = if n.is_multiple_of(4) { "now" } else { "none" };
            json!({ "partition": 0, "value": format!("{{\"seq\":{n},\"trigger\":\"{trigger}\"}}") })
        };
        lab.produce(&lab.topic(guest), (0..POISON).map(record).collect());
    }
    let dir = lab.dir.join("plugins");
    fs::File::create(dir.join("large.wasm")).and_then(|file| file.set_len(200 << 20)).expect("the directory is writable");
    place(&dir, "slow.wasm", &slow_to_compile());
    place(&dir, "half.wasm", &component("guest-split")[..5000]);

    let label = format!("pipeline=\"{}\"", lab.pipeline());
    let (mut worst, began) = (0.0_f64, Instant::now());
    while began.elapsed() < secs(full::size(40, 120)) {
        pass(secs(1));
        let page = http::get(process.port, "/metrics").expect("the page is served").body;
        worst = worst.max(http::metric(&page, "sluice_lag_records", &[&label]));
        assert_eq!(http::metric(&page, "sluice_lane_state", &[&label, "state=\"halted\""]), 0.0, "the calm pipeline halted");
        assert_eq!(http::metric(&page, "sluice_transactions_total", &[&label, "result=\"aborted\""]), 0.0);
    }
    eprintln!("capacity {capacity:.0}/s, rate {rate}/s, worst lag {worst:.0} records");
    assert!(worst <= (BEHIND * rate) as f64, "behind by {worst} records at {rate} a second");
    for guest in HOSTILE.iter().filter(|guest| **guest != "guest-flood") {
        eventually(&format!("{guest} is cut"), SOON, || (quarantined(&process, &lab, guest) > 0.0).then_some(()));
    }
    eventually("what was dropped in is refused", secs(120), || {
        let refused = process.stderr();
        ["large.wasm", "slow.wasm", "half.wasm"]
            .iter()
            .all(|file| refused.lines().any(|line| line.contains("audit.plugin_refused") && line.contains(file)))
            .then_some(())
    });
    let written = feed.finish();
    process.terminate(secs(60));
    lab.catch_up("last", &file, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    assert!(written > 0);
    lab.finish();
}
