//! Makes anew what a pipeline has on the target, after its rules or keys changed: the old records become unreachable in
//! place, and the pipeline begins their source topics again. It must not lose a record, double one, or leave an old one
//! to be read behind a verdict that says done. It copies nothing itself: the next `sluice run` does.
//!
//! ```text
//! nobody runs it ─▶ fence and read every lane ─▶ plan: refuse what cannot be made again ─▶ mark every lane ─▶ ends of the
//! target partitions ─▶ delete below them ─▶ the next generation of the pipeline's topics, in one transaction
//! ```
//!
//! The marks come before the first deletion, so that nobody goes on from positions whose records are gone; the positions
//! that begin anew come after the last one, so that nothing new is deleted. Broken off anywhere between, every lane halts
//! until `apply` is run again, which repeats all of it: deleting below an end twice deletes no more than once.
//!
//! A topic begins at the first offset that was ever copied of it, whatever `start` says today: the new records are those
//! of the old ones.

mod apply;
pub mod coverage;
pub mod judge;
pub mod loss;
pub mod plan;
mod purge;
mod settings;
mod survey;
pub mod verdict;

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::BaseConsumer;

use crate::config::plan::{Cluster, Pipeline};
use crate::kafka::{self, Context, Unreachable};
use crate::pipeline::Admission;
use crate::position::Declined;
use crate::scan::ScanError;
use crate::standstill::MoveError;
use crate::topics::{StateTopics, TargetTopics, TopicError};
use crate::view::View;
use plan::{Facts, Plan};
use settings::Settings;
use survey::State;

/// How long one question to a cluster may take.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// How long the positions may take to be read.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// Why a pipeline was not rekeyed, or cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error(transparent)]
    Topic(#[from] TopicError),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("cannot {doing} on {cluster}: {reason}")]
    Ask { doing: String, cluster: String, reason: String },
    #[error("cannot rekey: {}", .0.join("; "))]
    Refused(Vec<String>),
    #[error("cannot make all of it again: {}; --accept-loss goes on without it", .0.join("; "))]
    Loss(Vec<String>),
    #[error(
        "cannot rekey to this configuration: it was replaced {} configuration(s) ago; update the file, or name --readmit to go back on purpose", .0.behind
    )]
    Declined(#[from] Declined),
    #[error("the lanes moved while they were looked at: a process ran the pipeline for a moment; stop it and run this again")]
    Moved,
}

impl RekeyError {
    /// Whether nothing failed: what was asked for is not safe.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_)
                | Self::Loss(_)
                | Self::Declined(_)
                | Self::Moved
                | Self::Move(MoveError::Running { .. } | MoveError::Lanes { .. })
        )
    }
}

/// A pipeline, what is to be admitted to it, and its clusters.
pub struct Rekey<'a> {
    pub pipeline: &'a Pipeline,
    pub admission: Admission,
    /// Source topics that were named; none: all.
    pub topics: BTreeSet<String>,
    /// Cluster id of the source.
    source_id: String,
    source: BaseConsumer<Context>,
    target: TargetTopics,
    /// Of the target's topics.
    settings: Settings,
    source_settings: Settings,
}

/// What `apply` did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Everything was done before.
    Already,
    /// These source topics begin anew with the next run.
    Begun(BTreeSet<String>),
}

impl<'a> Rekey<'a> {
    /// Reaches both clusters.
    pub fn new(pipeline: &'a Pipeline, admission: Admission, topics: BTreeSet<String>) -> Result<Self, RekeyError> {
        let client = |cluster: &Cluster| kafka::observer(cluster).map_err(|error| TopicError::client(cluster, &error));
        let source = client(&pipeline.source)?;
        let source_id = kafka::reach(&pipeline.source, &source)?;
        kafka::reach(&pipeline.target, &client(&pipeline.target)?)?;
        let target = TargetTopics::new(&pipeline.target, false)?;
        let (settings, source_settings) = (Settings::new(&pipeline.target)?, Settings::new(&pipeline.source)?);
        Ok(Self { pipeline, admission, topics, source_id, source, target, settings, source_settings })
    }

    /// What `apply` would do. Changes nothing.
    pub fn plan(&self) -> Result<Plan, RekeyError> {
        let (topics, lanes) = self.state_topics()?;
        let state = self.committed(&topics, lanes)?;
        Ok(Plan::make(&self.facts(&topics, lanes, state)?))
    }

    /// The topics that hold the pipeline's state now, and their number of lanes.
    fn state_topics(&self) -> Result<(StateTopics, u32), RekeyError> {
        let name = &self.pipeline.name;
        let topics = StateTopics::current(&self.pipeline.target, &self.target.observer(), name, None)?;
        let lanes = self.target.partition_count(&topics.positions)?.ok_or_else(|| MoveError::NotBegun(name.clone()))?;
        Ok((topics, lanes as u32))
    }

    /// What is committed, without taking a lane.
    fn committed(&self, topics: &StateTopics, lanes: u32) -> Result<State, RekeyError> {
        let pipeline = self.pipeline;
        let failed = |reason: String| RekeyError::Ask { doing: "read the positions".into(), cluster: pipeline.target.name.clone(), reason };
        let snapshot = View::read_once(&pipeline.target, &pipeline.name, &topics.positions, lanes, READ_WITHIN)
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed(format!("their end was not reached within {} s", READ_WITHIN.as_secs())))?;
        if snapshot.unreadable > 0 {
            return Err(failed(format!("{} records of {} are none that this version writes", snapshot.unreadable, topics.positions)));
        }
        Ok(State { controls: snapshot.controls, positions: snapshot.positions })
    }

    /// The facts. Refused where nothing that the clusters say would mean anything.
    fn facts(&self, topics: &StateTopics, lanes: u32, state: State) -> Result<Facts, RekeyError> {
        let name = &self.pipeline.name;
        if state.controls.is_empty() {
            return Err(MoveError::NotBegun(name.clone()).into());
        }
        if let Some(control) = state.controls.values().find(|control| control.lanes != lanes) {
            let recorded = control.lanes;
            return Err(RekeyError::Refused(vec![format!(
                "pipeline {name} was made with {recorded} lanes, but {lanes} partitions of topic {} are to be seen; wait until the brokers show all of it",
                topics.positions
            )]));
        }
        if lanes != self.pipeline.lanes {
            let wanted = self.pipeline.lanes;
            return Err(RekeyError::Refused(vec![format!(
                "pipeline {name} has {lanes} lanes, the file says {wanted}; set lanes: {lanes} back, or run `sluice lanes resize`"
            )]));
        }
        if let Some(control) = state.controls.values().find(|control| control.source != self.source_id) {
            return Err(RekeyError::Refused(vec![format!(
                "the positions are of source cluster {}, the configured source is {}: nothing can be made again from another cluster",
                control.source, self.source_id
            )]));
        }
        survey::facts(self, topics, state)
    }
}
