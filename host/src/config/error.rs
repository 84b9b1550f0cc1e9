//! What is wrong with a configuration: all of it, each with its place, one a line. It decides nothing; whoever finds
//! something wrong says so here.

use std::fmt;
use std::sync::Arc;

use super::place::{Location, Spot};

/// What a failure means for the caller, as the exit codes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not valid: exit code 3.
    Invalid,
    /// Valid, but refused because it would do harm (a loop): exit code 5.
    Unsafe,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct ConfigError {
    /// Where.
    pub at: Location,
    /// What, and what to do; no secret is ever in it.
    pub message: String,
    /// What it means.
    pub class: Class,
}

/// Everything that is wrong, in the order of the files; never empty. Prints one error a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
}

impl ConfigError {
    /// Something is invalid that was found later, by a plugin or the selector parser for example.
    pub fn invalid(at: Location, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), class: Class::Invalid }
    }
}

impl ConfigErrors {
    /// What was found later, in the order found; none if nothing was.
    pub fn of(errors: Vec<ConfigError>) -> Option<Self> {
        (!errors.is_empty()).then_some(Self { errors })
    }

    /// The errors, in the order of the files.
    pub fn errors(&self) -> &[ConfigError] {
        &self.errors
    }

    /// Unsafe only if nothing is invalid: what is invalid has to be mended first.
    pub fn class(&self) -> Class {
        if self.errors.iter().all(|e| e.class == Class::Unsafe) { Class::Unsafe } else { Class::Invalid }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// The names of the files of one run, and what was found wrong in them so far.
pub(super) struct Report {
    files: Vec<Arc<str>>,
    found: Vec<(Spot, ConfigError)>,
}

impl Report {
    /// Nothing found yet; `files` are the names, in the order by which spots number them.
    pub(super) fn new(files: Vec<Arc<str>>) -> Self {
        Self { files, found: Vec::new() }
    }

    /// The place of a spot, with the name of its file.
    pub(super) fn locate(&self, spot: Spot) -> Location {
        let file = self.files.get(spot.file as usize);
        Location { file: file.cloned().unwrap_or_else(|| Arc::from("configuration")), line: spot.line, column: spot.column }
    }

    /// Something is invalid.
    pub(super) fn invalid(&mut self, spot: Spot, message: impl Into<String>) {
        self.add(spot, message.into(), Class::Invalid);
    }

    /// Something is invalid at a place that has its name already.
    pub(super) fn invalid_at(&mut self, at: &Location, message: impl Into<String>) {
        let file = self.files.iter().position(|file| *file == at.file).unwrap_or_default();
        let spot = Spot { file: u32::try_from(file).unwrap_or_default(), line: at.line, column: at.column };
        self.add(spot, message.into(), Class::Invalid);
    }

    /// Something would do harm.
    pub(super) fn unsafe_(&mut self, spot: Spot, message: impl Into<String>) {
        self.add(spot, message.into(), Class::Unsafe);
    }

    /// A section of a later version: named, so that nobody believes that it works.
    pub(super) fn not_supported(&mut self, spot: Spot, what: &str) {
        self.invalid(spot, format!("{what} is not supported yet; remove it"));
    }

    fn add(&mut self, spot: Spot, message: String, class: Class) {
        let at = self.locate(spot);
        self.found.push((spot, ConfigError { at, message, class }));
    }

    /// Whether nothing was found wrong so far.
    pub(super) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// The value, unless anything was found wrong.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, ConfigErrors> {
        self.found.sort_by_key(|(spot, _)| (spot.file, spot.line, spot.column));
        if let (Some(value), true) = (value, self.found.is_empty()) {
            return Ok(value);
        }
        if self.found.is_empty() {
            // Whoever gives no value reports why; a caller must not meet an error that says nothing.
            self.invalid(Spot::default(), "the configuration was refused without a reason, which is a bug of Sluice");
        }
        let mut errors: Vec<_> = self.found.into_iter().map(|(_, error)| error).collect();
        errors.dedup();
        Err(ConfigErrors { errors })
    }
}
