//! Finds a Rust compiler that knows the WebAssembly target. It must not install packages: at most it asks rustup for
//! its own target, and else says in one message what to run.
//!
//! In this order:
//! 1. the cargo in use, when the target's standard library is installed with it, or when rustup can add it;
//! 2. Debian's own compiler (`rustc-web`, `cargo-web`, `lld-22`) with the standard library that `sdk/wasm-sysroot`
//!    made of `rust-web-src`, at `$SLUICE_WASM_SYSROOT` or `$XDG_CACHE_HOME/sluice/wasm-sysroot`;
//! 3. neither: an error that names both ways.

use std::env;
use std::ffi::{OsStr, OsString};
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
    match on_path("rustup", env::var_os("PATH").as_deref()) {
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

/// Where Debian's packages put its cargo and rustc.
const DEBIAN_PROGRAMS: &str = "/usr/bin";
const DEBIAN_LINKERS: &[&str] = &["wasm-ld-22", "wasm-ld"];

impl Toolchain {
    /// Looks for one, in the order above. `$SLUICE_WASM_SYSROOT`, where set, goes before everything else: whoever
    /// sets it wants that one.
    pub fn find() -> Result<Toolchain, ToolchainError> {
        Places::of_environment().find()
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

/// Where to look.
#[derive(Debug, Clone)]
struct Places {
    /// The cargo and the compiler in use, and what rustup is asked for.
    cargo: PathBuf,
    rustc: PathBuf,
    rustup: PathBuf,
    toolchain: Option<OsString>,
    /// The directory of Debian's cargo and rustc.
    debian: PathBuf,
    /// The sysroot for them, and whether somebody wants no other.
    sysroot: PathBuf,
    chosen: bool,
    /// Where a linker may be, as `$PATH` has it.
    path: Option<OsString>,
}

impl Places {
    fn of_environment() -> Places {
        let program = |variable: &str, name: &str| env::var_os(variable).map_or_else(|| PathBuf::from(name), PathBuf::from);
        let chosen = env::var_os("SLUICE_WASM_SYSROOT").map(PathBuf::from);
        Places {
            cargo: program("CARGO", "cargo"),
            rustc: program("RUSTC", "rustc"),
            rustup: "rustup".into(),
            toolchain: env::var_os("RUSTUP_TOOLCHAIN"),
            debian: DEBIAN_PROGRAMS.into(),
            chosen: chosen.is_some(),
            sysroot: chosen.unwrap_or_else(default_sysroot),
            path: env::var_os("PATH"),
        }
    }

    fn find(&self) -> Result<Toolchain, ToolchainError> {
        let mut tried = Vec::new();
        if !self.chosen {
            match self.in_use() {
                Ok(found) => return Ok(found),
                Err(why) => tried.push(why),
            }
        }
        self.debian().map_err(|why| {
            tried.push(why);
            ToolchainError { tried }
        })
    }

    /// The compiler in use, with its target, which rustup is asked for when it is missing.
    fn in_use(&self) -> Result<Toolchain, String> {
        let found = || Toolchain { cargo: self.cargo.clone(), rustc: self.rustc.clone(), debian: None };
        if has_target(&self.rustc) {
            return Ok(found());
        }
        let mut add = Command::new(&self.rustup);
        add.args(["target", "add", TARGET]);
        if let Some(toolchain) = &self.toolchain {
            add.arg("--toolchain").arg(toolchain);
        }
        match add.output() {
            Ok(output) if output.status.success() && has_target(&self.rustc) => Ok(found()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
                Err(format!("rustup does not add it: {}", last.trim()))
            }
            Err(error) => Err(format!("rustup cannot be run: {error}")),
        }
    }

    /// Debian's compiler, the standard library made for it, and a linker.
    fn debian(&self) -> Result<Toolchain, String> {
        let [cargo, rustc] = ["cargo", "rustc"].map(|program| self.debian.join(program));
        if let Some(missing) = [&cargo, &rustc].into_iter().find(|program| !program.is_file()) {
            return Err(format!("{} is not there", missing.display()));
        }
        let sysroot = self.sysroot.clone();
        if !has_std(&sysroot.join("lib/rustlib").join(TARGET).join("lib")) {
            return Err(format!("{} is not a sysroot for it", sysroot.display()));
        }
        // Libraries work with the very compiler that made them.
        let version = Command::new(&rustc).arg("--version").output().map_err(|error| format!("{}: {error}", rustc.display()))?;
        let made_by = fs::read(sysroot.join("RUSTC_VERSION")).unwrap_or_default();
        if version.stdout.trim_ascii() != made_by.trim_ascii() {
            return Err(format!("{} was made by another compiler; run sdk/wasm-sysroot again", sysroot.display()));
        }
        let linker = DEBIAN_LINKERS.iter().find_map(|name| on_path(name, self.path.as_deref()));
        let linker = linker.ok_or_else(|| format!("no {} on the PATH", DEBIAN_LINKERS[0]))?;
        Ok(Toolchain { cargo, rustc, debian: Some(Debian { sysroot, linker }) })
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

/// Where `sdk/wasm-sysroot` puts it.
fn default_sysroot() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let cache = cache.or_else(|| Some(env::home_dir()?.join(".cache"))).unwrap_or_default();
    cache.join("sluice/wasm-sysroot")
}

fn on_path(program: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    env::split_paths(path?).map(|dir| dir.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that runs this script.
    fn program(path: &Path, script: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn file(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A machine on which rustup answers nothing and all of Debian's is there.
    fn machine(root: &Path) -> Places {
        program(&root.join("own/cargo"), "exit 1");
        program(&root.join("own/rustc"), &format!("echo {}/own/lib", root.display()));
        program(&root.join("own/rustup"), "echo 'no network' >&2; exit 1");
        program(&root.join("debian/cargo"), "exit 1");
        program(&root.join("debian/rustc"), "echo rustc 1.2.3");
        program(&root.join("path/wasm-ld-22"), "exit 1");
        let sysroot = root.join("sysroot");
        file(&sysroot.join("lib/rustlib").join(TARGET).join("lib/libstd-1.rlib"), "");
        file(&sysroot.join("RUSTC_VERSION"), "rustc 1.2.3\n");
        Places {
            cargo: root.join("own/cargo"),
            rustc: root.join("own/rustc"),
            rustup: root.join("own/rustup"),
            toolchain: None,
            debian: root.join("debian"),
            sysroot,
            chosen: false,
            path: Some(root.join("path").into()),
        }
    }

    type Change = fn(&Path, &mut Places);
    /// The directory of the cargo that is found, or what each way is said to lack.
    type Expected = Result<&'static str, &'static [&'static str]>;

    #[test]
    fn the_compiler_in_use_goes_before_debians() {
        let cases: [(&str, Change, Expected); 9] = [
            ("its target is there", |root, _| file(&root.join("own/lib/libstd-1.rlib"), ""), Ok("own")),
            (
                "rustup adds it",
                |root, _| {
                    let lib = root.join("own/lib");
                    let script = format!("[ \"$1 $2 $3\" = 'target add {TARGET}' ] && mkdir {0} && : > {0}/libstd-1.rlib", lib.display());
                    program(&root.join("own/rustup"), &script);
                },
                Ok("own"),
            ),
            ("rustup fails", |_, _| (), Ok("debian")),
            ("rustup says that it did and did not", |root, _| program(&root.join("own/rustup"), "exit 0"), Ok("debian")),
            (
                "somebody wants that sysroot",
                |root, places| {
                    file(&root.join("own/lib/libstd-1.rlib"), "");
                    places.chosen = true;
                },
                Ok("debian"),
            ),
            ("neither", |root, _| fs::remove_file(root.join("debian/rustc")).unwrap(), Err(&["no network", "debian/rustc is not there"])),
            (
                "no sysroot",
                |root, places| {
                    fs::remove_file(root.join("own/rustup")).unwrap();
                    places.sysroot = root.join("other");
                },
                Err(&["rustup cannot be run", "other is not a sysroot for it"]),
            ),
            (
                "another compiler",
                |root, _| file(&root.join("sysroot/RUSTC_VERSION"), "rustc 1.2.2"),
                Err(&["no network", "made by another compiler"]),
            ),
            ("no linker", |_, places| places.path = None, Err(&["no network", "no wasm-ld-22 on the PATH"])),
        ];
        for (number, (case, change, expected)) in cases.into_iter().enumerate() {
            let root = env::temp_dir().join(format!("sluice-toolchain-{}-{number}", std::process::id()));
            let mut places = machine(&root);
            change(&root, &mut places);
            match (places.find(), expected) {
                (Ok(found), Ok(place)) => {
                    assert_eq!(found.cargo, root.join(place).join("cargo"), "{case}");
                    assert_eq!(found.debian.is_some(), place == "debian", "{case}");
                }
                (Err(error), Err(said)) => {
                    assert_eq!(error.tried.len(), said.len(), "{case}: {:?}", error.tried);
                    assert!(error.tried.iter().zip(said).all(|(tried, part)| tried.contains(part)), "{case}: {:?}", error.tried);
                    assert!(error.to_string().contains("rustc-web cargo-web rust-web-src lld-22 && sdk/wasm-sysroot"), "{error}");
                }
                (found, _) => panic!("{case}: {found:?}"),
            }
            fs::remove_dir_all(&root).unwrap();
        }
    }
}
