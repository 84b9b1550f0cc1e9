//! Builds the plugin that the crossing is measured with. It must not install anything; where nothing can build for
//! WebAssembly it fails with the message that `sluice-plugin-build` gives.

use sluice_plugin_build::build_component;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::{env, io};

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let mut cargo = io::stdout();
    for watched in ["tests/guests/stamp", "sdk", "wit", "Cargo.lock", "rust-toolchain.toml"] {
        writeln!(cargo, "cargo::rerun-if-changed={}", here.join("../..").join(watched).display())?;
    }
    writeln!(cargo, "cargo::rerun-if-env-changed=SLUICE_WASM_SYSROOT")?;
    let built = build_component(&here.join("../guests/stamp"), &PathBuf::from(env::var("OUT_DIR")?))?;
    writeln!(cargo, "cargo::rustc-env=SLUICE_STAMP={}", built.display())?;
    Ok(())
}
