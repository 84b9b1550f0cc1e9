//! One file of the plugin directory: read once, asked for at the gate, loaded. It must not know which step wants it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::directory::{self, Component, ReadError};
use super::trust::{Gate, Untrusted};
use crate::plugin::digest::Digest;
use crate::plugin::{Plugin, Plugins, limits};

/// Bytes of a reason. Stops texts that a component's author makes long: the names that it imports and exports.
const REASON_BYTES: usize = 600;

/// A file of the plugin directory that is no plugin to this process.
#[derive(Clone, Debug)]
pub struct Unusable {
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of it, where it could be read.
    pub digest: Option<Digest>,
    /// Why, without the file's name; at most some hundred bytes.
    pub reason: String,
    /// Where it failed.
    pub cause: Cause,
}

/// Where a file failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It cannot be read.
    Unreadable,
    /// It is being written: it is to be looked at again.
    Changing,
    /// Nobody vouches for it.
    Untrusted,
    /// It takes longer than it was given now, and less than it may: it is to be looked at again.
    TooSlow,
    /// It does not load. The same bytes will not load the next time either.
    Broken,
}

impl Unusable {
    /// Whether the file's name says that it was meant to be the plugin of that name.
    pub(super) fn stands_for(&self, name: &str) -> bool {
        self.file.file_stem().is_some_and(|stem| stem == name)
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.reason)
    }
}

/// What came of the same bytes before.
pub type Known<'k> = &'k dyn Fn(&Digest) -> Option<Result<Arc<Plugin>, String>>;

/// What spares the compiler work.
#[derive(Clone, Copy, Default)]
pub struct Knows<'k> {
    /// Asked once the gate has admitted the bytes.
    pub before: Option<Known<'k>>,
    /// Less time for the compiler than the limits give it.
    pub within: Option<Duration>,
}

/// Reads a component once, asks the gate, and loads exactly the bytes that were read.
pub fn load_file(host: &Plugins, gate: &Result<Gate<'_>, Untrusted>, file: &Path, knows: &Knows<'_>) -> Result<Arc<Plugin>, Unusable> {
    let unusable = |digest, reason: String, cause| Unusable { file: file.to_owned(), digest, reason: cut(reason), cause };
    let Component { bytes, digest, .. } = directory::read(file, limits::BINARY_BYTES).map_err(|error| {
        let cause = if matches!(error, ReadError::Changing) { Cause::Changing } else { Cause::Unreadable };
        unusable(None, error.to_string(), cause)
    })?;
    let untrusted = |error: &Untrusted| unusable(Some(digest), error.to_string(), Cause::Untrusted);
    let gate = gate.as_ref().map_err(untrusted)?;
    let pass = gate.admits(file, &digest).map_err(|error| untrusted(&error))?;
    let broken = |reason: String| unusable(Some(digest), reason, Cause::Broken);
    let plugin = match knows.before.and_then(|before| before(&digest)) {
        Some(known) => known.map_err(broken)?,
        None => host.load_within(bytes, &file.display().to_string(), knows.within).map_err(|error| {
            let slow = knows.within.is_some_and(|within| within < host.compile_time()) && error.is_timeout();
            if slow { unusable(Some(digest), error.to_string(), Cause::TooSlow) } else { broken(error.to_string()) }
        })?,
    };
    gate.names(&pass, &plugin.description().name).map_err(|error| untrusted(&error))?;
    Ok(plugin)
}

/// A reason of bearable length, on one line.
pub fn cut(mut reason: String) -> String {
    if reason.len() > REASON_BYTES {
        reason.truncate(reason.floor_char_boundary(REASON_BYTES));
        reason.push('…');
    }
    if reason.contains(char::is_control) { reason.replace(char::is_control, " ") } else { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short_and_on_one_line() {
        assert_eq!(cut("a\nb".to_owned()), "a b");
        let long = cut("é".repeat(REASON_BYTES));
        assert!(long.len() < REASON_BYTES + 4 && long.ends_with('…'));
    }
}
