//! The folders that plugins begin with, one a language, carried inside the program: everything that a build needs beside
//! the language's own tools. It must not overwrite anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::language::Language;

/// Language, path in the folder, content; the host's build script lists them.
static FILES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// The name that every template has, as it is and where only letters, digits and `_` may stand.
const PLACEHOLDERS: [&str; 2] = ["my-plugin", "my_plugin"];
/// The file that would act on the templates themselves if it had its name there.
const IGNORED: (&str, &str) = ("gitignore", ".gitignore");
/// Bytes of a plugin's name, as the contract has it.
const NAME_BYTES: usize = 64;

/// Why there is no new folder.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// The contract wants another kind of name.
    #[error("{name:?} cannot be a plugin's name: it is `[a-z][a-z0-9-]*` of at most {NAME_BYTES} bytes, and no word of a language")]
    Name {
        /// The name.
        name: String,
    },
    /// Something is there.
    #[error("{} is there and not empty; choose another name or --dir", dir.display())]
    Taken {
        /// The folder.
        dir: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the template of `language` for a plugin called `name` into `dir`, and returns the files in order.
pub fn write(dir: &Path, name: &str, language: Language) -> Result<Vec<PathBuf>, TemplateError> {
    check_name(name)?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TemplateError::Io { path, source }
    };
    if dir.exists() && fs::read_dir(dir).map_err(failed(dir))?.next().is_some() {
        return Err(TemplateError::Taken { dir: dir.to_owned() });
    }
    let mut written = Vec::new();
    for (path, content) in files(language) {
        let to = dir.join(if path == IGNORED.0 { IGNORED.1 } else { path });
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        fs::write(&to, named(content, name)).map_err(failed(&to))?;
        written.push(to);
    }
    Ok(written)
}

fn files(language: Language) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().filter(move |(of, _, _)| *of == language.short()).map(|(_, path, content)| (*path, *content))
}

/// Names of crates, modules and packages too, so what some language reserves is refused.
fn check_name(name: &str) -> Result<(), TemplateError> {
    const RESERVED: &[&str] = &["build", "core", "main", "plugin", "self", "sluice", "sluice-plugin", "std", "super", "test", "wit"];
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let right = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(legal) && name.len() <= NAME_BYTES;
    if right && !name.ends_with('-') && !RESERVED.contains(&name) { Ok(()) } else { Err(TemplateError::Name { name: name.to_owned() }) }
}

/// The content with the plugin's name in it.
fn named(content: &[u8], name: &str) -> Vec<u8> {
    match std::str::from_utf8(content) {
        Ok(text) => text.replace(PLACEHOLDERS[0], name).replace(PLACEHOLDERS[1], &name.replace('-', "_")).into_bytes(),
        Err(_) => content.to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    /// The promise of `plugin new`: a source of at most 40 lines, the contract, a fixture, a page, what git leaves out.
    #[test]
    fn every_template_is_whole_and_named() {
        for language in Language::ALL {
            let dir = tempfile::tempdir().unwrap();
            let dir = dir.path().join("last-four");
            write(&dir, "last-four", language).unwrap();
            assert_eq!(Language::of(&dir).unwrap(), language);
            for file in ["wit/v0.1.0/plugin.wit", "tests/keep_last.yaml", "README.md", ".gitignore", "sample.jsonl"] {
                assert!(dir.join(file).is_file(), "{language:?}: {file}");
            }
            let source = match language {
                Language::Rust => "src/lib.rs",
                Language::Go => "plugin.go",
                Language::Python => "plugin.py",
                Language::JavaScript => "plugin.js",
                Language::C => "plugin.c",
            };
            let source = fs::read_to_string(dir.join(source)).unwrap();
            assert!(source.lines().count() <= 40, "{language:?}");
            assert!(fs::read_to_string(dir.join("README.md")).unwrap().starts_with("# last-four"));
            assert!(!dir.join("gitignore").exists());
        }
    }

    #[test]
    fn the_sdk_stands_without_its_workspace() {
        let (_, manifest) = files(Language::Rust).find(|(path, _)| *path == "sluice-plugin/Cargo.toml").unwrap();
        let manifest = std::str::from_utf8(manifest).unwrap();
        assert!(!manifest.contains("workspace"), "{manifest}");
        assert!(manifest.contains("\nedition = \"2024\"\n") && manifest.contains("\nversion = \""), "{manifest}");
        assert!(files(Language::Rust).any(|(path, _)| path == "sluice-plugin/src/lib.rs"));
    }

    #[test]
    fn nothing_is_overwritten_and_odd_names_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("mine"), "").unwrap();
        assert!(matches!(write(dir.path(), "fine", Language::C), Err(TemplateError::Taken { .. })));
        for name in ["", "Upper", "../up", "1st", "a_b", "a-", "main", &"a".repeat(65)] {
            assert!(matches!(write(Path::new("/nowhere"), name, Language::C), Err(TemplateError::Name { .. })), "{name}");
        }
    }
}
