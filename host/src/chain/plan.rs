//! The chain as all lanes share it: each step's plugin, what it is granted, and its selectors compiled. Built once at
//! start; what is wrong with a step is said here, with its place in the file. It must not run anything on records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::effects::{self, Carries};
use super::format::{Half, Schemas};
use super::part::{Building, HalfPlan, PartPlan, key_name};
use super::recent::RecentOfLanes;
use super::traits::{LossyKey, Traits};
use super::{CallFailed, Drift, Failed};
use crate::config::Location;
use crate::config::plan::{self, FieldGrant, Isolation, KeyRule, Mode, Pipeline, Step, View};
use crate::lane::UNMATCHED_WINDOW;
use crate::metrics::{FailureKind, MaskedFields, Metrics, PluginMetrics};
use crate::plugin::{
    Batch, CallError, Column, Description, Effects, HostServices, InitError, Instance, KeyRing, LogMode, Plugin, Sees, StepPlace, StepSpec,
    Tables, Windows,
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
    pub(super) step: usize,
    pub(super) selector: String,
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
    /// How values are written.
    pub(super) values: HalfPlan,
    /// The fields of the value; none where the step looks at none.
    pub(super) value: Option<PartPlan>,
    /// The places of the key that are masked; none where it is not.
    pub(super) key: Option<PartPlan>,
    /// The step makes every key null.
    pub(super) null_key: bool,
    /// The step masks the key as a whole, or lets no more of it on than is listed.
    key_is_masked: bool,
    /// Where its `key:` may make one key of two.
    lossy_key: Option<LossyKey>,
    /// Why what else it does must not meet a compacted topic.
    lossy_effect: Option<LossyKey>,
    /// Where it may carry what it sees past a step that masks it.
    pub(super) carries: Carries,
    pub(super) mode: Mode,
    pub(super) headers: Vec<Vec<u8>>,
    pub(super) isolation: Isolation,
    pub(super) sees: Sees,
    /// How the plugin sees whole values.
    pub(super) view: View,
    pub(super) metrics: PluginMetrics,
    /// What each of the plugin's counters feeds.
    pub(super) counters: Vec<Option<MaskedFields>>,
    /// The last records that passed, in all lanes.
    pub(super) recent: RecentOfLanes,
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
        if problems.is_empty() {
            problems = effects::out_of_order(plan.steps.iter().map(|step| &**step));
        }
        if problems.is_empty() { Ok(plan) } else { Err(problems) }
    }

    /// Where steps may lose records of a compacted topic: they make one key of two, two of one, several records of a key,
    /// or drop updates.
    pub fn lossy_keys(&self) -> impl Iterator<Item = &LossyKey> {
        self.steps.iter().flat_map(|step| step.lossy_key.iter().chain(&step.lossy_effect))
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
        let effects = effects::granted(&step.settings, description);
        let masks = effects.edit_fields && !step.fields.is_empty();
        if let KeyRule::Masked(_) = &step.key {
            key_fits(step, description).map_err(|message| one(step.locate("/key"), message))?;
        }
        if step.mode == Mode::AllowList {
            allow_list_fits(step, masks, effects).map_err(|message| one(&step.at, message))?;
        }
        let number = place.number as usize;
        let building = Building { step, number, masks, schemas };
        let value = building.value(watched)?;
        let key = match &step.key {
            KeyRule::Masked(mask) => Some(building.key(mask, watched)?),
            KeyRule::Clear | KeyRule::Null => None,
        };
        let effects = Effects { edit_fields: masks || key.is_some(), ..effects };
        let of_value = step.fields.iter().map(|grant| (grant.selector.clone(), grant.settings.to_string()));
        let of_key = step.key.fields().iter().map(|grant| (key_name(&grant.selector), grant.settings.to_string()));
        let built = Self {
            number,
            name: step.plugin.clone(),
            digest: plugin.digest_hex(),
            spec: StepSpec {
                settings_json: serde_json::Value::Object(step.settings.clone()).to_string(),
                fields: of_value.chain(of_key).collect(),
                sees,
                effects,
                place,
            },
            lent: lent.clone(),
            allowed_tables: step.tables.clone(),
            allowed_keys: named_keys(step).filter(|name| lent.keys.contains(name)).map(str::to_owned).collect(),
            values: HalfPlan::new(schemas, Half::VALUE),
            value,
            key,
            null_key: matches!(step.key, KeyRule::Null),
            key_is_masked: matches!(&step.key, KeyRule::Masked(mask) if mask.is_whole() || step.mode == Mode::AllowList),
            lossy_key: LossyKey::of(step, number, &description.field_settings_schema),
            lossy_effect: effects::lossy(step, number, effects, description),
            carries: Carries::of(step, effects, description),
            mode: step.mode,
            headers: step.headers.iter().map(|name| name.clone().into_bytes()).collect(),
            isolation: step.isolation,
            sees,
            view: step.view,
            metrics: metrics.plugin(&step.plugin),
            counters: description.counters.iter().map(|name| name.strip_prefix(MASKED).map(|operator| metrics.masked(operator))).collect(),
            plugin: plugin.clone(),
            recent: RecentOfLanes::default(),
        };
        // A trial: what is wrong with the settings is said now, at its place, not by the first lane.
        match built.plugin.instantiate(&built.spec, built.services(&Arc::default())) {
            Ok(_) => Ok(built),
            Err(error) => Err(located(step, &error)),
        }
    }

    /// The step, from 0.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn is_allow_list(&self) -> bool {
        self.mode == Mode::AllowList
    }

    /// Whether the plugin answers for every value that it is shown.
    pub(super) fn masks(&self) -> bool {
        self.spec.effects.edit_fields
    }

    /// Whether no key passes it as it came: it makes every key null, masks it as a whole, or has a list for it.
    pub(super) fn closes_key(&self) -> bool {
        self.null_key || self.key_is_masked
    }

    /// The columns: what each is called, and its settings.
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

    /// Whether the step may send records to topics of other names.
    pub fn routes(&self) -> bool {
        self.spec.effects.route
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
            fields: vec![Column::default(); self.spec.fields.len()],
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
    step.grants().flat_map(|grant| plan::named_keys(&grant.settings))
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

/// I6: only a plugin that must answer every value masks a key, and none that could write the key that it saw.
fn key_fits(step: &Step, description: &Description) -> Result<(), String> {
    let effects = description.effects;
    if !effects.edit_fields {
        return Err(format!("key: plugin {} does not edit fields, and so masks no key; write key: in a step that does", step.plugin));
    }
    if step.sees.key && (effects.edit_key || effects.emit) {
        let why = "sees the whole key and can write keys, which would undo what key: says; mask it in a step after this one";
        return Err(format!("key: plugin {} {why}", step.plugin));
    }
    let takes_away = |grant: &&FieldGrant| {
        let output = Traits::of(&description.field_settings_schema, &grant.settings).and_then(|traits| traits.output);
        grant.selector == "$" && matches!(output.as_deref(), Some("none" | "null"))
    };
    match step.key.fields().iter().find(takes_away) {
        Some(_) => Err("key: the operator takes the whole key away; write \"key: null\" where that is meant".to_owned()),
        None => Ok(()),
    }
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
