//! The chain as all lanes share it: each step's plugin, what it is granted, and its selectors compiled. Built once at
//! start; what is wrong with a step is said here, with its place in the file. It must not run anything on records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::format::{Asked, Last, Reader, Readers, Schemas, Unread, Watch, Written};
use super::recent::RecentOfLanes;
use super::{CallFailed, Drift, Failed};
use crate::config::Location;
use crate::config::plan::{self, Absent, Format, Isolation, KeyRule, Mode, Pipeline, Step, Unmatched, View};
use crate::fields::{Containers, Fault, Nest, Path};
use crate::lane::UNMATCHED_WINDOW;
use crate::metrics::{FailureKind, MaskedFields, Metrics, PluginMetrics};
use crate::plugin::{
    Batch, CallError, Column, Effects, HostServices, InitError, Instance, KeyRing, LogMode, Plugin, Sees, StepPlace, StepSpec, Tables,
    Windows,
};
use crate::plugins::Registry;

/// Counters whose name begins so feed `sluice_masked_fields_total`.
const MASKED: &str = "masked:";

/// What the process lends to plugins; each step is granted what its settings name.
#[derive(Clone, Default)]
pub struct Lent {
    pub keys: Arc<KeyRing>,
    pub tables: Arc<Tables>,
    /// What becomes of the plugins' log lines: only a tool for who develops a plugin may show them.
    pub log: LogMode,
}

/// A pipeline's steps.
pub struct ChainPlan {
    pub steps: Vec<Arc<StepPlan>>,
    /// Selectors that are watched for drift, by number.
    pub watched: Vec<Watched>,
    pub batch_records: usize,
    /// The formats of its topics and the schemas met so far.
    pub schemas: Arc<Schemas>,
}

/// A selector that must match now and then.
pub struct Watched {
    step: usize,
    selector: String,
}

impl Watched {
    pub(super) fn drift(&self, offset: i64) -> Drift {
        let detail = format!(
            "selector {} of step {} matched nothing in {UNMATCHED_WINDOW} records: a typo, or the field was renamed; correct it, or set unmatched: allow on purpose",
            self.selector,
            self.step + 1
        );
        Drift { detail, offset }
    }
}

/// A granted field of a step.
pub struct FieldPlan {
    /// Its number among the watched selectors, if it is watched.
    pub selector_number: Option<usize>,
}

/// One step, ready to be instantiated.
pub struct StepPlan {
    number: usize,
    plugin: Arc<Plugin>,
    pub name: String,
    /// SHA-256 of the component, hexadecimal.
    pub digest: String,
    spec: StepSpec,
    lent: Lent,
    allowed_keys: Vec<String>,
    allowed_tables: BTreeSet<String>,
    pub(super) nest: Option<Nest>,
    pub(super) fields: Vec<FieldPlan>,
    pub(super) mode: Mode,
    pub(super) key: KeyRule,
    pub(super) headers: Vec<Vec<u8>>,
    pub(super) absent: Absent,
    pub(super) isolation: Isolation,
    pub(super) sees: Sees,
    /// How the plugin sees whole values.
    pub(super) view: View,
    pub(super) metrics: PluginMetrics,
    /// What each of the plugin's counters feeds.
    pub(super) counters: Vec<Option<MaskedFields>>,
    /// The last records that passed, in all lanes.
    pub(super) recent: RecentOfLanes,
    schemas: Arc<Schemas>,
    /// The selection compiled for each schema.
    readers: Readers,
    watch: Watch,
}

/// What every step is built from.
struct Parts<'a> {
    plugins: &'a Registry,
    lent: &'a Lent,
    metrics: &'a Metrics,
    schemas: &'a Arc<Schemas>,
}

/// A step that cannot be built, with its place in the file.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {message}")]
pub struct PlanError {
    pub at: Location,
    pub message: String,
}

impl ChainPlan {
    /// Builds every step of `pipeline` and tries each plugin's `init` with its settings. All problems are reported.
    pub fn build(
        pipeline: &Pipeline,
        plugins: &Registry,
        lent: &Lent,
        metrics: &Metrics,
        schemas: &Arc<Schemas>,
    ) -> Result<Self, Vec<PlanError>> {
        let parts = Parts { plugins, lent, metrics, schemas };
        let mut plan = Self { steps: Vec::new(), watched: Vec::new(), batch_records: plugins.batch_records(), schemas: schemas.clone() };
        let mut problems = Vec::new();
        for (number, step) in pipeline.steps.iter().enumerate() {
            let place = StepPlace {
                pipeline: pipeline.name.clone(),
                source: pipeline.source.name.clone(),
                target: pipeline.target.name.clone(),
                number: number as u32,
            };
            match StepPlan::build(place, step, &parts, &mut plan.watched) {
                Ok(step) => plan.steps.push(Arc::new(step)),
                Err(mut found) => problems.append(&mut found),
            }
        }
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Names of the keys that steps may use.
    pub fn key_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|step| step.allowed_keys.iter().map(String::as_str))
    }
}

impl StepPlan {
    fn build(place: StepPlace, step: &Step, parts: &Parts<'_>, watched: &mut Vec<Watched>) -> Result<Self, Vec<PlanError>> {
        let Parts { plugins, lent, metrics, schemas } = *parts;
        let one = |at: &Location, message: String| vec![PlanError { at: at.clone(), message }];
        let plugin = plugins.named(&step.plugin).map_err(|message| one(&step.at, message))?;
        let description = plugin.description();
        let sees = granted_sees(step);
        let beyond = sees.beyond(description.sees);
        if !beyond.is_empty() {
            return Err(one(&step.at, format!("plugin {} does not ask to see {}; take it out of sees", step.plugin, beyond.join(", "))));
        }
        let effects = description.effects;
        let masks = effects.edit_fields && !step.fields.is_empty();
        if step.mode == Mode::AllowList {
            allow_list_fits(step, masks, effects).map_err(|message| one(&step.at, message))?;
        }
        let effects = Effects { edit_fields: masks, ..effects };
        let nest = compile(step, masks)?;
        let number = place.number as usize;
        let fields = step.fields.iter().map(|grant| {
            let watch = masks && step.unmatched == Unmatched::Halt;
            let selector_number = watch.then(|| {
                watched.push(Watched { step: number, selector: grant.selector.clone() });
                watched.len() - 1
            });
            FieldPlan { selector_number }
        });
        let built = Self {
            number,
            name: step.plugin.clone(),
            digest: plugin.digest_hex(),
            spec: StepSpec {
                settings_json: serde_json::Value::Object(step.settings.clone()).to_string(),
                fields: step.fields.iter().map(|grant| (grant.selector.clone(), grant.settings.to_string())).collect(),
                sees,
                effects,
                place,
            },
            lent: lent.clone(),
            allowed_tables: step.tables.clone(),
            allowed_keys: named_keys(step).filter(|name| lent.keys.contains(name)).map(str::to_owned).collect(),
            nest,
            fields: fields.collect(),
            mode: step.mode,
            key: step.key,
            headers: step.headers.iter().map(|name| name.clone().into_bytes()).collect(),
            absent: step.absent,
            isolation: step.isolation,
            sees,
            view: step.view,
            metrics: metrics.plugin(&step.plugin),
            counters: description.counters.iter().map(|name| name.strip_prefix(MASKED).map(|operator| metrics.masked(operator))).collect(),
            plugin: plugin.clone(),
            recent: RecentOfLanes::default(),
            schemas: schemas.clone(),
            readers: Readers::default(),
            watch: Watch {
                unmatched: masks && step.unmatched == Unmatched::Halt,
                unlisted: step.mode == Mode::AllowList && step.unlisted_halts,
            },
        };
        // A trial: what is wrong with the settings is said now, at its place, not by the first lane.
        match built.plugin.instantiate(&built.spec, built.services(&Arc::default())) {
            Ok(_) => Ok(built),
            Err(error) => Err(located(step, &error)),
        }
    }

    /// How the values of a topic with this format are written where all are written alike.
    pub(super) fn written_always(&self, format: Format) -> Option<Written> {
        self.schemas.fixed(format)
    }

    /// How one value of a topic with this format is written, and where its body begins.
    pub(super) fn written(&self, format: Format, value: &[u8], headers: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<(Written, usize), Unread> {
        self.schemas.written(format, value, headers)
    }

    /// What reads a value that is written so for the step's fields.
    pub(super) fn reader(&self, nest: &Nest, written: &Written, last: &mut Last) -> Result<Reader, Unread> {
        let selectors = |field: usize| self.selector(field).to_owned();
        Asked { readers: &self.readers, nest, selectors: &selectors, watch: self.watch, step: self.number }.reader(written, last)
    }

    /// How the values of a topic are written, and whether a header may name their schema.
    pub(super) fn format(&self, topic: &str) -> (Format, bool) {
        let format = self.schemas.format(topic);
        let framed = match format {
            Format::Auto => self.schemas.has_registry(),
            Format::Avro | Format::Protobuf | Format::JsonSchema => true,
            Format::Json | Format::Text | Format::Bytes => false,
        };
        (format, framed)
    }

    /// The step, from 0.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn is_allow_list(&self) -> bool {
        self.mode == Mode::AllowList
    }

    pub(super) fn watch(&self) -> Watch {
        self.watch
    }

    /// The selector of a field, as written.
    fn selector(&self, field: usize) -> &str {
        self.spec.fields.get(field).map_or("", |(selector, _)| selector)
    }

    /// The fields: each its selector, as written, and its settings.
    pub(super) fn granted(&self) -> &[(String, String)] {
        &self.spec.fields
    }

    /// What the plugin says of a field's settings.
    pub(super) fn field_schema(&self) -> &serde_json::Value {
        &self.plugin.description().field_settings_schema
    }

    /// The plugin's own version.
    pub fn version(&self) -> &str {
        &self.plugin.description().version
    }

    /// SHA-256 of the component.
    pub fn digest_bytes(&self) -> [u8; 32] {
        *self.plugin.digest()
    }

    fn services(&self, windows: &Arc<Mutex<Windows>>) -> HostServices {
        HostServices {
            keys: self.lent.keys.clone(),
            allowed_keys: self.allowed_keys.clone(),
            tables: self.lent.tables.clone(),
            allowed_tables: self.allowed_tables.clone(),
            windows: windows.clone(),
            log: self.lent.log,
        }
    }

    /// A batch without records, with the columns that the step grants.
    pub fn empty_batch(&self, topic: &str, partition: i32) -> Batch {
        Batch {
            topic: topic.to_owned(),
            partition,
            fields: self.fields.iter().map(|_| Column::default()).collect(),
            keys: self.sees.key.then(Column::default),
            values: self.sees.value.then(Column::default),
            ..Batch::default()
        }
    }

    /// Copies of the last records that passed this step, in all lanes, as far as they are kept.
    pub fn recent(&self) -> Vec<Batch> {
        self.recent.batches()
    }

    /// A fresh instance; `windows` are the step's in its lane.
    pub(super) fn instantiate(&self, windows: &Arc<Mutex<Windows>>) -> Result<Instance, CallFailed> {
        self.plugin.instantiate(&self.spec, self.services(windows)).map_err(|error| CallFailed {
            step: self.number,
            plugin: self.name.clone(),
            code: super::INIT_FAILED.to_owned(),
            reason: error.to_string(),
        })
    }

    pub(super) fn call_failed(&self, error: CallError) -> CallFailed {
        let code = match &error {
            CallError::Rejected(code) => code.clone(),
            other => format!("plugin_{}", other.kind()),
        };
        CallFailed { step: self.number, plugin: self.name.clone(), code, reason: error.to_string() }
    }

    /// Counts a call that a single record made fail.
    pub(super) fn metrics_failed(&self, code: &str) {
        let kind = code.strip_prefix("plugin_").unwrap_or("rejected");
        if let Some(kind) = FailureKind::ALL.iter().find(|known| known.as_str() == kind) {
            self.metrics.failed(*kind);
        }
    }

    pub(super) fn failed(&self, code: String) -> Failed {
        Failed { code, step: Some(self.number) }
    }

    pub(super) fn rejected(&self, code: u32) -> Failed {
        let name = self.plugin.description().rejections.get(code as usize).cloned();
        self.failed(name.unwrap_or_else(|| "value_rejected".to_owned()))
    }
}

/// The keys that the step's field settings name; the plugin is denied all others.
fn named_keys(step: &Step) -> impl Iterator<Item = &str> {
    step.fields.iter().flat_map(|grant| plan::named_keys(&grant.settings))
}

fn granted_sees(step: &Step) -> Sees {
    let sees = step.sees;
    Sees { key: sees.key, value: sees.value, headers: sees.headers, timestamp: sees.timestamp, offset: sees.offset, sizes: sees.sizes }
}

/// I6: an allow list closes only what passes through the fields of its own step.
fn allow_list_fits(step: &Step, masks: bool, effects: Effects) -> Result<(), String> {
    if !masks && !step.fields.is_empty() {
        return Err(format!("mode: allow_list belongs to a step that edits its fields; plugin {} only looks at them", step.plugin));
    }
    if step.sees.value && (effects.emit || effects.edit_value) {
        let why = "can write whole values, which its own allow list does not see; put the allow list in a step after it";
        return Err(format!("mode: allow_list: plugin {} {why}", step.plugin));
    }
    Ok(())
}

fn compile(step: &Step, masks: bool) -> Result<Option<Nest>, Vec<PlanError>> {
    let allow_list = step.mode == Mode::AllowList;
    if step.fields.is_empty() && !allow_list {
        return Ok(None);
    }
    let parse = |text: &str, at: &Location| {
        Path::parse(text).map_err(|error| vec![PlanError { at: at.clone(), message: format!("selector {text}: {error}") }])
    };
    let fields = step.fields.iter().map(|grant| parse(&grant.selector, &grant.at)).collect::<Result<Vec<_>, _>>()?;
    let keep = step.keep.iter().map(|text| parse(text, &step.at)).collect::<Result<Vec<_>, _>>()?;
    // An allow list without fields edits the texts that it opens.
    let containers = if masks || step.fields.is_empty() { Containers::Expand } else { Containers::Composite };
    Nest::compile(&fields, allow_list.then_some(&keep[..]), containers).map(Some).map_err(|error| {
        let pointer = match error.fault {
            Fault::Field(field) => format!("/fields/{field}"),
            Fault::Keep(keep) => format!("/keep/{keep}"),
            Fault::Step => String::new(),
        };
        vec![PlanError { at: step.locate(&pointer).clone(), message: error.to_string() }]
    })
}

fn located(step: &Step, error: &InitError) -> Vec<PlanError> {
    let InitError::Settings { problems, .. } = error else {
        return vec![PlanError { at: step.at.clone(), message: format!("plugin {}: {error}", step.plugin) }];
    };
    problems
        .iter()
        .map(|problem| PlanError { at: step.locate(&problem.at).clone(), message: format!("plugin {}: {}", step.plugin, problem.message) })
        .collect()
}
