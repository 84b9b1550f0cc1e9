//! Plugins in C: clang with wasi-libc, or zig, which brings its own. The bindings are in the folder, so that a compiler is
//! all that is needed. It must not know the program's sources beyond their names: every `*.c` of the folder is one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{BuildError, Work};
use crate::toolkit::tools::{self, Missing};

/// Where Debian's wasi-libc is, and what of it is looked for.
const SYSTEM_LIBC: &str = "/usr/lib/wasm32-wasi/libc.a";

/// A compiler with a C library for WebAssembly.
enum Compiler {
    /// The compiler, and the linker where it would not find it by itself.
    Clang { clang: PathBuf, linker: PathBuf, sysroot: Option<PathBuf> },
    /// The program and what comes before `cc`.
    Zig { program: PathBuf, arguments: &'static [&'static str] },
}

/// The component of all C sources of the folder.
pub(super) fn component(work: &Work<'_>) -> Result<Vec<u8>, BuildError> {
    let compiler = match find() {
        Ok(compiler) => compiler,
        Err(missing) => return Err(BuildError::Missing { dir: work.dir.to_owned(), missing }),
    };
    let module = work.build.join("plugin.module.wasm");
    let mut command = compiler.command();
    command.current_dir(work.dir).args(["-O2", "-Wall", "-mexec-model=reactor", "-Wl,--strip-all", "-I."]).arg("-o").arg(&module);
    command.args(sources(work.dir)?);
    tools::run(&mut command).map_err(|source| work.tool(source))?;
    work.bare(&module)
}

/// Every `*.c` of the folder and of `sluice/`, sorted, relative to it: the order of files is part of the result.
fn sources(dir: &Path) -> Result<Vec<OsString>, BuildError> {
    let mut found = Vec::new();
    for below in ["", "sluice"] {
        let path = dir.join(below);
        let failed = |source| BuildError::Io { doing: "read", path: path.clone(), source };
        if !path.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if Path::new(&name).extension().is_some_and(|extension| extension == "c") {
                found.push(Path::new(below).join(name).into_os_string());
            }
        }
    }
    found.sort();
    Ok(found)
}

impl Compiler {
    fn command(&self) -> Command {
        match self {
            Compiler::Clang { clang, linker, sysroot } => {
                let mut command = Command::new(clang);
                // Newer compilers call the target wasip1; the libraries of distributions lie under the older name.
                command.args(["--target=wasm32-wasi", "-Wno-deprecated"]).arg(format!("-fuse-ld={}", linker.display()));
                if let Some(sysroot) = sysroot {
                    command.arg(format!("--sysroot={}", sysroot.display()));
                }
                command
            }
            Compiler::Zig { program, arguments } => {
                let mut command = Command::new(program);
                command.args(*arguments).args(["cc", "-target", "wasm32-wasi"]);
                command
            }
        }
    }
}

/// clang with a library for WebAssembly (wasi-sdk's where `WASI_SDK_PATH` names one, else the system's), else zig.
fn find() -> Result<Compiler, Vec<Missing>> {
    if let Some(sdk) = std::env::var_os("WASI_SDK_PATH").map(PathBuf::from) {
        let (clang, linker) = (sdk.join("bin/clang"), sdk.join("bin/wasm-ld"));
        if tools::is_program(&clang) && tools::is_program(&linker) {
            return Ok(Compiler::Clang { clang, linker, sysroot: Some(sdk.join("share/wasi-sysroot")) });
        }
    }
    let (clang, linker) = (tools::find_versioned("clang"), tools::find_versioned("wasm-ld"));
    let mut missing = Vec::new();
    match (clang, linker) {
        (Some(clang), Some(linker)) if Path::new(SYSTEM_LIBC).is_file() => {
            return Ok(Compiler::Clang { clang, linker, sysroot: None });
        }
        (clang, linker) => {
            for (here, what) in [
                (clang.is_some(), "clang"),
                (linker.is_some(), "wasm-ld, the linker for WebAssembly"),
                (Path::new(SYSTEM_LIBC).is_file(), "wasi-libc, the C library for WebAssembly"),
            ] {
                if !here {
                    missing.push(what);
                }
            }
        }
    }
    if let Some(program) = tools::find(&["zig"]) {
        return Ok(Compiler::Zig { program, arguments: &[] });
    }
    if let Some(program) = tools::find(&["python3"])
        && tools::run(Command::new(&program).args(["-m", "ziglang", "version"])).is_ok()
    {
        return Ok(Compiler::Zig { program, arguments: &["-m", "ziglang"] });
    }
    let install = tools::apt("clang lld wasi-libc libclang-rt-dev-wasm32", "python3 -m pip install ziglang");
    Err(vec![Missing { what: missing.join(" and "), install }])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_compiled_in_a_fixed_order() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sluice")).unwrap();
        for file in ["plugin.c", "mask.c", "mask.h", "sluice/transform.c", "sluice/sluice.c"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        assert_eq!(sources(dir.path()).unwrap(), ["mask.c", "plugin.c", "sluice/sluice.c", "sluice/transform.c"]);
    }
}
