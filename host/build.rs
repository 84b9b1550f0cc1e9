//! Builds the first-party plugins as components, to be embedded: the binary alone is enough. It must not install
//! anything; where nothing can build for WebAssembly it fails with one message that says what to run.
//!
//! The toolchain is chosen by `sluice-plugin-build` (`sdk/build/src/toolchain.rs`): rustup's target, added when it is
//! missing and rustup answers; else Debian's compiler with the sysroot that `sdk/wasm-sysroot` makes; else an error.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sluice_plugin_build::{Toolchain, build_with};

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A build script talks to cargo in lines; each becomes one of the message.
            for line in error.to_string().lines() {
                say(&format!("cargo::error={line}"));
            }
            ExitCode::FAILURE
        }
    }
}

/// Builds every crate under `plugins/` and lists the components for `plugin/embedded.rs`.
fn embed() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    for watched in ["plugins", "sdk", "wit", "Cargo.lock", "rust-toolchain.toml"] {
        say(&format!("cargo::rerun-if-changed={}", root.join(watched).display()));
    }
    say("cargo::rerun-if-env-changed=SLUICE_WASM_SYSROOT");
    let crates = crates(&root.join("plugins"))?;
    let mut list = String::from("&[\n");
    if !crates.is_empty() {
        let toolchain = Toolchain::find()?;
        for dir in crates {
            let component = build_with(&toolchain, &dir, &out)?;
            let name = dir.file_name().unwrap_or_default().to_string_lossy();
            writeln!(list, "    ({name:?}, include_bytes!({:?})),", component.display().to_string())?;
        }
    }
    list.push(']');
    fs::write(out.join("embedded.rs"), list)?;
    Ok(())
}

/// The crates in that directory, by name.
fn crates(dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.join("Cargo.toml").is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[allow(clippy::print_stdout, reason = "stdout is how a build script talks to cargo")]
fn say(line: &str) {
    println!("{line}");
}
