//! Random schemas, values cut into random blocks, and random selectors: the walk, the patch and the JSON view against the
//! trees of `oracle`, with the selectors read as `reference` reads them for JSON.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::super::reference::Reference;
use super::super::{Containers, DecodeError, Edit, Hits, Kind, Patched, Selection, Selector};
use super::json::{from_json, to_json};
use super::oracle::{Tree, Ty};
use super::plan::Parent;
use super::{Plan, Schema};
use editing::{Editing, edit, shape};

mod editing;

fn ty() -> impl Strategy<Value = Ty> {
    let leaf = prop_oneof![
        4 => Just(Ty::String),
        2 => Just(Ty::Long),
        1 => prop::sample::select(vec![
            Ty::Null, Ty::Boolean, Ty::Int, Ty::Float, Ty::Double, Ty::Bytes, Ty::Fixed(0), Ty::Fixed(3), Ty::Enum(1), Ty::Enum(3),
            Ty::Date, Ty::Millis, Ty::Decimal, Ty::Uuid,
        ]),
        1 => Just(Ty::Union(vec![Ty::Null, Ty::Root])),
        1 => Just(Ty::Array(Box::new(Ty::Root))),
    ];
    let any = leaf.prop_recursive(4, 24, 4, |inner| {
        let names = Just(["a", "b", "c", "d"]).prop_shuffle();
        let record = (names, vec(inner.clone(), 0..5))
            .prop_map(|(names, types)| Ty::Record(names.iter().zip(types).map(|(name, of)| ((*name).to_owned(), of)).collect()));
        prop_oneof![
            3 => record,
            2 => inner.clone().prop_map(|item| Ty::Array(Box::new(item))),
            2 => inner.clone().prop_map(|value| Ty::Map(Box::new(value))),
            2 => vec(inner.clone(), 1..4).prop_map(|branches| Ty::Union(distinct(branches))),
            2 => inner.prop_map(|of| Ty::Union(distinct(vec![Ty::Null, of]))),
        ]
    });
    any.prop_map(|mut root| {
        if !matches!(root, Ty::Record(_)) {
            without_root(&mut root);
        }
        root
    })
}

/// Branches that may stand in one union.
fn distinct(branches: Vec<Ty>) -> Vec<Ty> {
    let kind = |of: &Ty| match of {
        Ty::Date => "int",
        Ty::Int => "int",
        Ty::Long | Ty::Millis => "long",
        Ty::Bytes | Ty::Decimal => "bytes",
        Ty::String | Ty::Uuid => "string",
        Ty::Array(_) => "array",
        Ty::Map(_) => "map",
        Ty::Null => "null",
        Ty::Boolean => "boolean",
        Ty::Float => "float",
        Ty::Double => "double",
        Ty::Root => "root",
        Ty::Fixed(_) | Ty::Enum(_) | Ty::Record(_) | Ty::Union(_) => "",
    };
    let flat = branches.into_iter().flat_map(|of| if let Ty::Union(inner) = of { inner } else { vec![of] });
    let mut kept: Vec<Ty> = Vec::new();
    for of in flat {
        if kind(&of).is_empty() || kept.iter().all(|other| kind(other) != kind(&of)) {
            kept.push(of);
        }
    }
    kept
}

fn without_root(of: &mut Ty) {
    match of {
        Ty::Root => *of = Ty::Boolean,
        Ty::Array(inner) | Ty::Map(inner) => without_root(inner),
        Ty::Union(branches) => {
            branches.iter_mut().for_each(without_root);
            *branches = distinct(std::mem::take(branches));
        }
        Ty::Record(fields) => fields.iter_mut().for_each(|(_, of)| without_root(of)),
        _ => {}
    }
}

/// A value of the type, made of choices: with none left, the smallest.
fn tree(of: &Ty, root: &Ty, choices: &mut impl Iterator<Item = u8>) -> Tree {
    let mut next = || usize::from(choices.next().unwrap_or(0));
    match of {
        Ty::Null => Tree::Null,
        Ty::Boolean => Tree::Boolean(next() % 2 == 1),
        Ty::Int | Ty::Date => Tree::Long([0, -1, 7, i64::from(i32::MAX), i64::from(i32::MIN), 300, 20_484][next() % 7]),
        Ty::Long | Ty::Millis => Tree::Long([0, -1, 7, i64::MAX, i64::MIN, 300, 1_769_903_999_123][next() % 7]),
        Ty::Float => Tree::Float([0.0, -0.0, 1.5, f32::NAN, f32::INFINITY, 1e-42, 3.4e38][next() % 7].to_bits()),
        Ty::Double => Tree::Double([0.0, -0.0, 0.1, f64::NAN, f64::NEG_INFINITY, 5e-324, 1e22][next() % 7].to_bits()),
        Ty::Bytes => Tree::Bytes(vec![0xff; next() % 3]),
        Ty::Decimal => Tree::Bytes([&[][..], &[0], &[0x80], &[0, 1, 2], &[0xff, 0x7f]][next() % 5].to_vec()),
        Ty::Fixed(size) => Tree::Fixed(vec![next() as u8; *size]),
        Ty::String => Tree::Text(["", "a", "masked", "é\"\\\n😀", &"long".repeat(40)][next() % 5].to_owned()),
        Ty::Uuid => Tree::Text(["00000000-0000-0000-0000-000000000000", "not one"][next() % 2].to_owned()),
        Ty::Enum(symbols) => Tree::Long((next() % symbols) as i64),
        Ty::Array(item) => {
            let sizes: Vec<(bool, usize)> = (0..next() % 3).map(|_| (next() % 2 == 1, 1 + next() % 3)).collect();
            let block = |&(sized, count): &(bool, usize)| (sized, (0..count).map(|_| tree(item, root, choices)).collect());
            Tree::Array(sizes.iter().map(block).collect())
        }
        Ty::Map(value) => {
            let sizes: Vec<(bool, usize)> = (0..next() % 3).map(|_| (next() % 2 == 1, 1 + next() % 3)).collect();
            let mut keys = ["a", "b", "c", "d", "e", "f"].into_iter();
            let mut entries = |count| keys.by_ref().take(count).map(|key| (key.to_owned(), tree(value, root, choices))).collect();
            Tree::Map(sizes.iter().map(|&(sized, count)| (sized, entries(count))).collect())
        }
        Ty::Union(branches) => {
            let branch = next() % branches.len();
            Tree::Branch(branch, Box::new(tree(&branches[branch], root, choices)))
        }
        Ty::Record(fields) => Tree::Record(fields.iter().map(|(_, of)| tree(of, root, choices)).collect()),
        Ty::Root => tree(root, root, choices),
    }
}

fn selector() -> impl Strategy<Value = Selector> {
    let step = prop_oneof![
        5 => "[a-d]".prop_map(|name| format!("['{name}']")),
        1 => (-2..3_i32).prop_map(|index| format!("[{index}]")),
        2 => Just("[*]".to_owned()),
    ];
    let segment = (prop_oneof![4 => Just(""), 1 => Just("..")], step).prop_map(|(dots, step)| format!("{dots}{step}"));
    vec(segment, 0..4).prop_map(|segments| Selector::parse(&format!("${}", segments.concat())).unwrap())
}

/// Equal in value: however it is cut into blocks, whichever NaN it is, with or without spare bytes of a decimal.
fn plain(of: &Ty, tree: &Tree, root: &Ty) -> Tree {
    let list = |items: Vec<_>| if items.is_empty() { Vec::new() } else { vec![(false, items)] };
    match (of, tree) {
        (Ty::Root, _) => plain(root, tree, root),
        (Ty::Union(branches), Tree::Branch(at, value)) => Tree::Branch(*at, Box::new(plain(&branches[*at], value, root))),
        (Ty::Record(fields), Tree::Record(values)) => {
            Tree::Record(fields.iter().zip(values).map(|((_, of), value)| plain(of, value, root)).collect())
        }
        (Ty::Array(item), _) => Tree::Array(list(tree.items().into_iter().map(|(_, value)| plain(item, value, root)).collect())),
        (Ty::Map(of), _) => {
            let entries: Vec<_> = tree.items().into_iter().map(|(key, value)| (key.unwrap().to_owned(), plain(of, value, root))).collect();
            Tree::Map(if entries.is_empty() { Vec::new() } else { vec![(false, entries)] })
        }
        (Ty::Decimal, Tree::Bytes(bytes)) => {
            let negative = bytes.first().is_some_and(|&first| first > 127);
            let start = bytes.iter().fold([if negative { 255 } else { 0 }; 16].to_vec(), |number, &byte| [&number[1..], &[byte]].concat());
            Tree::Bytes(start)
        }
        (_, Tree::Float(bits)) if f32::from_bits(*bits).is_nan() => Tree::Float(f32::NAN.to_bits()),
        (_, Tree::Double(bits)) if f64::from_bits(*bits).is_nan() => Tree::Double(f64::NAN.to_bits()),
        _ => tree.clone(),
    }
}

fn encoded(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    tree.encode(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn patching_is_editing_the_tree(
        root in ty(),
        choices in vec(any::<u8>(), 0..60),
        fields in vec(selector(), 0..6),
        keep in prop::option::of(vec(selector(), 0..3)),
    ) {
        let Ok(selection) = Selection::compile(&fields, keep.as_deref(), Containers::Expand) else { return Ok(()) };
        let schema = Schema::parse(&root.schema(), &[]).unwrap();
        let plan = Plan::compile(&selection, &schema).unwrap();
        let tree = tree(&root, &root, &mut choices.into_iter());
        let body = encoded(&tree);
        let shape = shape(&root, &tree, &root);
        let reference = Reference::new(&shape, &fields, keep.as_deref()).typed();
        let mut editing = Editing { root: &root, reference: &reference, hits: Vec::new(), path: Vec::new() };
        let wanted = editing.value(&root, &tree, Parent::Root);

        let mut hits = Hits::new();
        let selected = plan.select(&body, &mut hits);
        if !reference.stays(&[]) {
            prop_assert_eq!(selected, Err(DecodeError::RootNotListed));
            return Ok(());
        }
        prop_assert_eq!(selected, Ok(()));
        for field in 0..fields.len() {
            prop_assert_eq!(hits.matched(field), reference.matched(field), "field {}", field);
            prop_assert!(!reference.matched(field) || !plan.unmatched().contains(&field), "field {}", field);
        }
        let mut out = b"before".to_vec();
        let patched = plan.patch(&body, &hits, |_, hit| edit(hit.field as usize), &mut out);
        match (patched, wanted) {
            (Ok(how), Ok(wanted)) => {
                let wanted = wanted.unwrap();
                let found: Vec<usize> = hits.hits().iter().map(|hit| hit.field as usize).collect();
                let owners: Vec<usize> = editing.hits.iter().map(|(field, _)| *field).collect();
                prop_assert_eq!(found, owners);
                for (hit, (_, value)) in hits.hits().iter().zip(&editing.hits) {
                    let mut text = Vec::new();
                    plan.append_value(&body, hit, &mut text).unwrap();
                    match value {
                        Tree::Text(value) => prop_assert_eq!(&text, value.as_bytes()),
                        Tree::Bytes(value) if hit.kind == Kind::Bytes => prop_assert_eq!(&text, value),
                        Tree::Null => prop_assert!(text.is_empty() && hit.kind == Kind::Null),
                        Tree::Long(number) if hit.kind == Kind::Integer => prop_assert_eq!(text, number.to_string().into_bytes()),
                        _ => {}
                    }
                }
                prop_assert_eq!(how == Patched::Changed, wanted != tree);
                let result = if how == Patched::Changed { out.split_off(6) } else { body };
                prop_assert_eq!(result, encoded(&wanted));
            }
            (patched, wanted) => prop_assert_eq!(patched.map(drop), wanted.map(drop)),
        }
        prop_assert_eq!(out, b"before");
    }

    #[test]
    fn keeping_all_keeps_every_byte(root in ty(), choices in vec(any::<u8>(), 0..60), field in selector()) {
        let schema = Schema::parse(&root.schema(), &[]).unwrap();
        let body = encoded(&tree(&root, &root, &mut choices.into_iter()));
        for containers in [Containers::Expand, Containers::Composite] {
            let plan = Plan::compile(&Selection::compile(std::slice::from_ref(&field), None, containers).unwrap(), &schema).unwrap();
            let (mut hits, mut out) = (Hits::new(), Vec::new());
            plan.select(&body, &mut hits).unwrap();
            prop_assert_eq!(plan.patch(&body, &hits, |_, _| Edit::Keep, &mut out), Ok(Patched::Unchanged));
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn a_view_comes_back_equal_in_value(root in ty(), choices in vec(any::<u8>(), 0..60)) {
        let schema = Schema::parse(&root.schema(), &[]).unwrap();
        let tree = tree(&root, &root, &mut choices.into_iter());
        let (mut json, mut back) = (Vec::new(), Vec::new());
        to_json(&schema, &encoded(&tree), &mut json).unwrap();
        serde_json::from_slice::<Value>(&json).unwrap();
        from_json(&schema, &json, &mut back).unwrap();
        let back = root.decode(&root, &mut &*back, 128).unwrap();
        prop_assert_eq!(plain(&root, &back, &root), plain(&root, &tree, &root), "{}", String::from_utf8_lossy(&json));
    }

    #[test]
    fn damaged_bytes_are_judged_as_the_oracle_does(
        root in ty(),
        choices in vec(any::<u8>(), 0..60),
        damage in vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 0..3),
        field in selector(),
    ) {
        let mut body = encoded(&tree(&root, &root, &mut choices.into_iter()));
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
        agree_with_the_oracle(&root, &body, field)?;
    }

    #[test]
    fn noise_is_judged_as_the_oracle_does(root in ty(), body in vec(prop_oneof![any::<u8>(), 0..8_u8], 0..40), field in selector()) {
        agree_with_the_oracle(&root, &body, field)?;
    }
}

fn agree_with_the_oracle(root: &Ty, body: &[u8], field: Selector) -> Result<(), TestCaseError> {
    let schema = Schema::parse(&root.schema(), &[]).unwrap();
    let mut rest = body;
    let valid = root.decode(root, &mut rest, 128).is_some() && rest.is_empty();
    let plan = Plan::compile(&Selection::compile(&[field], None, Containers::Expand).unwrap(), &schema).unwrap();
    let mut hits = Hits::new();
    match plan.select(body, &mut hits) {
        Ok(()) => {
            prop_assert!(valid);
            let mut out = Vec::new();
            for hit in hits.hits() {
                plan.append_value(body, hit, &mut out).unwrap();
            }
            out.clear();
            if plan.patch(body, &hits, |_, _| Edit::Clear { text: b"" }, &mut out) == Ok(Patched::Changed) {
                prop_assert_eq!(plan.select(&out, &mut hits), Ok(()));
            }
        }
        // Found before the end: the rest may be anything.
        Err(DecodeError::DuplicateName | DecodeError::TooManyItems) => {}
        Err(_) => prop_assert!(!valid),
    }
    let mut json = Vec::new();
    match to_json(&schema, body, &mut json) {
        Ok(()) => prop_assert!(valid),
        Err(DecodeError::DuplicateName | DecodeError::TooManyItems) => {}
        Err(_) => prop_assert!(!valid),
    }
    Ok(())
}
