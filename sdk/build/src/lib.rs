//! Builds a plugin written in Rust: the crate in, the component out. The host's build script embeds the first-party
//! plugins with it and the tests build their guests with it. It must not install packages, and must not depend on
//! how the cargo that called it was set up.

mod component;
mod toolchain;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use component::{ComponentError, Contents, componentize, componentize_bare, contents, with_language};
pub use toolchain::{Toolchain, ToolchainError};

/// The target: a component built for it imports nothing but what its own code names, while the WASI targets bring
/// in a dozen interfaces with the standard library.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Why a plugin was not built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// There is nothing to build with.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// A file or a program could not be used.
    #[error("cannot build the plugin in {crate_dir}: {doing}")]
    Io {
        /// The crate.
        crate_dir: PathBuf,
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Cargo said no; its own words are above.
    #[error("cannot build the plugin in {crate_dir}: cargo failed:\n{said}")]
    Cargo {
        /// The crate.
        crate_dir: PathBuf,
        /// What it wrote to stderr.
        said: String,
    },
    /// The module does not become a component.
    #[error("cannot build the plugin in {crate_dir}: it compiles, but is not a plugin: {why}")]
    Component {
        /// The crate.
        crate_dir: PathBuf,
        /// What the encoder says.
        why: String,
    },
}

/// Builds the crate in `crate_dir` (its `Cargo.toml` with a library of type `cdylib`) and writes
/// `<out_dir>/<directory's name>.wasm`, a component. Cargo's own files go to `<out_dir>/target`, which crates built
/// one after the other share; a lock of an outer cargo is never waited for.
pub fn build_component(crate_dir: &Path, out_dir: &Path) -> Result<PathBuf, BuildError> {
    let toolchain = Toolchain::find()?;
    build_with(&toolchain, crate_dir, out_dir)
}

/// [`build_component`] with a toolchain found before, for many crates.
pub fn build_with(toolchain: &Toolchain, crate_dir: &Path, out_dir: &Path) -> Result<PathBuf, BuildError> {
    let io = |doing: String| {
        let crate_dir = crate_dir.to_owned();
        move |source| BuildError::Io { crate_dir, doing, source }
    };
    let crate_dir_full = crate_dir.canonicalize().map_err(io("reading its directory".to_owned()))?;
    let name = crate_dir_full.file_name().unwrap_or_default().to_owned();
    // Cargo runs in the crate's directory, so that its settings count: the path must not depend on ours.
    let out_dir = std::path::absolute(out_dir).map_err(io(format!("finding {}", out_dir.display())))?;
    fs::create_dir_all(&out_dir).map_err(io(format!("creating {}", out_dir.display())))?;
    let output = toolchain
        .cargo()
        .args(["build", "--release", "--lib", "--target", TARGET, "--message-format", "json"])
        .current_dir(&crate_dir_full)
        .arg("--manifest-path")
        .arg(crate_dir_full.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(out_dir.join("target"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", toolchain.rustflags(&crate_dir_full))
        .envs(PROFILE.iter().copied())
        .output()
        .map_err(io(format!("running {}", toolchain.name())))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(BuildError::Cargo { crate_dir: crate_dir.to_owned(), said });
    }
    let module = artifact(&String::from_utf8_lossy(&output.stdout), &crate_dir_full);
    let module = module.ok_or_else(|| BuildError::Component {
        crate_dir: crate_dir.to_owned(),
        why: "cargo made no .wasm file; does its library have crate-type = [\"cdylib\"]?".to_owned(),
    })?;
    let core = fs::read(&module).map_err(io(format!("reading {}", module.display())))?;
    let component =
        componentize(&core).map_err(|error| BuildError::Component { crate_dir: crate_dir.to_owned(), why: error.to_string() })?;
    let mut file = name.to_owned();
    file.push(".wasm");
    let path = out_dir.join(file);
    write_if_changed(&path, &component).map_err(io(format!("writing {}", path.display())))?;
    Ok(path)
}

/// How plugins are compiled, whatever the profile of the workspace says: small, fast, and without unwinding, which
/// the target does not have.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
];

/// The module of that very crate among the files that cargo says it made: one message a line, JSON. The two strings
/// looked for are written by cargo, so a parser would add a dependency and nothing else.
fn artifact(messages: &str, crate_dir: &Path) -> Option<PathBuf> {
    let manifest = format!("\"manifest_path\":\"{}\"", crate_dir.join("Cargo.toml").display());
    messages.lines().filter(|line| line.contains(&manifest)).find_map(|line| {
        let (_, files) = line.split_once("\"filenames\":[")?;
        let (files, _) = files.split_once(']')?;
        files.split(',').map(|file| file.trim_matches('"')).find(|file| file.ends_with(".wasm")).map(PathBuf::from)
    })
}

/// A file whose content is the same keeps its time, so that nobody builds anew because of it.
fn write_if_changed(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let draft = path.with_extension("draft");
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_of_the_crate_itself_is_taken() {
        let other = r#"{"reason":"compiler-artifact","manifest_path":"/x/sdk/Cargo.toml","filenames":["/t/sdk.wasm"]}"#;
        let own = r#"{"reason":"compiler-artifact","manifest_path":"/x/mask/Cargo.toml","filenames":["/t/libmask.rlib","/t/mask.wasm"],"fresh":true}"#;
        let messages = format!("{other}\n{own}\n");
        assert_eq!(artifact(&messages, Path::new("/x/mask")), Some("/t/mask.wasm".into()));
        assert_eq!(artifact(&messages, Path::new("/x/filter")), None);
        assert_eq!(artifact(r#"{"manifest_path":"/x/a/Cargo.toml","filenames":["/t/a.rlib"]}"#, Path::new("/x/a")), None);
    }
}
