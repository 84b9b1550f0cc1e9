//! Runs a fixture through the host's own chain, under the limits of its configuration, at several batch sizes. It must not
//! know what is right: that is the judge's.
//!
//! The configuration is written out as a file of a run would have it, so that the same code reads, checks and builds it.

mod script;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use thiserror::Error;

use super::fixture::{Emitted, Fixture, Header, SCHEMA_ID};
use crate::chain::{CallFailed, Chain, ChainPlan, GaveUp, Row, Sample, Verdict};
use crate::cli::check_selector;
use crate::config;
use crate::gateway::{self, Prepared, RunError};
use crate::plugin::LogMode;
use crate::schemas::SchemaRef;
pub use script::Script;

/// Sizes at which every fixture runs: a record alone, a size that divides nothing, the largest that a run may use.
pub const BATCHES: [usize; 3] = [1, 7, 1_000];

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on, and what was made of it.
    Passed(Out, Vec<Emitted>),
    /// It does not; what was made of it does.
    Dropped(Vec<Emitted>),
    /// It could not be transformed.
    Rejected(String),
}

/// A record that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<Header>,
    pub timestamp: i64,
    /// Where a step chose one.
    pub topic: Option<String>,
}

/// What a run of a fixture was like.
#[derive(Debug)]
pub struct Run {
    /// One a record, in order.
    pub outcomes: Vec<Outcome>,
    /// Selectors that matched nothing for so long that a partition would halt.
    pub drift: Vec<String>,
    /// Why a step failed on a batch without records, which only a fixture without records asks for.
    pub empty: Option<String>,
    /// Rows and processor time of each call, in order.
    pub calls: Vec<(usize, Duration)>,
}

/// A configuration that cannot be run, or a run that ended.
#[derive(Debug, Error)]
pub enum TrialError {
    /// What is wrong with the configuration, each problem with its path.
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
    /// Something else is wrong before the first record.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No instance could be made.
    #[error(transparent)]
    Call(#[from] CallFailed),
    /// A call failed, and no record is to blame.
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
    /// Headers of a record that a step made cannot be read.
    #[error("the headers of a record cannot be read")]
    Headers,
}

/// A fixture's step, ready to be run again and again.
pub struct Trial {
    chain: Arc<ChainPlan>,
    /// Keeps the plugins' host alive.
    _prepared: Prepared,
}

impl Trial {
    /// Builds the chain of a script. `dir` is the plugin directory, where one is needed.
    pub fn prepare(script: &Script, dir: Option<&Path>) -> Result<Trial, TrialError> {
        let (source, places) = script.configuration(dir);
        let env = |name: &str| script.secret(name);
        let plan = config::plan_of(&[source], &check_selector, &env)
            .map_err(|errors| TrialError::Problems(errors.errors().iter().map(|error| places.tell(&error.at, &error.message)).collect()))?;
        let prepared = gateway::prepare(&plan, LogMode::Show).map_err(|error| match error {
            RunError::Steps(problems) => {
                TrialError::Problems(problems.iter().map(|problem| places.tell(&problem.at, &problem.message)).collect())
            }
            other => TrialError::Run(other),
        })?;
        let chain = prepared.chains.first().cloned();
        let chain = chain.ok_or_else(|| TrialError::Problems(vec!["there is no step".into()]))?;
        if let Some(schema) = &script.schema {
            chain.schemas.learn_avro(SchemaRef::Id(SCHEMA_ID), schema.clone());
        }
        Ok(Trial { chain, _prepared: prepared })
    }

    /// Runs the records in batches of at most `size`, in a chain of its own.
    pub fn run(&self, topic: &str, partition: i32, samples: &[Sample], size: usize) -> Result<Run, TrialError> {
        let mut chain = Chain::open(&self.chain)?;
        let mut missed = vec![0; chain.selectors()];
        let mut run = Run { outcomes: Vec::with_capacity(samples.len()), drift: Vec::new(), empty: None, calls: Vec::new() };
        if samples.is_empty() {
            let steps = self.chain.steps.iter();
            run.empty = steps.map(|step| step.try_on(&[step.empty_batch(topic, partition)])).find_map(Result::err).map(|failed| failed.why);
        }
        for batch in samples.chunks(size) {
            let began = used();
            let processed = chain.process(topic, partition, batch, &mut missed);
            run.calls.push((batch.len(), used().saturating_sub(began)));
            let processed = match processed {
                Ok(processed) => processed,
                // A single record that fails is found as in a run: by an instance of its own.
                Err(failed) => {
                    tracing::debug!(%failed, "a call failed; searching for the record");
                    chain.bisect(topic, partition, batch, &mut missed, &|| false)?
                }
            };
            if let Some(drift) = processed.drift {
                run.drift.push(drift.misfit.detail);
            }
            let mut rows = processed.rows.into_iter().peekable();
            for (number, verdict) in processed.verdicts.into_iter().enumerate() {
                let (mut out, mut emitted) = (None, Vec::new());
                while let Some(row) = rows.next_if(|row| row.source == number) {
                    if row.emitted { emitted.push(made(row)?) } else { out = Some(passed(row)?) }
                }
                run.outcomes.push(match (verdict, out) {
                    (Verdict::Failed(failed), _) => Outcome::Rejected(failed.code),
                    (Verdict::Taken, Some(out)) => Outcome::Passed(out, emitted),
                    (Verdict::Taken, None) => Outcome::Dropped(emitted),
                });
            }
        }
        Ok(run)
    }

    /// Processor time that a fresh instance takes, `init` included.
    pub fn start(&self) -> Result<Duration, TrialError> {
        let began = used();
        drop(Chain::open(&self.chain)?);
        Ok(used().saturating_sub(began))
    }

    /// Runs a fixture at one size.
    pub fn run_fixture(&self, fixture: &Fixture, size: usize) -> Result<Run, TrialError> {
        let samples: Vec<Sample> = fixture.samples().into_iter().map(|(_, sample)| sample).collect();
        self.run(&fixture.topic, fixture.partition, &samples, size)
    }
}

/// Processor time of this thread: what others do on a busy machine is no figure of the plugin's. Limits count the same.
fn used() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn headers_of(row: &Row<'_>) -> Result<Vec<Header>, TrialError> {
    let mut headers = Vec::new();
    row.each_header(|name, value| headers.push((name.to_vec(), value.map(<[u8]>::to_vec)))).map_err(|_| TrialError::Headers)?;
    Ok(headers)
}

fn passed(row: Row<'_>) -> Result<Out, TrialError> {
    let headers = headers_of(&row)?;
    Ok(Out { key: row.key.map(Into::into), value: row.value.map(Into::into), headers, timestamp: row.timestamp, topic: row.topic })
}

fn made(row: Row<'_>) -> Result<Emitted, TrialError> {
    let Out { key, value, headers, topic, .. } = passed(row)?;
    Ok(Emitted { key, value, headers, topic })
}
