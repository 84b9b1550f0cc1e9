//! What is found, and which bodies are refused. Random ones are in `properties`.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::{Containers, Selection, Selector};
use super::super::Schema;
use super::*;

fn plan(schema: &str, fields: &str, keep: Option<&str>, containers: Containers) -> Plan {
    let list = |list: &str| -> Vec<Selector> { list.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect() };
    let selection = Selection::compile(&list(fields), keep.map(list).as_deref(), containers).unwrap();
    Plan::compile(&selection, &Schema::parse(schema, &[]).unwrap()).unwrap()
}

/// The values found, `field: bytes` each.
fn found(schema: &str, fields: &str, body: &[u8]) -> Result<Vec<String>, &'static str> {
    let plan = plan(schema, fields, None, Containers::Expand);
    let mut hits = Hits::new();
    plan.select(body, &mut hits).map_err(DecodeError::code)?;
    let text = |hit: &Hit| {
        let mut out = format!("{}: ", hit.field).into_bytes();
        plan.append_value(body, hit, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    Ok(hits.hits().iter().map(text).collect())
}

const MAP: &str = r#"{"type":"map","values":"string"}"#;
const ARRAY: &str = r#"{"type":"array","items":"int"}"#;
const ARRAYS: &str = r#"{"type":"array","items":{"type":"array","items":"int"}}"#;
const LIST: &str = r#"{"type":"record","name":"R","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","R"]}]}"#;

#[test]
fn names_indexes_and_aliases() {
    let record = r#"{"type":"record","name":"R","fields":[
        {"name":"new","type":"string","aliases":["old"]},{"name":"other","type":["null","string"]},{"name":"nested","type":
            {"type":"record","name":"S","fields":[{"name":"old","type":"int","aliases":["older"]}]}}]}"#;
    let body = [2, b'x', 2, 2, b'y', 14];
    let cases: [(&str, &[&str]); 8] = [
        ("$.new", &["0: x"]),
        ("$.old", &["0: x"]),
        // Both name it: one of them gets it, and both have matched.
        ("$.old $.new", &["1: x"]),
        ("$.*", &["0: x", "0: y", "0: 7"]),
        ("$..old", &["0: x", "0: 7"]),
        ("$.nested.older $.other", &["1: y", "0: 7"]),
        ("$.nested", &["0: 7"]),
        ("$ $.other", &["0: x", "1: y", "0: 7"]),
    ];
    for (fields, wanted) in cases {
        assert_eq!(found(record, fields, &body).unwrap(), wanted, "{fields}");
    }
    let both = plan(record, "$.old $.new", None, Containers::Expand);
    let mut hits = Hits::new();
    both.select(&body, &mut hits).unwrap();
    assert!(hits.matched(0) && hits.matched(1) && both.unmatched().is_empty());
    // What a field names under one name is not kept under another.
    let masked = plan(record, "$.old", Some("$.new"), Containers::Expand);
    masked.select(&body, &mut hits).unwrap();
    assert_eq!(hits.hits().len(), 1);
}

#[test]
fn arrays_in_blocks() {
    // 1 2 in a block, 3 4 5 in one with its size, 6 in the last.
    let body = [4, 2, 4, 5, 6, 6, 8, 10, 2, 12, 0];
    let cases: [(&str, &[&str]); 6] = [
        ("$[*]", &["0: 1", "0: 2", "0: 3", "0: 4", "0: 5", "0: 6"]),
        ("$[0] $[2] $[6]", &["0: 1", "1: 3"]),
        ("$[-1] $[-4] $[-7]", &["1: 3", "0: 6"]),
        ("$[1] $[-5]", &["0: 2"]),
        ("$.a", &[]),
        ("$", &["0: 1", "0: 2", "0: 3", "0: 4", "0: 5", "0: 6"]),
    ];
    for (fields, wanted) in cases {
        assert_eq!(found(ARRAY, fields, &body).unwrap(), wanted, "{fields}");
    }
    // [[1], [], [2, 3]]
    assert_eq!(found(ARRAYS, "$[*][-1] $[-1][0]", &[6, 2, 2, 0, 0, 4, 4, 6, 0, 0]).unwrap(), ["0: 1", "1: 2", "0: 3"]);
}

#[test]
fn a_key_twice_on_the_way_is_refused() {
    let twice = [4, 2, b'a', 2, b'x', 2, b'b', 0, 2, 2, b'a', 2, b'y', 0];
    let cases = [("$.a", true), ("$.b", false), ("$[*]", true), ("$..b", false), ("$.none", false), ("$[0]", false), ("$", true)];
    for (field, refused) in cases {
        assert_eq!(found(MAP, field, &twice).is_err_and(|code| code == "duplicate_name"), refused, "{field}");
    }
    // Under an allow list every name counts, also where all stay.
    let allow_list = plan(MAP, "$.b", Some("$[*]"), Containers::Expand);
    assert_eq!(allow_list.select(&twice, &mut Hits::new()), Err(DecodeError::DuplicateName));
    let many: String = (0..70).map(|name| format!("$.n{name} ")).collect();
    assert_eq!(found(MAP, &(many + "$.a"), &twice), Err("duplicate_name"));
}

#[test]
fn bodies_that_are_refused() {
    let nulls = r#"{"type":"array","items":"null"}"#;
    let empties = r#"{"type":"array","items":{"type":"record","name":"E","fields":[{"name":"n","type":"null"}]}}"#;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("\"int\"", vec![], "truncated"),
        ("\"int\"", vec![0x80], "truncated"),
        ("\"int\"", vec![0, 0], "trailing_bytes"),
        ("\"null\"", vec![0], "trailing_bytes"),
        ("\"int\"", vec![0x80, 0x80, 0x80, 0x80, 0x10], "bad_varint"),
        ("\"int\"", vec![0x80, 0x80, 0x80, 0x80, 0x80, 0x00], "bad_varint"),
        ("\"long\"", vec![0x80; 10], "bad_varint"),
        ("\"long\"", [vec![0xff; 9], vec![0x02]].concat(), "bad_varint"),
        ("\"boolean\"", vec![2], "bad_value"),
        ("\"double\"", vec![0; 7], "truncated"),
        ("\"string\"", vec![1], "bad_length"),
        ("\"string\"", vec![4, b'x'], "truncated"),
        ("\"string\"", vec![2, 0xff], "invalid_utf8"),
        ("\"bytes\"", [vec![0xfe; 9], vec![0x01]].concat(), "truncated"),
        (r#"["null","int"]"#, vec![4, 0], "bad_index"),
        (r#"["null","int"]"#, vec![1, 0], "bad_index"),
        (ARRAY, vec![4, 2, 0], "truncated"),
        (ARRAY, vec![2, 2], "truncated"),
        (ARRAY, [vec![0xfe; 9], vec![0x01]].concat(), "truncated"),
        // The smallest number there is, as a count.
        (ARRAY, [vec![0xff; 9], vec![0x01], vec![2, 0, 0]].concat(), "truncated"),
        // A size that is too small, too large, negative.
        (ARRAY, vec![3, 2, 2, 4, 0], "bad_length"),
        (ARRAY, vec![3, 8, 2, 4, 0], "bad_length"),
        (ARRAY, vec![3, 1, 2, 4, 0], "bad_length"),
        (MAP, vec![2, 2, 0xff, 0, 0], "invalid_utf8"),
        (nulls, [vec![0xfe; 8], vec![0x7f, 0]].concat(), "too_many_items"),
        (nulls, [vec![0x80, 0x80, 0x80, 0x01, 2], vec![0]].concat(), "too_many_items"),
        (empties, [vec![0xfe; 8], vec![0x7f, 0]].concat(), "too_many_items"),
    ];
    for (schema, body, code) in &cases {
        for field in ["$", "$.none", "$[0]", "$[-1]", "$..*"] {
            assert_eq!(found(schema, field, body), Err(*code), "{schema} {field} {body:?}");
        }
    }
    let long_but_valid = [vec![0x82, 0x80, 0x80, 0x80, 0x00]].concat();
    assert_eq!(found("\"int\"", "$", &long_but_valid).unwrap(), ["0: 1"]);
}

#[test]
fn depth_ends_at_the_limit_walked_or_not() {
    let deep = |levels: usize| [[14, 2].repeat(levels - 1), vec![14, 0]].concat();
    for field in ["$..v", "$.none", "$.next.next.v", "$..none"] {
        assert!(found(LIST, field, &deep(128)).is_ok(), "{field}");
        assert_eq!(found(LIST, field, &deep(129)), Err("too_deep"), "{field}");
        assert_eq!(found(LIST, field, &deep(1_000_000)), Err("too_deep"), "{field}");
    }
    // Without bytes, and so without end.
    let endless = r#"{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}"#;
    assert_eq!(found(endless, "$..r", &[]), Err("too_deep"));
    assert_eq!(found(endless, "$.x", &[]), Ok(vec![]));
}

#[test]
fn records_of_nothing_in_ever_more_ways_end() {
    let level = |at: usize| {
        format!(r#"{{"type":"record","name":"R{at}","fields":[{{"name":"a","type":"R{0}"}},{{"name":"b","type":"R{0}"}}]}}"#, at + 1)
    };
    let levels: Vec<String> = (0..60).map(level).collect();
    let schema = format!(r#"[{},{{"type":"record","name":"R60","fields":[{{"name":"n","type":"null"}}]}}]"#, levels.join(","));
    assert_eq!(found(&schema, "$..n", &[0]), Err("too_many_items"));
    assert_eq!(found(&schema, "$.a.b.x", &[0]), Ok(vec![]));
    assert!(super::super::json::to_json(&Schema::parse(&schema, &[]).unwrap(), &[0], &mut Vec::new()).is_err());
}

#[test]
fn an_allow_list_needs_a_container_at_the_root() {
    let mut hits = Hits::new();
    for (schema, keep, body, result) in [
        ("\"int\"", "$.a", &[2][..], Err(DecodeError::RootNotListed)),
        ("\"null\"", "$.a", &[], Err(DecodeError::RootNotListed)),
        ("\"int\"", "$", &[2], Ok(())),
        (r#"["null","int"]"#, "", &[2, 2], Err(DecodeError::RootNotListed)),
        (ARRAY, "", &[0], Ok(())),
    ] {
        assert_eq!(plan(schema, "", Some(keep), Containers::Expand).select(body, &mut hits), result, "{schema} {keep}");
    }
}

#[test]
fn a_container_may_be_one_hit() {
    let plan = plan(ARRAYS, "$[0] $[*][0]", None, Containers::Composite);
    let mut hits = Hits::new();
    plan.select(&[4, 2, 2, 0, 2, 4, 0, 0], &mut hits).unwrap();
    let found: Vec<(u32, Kind, u32, u32)> = hits.hits().iter().map(|hit| (hit.field, hit.kind, hit.start, hit.end)).collect();
    assert_eq!(found, [(0, Kind::Composite, 1, 4), (1, Kind::Integer, 2, 3), (1, Kind::Integer, 5, 6)]);
}

#[test]
fn ten_megabytes_in_one_string() {
    let mut body = Vec::new();
    super::super::scalar::push_bytes(&vec![b'x'; 10 << 20], &mut body);
    let plan = plan("\"string\"", "$", None, Containers::Expand);
    let mut hits = Hits::new();
    plan.select(&body, &mut hits).unwrap();
    let (mut value, mut out) = (Vec::new(), Vec::new());
    plan.append_value(&body, &hits.hits()[0], &mut value).unwrap();
    assert_eq!(value.len(), 10 << 20);
    value[5] = b'y';
    let edit = super::super::super::Edit::Set { kind: 4, data: &value };
    assert!(plan.patch(&body, &hits, |_, _| edit, &mut out).is_ok());
    assert_eq!(out[4..], value);
}
