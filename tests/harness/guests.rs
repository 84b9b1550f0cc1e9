//! The misbehaving plugins of `tests/guests`, as built components. Must not build them: `build.rs` does.

use super::lab::Lab;
use std::fs;
use std::path::Path;

/// Puts the component of the guest `guest-NAME` (built as `NAME.wasm`) into the case's plugin directory, by an atomic
/// rename, as a user would.
pub fn install(lab: &Lab, name: &str) {
    let from = Path::new(env!("SLUICE_GUESTS")).join(format!("{}.wasm", name.trim_start_matches("guest-")));
    let to = lab.dir.join("plugins");
    let half = to.join(format!(".{name}.part"));
    fs::copy(&from, &half).unwrap_or_else(|e| panic!("cannot copy guest {}: {e}", from.display()));
    fs::rename(&half, to.join(format!("{name}.wasm"))).expect("the plugin directory is writable");
}
