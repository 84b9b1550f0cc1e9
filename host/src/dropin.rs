//! Plugins dropped in while the process runs: a thread looks at the plugin directory, tries what is new there off the
//! lanes, and admits it. It must not touch a lane: lanes look at what is admitted, each between two transactions.
//!
//! ```text
//! file ──settled──▶ read once, hashed ──▶ trusted? ──▶ compiled, described ──▶ built for every step, `init`ed
//!                                                                                     │
//!   lanes, one by one ◀── admitted ◀── tried on the last records that passed ◀────────┘
//! ```
//!
//! Whatever fails on this way leaves the running component in place and is told in the log (`audit.plugin_refused`),
//! in `sluice_plugin_swaps_total` and in the status. The directory is looked at once a second: polling works on every
//! file system, a network's too, and needs neither a crate nor a limit of watches.

mod files;
mod switch;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::chain::Lent;
use crate::config::plan;
use crate::lane::Stop;
use crate::metrics::Metrics;
use crate::pipeline::Running;
use crate::plugin::Plugins;
use crate::plugin::limits::CALLER_STACK_BYTES;
use crate::plugins::Registry;
use crate::plugins::trust::places;
use files::Files;
use switch::Switch;

/// Time between two looks at the directory. A file is read once two looks have found it in the same state.
const LOOK: Duration = Duration::from_secs(1);

/// How often the thread asks whether it is to end.
const ASK: Duration = Duration::from_millis(50);

/// How long the end of the process waits for a plugin that is being looked at.
const END_WITHIN: Duration = Duration::from_secs(2);

/// What the watch works with.
pub struct Parts {
    pub host: Plugins,
    pub registry: Registry,
    pub config: plan::Plugins,
    pub lent: Lent,
    pub metrics: Metrics,
    pub running: Arc<Vec<Running>>,
}

/// The watch over the plugin directory; its thread ends with [`Watch::join`].
pub struct Watch {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to watch; without a directory there is nothing to watch.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let Some((dir, lock)) = places(&parts.config) else { return Ok(Self { stop, thread: None }) };
        let until = stop.clone();
        // Plugins are described, begun and tried on this thread.
        let thread = thread::Builder::new()
            .name("plugin watch".to_owned())
            .stack_size(2 * CALLER_STACK_BYTES)
            .spawn(move || watch(dir, lock, parts, &until))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the thread. A plugin that is being compiled or tried is not waited for longer than [`END_WITHIN`]: nothing of
    /// it is admitted any more, and it ends with the process.
    pub fn join(&mut self) {
        self.stop.request();
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + END_WITHIN;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::park_timeout(ASK);
        }
        if !thread.is_finished() {
            tracing::info!("a plugin is still being looked at; it is left");
        } else if thread.join().is_err() {
            tracing::error!("the plugin watch panicked");
        }
    }
}

fn watch(dir: PathBuf, lock: PathBuf, parts: Parts, stop: &Stop) {
    let unusable = parts.registry.unusable().to_vec();
    let mut files = Files::new(dir, lock, parts.config.trust, &unusable);
    let mut switch = Switch::new(parts.registry, parts.lent, parts.metrics, parts.running);
    unusable.iter().for_each(|unusable| switch.failed_before(files::stem(&unusable.file).as_deref()));
    let mut next = Instant::now();
    while !stop.requested() {
        if Instant::now() < next {
            thread::park_timeout(ASK);
            continue;
        }
        files.look(&parts.host, &mut switch);
        next = Instant::now() + LOOK;
    }
}
