//! Plugins in Go: the standard compiler, as a reactor for WASI preview 1 whose system calls become stubs. The bindings are
//! in the folder and there is no module to fetch.

use std::env::consts::{ARCH, OS};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, Work};
use crate::toolkit::tools::{self, Missing};

/// The first version with `-buildmode=c-shared` and `//go:wasmexport` for WebAssembly.
const LEAST: (u32, u32) = (1, 24);
/// The one that is fetched where there is only an older one.
const FETCHED: &str = "1.24.6";

/// The component of the module in the folder.
pub(super) fn component(work: &Work<'_>) -> Result<Vec<u8>, BuildError> {
    let go = match find(work.dir) {
        Ok(go) => go,
        Err(missing) => return Err(BuildError::Missing { dir: work.dir.to_owned(), missing: vec![missing] }),
    };
    let module = work.build.join("plugin.module.wasm");
    let mut command = Command::new(go);
    command.current_dir(work.dir).env("GOOS", "wasip1").env("GOARCH", "wasm");
    // Nothing of this machine in the result: the same source gives the same digest.
    command.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o"]).arg(&module).arg(".");
    tools::run(&mut command).map_err(|source| work.tool(source))?;
    work.bare(&module)
}

/// Go, new enough: the one on the `PATH` (from 1.21 on it fetches what `go.mod` asks for by itself, unless it is told not
/// to), or a toolchain that it keeps among its modules.
fn find(dir: &Path) -> Result<PathBuf, Missing> {
    let Some(go) = tools::find(&["go"]) else {
        return Err(Missing { what: "go".into(), install: tools::apt("golang-go", "the installer of https://go.dev/dl") });
    };
    let said = |arguments: &[&str]| tools::run(Command::new(&go).current_dir(dir).args(arguments)).unwrap_or_default();
    let version = tools::version(&said(&["version"])).unwrap_or_default();
    if version >= LEAST {
        return Ok(go);
    }
    let kept = PathBuf::from(said(&["env", "GOMODCACHE"]).trim()).join("golang.org");
    if let Some(go) = toolchain(&kept) {
        return Ok(go);
    }
    let what = format!("go {}.{} or later (there is {}.{})", LEAST.0, LEAST.1, version.0, version.1);
    let name = format!("golang.org/toolchain@v0.0.1-go{FETCHED}.{}", platform());
    // Modules are kept without the right to run: a newer Go gives it by itself.
    let install = format!(r#"go mod download {name} && chmod -R u+x "$(go env GOMODCACHE)/{name}""#);
    Err(Missing { what, install })
}

/// The newest toolchain for this machine in a directory such as `$GOMODCACHE/golang.org`.
fn toolchain(kept: &Path) -> Option<PathBuf> {
    let mut found: Vec<((u32, u32), PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(kept).ok()?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let version = name.strip_prefix("toolchain@v0.0.1-go").and_then(|rest| rest.strip_suffix(&format!(".{}", platform())));
        let program = entry.path().join("bin/go");
        if let Some(version) = version.and_then(tools::version)
            && version >= LEAST
            && tools::is_program(&program)
        {
            found.push((version, program));
        }
    }
    found.into_iter().max().map(|(_, program)| program)
}

/// This machine, as Go names it.
fn platform() -> String {
    let os = if OS == "macos" { "darwin" } else { OS };
    let arch = match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("{os}-{arch}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_newest_toolchain_that_can_run_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let make = |version: &str, platform: &str, mode| {
            let go = dir.path().join(format!("toolchain@v0.0.1-go{version}.{platform}/bin/go"));
            std::fs::create_dir_all(go.parent().unwrap()).unwrap();
            std::fs::write(&go, "").unwrap();
            std::fs::set_permissions(&go, std::fs::Permissions::from_mode(mode)).unwrap();
            go
        };
        assert_eq!(toolchain(dir.path()), None);
        make("1.23.4", &platform(), 0o755);
        make("1.26.0", "plan9-386", 0o755);
        make("1.27.0", &platform(), 0o444);
        assert_eq!(toolchain(dir.path()), None);
        let older = make("1.24.6", &platform(), 0o755);
        assert_eq!(toolchain(dir.path()), Some(older));
        let newer = make("1.25.0", &platform(), 0o755);
        assert_eq!(toolchain(dir.path()), Some(newer));
        assert_eq!(toolchain(&dir.path().join("none")), None);
    }
}
