//! Records and steps that do not go together any more: what is wrong, in a word and a sentence, and the watch for selectors
//! that match nothing. It must not halt anything; the lane does.

use super::plan::ChainPlan;
use crate::lane::UNMATCHED_WINDOW;
use crate::schemas::SchemaRef;

/// The count of a selector that left its trace: once is enough.
const TOLD: u32 = u32::MAX;

/// What does not go together, in a word: the label of metrics and audit events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftKind {
    /// A selector that cannot match the schema, or that matched nothing for a whole window.
    Unmatched,
    /// A schema with a field that an allow list names nowhere.
    Unlisted,
    /// A schema with a map that is masked, and whose names would stay.
    MapNames,
    /// A schema with a place that cannot take what its operator makes.
    Type,
}

impl DriftKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unmatched => "unmatched",
            Self::Unlisted => "unlisted",
            Self::MapNames => "map_names",
            Self::Type => "type",
        }
    }
}

/// What does not go together, wherever it was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub kind: DriftKind,
    /// The schema that says so; none where the records do.
    pub schema: Option<SchemaRef>,
    /// A sentence without data.
    pub detail: String,
}

/// Records and step do not go together any more.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", misfit.detail)]
pub struct Drift {
    pub misfit: Misfit,
    /// The record after which, or the one before which, it stands still.
    pub offset: i64,
}

/// A selector that is watched: it must match now and then.
pub struct Watched {
    pub(super) step: usize,
    pub(super) selector: String,
    /// Whether it halts the partition, or only leaves a trace.
    pub(super) halts: bool,
}

impl Watched {
    fn misfit(&self) -> Misfit {
        let what = format!("selector {} of step {} matched nothing in {UNMATCHED_WINDOW} records", self.selector, self.step + 1);
        let detail = match self.halts {
            true => format!("{what}: a typo, or the field was renamed; correct it, or set unmatched: allow on purpose"),
            false => what,
        };
        Misfit { kind: DriftKind::Unmatched, schema: None, detail }
    }
}

/// Counts, per watched selector, records in a row without a match; keeps the first thing that does not go together.
pub struct Missed<'a> {
    plan: &'a ChainPlan,
    topic: &'a str,
    partition: i32,
    counts: &'a mut [u32],
    drift: Option<Drift>,
}

impl<'a> Missed<'a> {
    /// `counts` has an entry for each watched selector, as the partition's last batch left it.
    pub(super) fn new(plan: &'a ChainPlan, topic: &'a str, partition: i32, counts: &'a mut [u32]) -> Self {
        Self { plan, topic, partition, counts, drift: None }
    }

    /// The first of all.
    pub(super) fn into_drift(self) -> Option<Drift> {
        self.drift
    }

    /// Notes a misfit at a source offset; of several the one at the lowest offset stays.
    pub(super) fn drifted(&mut self, misfit: Misfit, offset: i64) {
        if self.drift.as_ref().is_none_or(|drift| offset < drift.offset) {
            self.drift = Some(Drift { misfit, offset });
        }
    }

    /// What would be drift, had the configuration not said on purpose that it is none: a trace of it, and no more.
    pub(super) fn allowed(&self, misfit: &Misfit, offset: i64) {
        let schema = misfit.schema.map(|schema| schema.to_string());
        tracing::warn!(
            event = "audit.drift",
            pipeline = self.plan.pipeline,
            topic = self.topic,
            partition = self.partition,
            offset,
            kind = misfit.kind.as_str(),
            schema,
            halted = false,
            "{}; going on, as the step says",
            misfit.detail
        );
    }

    /// `number` is None for selectors that nobody watches.
    pub(super) fn saw(&mut self, number: Option<usize>, matched: bool, offset: i64) {
        let Some(number) = number else { return };
        let count = &mut self.counts[number];
        if *count == TOLD {
            return;
        }
        *count = if matched { 0 } else { *count + 1 };
        if *count < UNMATCHED_WINDOW {
            return;
        }
        let plan = self.plan;
        match plan.watched.get(number) {
            Some(watched) if watched.halts => self.drifted(watched.misfit(), offset),
            Some(watched) => {
                *count = TOLD;
                self.allowed(&watched.misfit(), offset);
            }
            None => {}
        }
    }
}
