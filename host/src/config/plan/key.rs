//! What becomes of the record's key: from file to plan. It loads no plugin; whether one can mask, and whether an operator
//! keeps keys apart, the chain says.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::error::Report;
use super::super::file::{KeyFile, StepFile};
use super::super::place::{Any, At};
use super::super::suggest::hint;
use super::super::tree::{Key, Kind, Node};
use super::grants::Granter;
use super::pipeline::Known;
use super::settings::{Places, below, tables_named};
use super::step::{field_settings, known_keys, known_table, named_key};
use super::{Context, FieldGrant, Mode};

/// What becomes of the record's key, after what the plugin does with it.
#[derive(Clone, Debug)]
pub enum KeyRule {
    /// It goes on.
    Clear,
    /// It becomes null.
    Null,
    /// The plugin masks it.
    Masked(KeyMask),
}

/// The places of a key that a plugin masks.
#[derive(Clone, Debug)]
pub struct KeyMask {
    /// At least one, in order; canonical paths are unique. `$` is the key as a whole.
    pub fields: Vec<FieldGrant>,
    /// Selectors of what stays as it is; empty unless the mode is `AllowList`; none is in `fields`.
    pub keep: Vec<String>,
}

impl KeyMask {
    /// Whether the key is masked as one value, whatever it holds.
    pub fn is_whole(&self) -> bool {
        self.fields.iter().all(|grant| grant.selector == WHOLE)
    }
}

impl KeyRule {
    /// The places that the plugin masks.
    pub fn fields(&self) -> &[FieldGrant] {
        match self {
            Self::Masked(mask) => &mask.fields,
            Self::Clear | Self::Null => &[],
        }
    }
}

/// The selector of a whole key.
const WHOLE: &str = "$";

/// What the step around a key says.
pub(super) struct Around<'a> {
    pub(super) mode: Mode,
    /// How many fields of the value are granted: the key's come after them.
    pub(super) fields: usize,
    pub(super) known: &'a Known<'a>,
    pub(super) context: &'a Context<'a>,
}

/// A key often carries what the fields hide, so that an allow list has to say what becomes of it.
pub(super) fn key(
    file: &StepFile,
    around: &Around<'_>,
    places: &mut Places,
    tables: &mut BTreeSet<String>,
    report: &mut Report,
) -> KeyRule {
    let Some(key) = &file.key else {
        if around.mode == Mode::AllowList {
            report.invalid(
                file.mode.spot,
                "mode: allow_list needs a word about the record's key: write \"key: clear\" (it goes on as the step leaves \
                 it), \"key: null\" (it becomes null) or what masks it, such as \"key: { use: hmac, key: pii }\"",
            );
        }
        return KeyRule::Clear;
    };
    places.set("/key", report.locate(key.spot));
    let entries = match &key.value {
        KeyFile::Clear => return KeyRule::Clear,
        KeyFile::Null => return KeyRule::Null,
        KeyFile::Masked(entries) => &entries.0,
    };
    for (name, any) in entries {
        if let Some(node) = around.context.forest.get(any.value) {
            tables_named(&name.value, node, &mut |table, spot| known_table(table, spot, around.known, tables, report));
        }
    }
    let mut granter = Granter::new(around.context.selectors, around.fields);
    let mut masked = Masked { around, granter: &mut granter, places, report };
    let keep = match entries.iter().find(|(name, _)| name.value == "fields") {
        Some((_, fields)) => masked.places_in(key, entries, fields),
        None => {
            masked.whole(key, entries);
            Vec::new()
        }
    };
    KeyRule::Masked(KeyMask { fields: granter.finish(places), keep })
}

/// Reads the two forms of a masked key.
struct Masked<'a, 'b> {
    around: &'a Around<'a>,
    granter: &'a mut Granter<'b>,
    places: &'a mut Places,
    report: &'a mut Report,
}

impl Masked<'_, '_> {
    /// `{ use: … }`: the settings of the key as a whole.
    fn whole(&mut self, key: &At<KeyFile>, entries: &[(At<String>, At<Any>)]) {
        let forest = self.around.context.forest;
        let nodes: Vec<_> = entries.iter().filter_map(|(name, any)| Some((name, forest.get(any.value)?))).collect();
        let settings: Map<_, _> = nodes.iter().map(|(name, node)| (name.value.clone(), node.to_json())).collect();
        let at = self.report.locate(key.spot);
        let Some(index) = self.granter.grant(WHOLE, Value::Object(settings), at, self.report) else { return };
        for (name, node) in nodes {
            named_key(&name.value, node, self.around.known, self.report);
            let of = Key { text: name.value.clone(), spot: name.spot };
            self.places.note(&below(&format!("/fields/{index}"), &name.value), Some(&of), node, self.report);
        }
    }

    /// `{ fields: { … }, keep: [ … ] }`: what is kept.
    fn places_in(&mut self, key: &At<KeyFile>, entries: &[(At<String>, At<Any>)], fields: &At<Any>) -> Vec<String> {
        match self.around.context.forest.get(fields.value).map(|node| &node.kind) {
            Some(Kind::Map(listed)) if !listed.is_empty() => {
                for (selector, node) in listed {
                    self.field(selector, node);
                }
            }
            _ => self.report.invalid(
                key.spot,
                "key.fields is a map of at least one place, such as { $.customer_id: { use: hmac, key: pii } }; for the key as \
                 a whole write \"key: { use: hmac, key: pii }\"",
            ),
        }
        let mut keep = Vec::new();
        for (name, any) in entries {
            match (name.value.as_str(), self.around.context.forest.get(any.value)) {
                ("fields", _) | (_, None) => {}
                ("keep", Some(node)) => keep = self.keep(name, node),
                (other, Some(_)) => {
                    let message = match hint(other, ["fields", "keep"]) {
                        near if near.is_empty() => format!("unknown key \"{other}\" in key; with fields, valid keys are fields, keep"),
                        near => format!("unknown key \"{other}\" in key{near}"),
                    };
                    self.report.invalid(name.spot, message);
                }
            }
        }
        keep
    }

    fn field(&mut self, selector: &Key, node: &Node) {
        let Some(settings) = field_settings(node, self.report) else { return };
        known_keys(node, self.around.known, self.report);
        let at = self.report.locate(selector.spot);
        if let Some(index) = self.granter.grant(&selector.text, settings, at, self.report) {
            self.places.note(&format!("/fields/{index}"), None, node, self.report);
        }
    }

    fn keep(&mut self, name: &At<String>, node: &Node) -> Vec<String> {
        if self.around.mode != Mode::AllowList {
            let message = "keep has a meaning in mode: allow_list only; write that mode, or remove keep";
            self.report.invalid(name.spot, message);
            return Vec::new();
        }
        let Kind::List(items) = &node.kind else {
            self.report.invalid(name.spot, format!("key.keep is a list of selectors, not {}", node.what()));
            return Vec::new();
        };
        let mut kept = Vec::new();
        for item in items {
            let Kind::Text(selector) = &item.kind else {
                self.report.invalid(item.spot, format!("key.keep is a list of selectors, and holds {}", item.what()));
                continue;
            };
            let at = self.report.locate(item.spot);
            if self.granter.keep(selector, &at, self.report) {
                self.places.set(&format!("/key/keep/{}", kept.len()), at);
                kept.push(selector.clone());
            }
        }
        kept
    }
}
