//! Plugins in Go: the standard compiler, as a reactor for WASI preview 1 whose system calls become stubs. The bindings are
//! in the folder and there is no module to fetch.

use std::process::Command;

use super::{BuildError, Work};
use crate::toolkit::tools::{self, Missing};

/// The first version with `-buildmode=c-shared` and `//go:wasmexport` for WebAssembly.
const LEAST: (u32, u32) = (1, 24);

/// The component of the module in the folder.
pub(super) fn component(work: &Work<'_>) -> Result<Vec<u8>, BuildError> {
    let install = tools::apt("golang", "the installer of https://go.dev/dl");
    let found = tools::find(&["go"]).and_then(|go| tools::version(&tools::run(Command::new(go).arg("version")).ok()?));
    let missing = match found {
        None => vec![Missing { what: "go".into(), install }],
        Some(version) if version < LEAST => {
            let what = format!("go {}.{} or later (there is {}.{})", LEAST.0, LEAST.1, version.0, version.1);
            vec![Missing { what, install: format!("go install golang.org/dl/go{}.{}.0@latest && go{0}.{1}.0 download", LEAST.0, LEAST.1) }]
        }
        Some(_) => Vec::new(),
    };
    work.missing(missing)?;
    let module = work.build.join("plugin.module.wasm");
    let mut command = Command::new("go");
    command.current_dir(work.dir).env("GOOS", "wasip1").env("GOARCH", "wasm");
    // Nothing of this machine in the result: the same source gives the same digest.
    command.args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o"]).arg(&module).arg(".");
    tools::run(&mut command).map_err(|source| work.tool(source))?;
    work.bare(&module)
}
