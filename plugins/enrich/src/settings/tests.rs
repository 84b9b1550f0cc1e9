//! What is wrong with settings, and where that is said.
use sluice_plugin::{Plugin, testing};

use super::*;

fn problems(settings: &str, sees: Sees) -> Vec<(String, String)> {
    testing::reset();
    testing::add_table("countries");
    let read = testing::init_granted::<Enrich>(settings, &[], sees, Enrich::describe().effects);
    read.err().unwrap_or_default().into_iter().map(|problem| (problem.at, problem.message)).collect()
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let parts = "topic, partition, offset, timestamp, time, key, pipeline, source, target";
    for (settings, expected) in [
        ("{}", vec![("", "there is nothing to do; there are set, provenance, cast, drop, flatten, rename")]),
        (r#"{"sets":[]}"#, vec![("/sets", "unknown key; did you mean \"set\"?")]),
        (r#"{"set":{}}"#, vec![("/set", "must be a list such as [{ to: $.region, value: eu }]")]),
        (r#"{"set":[1]}"#, vec![("/set/0", "must be an object such as { to: $.region, value: eu }")]),
        (r#"{"set":[{"to":"$.a"}]}"#, vec![("/set/0", "must have one of value, from, lookup, cel")]),
        (r#"{"set":[{"to":"$.a","value":1,"from":"topic"}]}"#, vec![("/set/0", "must have one of value, from, lookup, cel")]),
        (r#"{"set":[{"value":1}]}"#, vec![("/set/0", "must have a `to` or a `header`: where the value goes")]),
        (r#"{"set":[{"to":"$.a","header":"b","value":1}]}"#, vec![("/set/0", "must have a `to` or a `header`: where the value goes")]),
        (
            r#"{"set":[{"to":"$..a","value":1}]}"#,
            vec![("/set/0/to", "cannot read the path $..a: a path is one place: `..` means several (at character 2)")],
        ),
        (r#"{"set":[{"to":7,"value":1}]}"#, vec![("/set/0/to", "must be a path as text, such as $.customer.id")]),
        (
            r#"{"set":[{"header":"","value":1}]}"#,
            vec![("/set/0/header", "must be the name of a header: text of 1 to 249 bytes without NUL")],
        ),
        (r#"{"set":[{"to":"$.a","value":1,"miss":"keep"}]}"#, vec![("/set/0/miss", "unknown key; known are to, header, value")]),
        (
            r#"{"set":[{"to":"$.a","from":"topics"}]}"#,
            vec![("/set/0/from", &format!("must be a path, which begins with $, or one of {parts}"))],
        ),
        (r#"{"set":[{"to":"$.a","from":"$.b","miss":"skip"}]}"#, vec![("/set/0/miss", "must be reject, keep, null or { value: … }")]),
        (
            r#"{"set":[{"to":"$.a","lookup":{"table":"nope","by":"$.b"}}]}"#,
            vec![("/set/0/lookup/table", "there is no table `nope`; give it under `tables`")],
        ),
        (
            r#"{"set":[{"to":"$.a","lookup":{"table":"countries","take":7}}]}"#,
            vec![
                ("/set/0/lookup/by", "must be what a row is found by: a path, or key"),
                ("/set/0/lookup/take", "must be the name of a member of the row, or a path in it"),
            ],
        ),
        (
            r#"{"set":[{"to":"$.a","cel":"b +","with":{"b":"$.b"}}]}"#,
            vec![("/set/0/cel", "the expression ends where a value should be (at character 4)")],
        ),
        (
            r#"{"set":[{"to":"$.a","cel":"b","with":{"1b":"$.b","b":{"default":1}}}]}"#,
            vec![
                ("/set/0/with/1b", "is no name: letters, digits and _, not a digit first, not a word of the language"),
                ("/set/0/with/b", "must be a path, or an object with a `field`"),
            ],
        ),
        (r#"{"cast":{"$.a":"number"}}"#, vec![("/cast/$.a", "must be text, integer, decimal or boolean")]),
        (r#"{"cast":{"$":"text"}}"#, vec![("/cast/$", "is the whole document")]),
        (r#"{"drop":[{"header":7}]}"#, vec![("/drop/0/header", "must be the name of a header: text of 1 to 249 bytes without NUL")]),
        (r#"{"drop":"$.a"}"#, vec![("/drop", "must be a list of paths, or of { header: name }")]),
        (
            r#"{"drop":["$","$.a[*]"]}"#,
            vec![
                ("/drop/0", "is the whole document"),
                ("/drop/1", "cannot read the path $.a[*]: a path is one place: `*` means several (at character 5)"),
            ],
        ),
        (
            r#"{"flatten":{"$":"x"}}"#,
            vec![("/flatten/$", "flattens nothing: the whole document has nowhere to move up to; give a delimiter")],
        ),
        (
            r#"{"flatten":{"$.a":{"prefx":"","delimiter":1}}}"#,
            vec![("/flatten/$.a/prefx", "unknown key; did you mean \"prefix\"?"), ("/flatten/$.a/delimiter", "must be text")],
        ),
        (
            r#"{"rename":{"$.a[0]":"b","$.c":1}}"#,
            vec![("/rename/$.a[0]", "an element of an array has no name"), ("/rename/$.c", "must be the new name, as text")],
        ),
        (r#"{"provenance":"yes"}"#, vec![("/provenance", "must be true or false")]),
    ] {
        let found = problems(settings, Enrich::describe().sees);
        let expected: Vec<_> = expected.into_iter().map(|(at, message)| (format!("/settings{at}"), message.to_owned())).collect();
        assert_eq!(found, expected, "{settings}");
    }
}

#[test]
fn what_the_step_does_not_see_is_named_once() {
    for (settings, expected) in [
        (r#"{"drop":["$.a","$.b"]}"#, vec![("/drop/0", "value")]),
        (r#"{"set":[{"header":"a","value":1}]}"#, vec![("/set/0/header", "headers")]),
        (
            r#"{"set":[{"to":"$.a","from":"key"},{"to":"$.b","from":"time"},{"to":"$.c","from":"timestamp"}]}"#,
            vec![("/set/0/to", "value"), ("/set/0/from", "key"), ("/set/1/from", "timestamp")],
        ),
        (r#"{"set":[{"to":"$.a","cel":"b","with":{"b":"offset"}}]}"#, vec![("/set/0/to", "value"), ("/set/0/with/b", "offset")]),
        (r#"{"provenance":true}"#, vec![("/provenance", "headers"), ("/provenance", "offset"), ("/provenance", "timestamp")]),
    ] {
        let found = problems(settings, Sees::empty());
        assert_eq!(found.len(), expected.len(), "{settings} {found:?}");
        for ((at, message), (expected, part)) in found.iter().zip(expected) {
            assert_eq!(*at, format!("/settings{expected}"));
            assert!(message.ends_with(&format!("write `{part}` into the step's `sees`")), "{message}");
        }
        assert_eq!(problems(settings, Enrich::describe().sees), [], "{settings}");
    }
}
