//! One live plugin of one step: made with the step's grants, called with batches, thrown away after a failure.
//! It must not retry, search for a guilty record or decide what a failure means: its lane does.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use wasmtime::Store;

use super::bindings::Transform;
use super::bindings::sluice::plugin::types as wit;
use super::changes::Changes;
use super::check::{self, Rules};
use super::column::{Batch, Column};
use super::failure::{self, CallError};
use super::grants::{Effects, Sees};
use super::load::Plugin;
use super::state::{self, HostServices, LogLines, State};

/// Where a step stands: what a plugin may know of it, and what sets apart the nonces of two steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepPlace {
    /// Name of the pipeline in the configuration.
    pub pipeline: String,
    /// Name of the cluster that the pipeline reads from.
    pub source: String,
    /// Name of the cluster that the pipeline writes to.
    pub target: String,
    /// The step in the pipeline, counted from 0; a plugin is not told.
    pub number: u32,
}

/// What a step of a pipeline says about its plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepSpec {
    /// The step's settings as JSON, without the keys that the host owns. Their schema is the plugin's to check, in
    /// `init`: a validator for JSON Schema costs more code than the rest of this module.
    pub settings_json: String,
    /// Each granted field: its selector as written, and its settings as JSON.
    pub fields: Vec<(String, String)>,
    /// What the step shows beside the fields.
    pub sees: Sees,
    /// What the step allows.
    pub effects: Effects,
    /// Where the step stands.
    pub place: StepPlace,
}

/// One thing that is wrong with a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer: `/settings/…`, `/fields/N/…`, `/sees` or `/effects`.
    pub at: String,
    /// What is wrong there.
    pub message: String,
}

/// Why an instance could not be made.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum InitError {
    /// The step is wrong; the problems go back to whoever wrote it.
    #[error("plugin {plugin} does not accept the settings of its step: {}", list(problems))]
    Settings {
        /// The plugin's name.
        plugin: String,
        /// At least one.
        problems: Vec<Problem>,
    },
    /// The plugin failed.
    #[error("plugin {plugin} cannot begin: {source}")]
    Failed {
        /// The plugin's name.
        plugin: String,
        /// How.
        source: CallError,
    },
}

fn list(problems: &[Problem]) -> String {
    let each: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.at, p.message)).collect();
    each.join("; ")
}

/// Problems taken over from one `init`, and bytes of each: a plugin's text is bounded like everything it answers.
const PROBLEMS: usize = 100;
const PROBLEM_BYTES: usize = 1 << 10;

/// One instance, for one lane and one step. It shares nothing with others and is called by one thread at a time,
/// which needs [`super::limits::CALLER_STACK_BYTES`] of stack.
pub struct Instance {
    plugin: Arc<Plugin>,
    store: Store<State>,
    guest: Transform,
    sees: Sees,
    effects: Effects,
    fields: usize,
    dead: bool,
    taken: Vec<(u32, u64)>,
}

impl Plugin {
    /// Makes an instance for a step. The plugin checks its settings here.
    pub fn instantiate(self: &Arc<Self>, step: &StepSpec, host: HostServices) -> Result<Instance, InitError> {
        let plugin = || self.name.to_string();
        let excess = self.excess(step);
        if !excess.is_empty() {
            return Err(InitError::Settings { plugin: plugin(), problems: excess });
        }
        let counters = self.description().counters.len();
        let state = State::new(self.name.clone(), &self.limits, counters, host, step.place.clone());
        let mut store = state::store(&self.engine, state);
        state::arm(&mut store, self.limits.init_time);
        let failed = |error: &wasmtime::Error, store: &Store<State>| InitError::Failed {
            plugin: plugin(),
            source: failure::of_engine(error, &store.data().limiter),
        };
        let guest = self.pre.instantiate(&mut store).map_err(|e| failed(&e, &store))?;
        let fields: Vec<wit::FieldGrant<'_>> =
            step.fields.iter().map(|(selector, settings)| wit::FieldGrant { selector, settings }).collect();
        let grants = wit::Grants {
            fields: &fields,
            sees: step.sees.into(),
            effects: step.effects.into(),
            pipeline: &step.place.pipeline,
            source: &step.place.source,
            target: &step.place.target,
        };
        let answer = guest.sluice_plugin_plugin().call_init(&mut store, &step.settings_json, grants);
        let answer = answer.map_err(|e| failed(&e, &store))?;
        store.data_mut().finish(answer.is_ok(), 1);
        if let Err(problems) = answer {
            return Err(InitError::Settings { plugin: plugin(), problems: taken_over(problems) });
        }
        Ok(Instance {
            plugin: self.clone(),
            store,
            guest,
            sees: step.sees,
            effects: step.effects,
            fields: step.fields.len(),
            dead: false,
            taken: Vec::with_capacity(counters),
        })
    }

    /// A step may grant less than the plugin asks for, never more.
    fn excess(&self, step: &StepSpec) -> Vec<Problem> {
        let asked = self.description();
        let all = [("/sees", "see", step.sees.beyond(asked.sees)), ("/effects", "do", step.effects.beyond(asked.effects))];
        let named = all.into_iter().filter(|(_, _, names)| !names.is_empty());
        named
            .map(|(at, verb, names)| Problem {
                at: at.to_owned(),
                message: format!("the plugin does not ask to {verb} {}", names.join(", ")),
            })
            .collect()
    }
}

fn taken_over(problems: Vec<wit::Problem>) -> Vec<Problem> {
    let short = |text: String| {
        let end = text.floor_char_boundary(PROBLEM_BYTES);
        text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    let mut all: Vec<Problem> =
        problems.into_iter().take(PROBLEMS).map(|p| Problem { at: short(p.at), message: short(p.message) }).collect();
    if all.is_empty() {
        all.push(Problem { at: "/settings".to_owned(), message: "refused without a reason".to_owned() });
    }
    all
}

impl Instance {
    /// Hands over a batch and returns what is to change, checked. The guest's time is
    /// [`super::Limits::transform_time`] of CPU. After an error other than `Rejected` the instance is dead.
    pub fn transform(&mut self, batch: &Batch) -> Result<Changes, CallError> {
        if self.dead {
            return Err(CallError::Dead);
        }
        let result = self.call(batch);
        self.dead = result.as_ref().is_err_and(|error| !error.spares_instance());
        let emitted = result.as_ref().map_or(0, |changes| changes.emitted.len());
        let values: usize = batch.fields.iter().map(Column::len).sum();
        self.store.data_mut().finish(result.is_ok(), u64::from(batch.count) + (values + emitted) as u64);
        result
    }

    fn call(&mut self, batch: &Batch) -> Result<Changes, CallError> {
        self.fits(batch)?;
        let fields: Vec<wit::Column<'_>> = batch.fields.iter().map(borrow).collect();
        let headers: Vec<wit::HeaderParam<'_>> =
            batch.headers.iter().map(|h| wit::HeaderParam { row: h.row, name: h.name, value: h.value }).collect();
        let lent = wit::Batch {
            topic: &batch.topic,
            partition: batch.partition,
            count: batch.count,
            fields: &fields,
            keys: batch.keys.as_ref().map(borrow),
            values: batch.values.as_ref().map(borrow),
            headers: &headers,
            timestamps: &batch.timestamps,
            offsets: &batch.offsets,
            key_sizes: &batch.key_sizes,
            value_sizes: &batch.value_sizes,
        };
        self.store.data_mut().call.begin(batch);
        state::arm(&mut self.store, self.plugin.limits.transform_time(batch.count));
        let answer = self.guest.sluice_plugin_plugin().call_transform(&mut self.store, lent);
        let answer = answer.map_err(|error| failure::of_engine(&error, &self.store.data().limiter))?;
        let codes = &self.plugin.description().rejections;
        let changes = match answer {
            Ok(changes) => Changes::from(changes),
            Err(code) => {
                return Err(match codes.get(code as usize) {
                    Some(name) => CallError::Rejected(name.clone()),
                    None => CallError::Invalid { what: "a rejection code that was not declared" },
                });
            }
        };
        let rules = Rules { effects: self.effects, rejections: codes.len(), limits: &self.plugin.limits };
        check::changes(batch, &changes, &rules)?;
        Ok(changes)
    }

    /// What was not granted must not be in the batch, whoever filled it.
    fn fits(&self, batch: &Batch) -> Result<(), CallError> {
        let count = batch.count as usize;
        let column = |granted: bool, column: &Option<Column>| match column {
            Some(column) => granted && column.len() == count,
            None => !granted,
        };
        let list = |granted: bool, list: &[i64]| list.len() == if granted { count } else { 0 };
        let fits = batch.fields.len() == self.fields
            && column(self.sees.key, &batch.keys)
            && column(self.sees.value, &batch.values)
            && (self.sees.headers || batch.headers.is_empty())
            && list(self.sees.timestamp, &batch.timestamps)
            && list(self.sees.offset, &batch.offsets)
            && list(self.sees.sizes, &batch.key_sizes)
            && list(self.sees.sizes, &batch.value_sizes);
        if fits { Ok(()) } else { Err(CallError::Invalid { what: "the batch itself is not what the step grants" }) }
    }

    /// Whether a call failed, so that a new instance is needed.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Whether the instance holds so much memory that a new one should take its place at the next border of a
    /// transaction: runtimes of some languages leak.
    pub fn wants_recycling(&self) -> bool {
        self.memory_bytes() > self.plugin.limits.recycle_bytes()
    }

    /// Bytes of linear memory; it never shrinks.
    pub fn memory_bytes(&self) -> usize {
        self.store.data().limiter.memory_bytes()
    }

    /// Counts by index in the description's counters, summed over the successful calls since the last time.
    pub fn take_counters(&mut self) -> &[(u32, u64)] {
        self.store.data_mut().take_counts(&mut self.taken);
        &self.taken
    }

    /// Lines logged since the last time, and those dropped.
    pub fn take_log_lines(&mut self) -> LogLines {
        std::mem::take(&mut self.store.data_mut().log)
    }

    /// The plugin it is an instance of.
    pub fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    /// CPU time that a batch of `rows` records may take.
    pub fn time_for(&self, rows: u32) -> Duration {
        self.plugin.limits.transform_time(rows)
    }
}

fn borrow(column: &Column) -> wit::Column<'_> {
    wit::Column { rows: &column.rows, kinds: &column.kinds, ends: &column.ends, data: &column.data }
}

#[cfg(test)]
mod tests;
