//! Builds the guests of `guests/` as components, so that no case meets a stale one. It must not install anything;
//! where nothing can build for WebAssembly it fails with the message that `sluice-plugin-build` gives.

use sluice_plugin_build::{Toolchain, build_with};
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?).join("guests");
    let mut cargo = io::stdout();
    for watched in ["tests/guests", "examples/rust-plugin", "sdk", "wit", "Cargo.lock", "rust-toolchain.toml"] {
        writeln!(cargo, "cargo::rerun-if-changed={}", here.join("..").join(watched).display())?;
    }
    writeln!(cargo, "cargo::rerun-if-env-changed=SLUICE_WASM_SYSROOT")?;
    writeln!(cargo, "cargo::rustc-env=SLUICE_GUESTS={}", out.display())?;
    let toolchain = Toolchain::find()?;
    for entry in fs::read_dir(here.join("guests"))? {
        let manifest = entry?.path().join("Cargo.toml");
        // what the guests share is a plain library
        if manifest.is_file() && fs::read_to_string(&manifest)?.contains("cdylib") {
            build_with(&toolchain, manifest.parent().unwrap_or(&here), &out)?;
        }
    }
    // the plugin that the guide shows, to be dropped in as a user would
    build_with(&toolchain, &here.join("../examples/rust-plugin"), &out)?;
    Ok(())
}
