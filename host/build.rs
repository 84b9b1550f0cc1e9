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
    fs::write(out.join("templates.rs"), templates(&root, &out)?)?;
    Ok(())
}

/// Lists the files of every template for `toolkit/template.rs`: its own, those that all share, the contract, and for Rust
/// the SDK, which no registry has.
fn templates(root: &Path, out: &Path) -> Result<String, Box<dyn Error>> {
    let templates = root.join("sdk/templates");
    let mut list = String::from("&[\n");
    for language in ["rust", "go", "python", "js", "c"] {
        let mut files = Vec::new();
        for dir in [templates.join(language), templates.join("shared")] {
            walk(&dir, Path::new(""), &mut files)?;
        }
        walk(&root.join("wit"), Path::new("wit"), &mut files)?;
        if language == "rust" {
            walk(&root.join("sdk/src"), Path::new("sluice-plugin/src"), &mut files)?;
            let manifest = standalone(&fs::read_to_string(root.join("sdk/Cargo.toml"))?, &fs::read_to_string(root.join("Cargo.toml"))?);
            let path = out.join("sdk.Cargo.toml");
            fs::write(&path, manifest)?;
            files.push(("sluice-plugin/Cargo.toml".into(), path));
            files.push(("sluice-plugin/README.md".into(), root.join("sdk/README.md")));
        }
        files.sort();
        for (name, file) in files {
            writeln!(list, "    ({language:?}, {:?}, include_bytes!({:?})),", name.display().to_string(), file.display().to_string())?;
        }
    }
    list.push(']');
    Ok(list)
}

/// The files below `dir`, each with its path in a plugin's folder.
fn walk(dir: &Path, to: &Path, files: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &to, files)?;
        } else {
            files.push((to, entry.path()));
        }
    }
    Ok(())
}

/// A manifest that stands without its workspace: what it takes from there is written out, its lints stay behind.
fn standalone(manifest: &str, workspace: &str) -> String {
    let mut lines = Vec::new();
    let mut lints = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            lints = line == "[lints]";
        }
        match line.strip_suffix(".workspace = true") {
            _ if lints => {}
            Some(key) => lines.extend(workspace.lines().find(|line| line.starts_with(&format!("{key} ="))).map(str::to_owned)),
            None => lines.push(line.to_owned()),
        }
    }
    lines.join("\n") + "\n"
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
