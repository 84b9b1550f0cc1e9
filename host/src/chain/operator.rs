//! The operators that a step's fields name, and whether what they make fits the places of a schema. It must not touch
//! values: those are held against their types one by one, where they are patched.

use serde_json::Value;

use super::format::Compiled;
use super::traits::Traits;
use crate::config::plan::FieldGrant;
use crate::fields::{Kind, Nest, Place};

/// What one field of a step asks for.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The name that its settings use, or the plugin's where they name none.
    pub name: String,
    /// What the plugin says of it, if anything.
    pub traits: Option<Traits>,
    /// The value that its settings give, for operators that write it.
    value: Value,
}

impl Operator {
    /// The operator of a grant of a step with this plugin, whose schema of a field's settings this is.
    pub fn of(grant: &FieldGrant, plugin: &str, field_schema: &Value) -> Self {
        Self::new(&grant.settings, plugin, field_schema)
    }

    pub(super) fn new(settings: &Value, plugin: &str, field_schema: &Value) -> Self {
        Self {
            name: settings["use"].as_str().unwrap_or(plugin).to_owned(),
            traits: Traits::of(field_schema, settings),
            value: settings["value"].clone(),
        }
    }

    /// Whether a place can take anything that the operator makes. What the plugin does not say fits.
    fn fits(&self, place: &Place) -> bool {
        let output = self.traits.as_ref().and_then(|traits| traits.output.as_deref());
        let text = place.kinds.contains(Kind::Text);
        // Bytes stay bytes, whatever is written in them.
        let bytes = place.kinds.contains(Kind::Bytes) && !text;
        match output {
            Some("text") => bytes || text && place.any_text,
            Some("uuid") => bytes || text && (place.any_text || place.uuid),
            // What has a form of its own, such as a date, is no number any more.
            Some("part") => place.any_text || !text,
            Some("null") => place.nullable,
            Some("none") => place.removable || place.nullable,
            Some("setting") => match &self.value {
                Value::Null => place.nullable,
                Value::Bool(_) => place.kinds.contains(Kind::Boolean),
                Value::Number(number) if number.is_f64() => place.kinds.contains(Kind::Decimal),
                Value::Number(_) => place.kinds.contains(Kind::Integer) || place.kinds.contains(Kind::Decimal),
                // Whether it has the form of a date, say, only its value tells.
                _ => text || bytes,
            },
            _ => true,
        }
    }
}

/// The places of a schema that cannot take what the operators make of them, or hold no text to open: a sentence each, in
/// the order of the selection, none twice.
pub fn misfits(nest: &Nest, operators: &[Operator], compiled: &Compiled) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for outer in 0..nest.selection().fields() {
        let places = compiled.places(outer as u32);
        for sentence in of_field(nest, operators, outer, &places) {
            if !found.contains(&sentence) {
                found.push(sentence);
            }
        }
    }
    found
}

fn of_field(nest: &Nest, operators: &[Operator], outer: usize, places: &[Place]) -> Vec<String> {
    if nest.opens(outer) {
        let closed = places.iter().filter(|place| !(place.kinds.contains(Kind::Text) && place.any_text));
        return closed.map(|place| format!("{} is opened by `>>`, and holds no text: it is {}", place.path, place.type_name)).collect();
    }
    let of_operator = |operator: &Operator| -> Vec<String> {
        let sentence = |place: &Place| format!("{} at {} does not fit: it is {}", operator.name, place.path, place.type_name);
        places.iter().filter(|place| !operator.fits(place)).map(sentence).collect()
    };
    nest.behind(outer).into_iter().filter_map(|field| operators.get(field as usize)).flat_map(of_operator).collect()
}
