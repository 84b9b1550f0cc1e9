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
use std::path::PathBuf;
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

/// A pipeline of that plugin alone, from a topic of its own.
fn hostile(lab: &Lab, guest: &str) -> Value {
    lab.create(&lab.topic(guest), 1);
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

/// One dose for each guest; `value` says what the n-th record of it holds.
fn dose<'g>(lab: &Lab, guests: impl IntoIterator<Item = &'g str>, value: impl Fn(&str, usize) -> Value) {
    for guest in guests {
        let record = |n: usize| json!({ "partition": 0, "value": value(guest, n).to_string() });
        lab.produce(&lab.topic(guest), (0..DOSE).map(record).collect());
    }
}

/// The first record is poison, and set aside with its canary, which the guest is not shown. The others pass as they are, and
/// so does all that floods.
fn poisoned(guest: &str, n: usize) -> Value {
    match n {
        0 if guest == "guest-flood" => json!({ "seq": n, "trigger": "now", "name": "Zoë" }),
        0 => json!({ "seq": n, "trigger": "now", "name": "CANARY-Zoë" }),
        _ => json!({ "seq": n, "trigger": "none", "name": "Zoë" }),
    }
}

/// No record of an attack passes: each holds a canary where the guest is shown it, and where not.
fn attacked(_: &str, n: usize) -> Value {
    json!({ "seq": n, "trigger": format!("CANARY-{n}"), "name": "CANARY-Zoë" })
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

/// A pipeline that has nothing to do with the hostile ones, paced at a fifth of what it can do alone.
///
/// Rates are judged by counting: whatever the machine does, with five times its pace in hand it gets to nine tenths of all
/// that was written since the hostile ones began, dose after dose. One that is slower than its pace, or of whose lanes one
/// stands still, never does; one that stands still for a while and catches up is seen by [`Pace`].
struct Calm {
    lab: Lab,
    topic: String,
    steps: Value,
    file: PathBuf,
    /// Records that it took alone.
    alone: i64,
    /// Records a second that it took alone, and that it is fed.
    capacity: f64,
    rate: u64,
}

/// It, and the hostile ones, at work.
struct Beside {
    calm: Calm,
    process: Sluice,
    feed: Feed,
    pace: Pace,
    began: Instant,
}

impl Calm {
    /// Lets it run alone, so that a fifth of its rate is known.
    fn alone(lab: Lab) -> Self {
        let topic = lab.topic("payments");
        lab.create(&topic, 4);
        let steps = json!([config::mask("allow_list"), config::filter()]);
        let alone = full::size(30_000, 100_000);
        lab.generate(json!({ "topic": topic, "partitions": 4, "count": alone }));
        let file = lab.config(&steps, |pipeline| {
            pipeline["topics"] = json!({ "include": [topic] });
            pipeline["lanes"] = json!(4);
        });
        let began = Instant::now();
        lab.catch_up("alone", &file, 0);
        let capacity = alone as f64 / began.elapsed().as_secs_f64();
        Self { lab, topic, steps, file, alone, capacity, rate: (capacity / 5.0) as u64 }
    }

    /// Starts it in one process with these pipelines.
    fn beside(self, hostile: Vec<Value>) -> Beside {
        let mut text: Value = serde_json::from_str(&fs::read_to_string(&self.file).expect("just written")).expect("JSON");
        text["pipelines"].as_array_mut().expect("pipelines").extend(hostile);
        let both = self.lab.write("both.yaml", &text);
        let mut process = self.lab.run("run", &both, &[], &[]);
        process.wait_ready(2 * SOON);
        let feed = Feed::start(&self.lab, json!({ "topic": self.topic, "partitions": 4, "seed": 2 }), self.rate, 0);
        Beside { pace: Pace::new(self.rate), calm: self, process, feed, began: Instant::now() }
    }

    fn written(&self) -> i64 {
        self.lab.ends(&self.lab.a, &self.topic, true).iter().sum::<i64>() - self.alone
    }
}

impl Beside {
    /// Waits until `done` says so of the metrics page, while the calm pipeline keeps its rate.
    #[track_caller]
    fn keeps_up(&mut self, what: &str, done: impl Fn(&str, &Lab) -> bool) {
        let Self { calm, process, pace, .. } = self;
        let before = calm.written();
        eventually(&format!("{what}, and the calm pipeline keeps its rate meanwhile"), 2 * SOON, || {
            let written = calm.written();
            let page = look(process, &calm.lab);
            let taken = taken(&page, calm.lab.pipeline());
            pace.look(written, taken);
            (written > before && taken >= 0.9 * written as f64 && done(&page, &calm.lab)).then_some(())
        });
    }

    fn tell(&self) {
        eprintln!(
            "capacity {:.0}/s, paced at {}/s, {} in {:.0} s beside the hostile ones; at most {:.1} s behind, stood for {:.1?}",
            self.calm.capacity,
            self.calm.rate,
            self.calm.written(),
            self.began.elapsed().as_secs_f64(),
            self.pace.behind / self.pace.rate,
            self.pace.stood
        );
    }

    /// Waits until each of these files is refused, with that reason.
    #[track_caller]
    fn refused(&self, files: &[(String, String)]) {
        let lines = || -> Vec<Value> {
            let stderr = self.process.stderr();
            let lines = stderr.lines().filter(|line| line.contains("audit.plugin_refused"));
            lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
        };
        let has = |line: &Value, key: &str, part: &str| line[key].as_str().is_some_and(|text| text.contains(part));
        for (file, reason) in files {
            eventually(&format!("{file} is refused: {reason}"), secs(120), || {
                lines().iter().any(|line| has(line, "file", file) && has(line, "reason", reason)).then_some(())
            });
        }
    }

    /// Every record of the calm pipeline arrived once, masked, and is accounted for.
    #[track_caller]
    fn end(self, done: impl Fn(&str, &Lab) -> bool) {
        let Self { calm, process, feed, .. } = self;
        let written = feed.finish();
        eventually("every record is taken", SOON, || {
            (taken(&look(&process, &calm.lab), calm.lab.pipeline()) == written as f64).then_some(())
        });
        eventually("the last dose is taken", 2 * SOON, || done(&look(&process, &calm.lab), &calm.lab).then_some(()));
        process.terminate(secs(60));
        calm.lab.catch_up("last", &calm.file, 0);
        ask(&calm.lab, &calm.topic, &calm.steps).right_and_accounted(&calm.file);
        calm.lab.finish();
    }
}

/// Eleven hostile plugins at work at once, and five components dropped in that no plugin should be: the calm pipeline
/// takes what comes as it comes and never halts.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_calm_pipeline_keeps_its_rate() {
    let calm = Calm::alone(Lab::new("calm"));
    let lab = &calm.lab;
    HOSTILE.iter().for_each(|guest| install(lab, guest));
    let dir = lab.dir.join("plugins");
    place(&dir, "guest-stamp.wasm", &stamp(1, None));
    let pipelines = HOSTILE.iter().copied().chain(["guest-stamp"]).map(|guest| hostile(lab, guest)).collect();
    let mut beside = calm.beside(pipelines);
    fs::File::create(dir.join("large.wasm")).and_then(|file| file.set_len(200 << 20)).expect("the directory is writable");
    place(&dir, "slow.wasm", &slow_to_compile());
    place(&dir, "half.wasm", &component("guest-split")[..5000]);
    place(&dir, "mute.wasm", &stamp(2, Some(("describe-well", "describe-ever"))));
    place(&dir, "guest-stamp.wasm", &stamp(3, Some(("begin-well", "begin-ever"))));

    for doses in 1..=DOSES {
        dose(&beside.calm.lab, HOSTILE, poisoned);
        beside.keeps_up(&format!("dose {doses} is taken"), |page, lab| is_done(page, lab, doses));
    }
    beside.tell();
    // The last of it arrives while they have new work.
    dose(&beside.calm.lab, HOSTILE, poisoned);
    let files = ["large.wasm", "slow.wasm", "half.wasm", "mute.wasm", "guest-stamp.wasm"];
    beside.refused(&files.map(|file| (file.to_owned(), String::new())));
    beside.end(|page, lab| is_done(page, lab, DOSES + 1));
}

/// The attacks of the host's own suite (`plugin::hostile`), as `tests/run` has them written out: those on a call each on a
/// lane of its own, those on the loader dropped in. (That on `init` is `begin-ever` above: nobody calls it until a step
/// names the plugin, and then the process does not start.)
#[test]
#[ignore = "needs brokers: tests/run"]
fn every_attack_beside_a_calm_pipeline() {
    let from = PathBuf::from(std::env::var_os("SLUICE_TEST_ATTACKS").expect("tests/run writes the attacks out, and says where"));
    let listed = fs::read(from.join("attacks.json")).expect("the list of attacks is there");
    let attacks: Vec<Value> = serde_json::from_slice(&listed).expect("JSON");
    let text = |attack: &Value, key: &str| attack[key].as_str().expect("a text").to_owned();
    let at = |stage: &str| -> Vec<&Value> { attacks.iter().filter(|attack| attack["stage"] == stage).collect() };
    let (on_lanes, at_load) = (at("transform"), at("load"));
    assert!(on_lanes.len() > 20 && at_load.len() > 10, "{} and {}", on_lanes.len(), at_load.len());
    let names: Vec<String> = on_lanes.iter().map(|attack| text(attack, "name")).collect();

    let calm = Calm::alone(Lab::new("attacks"));
    let lab = &calm.lab;
    let dir = lab.dir.join("plugins");
    let put = |attack: &Value| {
        let file = format!("{}.wasm", text(attack, "name"));
        place(&dir, &file, &fs::read(from.join(&file)).expect("the component is there"));
        (file, text(attack, "says"))
    };
    on_lanes.iter().for_each(|attack| drop(put(attack)));
    let pipelines = names.iter().map(|name| hostile(lab, name)).collect();
    let mut beside = calm.beside(pipelines);
    let refused: Vec<(String, String)> = at_load.iter().map(|attack| put(attack)).collect();

    // Cut in the words of its kind, and every record of it set aside, or its partition halted.
    let is_cut = |page: &str, lab: &Lab, attack: &Value, records: usize| {
        let (name, kind) = (text(attack, "name"), text(attack, "kind"));
        let pipeline = format!("{}-{name}", lab.pipeline());
        let failed = http::metric(page, "sluice_plugin_failures_total", &[&format!("plugin=\"{name}\""), &format!("kind=\"{kind}\"")]);
        let halted = http::metric(page, "sluice_lane_state", &[&format!("pipeline=\"{pipeline}\""), "state=\"halted\""]);
        let passed = counted(page, &pipeline, "passed");
        assert_eq!(passed, 0.0, "{}: records passed", text(attack, "does"));
        failed > 0.0 && (halted > 0.0 || counted(page, &pipeline, "quarantined") == records as f64)
    };
    for doses in 1..=2 {
        dose(&beside.calm.lab, names.iter().map(String::as_str), attacked);
        beside.keeps_up(&format!("dose {doses} is cut"), |page, lab| on_lanes.iter().all(|attack| is_cut(page, lab, attack, DOSE * doses)));
    }
    beside.tell();
    beside.refused(&refused);
    beside.end(|_, _| true);
}
