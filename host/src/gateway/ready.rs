//! What a run waits for before it begins: every cluster answers, every plugin is compiled and every step tried, all at the
//! same time. It must not start a pipeline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;

use super::{LOOK, Prepared, RunError, observer, prepare_with, registry};
use crate::config::plan::{Cluster, Plan};
use crate::kafka;
use crate::lane::Stop;
use crate::plugin::limits::CALLER_STACK_BYTES;
use crate::plugin::{LogMode, Plugins};
use crate::plugins;
use crate::tables;

/// Everything that a run begins with.
pub(super) struct Ready {
    pub plan: Plan,
    pub host: Plugins,
    pub prepared: Prepared,
    /// Cluster ids by name.
    pub ids: BTreeMap<String, String>,
}

/// One thing that was waited for.
enum News {
    Prepared(Box<Result<(Plan, Plugins, Prepared), RunError>>),
    Reached(String, Result<String, RunError>),
}

/// Reaches the clusters and prepares the steps. The first failure counts, so that a mistake in the configuration waits for no
/// cluster, and an unreachable cluster for no compiler; what goes on then ends with the process, or by its own limits.
pub(super) fn begin(plan: Plan, stop: &Stop) -> Result<Ready, RunError> {
    let (sender, news) = channel();
    let clusters = clusters(&plan);
    let mut awaited: BTreeSet<String> = clusters.keys().cloned().collect();
    ask(clusters, &sender)?;
    let prepare = move || {
        let prepared = plugins::host(&plan.plugins).map_err(RunError::from).and_then(|host| {
            let prepared = prepare_with(&plan, registry(&host, &plan)?, LogMode::Count)?;
            Ok((plan, host, prepared))
        });
        tell(&sender, News::Prepared(Box::new(prepared)));
    };
    // Plugins are described and begun on this thread.
    let prepare = thread::Builder::new().name("prepare".into()).stack_size(2 * CALLER_STACK_BYTES).spawn(prepare);
    prepare.map_err(|error| no_thread(&error))?;
    let (mut ids, mut prepared) = (BTreeMap::new(), None);
    loop {
        match news.recv_timeout(LOOK) {
            Ok(News::Prepared(done)) => prepared = Some((*done)?),
            Ok(News::Reached(cluster, id)) => {
                awaited.remove(&cluster);
                ids.insert(cluster, id?);
            }
            Err(RecvTimeoutError::Timeout) if stop.requested() => return Err(RunError::Stopped),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(RunError::Client("a thread that prepares the run ended without a word".into()));
            }
        }
        if awaited.is_empty()
            && let Some((plan, host, prepared)) = prepared.take()
        {
            return Ok(Ready { plan, host, prepared, ids });
        }
    }
}

/// Cluster ids by name; the slowest cluster decides how long it takes.
pub(super) fn reach_all(plan: &Plan) -> Result<BTreeMap<String, String>, RunError> {
    let (sender, news) = channel();
    ask(clusters(plan), &sender)?;
    drop(sender);
    let reached = news.into_iter().filter_map(|news| match news {
        News::Reached(cluster, id) => Some((cluster, id)),
        News::Prepared(_) => None,
    });
    reached.map(|(cluster, id)| Ok((cluster, id?))).collect()
}

fn clusters(plan: &Plan) -> BTreeMap<String, Arc<Cluster>> {
    let pipelines = plan.pipelines.iter().flat_map(|pipeline| [&pipeline.source, &pipeline.target]);
    pipelines.chain(tables::clusters(plan)).map(|cluster| (cluster.name.clone(), Arc::clone(cluster))).collect()
}

/// Asks each cluster for its id, on a thread of its own that ends within [`kafka::REACHABLE_WITHIN`] whoever listens.
fn ask(clusters: BTreeMap<String, Arc<Cluster>>, sender: &Sender<News>) -> Result<(), RunError> {
    for (name, cluster) in clusters {
        let sender = sender.clone();
        let ask = move || {
            let reached = observer(&cluster).and_then(|client| Ok(kafka::reach(&cluster, &client)?));
            tell(&sender, News::Reached(name, reached));
        };
        thread::Builder::new().name("reach".into()).spawn(ask).map_err(|error| no_thread(&error))?;
    }
    Ok(())
}

fn tell(sender: &Sender<News>, news: News) {
    if sender.send(news).is_err() {
        tracing::debug!("nobody waits for this any more");
    }
}

fn no_thread(error: &std::io::Error) -> RunError {
    RunError::Client(format!("cannot start a thread: {error}"))
}
