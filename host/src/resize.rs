//! Moves a pipeline that stands still to another number of lanes: the one thing that may change it. It must not move a
//! pipeline that somebody runs, and touches no data topic.

use crate::config::plan::Pipeline;
use crate::failpoint;
use crate::standstill::{MoveError, Standstill, gather};
use crate::topics::{StateTopics, TargetTopics, TopicError};

/// What a resize did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resized {
    /// Lanes before.
    pub from: u32,
    /// Lanes now.
    pub to: u32,
    /// Positions moved.
    pub positions: usize,
}

/// Why a pipeline was not resized. Nothing is lost then; it can be tried again.
#[derive(Debug, thiserror::Error)]
pub enum ResizeError {
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error(
        "a rekey of pipeline {0} was broken off, and what it has deleted is still to be copied anew; run `sluice rekey apply` to its end first"
    )]
    Rekeying(String),
}

impl From<TopicError> for ResizeError {
    fn from(error: TopicError) -> Self {
        Self::Move(error.into())
    }
}

/// Gives `pipeline` the lanes that its configuration says. None: it has them already.
pub fn resize(pipeline: &Pipeline, owner: &str) -> Result<Option<Resized>, ResizeError> {
    let target = TargetTopics::new(&pipeline.target, false)?;
    let old = StateTopics::current(&pipeline.target, &target.observer(), &pipeline.name, None)?;
    let Some(from) = target.partition_count(&old.positions)?.map(|count| count as u32) else {
        return Err(MoveError::NotBegun(pipeline.name.clone()).into());
    };
    if from == pipeline.lanes {
        return Ok(None);
    }
    let mut lanes = Standstill::take(pipeline, &target, &old, from)?;
    if lanes.read()?.iter().filter_map(|lane| lane.control.as_ref()).any(|control| control.rekeying.is_some()) {
        return Err(ResizeError::Rekeying(pipeline.name.clone()));
    }
    let next = lanes.next()?;
    let found = lanes.mark(next.generation, owner, &|_, _| {})?;
    failpoint::hit("in_resize");
    target.ensure_state(&next, pipeline.lanes)?;
    let moved = gather(pipeline, &found, &old, owner)?;
    lanes.write(&next, &moved, "before_resize_commit")?;
    Ok(Some(Resized { from, to: pipeline.lanes, positions: moved.positions.len() }))
}
