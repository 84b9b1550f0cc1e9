//! What is wrong with settings, and where that is said.
use sluice_plugin::{Plugin, testing};

use super::*;

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let scalar = "must be text, a number, a boolean or null";
    for (settings, expected) in [
        ("{}", vec!["/settings: `where` is missing: it says what is kept".to_owned()]),
        (r#"{"were":{}}"#, vec!["/settings/were: unknown key; did you mean \"where\"?".to_owned()]),
        (r#"{"where":[]}"#, vec!["/settings/where: must be an object: all, any, not, or a field with operators".to_owned()]),
        (
            r#"{"where":{}}"#,
            vec!["/settings/where: must have one of all, any, not, header, cel, sample, time, tombstone, first, or a `field`".to_owned()],
        ),
        (r#"{"where":{"eq":1}}"#, vec!["/settings/where: `field` is missing".to_owned()]),
        (r#"{"where":{"alll":[]}}"#, vec!["/settings/where/alll: unknown key; did you mean \"all\"?".to_owned()]),
        (r#"{"where":{"all":[]}}"#, vec!["/settings/where/all: must be a list of conditions that is not empty".to_owned()]),
        (r#"{"where":{"field":"$.a"}}"#, vec![format!("/settings/where: has no operator; there are {}", NAMES.join(", "))]),
        (
            r#"{"where":{"any":[{"field":"$.c","eq":1},{"not":{"field":"$.a","eqq":1}},{"field":"$.a","eq":{}}]}}"#,
            vec![
                "/settings/where/any/0/field: `$.c` is not among the fields that the step grants".to_owned(),
                "/settings/where/any/1/not/eqq: unknown key; did you mean \"eq\"?".to_owned(),
                format!("/settings/where/any/2/eq: {scalar}"),
            ],
        ),
        (
            r#"{"where":{"field":"$.a","in":[],"lt":null,"exists":1},"absent":"pass"}"#,
            vec![
                "/settings/absent: must be keep or drop".to_owned(),
                "/settings/where/exists: must be true or false".to_owned(),
                "/settings/where/in: must be a list of text, numbers, booleans or null that is not empty".to_owned(),
                "/settings/where/lt: must be a number or text".to_owned(),
            ],
        ),
        (r#"{"where":{"field":7,"eq":1}}"#, vec!["/settings/where/field: must be a selector as text".to_owned()]),
    ] {
        let problems = testing::init::<Filter>(settings, &[("$.a", "{}"), ("$.b", "{}")]).err().unwrap_or_default();
        let mut found: Vec<_> = problems.into_iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect();
        found.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(found, expected, "{settings}");
    }
}

#[test]
fn a_bad_pattern_is_a_problem() {
    let problems = testing::init::<Filter>(r#"{"where":{"field":"$.a","matches":"("}}"#, &[("$.a", "{}")]).err().unwrap_or_default();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].at, "/settings/where/matches");
}

#[test]
fn settings_of_fields_are_conditions() {
    let problems = testing::init::<Filter>("{}", &[("$.a", r#"{"eq":1}"#), ("$.b", r#"{"near":1}"#)]).err().unwrap_or_default();
    assert_eq!(problems[0].at, "/fields/1/near");
    assert!(testing::init::<Filter>("{}", &[("$.a", r#"{"eq":1}"#), ("$.b", "{}")]).is_ok());
}

#[test]
fn what_is_wrong_with_a_leaf_is_said_where_it_is() {
    let name = "is no name: letters, digits and _, not a digit first, not a word of the language";
    let part = "must be `key`, or a field: { field: $.id }";
    let time = "must have a `from`, a `to` after it, or both: kept is what is at or after `from` and before `to`";
    for (tree, expected) in [
        (r#"{"header":1,"eq":"a"}"#, vec![("/header", "must be the name of a header as text")]),
        (r#"{"header":"a","eqq":"a"}"#, vec![("/eqq", "unknown key; did you mean \"eq\"?")]),
        (r#"{"cel":1}"#, vec![("/cel", "must be an expression as text")]),
        (r#"{"cel":"a >","with":{"a":{"field":"$.a"}}}"#, vec![("/cel", "the expression ends where a value should be (at character 4)")]),
        (r#"{"cel":"b","with":{"a":{"field":"$.a"}}}"#, vec![("/cel", "there is no variable `b`; there are a (at character 1)")]),
        (
            r#"{"cel":"1==1","with":[],"widh":1}"#,
            vec![("/widh", "unknown key; did you mean \"with\"?"), ("/with", "must be a map of at most 64 names, each with a field")],
        ),
        (r#"{"cel":"true","with":{"in":{"field":"$.a"}}}"#, vec![("/with/in", name)]),
        (r#"{"cel":"true","with":{"a":"$.a"}}"#, vec![("/with/a", "must be an object with a `field`")]),
        (r#"{"cel":"true","with":{"a":{"field":"$.c"}}}"#, vec![("/with/a/field", "`$.c` is not among the fields that the step grants")]),
        (r#"{"cel":"true","with":{"a":{"field":"$.a","list":1}}}"#, vec![("/with/a/list", "must be true or false")]),
        (
            r#"{"cel":"true","with":{"a":{"field":"$.a","list":true,"default":1}}}"#,
            vec![("/with/a/default", "has no meaning for a list: without values it is empty")],
        ),
        (
            r#"{"cel":"true","with":{"a":{"field":"$.a","default":[]}}}"#,
            vec![("/with/a/default", "must be text, a number, a boolean or null")],
        ),
        (
            r#"{"sample":{"percent":0,"by":{"field":"$.a"}}}"#,
            vec![("/sample/percent", "must be a number above 0 and up to 100, with at most 6 digits after the point")],
        ),
        (
            r#"{"sample":{"by":{"field":"$.a"}}}"#,
            vec![("/sample/percent", "must be a number above 0 and up to 100, with at most 6 digits after the point")],
        ),
        (r#"{"sample":{"percent":10,"by":"$.a"}}"#, vec![("/sample/by", part)]),
        (r#"{"sample":{"percent":10}}"#, vec![("/sample/by", part)]),
        (r#"{"sample":{"percent":10,"by":{"field":"$.a"},"seed":1}}"#, vec![("/sample/seed", "must be text")]),
        (r#"{"time":{}}"#, vec![("/time", time)]),
        (r#"{"time":{"from":5,"to":5}}"#, vec![("/time", time)]),
        (
            r#"{"time":{"from":"2026-01-01"}}"#,
            vec![("/time/from", "must be RFC 3339 text such as 2026-01-31T00:00:00Z, or milliseconds since 1970")],
        ),
        (r#"{"tombstone":"yes"}"#, vec![("/tombstone", "must be true or false")]),
        (r#"{"first":{}}"#, vec![("/first/by", part)]),
        (
            r#"{"first":{"by":[{"field":"$.a"},"value"],"window":0}}"#,
            vec![("/first/by/1", part), ("/first/window", "must be 1 to 1000000")],
        ),
        (r#"{"first":7}"#, vec![("/first", "must be an object with by, window")]),
        (
            r#"{"not":{"first":{"by":"key"}}}"#,
            vec![("/not/first", "belongs at the top of `where`, or directly into its `all`: it applies last, to what is kept")],
        ),
        (
            r#"{"all":[{"first":{"by":"key"}},{"first":{"by":"key"}}]}"#,
            vec![("/all/1/first", "is given twice; list all that tells records apart under one `by`")],
        ),
    ] {
        let settings = format!(r#"{{"where":{tree}}}"#);
        let problems = testing::init::<Filter>(&settings, &[("$.a", "{}")]).err().unwrap_or_default();
        let found: Vec<_> =
            problems.iter().map(|problem| (problem.at.strip_prefix("/settings/where").unwrap_or(""), problem.message.as_str())).collect();
        assert_eq!(found, expected, "{tree}");
    }
}

#[test]
fn what_the_step_does_not_see_is_named() {
    for (settings, at, message) in [
        (
            r#"{"where":{"header":"a","exists":true}}"#,
            "/settings/where/header",
            "needs to see the record's headers: write `headers` into the step's `sees`",
        ),
        (
            r#"{"where":{"time":{"from":1}}}"#,
            "/settings/where/time",
            "needs to see the record's timestamp: write `timestamp` into the step's `sees`",
        ),
        (
            r#"{"where":{"tombstone":true}}"#,
            "/settings/where/tombstone",
            "needs to see which values are null: write `sizes` into the step's `sees`",
        ),
        (
            r#"{"where":{"sample":{"percent":10,"by":"key"}}}"#,
            "/settings/where/sample/by",
            "needs to see the record's key: write `key` into the step's `sees`",
        ),
        (
            r#"{"where":{"first":{"by":["key"]}}}"#,
            "/settings/where/first/by/0",
            "needs to see the record's key: write `key` into the step's `sees`",
        ),
        (
            r#"{"where":{"field":"$.a","eq":1},"on_drop":"tombstone"}"#,
            "/settings/on_drop",
            "needs to see which records have a key: write `sizes` into the step's `sees`",
        ),
    ] {
        let problems = testing::init_granted::<Filter>(settings, &[("$.a", "{}")], Sees::empty(), Filter::describe().effects)
            .err()
            .unwrap_or_default();
        let found: Vec<_> = problems.iter().map(|problem| (problem.at.as_str(), problem.message.as_str())).collect();
        assert_eq!(found, [(at, message)], "{settings}");
        assert!(testing::init::<Filter>(settings, &[("$.a", "{}")]).is_ok(), "{settings}");
    }
}
