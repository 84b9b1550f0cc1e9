//! What patching writes and refuses, table by table. Random data is in `properties`.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::{Containers, Selection, Selector};
use super::super::Schema;
use super::*;

const CLEAR: Edit<'_> = Edit::Clear { text: b"[x]" };
const NULL: Edit<'_> = Edit::Set { kind: 0, data: b"" };

fn set(kind: u8, data: &str) -> Edit<'_> {
    Edit::Set { kind, data: data.as_bytes() }
}

fn plan(schema: &str, fields: &str, keep: Option<&str>, containers: Containers) -> Plan {
    let list = |list: &str| -> Vec<Selector> { list.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect() };
    let selection = Selection::compile(&list(fields), keep.map(list).as_deref(), containers).unwrap();
    Plan::compile(&selection, &Schema::parse(schema, &[]).unwrap()).unwrap()
}

/// Edits every hit of field i by `edits[i]`; None: unchanged.
fn patched(schema: &str, body: &[u8], fields: &str, keep: Option<&str>, edits: &[Edit<'_>]) -> Result<Option<Vec<u8>>, PatchError> {
    let plan = plan(schema, fields, keep, Containers::Expand);
    let mut hits = Hits::new();
    plan.select(body, &mut hits).unwrap();
    let mut out = b"before".to_vec();
    let mut asked = 0;
    let result = plan.patch(
        body,
        &hits,
        |index, hit| {
            assert_eq!(index, asked);
            asked += 1;
            edits[hit.field as usize]
        },
        &mut out,
    );
    let patched = out.split_off(6);
    assert_eq!(out, b"before");
    match result {
        Ok(Patched::Changed) => Ok(Some(patched)),
        Ok(Patched::Unchanged) => Ok(Some(patched).filter(|patched| !patched.is_empty())),
        Err(error) => {
            assert_eq!(patched, b"");
            Err(error)
        }
    }
}

const UNION: &str = r#"["null","string","long",{"type":"enum","name":"E","symbols":["A","B"],"default":"B"},"boolean"]"#;

fn record(of: &str) -> String {
    format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"before","type":"int"}},{{"name":"f","type":{of}}},{{"name":"behind","type":"int"}}]}}"#
    )
}

#[test]
fn a_union_changes_its_branch_where_it_has_to() {
    let schema = record(UNION);
    let around = |value: &[u8]| [&[20], value, &[40]].concat();
    let text = |text: &str| around(&[&[2, text.len() as u8 * 2], text.as_bytes()].concat());
    let cases = [
        (text("ab"), set(4, "c"), Ok(Some(text("c")))),
        // The branch stays where it can hold the value.
        (text("ab"), set(4, "A"), Ok(Some(text("A")))),
        (around(&[6, 0]), set(4, "B"), Ok(Some(around(&[6, 2])))),
        (around(&[6, 0]), set(4, "C"), Ok(Some(text("C")))),
        (text("ab"), NULL, Ok(Some(around(&[0])))),
        (around(&[0]), set(4, "A"), Ok(Some(text("A")))),
        (around(&[0]), set(2, "7"), Ok(Some(around(&[4, 14])))),
        (around(&[0]), set(1, "true"), Ok(Some(around(&[8, 1])))),
        (around(&[0]), set(3, "1.5"), Err(PatchError::DoesNotFit)),
        (around(&[0]), set(5, "x"), Err(PatchError::DoesNotFit)),
        (around(&[0]), NULL, Ok(None)),
        (around(&[0]), CLEAR, Ok(None)),
        (around(&[0x80, 0]), CLEAR, Ok(None)),
        (around(&[0x80, 0]), NULL, Ok(None)),
        (text("ab"), CLEAR, Ok(Some(text("[x]")))),
        (around(&[4, 14]), CLEAR, Ok(Some(around(&[0])))),
        (around(&[6, 0]), CLEAR, Ok(Some(around(&[0])))),
        (text("ab"), Edit::Remove, Ok(Some(around(&[0])))),
        (around(&[0]), Edit::Remove, Ok(None)),
        // An index of the branch that is longer than it need be goes with the branch, and stays with it.
        (around(&[0x82, 0, 2, b'a']), set(4, "b"), Ok(Some(around(&[0x82, 0, 2, b'b'])))),
        (around(&[0x84, 0, 2]), CLEAR, Ok(Some(around(&[0])))),
    ];
    for (body, edit, wanted) in cases {
        assert_eq!(patched(&schema, &body, "$.f", None, &[edit]), wanted, "{body:?} {edit:?}");
    }
}

#[test]
fn a_place_without_null_is_cleared_to_its_zero() {
    let cases = [
        ("\"boolean\"", &[1][..], &[0][..]),
        ("\"long\"", &[14], &[0]),
        ("\"float\"", &[1, 2, 3, 4], &[0; 4]),
        ("\"double\"", &[1; 8], &[0; 8]),
        ("\"bytes\"", &[2, 1], &[0]),
        (r#"{"type":"fixed","name":"F","size":2}"#, &[1, 2], &[0, 0]),
        (r#"{"type":"enum","name":"E","symbols":["A","B","C"],"default":"B"}"#, &[4], &[2]),
        (r#"{"type":"enum","name":"E","symbols":["A","B","C"]}"#, &[4], &[0]),
        (r#"{"type":"int","logicalType":"date"}"#, &[14], &[0]),
        (r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#, &[2, 7], &[0]),
        (r#"["int","long"]"#, &[2, 14], &[2, 0]),
    ];
    for (of, value, zero) in cases {
        let body = |value: &[u8]| [&[20], value, &[40]].concat();
        let (schema, cleared) = (record(of), Ok(Some(body(zero))));
        assert_eq!(patched(&schema, &body(value), "$.f", None, &[CLEAR]), cleared, "{of}");
        assert_eq!(patched(&schema, &body(value), "$.before $.behind", Some(""), &[Edit::Keep; 2]), cleared, "{of}");
        assert_eq!(patched(&schema, &body(value), "$.f", None, &[NULL]), Err(PatchError::DoesNotFit), "{of}");
        assert_eq!(patched(&schema, &body(value), "$.f", None, &[Edit::Remove]), Err(PatchError::DoesNotFit), "{of}");
    }
    let uuid = record(r#"{"type":"string","logicalType":"uuid"}"#);
    let nil = b"00000000-0000-0000-0000-000000000000";
    let body = |uuid: &[u8]| [&[20, 72], uuid, &[40]].concat();
    assert_eq!(patched(&uuid, &body(&[b'1'; 36]), "$.f", None, &[CLEAR]), Ok(Some(body(nil))));
}

const ARRAY: &str = r#"{"type":"array","items":"int"}"#;
const MAP: &str = r#"{"type":"map","values":["null","string"]}"#;
const NULLS: &str =
    r#"{"type":"record","name":"R","fields":[{"name":"n","type":{"type":"array","items":"null"}},{"name":"m","type":"null"}]}"#;
const NESTED: &str = r#"{"type":"array","items":{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"string"}},{"name":"b","type":"int"}]}}"#;

#[test]
fn blocks_are_mended() {
    // 1 2 in a block, 3 4 5 in one with its size, 6 in the last.
    let body = [4, 2, 4, 5, 6, 6, 8, 10, 2, 12, 0];
    let large = set(2, "64");
    let cases: [(&str, &[Edit<'_>], &[u8]); 8] = [
        ("$[0]", &[Edit::Remove], &[2, 4, 5, 6, 6, 8, 10, 2, 12, 0]),
        ("$[1] $[0]", &[Edit::Remove, Edit::Remove], &[5, 6, 6, 8, 10, 2, 12, 0]),
        ("$[3]", &[Edit::Remove], &[4, 2, 4, 3, 4, 6, 10, 2, 12, 0]),
        ("$[5]", &[Edit::Remove], &[4, 2, 4, 5, 6, 6, 8, 10, 0]),
        ("$[*]", &[Edit::Remove], &[0]),
        ("$[2]", &[large], &[4, 2, 4, 5, 8, 0x80, 1, 8, 10, 2, 12, 0]),
        ("$[0]", &[large], &[4, 0x80, 1, 4, 5, 6, 6, 8, 10, 2, 12, 0]),
        ("$[-1] $[4]", &[Edit::Remove, large], &[4, 2, 4, 5, 8, 6, 8, 0x80, 1, 0]),
    ];
    for (fields, edits, wanted) in cases {
        assert_eq!(patched(ARRAY, &body, fields, None, edits).unwrap().as_deref(), Some(wanted), "{fields}");
    }
    // A count and a size that are longer than they need be stay where nothing in the block changes its length.
    let odd = [0x83, 0, 0x84, 0, 2, 4, 2, 6, 0];
    assert_eq!(patched(ARRAY, &odd, "$[0]", None, &[set(2, "9")]).unwrap(), Some(vec![0x83, 0, 0x84, 0, 18, 4, 2, 6, 0]));
    assert_eq!(patched(ARRAY, &odd, "$[2]", None, &[Edit::Remove]).unwrap(), Some(vec![0x83, 0, 0x84, 0, 2, 4, 0]));
    assert_eq!(patched(ARRAY, &odd, "$[1]", None, &[Edit::Remove]).unwrap(), Some(vec![1, 2, 2, 2, 6, 0]));
}

#[test]
fn sizes_of_blocks_in_blocks_are_mended() {
    let text = "x".repeat(70);
    let long = [&[0x8c, 1], text.as_bytes()].concat();
    // [{a: ["1", "2"], b: 3}, {a: [], b: 4}], every block with its size.
    let body = [3, 20, 3, 8, 2, b'1', 2, b'2', 0, 6, 0, 8, 0];
    let mended = [&[3, 0xa2, 1, 3, 0x94, 1, 2, b'1'], &*long, &[0, 6, 0, 8, 0]].concat();
    assert_eq!(patched(NESTED, &body, "$[*].a[1]", None, &[set(4, &text)]).unwrap(), Some(mended));
    assert_eq!(patched(NESTED, &body, "$[*].a[*]", None, &[Edit::Remove]).unwrap(), Some(vec![3, 8, 0, 6, 0, 8, 0]));
    assert_eq!(patched(NESTED, &body, "$[1].b", None, &[set(2, "5")]).unwrap(), Some([&body[..11], &[10, 0]].concat()));
    // The allow list: the elements stay as records, their fields cleared.
    assert_eq!(patched(NESTED, &body, "$[*].b", Some(""), &[Edit::Keep]).unwrap(), Some(vec![3, 8, 0, 6, 0, 8, 0]));
    assert_eq!(patched(NESTED, &body, "", Some("$[1]"), &[]).unwrap(), Some(vec![1, 4, 0, 8, 0]));
    assert_eq!(patched(NESTED, &body, "", Some(""), &[]).unwrap(), Some(vec![0]));
}

#[test]
fn elements_without_bytes_are_counted() {
    // Two nulls, then one; the field behind has no bytes either.
    let body = [4, 2, 0];
    let cases: [(&str, &[u8]); 5] =
        [("$.n[0]", &[2, 2, 0]), ("$.n[2]", &[4, 0]), ("$.n[*]", &[0]), ("$.n[0] $.n[1]", &[2, 0]), ("$.n[-2]", &[2, 2, 0])];
    for (fields, wanted) in cases {
        assert_eq!(patched(NULLS, &body, fields, None, &[Edit::Remove; 2]).unwrap().as_deref(), Some(wanted), "{fields}");
    }
    assert_eq!(patched(NULLS, &body, "", Some("$.n[1]"), &[]).unwrap(), Some(vec![2, 0]));
    assert_eq!(patched(NULLS, &body, "$.m", None, &[Edit::Remove]).unwrap(), None);
}

/// Fields, keep, edits, and what comes out.
type Case<'a> = (&'a str, Option<&'a str>, &'a [Edit<'a>], &'a [u8]);

#[test]
fn entries_of_maps() {
    // {a: null, b: "x"} and, in another block, {c: "y"}.
    let body = [4, 2, b'a', 0, 2, b'b', 2, 2, b'x', 2, 2, b'c', 2, 2, b'y', 0];
    let cases: [Case<'_>; 6] = [
        ("$.a", None, &[Edit::Remove], &[2, 2, b'b', 2, 2, b'x', 2, 2, b'c', 2, 2, b'y', 0]),
        ("$.c", None, &[Edit::Remove], &[4, 2, b'a', 0, 2, b'b', 2, 2, b'x', 0]),
        ("$.a", None, &[set(4, "n")], &[4, 2, b'a', 2, 2, b'n', 2, b'b', 2, 2, b'x', 2, 2, b'c', 2, 2, b'y', 0]),
        ("$.b", None, &[NULL], &[4, 2, b'a', 0, 2, b'b', 0, 2, 2, b'c', 2, 2, b'y', 0]),
        ("$.b", Some("$.a"), &[CLEAR], &[4, 2, b'a', 0, 2, b'b', 2, 6, b'[', b'x', b']', 0]),
        ("", Some("$.c"), &[], &[2, 2, b'c', 2, 2, b'y', 0]),
    ];
    for (fields, keep, edits, wanted) in cases {
        assert_eq!(patched(MAP, &body, fields, keep, edits).unwrap().as_deref(), Some(wanted), "{fields} {keep:?}");
    }
}

#[test]
fn an_allow_list_clears_records() {
    let inner = r#"{"type":"record","name":"I","fields":[{"name":"t","type":"string"},{"name":"u","type":["int","null"]},{"name":"l","type":{"type":"array","items":"int"}}]}"#;
    let schema = record(inner);
    let body = [20, 2, b'x', 0, 14, 2, 2, 0, 40];
    let cases: [(&str, &[u8]); 5] = [
        ("$.before $.f", &[20, 2, b'x', 0, 14, 2, 2, 0, 0]),
        ("$.before", &[20, 0, 2, 0, 0]),
        ("$.f.t", &[0, 2, b'x', 2, 0, 0]),
        ("$.f.l[0]", &[0, 0, 2, 2, 2, 0, 0]),
        ("", &[0, 0, 2, 0, 0]),
    ];
    for (keep, wanted) in cases {
        assert_eq!(patched(&schema, &body, "", Some(keep), &[]).unwrap().as_deref(), Some(wanted), "{keep}");
    }
    assert_eq!(patched(&schema, &body, "", Some("$"), &[]), Ok(None));
    // A text becomes empty also where it could be null; anything else null.
    let nullable = record(r#"["null","string"]"#);
    assert_eq!(patched(&nullable, &[20, 2, 2, b'x', 40], "", Some("$.before $.behind"), &[]), Ok(Some(vec![20, 2, 0, 40])));
    let optional = record(&format!(r#"["null",{inner}]"#));
    assert_eq!(patched(&optional, &[20, 2, 2, b'x', 0, 14, 0, 40], "", Some("$.before $.behind"), &[]), Ok(Some(vec![20, 0, 40])));
}

#[test]
fn what_cannot_be_edited() {
    assert_eq!(patched("\"int\"", &[2], "$", None, &[Edit::Remove]), Err(PatchError::RemovesRoot));
    assert_eq!(patched(r#"["null","int"]"#, &[2, 2], "$", None, &[Edit::Remove]), Err(PatchError::RemovesRoot));
    assert_eq!(patched(r#"["null","int"]"#, &[2, 2], "$", None, &[NULL]), Ok(Some(vec![0])));
    assert_eq!(patched("\"string\"", &[2, b'x'], "$", None, &[Edit::Clear { text: b"\xff" }]), Err(PatchError::NotText));
    // The first edit is fine, and nothing of it stays.
    assert_eq!(patched(&record("\"string\""), &[2, 2, b'x', 2], "$.before $.f", None, &[set(2, "5"), NULL]), Err(PatchError::DoesNotFit));

    let plan = plan(NESTED, "$[0]", None, Containers::Composite);
    let body = [2, 0, 6, 0];
    let (mut hits, mut out) = (Hits::new(), Vec::new());
    plan.select(&body, &mut hits).unwrap();
    assert_eq!(plan.patch(&body, &hits, |_, _| Edit::Remove, &mut out), Err(PatchError::Composite));
    assert_eq!(plan.patch(&body, &hits, |_, _| Edit::Keep, &mut out), Ok(Patched::Unchanged));
}

#[test]
fn hits_of_another_body_or_plan_do_no_harm() {
    let body = [3, 20, 3, 8, 2, b'1', 2, b'2', 0, 6, 0, 8, 0];
    let own = plan(NESTED, "$..a[*] $..b", Some(""), Containers::Expand);
    let other = plan(MAP, "$.x", None, Containers::Expand);
    let (mut hits, mut out) = (Hits::new(), Vec::new());
    own.select(&body, &mut hits).unwrap();
    for length in 0..body.len() {
        for edit in [set(4, "abc"), set(2, "700"), Edit::Remove, CLEAR] {
            for plan in [&own, &other] {
                // An error or wrong bytes, and no panic.
                assert_ne!(plan.patch(&body[..length], &hits, |_, _| edit, &mut out), Err(PatchError::Composite));
                plan.append_value(&body[..length], &hits.hits()[0], &mut out).unwrap_or_default();
            }
        }
    }
}
