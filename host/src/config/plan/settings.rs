//! A plugin's settings as JSON, with the place of every part under its JSON pointer. It knows no plugin.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::error::Report;
use super::super::place::{Location, Spot};
use super::super::tree::{Key, Kind, Node};

/// Places by JSON pointer (RFC 6901).
#[derive(Clone, Debug, Default)]
pub struct Places(BTreeMap<String, Location>);

impl Places {
    /// Notes where the value under the pointer stands; the last call counts.
    pub(super) fn set(&mut self, pointer: &str, at: Location) {
        self.0.insert(pointer.to_owned(), at);
    }

    /// The place of the pointer, or of the nearest one above it.
    pub fn nearest(&self, mut pointer: &str) -> Option<&Location> {
        loop {
            if let Some(at) = self.0.get(pointer) {
                return Some(at);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// Notes the node and everything below it: a map or list under a key has the key's place, a scalar its own.
    pub(super) fn note(&mut self, pointer: &str, key: Option<&Key>, node: &Node, report: &Report) {
        self.set(pointer, report.locate(node.shown(key)));
        match &node.kind {
            Kind::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.note(&below(pointer, &i.to_string()), None, item, report);
                }
            }
            Kind::Map(entries) => {
                for (key, value) in entries {
                    self.note(&below(pointer, &key.text), Some(key), value, report);
                }
            }
            _ => {}
        }
    }
}

/// The pointer of a child, its name escaped.
pub(super) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Calls `visit` for every `table: NAME` in the node that stands under `name`, in order, with its place.
pub(super) fn tables_named(name: &str, node: &Node, visit: &mut dyn FnMut(&str, Spot)) {
    match &node.kind {
        Kind::Text(table) if name == "table" => visit(table, node.spot),
        Kind::List(items) => items.iter().for_each(|item| tables_named("", item, visit)),
        Kind::Map(entries) => entries.iter().for_each(|(key, value)| tables_named(&key.text, value, visit)),
        _ => {}
    }
}

/// Calls `visit` for every `field: "<selector>"` in the tree, in order, with its pointer.
pub(super) fn fields_named(tree: &mut Value, pointer: &str, visit: &mut dyn FnMut(&str, &mut String)) {
    match tree {
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                fields_named(item, &below(pointer, &i.to_string()), visit);
            }
        }
        Value::Object(entries) => {
            for (name, value) in entries.iter_mut() {
                let pointer = below(pointer, name);
                match value {
                    Value::String(selector) if name == "field" => visit(&pointer, selector),
                    value => fields_named(value, &pointer, visit),
                }
            }
        }
        _ => {}
    }
}
