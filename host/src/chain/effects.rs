//! What a step may do as it is written, and what follows for the steps around it and for compacted topics: nothing that a
//! later step masks is carried past it, and nothing is lost under a key without a word. It must not look at records.

use serde_json::{Map, Value};

use super::plan::{PlanError, StepPlan};
use super::traits::LossyKey;
use crate::config::plan::{KeyRule, Mode, Step};
use crate::config::{Location, STEP_KEYS, nearest};
use crate::plugin::{Description, Effects};

/// What to do about a step that [`lossy`] names.
const MEND: &str = "let it keep to one record a key, or write compacted: allow into the step where that is meant";

/// The effects that a step is granted: those of the plugin, without the ones that its schema of settings ties to settings
/// (`x-sluice: { effects: [route] }` at a property) of which the step writes none. The host holds the plugin to it.
pub fn granted(settings: &Map<String, Value>, description: &Description) -> Effects {
    let mut effects = description.effects;
    effects.retain(|effect| {
        let mut tied = said(&description.settings_schema, "effects", effect).peekable();
        tied.peek().is_none() || tied.any(|setting| settings.contains_key(setting))
    });
    effects
}

/// The properties of a schema that say `effect` under this word of their `x-sluice`.
fn said<'s>(schema: &'s Value, word: &'static str, effect: &'s str) -> impl Iterator<Item = &'s str> {
    let says = move |property: &Value| property["x-sluice"][word].as_array().is_some_and(|said| said.iter().any(|said| said == effect));
    schema["properties"].as_object().into_iter().flatten().filter(move |(_, property)| says(property)).map(|(name, _)| name.as_str())
}

/// Where a step may carry what it sees to a place that no later step masks as it masks fields.
#[derive(Debug, Default)]
pub struct Carries {
    /// Into names of topics.
    topic: Option<Location>,
    /// Into keys.
    key: Option<Location>,
    /// Into timestamps.
    timestamp: Option<Location>,
}

impl Carries {
    /// By what the step is granted. A value may stand in a topic's name where its own settings list which ones may
    /// (`x-sluice: { bounds: [route] }` at a property of a field's settings): that is the plugin's word.
    pub fn of(step: &Step, effects: Effects, description: &Description) -> Self {
        let whole = step.sees.key || step.sees.value || step.sees.headers;
        let sees = whole || !step.fields.is_empty();
        let bounded =
            |settings: &Value| said(&description.field_settings_schema, "bounds", "route").any(|setting| settings.get(setting).is_some());
        let at = |effect: &str| {
            let setting = said(&description.settings_schema, "effects", effect).find(|setting| step.settings.contains_key(*setting));
            setting.map_or(&step.at, |setting| step.locate(&format!("/settings/{setting}"))).clone()
        };
        let free = whole || !step.fields.iter().all(|grant| bounded(&grant.settings));
        Self {
            topic: (effects.route && free).then(|| at("route")),
            key: (effects.edit_key && sees).then(|| at("edit-key")),
            timestamp: (effects.edit_timestamp && sees).then(|| at("edit-timestamp")),
        }
    }
}

/// I6: steps that carry what a step after them masks past it. Masking and allow lists reach fields, keys and headers of
/// records, never the name of the topic they go to.
pub fn out_of_order<'s>(steps: impl IntoIterator<Item = &'s StepPlan>) -> Vec<PlanError> {
    let steps: Vec<&StepPlan> = steps.into_iter().collect();
    let mut problems = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        // What it masks itself it has seen raw.
        let on = &steps[number..];
        let Some(mask) = on.iter().find(|step| step.masks() || step.is_allow_list()) else { continue };
        let carries = &step.carries;
        // A key that it masks itself it can write over: the plugin's answer for the key comes after that for the fields.
        let closed = step.null_key || on[1..].iter().any(|step| step.closes_key());
        let key = carries.key.as_ref().filter(|_| !closed);
        for (at, what, bound) in [
            (carries.topic.as_ref(), "the names of topics", ", or list what may stand there (route: allow, for each of its fields)"),
            (key, "the key", ", or mask the whole key there (key: { use: … })"),
            (carries.timestamp.as_ref(), "the timestamp", ""),
        ] {
            let Some(at) = at else { continue };
            let message = format!(
                "step {} ({}) can put what it sees into {what}, where step {} ({}) does not mask it; write it behind that step{bound}",
                number + 1,
                step.name,
                mask.number() + 1,
                mask.name
            );
            problems.push(PlanError { at: at.clone(), message });
        }
    }
    problems
}

/// Why records that a step made or left must not go to a compacted topic; none where it says that this is meant, for
/// all it does (`compacted: allow`) or by a setting of the plugin's for one effect (`x-sluice: { compacted: [drop] }`).
pub fn lossy(step: &Step, number: usize, effects: Effects, description: &Description) -> Option<LossyKey> {
    if step.compacted_allowed {
        return None;
    }
    let meant = |effect| said(&description.settings_schema, "compacted", effect).any(|setting| step.settings.contains_key(setting));
    let (_, effect, does) = [
        (effects.emit, "emit", "can make several records under one key, of which such a topic keeps the last"),
        (effects.edit_key, "edit-key", "can make one key of two"),
        (effects.drop, "drop", "can drop an update, which leaves the one before it under its key"),
    ]
    .into_iter()
    .find(|(has, effect, _)| *has && !meant(effect))?;
    let answers: Vec<&str> = said(&description.settings_schema, "compacted", effect).collect();
    let mend = if answers.is_empty() { MEND.to_owned() } else { format!("say what is meant: write {}", answers.join(" or ")) };
    Some(LossyKey { at: step.at.clone(), why: format!("step {} ({}) {does}", number + 1, step.plugin), mend })
}

/// I6: whoever writes a step that masks means it to mask. One that is given nothing would let everything pass as it is.
/// A slip in the key that should have given it something is told at that key.
pub fn idle(step: &Step, description: &Description, effects: Effects) -> Option<PlanError> {
    let only_edits = Effects { edit_fields: false, reject: false, ..effects } == Effects::default();
    let given = !step.fields.is_empty() || step.mode == Mode::AllowList || !matches!(step.key, KeyRule::Clear);
    if given || !only_edits || !description.effects.edit_fields {
        return None;
    }
    let slip = step.settings.keys().find(|key| matches!(nearest(key, STEP_KEYS), Some("fields" | "mode" | "key")));
    let (at, hint) = match slip {
        Some(key) => (step.locate(&format!("/settings/{key}")), format!("; is \"{key}\" meant for it?")),
        None => (&step.at, String::new()),
    };
    let message = format!(
        "plugin {} edits fields, and the step gives it none: everything would pass as it is; name them under fields{hint}",
        step.plugin
    );
    Some(PlanError { at: at.clone(), message })
}

/// I6: a step whose `effects:` take away what its plugin is there for, so that its answers would fail their records. What the
/// host does by itself needs none: an allow list, a key that becomes null.
pub fn powerless(step: &Step, description: &Description, effects: Effects) -> Option<String> {
    step.effects?;
    let plugin = &step.plugin;
    let left = Effects { reject: false, ..effects } != Effects::default();
    if description.effects.edit_fields && !step.fields.is_empty() && !left {
        return Some(format!(
            "plugin {plugin} edits fields, and the step lists fields and takes edit_fields away: every record would fail; add edit_fields"
        ));
    }
    let by_itself = step.mode == Mode::AllowList || !matches!(step.key, KeyRule::Clear);
    let none = !left && Effects { reject: false, ..description.effects } != Effects::default();
    (none && !by_itself).then(|| {
        format!("the step takes away all that plugin {plugin} does: every record that it acts on would fail; list what it is there for, or leave effects out")
    })
}

#[cfg(test)]
mod tests;
