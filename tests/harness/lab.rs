//! One case's surroundings: two clusters, its own directory, its own names. Its end is the last look at what the case left,
//! whether or not the case asks for it; it cleans up after a case that passed.
//! Must not share a name with any other case, so that cases run side by side.

use super::process::{Ended, Sluice};
use super::wait::{eventually, secs};
use super::{canary, config, http, java, process, random};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Time within which any small copy must be done, take-over from a killed process included.
pub const SOON: std::time::Duration = secs(90);

/// Where the tests keep everything: `SLUICE_TEST_HOME`, else `tests/.state`.
pub fn home() -> PathBuf {
    std::env::var_os("SLUICE_TEST_HOME").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".state"), PathBuf::from)
}

/// A directory of its own for a case, with an empty plugin directory and the key file in it.
pub fn scratch(case: &str) -> PathBuf {
    let dir = home().join("cases").join(format!("{case}-{}", random::suffix()));
    fs::create_dir_all(dir.join("plugins")).expect("the state directory is writable");
    fs::write(dir.join("pii.key"), config::KEY).expect("the state directory is writable");
    dir
}

/// One case on real brokers.
pub struct Lab {
    /// Bootstrap address of the source cluster.
    pub a: String,
    /// Bootstrap address of the target cluster.
    pub b: String,
    /// The case's name with a random tail; part of every name it uses on the clusters.
    pub id: String,
    /// Where its files are.
    pub dir: PathBuf,
    /// Clear records are on the target on purpose.
    clear: bool,
}

impl Lab {
    /// Needs `SLUICE_TEST_A` and `SLUICE_TEST_B`, which `tests/run` sets.
    pub fn new(case: &str) -> Self {
        let address = |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: tests/run starts brokers and sets it"));
        let dir = scratch(case);
        let id = dir.file_name().and_then(|n| n.to_str()).expect("a case's directory has a plain name").to_owned();
        Self { a: address("SLUICE_TEST_A"), b: address("SLUICE_TEST_B"), id, dir, clear: false }
    }

    /// The case's topic, or one of several.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.id)
    }

    /// The pipeline's name; ids and internal topics follow from it.
    pub fn pipeline(&self) -> &str {
        &self.id
    }

    /// Creates a topic on the source.
    pub fn create(&self, topic: &str, partitions: u32) {
        java::call("create_topic", json!({ "bootstrap": self.a, "topic": topic, "partitions": partitions }));
    }

    /// Generates payments on the source; `spec` has at least topic, partitions and count.
    pub fn generate(&self, mut spec: Value) {
        spec["bootstrap"] = json!(self.a);
        java::call("generate", spec);
    }

    /// Writes records one by one to the source and answers with their offsets.
    pub fn produce(&self, topic: &str, records: Value) -> Vec<i64> {
        let answer = java::call("produce", json!({ "bootstrap": self.a, "topic": topic, "records": records }));
        answer["offsets"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
    }

    /// All records of a target topic, read_committed, as the tool dumps them.
    pub fn dump(&self, topic: &str) -> Vec<Value> {
        let mut answer = java::call("dump", json!({ "bootstrap": self.b, "topic": topic }));
        match answer["records"].take() {
            Value::Array(records) => records,
            other => panic!("a dump has records, not {other}"),
        }
    }

    /// The end of each partition of a topic; the last stable offset, or with `committed: false` the high watermark.
    pub fn ends(&self, bootstrap: &str, topic: &str, committed: bool) -> Vec<i64> {
        match java::try_call("ends", json!({ "bootstrap": bootstrap, "topic": topic, "committed": committed })) {
            Ok(answer) => answer["ends"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect(),
            Err(_) => Vec::new(), // not there yet
        }
    }

    /// A configuration with one pipeline over all topics of the case, and `change` made to that pipeline.
    pub fn config(&self, steps: &Value, change: impl FnOnce(&mut Value)) -> PathBuf {
        let mut pipeline = json!({
            "name": self.pipeline(),
            "source": "landing",
            "target": "main",
            "topics": { "include": [format!("{}.*", self.id)] },
            "lanes": 8,
            "transaction": { "max_age": "500ms", "timeout": "10s" },
            "steps": steps,
        });
        change(&mut pipeline);
        self.write(
            "sluice.yaml",
            &json!({
                "clusters": {
                    "landing": { "bootstrap_servers": self.a },
                    "main": { "bootstrap_servers": self.b },
                },
                "keys": { "pii": { "file": self.dir.join("pii.key") } },
                "plugins": { "dir": self.dir.join("plugins") },
                "pipelines": [pipeline],
            }),
        )
    }

    /// Writes a configuration file of the case.
    pub fn write(&self, name: &str, text: &Value) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, format!("{text:#}\n")).expect("the case's directory is writable");
        path
    }

    /// Starts `sluice run` with the configuration and, in a second file, a port of its own for its pages.
    pub fn run(&self, name: &str, config: &Path, more: &[&str], env: &[(&str, &str)]) -> Sluice {
        let port = http::free_port();
        let pages = self.write(&format!("{name}.yaml"), &json!({ "http": { "listen": format!("127.0.0.1:{port}") } }));
        let config = config.to_str().expect("plain path");
        let pages = pages.to_str().expect("plain path");
        let args = [&["run", "-f", config, "-f", pages], more].concat();
        Sluice::start(&self.dir, name, port, &args, env)
    }

    /// Waits until the pipeline has committed where it starts: what appears on the source after this is new to it.
    pub fn wait_begun(&self) {
        let positions = format!("__sluice.{}.positions", self.pipeline());
        let begun = || (self.ends(&self.b, &positions, true).iter().sum::<i64>() > 0).then_some(());
        eventually("the pipeline has begun", SOON, begun);
    }

    /// Runs until caught up and expects `code`.
    #[track_caller]
    pub fn catch_up(&self, name: &str, config: &Path, code: i32) -> Ended {
        self.run(name, config, &["--until-caught-up"], &[]).wait(SOON).expect_code(code)
    }

    /// Runs another command of the program to its end.
    pub fn command(&self, name: &str, args: &[&str]) -> Ended {
        Sluice::start(&self.dir, name, 0, args, &[]).wait(SOON)
    }

    /// The end of a case; all that there is to do is done wherever a lab goes.
    pub fn finish(self) {}

    /// The end of a case that puts clear records on the target itself: everything else is searched.
    pub fn finish_clear(mut self) {
        self.clear = true;
    }
}

impl Drop for Lab {
    /// The last look, of every case that did not fail before: no canary on the target, in any of the case's files but its
    /// inputs, or on a page that one of its processes shows or showed last. Then its directory goes.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        process::keep_pages(&self.dir);
        canary::assert_target_clean(self, self.clear);
        canary::assert_files_clean(&self.dir);
        fs::remove_dir_all(&self.dir).expect("the case's directory is ours");
    }
}
