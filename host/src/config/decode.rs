//! From the tree of a file to its types: serde over nodes, where every error keeps its place and the next one is
//! found too. It reports shape (unknown, missing, wrong type), never meaning.

mod access;
mod fault;

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::Number;

use super::error::Report;
use super::place::{ANY, AT, Spot};
use super::tree::{Key, Kind, Node};
use access::{AnyParts, Items, PlacedParts, Properties, Variant};
use fault::{Fault, Position, What};

/// How many errors of shape are told of one file; more help nobody.
const MAX_FAULTS: usize = 50;

/// The tree as `T`, or what keeps it from being one, reported. Where a part is wrong it is cut out of the view and the
/// rest is read again, so that one run tells of every wrong part.
pub(super) fn decode<T: DeserializeOwned>(root: &Node, report: &mut Report) -> Option<T> {
    let mut cut = BTreeSet::new();
    for _ in 0..MAX_FAULTS {
        let view = View { node: root, key: None, cut: &cut };
        let fault = match T::deserialize(view) {
            Ok(_) if !cut.is_empty() => return None,
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        let position = fault.position.unwrap_or(Position::Node(root.id));
        let told = matches!(fault.what, What::Missing { cut_before: true, .. });
        if !told {
            let spot = match trail(root, position.id()) {
                Some(trail) => trail.spot(position, &fault.what),
                None => root.spot,
            };
            let path = trail(root, position.id()).map(|t| t.path(position)).unwrap_or_default();
            report.invalid(spot, fault.what.message(&path));
        }
        if position.id() == root.id {
            return None;
        }
        cut.insert(position.id());
    }
    None
}

/// The way from the root to a node.
struct Trail<'a> {
    steps: Vec<(Option<&'a Key>, usize)>,
    node: &'a Node,
}

impl Trail<'_> {
    /// `clusters.landing`, `pipelines[0].steps[1]`; of the map around it where a key is wrong.
    fn path(&self, position: Position) -> String {
        let steps = match position {
            Position::Key(_) => &self.steps[..self.steps.len().saturating_sub(1)],
            Position::Node(_) => &self.steps[..],
        };
        let mut path = String::new();
        for (key, index) in steps {
            match key {
                Some(key) if path.is_empty() => path.push_str(&key.text),
                Some(key) => path.extend([".", &key.text]),
                None => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    fn spot(&self, position: Position, what: &What) -> Spot {
        let key = self.steps.last().and_then(|(key, _)| *key);
        match (position, what, key) {
            (Position::Key(_), _, Some(key)) => key.spot,
            // What a map lacks stands nowhere; its name is the best that can be shown.
            (_, What::Missing { .. }, key) => self.node.shown(key),
            (_, _, key) if matches!(self.node.kind, Kind::Null) => self.node.shown(key),
            _ => self.node.spot,
        }
    }
}

fn trail(root: &Node, id: u32) -> Option<Trail<'_>> {
    let mut steps = Vec::new();
    let mut node = root;
    while node.id != id {
        let (step, child) = match &node.kind {
            Kind::List(items) => {
                let index = items.iter().rposition(|n| n.id <= id)?;
                ((None, index), items.get(index)?)
            }
            Kind::Map(entries) => {
                let index = entries.iter().rposition(|(_, n)| n.id <= id)?;
                let (key, child) = entries.get(index)?;
                ((Some(key), index), child)
            }
            _ => return None,
        };
        steps.push(step);
        node = child;
    }
    Some(Trail { steps, node })
}

/// A node as serde sees it: without what was cut out.
#[derive(Clone, Copy)]
struct View<'a> {
    node: &'a Node,
    key: Option<&'a Key>,
    cut: &'a BTreeSet<u32>,
}

impl<'a> View<'a> {
    fn below(&self, node: &'a Node, key: Option<&'a Key>) -> Self {
        Self { node, key, cut: self.cut }
    }

    /// An error without a place happened here.
    fn place(&self, fault: Fault) -> Fault {
        fault.at(Position::Node(self.node.id)).knowing_cuts(self)
    }

    fn wrong_type(&self, expected: &dyn serde::de::Expected) -> Fault {
        self.place(Fault::wrong_type(self.node, expected))
    }

    fn items(&self) -> Option<Items<'a>> {
        match &self.node.kind {
            Kind::List(items) => Some(Items::new(*self, items)),
            // `keep:` with nothing after it.
            Kind::Null => Some(Items::new(*self, &[])),
            _ => None,
        }
    }

    fn properties(&self) -> Option<Properties<'a>> {
        match &self.node.kind {
            Kind::Map(entries) => Some(Properties::new(*self, entries)),
            Kind::Null => Some(Properties::new(*self, &[])),
            _ => None,
        }
    }

    fn number<V: Visitor<'a>>(self, number: &Number, visitor: V) -> Result<V::Value, Fault> {
        if let Some(n) = number.as_u64() {
            visitor.visit_u64(n)
        } else if let Some(n) = number.as_i64() {
            visitor.visit_i64(n)
        } else if let Some(n) = number.as_f64() {
            visitor.visit_f64(n)
        } else {
            Err(Fault::custom("the number is out of range"))
        }
    }

    fn integer<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Number(n) if n.is_i64() || n.is_u64() => self.number(n, visitor).map_err(|f| self.place(f)),
            _ => Err(self.wrong_type(&visitor)),
        }
    }

    fn text<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Text(text) => visitor.visit_borrowed_str(text).map_err(|f| self.place(f)),
            _ => Err(self.wrong_type(&visitor)),
        }
    }
}

macro_rules! forward {
    ($to:ident: $($method:ident)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.$to(visitor)
        }
    )*};
}

impl<'a> Deserializer<'a> for View<'a> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(b) => visitor.visit_bool(*b),
            Kind::Number(n) => self.number(n, visitor),
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(items) => visitor.visit_seq(Items::new(self, items)),
            Kind::Map(entries) => visitor.visit_map(Properties::new(self, entries)),
        }
        .map_err(|fault| self.place(fault))
    }

    forward!(integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64);
    forward!(text: deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_identifier);
    forward!(deserialize_any: deserialize_bool deserialize_f32 deserialize_f64 deserialize_unit
        deserialize_ignored_any);

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(PlacedParts::of(self)),
            ANY => visitor.visit_seq(AnyParts::of(self.node)),
            _ => visitor.visit_newtype_struct(self).map_err(|fault| self.place(fault)),
        }
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.items() {
            Some(items) => visitor.visit_seq(items).map_err(|fault| self.place(fault)),
            None => Err(self.wrong_type(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.properties() {
            Some(properties) => visitor.visit_map(properties).map_err(|fault| self.place(fault)),
            None => Err(self.wrong_type(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'a>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(self, _: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let variant = Variant::of(self, variants).map_err(|fault| self.place(fault))?;
        visitor.visit_enum(variant).map_err(|fault| self.place(fault))
    }
}
