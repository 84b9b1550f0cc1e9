//! What is wrong with settings, and where that is said.
use sluice_plugin::{Description, Plugin, testing};

use super::*;

fn problems(settings: &str, fields: &[(&str, &str)], sees: Sees, effects: Effects) -> Vec<(String, String)> {
    let read = testing::init_granted::<Router>(settings, fields, sees, effects);
    read.err().unwrap_or_default().into_iter().map(|problem| (problem.at, problem.message)).collect()
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let prefix = "must begin with letters of its own: a record does not choose freely where it goes";
    let name = "is no name of a topic: it has at most 249 bytes, and is neither `.` nor `..`";
    let ungranted = "is not among the fields that the step grants: write it into `fields`";
    let long = "a".repeat(250);
    for (settings, field, expected) in [
        ("{}", None, vec![("/settings", "there is nothing to do; there are to, rekey and split")]),
        (r#"{"too":"a"}"#, None, vec![("/settings/too", "unknown key; did you mean \"to\"?")]),
        (r#"{"to":7}"#, None, vec![("/settings/to", "must be the name of a topic as text, such as orders-{$.region}")]),
        (r#"{"to":"{$.a}"}"#, Some("{}"), vec![("/settings/to", prefix)]),
        (r#"{"to":"{topic}-x"}"#, None, vec![("/settings/to", prefix)]),
        (r#"{"to":""}"#, None, vec![("/settings/to", prefix)]),
        (
            r#"{"to":"__x-{$.a}"}"#,
            Some("{}"),
            vec![("/settings/to", "begins with `__`, which brokers and this program keep for themselves")],
        ),
        (r#"{"to":".."}"#, None, vec![("/settings/to", name)]),
        (&format!(r#"{{"to":"{long}"}}"#), None, vec![("/settings/to", name)]),
        (
            r#"{"to":"a b"}"#,
            None,
            vec![("/settings/to", "has a sign that no topic has: letters, digits, `.`, `_` and `-` are known, and {…}")],
        ),
        (r#"{"to":"a-{$.b}"}"#, Some("{}"), vec![("/settings/to", &format!("`$.b` {ungranted}"))]),
        (r#"{"to":"a-{$.a"}"#, Some("{}"), vec![("/settings/to", &format!("`$.a` {ungranted}"))]),
        (r#"{"to":"a"}"#, Some("{}"), vec![("/fields/0", "is granted, but neither `to` nor `rekey` names it")]),
        (r#"{"to":"a-{$.a}","otherwise":"b c"}"#, Some("{}"), vec![("/settings/otherwise", "must be reject, or the name of a topic")]),
        (r#"{"otherwise":"b"}"#, None, vec![("/settings/otherwise", "has no meaning without `to`")]),
        (r#"{"to":"a-{$.a}"}"#, Some(r#"{"alow":[]}"#), vec![("/fields/0/alow", "unknown key; did you mean \"allow\"?")]),
        (r#"{"to":"a-{$.a}"}"#, Some(r#"{"allow":[]}"#), vec![("/fields/0/allow", "must be a list of text that is not empty")]),
        (
            r#"{"to":"a-{$.a}"}"#,
            Some(r#"{"allow":["é"]}"#),
            vec![("/fields/0/allow", "must be text of letters, digits, `.`, `_` and `-`, as it stands in a topic's name")],
        ),
        (r#"{"rekey":[]}"#, None, vec![("/settings/rekey", "must be a selector, or a list of them")]),
        (r#"{"rekey":{"from":["$.b"]}}"#, None, vec![("/settings/rekey/from/0", &format!("`$.b` {ungranted}"))]),
        (
            r#"{"rekey":{"from":["$.a","$.a"],"as":"text","miss":"x"}}"#,
            Some("{}"),
            vec![
                ("/settings/rekey/as", "must be json: several values as text could not be told apart"),
                ("/settings/rekey/miss", "must be one of reject, null, keep"),
            ],
        ),
        (r#"{"split":{"$.a":{},"$.b":{}}}"#, None, vec![("/settings/split", "must be one path with how: { $.items: { as: value } }")]),
        (
            r#"{"split":{"$.a[*]":{}}}"#,
            None,
            vec![("/settings/split/$.a[*]", "cannot read the path $.a[*]: a path is one place: `*` means several (at character 5)")],
        ),
        (
            r#"{"split":{"$.a":{"as":"parts","none":1,"index":"","x":1}}}"#,
            None,
            vec![
                ("/settings/split/$.a/x", "unknown key; known are as, none, index"),
                ("/settings/split/$.a/as", "must be one of value, in_place, single"),
                ("/settings/split/$.a/none", "must be one of reject, pass, drop"),
                ("/settings/split/$.a/index", "must be the name of a header: text of 1 to 249 bytes without NUL"),
            ],
        ),
    ] {
        let fields: Vec<_> = field.iter().map(|field| ("$.a", *field)).collect();
        let Description { sees, effects, .. } = Router::describe();
        let found = problems(settings, &fields, sees, effects);
        let expected: Vec<_> = expected.into_iter().map(|(at, message)| (at.to_owned(), message.to_owned())).collect();
        assert_eq!(found, expected, "{settings}");
    }
}

#[test]
fn what_the_step_does_not_grant_is_named() {
    let all = Router::describe();
    let split = r#"{"split":{"$.a":{}}}"#;
    let found = problems(split, &[], Sees::VALUE, all.effects);
    assert_eq!(found.len(), 2);
    assert!(found[0].1.ends_with("write `key` into the step's `sees`") && found[1].1.ends_with("write `headers` into the step's `sees`"));
    for (settings, effect, name) in [
        (r#"{"to":"a"}"#, Effects::ROUTE, "route"),
        (r#"{"rekey":"$.a"}"#, Effects::EDIT_KEY, "edit-key"),
        (split, Effects::EMIT, "drop and emit"),
    ] {
        let fields: &[(&str, &str)] = if settings.contains("rekey") { &[("$.a", "{}")] } else { &[] };
        let found = problems(settings, fields, all.sees, all.effects - effect);
        assert_eq!(found.len(), 1, "{settings}");
        assert_eq!(found[0].1, format!("needs the effect {name}, which the step does not grant"));
        assert_eq!(problems(settings, fields, all.sees, all.effects), [], "{settings}");
    }
}
