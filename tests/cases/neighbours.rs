//! Hostile plugins beside a pipeline that has nothing to do with them, in the same process: it keeps its rate.

use crate::harness::feed::Feed;
use crate::harness::guests::{component, install, place, slow_to_compile, stamp};
use crate::harness::lab::{Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::verdict::ask;
use crate::harness::wait::{eventually, secs};
use crate::harness::{config, full, http};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// Each misbehaves on a record whose `$.trigger` is "now".
const HOSTILE: [&str; 11] = [
    "guest-loop",
    "guest-trap",
    "guest-hoard",
    "guest-recurse",
    "guest-bad-row",
    "guest-bad-ends",
    "guest-million",
    "guest-bad-utf8",
    "guest-bad-kind",
    "guest-bad-header",
    "guest-flood",
];

/// Records that each hostile pipeline gets at a time, the first of them poison. Few, so that the search for the guilty one
/// stays below the lane's bound however slow the machine is.
const DOSE: usize = 4;

/// Doses, one after the other: the hostile ones are at work from the first to the last.
const DOSES: usize = 6;

/// The longest that the calm pipeline may stand still, and the most that it may lie behind, in seconds of its pace. Ample
/// for a machine that is busy elsewhere; it takes what it lies behind five times as fast.
const BEHIND: u64 = 12;

/// How the calm pipeline keeps up, seen from outside: what is written to its topic, what it says that it has taken.
struct Pace {
    rate: f64,
    taken: f64,
    moved: Instant,
    /// The longest time without a record taken while there were some to take.
    stood: Duration,
    /// The most records that were written and not taken.
    behind: f64,
}

impl Pace {
    fn new(rate: u64) -> Self {
        Self { rate: rate as f64, taken: 0.0, moved: Instant::now(), stood: Duration::ZERO, behind: 0.0 }
    }

    #[track_caller]
    fn look(&mut self, written: i64, taken: f64) {
        let behind = written as f64 - taken;
        self.behind = self.behind.max(behind);
        if taken > self.taken || behind <= 0.0 {
            (self.taken, self.moved) = (taken, Instant::now());
        }
        self.stood = self.stood.max(self.moved.elapsed());
        assert!(self.stood < Duration::from_secs(BEHIND), "the calm pipeline stood still for {:.1?}", self.stood);
        assert!(self.behind < BEHIND as f64 * self.rate, "the calm pipeline lay {:.0} s behind", self.behind / self.rate);
    }
}

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

/// The sum of a counter of that pipeline.
fn counted(page: &str, pipeline: &str, outcome: &str) -> f64 {
    http::metric(page, "sluice_records_total", &[&format!("pipeline=\"{pipeline}\""), &format!("outcome=\"{outcome}\"")])
}

/// Records that pipeline is done with.
fn taken(page: &str, pipeline: &str) -> f64 {
    ["passed", "filtered", "quarantined"].map(|outcome| counted(page, pipeline, outcome)).iter().sum()
}

/// What the process says of itself; on the way the calm pipeline must neither halt nor abort.
fn look(process: &Sluice, lab: &Lab) -> String {
    let page = http::get(process.port, "/metrics").expect("the page is served").body;
    let calm = format!("pipeline=\"{}\"", lab.pipeline());
    assert_eq!(http::metric(&page, "sluice_lane_state", &[&calm, "state=\"halted\""]), 0.0, "the calm pipeline halted");
    assert_eq!(http::metric(&page, "sluice_transactions_total", &[&calm, "result=\"aborted\""]), 0.0, "the calm pipeline aborted");
    page
}

fn dose(lab: &Lab) {
    for guest in HOSTILE {
        let record = |n: usize| {
            let trigger = if n == 0 { "now" } else { "none" };
            json!({ "partition": 0, "value": format!("{{\"seq\":{n},\"trigger\":\"{trigger}\"}}") })
        };
        lab.produce(&lab.topic(guest), (0..DOSE).map(record).collect());
    }
}

/// Whether every hostile pipeline is done with that many doses: the poison set aside and nothing else.
fn is_done(page: &str, lab: &Lab, doses: usize) -> bool {
    HOSTILE.iter().all(|guest| {
        let pipeline = format!("{}-{guest}", lab.pipeline());
        // A flood of log lines is cut, its answer is good.
        let poison = if *guest == "guest-flood" { 0 } else { doses };
        let set_aside = counted(page, &pipeline, "quarantined");
        assert!(set_aside <= poison as f64, "{guest}: {set_aside} records set aside");
        set_aside == poison as f64 && taken(page, &pipeline) == (DOSE * doses) as f64
    })
}

/// Eleven hostile plugins at work at once, and five components dropped in that no plugin should be: the calm pipeline,
/// paced at a fifth of what it can do alone, takes what comes as it comes and never halts.
///
/// Rates are judged by counting: whatever the machine does, with five times its pace in hand the calm pipeline gets to
/// nine tenths of all that was written since the hostile ones began, dose after dose. One that is slower than its pace, or
/// of whose lanes one stands still, never does; one that stands still for a while and catches up is seen by [`Pace`].
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
    lab.create(&lab.topic("guest-stamp"), 1);
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
    pipelines.push(hostile(&lab, "guest-stamp"));
    let both = lab.write("both.yaml", &text);
    place(&lab.dir.join("plugins"), "guest-stamp.wasm", &stamp(1, None));
    let mut process = lab.run("run", &both, &[], &[]);
    process.wait_ready(SOON);
    let feed = Feed::start(&lab, json!({ "topic": topic, "partitions": 4, "seed": 2 }), rate, 0);
    let dir = lab.dir.join("plugins");
    fs::File::create(dir.join("large.wasm")).and_then(|file| file.set_len(200 << 20)).expect("the directory is writable");
    place(&dir, "slow.wasm", &slow_to_compile());
    place(&dir, "half.wasm", &component("guest-split")[..5000]);
    place(&dir, "mute.wasm", &stamp(2, Some(("describe-well", "describe-ever"))));
    place(&dir, "guest-stamp.wasm", &stamp(3, Some(("begin-well", "begin-ever"))));

    let written = || lab.ends(&lab.a, &topic, true).iter().sum::<i64>() - alone;
    let (mut pace, began) = (Pace::new(rate), Instant::now());
    for doses in 1..=DOSES {
        dose(&lab);
        let before = written();
        eventually(&format!("dose {doses} is taken, and the calm pipeline keeps its rate meanwhile"), 2 * SOON, || {
            let written = written();
            let page = look(&process, &lab);
            pace.look(written, taken(&page, lab.pipeline()));
            let keeps_up = written > before && taken(&page, lab.pipeline()) >= 0.9 * written as f64;
            (keeps_up && is_done(&page, &lab, doses)).then_some(())
        });
    }
    let took = began.elapsed().as_secs_f64();
    eprintln!(
        "capacity {capacity:.0}/s, paced at {rate}/s, {} in {took:.0} s beside the hostile ones; at most {:.1} s behind, stood for {:.1?}",
        written(),
        pace.behind / pace.rate,
        pace.stood
    );
    // The last of it arrives while they have new work.
    dose(&lab);
    let written = feed.finish();
    eventually("every record is taken", SOON, || (taken(&look(&process, &lab), lab.pipeline()) == written as f64).then_some(()));
    eventually("the last dose is taken", 2 * SOON, || is_done(&look(&process, &lab), &lab, DOSES + 1).then_some(()));
    eventually("what was dropped in is refused", secs(120), || {
        let refused = process.stderr();
        ["large.wasm", "slow.wasm", "half.wasm", "mute.wasm", "guest-stamp.wasm"]
            .iter()
            .all(|file| refused.lines().any(|line| line.contains("audit.plugin_refused") && line.contains(file)))
            .then_some(())
    });
    process.terminate(secs(60));
    lab.catch_up("last", &file, 0);
    ask(&lab, &topic, &steps).right_and_accounted(&file);
    lab.finish();
}
