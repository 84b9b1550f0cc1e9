//! What patching writes and refuses, table by table. Random documents are in `properties`.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::{Containers, Selection, Selector};
use super::*;

fn list(selectors: &str) -> Vec<Selector> {
    selectors.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect()
}

/// Selects with one selector for each field, then edits every hit of field i by `edits[i]`; None: unchanged.
fn patched(doc: &str, fields: &str, keep: Option<&str>, edits: &[Edit<'_>]) -> Result<Option<String>, PatchError> {
    let keep = keep.map(list);
    let selection = Selection::compile(&list(fields), keep.as_deref(), Containers::Expand).unwrap();
    let mut hits = Hits::new();
    selection.select(doc.as_bytes(), &mut hits).unwrap();
    let mut out = b"before".to_vec();
    let mut asked = 0;
    let result = patch(
        doc.as_bytes(),
        &hits,
        |index, hit| {
            assert_eq!(index, asked);
            asked += 1;
            edits[hit.field as usize]
        },
        &mut out,
    );
    let text = String::from_utf8(out.split_off(6)).unwrap();
    assert_eq!(out, b"before");
    match result {
        Ok(Patched::Changed) => Ok(Some(text)),
        Ok(Patched::Unchanged) => Ok(Some(text).filter(|text| !text.is_empty())),
        Err(error) => {
            assert_eq!(text, "");
            Err(error)
        }
    }
}

fn set(kind: u8, data: &str) -> Edit<'_> {
    Edit::Set { kind, data: data.as_bytes() }
}

const CLEAR: Edit<'_> = Edit::Clear { text: b"[gone]" };

#[test]
fn only_the_value_changes() {
    let doc = " { \"a\" : 1.50 ,\t\"b\":\"x\\u0041\", \"c\":[ true , null ],\"big\":1000000000000000000000000000001 }\n";
    let cases = [
        ("$.a", set(4, "n\"\\\n\u{1}é😀"), doc.replace("1.50", "\"n\\\"\\\\\\n\\u0001é😀\"")),
        ("$.a", set(0, ""), doc.replace("1.50", "null")),
        ("$.a", set(1, "false"), doc.replace("1.50", "false")),
        ("$.a", set(2, "-0"), doc.replace("1.50", "-0")),
        ("$.a", set(2, "123456789012345678901234567890"), doc.replace("1.50", "123456789012345678901234567890")),
        ("$.a", set(3, "1E400"), doc.replace("1.50", "1E400")),
        ("$.b", set(4, ""), doc.replace("\"x\\u0041\"", "\"\"")),
        ("$.c", set(2, "7"), doc.replace("true , null", "7 , 7")),
        ("$.c", CLEAR, doc.replace("true", "null")),
        ("$.b", CLEAR, doc.replace("\"x\\u0041\"", "\"[gone]\"")),
        ("$.c[-1]", set(2, "7"), doc.replace("null", "7")),
        ("$.big", set(2, "1"), doc.replace("1000000000000000000000000000001", "1")),
    ];
    for (field, edit, wanted) in cases {
        assert_eq!(patched(doc, field, None, &[edit]).unwrap(), Some(wanted), "{field}");
    }
}

#[test]
fn what_is_the_same_is_unchanged() {
    let doc = r#"{"a":1.50,"b":"x","c":null,"d":true,"e":"a\\"}"#;
    let cases = [
        ("$.a", Edit::Keep),
        ("$.z", Edit::Remove),
        ("$.a", set(3, "1.50")),
        ("$.b", set(4, "x")),
        ("$.c", set(0, "")),
        ("$.c", CLEAR),
        ("$.d", set(1, "true")),
    ];
    for (field, edit) in cases {
        assert_eq!(patched(doc, field, None, &[edit]).unwrap(), None, "{field}");
    }
    // A number is no text, though its middle digit is the same.
    assert_eq!(patched("[123]", "$[0]", None, &[set(4, "2")]).unwrap().as_deref(), Some(r#"["2"]"#));
    // The text is one backslash longer than it was.
    assert_eq!(patched(doc, "$.e", None, &[set(4, "a\\\\")]).unwrap(), Some(doc.replace(r"a\\", r"a\\\\")));
    assert_eq!(patched(doc, "$", Some(""), &[Edit::Keep]).unwrap(), None);
    assert_eq!(patched(doc, "", Some("$"), &[]).unwrap(), None);
}

#[test]
fn removal_takes_one_comma() {
    let cases = [
        (r#"{"a": 1, "b": 2, "c": 3}"#, "$.a", r#"{"b": 2, "c": 3}"#),
        (r#"{"a": 1, "b": 2, "c": 3}"#, "$.b", r#"{"a": 1, "c": 3}"#),
        (r#"{"a": 1, "b": 2, "c": 3}"#, "$.c", r#"{"a": 1, "b": 2}"#),
        (r#"{"a": 1, "b": 2, "c": 3}"#, "$.a $.b", r#"{"c": 3}"#),
        (r#"{"a": 1, "b": 2, "c": 3}"#, "$.a $.c", r#"{"b": 2}"#),
        (r#"{"a": 1, "b": 2, "c": 3}"#, "$.b $.c", r#"{"a": 1}"#),
        (r#"{ "a": 1, "b": 2, "c": 3 }"#, "$.*", "{}"),
        (r#"{ "a" : 1 }"#, "$.a", "{}"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}", "$.a", "{\n  \"b\": 2\n}"),
        ("{\n  \"a\": 1,\n  \"b\": 2\n}", "$.b", "{\n  \"a\": 1\n}"),
        ("{\n  \"a\": 1\n}", "$.a", "{}"),
        (r#"{"a":1 , "b":2 , "c":3}"#, "$.b", r#"{"a":1 , "c":3}"#),
        ("[1,2,3]", "$[0]", "[2,3]"),
        ("[ 1, 2, 3 ]", "$[1]", "[ 1, 3 ]"),
        ("[ 1, 2, 3 ]", "$[-1]", "[ 1, 2 ]"),
        ("[ 1, 2, 3 ]", "$[*]", "[]"),
        (r#"{"x":[1,{"y":[2,3]}],"z":4}"#, "$.x", r#"{"x":[{"y":[]}],"z":4}"#),
        (r#"[[1,2],[3],4]"#, "$..[0]", "[[],[],4]"),
        (r#"[[1],[2]]"#, "$", "[[],[]]"),
        (r#"{"a,}":"{,","b":[[]]}"#, "$['a,}']", r#"{"b":[[]]}"#),
    ];
    for (doc, fields, wanted) in cases {
        let edits = vec![Edit::Remove; fields.split_whitespace().count()];
        assert_eq!(patched(doc, fields, None, &edits).unwrap().as_deref(), Some(wanted), "{doc} {fields}");
    }
}

#[test]
fn an_allow_list_drops_the_rest() {
    let doc = r#"{"id":1,"secret":"s","items":[{"note":"n","x":1},2,{"x":2},[{"note":3}]],"more":{"id":{"y":1}}}"#;
    let cases = [
        ("", "$.id", r#"{"id":1}"#),
        ("", "$.id $.items[*].note", r#"{"id":1,"items":[{"note":"n"},{},[]]}"#),
        ("$.items[*].note", "$.id", r#"{"id":1,"items":[{"note":"n"},{},[]]}"#),
        ("", "$", doc),
        ("", "$..note", r#"{"items":[{"note":"n"},{},[{"note":3}]]}"#),
        ("", "$.items[-1] $.more.id", r#"{"items":[[{"note":3}]],"more":{"id":{"y":1}}}"#),
        ("", "$.items", r#"{"items":[{"note":"n","x":1},2,{"x":2},[{"note":3}]]}"#),
        ("", "$.items.x", r#"{"items":[]}"#),
        ("$.more", "", r#"{"more":{"id":{"y":1}}}"#),
        ("", "", "{}"),
    ];
    for (fields, keep, wanted) in cases {
        let edits = vec![Edit::Keep; fields.split_whitespace().count()];
        let got = patched(doc, fields, Some(keep), &edits).unwrap().unwrap_or_else(|| doc.to_owned());
        assert_eq!(got, wanted, "{fields} {keep}");
    }
}

#[test]
fn names_that_nobody_wrote_go_with_what_is_under_them() {
    for (doc, fields, keep, wanted) in [
        (r#"{"x":{"ana@x.org":{"L":1}},"y":["L",["L"]]}"#, "", "$..id", "{}"),
        (r#"{"x":{"ana@x.org":{"L":1}},"y":["L",["L"]]}"#, "$..id", "", "{}"),
        (r#"{ "x": {} , "y": [] }"#, "", "$..id", "{}"),
        (r#"{"s":1,"x":{"m":{"L":1},"id":7,"n":[]},"y":{"z":{"L":1}},"t":2}"#, "", "$..id", r#"{"x":{"id":7}}"#),
        (r#"{"s":1,"x":{"m":{"L":1},"id":7,"n":[]},"y":{"z":{"L":1}},"t":2}"#, "$..id", "", r#"{"x":{"id":7}}"#),
        (r#"{"a":{"b":{"id":{}}},"c":{"d":{"id":[1]}}}"#, "", "$.*.*.id", r#"{"a":{"b":{"id":{}}},"c":{"d":{"id":[1]}}}"#),
        (
            r#"{"people":{"ana@x.org":{"phone":1},"bo@x.org":{"email":"e","phone":2},"cy@x.org":3},"n":1}"#,
            "",
            "$.people[*].email",
            r#"{"people":{"bo@x.org":{"email":"e"}}}"#,
        ),
        // Under names that are written, and in lists, what is left empty tells nothing that the selectors do not.
        (r#"{"a":{"c":1},"l":[{"c":1},{"a":{"b":2}},[3]]}"#, "", "$..a.b", r#"{"a":{},"l":[{},{"a":{"b":2}},[]]}"#),
        (r#"{"a":{"x":{"c":1}},"x":{"a":{"c":1}}}"#, "", "$..a.b", r#"{"a":{}}"#),
        (r#"[{"x":{"c":1}}]"#, "", "$..id", "[{}]"),
    ] {
        let edits = vec![Edit::Keep; fields.split_whitespace().count()];
        let got = patched(doc, fields, Some(keep), &edits).unwrap().unwrap_or_else(|| doc.to_owned());
        assert_eq!(got, wanted, "{fields} {keep} {doc}");
    }
}

#[test]
fn prunes_and_edits_in_one_pass() {
    let doc = r#"{ "a": "x", "b": 2, "c": [ 1, {"d": true, "e": 5}, 3 ], "f": 6 }"#;
    let edits = [set(4, "masked"), Edit::Remove, set(2, "0")];
    let got = patched(doc, "$.a $.c[*].d $.f", Some("$.c[0]"), &edits).unwrap().unwrap();
    assert_eq!(got, r#"{ "a": "masked", "c": [ 1, {} ], "f": 0 }"#);
    let edits = [Edit::Remove, Edit::Remove, Edit::Remove];
    let got = patched(doc, "$.a $.c[*].d $.f", Some(""), &edits).unwrap().unwrap();
    assert_eq!(got, r#"{ "c": [ {} ] }"#);
}

#[test]
fn edits_inside_what_is_gone_vanish() {
    // Not from one selection: made by hand, as from hits that were merged.
    let doc = br#"{"a":{"b":1,"c":2},"d":3}"#;
    let hit = |start: u32, end: u32, member: u32| Hit { field: 0, kind: Kind::Integer, escaped: false, start, end, member, site: 0 };
    let hits = Hits {
        hits: vec![hit(10, 11, 6), hit(16, 17, 12), hit(23, 24, 19)],
        prunes: vec![Prune { member: 1, end: 18, site: 0 }],
        ..Hits::new()
    };
    for (edit, wanted) in [(set(2, "9"), &br#"{"d":9}"#[..]), (Edit::Remove, b"{}"), (Edit::Keep, br#"{"d":3}"#)] {
        let mut out = Vec::new();
        assert_eq!(patch(doc, &hits, |_, _| edit, &mut out), Ok(Patched::Changed));
        assert_eq!(out, wanted, "{edit:?}");
    }
}

#[test]
fn wrong_answers_are_refused() {
    let cases = [
        (set(0, "null"), "not_null"),
        (set(1, "True"), "not_boolean"),
        (set(1, ""), "not_boolean"),
        (set(2, ""), "not_integer"),
        (set(2, "01"), "not_integer"),
        (set(2, "1.0"), "not_integer"),
        (set(2, "1 "), "not_integer"),
        (set(2, "+1"), "not_integer"),
        (set(3, "1"), "not_decimal"),
        (set(3, "1."), "not_decimal"),
        (set(3, "NaN"), "not_decimal"),
        (set(3, "1e5,\"x\":1"), "not_decimal"),
        (Edit::Set { kind: 4, data: b"\xff" }, "not_text"),
        (Edit::Set { kind: 4, data: b"\xed\xa0\x80" }, "not_text"),
        (Edit::Clear { text: b"\xff" }, "not_text"),
        (set(5, "x"), "unsupported_kind"),
        (set(6, ""), "unsupported_kind"),
        (set(7, ""), "unsupported_kind"),
    ];
    for (edit, code) in cases {
        // The first edit is fine, and nothing of it stays.
        let error = patched(r#"{"x":1,"a":"2"}"#, "$.x $.a", None, &[set(2, "5"), edit]).unwrap_err();
        assert_eq!(error.code(), code, "{edit:?}");
    }
    assert_eq!(patched(" 1 ", "$", None, &[Edit::Remove]), Err(PatchError::RemovesRoot));
    assert_eq!(patched(" 1 ", "$", None, &[set(4, "a")]), Ok(Some(" \"a\" ".to_owned())));
}

#[test]
fn composites_and_foreign_hits_are_refused() {
    let doc = br#"{"abc":[1,2],"def":"ghi"}"#;
    let selection = Selection::compile(&list("$.abc"), None, Containers::Composite).unwrap();
    let mut hits = Hits::new();
    selection.select(doc, &mut hits).unwrap();
    let mut out = Vec::new();
    assert_eq!(patch(doc, &hits, |_, _| Edit::Remove, &mut out), Err(PatchError::Composite));
    assert_eq!(patch(doc, &hits, |_, _| Edit::Keep, &mut out), Ok(Patched::Unchanged));

    let selection = Selection::compile(&list("$.def"), None, Containers::Expand).unwrap();
    selection.select(doc, &mut hits).unwrap();
    for edit in [Edit::Remove, set(2, "1")] {
        for other in [&b""[..], b"{}", b"{\"abc\":0}"] {
            assert_eq!(patch(other, &hits, |_, _| edit, &mut out), Err(PatchError::ForeignHits), "{edit:?}");
        }
    }
}
