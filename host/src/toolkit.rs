//! What the author of a plugin works with: a folder to begin from, the tool chain that builds it, fixtures that judge it,
//! a watch that shows what it does. It must not print or end the process, and runs plugins only through the host's own
//! chain and limits.
//!
//! In the order of the work: [`language`] and [`template`] (a folder to begin with), [`tools`] and [`build`] (a component
//! of it), [`fixture`] (what it must do), [`trial`] and [`judge`] (what it does, and whether that is right), [`update`]
//! (what it does becomes what it must do), [`timing`] (how long it takes), [`watch`] (again, at every save).

pub mod build;
pub mod fixture;
pub mod judge;
pub mod language;
pub mod stage;
pub mod tail;
pub mod template;
pub mod timing;
pub mod tools;
pub mod trial;
pub mod update;
pub mod watch;

use std::time::Duration;

use crate::plugin::{Cache, Compile, Limits, Plugins, SetUpError};

/// How long one plugin may compile for its author. Longer than in a run, for a laptop may be busy. What was compiled here is
/// kept for the tools alone: a run compiles it again, within its own limit.
const COMPILE_TIME: Duration = Duration::from_secs(600);

/// The plugin host of the tools: as that of a run, but for the time to compile.
pub fn host() -> Result<Plugins, SetUpError> {
    let limits = Limits { compile_time: COMPILE_TIME, ..Limits::default() };
    Plugins::new(limits, Compile::in_child(), Cache::open(Cache::default_dir())?)
}
