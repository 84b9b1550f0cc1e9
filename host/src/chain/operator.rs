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
    value: Option<Value>,
}

impl Operator {
    /// The operator of a grant of a step with this plugin, whose schema of a field's settings this is.
    pub fn of(grant: &FieldGrant, plugin: &str, field_schema: &Value) -> Self {
        Self::new(&grant.settings, plugin, field_schema)
    }

    /// From the settings of a field as they are; see [`Operator::of`].
    pub(super) fn new(settings: &Value, plugin: &str, field_schema: &Value) -> Self {
        Self {
            name: settings["use"].as_str().unwrap_or(plugin).to_owned(),
            traits: Traits::of(field_schema, settings),
            value: settings.get("value").cloned(),
        }
    }

    /// Whether a place can take anything that the operator makes. What the plugin does not say fits, and so does a place
    /// that holds no value of its own: nulls are left alone, and of a container the host hands out what stands in it.
    fn fits(&self, place: &Place) -> bool {
        let output = self.traits.as_ref().and_then(|traits| traits.output.as_deref());
        let (text, bytes) = (place.kinds.contains(Kind::Text), place.kinds.contains(Kind::Bytes));
        // Bytes stay bytes, whatever is written in them.
        let any_bytes = bytes && !place.sized;
        match output {
            _ if !has_values(place) => true,
            Some("text") => any_bytes || text && place.any_text,
            Some("uuid") => any_bytes || text && (place.any_text || place.uuid),
            // It may be of the form that the type wants; a boolean is cleared.
            Some("letters") => text || bytes || place.kinds.contains(Kind::Boolean),
            Some("form") => text || bytes,
            // What has a form of its own, such as a date, is no number any more.
            Some("part") => place.any_text || !text,
            Some("null") => place.nullable,
            Some("none") => place.removable || place.nullable,
            Some("setting") => match &self.value {
                None => true,
                Some(Value::Null) => place.nullable,
                Some(Value::Bool(_)) => place.kinds.contains(Kind::Boolean),
                Some(Value::Number(number)) if number.is_f64() => place.kinds.contains(Kind::Decimal),
                Some(Value::Number(_)) => place.kinds.contains(Kind::Integer) || place.kinds.contains(Kind::Decimal),
                // Whether it has the form of a date, say, only its value tells.
                Some(_) => text || bytes,
            },
            _ => true,
        }
    }
}

/// Whether anything but nulls, and what stands in a container, may be handed out there.
fn has_values(place: &Place) -> bool {
    [Kind::Text, Kind::Bytes, Kind::Integer, Kind::Decimal, Kind::Boolean].into_iter().any(|kind| place.kinds.contains(kind))
}

/// The places of a schema that cannot take what the operators make of them, or hold no text to open: a sentence each, in
/// the order of the selection.
pub fn misfits<'a>(nest: &'a Nest, operators: &'a [Operator], compiled: &'a Compiled) -> impl Iterator<Item = String> {
    (0..nest.selection().fields()).flat_map(move |outer| {
        let behind: Vec<&Operator> = nest.behind(outer).into_iter().filter_map(|field| operators.get(field as usize)).collect();
        let opens = nest.opens(outer);
        let sentences = move |place: Place| -> Vec<String> {
            let Place { path, type_name, .. } = &place;
            if opens {
                let closed = has_values(&place) && !(place.kinds.contains(Kind::Text) && place.any_text);
                return closed.then(|| format!("{path} is opened by `>>`, and holds no text: it is {type_name}")).into_iter().collect();
            }
            let unfit = behind.iter().filter(|operator| !operator.fits(&place));
            unfit.map(|operator| format!("{} at {path} does not fit: it is {type_name}", operator.name)).collect()
        };
        compiled.places(outer as u32).into_iter().flat_map(sentences)
    })
}
