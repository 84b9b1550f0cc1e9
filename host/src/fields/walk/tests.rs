//! What a walk finds and refuses, table by table: the examples of RFC 9535, expansion, spans, duplicates, depth. Random
//! documents are in `properties`; editing is not touched.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::hit::append_value;
use super::super::selector::Selector;
use super::*;

fn list(selectors: &str) -> Vec<Selector> {
    selectors.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect()
}

/// Every hit as `field:kind:value`.
fn found(doc: &str, fields: &str, containers: Containers) -> Result<String, DecodeError> {
    let selection = Selection::compile(&list(fields), None, containers).unwrap();
    let mut hits = Hits::new();
    selection.select(doc.as_bytes(), &mut hits)?;
    let one = |hit: &Hit| {
        let mut value = Vec::new();
        append_value(doc.as_bytes(), hit, &mut value).unwrap();
        format!("{}:{}:{}", hit.field, hit.kind as u8, String::from_utf8(value).unwrap())
    };
    Ok(hits.hits().iter().map(one).collect::<Vec<_>>().join(" "))
}

/// The document of RFC 9535, section 1.5.
const STORE: &str = r#"{ "store": {
    "book": [
      { "category": "reference", "author": "Nigel Rees", "title": "Sayings of the Century", "price": 8.95 },
      { "category": "fiction", "author": "Evelyn Waugh", "title": "Sword of Honour", "price": 12.99 },
      { "category": "fiction", "author": "Herman Melville", "title": "Moby Dick", "isbn": "0-553-21311-3", "price": 8.99 },
      { "category": "fiction", "author": "J. R. R. Tolkien", "title": "The Lord of the Rings", "isbn": "0-395-19395-8",
        "price": 22.99 }
    ],
    "bicycle": { "color": "red", "price": 399 }
  } }"#;

#[test]
fn the_examples_of_the_standard() {
    let cases = [
        ("$.store.book[*].author", "0:4:Nigel Rees 0:4:Evelyn Waugh 0:4:Herman Melville 0:4:J. R. R. Tolkien"),
        ("$..author", "0:4:Nigel Rees 0:4:Evelyn Waugh 0:4:Herman Melville 0:4:J. R. R. Tolkien"),
        ("$.store.*", "0:6: 0:6:"),
        ("$.store..price", "0:3:8.95 0:3:12.99 0:3:8.99 0:3:22.99 0:2:399"),
        ("$..book[2]", "0:6:"),
        ("$..book[2].author", "0:4:Herman Melville"),
        ("$..book[2].publisher", ""),
        ("$..book[-1].title", "0:4:The Lord of the Rings"),
        ("$..isbn", "0:4:0-553-21311-3 0:4:0-395-19395-8"),
        ("$..[-2]['isbn']", "0:4:0-553-21311-3"),
        ("$.store['bicycle'].*", "0:4:red 0:2:399"),
    ];
    for (selector, wanted) in cases {
        assert_eq!(found(STORE, selector, Containers::Composite).unwrap(), wanted, "{selector}");
    }
    let all = found(STORE, "$..*", Containers::Composite).unwrap();
    assert_eq!(all.matches("0:6:").count() + all.matches("0:4:").count() + all.matches("0:3:").count(), 26);
}

#[test]
fn descendants_as_the_standard_has_them() {
    // Section 2.5.2.3; in the order of the document, where the standard leaves it open.
    let doc = r#"{"o": {"j": 1, "k": 2}, "a": [5, 3, [{"j": 4}, {"k": 6}]]}"#;
    let cases = [
        ("$..j", "0:2:1 0:2:4"),
        ("$..[0]", "0:2:5 0:6:"),
        ("$..[*]", "0:6: 0:2:1 0:2:2 0:6: 0:2:5 0:2:3 0:6: 0:6: 0:2:4 0:6: 0:2:6"),
        ("$..o", "0:6:"),
        ("$.o..*", "0:2:1 0:2:2"),
        ("$.a[-1][-1].k", "0:2:6"),
        ("$.a[-4]", ""),
        ("$.a[3]", ""),
        ("$.o[0]", ""),
        ("$.a.j", ""),
    ];
    for (selector, wanted) in cases {
        assert_eq!(found(doc, selector, Containers::Composite).unwrap(), wanted, "{selector}");
    }
}

#[test]
fn containers_expand_and_the_more_specific_wins() {
    let doc = r#"{"a":{"b":1,"c":[true,null,{"d":"x"}],"e":{}},"f":-0,"g":1E400}"#;
    let cases = [
        ("$.a", "0:2:1 0:1:true 0:0: 0:4:x"),
        ("$.a $.a.b", "1:2:1 0:1:true 0:0: 0:4:x"),
        ("$.a.c[2] $.a", "1:2:1 1:1:true 1:0: 0:4:x"),
        ("$.a $..d $..c", "0:2:1 0:1:true 0:0: 0:4:x"),
        ("$..d $..c", "1:1:true 1:0: 0:4:x"),
        ("$..* $.f", "0:2:1 0:1:true 0:0: 0:4:x 1:2:-0 0:3:1E400"),
        ("$ $..b", "1:2:1 0:1:true 0:0: 0:4:x 0:2:-0 0:3:1E400"),
        ("$.a.c[0] $.a.c[-1] $.a.c[*]", "0:1:true 2:0: 1:4:x"),
        ("$.a.e", ""),
    ];
    for (selectors, wanted) in cases {
        assert_eq!(found(doc, selectors, Containers::Expand).unwrap(), wanted, "{selectors}");
    }
}

#[test]
fn every_field_gets_the_value_where_nothing_is_edited() {
    let doc = r#"{"a":{"b":1}}"#;
    assert_eq!(found(doc, "$.a $.a.b $..b $.*", Containers::Composite).unwrap(), "0:6: 3:6: 1:2:1 2:2:1");
    assert_eq!(found("7", "$", Containers::Composite).unwrap(), "0:2:7");
    assert_eq!(found("[7]", "$", Containers::Composite).unwrap(), "0:6:");
}

#[test]
fn spans_and_matches() {
    let doc = r#" {"a" : [ {"n": "v"} ] , "b":{} } "#;
    let selection = Selection::compile(&list("$.a $.a[0].n $.b $.c"), None, Containers::Composite).unwrap();
    let mut hits = Hits::new();
    selection.select(doc.as_bytes(), &mut hits).unwrap();
    let spans: Vec<&str> = hits.hits().iter().map(|hit| &doc[hit.start as usize..hit.end as usize]).collect();
    assert_eq!(spans, [r#"[ {"n": "v"} ]"#, r#""v""#, "{}"]);
    assert_eq!([0, 1, 2, 3, 4, 64].map(|field| hits.matched(field)), [true, true, true, false, false, false]);
    assert_eq!(hits.matched_words(), [0b111]);

    // An empty container has no scalars, and a value can go to a better field: both matched all the same.
    let selection = Selection::compile(&list("$.b $..n $.a[0].n"), None, Containers::Expand).unwrap();
    selection.select(doc.as_bytes(), &mut hits).unwrap();
    assert_eq!(hits.matched_words(), [0b111]);
    assert_eq!(hits.hits().len(), 1);

    selection.select(b"{", &mut hits).unwrap_err();
    assert_eq!((hits.matched_words(), hits.hits().len(), hits.pruned()), (&[0][..], 0, 0));
}

#[test]
fn duplicates_on_the_way_are_refused() {
    use DecodeError::DuplicateName;
    let cases = [
        (r#"{"a":1,"a":2}"#, "$.a", Err(DuplicateName)),
        (r#"{"a":1,"\u0061":2}"#, "$.a", Err(DuplicateName)),
        (r#"{"\ud83d\ude00":1,"😀":2}"#, "$['😀']", Err(DuplicateName)),
        (r#"{"a":1,"b":0,"b":2}"#, "$.a", Ok("0:2:1")),
        (r#"{"a":{"b":1},"a":{}}"#, "$.a.b", Err(DuplicateName)),
        (r#"{"a":{"b":1,"c":0,"c":0}}"#, "$.a.b", Ok("0:2:1")),
        (r#"{"a":{"b":1,"c":0,"c":0}}"#, "$.a", Err(DuplicateName)),
        (r#"{"a":1,"b":0,"b":2}"#, "$.*", Err(DuplicateName)),
        (r#"{"a":1,"x":{"b":0,"\u0062":2}}"#, "$..a", Err(DuplicateName)),
        (r#"{"a":1,"x":{"\u0062":0,"\u0062":2}}"#, "$..a", Err(DuplicateName)),
        (r#"{"a":{"n":1},"b":{"n":2}}"#, "$..n", Ok("0:2:1 0:2:2")),
    ];
    for (doc, selector, wanted) in cases {
        assert_eq!(found(doc, selector, Containers::Expand), wanted.map(str::to_owned), "{doc} {selector}");
    }
    let many: Vec<String> = (0..70).map(|name| format!("$.n{name}")).collect();
    assert_eq!(found(r#"{"n69":1,"n69":1}"#, &many.join(" "), Containers::Expand), Err(DuplicateName));
}

#[test]
fn refusals_have_codes() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "not_json"),
        (b" ", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b"{} x", "not_json"),
        (b"{\"a\":1}}", "not_json"),
        (b"{\"a\":1,}", "not_json"),
        (b"{\"a\":[1,]}", "not_json"),
        (b"{\"a\":[,1]}", "not_json"),
        (b"{,\"a\":1}", "not_json"),
        (b"{\"a\":1 \"b\":2}", "not_json"),
        (b"{\"a\":1,\"later\":01}", "not_json"),
        (b"{\"a\":1]", "not_json"),
        (b"{\"a\":[1}", "not_json"),
        (b"{\"a\":1,\"x\":\"\xff\"}", "invalid_utf8"),
        (b"{\"a\":\"\\ud800\"}", "lone_surrogate"),
        (b"{\"\\ud800\":1}", "lone_surrogate"),
        (b"{\"x\":\"\\ud800\"}", ""),
        (b"{\"x\":{\"\\ud800\":1}}", ""),
    ];
    for (doc, code) in cases {
        let text = String::from_utf8_lossy(doc);
        let selection = Selection::compile(&list("$.a"), None, Containers::Expand).unwrap();
        let result = selection.select(doc, &mut Hits::new());
        assert_eq!(result.map_or_else(DecodeError::code, |()| ""), *code, "{text}");
    }
}

#[test]
fn an_allow_list_needs_a_container_at_the_root() {
    let cases = [
        ("", "", "1", Err(DecodeError::RootNotListed)),
        ("$.a", "$..b", " null ", Err(DecodeError::RootNotListed)),
        ("", "", "1 2", Err(DecodeError::NotJson)),
        ("", "$", "1", Ok(0)),
        ("$", "", "1", Ok(0)),
        ("", "", "{}", Ok(0)),
        ("", "", "[1,{}]", Ok(2)),
    ];
    for (fields, keep, doc, wanted) in cases {
        let selection = Selection::compile(&list(fields), Some(&list(keep)), Containers::Expand).unwrap();
        let mut hits = Hits::new();
        let result = selection.select(doc.as_bytes(), &mut hits).map(|()| hits.pruned());
        assert_eq!(result, wanted, "{fields} {keep} {doc}");
    }
}

#[test]
fn what_goes_with_a_name_counts_once() {
    for (doc, wanted) in [
        (r#"{"x":{"m":{"L":1,"M":2},"n":3},"y":["L",["L"]]}"#, Ok(2)),
        (r#"{"x":{"m":{"L":1,"M":2},"id":3},"y":[]}"#, Ok(2)),
        (r#"{"x":{"m":{"L":1,"L":2}}}"#, Err(DecodeError::DuplicateName)),
    ] {
        let selection = Selection::compile(&[], Some(&list("$..id")), Containers::Expand).unwrap();
        let mut hits = Hits::new();
        assert_eq!(selection.select(doc.as_bytes(), &mut hits).map(|()| hits.pruned()), wanted, "{doc}");
    }
}

#[test]
fn an_allow_list_counts_every_name_that_it_walks_past() {
    let cases = [
        (r#"{"a":1,"x":1,"x":2}"#, Err(DecodeError::DuplicateName)),
        (r#"{"a":1,"b":{"x":1,"x":2}}"#, Err(DecodeError::DuplicateName)),
        (r#"{"a":1,"b":{"c":{"x":1,"x":2}}}"#, Ok(0)),
        (r#"{"a":1,"dropped":{"x":1,"x":2}}"#, Ok(1)),
        // Kept whole, but walked for the field in it.
        (r#"{"kept":{"f":1,"x":1,"x":2}}"#, Err(DecodeError::DuplicateName)),
    ];
    for (doc, wanted) in cases {
        let selection = Selection::compile(&list("$.a $.kept.f"), Some(&list("$.b.c $.kept")), Containers::Expand).unwrap();
        let mut hits = Hits::new();
        assert_eq!(selection.select(doc.as_bytes(), &mut hits).map(|()| hits.pruned()), wanted, "{doc}");
    }
}

#[test]
fn a_composite_that_a_field_names_stays_whole() {
    let doc = br#"{"a":{"b":1,"c":[2]},"d":3,"e":{"f":4,"g":5}}"#;
    let selection = Selection::compile(&list("$.a $.a.c[0] $.e.f"), Some(&[]), Containers::Composite).unwrap();
    let mut hits = Hits::new();
    selection.select(doc, &mut hits).unwrap();
    let fields: Vec<u32> = hits.hits().iter().map(|hit| hit.field).collect();
    // `d` and `g` go.
    assert_eq!((fields, hits.pruned()), (vec![0, 1, 2], 2));
}

#[test]
fn a_huge_document_does_not_hold_its_memory() {
    let doc = format!("[{}1]", "1,".repeat(100_000));
    let selection = Selection::compile(&list("$ $..[-1]"), None, Containers::Expand).unwrap();
    let mut hits = Hits::new();
    selection.select(doc.as_bytes(), &mut hits).unwrap();
    assert!(hits.hits.capacity() > 100_000);
    selection.select(b"[1]", &mut hits).unwrap();
    assert!(hits.hits.capacity() < 100_000);
    assert_eq!(hits.hits().len(), 1);
}

#[test]
fn depth_ends_at_the_limit_walked_or_not() {
    for fields in ["$..a", "$.a", "$..[-1]", "$", ""] {
        let selection = Selection::compile(&list(fields), None, Containers::Expand).unwrap();
        let mut hits = Hits::new();
        let nest = |depth: usize| format!("{}1{}", r#"[{"x":"#.repeat(depth), "}]".repeat(depth));
        assert_eq!(selection.select(nest(MAX_DEPTH / 2).as_bytes(), &mut hits), Ok(()), "{fields}");
        let deeper = format!("[{}]", nest(MAX_DEPTH / 2));
        assert_eq!(selection.select(deeper.as_bytes(), &mut hits), Err(DecodeError::TooDeep), "{fields}");
        let hostile = "[".repeat(1_000_000);
        assert_eq!(selection.select(hostile.as_bytes(), &mut hits), Err(DecodeError::TooDeep), "{fields}");
    }
}

#[test]
fn a_large_object_with_a_name_twice() {
    let members: Vec<String> = (0..100_000).map(|name| format!("\"n{name}\":0")).collect();
    let selection = Selection::compile(&list("$..n99999"), None, Containers::Expand).unwrap();
    let mut hits = Hits::new();
    selection.select(format!("{{{}}}", members.join(",")).as_bytes(), &mut hits).unwrap();
    assert_eq!(hits.hits().len(), 1);
    let twice = format!("{{{},\"n7\":1}}", members.join(","));
    assert_eq!(selection.select(twice.as_bytes(), &mut hits), Err(DecodeError::DuplicateName));
}
