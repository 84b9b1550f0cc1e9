//! What a plan says of itself.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::{Containers, Selection, Selector};
use super::super::Schema;
use super::*;

const PAYMENT: &str = r#"{"type":"record","name":"com.acme.Payment","fields":[
    {"name":"id","type":"long"},
    {"name":"customer","type":["null",{"type":"record","name":"Customer","fields":[
        {"name":"e-mail","type":["null","string"]},{"name":"born","type":{"type":"int","logicalType":"date"}}]}]},
    {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"status","type":["null",{"type":"enum","name":"Status","symbols":["A"]},"string"]},
    {"name":"tags","type":{"type":"map","values":"string"}},
    {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"note","type":"string"},{"name":"parts","type":{"type":"array","items":"Item"}}]}}},
    {"name":"hash","type":{"type":"fixed","name":"Hash","size":4}}]}"#;

fn plan(fields: &str, keep: Option<&str>, containers: Containers) -> Plan {
    plan_of(PAYMENT, fields, keep, containers)
}

fn plan_of(schema: &str, fields: &str, keep: Option<&str>, containers: Containers) -> Plan {
    let list = |list: &str| -> Vec<Selector> { list.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect() };
    let selection = Selection::compile(&list(fields), keep.map(list).as_deref(), containers).unwrap();
    Plan::compile(&selection, &Schema::parse(schema, &[]).unwrap()).unwrap()
}

#[test]
fn every_leaf_with_its_type_and_its_field() {
    let leaves = plan("$.customer $.items[0].note $.tags.vip $.items[*].parts[*].note", None, Containers::Expand).leaves();
    let shown: Vec<String> = leaves.iter().map(|leaf| format!("{} {} {:?}", leaf.path, leaf.type_name, leaf.field)).collect();
    let wanted = [
        "$.id long None",
        "$.customer['e-mail'] null or string Some(0)",
        "$.customer.born int (date) Some(0)",
        "$.amount bytes (decimal 9,2) None",
        "$.status null or enum com.acme.Status or string None",
        "$.tags.vip string Some(2)",
        "$.tags[*] string None",
        "$.items[0].note string Some(1)",
        "$.items[0].parts[*].note string Some(3)",
        "$.items[0].parts[*].parts[*].note string None",
        "$.items[0].parts[*].parts[*].parts array None",
        "$.items[*].note string None",
        "$.items[*].parts[*].note string Some(3)",
        "$.items[*].parts[*].parts[*].note string None",
        "$.items[*].parts[*].parts[*].parts array None",
        "$.hash fixed com.acme.Hash of 4 bytes None",
    ];
    assert_eq!(shown, wanted);
    assert!(leaves.iter().all(|leaf| leaf.listed));
}

#[test]
fn a_container_that_is_taken_whole_is_a_leaf() {
    let leaves = plan("$.items", None, Containers::Composite).leaves();
    let taken: Vec<&Leaf> = leaves.iter().filter(|leaf| leaf.field.is_some()).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].path.as_str(), taken[0].type_name.as_str()), ("$.items", "array"));
}

#[test]
fn what_the_allow_list_does_not_name() {
    let unlisted = |fields: &str, keep: Option<&str>| plan(fields, keep, Containers::Expand).unlisted();
    assert_eq!(unlisted("$.id", None), Vec::<String>::new());
    assert_eq!(unlisted("$.customer $.status", Some("$.id $.amount $.tags $.items $.hash")), Vec::<String>::new());
    let wanted = ["$.customer.born", "$.status", "$.tags[*]", "$.items[*].parts[*].note", "$.hash"];
    assert_eq!(unlisted("$.customer['e-mail']", Some("$.id $.amount $.tags.a $.items[*].note")), wanted);
}

#[test]
fn what_may_be_set_at_a_place() {
    let plan = plan("$.customer $.status $.items[*] $.id $.hash $.amount $.tags.x", None, Containers::Expand);
    let place = |field| plan.places(field).next().unwrap();
    let kinds = |place: &Place| {
        (0..7).filter(|kind| Kinds::of(&ALL[..]).contains(ALL[*kind]) && place.kinds.contains(ALL[*kind])).collect::<Vec<_>>()
    };
    let cases = [
        (0, "$.customer['e-mail']", vec![0, 4], true, true, true),
        (1, "$.status", vec![0, 4], true, true, true),
        (2, "$.items[*].note", vec![4], false, false, true),
        (3, "$.id", vec![2], false, false, false),
        (4, "$.hash", vec![5], false, false, false),
        (5, "$.amount", vec![2, 3], false, false, false),
        (6, "$.tags.x", vec![4], false, true, true),
    ];
    for (field, path, wanted, nullable, removable, any_text) in cases {
        let place = place(field);
        let found = (place.path.as_str(), kinds(&place), place.nullable, place.removable, place.any_text);
        assert_eq!(found, (path, wanted, nullable, removable, any_text));
    }
    let born = plan.places(0).nth(1).unwrap();
    assert_eq!((kinds(&born), born.any_text), (vec![2, 4], false));
    assert_eq!(plan.places(7).count(), 0);
}

const ALL: [Kind; 7] = [Kind::Null, Kind::Boolean, Kind::Integer, Kind::Decimal, Kind::Text, Kind::Bytes, Kind::Composite];

#[test]
fn schemas_that_multiply_end_the_list() {
    let level = |at: usize| {
        format!(r#"{{"type":"record","name":"R{at}","fields":[{{"name":"a","type":"R{0}"}},{{"name":"b","type":"R{0}"}}]}}"#, at + 1)
    };
    let levels: Vec<String> = (0..60).map(level).collect();
    for last in ["\"int\"", "\"null\"", r#"{"type":"record","name":"E","fields":[]}"#] {
        let schema = format!(r#"[{},{{"type":"record","name":"R60","fields":[{{"name":"n","type":{last}}}]}}]"#, levels.join(","));
        for field in ["$.x", "$..n"] {
            let selection = Selection::compile(&[Selector::parse(field).unwrap()], None, Containers::Expand).unwrap();
            let plan = Plan::compile(&selection, &Schema::parse(&schema, &[]).unwrap()).unwrap();
            assert!(plan.leaves().len() <= MAX_LEAVES, "{field}");
        }
    }
}

#[test]
fn maps_that_are_masked_keep_their_names() {
    let cases = [
        ("$.tags", vec![(0, "$.tags")]),
        ("$.tags[*]", vec![(0, "$.tags")]),
        ("$.id $", vec![(1, "$.tags")]),
        ("$..*", vec![(0, "$.tags")]),
        ("$.tags.vip", vec![]),
        ("$.tags.vip $.tags", vec![(1, "$.tags")]),
        ("$.customer", vec![]),
    ];
    for (fields, wanted) in cases {
        let found = plan(fields, None, Containers::Expand).open_names();
        let found: Vec<(u32, &str)> = found.iter().map(|(field, path)| (*field, path.as_str())).collect();
        assert_eq!(found, wanted, "{fields}");
        assert_eq!(plan(fields, None, Containers::Composite).open_names(), [], "{fields}: nothing is edited");
    }
    assert_eq!(plan("$.id", Some("$.tags"), Containers::Expand).open_names(), [], "kept on purpose");
}

#[test]
fn maps_in_which_something_is_masked_keep_their_names() {
    let map = |values: &str| format!(r#"{{"type":"map","values":{values}}}"#);
    let array = |items: &str| format!(r#"{{"type":"array","items":{items}}}"#);
    let person = r#"{"type":"record","name":"C","fields":[{"name":"email","type":["null","string"]},{"name":"note","type":"string"}]}"#;
    let tree =
        r#"{"type":"record","name":"T","fields":[{"name":"name","type":"string"},{"name":"kids","type":{"type":"map","values":"T"}}]}"#;
    for (of, fields, wanted) in [
        (map(person), "$.m[*].email", Some("$.m")),
        (map(person), "$..email", Some("$.m")),
        (map(person), "$.m.ana.email", None),
        (map(person), "$.m[*].other", None),
        (map("\"string\""), "$..email", None),
        (map("\"string\""), "$.m[*].x", None),
        (map(&map(person)), "$.m[*].home.email", Some("$.m")),
        (map(&map(person)), "$.m.ana[*].email", Some("$.m.ana")),
        (array(&map(&array(person))), "$.m[0][*][-1].email", Some("$.m[0]")),
        (format!("[\"null\",{}]", map(&format!("[\"null\",{person}]"))), "$.m[*].email", Some("$.m")),
        (tree.to_owned(), "$..name", Some("$.m.kids")),
        // An entry deeper down may be called so.
        (tree.to_owned(), "$..email", Some("$.m.kids")),
        (tree.to_owned(), "$.m.name", None),
    ] {
        let schema = format!(r#"{{"type":"record","name":"R","fields":[{{"name":"m","type":{of}}}]}}"#);
        let found = plan_of(&schema, fields, None, Containers::Expand).open_names();
        assert_eq!(found.first().map(|(field, path)| (*field, path.as_str())), wanted.map(|path| (0, path)), "{fields} in {of}");
        assert_eq!(plan_of(&schema, fields, None, Containers::Composite).open_names(), [], "{fields}: nothing is edited");
        assert_eq!(plan_of(&schema, "", Some(fields), Containers::Expand).open_names(), [], "{fields}: kept on purpose");
    }
}
