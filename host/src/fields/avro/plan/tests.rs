//! What compiling finds out about a selection and a schema.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::Selector;
use super::*;

const PERSON: &str = r#"{"type":"record","name":"Person","fields":[
    {"name":"name","type":"string","aliases":["full_name"]},
    {"name":"email","type":["null","string"]},
    {"name":"home","type":["null",{"type":"record","name":"Address","fields":[{"name":"street","type":"string"},{"name":"zip","type":"string"}]}]},
    {"name":"work","type":["null","Address"]},
    {"name":"tags","type":{"type":"map","values":"string"}},
    {"name":"boss","type":["null","Person"]},
    {"name":"peers","type":{"type":"array","items":"Person"}}]}"#;

fn plan(fields: &str, keep: Option<&str>) -> Plan {
    let list = |list: &str| -> Vec<Selector> { list.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect() };
    let selection = Selection::compile(&list(fields), keep.map(list).as_deref(), Containers::Expand).unwrap();
    Plan::compile(&selection, &Schema::parse(PERSON, &[]).unwrap()).unwrap()
}

#[test]
fn selectors_that_name_no_place_are_found() {
    let cases: [(&str, &[usize]); 9] = [
        ("$.name $.email $.home $.home.street", &[]),
        ("$.nmae", &[0]),
        ("$.name.first $.email[0] $.name", &[0, 1]),
        ("$.full_name", &[]),
        ("$.tags.anything $.tags[0] $.tags[*].x", &[1, 2]),
        ("$.peers[7] $.peers[-1].name $.peers.name", &[2]),
        // A map may have any key.
        ("$..zip $..zap", &[]),
        ("$.boss.boss.boss.name $.boss.boss.bos", &[1]),
        ("$", &[]),
    ];
    for (fields, unmatched) in cases {
        assert_eq!(plan(fields, None).unmatched(), unmatched, "{fields}");
    }
}

#[test]
fn only_what_is_on_the_way_is_walked() {
    let walked = |fields: &str| plan(fields, None).nodes.iter().filter(|node| !node.inert).count();
    assert_eq!(walked("$.none"), 0);
    // The root and the field.
    assert_eq!(walked("$.name"), 2);
    assert_eq!(walked("$.boss.none"), 0);
    // The root, the union, the record, its field.
    assert_eq!(walked("$.home.street"), 4);
    let first = plan("$.email", None);
    let Walk::Record(fields) = &first.nodes[0].walk else { panic!("no record") };
    assert!(matches!(*fields.steps, [Step::Over(Run { count: 1, .. }), Step::Into(_), Step::Over(Run { count: 5, .. })]));
}

#[test]
fn an_index_from_the_end_counts_only_where_something_is_found() {
    assert!(plan("$.peers[-1].name", None).from_end);
    assert!(!plan("$.peers[-1].none", None).from_end);
    assert!(!plan("$.peers[1].name", None).from_end);
}

#[test]
fn combinations_that_multiply_are_refused() {
    let wide: Vec<String> = (0..30_000).map(|field| format!(r#"{{"name":"f{field}","type":"string"}}"#)).collect();
    let inner: Vec<String> = (0..20).map(|at| format!(r#"{{"name":"g{at}","type":"W"}}"#)).collect();
    let text = format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"w","type":{{"type":"record","name":"W","fields":[{}]}}}},{}]}}"#,
        wide.join(","),
        inner.join(",")
    );
    let schema = Schema::parse(&text, &[]).unwrap();
    let fields: Vec<Selector> = (0..20).map(|at| Selector::parse(&format!("$.g{at}.f{at}")).unwrap()).collect();
    let selection = Selection::compile(&fields, None, Containers::Expand).unwrap();
    assert_eq!(Plan::compile(&selection, &schema).unwrap_err(), PlanError::TooComplex);
}
