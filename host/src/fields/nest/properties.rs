//! Random documents in texts of random documents: the same as masking the decoded trees, and no byte beside a change is
//! another.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Tree;

use super::super::properties::{as_tree, document, new_value, parse, selector};
use super::super::reference::Reference;
use super::super::{DecodeError, Edit, Hits, Kind, PatchError, Patched, Reader, avro, proto};
use super::*;

/// A text as JSON writes it, each character in the way that its style says: piece by piece.
fn pieces(text: &str, styles: &[u8]) -> Vec<String> {
    let plain = |char: char| {
        let quoted = Tree::from(char.to_string()).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let unit = |unit: u16| format!("\\u{unit:04X}");
    let styles = styles.iter().chain(std::iter::repeat(&0));
    text.chars()
        .zip(styles)
        .map(|(char, style)| match (style, char) {
            (1, _) => char.encode_utf16(&mut [0; 2]).iter().map(|&code| unit(code)).collect(),
            (2, '/') => "\\/".to_owned(),
            _ => plain(char),
        })
        .collect()
}

/// A text as a string of JSON. The first and the last part get the quotes, every other stands for what it stood for.
fn quoted(parts: &[String], styles: &[u8]) -> Vec<String> {
    let mut at = 0;
    let mut parts: Vec<String> = parts
        .iter()
        .map(|part| {
            let own = styles.get(at..).unwrap_or_default();
            at += part.chars().count();
            pieces(part, own).concat()
        })
        .collect();
    parts.first_mut().unwrap().insert(0, '"');
    parts.last_mut().unwrap().push('"');
    parts
}

fn styles() -> impl Strategy<Value = Vec<u8>> {
    vec(0..4_u8, 0..80)
}

/// `selectors` inside `outer`.
fn inside(outer: &str, selectors: &[Selector]) -> Vec<Path> {
    selectors.iter().map(|selector| Path::parse(&format!("{outer} >> {}", selector.canonical())).unwrap()).collect()
}

const AVRO: &str = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"p","type":["null","string"]}]}"#;
const PROTOBUF: &str = r#"syntax = "proto3"; message R { int64 n = 1; string p = 2; }"#;

/// A text in a document of some format, and out of it again.
struct Wrapped {
    reader: fn(&Nest) -> Reader,
    wrap: fn(&str, &[u8]) -> Vec<u8>,
    unwrap: fn(&[u8]) -> String,
}

fn with_length(mut length: usize, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    while length > 127 {
        out.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    [&out, text.as_bytes()].concat()
}

fn without_length(bytes: &[u8], shift: u32) -> String {
    let digits = bytes.iter().position(|byte| byte & 128 == 0).unwrap() + 1;
    let length = bytes[..digits].iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 127)) >> shift;
    assert_eq!(bytes.len(), digits + length);
    String::from_utf8(bytes[digits..].to_vec()).unwrap()
}

const FORMATS: [Wrapped; 3] = [
    Wrapped {
        reader: |_| Reader::Json,
        wrap: |text, styles| format!("{{ \"n\":7, \"p\": \"{}\"}}", pieces(text, styles).concat()).into_bytes(),
        unwrap: |bytes| parse(bytes)["p"].as_str().unwrap().to_owned(),
    },
    Wrapped {
        reader: |nest| {
            let plan = avro::Plan::compile(nest.selection(), &avro::Schema::parse(AVRO, &[]).unwrap()).unwrap();
            Reader::Avro(Arc::new(plan))
        },
        wrap: |text, _| [vec![14, 2], with_length(text.len() << 1, text)].concat(),
        unwrap: |bytes| {
            assert_eq!(bytes[..2], [14, 2]);
            without_length(&bytes[2..], 1)
        },
    },
    Wrapped {
        reader: |nest| {
            let schema = proto::Schema::parse(PROTOBUF, &[]).unwrap();
            let plan = proto::Plan::compile(nest.selection(), &schema, schema.message(&[0]).unwrap()).unwrap();
            Reader::Protobuf(Arc::new(plan))
        },
        wrap: |text, _| [vec![8, 7, 18], with_length(text.len(), text)].concat(),
        unwrap: |bytes| {
            assert_eq!(bytes[..3], [8, 7, 18]);
            without_length(&bytes[3..], 0)
        },
    },
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn patching_is_editing_the_tree(
        text in document(),
        fields in vec(selector(), 0..4),
        keep in prop::option::of(vec(selector(), 0..3)),
        styles in styles(),
        format in 0..3_usize,
    ) {
        let paths = inside("$.p", &fields);
        let kept = keep.as_ref().map(|keep| [inside("$.p", keep), vec![Path::parse("$.n").unwrap()]].concat());
        let Ok(nest) = Nest::compile(&paths, kept.as_deref(), Containers::Expand) else { return Ok(()) };
        // With no path inside, the text itself is what an allow list drops.
        prop_assume!(!paths.is_empty() || keep.as_ref().is_none_or(|keep| !keep.is_empty()));
        let format = &FORMATS[format];
        let (reader, body) = ((format.reader)(&nest), (format.wrap)(&text, &styles));
        let root = parse(text.as_bytes());
        let reference = Reference::new(&root, &fields, keep.as_deref());
        let wanted = reference.apply(&as_tree);
        let mut found = Found::new();
        match nest.select(&reader, &body, &mut found) {
            Err(DecodeError::RootNotListed) => {
                prop_assert_eq!(wanted, None);
                return Ok(());
            }
            selected => prop_assert_eq!(selected, Ok(())),
        }
        let mut values = Vec::new();
        let all: Result<(), DecodeError> = nest.each(&reader, &body, &found, &mut |value: Value<'_>| {
            let mut bytes = Vec::new();
            value.append(&mut bytes)?;
            let tree = match value.kind {
                Kind::Null => Tree::Null,
                Kind::Text => Tree::from(String::from_utf8(bytes).unwrap()),
                _ => parse(&bytes),
            };
            values.push((value.field as usize, tree));
            Ok(())
        });
        prop_assert_eq!(all, Ok(()));
        prop_assert_eq!(&values, &reference.hits());
        for field in 0..fields.len() {
            prop_assert_eq!(nest.matched(&found, field), reference.matched(field), "field {}", field);
        }
        // As a step answers: each field's values by counting.
        let mut next = vec![0; fields.len()];
        let mut edit = |field: u32| {
            let field = field as usize;
            let (_, old) = values.iter().filter(|(of, _)| *of == field).nth(next[field]).unwrap();
            next[field] += 1;
            new_value(field, old)
        };
        let mut out = Vec::new();
        match nest.patch(&reader, &body, &found, &mut edit, &mut out) {
            Ok(Patched::Changed) => prop_assert_eq!(Some(parse((format.unwrap)(&out).as_bytes())), wanted),
            Ok(Patched::Unchanged) => prop_assert_eq!(Some(root.clone()), wanted),
            Err(error) => prop_assert_eq!((error, wanted), (PatchError::RemovesRoot, None)),
        }
        out.clear();
        if keep.is_none() {
            prop_assert_eq!(nest.patch(&reader, &body, &found, &mut |_| Edit::Keep, &mut out), Ok(Patched::Unchanged));
            prop_assert!(out.is_empty());
        }
    }

    /// The text is written in one of many ways; what the edit does not touch is written in the same way afterwards, however
    /// deep the text stands.
    #[test]
    fn escapes_around_an_edit_stay(text in document(), field in selector(), levels in vec(styles(), 1..4)) {
        let selection = Selection::compile(std::slice::from_ref(&field), None, Containers::Expand).unwrap();
        let mut hits = Hits::new();
        selection.select(text.as_bytes(), &mut hits).unwrap();
        let mut parts = vec![String::new(); text.len() + 2];
        text.char_indices().for_each(|(at, char)| parts[at + 1].push(char));
        let parts = levels.iter().fold(parts, |parts, styles| quoted(&parts, styles));
        let mut wanted = parts.clone();
        for hit in hits.hits() {
            let value = &mut wanted[hit.start as usize + 1..hit.end as usize + 1];
            value.iter_mut().for_each(String::clear);
            value[0].push_str("0.123456");
        }
        let path = Path::parse(&format!("{}{}", "$ >> ".repeat(levels.len()), field.canonical())).unwrap();
        let nest = Nest::compile(&[path], None, Containers::Expand).unwrap();
        let (doc, mut found, mut out) = (parts.concat(), Found::new(), Vec::new());
        prop_assert_eq!(nest.select(&Reader::Json, doc.as_bytes(), &mut found), Ok(()));
        let mut edit = |_| Edit::Set { kind: 3, data: b"0.123456" };
        if nest.patch(&Reader::Json, doc.as_bytes(), &found, &mut edit, &mut out) == Ok(Patched::Unchanged) {
            out = doc.into_bytes();
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), wanted.concat());
    }
}
