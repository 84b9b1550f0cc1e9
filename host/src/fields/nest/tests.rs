//! Fields of documents inside texts: what is found, that only the inner bytes change, and what is refused.
// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::{DecodeError, Edit, Patched, Reader};
use super::*;

fn paths(list: &[&str]) -> Vec<Path> {
    list.iter().map(|text| Path::parse(text).unwrap()).collect()
}

fn compile(fields: &[&str], keep: Option<&[&str]>, containers: Containers) -> Result<Nest, NestError> {
    Nest::compile(&paths(fields), keep.map(paths).as_deref(), containers)
}

fn expand(fields: &[&str], keep: Option<&[&str]>) -> Nest {
    compile(fields, keep, Containers::Expand).unwrap()
}

/// The values that fields get, as `field:value`.
fn values(nest: &Nest, doc: &str) -> Result<Vec<String>, DecodeError> {
    let mut found = Found::new();
    nest.select(&Reader::Json, doc.as_bytes(), &mut found)?;
    let mut all = Vec::new();
    nest.each(&Reader::Json, doc.as_bytes(), &found, &mut |value: Value<'_>| {
        let mut bytes = Vec::new();
        value.append(&mut bytes)?;
        all.push(format!("{}:{}", value.field, String::from_utf8(bytes).unwrap()));
        Ok(())
    })
    .map(|()| all)
}

/// The document with every value set to `*`; nothing where that changes nothing.
fn masked(nest: &Nest, doc: &str) -> Result<Option<String>, &'static str> {
    let mut found = Found::new();
    nest.select(&Reader::Json, doc.as_bytes(), &mut found).map_err(|error| error.code())?;
    let mut out = b"before".to_vec();
    let patched = nest.patch(&Reader::Json, doc.as_bytes(), &found, &mut |_| Edit::Set { kind: 4, data: b"*" }, &mut out);
    let patched = patched.map_err(|error| error.code())?;
    let out = String::from_utf8(out).unwrap().split_off(6);
    assert_eq!(patched == Patched::Unchanged, out.is_empty());
    Ok((patched == Patched::Changed).then_some(out))
}

#[test]
fn fields_inside_texts_are_found() {
    let nest = expand(&["$.id", "$.p >> $.a", "$.q[*] >> $..b", "$.p >> $.x"], None);
    let doc = r#"{"q":["{\"b\":1,\"c\":{\"b\":\"\\u00e9\"}}",null,"[]"],"p":" {\"a\":[true,\"z\"]} ","id":7}"#;
    assert_eq!(values(&nest, doc), Ok(vec!["2:1".into(), "2:é".into(), "1:true".into(), "1:z".into(), "0:7".into()]));
    let mut found = Found::new();
    nest.select(&Reader::Json, doc.as_bytes(), &mut found).unwrap();
    assert_eq!([0, 1, 2, 3].map(|field| nest.matched(&found, field)), [true, true, true, false]);
    // Nothing stays from one document to the next.
    nest.select(&Reader::Json, br#"{"p":"{\"x\":null}"}"#, &mut found).unwrap();
    assert_eq!([0, 1, 2, 3].map(|field| nest.matched(&found, field)), [false, false, false, true]);
    // Nor in a text that is opened for what is kept alone.
    let nest = expand(&["$.a >> $.x"], Some(&["$.b >> $.y"]));
    for (doc, expected) in [(r#"{"a":"{\"x\":1}"}"#, true), (r#"{"b":"{\"y\":1}"}"#, false)] {
        nest.select(&Reader::Json, doc.as_bytes(), &mut found).unwrap();
        assert_eq!(nest.matched(&found, 0), expected, "{doc}");
    }
}

#[test]
fn only_the_inner_bytes_change() {
    type Case<'a> = (&'a [&'a str], Option<&'a [&'a str]>, &'a str, Option<&'a str>);
    let cases: [Case<'_>; 15] = [
        (&["$.p >> $.a"], None, r#"{ "p" : "{\"a\":1}" }"#, Some(r#"{ "p" : "{\"a\":\"*\"}" }"#)),
        // Every other escape stays as somebody wrote it.
        (
            &["$.p >> $.a"],
            None,
            r#"{"p":"{\u0022b\":\"\/\u00e9\",\"a\":1,\"c\":2}\n"}"#,
            Some(r#"{"p":"{\u0022b\":\"\/\u00e9\",\"a\":\"*\",\"c\":2}\n"}"#),
        ),
        (&["$.p >> $.z"], None, r#"{"p":"{\u0022a\":1}"}"#, None),
        (&["$.p >> $.a"], None, r#"{"p":"{\"a\":\"*\"}"}"#, None),
        (&["$.p >> $.a"], None, r#"{"p":null}"#, None),
        (&["$ >> $.a"], None, r#""{\"a\":1}""#, Some(r#""{\"a\":\"*\"}""#)),
        (&["$.p >> $"], None, r#"{"p":"1"}"#, Some(r#"{"p":"\"*\""}"#)),
        // A text in a text.
        (
            &["$.p >> $.q >> $.a", "$.p >> $.b"],
            None,
            r#"{"p":"{\"q\":\"{\\u0022a\\\":1,\\\"c\\\":\\\"\\\\n\\\"}\",\"b\":2}"}"#,
            Some(r#"{"p":"{\"q\":\"{\\u0022a\\\":\\\"*\\\",\\\"c\\\":\\\"\\\\n\\\"}\",\"b\":\"*\"}"}"#),
        ),
        // An object where a text was: every scalar in it.
        (&["$.p >> $.a"], None, r#"{"p":{"x":"{\"a\":1}"}}"#, Some(r#"{"p":{"x":"{\"a\":\"*\"}"}}"#)),
        // Allow lists: what is not listed inside goes.
        (&["$.p >> $.a"], Some(&["$.p >> $.b"]), r#"{"x":1,"p":"{\"c\":3, \"a\":1,\"b\":2 }"}"#, Some(r#"{"p":"{\"a\":\"*\",\"b\":2 }"}"#)),
        (&["$.p >> $.a"], Some(&[]), r#"{"p":"{\"b\":2}"}"#, Some(r#"{"p":"{}"}"#)),
        (&["$.p >> $..a"], Some(&[]), r#"{"p":"{\"x\":{\"y\":{\"b\":2}}}"}"#, Some(r#"{"p":"{}"}"#)),
        (&[], Some(&["$.p >> $.b"]), r#"{"p":"{\"b\":2}"}"#, None),
        (&[], Some(&["$.p >> $"]), r#"{"p":"[{\"b\":2}]"}"#, None),
        (&["$.p >> $.a"], Some(&["$.q"]), r#"{"q":{"r":1},"p":"{\"b\":{\"a\":1}}"}"#, Some(r#"{"q":{"r":1},"p":"{}"}"#)),
    ];
    for (fields, keep, doc, wanted) in cases {
        assert_eq!(masked(&expand(fields, keep), doc), Ok(wanted.map(str::to_owned)), "{doc}");
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let cases = [
        (r#"{"p":"{\"a\":1"}"#, "inner_not_json"),
        (r#"{"p":""}"#, "inner_not_json"),
        (r#"{"p":"hello"}"#, "inner_not_json"),
        (r#"{"p":7}"#, "inner_not_text"),
        (r#"{"p":true}"#, "inner_not_text"),
        (r#"{"p":{"x":1}}"#, "inner_not_text"),
        (r#"{"p":"{\"a\":1,\"a\":2}"}"#, "duplicate_name"),
        (r#"{"p":"{\"a\":\"\\ud800\"}"}"#, "lone_surrogate"),
        (r#"{"p":"\ud800"}"#, "lone_surrogate"),
        (r#"{"p":"1""#, "not_json"),
    ];
    for (doc, code) in cases {
        assert_eq!(masked(&expand(&["$.p >> $.a"], None), doc), Err(code), "{doc}");
    }
    // A scalar that an allow list inside does not name is not let through, and cannot be dropped.
    assert_eq!(masked(&expand(&["$.p >> $.a"], Some(&[])), r#"{"p":"1"}"#), Err("root_not_listed"));
}

#[test]
fn steps_that_only_look_find_all() {
    let nest = compile(&["$.p >> $.a", "$.p", "$.* >> $.a"], None, Containers::Composite).unwrap();
    assert_eq!(values(&nest, r#"{"p":"{\"a\":{}}"}"#), Ok(vec!["1:{\"a\":{}}".into(), "0:".into(), "2:".into()]));
    assert_eq!(values(&nest, r#"{"p":[]}"#), Err(DecodeError::InnerNotText));
}

#[test]
fn paths_that_meet_are_refused() {
    use Fault::{Field, Keep, Step};
    let deep: Vec<String> = (0..2).map(|name| format!("$.p >> $..n{name}{}", "[*]".repeat(20 + name))).collect();
    let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
    type Case<'a> = (&'a [&'a str], Option<&'a [&'a str]>, Fault, &'a str);
    let cases: [Case<'_>; 15] = [
        (&["$.p >> $.a", "$['p']>>$['a']"], None, Field(1), "inside $.p: $['a'] stands twice"),
        (&["$.p >> $.a", "$.p"], None, Field(1), "masked as a whole"),
        (&["$.p", "$.p >> $.a"], None, Field(0), "masked as a whole"),
        (&["$.p >> $.a"], Some(&["$.x", "$.p"]), Keep(1), "$.p >> $"),
        (&["$.p >> $.a"], Some(&["$.p >> $.a"]), Keep(0), "in fields and in keep"),
        (&["$.p >> $.a"], Some(&["$.p >> $.b", "$.p >> $['b']"]), Keep(1), "twice in keep"),
        (&["$.p >> $.a", "$.*"], None, Field(1), "$.* also masks"),
        (&["$", "$.p >> $.a"], None, Field(0), "$ also masks"),
        (&["$.o.p >> $.a", "$.o"], None, Field(1), "$.o also masks"),
        (&["$..p >> $.a", "$.o"], None, Field(1), "$.o also masks"),
        (&["$.p >> $.a", "$..p >> $.b"], None, Field(1), "$..p also opens"),
        (&["$.x", "$.p >> $.*.b", "$.p >> $.a.*"], None, Field(2), "equally specific"),
        (&["$.p >> $.q >> $.a", "$.p >> $.q"], None, Field(1), "inside $.p: $.q is masked as a whole"),
        (&[], Some(&["$.p >> $.a", "$.* >> $.b"]), Keep(1), "$.* also opens"),
        (&deep, None, Step, "too complex"),
    ];
    for (fields, keep, fault, says) in cases {
        let error = compile(fields, keep, Containers::Expand).unwrap_err();
        assert_eq!(error.fault, fault, "{fields:?}: {error}");
        assert!(error.message.contains(says), "{fields:?}: {error}");
    }
    for fields in [&["$.p >> $.a", "$.p.b"][..], &["$.p >> $.a", "$..email"], &["$.p >> $.a", "$.p >> $..b", "$.q >> $.a"]] {
        compile(fields, None, Containers::Expand).unwrap();
    }
    // A container that is kept does not keep what stands in an opened text.
    compile(&["$.o.p >> $.a"], Some(&["$.o"]), Containers::Expand).unwrap();
}

#[test]
fn fields_behind_an_outer_one() {
    let nest = expand(&["$.p >> $.a", "$.x", "$.p >> $.q >> $.b"], None);
    assert_eq!((nest.behind(0), nest.behind(1), nest.behind(2)), (vec![0, 2], vec![1], vec![]));
    assert_eq!((nest.opens(0), nest.opens(1)), (true, false));
    let flat = expand(&["$.a", "$.b"], None);
    assert_eq!((flat.behind(1), flat.opens(1)), (vec![1], false));
}
