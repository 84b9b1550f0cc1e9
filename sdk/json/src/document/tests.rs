//! Edits and the bytes that come of them; what no edit names stays as it is written.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

fn edited(json: &str, edit: impl FnOnce(&mut Document<'_>) -> Result<(), EditError>) -> Result<String, EditError> {
    let mut document = Document::parse(json.as_bytes()).unwrap();
    let result = edit(&mut document);
    let mut out = Vec::new();
    document.write(&mut out);
    let out = String::from_utf8(out).unwrap();
    assert_eq!(document.is_changed(), out != json, "{json}");
    if result.is_err() {
        assert_eq!(out, json, "an edit that fails changes nothing");
    }
    result.map(|()| out)
}

fn set(json: &str, at: &str, value: &str) -> Result<String, EditError> {
    edited(json, |document| document.set(&path(at), value.as_bytes().to_vec()))
}

#[test]
fn values_are_set_and_nothing_else() {
    for (json, at, value, expected) in [
        (r#" { "a" : 1.50 , "b":[ 1 ,2] } "#, "$.a", "2", Ok(r#" { "a" : 2 , "b":[ 1 ,2] } "#)),
        (r#"{"a":1}"#, "$.a", "1", Ok(r#"{"a":1}"#)),
        (r#"{"a":1}"#, "$.b", "\"x\"", Ok(r#"{"a":1,"b":"x"}"#)),
        ("{\n  \"a\": 1\n}\n", "$.b", "2", Ok("{\n  \"a\": 1,\n  \"b\": 2\n}\n")),
        (r#"{ }"#, "$.a", "1", Ok(r#"{"a":1}"#)),
        (r#"{"a":{}}"#, "$.a.b.c", "1", Ok(r#"{"a":{"b":{"c":1}}}"#)),
        (r#"{}"#, "$['x\"y']", "1", Ok(r#"{"x\"y":1}"#)),
        (r#"{"a":[ 1 , {"b":2} ,3 ]}"#, "$.a[1].b", "9", Ok(r#"{"a":[ 1 , {"b":9} ,3 ]}"#)),
        (r#"{"\u0061":1}"#, "$.a", "2", Ok(r#"{"\u0061":2}"#)),
        (r#"{"a":1}"#, "$", "[]", Ok("[]")),
        (r#"{"a":1}"#, "$.a.b", "2", Err(EditError::NotAContainer)),
        (r#"{"a":null}"#, "$.a.b", "2", Err(EditError::NotAContainer)),
        (r#"{"a":[]}"#, "$.a.b", "2", Err(EditError::NotAContainer)),
        (r#"{"a":[1]}"#, "$.a[1]", "2", Err(EditError::NoSuchElement)),
        (r#"{"a":1}"#, "$.b[0]", "2", Err(EditError::NotAContainer)),
        (r#"{"a":1,"a":2}"#, "$.a", "3", Err(EditError::Duplicate)),
        (r#"{"a":{},"a":{}}"#, "$.a.b", "3", Err(EditError::Duplicate)),
        ("7", "$.a", "1", Err(EditError::NotAContainer)),
    ] {
        assert_eq!(set(json, at, value).as_deref().map_err(|error| *error), expected, "{json} {at}");
    }
}

#[test]
fn members_and_elements_go() {
    for (json, at, expected) in [
        (r#"{"a":1,"b":2,"c":3}"#, "$.b", r#"{"a":1,"c":3}"#),
        (r#"{ "a": 1, "b": 2 }"#, "$.b", r#"{ "a": 1 }"#),
        (r#"{ "a": 1, "b": 2 }"#, "$.a", r#"{ "b": 2 }"#),
        (r#"{ "a": 1 }"#, "$.a", "{}"),
        (r#"{"a":[1, 2,3]}"#, "$.a[0]", r#"{"a":[ 2,3]}"#),
        (r#"{"a":{"b":1}}"#, "$.a.b", r#"{"a":{}}"#),
        (r#"{"a":1}"#, "$.b", r#"{"a":1}"#),
        (r#"{"a":1}"#, "$.a.b", r#"{"a":1}"#),
        (r#"{"a":[1]}"#, "$.a[1]", r#"{"a":[1]}"#),
    ] {
        assert_eq!(edited(json, |document| document.remove(&path(at)).map(|_| ())).unwrap(), expected, "{json} {at}");
    }
}

#[test]
fn members_get_names() {
    for (json, at, name, expected) in [
        (r#"{"a" : 1,"b":2}"#, "$.a", "c", Ok(r#"{"c" : 1,"b":2}"#)),
        (r#"{"a":{"b":1}}"#, "$.a.b", "\n", Ok(r#"{"a":{"\n":1}}"#)),
        (r#"{"a":1}"#, "$.a", "a", Ok(r#"{"a":1}"#)),
        (r#"{"a":1}"#, "$.b", "c", Ok(r#"{"a":1}"#)),
        (r#"{"a":[1]}"#, "$.a[0]", "c", Ok(r#"{"a":[1]}"#)),
        (r#"{"a":1,"\u0062":2}"#, "$.a", "b", Err(EditError::NameTaken)),
        (r#"{"a":1,"a":2}"#, "$.a", "b", Err(EditError::Duplicate)),
    ] {
        let found = edited(json, |document| document.rename(&path(at), name).map(|_| ()));
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{json} {at}");
    }
}

#[test]
fn objects_are_flattened() {
    for (json, at, prefix, delimiter, expected) in [
        (r#"{"a":1,"b":{"x":1.0,"y":{"z":[2 ]}},"c":3}"#, "$.b", "b_", None, Ok(r#"{"a":1,"b_x":1.0,"b_y":{"z":[2 ]},"c":3}"#)),
        (r#"{"b":{"x":1,"y":{"z":2,"e":{}}}}"#, "$.b", "b.", Some("."), Ok(r#"{"b.x":1,"b.y.z":2,"b.y.e":{}}"#)),
        ("{\n \"b\": {\"x\":1, \"y\":2}\n}", "$.b", "", None, Ok("{\n \"x\": 1,\n \"y\": 2\n}")),
        (r#"{"a":1,"b":{}}"#, "$.b", "b_", None, Ok(r#"{"a":1}"#)),
        (r#"{"a":1}"#, "$.b", "b_", None, Ok(r#"{"a":1}"#)),
        (r#"{"a":{"b":{"\u0063":1}},"d":2}"#, "$", "", Some("_"), Ok(r#"{"a_b_\u0063":1,"d":2}"#)),
        (r#"{"a":1}"#, "$", "", Some("_"), Ok(r#"{"a":1}"#)),
        (r#"{"a":1,"b":{"x":1}}"#, "$.b", "\"", None, Ok(r#"{"a":1,"\"x":1}"#)),
        (r#"{"b_x":1,"b":{"\u0078":2}}"#, "$.b", "b_", None, Err(EditError::NameTaken)),
        (r#"{"a":{"b_c":1,"b":{"c":2}}}"#, "$", "", Some("_"), Err(EditError::NameTaken)),
        (r#"{"b":[1]}"#, "$.b", "b_", None, Err(EditError::NotAContainer)),
        (r#"{"b":null}"#, "$.b", "b_", None, Err(EditError::NotAContainer)),
        (r#"{"b":[{"x":1}]}"#, "$.b[0]", "b_", None, Err(EditError::NotAContainer)),
        ("[]", "$", "", Some("_"), Err(EditError::NotAContainer)),
    ] {
        let found = edited(json, |document| document.flatten(&path(at), prefix, delimiter).map(|_| ()));
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{json} {at}");
    }
}

#[test]
fn edits_follow_one_another() {
    let found = edited(r#"{"a":{"b":1},"c":[{"d":2}]}"#, |document| {
        document.set(&path("$.n"), br#"{ "x": 1 }"#.to_vec())?;
        document.set(&path("$.n.y"), b"2".to_vec())?;
        assert_eq!(document.get(&path("$.n")).unwrap().as_deref(), Some(&br#"{ "x": 1, "y": 2 }"#[..]));
        assert_eq!(document.get(&path("$.n.y")).unwrap().as_deref(), Some(&b"2"[..]));
        document.rename(&path("$.a"), "A")?;
        assert_eq!(document.get(&path("$.a")).unwrap(), None);
        document.set(&path("$.c[0].d"), b"3".to_vec())?;
        assert_eq!(document.get(&path("$.c")).unwrap().as_deref(), Some(&br#"[{"d":3}]"#[..]));
        document.flatten(&path("$.n"), "", None)?;
        document.remove(&path("$.A.b"))?;
        Ok(())
    });
    assert_eq!(found.as_deref(), Ok(r#"{"A":{},"c":[{"d":3}],"x":1,"y":2}"#));
}

/// Documents of few names, with white space that a writer would not choose.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec!["1", "1.50", "\"x\\u0041\"", "null", "true", "{}", "[ ]", "{ }", "1e400"]).prop_map(str::to_owned);
    let name = prop::sample::select(vec!["a", "b", "c", "\\u0064"]);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let member = (name.clone(), inner.clone(), "[ \n]{0,2}");
        prop_oneof![
            prop::collection::vec((inner, "[ ]{0,1}"), 0..4).prop_map(|items| format!(
                "[{}]",
                items.iter().map(|(item, space)| format!("{space}{item}{space}")).collect::<Vec<_>>().join(",")
            )),
            prop::collection::vec(member, 0..4).prop_map(|members| {
                let mut seen = BTreeSet::new();
                let own = members.iter().filter(|(name, ..)| seen.insert(*name));
                format!(
                    "{{{}}}",
                    own.map(|(name, value, space)| format!("{space}\"{name}\"{space}:{value}{space}")).collect::<Vec<_>>().join(",")
                )
            }),
        ]
    })
}

fn paths() -> impl Strategy<Value = String> {
    let step = prop::sample::select(vec![".a", ".b", ".c", ".d", "[0]", "[1]"]);
    prop::collection::vec(step, 1..4).prop_map(|steps| format!("${}", steps.concat()))
}

/// The same edit on a decoded tree.
fn pointer(at: &str) -> String {
    at.trim_start_matches('$').replace(['.', '['], "/").replace(']', "")
}

proptest! {
    #[test]
    fn taken_apart_and_written_again_it_is_the_same(json in documents(), at in paths()) {
        let mut document = Document::parse(json.as_bytes()).unwrap();
        let gone = document.find(&path(&at)).unwrap().is_none();
        let mut out = Vec::new();
        document.write(&mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), json.clone());
        let tree: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(tree.pointer(&pointer(&at)).is_none(), gone);
        let own = document.get(&path(&at)).unwrap().map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap());
        prop_assert_eq!(tree.pointer(&pointer(&at)), own.as_ref());
    }

    #[test]
    fn edits_do_what_they_would_do_to_the_tree(json in documents(), at in paths()) {
        let mut tree: Value = serde_json::from_str(&json).unwrap();
        let there = tree.pointer(&pointer(&at)).is_some();
        if there {
            let found = set(&json, &at, "[7]").unwrap();
            *tree.pointer_mut(&pointer(&at)).unwrap() = serde_json::json!([7]);
            prop_assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), tree.clone());
        }
        let found = edited(&json, |document| document.remove(&path(&at)).map(|_| ())).unwrap();
        let mut tree: Value = serde_json::from_str(&json).unwrap();
        let (parent, last) = pointer(&at).rsplit_once('/').map(|(parent, last)| (parent.to_owned(), last.to_owned())).unwrap();
        match tree.pointer_mut(&parent) {
            Some(Value::Object(object)) if !at.ends_with(']') => { object.shift_remove(&last); }
            Some(Value::Array(array)) if at.ends_with(']') && last.parse::<usize>().unwrap() < array.len() => { array.remove(last.parse().unwrap()); }
            _ => {}
        }
        prop_assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), tree);
    }

    #[test]
    fn no_bytes_make_it_panic(json in r#"[\[\]{}",:\\ a0-9.eu\n]{0,24}"#, at in paths()) {
        if let Ok(mut document) = Document::parse(json.as_bytes()) {
            let mut done = vec![document.set(&path(&at), b"1".to_vec()).is_ok()];
            done.push(document.rename(&path(&at), "z").is_ok());
            done.push(document.flatten(&path("$"), "", Some("_")).is_ok());
            done.push(document.remove(&path(&at)).is_ok());
            prop_assert_eq!(done.len(), 4);
        }
    }
}
