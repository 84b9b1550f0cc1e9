//! A plugin directory with one component, for trials: a run takes its plugins from a directory, and so do they. It is gone
//! when it is dropped.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thiserror::Error;

/// The directory could not be made.
#[derive(Debug, Error)]
#[error("cannot copy {} for a trial", file.display())]
pub struct StageError {
    file: PathBuf,
    source: io::Error,
}

/// A directory of this user's alone.
#[derive(Debug)]
pub struct Stage(TempDir);

impl Stage {
    /// A directory that holds a copy of this component.
    pub fn with(file: &Path) -> Result<Stage, StageError> {
        let failed = |source| StageError { file: file.to_owned(), source };
        let dir = tempfile::Builder::new().prefix("sluice-trial-").tempdir().map_err(failed)?;
        fs::copy(file, dir.path().join("plugin.wasm")).map_err(failed)?;
        Ok(Stage(dir))
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        self.0.path()
    }
}
