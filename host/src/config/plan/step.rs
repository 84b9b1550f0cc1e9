//! Steps: from file to plan. It loads no plugin and knows none but the short form of `filter`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::error::Report;
use super::super::file::{
    CompactedFile, EffectFile, IsolationFile, MapNamesFile, ModeFile, SeesFile, StepFile, UnlistedFile, UnmatchedFile,
};
use super::super::place::{Any, At, Spot};
use super::super::suggest::hint;
use super::super::tree::{Kind, Node};
use super::grants::Granter;
use super::key::{Around, key};
use super::pipeline::Known;
use super::settings::{Places, below, fields_named, tables_named};
use super::view;
use super::{Absent, Context, Effects, Isolation, Mode, Sees, Step, Unmatched};

/// One step of a pipeline, as far as it goes; what is wrong with it is reported. None only where a setting refers to no
/// node of the forest.
pub(super) fn step(file: &At<StepFile>, known: &Known<'_>, context: &Context<'_>, report: &mut Report) -> Option<Step> {
    let at = report.locate(file.value.plugin.spot);
    let file = &file.value;
    if !is_plugin_name(&file.plugin.value) {
        let message = format!("the plugin name \"{}\" has to be [a-z][a-z0-9-]*, at most 64 bytes", file.plugin.value);
        report.invalid(file.plugin.spot, message);
    }
    let mut places = Places::default();
    let mut settings = Map::new();
    let mut tables = BTreeSet::new();
    for (name, any) in &file.settings {
        let node = context.forest.get(*any)?;
        let pointer = below("/settings", &name.value);
        places.note(&pointer, None, node, report);
        if matches!(node.kind, Kind::Map(_) | Kind::List(_) | Kind::Null) {
            places.set(&pointer, report.locate(name.spot));
        }
        tables_named(&name.value, node, &mut |table, spot| known_table(table, spot, known, &mut tables, report));
        settings.insert(name.value.clone(), node.to_json());
    }
    let mut granter = Granter::new(context.selectors, 0);
    let fields = file.fields.as_ref().map_or(&[][..], |fields| &fields.value.0);
    if file.plugin.value == "filter" && file.fields.is_some() {
        conditions(file, fields, &mut settings, &mut places, context, report);
    } else {
        for node in fields.iter().filter_map(|(_, any)| context.forest.get(any.value)) {
            tables_named("", node, &mut |table, spot| known_table(table, spot, known, &mut tables, report));
        }
        fields_of(fields, known, &mut granter, &mut places, context, report);
    }
    if let Some(tree) = settings.get_mut("where") {
        fields_named(tree, "/settings/where", &mut |pointer, selector| {
            let at = places.nearest(pointer).cloned().unwrap_or_else(|| at.clone());
            granter.grant_named(selector, at, report);
        });
    }
    let mode = mode(file, report);
    let sees = sees(&file.sees, &mut places, report);
    let keep = keep(file, &mut granter, &mut places, report);
    let fields = granter.finish(&mut places);
    let around = Around { mode, fields: fields.len(), known, context };
    Some(Step {
        plugin: file.plugin.value.clone(),
        mode,
        keep,
        key: key(file, &around, &mut places, &mut tables, report),
        headers: headers(file),
        absent: absent(file, &mut settings, &mut places, report),
        unmatched: file.unmatched.as_ref().map(|unmatched| match unmatched.value {
            UnmatchedFile::Halt => Unmatched::Halt,
            UnmatchedFile::Allow => Unmatched::Allow,
        }),
        unlisted_halts: file.unlisted.value == UnlistedFile::Halt,
        map_names_clear: file.map_names.value == MapNamesFile::Clear,
        compacted_allowed: file.compacted.value == CompactedFile::Allow,
        isolation: match file.isolation.value {
            IsolationFile::Lane => Isolation::Lane,
            IsolationFile::Batch => Isolation::Batch,
        },
        tables,
        sees,
        view: view::view(file, report),
        effects: file.effects.as_ref().map(|effects| self::effects(effects, &mut places, report)),
        fields,
        settings,
        at,
        places,
    })
}

/// Notes a table that the settings name, or reports that there is none.
pub(super) fn known_table(table: &str, spot: Spot, known: &Known<'_>, tables: &mut BTreeSet<String>, report: &mut Report) {
    if known.table_names.contains(&table) {
        tables.insert(table.to_owned());
        return;
    }
    let near = match hint(table, known.table_names.iter().copied()) {
        near if near.is_empty() => "; give it under \"tables\"".to_owned(),
        near => near,
    };
    report.invalid(spot, format!("there is no table \"{table}\"{near}"));
}

fn is_plugin_name(name: &str) -> bool {
    name.len() <= 64
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `fields` as grants, each with its settings.
fn fields_of(
    fields: &[(At<String>, At<Any>)],
    known: &Known<'_>,
    granter: &mut Granter<'_>,
    places: &mut Places,
    context: &Context<'_>,
    report: &mut Report,
) {
    for (selector, any) in fields {
        let Some(node) = context.forest.get(any.value) else {
            continue;
        };
        let Some(settings) = field_settings(node, report) else { continue };
        known_keys(node, known, report);
        let at = report.locate(selector.spot);
        if let Some(index) = granter.grant(&selector.value, settings, at, report) {
            places.note(&format!("/fields/{index}"), None, node, report);
        }
    }
}

/// What a step says about one field.
pub(super) fn field_settings(node: &Node, report: &mut Report) -> Option<Value> {
    match node.kind {
        Kind::Null => Some(json!({})),
        Kind::Map(_) => Some(node.to_json()),
        _ => {
            let message = format!("the settings of a field are a map such as {{ use: redact }}, not {}", node.what());
            report.invalid(node.spot, message);
            None
        }
    }
}

/// Every key that the settings name, at any depth: an operator may have another one inside.
pub(super) fn known_keys(node: &Node, known: &Known<'_>, report: &mut Report) {
    match &node.kind {
        Kind::Map(entries) => entries.iter().for_each(|(name, value)| named_key(&name.text, value, known, report)),
        Kind::List(items) => items.iter().for_each(|item| known_keys(item, known, report)),
        _ => {}
    }
}

/// The same for one setting, by its name.
pub(super) fn named_key(name: &str, value: &Node, known: &Known<'_>, report: &mut Report) {
    match &value.kind {
        Kind::Text(key) if name == "key" && !known.key_names.contains(&key.as_str()) => {
            let near = match hint(key, known.key_names.iter().copied()) {
                near if near.is_empty() => "; give it under \"keys\"".to_owned(),
                near => near,
            };
            report.invalid(value.spot, format!("there is no key \"{key}\"{near}"));
        }
        _ => known_keys(value, known, report),
    }
}

/// `fields` of a filter: short for `where: { all: […] }`.
fn conditions(
    file: &StepFile,
    fields: &[(At<String>, At<Any>)],
    settings: &mut Map<String, Value>,
    places: &mut Places,
    context: &Context<'_>,
    report: &mut Report,
) {
    if let (Some((name, _)), Some(_)) = (file.settings.iter().find(|(name, _)| name.value == "where"), &file.fields) {
        report.invalid(name.spot, "a filter has either fields or where; write all conditions under where");
        return;
    }
    let (mut all, mut seen) = (Vec::new(), Granter::new(context.selectors, 0));
    for (selector, any) in fields {
        let Some(node) = context.forest.get(any.value) else {
            continue;
        };
        if !seen.keep(&selector.value, &report.locate(selector.spot), report) {
            continue;
        }
        let Kind::Map(entries) = &node.kind else {
            let message = format!("a condition is a map such as {{ eq: ok }}, not {}", node.what());
            report.invalid(node.shown(None), message);
            continue;
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.text == "field") {
            report.invalid(key.spot, "the field of this condition is named by the key before it");
            continue;
        }
        let pointer = format!("/settings/where/all/{}", all.len());
        places.note(&pointer, None, node, report);
        places.set(&pointer, report.locate(selector.spot));
        places.set(&below(&pointer, "field"), report.locate(selector.spot));
        let mut condition = Map::from_iter([("field".to_owned(), Value::from(selector.value.as_str()))]);
        condition.extend(entries.iter().map(|(key, value)| (key.text.clone(), value.to_json())));
        all.push(Value::Object(condition));
    }
    if let Some(fields) = &file.fields {
        places.set("/settings/where", report.locate(fields.spot));
    }
    settings.insert("where".into(), json!({ "all": all }));
}

fn mode(file: &StepFile, report: &mut Report) -> Mode {
    if file.mode.value == ModeFile::AllowList {
        return Mode::AllowList;
    }
    let misplaced = [("keep", file.keep.as_ref().map(|keep| keep.spot)), ("headers", file.headers.as_ref().map(|headers| headers.spot))];
    for (name, spot) in misplaced {
        if let Some(spot) = spot {
            let message = format!("{name} has a meaning in mode: allow_list only; write that mode, or remove {name}");
            report.invalid(spot, message);
        }
    }
    Mode::Fields
}

fn sees(file: &[At<SeesFile>], places: &mut Places, report: &Report) -> Sees {
    for (i, sees) in file.iter().enumerate() {
        places.set(&format!("/sees/{i}"), report.locate(sees.spot));
    }
    let sees = |what| file.iter().any(|at| at.value == what);
    Sees {
        key: sees(SeesFile::Key),
        value: sees(SeesFile::Value),
        headers: sees(SeesFile::Headers),
        timestamp: sees(SeesFile::Timestamp),
        offset: sees(SeesFile::Offset),
        sizes: sees(SeesFile::Sizes),
    }
}

fn effects(file: &At<Vec<At<EffectFile>>>, places: &mut Places, report: &Report) -> Effects {
    places.set("/effects", report.locate(file.spot));
    let may = |what| file.value.iter().any(|at| at.value == what);
    Effects {
        edit_fields: may(EffectFile::EditFields),
        edit_key: may(EffectFile::EditKey),
        edit_value: may(EffectFile::EditValue),
        edit_headers: may(EffectFile::EditHeaders),
        edit_timestamp: may(EffectFile::EditTimestamp),
        drop: may(EffectFile::Drop),
        reject: may(EffectFile::Reject),
        route: may(EffectFile::Route),
        emit: may(EffectFile::Emit),
    }
}

fn keep(file: &StepFile, granter: &mut Granter<'_>, places: &mut Places, report: &mut Report) -> Vec<String> {
    let listed = file.keep.iter().flat_map(|keep| &keep.value);
    let mut kept = Vec::new();
    for selector in listed {
        let at = report.locate(selector.spot);
        if granter.keep(&selector.value, &at, report) {
            places.set(&format!("/keep/{}", kept.len()), at);
            kept.push(selector.value.clone());
        }
    }
    kept
}

fn headers(file: &StepFile) -> Vec<String> {
    let listed = file.headers.iter().flat_map(|headers| &headers.value);
    let unique: BTreeSet<_> = listed.map(|name| name.value.clone()).collect();
    unique.into_iter().collect()
}

/// `pass` and `reject` are the host's; `keep` and `drop` are a filter's, and passed on.
fn absent(file: &StepFile, settings: &mut Map<String, Value>, places: &mut Places, report: &mut Report) -> Absent {
    let Some(absent) = &file.absent else {
        return Absent::Pass;
    };
    match absent.value.as_str() {
        "pass" if file.plugin.value == "filter" => {
            let message =
                "absent: \"pass\" says nothing of what a filter does with such a record; write keep or drop (drop is the default)";
            report.invalid(absent.spot, message.to_owned());
            Absent::Pass
        }
        "pass" => Absent::Pass,
        "reject" => Absent::Reject,
        word @ ("keep" | "drop") => {
            settings.insert("absent".into(), word.into());
            places.set("/settings/absent", report.locate(absent.spot));
            Absent::Pass
        }
        word => {
            let near = hint(word, ["pass", "reject", "keep", "drop"]);
            let message = format!("absent: \"{word}\" is not one of pass, reject, keep, drop{near}");
            report.invalid(absent.spot, message);
            Absent::Pass
        }
    }
}
