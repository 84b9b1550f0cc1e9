//! JSON: the head, then a document. `serde_json` says what is valid and what is in it.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::check::{self, Decoded, Format, Walker};
use crate::head::Head;
use crate::host::fields::{self, DecodeError, Edit, Hit, Hits, PatchError, Patched, Selection};
use crate::tree::{Leaf, NULL, Node};

struct Json;

pub fn run(input: &[u8]) {
    let (head, document) = Head::split(input);
    check::body(&Json, &head, document);
}

impl Format for Json {
    type Walker = Selection;

    fn walker(&self, selection: Selection) -> Option<Selection> {
        Some(selection)
    }

    fn decode(&self, body: &[u8]) -> Decoded {
        // Its scanner does not look at what is no UTF-8 in strings that it passes over.
        let Ok(text) = std::str::from_utf8(body) else { return Decoded::Refused };
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Decoded::Tree(node(&value)),
            // The grammar has halves of surrogate pairs; a tree cannot hold them.
            Err(_) if serde_json::from_str::<&RawValue>(text).is_ok() => Decoded::Right,
            Err(_) => Decoded::Refused,
        }
    }

    fn agrees(&self, error: DecodeError, decode: impl Fn() -> Decoded) -> bool {
        match error {
            DecodeError::NotJson | DecodeError::InvalidUtf8 => decode().refused(),
            DecodeError::DuplicateName | DecodeError::LoneSurrogate | DecodeError::RootNotListed | DecodeError::TooDeep => true,
            _ => false,
        }
    }

    fn sees_all(&self) -> bool {
        true
    }
}

impl Walker for Selection {
    fn select(&self, body: &[u8], hits: &mut Hits) -> Result<(), DecodeError> {
        Selection::select(self, body, hits)
    }

    fn append_value(&self, body: &[u8], hit: &Hit, out: &mut Vec<u8>) -> Result<(), DecodeError> {
        fields::append_value(body, hit, out)
    }

    fn patch<'a>(
        &self,
        body: &[u8],
        hits: &Hits,
        edit: impl FnMut(usize, &Hit) -> Edit<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Patched, PatchError> {
        fields::patch(body, hits, edit, out)
    }
}

fn node(value: &Value) -> Node {
    match value {
        Value::Array(elements) => Node::List(elements.iter().map(node).collect()),
        Value::Object(members) => Node::Names(members.iter().map(|(name, member)| (name.clone(), node(member))).collect()),
        Value::String(text) => Node::Leaf(Leaf { now: format!("{text:?}"), zero: NULL.to_owned(), text: true }),
        scalar => Node::Leaf(Leaf { now: scalar.to_string(), zero: NULL.to_owned(), text: false }),
    }
}
