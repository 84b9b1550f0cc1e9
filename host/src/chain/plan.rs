//! The chain as all lanes share it: each step's plugin, what it is granted, and its selectors compiled. Built once at
//! start; what is wrong with a step is said here, with its place in the file. It must not run anything on records.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::drift::Watched;
use super::effects::{self, Carries};
use super::format::{Half, Schemas, Unframed};
use super::part::{Building, HalfPlan, PartPlan, key_name};
use super::recent::RecentOfLanes;
use super::traits::{LossyKey, Traits};
use super::{CallFailed, Failed};
use crate::config::plan::{self, FieldGrant, Isolation, KeyRule, Mode, Pipeline, Step, View};
use crate::config::{Location, STEP_KEYS, nearest};
use crate::metrics::{FailureKind, MaskedFields, Metrics, PluginCounter, PluginMetrics};
use crate::plugin::{
    Batch, CallError, Column, Description, Effects, HostServices, InitError, Instance, KeyRing, LogMode, Plugin, Sees, StepPlace, StepSpec,
    Tables, Windows,
};
use crate::plugins::Registry;
use crate::schemas::wire::Part;

/// Counters whose name begins so feed `sluice_masked_fields_total`.
const MASKED: &str = "masked:";

/// Code of a value that the plugin rejected without saying why.
const VALUE_REJECTED: &str = "value_rejected";

/// Settings that ask for windows, anywhere in those of a step or a field: the size of one, and the filter's short form.
const WINDOW: [&str; 2] = ["window", "first"];

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
    /// Its name.
    pub pipeline: String,
    pub steps: Vec<Arc<StepPlan>>,
    /// Selectors that are watched for drift, by number.
    pub watched: Vec<Watched>,
    pub batch_records: usize,
    /// When the target gives up a transaction that stays open.
    pub transaction_timeout: Duration,
    /// The formats of its topics and the schemas met so far.
    pub schemas: Arc<Schemas>,
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
    /// The plugin may remember from batch to batch.
    remembers: bool,
    /// How values, and keys that the step leaves alone, are written.
    pub(super) values: HalfPlan,
    pub(super) keys: HalfPlan,
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
    /// Where its `key:` makes one key of two of different kinds.
    text_key: Option<LossyKey>,
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
    pub(super) counters: Vec<Fed>,
    /// The last records that passed, in all lanes.
    pub(super) recent: RecentOfLanes,
}

/// What a counter of a plugin feeds.
pub enum Fed {
    /// `sluice_masked_fields_total`.
    Masked(MaskedFields),
    /// `sluice_plugin_counter_total`.
    Own(PluginCounter),
}

impl Fed {
    /// So much was counted, and committed.
    pub(super) fn add(&self, count: u64) {
        match self {
            Self::Masked(masked) => masked.add(count),
            Self::Own(own) => own.add(count),
        }
    }
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
        let mut plan = Self {
            pipeline: pipeline.name.clone(),
            steps: Vec::new(),
            watched: Vec::new(),
            batch_records: plugins.batch_records(),
            transaction_timeout: pipeline.transaction.timeout,
            schemas: schemas.clone(),
        };
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

    /// Where steps may lose records of a topic if that is compacted: they make one key of two, two of one, several records
    /// of a key, or drop updates. It may ask the registry for the schema of the topic's keys, and blocks meanwhile, where
    /// that decides.
    pub fn lossy_keys(&self, topic: &str) -> Vec<&LossyKey> {
        let mut lossy = Vec::new();
        for step in &self.steps {
            let several_kinds = || step.key.as_ref().is_some_and(|key| !key.one_kind(topic));
            lossy.extend(step.lossy_key.as_ref().or_else(|| step.text_key.as_ref().filter(|_| several_kinds())));
            lossy.extend(&step.lossy_effect);
        }
        lossy
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
        let effects = granted_effects(step, description).map_err(|message| one(step.locate("/effects"), message))?;
        if let Some(idle) = effects::idle(step, description, effects) {
            return Err(vec![idle]);
        }
        if let Some(message) = effects::powerless(step, description, effects) {
            return Err(one(step.locate("/effects"), message));
        }
        let masks = effects.edit_fields && !step.fields.is_empty();
        if let KeyRule::Masked(_) = &step.key {
            key_fits(step, description, effects).map_err(|message| one(step.locate("/key"), message))?;
        }
        if step.mode == Mode::AllowList {
            allow_list_fits(step, masks, effects).map_err(|message| one(&step.at, message))?;
        }
        let number = place.number as usize;
        let building = Building { step, number, masks, schemas, field_schema: &description.field_settings_schema };
        let value = building.value(watched)?;
        let key = match &step.key {
            KeyRule::Masked(mask) => Some(building.key(mask, watched)?),
            KeyRule::Clear | KeyRule::Null => None,
        };
        let effects = Effects { edit_fields: masks || key.is_some(), ..effects };
        let counter = |name: &String| match name.strip_prefix(MASKED) {
            Some(operator) => Fed::Masked(metrics.masked(operator)),
            None => Fed::Own(metrics.counter(&place.pipeline, &step.plugin, place.number + 1, name)),
        };
        let counters = description.counters.iter().map(counter).collect();
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
            keys: HalfPlan::new(schemas, Half { part: Part::Key, unframed: Unframed::Scalar }),
            value,
            key,
            null_key: matches!(step.key, KeyRule::Null),
            key_is_masked: matches!(&step.key, KeyRule::Masked(mask) if mask.is_whole() || step.mode == Mode::AllowList),
            lossy_key: LossyKey::of(step, number, &description.field_settings_schema),
            text_key: LossyKey::of_several_kinds(step, number, &description.field_settings_schema),
            lossy_effect: effects::lossy(step, number, effects, description),
            carries: Carries::of(step, effects, description),
            mode: step.mode,
            headers: step.headers.iter().map(|name| name.clone().into_bytes()).collect(),
            isolation: step.isolation,
            sees,
            view: step.view,
            metrics: metrics.plugin(&step.plugin),
            counters,
            remembers: asks_for_windows(&serde_json::Value::Object(step.settings.clone()))
                || step.grants().any(|grant| asks_for_windows(&grant.settings)),
            plugin: plugin.clone(),
            recent: RecentOfLanes::default(),
        };
        // A trial: what is wrong with the settings is said now, at its place, not by the first lane.
        match built.plugin.instantiate(&built.spec, built.services(&built.windows())) {
            Ok(_) => Ok(built),
            Err(error) => Err(located(step, &error)),
        }
    }

    /// The step, from 0.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Whether the step lets nothing pass that it does not name (I6).
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
            windows: self.remembers.then(|| windows.clone()),
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

    /// What the step remembers in a lane at the start: nothing.
    pub(super) fn windows(&self) -> Arc<Mutex<Windows>> {
        Arc::new(Mutex::new(self.plugin.windows()))
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

    /// A call that failed, by its code: the rejection that the plugin declared, or `plugin_` and the kind of error.
    pub(super) fn call_failed(&self, error: CallError) -> CallFailed {
        let code = match &error {
            CallError::Rejected(code) => code.clone(),
            other => format!("plugin_{}", other.kind()),
        };
        CallFailed { step: self.number, plugin: self.name.clone(), code, reason: error.to_string() }
    }

    /// Counts a failed call, by its code.
    pub(super) fn metrics_failed(&self, code: &str) {
        let kind = code.strip_prefix("plugin_").unwrap_or("rejected");
        if let Some(kind) = FailureKind::ALL.iter().find(|known| known.as_str() == kind) {
            self.metrics.failed(*kind);
        }
    }

    /// Whether the code of a failed record is a rejection of the plugin's, not the host's word on its answer.
    pub(super) fn is_rejection(&self, code: &str) -> bool {
        code == VALUE_REJECTED || self.plugin.description().rejections.iter().any(|own| own == code)
    }

    /// A record that fails in this step.
    pub(super) fn failed(&self, code: String) -> Failed {
        Failed { code, step: Some(self.number) }
    }

    /// A record that the plugin rejected: `code` counts the rejections it declared. One that it did not declare is
    /// `value_rejected`.
    pub(super) fn rejected(&self, code: u32) -> Failed {
        let name = self.plugin.description().rejections.get(code as usize).cloned();
        self.failed(name.unwrap_or_else(|| VALUE_REJECTED.to_owned()))
    }
}

fn asks_for_windows(settings: &serde_json::Value) -> bool {
    match settings {
        serde_json::Value::Object(entries) => {
            entries.iter().any(|(name, value)| WINDOW.contains(&name.as_str()) || asks_for_windows(value))
        }
        serde_json::Value::Array(items) => items.iter().any(asks_for_windows),
        _ => false,
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

/// What the step lets the plugin do: what it lists, or else what the plugin declares.
fn granted_effects(step: &Step, description: &Description) -> Result<Effects, String> {
    let mut granted = effects::granted(&step.settings, description);
    let Some(listed) = step.effects.map(Effects::from) else { return Ok(granted) };
    let beyond = listed.beyond(description.effects);
    if beyond.is_empty() {
        let unlisted = granted.beyond(listed);
        granted.retain(|effect| !unlisted.contains(&effect));
        // Who must not edit fields only looks at them.
        granted.edit_fields &= listed.edit_fields;
        return Ok(granted);
    }
    let names: Vec<String> = beyond.iter().map(|name| name.replace('-', "_")).collect();
    Err(format!("plugin {} does not declare {}; take it out of effects", step.plugin, names.join(", ")))
}

impl From<plan::Effects> for Effects {
    fn from(from: plan::Effects) -> Self {
        let plan::Effects { edit_fields, edit_key, edit_value, edit_headers, edit_timestamp, drop, reject, route, emit } = from;
        Self { edit_fields, edit_key, edit_value, edit_headers, edit_timestamp, drop, reject, route, emit }
    }
}

/// I6: an allow list closes only what passes through the fields of its own step.
fn allow_list_fits(step: &Step, masks: bool, effects: Effects) -> Result<(), String> {
    if !masks && !step.fields.is_empty() {
        return Err(format!("mode: allow_list belongs to a step that edits its fields; plugin {} only looks at them", step.plugin));
    }
    let sees = step.sees;
    // What it emits is a whole value, made of whatever it saw.
    let sees_something = sees.value || sees.key || sees.headers || step.grants().next().is_some();
    if sees.value && effects.edit_value || sees_something && effects.emit {
        let why = "can write whole values, which its own allow list does not see; put the allow list in a step after it";
        return Err(format!("mode: allow_list: plugin {} {why}", step.plugin));
    }
    Ok(())
}

/// I6: only a plugin that must answer every value masks a key, and none that could write the key that it saw.
fn key_fits(step: &Step, description: &Description, effects: Effects) -> Result<(), String> {
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
        .map(|problem| {
            let message = format!("plugin {}: {}{}", step.plugin, problem.message, meant(&problem.at, &problem.message));
            PlanError { at: step.locate(&problem.at).clone(), message }
        })
        .collect()
}

/// The step's own key that a setting which the plugin does not know was meant to be.
fn meant(pointer: &str, message: &str) -> String {
    let key = pointer.strip_prefix("/settings/").filter(|key| !key.contains('/'));
    let key = key.filter(|_| message.starts_with("unknown") && !message.contains("did you mean"));
    match key.and_then(|key| nearest(key, STEP_KEYS)) {
        Some("absent") if key == Some("absent") => "; with this plugin, absent is pass or reject".to_owned(),
        Some(near) => format!("; did you mean the step's own \"{near}\"?"),
        None => String::new(),
    }
}
