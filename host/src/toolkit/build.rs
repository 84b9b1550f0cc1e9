//! From a plugin's folder to a component that the host takes: tool chain looked for, source built, component made, marked
//! with its language, and loaded by the very rules of a run. It must not install anything, and leaves nothing behind that
//! the host would refuse.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice_plugin_build::{ComponentError, with_language};
use thiserror::Error;

use super::language::{Language, LanguageError};
use super::tools::{Missing, ToolError};
use crate::plugin::{LoadError, Plugin, Plugins};

/// Directory of everything that a build makes, in the plugin's folder.
pub const BUILD_DIR: &str = "build";
/// The contract, as every template has it in its folder.
const WIT: &str = "wit/v0.1.0/plugin.wit";

/// Why there is no component.
#[derive(Debug, Error)]
pub enum BuildError {
    /// Which language is it?
    #[error(transparent)]
    Language(#[from] LanguageError),
    /// Parts of the tool chain.
    #[error("cannot build {}: {}", dir.display(), list(missing))]
    Missing {
        /// The plugin's folder.
        dir: PathBuf,
        /// At least one.
        missing: Vec<Missing>,
    },
    /// The compiler, most of the time.
    #[error("cannot build {}", dir.display())]
    Tool {
        /// The plugin's folder.
        dir: PathBuf,
        /// What it says.
        source: ToolError,
    },
    /// The builder of plugins in Rust.
    #[error(transparent)]
    Rust(#[from] sluice_plugin_build::BuildError),
    /// It compiles, and is no plugin.
    #[error("cannot make a component of {}: {source}", dir.display())]
    Component {
        /// The plugin's folder.
        dir: PathBuf,
        /// In which point.
        source: ComponentError,
    },
    /// The host refuses it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A file could not be used.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

fn list(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// A component that was built and that the host takes.
#[derive(Debug)]
pub struct Built {
    /// Its file.
    pub path: PathBuf,
    /// What it was built from.
    pub language: Language,
    /// Bytes of the file.
    pub size: usize,
    /// From source to component.
    pub took: Duration,
    /// From component to machine code; next to nothing where it was compiled before.
    pub compiled_in: Duration,
    /// As the host has it.
    pub plugin: Arc<Plugin>,
}

/// What a builder works with.
struct Work<'a> {
    /// The plugin's folder, in full.
    dir: &'a Path,
    /// What it makes on the way goes here; it is there.
    build: &'a Path,
}

impl Work<'_> {
    fn missing(&self, missing: Vec<Missing>) -> Result<(), BuildError> {
        if missing.is_empty() { Ok(()) } else { Err(BuildError::Missing { dir: self.dir.to_owned(), missing }) }
    }

    fn tool(&self, source: ToolError) -> BuildError {
        BuildError::Tool { dir: self.dir.to_owned(), source }
    }

    fn component(&self, source: ComponentError) -> BuildError {
        BuildError::Component { dir: self.dir.to_owned(), source }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, BuildError> {
        fs::read(path).map_err(|source| BuildError::Io { doing: "read", path: path.to_owned(), source })
    }

    /// A module without a description of its world, as C and Go make it, becomes a component of the folder's own copy of
    /// the contract, which its bindings were made from.
    fn bare(&self, module: &Path) -> Result<Vec<u8>, BuildError> {
        let wit = String::from_utf8_lossy(&self.read(&self.dir.join(WIT))?).into_owned();
        sluice_plugin_build::componentize_bare(&self.read(module)?, &wit).map_err(|source| self.component(source))
    }
}

/// Builds the plugin in `dir` and writes `out`, or `dir/build/NAME.wasm`, NAME being what it calls itself.
pub fn build(host: &Plugins, dir: &Path, out: Option<&Path>) -> Result<Built, BuildError> {
    let failed = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::Io { doing, path, source }
    };
    let language = Language::of(dir)?;
    let dir = dir.canonicalize().map_err(failed("find", dir))?;
    let build_dir = dir.join(BUILD_DIR);
    fs::create_dir_all(&build_dir).map_err(failed("create", &build_dir))?;
    let work = Work { dir: &dir, build: &build_dir };
    let began = Instant::now();
    let component = match language {
        Language::Rust => rust::component(&work),
        Language::Go => go::component(&work),
        Language::Python => python::component(&work),
        Language::JavaScript => javascript::component(&work),
        Language::C => c::component(&work),
    }?;
    let component = with_language(&component, language.name()).map_err(|source| work.component(source))?;
    let took = began.elapsed();
    let began = Instant::now();
    let plugin = host.load(component.clone(), &dir.display().to_string())?;
    let compiled_in = began.elapsed();
    let path = out.map_or_else(|| build_dir.join(format!("{}.wasm", plugin.description().name)), Path::to_owned);
    write(&path, &component).map_err(failed("write", &path))?;
    Ok(Built { path, language, size: component.len(), took, compiled_in, plugin })
}

/// Whole or not at all: a run may be watching the directory.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it is not the name of a file"))?;
    let draft = path.with_file_name(format!(".{}.draft", name.to_string_lossy()));
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}
