//! Random documents and selectors: the walk and the patch against the plain reference, and against `serde_json` on what
//! is valid. The reference itself is in `reference`.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::reference::{Reference, evaluate};
use super::*;

/// Names that clash on purpose, some of which need escapes.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-c]",
        1 => Just("é😀".to_owned()),
        1 => Just("a\"\\\n".to_owned()),
        1 => "\\PC{0,12}",
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,30})",
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?",
        name().prop_flat_map(quoted),
    ]
}

/// The string in one of the ways that JSON can write it.
fn quoted(text: String) -> impl Strategy<Value = String> {
    vec(0..4_u8, text.chars().count()).prop_map(move |styles| {
        let mut out = String::from("\"");
        for (char, style) in text.chars().zip(styles) {
            if style == 0 {
                let mut units = [0; 2];
                char.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04X}")));
            } else {
                let plain = Value::from(char.to_string()).to_string();
                out.push_str(&plain[1..plain.len() - 1]);
            }
        }
        out + "\""
    })
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(""), 1 => Just(" "), 1 => Just("\n\t "), 1 => Just("\r\n")]
}

/// A valid document as text, with odd white space, without duplicate names.
pub(super) fn document() -> impl Strategy<Value = String> {
    let spaced = (space(), scalar(), space()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
    spaced.prop_recursive(5, 40, 5, |inner| {
        let member = (name(), space(), space()).prop_flat_map(|(name, before, after)| {
            quoted(name.clone()).prop_map(move |quoted| (name.clone(), format!("{before}{quoted}{after}")))
        });
        let object = (vec((member, inner.clone()), 0..5), space(), space()).prop_map(|(members, before, after)| {
            let mut seen = std::collections::HashSet::new();
            let fresh = members.into_iter().filter(|((name, _), _)| seen.insert(name.clone()));
            let members: Vec<String> = fresh.map(|((_, name), value)| format!("{name}:{value}")).collect();
            format!("{before}{{{}{before}}}{after}", members.join(","))
        });
        let array = (vec(inner, 0..5), space(), space())
            .prop_map(|(elements, before, after)| format!("{before}[{}{after}]{after}", elements.join(",")));
        prop_oneof![3 => object, 2 => array]
    })
}

pub(super) fn selector() -> impl Strategy<Value = Selector> {
    let step = prop_oneof![
        4 => "[a-c]".prop_map(|name| format!("['{name}']")),
        1 => Just("['é😀']".to_owned()),
        1 => Just(r#"['a"\\\n']"#.to_owned()),
        1 => (-3..3_i32).prop_map(|index| format!("[{index}]")),
        2 => Just("[*]".to_owned()),
    ];
    let segment = (prop_oneof![4 => Just(""), 1 => Just("..")], step).prop_map(|(dots, step)| format!("{dots}{step}"));
    vec(segment, 0..4).prop_map(|segments| Selector::parse(&format!("${}", segments.concat())).unwrap())
}

pub(super) fn parse(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

/// What the tests do to a field's values, by field and kind of value.
pub(super) fn new_value(field: usize, old: &Value) -> Edit<'static> {
    match (field % 4, old) {
        (0, _) => Edit::Set { kind: 4, data: "mask\"é\u{1}".as_bytes() },
        (1, Value::Number(_)) => Edit::Set { kind: 2, data: b"-7" },
        (1, _) => Edit::Set { kind: 0, data: b"" },
        (2, _) => Edit::Remove,
        _ => Edit::Keep,
    }
}

pub(super) fn as_tree(field: usize, old: &Value) -> Option<Value> {
    match new_value(field, old) {
        Edit::Keep => Some(old.clone()),
        Edit::Remove => None,
        Edit::Set { kind: 4, data } | Edit::Splice { text: data, .. } => Some(Value::from(std::str::from_utf8(data).unwrap())),
        Edit::Set { kind: 0, .. } | Edit::Clear { .. } => Some(Value::Null),
        Edit::Set { data, .. } => Some(parse(data)),
    }
}

fn column_value(doc: &[u8], hit: &Hit) -> Value {
    let mut bytes = Vec::new();
    append_value(doc, hit, &mut bytes).unwrap();
    match hit.kind {
        Kind::Text => Value::from(String::from_utf8(bytes).unwrap()),
        Kind::Null => Value::Null,
        Kind::Boolean | Kind::Integer | Kind::Decimal => parse(&bytes),
        Kind::Bytes | Kind::Composite => parse(&doc[hit.start as usize..hit.end as usize]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn patching_is_editing_the_tree(doc in document(), fields in vec(selector(), 0..4), keep in prop::option::of(vec(selector(), 0..3))) {
        let Ok(selection) = Selection::compile(&fields, keep.as_deref(), Containers::Expand) else { return Ok(()) };
        let root = parse(doc.as_bytes());
        let reference = Reference::new(&root, &fields, keep.as_deref());
        let mut hits = Hits::new();
        let selected = selection.select(doc.as_bytes(), &mut hits);
        if selected == Err(DecodeError::RootNotListed) {
            prop_assert_eq!(reference.apply(&as_tree), None);
            return Ok(());
        }
        prop_assert_eq!(selected, Ok(()));
        let found: Vec<_> = hits.hits().iter().map(|hit| (hit.field as usize, column_value(doc.as_bytes(), hit))).collect();
        prop_assert_eq!(&found, &reference.hits());
        for field in 0..fields.len() {
            prop_assert_eq!(hits.matched(field), reference.matched(field), "field {}", field);
        }

        let mut out = Vec::new();
        let wanted = reference.apply(&as_tree);
        match patch(doc.as_bytes(), &hits, |index, hit| new_value(hit.field as usize, &found[index].1), &mut out) {
            Ok(Patched::Changed) => prop_assert_eq!(Some(parse(&out)), wanted),
            Ok(Patched::Unchanged) => prop_assert_eq!(Some(root), wanted),
            Err(error) => prop_assert_eq!((error, wanted), (PatchError::RemovesRoot, None)),
        }

        // Selecting again in what came out finds no more to prune.
        if keep.is_some() && !out.is_empty() && fields.is_empty() && !selector_counts(keep.as_deref()) {
            selection.select(&out, &mut hits).unwrap();
            prop_assert_eq!(hits.pruned(), 0);
        }
    }

    #[test]
    fn keeping_all_keeps_every_byte(doc in document(), fields in vec(selector(), 0..4)) {
        let Ok(selection) = Selection::compile(&fields, None, Containers::Expand) else { return Ok(()) };
        let mut hits = Hits::new();
        selection.select(doc.as_bytes(), &mut hits).unwrap();
        let mut out = Vec::new();
        prop_assert_eq!(patch(doc.as_bytes(), &hits, |_, _| Edit::Keep, &mut out), Ok(Patched::Unchanged));
        prop_assert!(out.is_empty());
    }

    #[test]
    fn bytes_around_an_edit_stay(doc in document(), field in selector()) {
        let selection = Selection::compile(&[field], None, Containers::Expand).unwrap();
        let mut hits = Hits::new();
        selection.select(doc.as_bytes(), &mut hits).unwrap();
        let mut wanted = doc.clone();
        for hit in hits.hits().iter().rev() {
            wanted.replace_range(hit.start as usize..hit.end as usize, "0.5");
        }
        let mut out = Vec::new();
        if patch(doc.as_bytes(), &hits, |_, _| Edit::Set { kind: 3, data: b"0.5" }, &mut out) == Ok(Patched::Unchanged) {
            out = doc.into_bytes();
        }
        prop_assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn composites_are_what_the_standard_selects(doc in document(), fields in vec(selector(), 1..4)) {
        let Ok(selection) = Selection::compile(&fields, None, Containers::Composite) else { return Ok(()) };
        let root = parse(doc.as_bytes());
        let mut hits = Hits::new();
        selection.select(doc.as_bytes(), &mut hits).unwrap();
        for (field, selector) in fields.iter().enumerate() {
            let of_field = hits.hits().iter().filter(|hit| hit.field as usize == field);
            let found: Vec<Value> = of_field.map(|hit| column_value(doc.as_bytes(), hit)).collect();
            let wanted: Vec<Value> = evaluate(&root, selector).iter().map(|path| value_at(&root, path).clone()).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn damaged_documents_are_judged_as_serde_json_does(
        doc in document(),
        damage in vec((any::<prop::sample::Index>(), 0..4_u8, prop::sample::select(b"{}[],:\"\\0-1.eE tu\xc3\xa9\xff\x01\n".to_vec())), 0..3),
        field in selector(),
    ) {
        let mut bytes = doc.into_bytes();
        for (at, how, byte) in damage {
            let at = at.index(bytes.len().max(1));
            match how {
                _ if bytes.is_empty() => {}
                0 => drop(bytes.remove(at)),
                1 => bytes[at] = byte,
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        agree_with_serde_json(&bytes, field)?;
    }

    #[test]
    fn noise_is_judged_as_serde_json_does(bytes in vec(prop::sample::select(b"{}[],:\"\"\\01-.eEun \xc3\xa9".to_vec()), 0..24), field in selector()) {
        agree_with_serde_json(&bytes, field)?;
    }

    #[test]
    fn any_text_is_a_selector_or_an_error(text in "[$.\\[\\]*'\"a-c0-9?:, @\\\\u-]{0,16}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.canonical()).unwrap(), selector);
        }
    }
}

/// Indexes name other elements once some are gone.
fn selector_counts(selectors: Option<&[Selector]>) -> bool {
    selectors.unwrap_or_default().iter().any(|selector| selector.canonical().contains(|char: char| char.is_ascii_digit()))
}

fn value_at<'a>(root: &'a Value, path: &[usize]) -> &'a Value {
    path.iter().fold(root, |value, &step| match value {
        Value::Array(elements) => &elements[step],
        Value::Object(members) => members.values().nth(step).unwrap(),
        _ => value,
    })
}

/// Skipping a value in `serde_json` checks the grammar of RFC 8259, but not that it is UTF-8.
fn agree_with_serde_json(bytes: &[u8], field: Selector) -> Result<(), TestCaseError> {
    let utf8 = std::str::from_utf8(bytes).is_ok();
    let valid = utf8 && serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    for containers in [Containers::Expand, Containers::Composite] {
        let selection = Selection::compile(std::slice::from_ref(&field), None, containers).unwrap();
        match selection.select(bytes, &mut Hits::new()) {
            Ok(()) => prop_assert!(valid),
            Err(DecodeError::NotJson) => prop_assert!(utf8 && !valid),
            Err(DecodeError::InvalidUtf8) => prop_assert!(!utf8),
            // Found before the end: the rest may be anything.
            Err(DecodeError::DuplicateName | DecodeError::LoneSurrogate) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
    Ok(())
}
