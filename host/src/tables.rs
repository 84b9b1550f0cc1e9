//! Tables for look-ups: read from files and compacted topics, and kept current while a process runs. It must not know
//! plugins or what is looked up; no row is in a message.

mod csv;
mod file;
mod topic;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::chain::PlanError;
use crate::config::plan::{self, Cluster, Plan, TableSource};
use crate::metrics::{Metrics, TableMetrics};
use crate::plugin::{Table, Tables};

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// How long a stop may go unnoticed.
const NOTICE: Duration = Duration::from_millis(50);

/// The tables that steps may use, files read, topics still empty. Whatever cannot be read is reported at its place.
pub fn load(plan: &Plan) -> Result<Tables, Vec<PlanError>> {
    let (mut tables, mut problems) = (Tables::new(), Vec::new());
    for named in used(plan) {
        let table = Arc::new(Table::default());
        if let TableSource::File { path, format } = &named.source {
            match file::read(path, format) {
                Ok(read) => read.put_into(&table),
                Err(why) => {
                    let message = format!("cannot read table {} from {}: {why}", named.name, path.display());
                    problems.push(PlanError { at: named.at.clone(), message });
                }
            }
        }
        tables.insert(named.name.clone(), table);
    }
    if problems.is_empty() { Ok(tables) } else { Err(problems) }
}

/// The clusters that tables are read from.
pub fn clusters(plan: &Plan) -> impl Iterator<Item = &Arc<Cluster>> {
    used(plan).filter_map(|table| match &table.source {
        TableSource::Topic { cluster, .. } => Some(cluster),
        TableSource::File { .. } => None,
    })
}

fn used(plan: &Plan) -> impl Iterator<Item = &Arc<plan::Table>> {
    let named: BTreeSet<&String> = plan.pipelines.iter().flat_map(|pipeline| &pipeline.steps).flat_map(|step| &step.tables).collect();
    plan.tables.values().filter(move |table| named.contains(&table.name))
}

/// The threads that keep tables current: one for all files, one a topic. They end with it.
pub struct Following {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Following {
    /// Begins to follow the tables of `plan`, and returns once every topic was read to the end that it has now.
    pub fn start(plan: &Plan, tables: &Tables, metrics: &Metrics) -> Result<Self, String> {
        let mut following = Following { stop: Arc::default(), threads: Vec::new() };
        let mut files = Vec::new();
        let (ready, first_reads) = mpsc::channel();
        let mut topics = 0;
        for named in used(plan) {
            let Some(table) = tables.get(&named.name).cloned() else { continue };
            let shown = metrics.table(&named.name);
            match &named.source {
                TableSource::File { .. } => files.push((named.clone(), table, shown)),
                TableSource::Topic { topic, cluster } => {
                    let follower = topic::Follower::new(&named.name, (cluster, topic), table, shown, following.stop.clone());
                    let ready = ready.clone();
                    following.spawn(&format!("table-{}", named.name), move || follower.run(&ready))?;
                    topics += 1;
                }
            }
        }
        drop(ready);
        if !files.is_empty() {
            let stop = following.stop.clone();
            following.spawn("tables", move || watch(files, &stop))?;
        }
        for _ in 0..topics {
            // A follower that ends without a word panicked.
            first_reads.recv().map_err(|_| "a table's reader ended".to_owned())??;
        }
        Ok(following)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
        self.threads.push(thread.map_err(|error| format!("cannot start the thread {name}: {error}"))?);
        Ok(())
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that kept a table current panicked");
            }
        }
    }
}

/// Looks at the files now and then; one that cannot be read any more leaves the table as it was.
fn watch(files: Vec<(Arc<plan::Table>, Arc<Table>, TableMetrics)>, stop: &AtomicBool) {
    let mut seen: Vec<_> = files.iter().map(|_| None).collect();
    while !stop.load(Ordering::Relaxed) {
        for ((named, table, shown), seen) in files.iter().zip(&mut seen) {
            let TableSource::File { path, format } = &named.source else { continue };
            let stamp = file::Stamp::of(path);
            if *seen == Some(stamp.clone()) {
                continue;
            }
            match file::read(path, format) {
                Ok(read) if table.now().revision == Some(read.revision) => shown.current(read.rows.len()),
                Ok(read) => {
                    tracing::info!(table = named.name, rows = read.rows.len(), "table read again");
                    shown.current(read.rows.len());
                    read.put_into(table);
                }
                Err(why) => {
                    shown.stale();
                    tracing::warn!(table = named.name, path = %path.display(), "table cannot be read again, its rows stay: {why}");
                }
            }
            // Taken before the file was read: a change meanwhile is seen the next time.
            *seen = Some(stamp);
        }
        pause(LOOK, stop);
    }
}

/// Waits that long or until `stop`.
fn pause(long: Duration, stop: &AtomicBool) {
    let until = Instant::now() + long;
    while Instant::now() < until && !stop.load(Ordering::Relaxed) {
        std::thread::park_timeout(NOTICE);
    }
}

#[cfg(test)]
mod tests;
