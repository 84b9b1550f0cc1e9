//! Plugins in Rust: cargo for WebAssembly without WASI, by the builder that makes the first-party plugins too.

use sluice_plugin_build::Toolchain;

use super::{BuildError, Work};

/// The component of the crate.
pub(super) fn component(work: &Work<'_>) -> Result<Vec<u8>, BuildError> {
    let toolchain = Toolchain::find().map_err(sluice_plugin_build::BuildError::from)?;
    let path = sluice_plugin_build::build_with(&toolchain, work.dir, &work.build.join("rust"))?;
    work.read(&path)
}
