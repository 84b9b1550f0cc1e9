//! SIGTERM and SIGINT: the first one drains, the second one ends the process at once. Nothing else listens to signals.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::lane::Stop;

/// Exit code when a second signal cuts the drain short: what was open is aborted by the next owner.
const CUT_SHORT: i32 = 1;

/// Requests `stop` on the first SIGTERM or SIGINT, from a thread of its own that lives as long as the process.
pub fn on_terminate(stop: Arc<Stop>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut terminate, mut interrupt) =
        runtime.block_on(async { Ok::<_, io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)) })?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            for last in [false, true] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if last {
                    std::process::exit(CUT_SHORT);
                }
                tracing::info!("stopping: finishing open transactions; a second signal ends at once");
                stop.request();
            }
        });
    })?;
    Ok(())
}
