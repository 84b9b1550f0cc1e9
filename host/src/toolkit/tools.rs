//! Programs of other people's tool chains: found, asked for their version, run; and what to type where one is missing.
//! It must not install anything.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

/// Bytes of a failed tool's output that are passed on; its last words say why.
const SAID_BYTES: usize = 8 << 10;

/// A part of a tool chain that is not there, and the command that installs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What: a program, a library, a version.
    pub what: String,
    /// A command line, or a sentence where no command is known for this system.
    pub install: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing; install it with: {}", self.what, self.install)
    }
}

/// A tool did not do its work.
#[derive(Debug, Error)]
pub enum ToolError {
    /// It could not be run at all.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It said no.
    #[error("{program} failed:\n{said}")]
    Failed {
        /// The program.
        program: String,
        /// The end of what it wrote.
        said: String,
    },
}

/// The first of these programs that is on the `PATH`.
pub fn find(programs: &[&str]) -> Option<PathBuf> {
    programs.iter().find_map(|program| on_path(program))
}

/// A program on the `PATH`, or `stem-NUMBER`, the highest number: Debian has several versions of a compiler side by side.
pub fn find_versioned(stem: &str) -> Option<PathBuf> {
    on_path(stem).or_else(|| (10..100).rev().find_map(|version| on_path(&format!("{stem}-{version}"))))
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| is_program(file))
}

/// Whether there is a file that may be run.
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Runs a tool to its end and returns what it wrote to stdout.
pub fn run(command: &mut Command) -> Result<String, ToolError> {
    let program = || Path::new(command_name(command)).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = program();
    let output = command.output().map_err(|source| ToolError::Run { program: name.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let start = said.ceil_char_boundary(said.len().saturating_sub(SAID_BYTES));
    Err(ToolError::Failed { program: name, said: said[start..].trim().to_owned() })
}

fn command_name(command: &Command) -> &OsStr {
    command.get_program()
}

/// The first `MAJOR.MINOR` in a text such as `go version go1.26.8 linux/amd64`.
pub fn version(text: &str) -> Option<(u32, u32)> {
    let starts = text.char_indices().filter(|(i, letter)| {
        let before = text[..*i].chars().next_back();
        letter.is_ascii_digit() && !before.is_some_and(|letter| letter.is_ascii_digit() || letter == '.')
    });
    starts.map(|(i, _)| &text[i..]).find_map(|rest| {
        let number = |text: &str| text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok();
        let (major, minor) = rest.split_once('.')?;
        Some((number(major).filter(|_| major.bytes().all(|b| b.is_ascii_digit()))?, number(minor)?))
    })
}

/// The command that installs packages of Debian or Ubuntu where this system is one; else a sentence.
pub fn apt(packages: &str, elsewhere: &str) -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    if is_debian(&release) { format!("apt-get install --no-install-recommends {packages}") } else { elsewhere.to_owned() }
}

fn is_debian(release: &str) -> bool {
    let lines = release.lines().filter_map(|line| line.split_once('='));
    let ids = lines.filter(|(key, _)| matches!(*key, "ID" | "ID_LIKE"));
    ids.flat_map(|(_, value)| value.trim_matches('"').split_whitespace()).any(|id| matches!(id, "debian" | "ubuntu"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found() {
        for (text, expected) in [
            ("go version go1.26.8 linux/amd64", Some((1, 26))),
            ("v20.20.2\n", Some((20, 20))),
            ("componentize-py 0.25.1", Some((0, 25))),
            ("Debian clang version 14.0.6", Some((14, 0))),
            ("none", None),
            ("7", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn debian_and_what_comes_of_it_take_apt() {
        for (release, expected) in [
            ("ID=debian\nVERSION_ID=\"12\"", true),
            ("ID=ubuntu\nID_LIKE=debian", true),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"", true),
            ("ID=fedora\nNAME=\"not debian\"", false),
            ("", false),
        ] {
            assert_eq!(is_debian(release), expected, "{release}");
        }
    }

    #[test]
    fn a_failed_tool_says_why() {
        let failed = run(Command::new("sh").args(["-c", "echo out; echo why >&2; exit 3"])).unwrap_err();
        assert_eq!(failed.to_string(), "sh failed:\nout\nwhy");
        assert!(matches!(run(&mut Command::new("/nowhere/at-all")), Err(ToolError::Run { .. })));
        assert_eq!(run(Command::new("sh").args(["-c", "echo yes"])).unwrap(), "yes\n");
    }
}
