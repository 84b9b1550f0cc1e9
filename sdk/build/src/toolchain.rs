//! Finds a Rust compiler that knows the WebAssembly target. It must not install packages: at most it asks rustup for
//! its own target, and else says in one message what to run.
//!
//! In this order:
//! 1. the cargo in use, when the target's standard library is installed with it, or when rustup can add it;
//! 2. Debian's own compiler (`rustc-web`, `cargo-web`, `lld-22`) with the standard library that `sdk/wasm-sysroot`
//!    made of `rust-web-src`, at `$SLUICE_WASM_SYSROOT` or `$XDG_CACHE_HOME/sluice/wasm-sysroot`;
//! 3. neither: an error that names both ways.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use thiserror::Error;

use crate::TARGET;

/// Nothing can build a plugin here.
#[derive(Debug, Error)]
#[error(
    "cannot build plugins: a Rust compiler with the target {TARGET} is missing ({}); install it with: {}\n  or where rustup \
     does not answer, on Debian or Ubuntu: apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-22 \
     && sdk/wasm-sysroot",
    tried.join("; "),
    rustup_line()
)]
pub struct ToolchainError {
    /// What was tried, and what came of it.
    pub tried: Vec<String>,
}

/// Installs rustup with the target; asks nothing.
fn rustup_line() -> String {
    match on_path("rustup") {
        Some(_) => format!("rustup target add {TARGET}"),
        None => format!("curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --target {TARGET}"),
    }
}

/// A compiler with the target.
#[derive(Debug, Clone)]
pub struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
    debian: Option<Debian>,
}

/// What Debian's compiler needs beside itself.
#[derive(Debug, Clone)]
struct Debian {
    sysroot: PathBuf,
    linker: PathBuf,
}

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LINKERS: &[&str] = &["wasm-ld-22", "wasm-ld"];

impl Toolchain {
    /// Looks for one, in the order above. `$SLUICE_WASM_SYSROOT`, where set, goes before everything else: whoever
    /// sets it wants that one.
    pub fn find() -> Result<Toolchain, ToolchainError> {
        let mut tried = Vec::new();
        if env::var_os("SLUICE_WASM_SYSROOT").is_some() {
            return debian().map_err(|why| ToolchainError { tried: vec![why] });
        }
        match rustup() {
            Ok(found) => return Ok(found),
            Err(why) => tried.push(why),
        }
        match debian() {
            Ok(found) => Ok(found),
            Err(why) => {
                tried.push(why);
                Err(ToolchainError { tried })
            }
        }
    }

    /// What builds, for a message.
    pub(crate) fn name(&self) -> String {
        self.cargo.display().to_string()
    }

    /// Cargo, with this compiler.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        isolate(&mut command);
        command.env("RUSTC", &self.rustc);
        if let Some(debian) = &self.debian {
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &debian.linker);
        }
        command
    }

    /// Flags for the target: the sysroot, and file names in panics that say nothing about this machine, so that the
    /// same source gives the same bytes, and the same digest, wherever it is built.
    pub(crate) fn rustflags(&self, crate_dir: &Path) -> String {
        let mut flags = Vec::new();
        if let Some(debian) = &self.debian {
            flags.push(format!("--sysroot={}", debian.sysroot.display()));
        }
        let root = crate_dir.ancestors().find(|dir| dir.join("Cargo.lock").is_file()).unwrap_or(crate_dir);
        flags.push(format!("--remap-path-prefix={}=.", root.display()));
        let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
        if let Some(home) = home {
            flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
        }
        flags.join(" ")
    }
}

/// What an outer cargo, rustc or rustup says to its children is about the host, not about a plugin. Where packages
/// come from and where they are kept stays, and so does how many jobs may run.
fn isolate(command: &mut Command) {
    const KEPT: &[&str] = &["CARGO_HOME", "CARGO_HTTP_", "CARGO_MAKEFLAGS", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_"];
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let foreign = text.starts_with("CARGO") || text.starts_with("RUSTC") || text.starts_with("RUSTDOC");
        let foreign = foreign || matches!(text, "RUSTFLAGS" | "TARGET" | "HOST" | "OUT_DIR" | "PROFILE" | "LD_LIBRARY_PATH");
        if foreign && !KEPT.iter().any(|kept| text.starts_with(kept)) {
            command.env_remove(&name);
        }
    }
}

/// The compiler in use, with its target, which rustup is asked for when it is missing.
fn rustup() -> Result<Toolchain, String> {
    let cargo = env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
    let rustc = env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
    if has_target(&rustc) {
        return Ok(Toolchain { cargo, rustc, debian: None });
    }
    let mut add = Command::new("rustup");
    add.args(["target", "add", TARGET]);
    if let Some(toolchain) = env::var_os("RUSTUP_TOOLCHAIN") {
        add.arg("--toolchain").arg(toolchain);
    }
    match add.output() {
        Ok(output) if output.status.success() && has_target(&rustc) => Ok(Toolchain { cargo, rustc, debian: None }),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
            Err(format!("rustup does not add it: {}", last.trim()))
        }
        Err(error) => Err(format!("rustup cannot be run: {error}")),
    }
}

/// Whether that compiler has a standard library for the target.
fn has_target(rustc: &Path) -> bool {
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
    let Ok(output) = output else { return false };
    let dir = String::from_utf8_lossy(&output.stdout);
    has_std(Path::new(dir.trim()))
}

fn has_std(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return false };
    let is_std = |name: &OsStr| name.to_string_lossy().starts_with("libstd-");
    entries.flatten().any(|entry| is_std(&entry.file_name()))
}

/// Debian's compiler, the standard library made for it, and a linker.
fn debian() -> Result<Toolchain, String> {
    for program in [DEBIAN_CARGO, DEBIAN_RUSTC] {
        if !Path::new(program).is_file() {
            return Err(format!("{program} is not there"));
        }
    }
    let sysroot = sysroot();
    if !has_std(&sysroot.join("lib/rustlib").join(TARGET).join("lib")) {
        return Err(format!("{} is not a sysroot for it", sysroot.display()));
    }
    // Libraries work with the very compiler that made them.
    let version = Command::new(DEBIAN_RUSTC).arg("--version").output().map_err(|error| format!("{DEBIAN_RUSTC}: {error}"))?;
    let made_by = fs::read(sysroot.join("RUSTC_VERSION")).unwrap_or_default();
    if version.stdout.trim_ascii() != made_by.trim_ascii() {
        return Err(format!("{} was made by another compiler; run sdk/wasm-sysroot again", sysroot.display()));
    }
    let linker = DEBIAN_LINKERS.iter().find_map(|name| on_path(name));
    let linker = linker.ok_or_else(|| format!("no {} on the PATH", DEBIAN_LINKERS[0]))?;
    Ok(Toolchain { cargo: DEBIAN_CARGO.into(), rustc: DEBIAN_RUSTC.into(), debian: Some(Debian { sysroot, linker }) })
}

/// Where `sdk/wasm-sysroot` puts it.
fn sysroot() -> PathBuf {
    if let Some(given) = env::var_os("SLUICE_WASM_SYSROOT") {
        return given.into();
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let cache = cache.or_else(|| Some(env::home_dir()?.join(".cache"))).unwrap_or_default();
    cache.join("sluice/wasm-sysroot")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}
