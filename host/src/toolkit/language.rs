//! The languages that plugins are built from, and how a folder shows which one it is in. It must not know how they are
//! built.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use thiserror::Error;

/// A language with a template and a tool chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// For WebAssembly without WASI, by cargo.
    Rust,
    /// By the standard Go compiler.
    Go,
    /// By componentize-py.
    Python,
    /// By componentize-js.
    #[value(name = "js", alias = "javascript")]
    JavaScript,
    /// By clang with wasi-libc, or zig.
    C,
}

/// A folder that is not one plugin.
#[derive(Debug, Error)]
pub enum LanguageError {
    /// None of the files that would say so is there.
    #[error("{} is not a plugin's folder: it has none of {}; make one with `sluice plugin new NAME --lang …`", dir.display(), markers())]
    None {
        /// The folder.
        dir: PathBuf,
    },
    /// It could be two.
    #[error("{} has both {} and {}: keep each plugin in a folder of its own", dir.display(), first.marker(), second.marker())]
    Two {
        /// The folder.
        dir: PathBuf,
        /// One.
        first: Language,
        /// And the other.
        second: Language,
    },
}

fn markers() -> String {
    Language::ALL.map(Language::marker).join(", ")
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 5] = [Language::Rust, Language::Go, Language::Python, Language::JavaScript, Language::C];

    /// Its name, as the `producers` section of a component has it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Go => "Go",
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
            Language::C => "C",
        }
    }

    /// Its folder among the templates, which is also what `--lang` takes.
    pub fn short(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Go => "go",
            Language::Python => "python",
            Language::JavaScript => "js",
            Language::C => "c",
        }
    }

    /// The file whose presence says that a folder is a plugin in this language.
    pub fn marker(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::Go => "go.mod",
            Language::Python => "plugin.py",
            Language::JavaScript => "package.json",
            Language::C => "plugin.c",
        }
    }

    /// The language of the plugin in a folder.
    pub fn of(dir: &Path) -> Result<Language, LanguageError> {
        let mut found = Language::ALL.into_iter().filter(|language| dir.join(language.marker()).is_file());
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (Some(first), Some(second)) => Err(LanguageError::Two { dir: dir.to_owned(), first, second }),
            (None, _) => Err(LanguageError::None { dir: dir.to_owned() }),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_plugin() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Language::of(dir.path()).unwrap_err().to_string().contains("plugin.py"));
        for language in Language::ALL {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join(language.marker()), "").unwrap();
            assert_eq!(Language::of(dir.path()).unwrap(), language);
        }
        for marker in ["go.mod", "plugin.c"] {
            std::fs::write(dir.path().join(marker), "").unwrap();
        }
        assert!(Language::of(dir.path()).unwrap_err().to_string().contains("both go.mod and plugin.c"));
    }

    #[test]
    fn what_the_command_line_takes_is_the_templates_name() {
        for language in Language::ALL {
            assert_eq!(language.to_possible_value().unwrap().get_name(), language.short());
        }
    }
}
