//! The program as a process: started with files, watched, stopped, killed. Its output and what its pages showed last go
//! to files of the case. Must not outlive the case: dropping it kills.

use super::wait::eventually;
use super::{binary, http};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Processes with pages that may still be alive.
static LIVE: Mutex<Vec<Pages>> = Mutex::new(Vec::new());

/// A process that was stopped answers nothing, and nobody waits for it.
const PAGE_WITHIN: Duration = Duration::from_secs(2);

/// Where a process serves its pages, and where they are kept.
#[derive(Clone, PartialEq, Eq)]
struct Pages {
    dir: PathBuf,
    name: String,
    port: u16,
}

impl Pages {
    /// Saves what they show at this moment over what they showed before; where nobody serves them, that stays.
    fn keep(&self) {
        for page in ["metrics", "status"] {
            let shown = if self.port == 0 { None } else { http::get_within(self.port, &format!("/{page}"), PAGE_WITHIN) };
            let Some(shown) = shown.filter(|_| self.dir.is_dir()) else { return };
            fs::write(self.dir.join(format!("{}.{page}", self.name)), shown.body).expect("the case's directory is writable");
        }
    }
}

/// Saves the pages of every process that is still alive and writes to `dir`.
pub fn keep_pages(dir: &Path) {
    let live = LIVE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    live.iter().filter(|pages| pages.dir == dir).for_each(Pages::keep);
}

/// Opens a file of a process for writing; one of that name, of a process before, is kept under another.
fn fresh(path: &Path) -> File {
    let older = |n: u32| PathBuf::from(format!("{}.{n}", path.display()));
    if path.exists()
        && let Some(free) = (1..).map(older).find(|older| !older.exists())
    {
        fs::rename(path, free).expect("the case's directory is writable");
    }
    File::create(path).expect("the case's directory is writable")
}

/// How a process ended.
pub struct Ended {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Panics with the end of stderr unless the exit code is `code`.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert!(self.code == Some(code), "exit {:?}, expected {code}; stderr ends:\n{}", self.code, tail(&self.stderr));
        self
    }

    /// Panics unless one line of stderr has all of `parts`.
    #[track_caller]
    pub fn expect_line(self, parts: &[&str]) -> Self {
        let there = self.stderr.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(there, "no line has {parts:?}; stderr ends:\n{}", tail(&self.stderr));
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("stdout is not JSON ({e}): {}", self.stdout))
    }
}

/// The last 30 lines.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

/// A running program.
pub struct Sluice {
    child: Child,
    name: String,
    pages: Pages,
    stdout: PathBuf,
    stderr: PathBuf,
    /// Port of its pages, where it has any.
    pub port: u16,
}

impl Sluice {
    /// Starts `sluice ARGS`; output goes to `dir/NAME.out` and `dir/NAME.err`.
    pub fn start(dir: &Path, name: &str, port: u16, args: &[&str], env: &[(&str, &str)]) -> Self {
        let stdout = dir.join(format!("{name}.out"));
        let stderr = dir.join(format!("{name}.err"));
        let child = Command::new(binary::sluice())
            .args(args)
            .envs(env.iter().copied())
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(fresh(&stdout))
            .stderr(fresh(&stderr))
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", binary::sluice().display()));
        let pages = Pages { dir: dir.to_owned(), name: name.to_owned(), port };
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).push(pages.clone());
        Self { child, name: name.to_owned(), pages, stdout, stderr, port }
    }

    /// What it wrote to stderr so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Has it ended?
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(mut self, limit: Duration) -> Ended {
        let (what, path) = (format!("{} ends", self.name), self.stderr.clone());
        let status = eventually_or(&what, limit, &path, || {
            self.pages.keep();
            self.ended()
        });
        let stdout = String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned();
        Ended { code: status.code(), stdout, stderr: self.stderr() }
    }

    /// Waits until stderr contains `text`.
    #[track_caller]
    pub fn wait_log(&mut self, text: &str, limit: Duration) {
        let path = self.stderr.clone();
        let what = format!("{} logs {text:?}", self.name);
        eventually_or(&what, limit, &path, || {
            if self.stderr().contains(text) {
                return Some(());
            }
            assert!(self.ended().is_none(), "{} ended before: {what}; stderr ends:\n{}", self.name, tail(&self.stderr()));
            None
        });
    }

    /// Waits until `/readyz` answers 200.
    #[track_caller]
    pub fn wait_ready(&mut self, limit: Duration) {
        let path = self.stderr.clone();
        let what = format!("{} is ready", self.name);
        eventually_or(&what, limit, &path, || {
            assert!(self.ended().is_none(), "{} ended before: {what}; stderr ends:\n{}", self.name, tail(&self.stderr()));
            http::get(self.port, "/readyz").filter(|p| p.status == 200).map(drop)
        });
        self.pages.keep();
    }

    /// Kills it with signal 9 and waits until it is gone.
    pub fn kill_9(&mut self) {
        self.pages.keep();
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Sends `STOP`, `CONT`, `TERM` or `INT`.
    pub fn signal(&self, signal: &str) {
        if signal != "CONT" {
            self.pages.keep();
        }
        let done = Command::new("bash").arg("-c").arg(format!("kill -{signal} {}", self.child.id())).status();
        assert!(done.is_ok_and(|s| s.success()), "cannot send {signal} to {}", self.name);
    }

    /// Ends it the ordinary way: exit 0 on SIGTERM.
    #[track_caller]
    pub fn terminate(self, limit: Duration) -> Ended {
        self.signal("TERM");
        self.wait(limit).expect_code(0)
    }
}

impl Drop for Sluice {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.pages.keep();
            drop(self.child.kill());
            drop(self.child.wait());
        }
        LIVE.lock().unwrap_or_else(PoisonError::into_inner).retain(|pages| *pages != self.pages);
    }
}

/// `eventually`, with the end of a log in the failure.
#[track_caller]
fn eventually_or<T>(what: &str, limit: Duration, log: &Path, mut look: impl FnMut() -> Option<T>) -> T {
    let start = std::time::Instant::now();
    eventually(what, limit + Duration::from_secs(1), || {
        let found = look();
        assert!(
            found.is_some() || start.elapsed() < limit,
            "waited {limit:?} in vain for: {what}; stderr ends:\n{}",
            tail(&fs::read_to_string(log).unwrap_or_default())
        );
        found
    })
}
