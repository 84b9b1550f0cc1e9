//! Plugins in JavaScript: componentize-js puts an engine and the source into one component, with everything that would
//! reach outside switched off.

use std::process::Command;

use super::{BuildError, Work};
use crate::toolkit::tools::{self, Missing};

/// The first version of node that the packager works with.
const LEAST: (u32, u32) = (20, 0);
/// The packager, below the folder.
const PACKAGER: &str = "node_modules/@bytecodealliance/componentize-js/package.json";

/// What node is to do; it finds the packager from the directory it runs in.
const SCRIPT: &str = r"
import { componentize } from '@bytecodealliance/componentize-js';
import { writeFile } from 'node:fs/promises';
const [sourcePath, witPath, out] = process.argv.slice(1);
const disableFeatures = ['clocks', 'http', 'random', 'stdio', 'fetch-event'];
const { component } = await componentize({ sourcePath, witPath, worldName: 'transform', disableFeatures });
await writeFile(out, component);
";

/// The component of `plugin.js`.
pub(super) fn component(work: &Work<'_>) -> Result<Vec<u8>, BuildError> {
    let mut missing = Vec::new();
    let node = tools::find(&["node"]).and_then(|node| tools::version(&tools::run(Command::new(node).arg("--version")).ok()?));
    if node.is_none_or(|version| version < LEAST) {
        let install = tools::apt("nodejs npm", "the installer of https://nodejs.org");
        missing.push(Missing { what: format!("node {} or later", LEAST.0), install });
    }
    if !work.dir.join(PACKAGER).is_file() {
        let install = format!("npm install --prefix {}", work.dir.display());
        missing.push(Missing { what: "@bytecodealliance/componentize-js".into(), install });
    }
    work.missing(missing)?;
    let out = work.build.join("plugin.component.wasm");
    let mut command = Command::new("node");
    command.current_dir(work.dir).args(["--input-type=module", "--eval", SCRIPT, "plugin.js", "wit/v0.1.0"]).arg(&out);
    tools::run(&mut command).map_err(|source| work.tool(source))?;
    work.read(&out)
}
