//! Plugins in Python: componentize-py puts the interpreter, the standard library and the source into one component, with
//! the system calls replaced by stubs.

use std::path::PathBuf;
use std::process::Command;

use super::{BuildError, Work};
use crate::toolkit::tools::{self, Missing};

/// The version that is tried with every release; another one may speak another component model.
const VERSION: &str = "0.25.1";

/// The component of `plugin.py`.
pub(super) fn component(work: &Work<'_>) -> Result<Vec<u8>, BuildError> {
    let program = work.tool_path(&[".venv/bin/componentize-py", "venv/bin/componentize-py"]);
    let program = program.or_else(|| tools::find(&["componentize-py"]));
    let Some(program) = program else {
        let venv = work.dir.join(".venv");
        let venv = venv.display();
        let mut missing = Vec::new();
        // Debian has venv in a package of its own, which shows in what it needs.
        if tools::find(&["python3"]).is_none_or(|python| tools::run(Command::new(python).args(["-c", "import ensurepip, venv"])).is_err()) {
            let install = tools::apt("python3 python3-venv", "the installer of https://www.python.org");
            missing.push(Missing { what: "python3 with venv".into(), install });
        }
        let install = format!("python3 -m venv {venv} && {venv}/bin/pip install componentize-py=={VERSION}");
        missing.push(Missing { what: "componentize-py".into(), install });
        return Err(BuildError::Missing { dir: work.dir.to_owned(), missing });
    };
    let out = work.build.join("plugin.component.wasm");
    let mut command = Command::new(program);
    command.current_dir(work.dir).args(["-d", "wit/v0.1.0", "-w", "transform", "componentize", "--stub-wasi", "plugin", "-p", ".", "-o"]);
    // Another environment that is active here would be packed as well.
    command.arg(&out).env_remove("VIRTUAL_ENV").env_remove("PYTHONPATH");
    tools::run(&mut command).map_err(|source| work.tool(source))?;
    work.read(&out)
}

impl Work<'_> {
    /// The first of these programs that is in the folder.
    fn tool_path(&self, paths: &[&str]) -> Option<PathBuf> {
        paths.iter().map(|path| self.dir.join(path)).find(|path| tools::is_program(path))
    }
}
