//! Named stops inside the lane, for tests that kill or pause a process at the worst moment, and the mutants that those
//! tests must catch. Without the feature `failpoints` every call is nothing; a release never has it.
//!
//! `SLUICE_FAILPOINTS="before_commit=kill@3,in_init=pause:/tmp/go"`: the third time `before_commit` is reached the
//! process kills itself (SIGKILL); at `in_init` it waits until the file exists. `target_ids=lie:FILE` has the target
//! not know its topics while the file exists. `SLUICE_MUTANT=position_before_init`
//! makes a take-over read the position before it fences its predecessor, `positions_to_lso` makes it read only what is
//! stable; `topic_ids_unasked` takes a topic that was created again for the one of before, `topic_ids_unanswered`
//! lets the shared client's answers to that question be lost; `rekey_keeps_records` and
//! `rekey_keeps_positions` make a rekey leave out half of its work.

#[cfg(feature = "failpoints")]
mod active {
    use std::collections::HashMap;
    use std::path::PathBuf;
    use std::sync::{Mutex, OnceLock};

    enum Action {
        Kill,
        /// Waits for the file; its name plus `.reached` is created first, so that the test knows.
        Pause(PathBuf),
        /// Has [`lies`] answer yes while the file exists.
        Lie(PathBuf),
    }

    struct Point {
        action: Action,
        at: u64,
        hits: Mutex<u64>,
    }

    fn points() -> &'static HashMap<String, Point> {
        static POINTS: OnceLock<HashMap<String, Point>> = OnceLock::new();
        POINTS.get_or_init(|| {
            let text = std::env::var("SLUICE_FAILPOINTS").unwrap_or_default();
            text.split(',').filter(|part| !part.is_empty()).map(parse).collect()
        })
    }

    fn parse(part: &str) -> (String, Point) {
        let (name, action) = part.split_once('=').unwrap_or_else(|| panic!("SLUICE_FAILPOINTS: {part} has no action"));
        let (action, at) = match action.rsplit_once('@') {
            Some((action, at)) => (action, at.parse().unwrap_or_else(|_| panic!("SLUICE_FAILPOINTS: {at} is no count"))),
            None => (action, 1),
        };
        let action = match action.split_once(':') {
            None if action == "kill" => Action::Kill,
            Some(("pause", file)) => Action::Pause(file.into()),
            Some(("lie", file)) => Action::Lie(file.into()),
            _ => panic!("SLUICE_FAILPOINTS: unknown action {action}"),
        };
        (name.to_owned(), Point { action, at, hits: Mutex::new(0) })
    }

    /// Counts a call, and does what the environment says at the call it names. A wrong `SLUICE_FAILPOINTS` panics.
    pub fn hit(name: &str) {
        let Some(point) = points().get(name) else { return };
        {
            let mut hits = point.hits.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *hits += 1;
            if *hits != point.at {
                return;
            }
        }
        tracing::warn!(name, "failpoint");
        match &point.action {
            Action::Kill => {
                let killed = std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
                panic!("cannot kill this process: {killed:?}");
            }
            Action::Pause(file) => {
                let mut reached = file.clone().into_os_string();
                reached.push(".reached");
                std::fs::write(&reached, b"").unwrap_or_else(|error| panic!("cannot write {}: {error}", reached.display()));
                while !file.exists() {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            }
            Action::Lie(_) => {}
        }
    }

    /// Whether a cluster is to be taken for one that answers wrongly.
    pub fn lies(name: &str) -> bool {
        points().get(name).is_some_and(|point| matches!(&point.action, Action::Lie(file) if file.exists()))
    }

    /// Hits the point a moment later, from a thread of its own, while the caller goes on with a call that blocks.
    pub fn hit_during(name: &'static str) {
        if points().contains_key(name) {
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_micros(300));
                hit(name);
            });
        }
    }

    /// Whether `SLUICE_MUTANT` is that defect; there is one at most.
    pub fn mutant(name: &str) -> bool {
        std::env::var("SLUICE_MUTANT").is_ok_and(|mutant| mutant == name)
    }
}

#[cfg(feature = "failpoints")]
pub use active::{hit, hit_during, lies, mutant};

/// Marks a moment that tests can stop at.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_: &str) {}

/// Marks a moment inside the call that follows.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit_during(_: &'static str) {}

/// Whether a cluster is to be taken for one that answers wrongly.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn lies(_: &str) -> bool {
    false
}

/// Whether a named defect is switched on.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn mutant(_: &str) -> bool {
    false
}
