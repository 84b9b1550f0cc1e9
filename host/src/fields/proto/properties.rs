//! Random schemas, messages and selectors: what a patch leaves is what editing the decoded tree leaves. The tree is
//! decoded by `prost-reflect`, and the meaning of selectors is the plain one of `reference`.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Typed, MapKey, MessageDescriptor, Value};
use serde_json::Value as Tree;

use super::super::reference::Reference;
use super::super::{Containers, Edit, Hit, Hits, Patched, Selection, Selector};
use super::descriptor::Scalar;
use super::fixture::{ALL, Fixture, NEW};
use super::plan::{Plan, Site, Spot};
use super::random::{Random, random_message, random_schema};

/// A message as a tree: only what is there. A scalar is `e` (element or map value) or `s`, its type, and its text.
fn tree(message: &DynamicMessage) -> Tree {
    let extensions = message.extensions().map(|(field, value)| (format!("[{}]", field.full_name()), scalar(&field.kind(), value, 's')));
    let fields = message.fields().map(|(field, value)| (field.name().to_owned(), branch(&field, value)));
    Tree::Object(fields.chain(extensions).collect())
}

fn branch(field: &FieldDescriptor, value: &Value) -> Tree {
    match value {
        Value::List(list) => Tree::Array(list.iter().map(|value| scalar(&field.kind(), value, 'e')).collect()),
        Value::Map(map) => {
            let Typed::Message(entry) = field.kind() else { panic!("a map without entries") };
            let kind = entry.map_entry_value_field().kind();
            Tree::Object(map.iter().map(|(key, value)| (name(key), scalar(&kind, value, 'e'))).collect())
        }
        value => scalar(&field.kind(), value, 's'),
    }
}

fn name(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn scalar(kind: &Typed, value: &Value, spot: char) -> Tree {
    let text = match value {
        Value::Message(message) => return tree(message),
        Value::EnumNumber(number) => kind.as_enum().unwrap().get_value(*number).map_or(number.to_string(), |value| value.name().to_owned()),
        Value::F32(value) => format!("{value:?}"),
        Value::F64(value) => format!("{value:?}"),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::I32(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U32(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::List(_) | Value::Map(_) => panic!("no scalar"),
    };
    let kind = if matches!(kind, Typed::Enum(_)) { "enum".to_owned() } else { format!("{kind:?}") };
    Tree::from(format!("{spot}{kind}:{text}"))
}

/// The tree without what is not told apart on the wire: empty lists and maps, and defaults that are absent.
fn normal(value: &mut Tree, message: &MessageDescriptor) {
    let Tree::Object(members) = value else { return };
    for field in message.fields() {
        let Some(member) = members.get_mut(field.name()) else { continue };
        let empty = match member {
            Tree::Array(elements) => {
                if let Typed::Message(inner) = field.kind() {
                    elements.iter_mut().for_each(|element| normal(element, &inner));
                }
                elements.is_empty()
            }
            Tree::Object(inside) if field.is_map() => {
                let Typed::Message(entry) = field.kind() else { panic!("a map without entries") };
                if let Typed::Message(inner) = entry.map_entry_value_field().kind() {
                    inside.values_mut().for_each(|value| normal(value, &inner));
                }
                inside.is_empty()
            }
            Tree::Object(_) => {
                if let Typed::Message(inner) = field.kind() {
                    normal(member, &inner);
                }
                false
            }
            other => !field.supports_presence() && *other == scalar(&field.kind(), &field.default_value(), 's'),
        };
        if empty {
            members.shift_remove(field.name());
        }
    }
}

fn decoded(message: &MessageDescriptor, body: &[u8]) -> Tree {
    let mut tree = tree(&DynamicMessage::decode(message.clone(), body).unwrap());
    normal(&mut tree, message);
    tree
}

/// What the tests set for a type.
fn constant(kind: &str) -> (u8, &'static str) {
    match kind {
        "string" => (4, "mask\u{e9}"),
        "bytes" => (5, "mask"),
        "bool" => (1, "true"),
        "enum" => (4, "GREEN"),
        "double" | "float" => (3, "0.5"),
        "uint32" | "fixed32" => (2, "4294967295"),
        "uint64" | "fixed64" => (2, "18446744073709551615"),
        _ => (2, "-77"),
    }
}

fn zero(kind: &str) -> &'static str {
    match kind {
        "bytes" => "b\"\"",
        "bool" => "false",
        "enum" => "RED",
        "double" | "float" => "0.0",
        _ => "0",
    }
}

/// What happens to the values of a field: 0 set, 1 removed, 2 cleared, 3 kept.
fn edit(field: usize, kind: &str) -> Edit<'static> {
    match field % 4 {
        0 => {
            let (kind, data) = constant(kind);
            Edit::Set { kind, data: data.as_bytes() }
        }
        1 => Edit::Remove,
        2 => Edit::Clear { text: b"[gone]" },
        _ => Edit::Keep,
    }
}

/// The same on the tree.
fn edit_tree(field: usize, old: &Tree) -> Option<Tree> {
    let text = old.as_str().unwrap();
    let (kind, _) = text[1..].split_once(':').unwrap();
    let with = |new: &str| Some(Tree::from(format!("{}{kind}:{new}", &text[..1])));
    match (field % 4, kind) {
        (0, "bytes") => with("b\"mask\""),
        (0, _) => with(constant(kind).1),
        (1, _) => None,
        (2, "string") => with("[gone]"),
        (2, _) if text.starts_with('e') => with(zero(kind)),
        (2, _) => None,
        _ => Some(old.clone()),
    }
}

fn site(plan: &Plan, hit: &Hit) -> (char, String) {
    let Site { scalar, spot } = plan.sites[hit.site as usize];
    let kind = if matches!(scalar, Scalar::Enum(_)) { "enum".to_owned() } else { format!("{scalar:?}").to_lowercase() };
    (if matches!(spot, Spot::Element | Spot::Value) { 'e' } else { 's' }, kind)
}

/// A hit's value as the tree has it.
fn column_value(plan: &Plan, body: &[u8], hit: &Hit) -> (usize, Tree) {
    let mut bytes = Vec::new();
    plan.append_value(body, hit, &mut bytes).unwrap();
    let (spot, kind) = site(plan, hit);
    let text = match kind.as_str() {
        "bytes" => format!("{:?}", prost_reflect::bytes::Bytes::from(bytes)),
        _ => String::from_utf8(bytes).unwrap(),
    };
    let text = text.replace("-Infinity", "-inf").replace("Infinity", "inf");
    (hit.field as usize, Tree::from(format!("{spot}{kind}:{text}")))
}

fn sorted(mut hits: Vec<(usize, Tree)>) -> Vec<(usize, String)> {
    hits.sort_by_key(|(field, value)| (*field, value.to_string()));
    hits.into_iter().map(|(field, value)| (field, value.to_string())).collect()
}

fn selector() -> impl Strategy<Value = Selector> {
    let step = prop_oneof![
        8 => "[a-h]".prop_map(|name| format!("['{name}']")),
        1 => Just("['1']".to_owned()),
        1 => Just("['true']".to_owned()),
        1 => (-3..3_i32).prop_map(|index| format!("[{index}]")),
        2 => Just("[*]".to_owned()),
    ];
    let segment = (prop_oneof![4 => Just(""), 1 => Just("..")], step).prop_map(|(dots, step)| format!("{dots}{step}"));
    vec(segment, 0..4).prop_map(|segments| Selector::parse(&format!("${}", segments.concat())).unwrap())
}

fn has_index(selectors: &[Selector]) -> bool {
    selectors
        .iter()
        .any(|selector| selector.canonical().contains("[0]") || selector.canonical().contains(|char: char| char.is_ascii_digit()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn patching_is_editing_the_tree(seed: u64, fields in vec(selector(), 0..5), keep in prop::option::of(vec(selector(), 0..3))) {
        let Ok(selection) = Selection::compile(&fields, keep.as_deref(), Containers::Expand) else { return Ok(()) };
        let random = &mut Random::new(seed);
        let fixture = Fixture::new(&random_schema(random), 0);
        let plan = Plan::compile(&selection, &fixture.schema, fixture.id).unwrap();
        let message = fixture.descriptor();
        for _ in 0..4 {
            let old = random_message(&message, random, 4);
            let body = old.encode_to_vec();
            let root = tree(&old);
            let reference = Reference::new(&root, &fields, keep.as_deref()).typed();
            let mut hits = Hits::new();
            prop_assert_eq!(plan.select(&body, &mut hits), Ok(()));
            let found: Vec<_> = hits.hits().iter().map(|hit| column_value(&plan, &body, hit)).collect();
            prop_assert_eq!(sorted(found), sorted(reference.hits()));
            for field in 0..fields.len() {
                prop_assert_eq!(hits.matched(field), reference.matched(field), "field {}", field);
                prop_assert!(!reference.matched(field) || !plan.unmatched().contains(&field));
            }
            let mut out = Vec::new();
            let mut wanted = reference.apply(&edit_tree).unwrap_or_default();
            normal(&mut wanted, &message);
            match plan.patch(&body, &hits, |_, hit| edit(hit.field as usize, &site(&plan, hit).1), &mut out) {
                Ok(Patched::Changed) => prop_assert_eq!(decoded(&message, &out), wanted),
                Ok(Patched::Unchanged) => prop_assert_eq!(decoded(&message, &body), wanted),
                Err(error) => prop_assert!(false, "{}", error),
            }
            // Selecting again in what came out finds no more to prune.
            if keep.is_some() && !has_index(&fields) && !has_index(keep.as_deref().unwrap_or_default()) && !out.is_empty() {
                plan.select(&out, &mut hits).unwrap();
                prop_assert_eq!(hits.pruned(), 0);
            }
        }
    }

    #[test]
    fn messages_in_parts_are_masked_as_the_whole(seed: u64, fields in vec(selector(), 1..4)) {
        let Ok(selection) = Selection::compile(&fields, None, Containers::Expand) else { return Ok(()) };
        if has_index(&fields) { return Ok(()) }
        let random = &mut Random::new(seed);
        let fixture = Fixture::new(&random_schema(random), 0);
        let plan = Plan::compile(&selection, &fixture.schema, fixture.id).unwrap();
        let message = fixture.descriptor();
        let body = (0..3).flat_map(|_| random_message(&message, random, 4).encode_to_vec()).collect::<Vec<u8>>();
        let root = tree(&DynamicMessage::decode(message.clone(), body.as_slice()).unwrap());
        let mut wanted = Reference::new(&root, &fields, None).apply(&|_, old| edit_tree(0, old)).unwrap_or_default();
        normal(&mut wanted, &message);
        let mut hits = Hits::new();
        prop_assert_eq!(plan.select(&body, &mut hits), Ok(()));
        let mut out = Vec::new();
        match plan.patch(&body, &hits, |_, hit| edit(0, &site(&plan, hit).1), &mut out) {
            Ok(Patched::Changed) => prop_assert_eq!(decoded(&message, &out), wanted),
            Ok(Patched::Unchanged) => prop_assert_eq!(decoded(&message, &body), wanted),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn keeping_all_keeps_every_byte(seed: u64, fields in vec(selector(), 0..4)) {
        let Ok(selection) = Selection::compile(&fields, None, Containers::Expand) else { return Ok(()) };
        let random = &mut Random::new(seed);
        let fixture = Fixture::new(&random_schema(random), 0);
        let plan = Plan::compile(&selection, &fixture.schema, fixture.id).unwrap();
        let body = random_message(&fixture.descriptor(), random, 4).encode_to_vec();
        let mut hits = Hits::new();
        plan.select(&body, &mut hits).unwrap();
        let mut out = Vec::new();
        prop_assert_eq!(plan.patch(&body, &hits, |_, _| Edit::Keep, &mut out), Ok(Patched::Unchanged));
        // Nor does setting what is there change anything.
        let values: Vec<Vec<u8>> = hits.hits().iter().map(|hit| {
            let mut value = Vec::new();
            plan.append_value(&body, hit, &mut value).unwrap();
            value
        }).collect();
        let same = |index: usize, hit: &Hit| Edit::Set { kind: hit.kind as u8, data: &values[index] };
        prop_assert_eq!(plan.patch(&body, &hits, same, &mut out), Ok(Patched::Unchanged));
        prop_assert!(out.is_empty());
    }

    #[test]
    fn damaged_messages_never_panic(
        seed: u64,
        damage in vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 0..4),
        fields in vec(selector(), 0..4),
        keep in prop::option::of(vec(selector(), 0..2)),
    ) {
        let Ok(selection) = Selection::compile(&fields, keep.as_deref(), Containers::Expand) else { return Ok(()) };
        let random = &mut Random::new(seed);
        let schemas = [ALL, NEW];
        let fixture = Fixture::new(schemas[random.below(2)], 0);
        let message = fixture.descriptor();
        let mut body = random_message(&message, random, 5).encode_to_vec();
        for (at, how, byte) in damage {
            let at = at.index(body.len().max(1));
            match how {
                _ if body.is_empty() => {}
                0 => drop(body.remove(at)),
                1 => body[at] = byte,
                2 => body.insert(at, byte),
                _ => body.truncate(at),
            }
        }
        check_any(&Plan::compile(&selection, &fixture.schema, fixture.id).unwrap(), &message, &body)?;
    }

    #[test]
    fn noise_never_panics(body in vec(prop::sample::select(b"\x08\x0a\x0b\x0c\x12\x18\x22\x72\x8b\x01\x8c\xaa\x06\xc2\xd2\x00\x02\x03\x80\xff".to_vec()), 0..40)) {
        let fixture = Fixture::new(ALL, 0);
        for (fields, keep) in [("$", None), ("$..string $.numbers[-1] $.labels.x", None), ("$.pair", Some("$.items[0]"))] {
            check_any(&fixture.plan(fields, keep, Containers::Expand), &fixture.descriptor(), &body)?;
        }
    }
}

/// Whatever the bytes, there is an answer; and a message that a reader takes is one afterwards.
fn check_any(plan: &Plan, message: &MessageDescriptor, body: &[u8]) -> Result<(), TestCaseError> {
    let mut hits = Hits::new();
    if plan.select(body, &mut hits).is_err() {
        prop_assert_eq!(hits.hits().len() + hits.pruned(), 0);
        return Ok(());
    }
    for how in 0..4 {
        let mut out = Vec::new();
        let patched = plan.patch(body, &hits, |_, hit| edit(how, &site(plan, hit).1), &mut out).unwrap();
        if patched == Patched::Changed && DynamicMessage::decode(message.clone(), body).is_ok() {
            prop_assert!(DynamicMessage::decode(message.clone(), out.as_slice()).is_ok());
        }
    }
    Ok(())
}
