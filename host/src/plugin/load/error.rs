//! Why a plugin was not loaded, in words that name the file and what to do. It must not decide what is refused.

use thiserror::Error;

use super::{EXPORT, SUPPORTED};
use crate::plugin::cache::CacheError;
use crate::plugin::compile::CompileError;
use crate::plugin::engine::EngineError;
use crate::plugin::failure::CallError;

/// Why a plugin was not loaded. Every text begins with where it came from.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file is larger than allowed.
    #[error("cannot load plugin {origin}: it has {bytes} bytes and at most {limit} are allowed")]
    TooLarge {
        /// Where it came from.
        origin: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The file is something else.
    #[error("cannot load plugin {origin}: it is {found}, not a WebAssembly component; {hint}")]
    NotComponent {
        /// Where it came from.
        origin: String,
        /// What it is.
        found: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// It wants something that no plugin gets.
    #[error("cannot load plugin {origin}: it imports {import}, which no plugin may")]
    Import {
        /// Where it came from.
        origin: String,
        /// The first such import.
        import: String,
    },
    /// It does not export the plugin interface in a version that is served.
    #[error("cannot load plugin {origin}: it exports {found}, and this version of Sluice takes {EXPORT} {}", supported())]
    Export {
        /// Where it came from.
        origin: String,
        /// Which version of the interface, or which other exports.
        found: String,
    },
    /// Its first instance would already pass a limit.
    #[error("cannot load plugin {origin}: it starts with {what}")]
    Resources {
        /// Where it came from.
        origin: String,
        /// Too many of what.
        what: String,
    },
    /// Its functions have other types than the contract's.
    #[error("cannot load plugin {origin}: it does not fit the contract: {why}")]
    Contract {
        /// Where it came from.
        origin: String,
        /// In which point.
        why: String,
    },
    /// It could not be compiled.
    #[error("cannot compile plugin {origin}: {source}")]
    Compile {
        /// Where it came from.
        origin: String,
        /// Why.
        source: CompileError,
    },
    /// The private directory of compiled plugins cannot be used.
    #[error("cannot keep the compiled plugin {origin}: {source}")]
    Cache {
        /// Where it came from.
        origin: String,
        /// Why.
        source: CacheError,
    },
    /// `describe` failed.
    #[error("cannot load plugin {origin}: asked to describe itself, {source}")]
    Describe {
        /// Where it came from.
        origin: String,
        /// How.
        source: CallError,
    },
    /// `describe` answered something that is not allowed.
    #[error("cannot load plugin {origin}: {what}")]
    Description {
        /// Where it came from.
        origin: String,
        /// What is wrong.
        what: String,
    },
}

impl LoadError {
    /// Whether the compiler had too little time.
    pub fn is_timeout(&self) -> bool {
        matches!(self, LoadError::Compile { source: CompileError::Timeout { .. }, .. })
    }
}

fn supported() -> String {
    SUPPORTED.iter().map(|v| format!("{v}.x")).collect::<Vec<_>>().join(", ")
}

/// Why no plugin can be loaded at all.
#[derive(Debug, Error)]
pub enum SetUpError {
    /// See [`EngineError`].
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// See [`CacheError`].
    #[error(transparent)]
    Cache(#[from] CacheError),
}
