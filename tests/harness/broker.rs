//! A broker of a case's own, to be killed, robbed of its data and started again: cluster `c` of tests/kafka. One case at
//! a time has it. Must not touch the two clusters that all cases share.

use super::lab::home;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

static ONE: Mutex<()> = Mutex::new(());

/// The third cluster, started fresh; stopped when it goes, its data kept for a look where the case failed.
pub struct Broker {
    /// Its bootstrap address.
    pub bootstrap: String,
    _one: MutexGuard<'static, ()>,
}

impl Broker {
    pub fn fresh() -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let said = script("start", &["--fresh", "c"]);
        let bootstrap = said.split_whitespace().nth(2).unwrap_or_else(|| panic!("start names no address: {said}")).to_owned();
        Self { bootstrap, _one: one }
    }

    /// Signal 9, and wait until it is gone.
    pub fn kill_9(&self) {
        let pid = fs::read_to_string(home().join("run/kafka-c.pid")).expect("the broker was started");
        let kill = format!("kill -9 {0}; while kill -0 {0} 2> /dev/null; do sleep 0.05; done", pid.trim());
        assert!(Command::new("bash").args(["-c", &kill]).status().is_ok_and(|s| s.success()), "cannot kill the broker");
    }

    /// Starts it again on the data that it has.
    pub fn start(&self) {
        script("start", &["c"]);
    }

    /// Where it keeps a partition's log.
    pub fn log(&self, topic: &str, partition: u32) -> PathBuf {
        home().join(format!("data/c/{topic}-{partition}"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        script("stop", if std::thread::panicking() { &["c"] } else { &["--wipe", "c"] });
    }
}

fn script(name: &str, args: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka").join(name);
    let done = Command::new(path).args(args).env("SLUICE_TEST_HOME", home()).output().expect("the script can be run");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success() || std::thread::panicking(), "{name} failed: {text}{}", String::from_utf8_lossy(&done.stderr));
    text
}
