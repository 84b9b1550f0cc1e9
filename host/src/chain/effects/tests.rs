//! Which steps carry what they see past the masking, and which may lose records of a compacted topic: by what they are
//! granted, with the real plugins.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use crate::chain::tests::build_steps;

const MASK: &str = "{ plugin: mask, fields: { $.pan: { use: redact } } }";
const ALLOW_LIST: &str = "{ plugin: mask, mode: allow_list, key: clear, keep: [$.id] }";

/// What is said about these steps; nothing where they may run.
fn said(steps: &[&str]) -> Vec<String> {
    build_steps("json", steps).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_topic_is_not_named_by_what_is_masked_later() {
    let route = r#"{ plugin: route, fields: { $.pan: {} }, to: "acct-{$.pan}" }"#;
    for mask in [MASK, ALLOW_LIST, "{ plugin: mask, key: { use: hmac, key: pii } }"] {
        let expected = "s.yaml:12:53: step 1 (route) can put what it sees into the names of topics, where step 2 (mask) does not mask it; \
                        write it behind that step, or list what may stand there (route: allow, for each of its fields)";
        assert_eq!(said(&[route, mask]), [expected], "{mask}");
        assert_eq!(said(&[mask, route]), [""; 0], "{mask}");
    }
    assert_eq!(said(&[MASK, route, MASK]).len(), 1);
    assert_eq!(said(&[route]), [""; 0], "nothing is masked");
    for bounded in [
        r#"{ plugin: route, fields: { $.pan: { allow: [a, b] } }, to: "acct-{$.pan}" }"#,
        r#"{ plugin: route, to: "all-{topic}" }"#,
        "{ plugin: route, sees: [key, value, headers], split: { $.items: { as: value } } }",
    ] {
        assert_eq!(said(&[bounded, ALLOW_LIST]), [""; 0], "{bounded}");
    }
    for free in [
        r#"{ plugin: route, fields: { $.a: { allow: [a] }, $.b: {} }, to: "acct-{$.a}-{$.b}" }"#,
        // The plugin's word is about fields: of a whole value nothing is said.
        r#"{ plugin: route, sees: [key, value, headers], to: "all", split: { $.items: {} } }"#,
    ] {
        assert_eq!(said(&[free, ALLOW_LIST]).len(), 1, "{free}");
    }
}

#[test]
fn a_key_is_not_made_of_what_is_masked_later() {
    let rekey = "{ plugin: route, fields: { $.email: {} }, rekey: $.email }";
    for (mask, told) in [
        (MASK, 1),
        (ALLOW_LIST, 1),
        ("{ plugin: mask, mode: allow_list, key: null, keep: [$.id] }", 0),
        ("{ plugin: mask, fields: { $.pan: { use: redact } }, key: { use: hmac, key: pii } }", 0),
        ("{ plugin: mask, fields: { $.pan: { use: redact } }, key: { fields: { $.a: { use: redact } } } }", 1),
    ] {
        let found = said(&[rekey, mask]);
        assert_eq!(found.len(), told, "{mask}");
        assert!(
            found.iter().all(|found| found.starts_with("s.yaml:12:58: step 1 (route) can put what it sees into the key, ")),
            "{found:?}"
        );
        assert_eq!(said(&[mask, rekey]), [""; 0], "{mask}");
    }
    assert_eq!(said(&[rekey, MASK, "{ plugin: mask, key: { use: hmac, key: pii } }"]), [""; 0], "the key is masked in the end");
    let bounded = "{ plugin: route, fields: { $.email: { allow: [a] } }, to: \"x-{$.email}\", rekey: $.email }";
    assert_eq!(said(&[bounded, MASK]).len(), 1, "the list is one of topics");
}

#[test]
fn what_may_lose_records_of_a_compacted_topic_is_known() {
    let split = "{ plugin: route, sees: [key, value, headers], split: { $.items: {} }";
    for (step, expected) in [
        ("{ plugin: route, fields: { $.a: {} }, rekey: $.a }", Some("step 1 (route) can make one key of two")),
        ("{ plugin: route, fields: { $.a: {} }, rekey: $.a, compacted: allow }", None),
        (&format!("{split} }}"), Some("step 1 (route) can make several records under one key")),
        (&format!("{split}, compacted: allow }}"), None),
        ("{ plugin: route, to: all }", None),
        ("{ plugin: filter, where: { field: $.a, eq: 1 } }", Some("step 1 (filter) can drop an update")),
        ("{ plugin: filter, where: { field: $.a, eq: 1 }, on_drop: keep_old }", None),
        ("{ plugin: filter, sees: [sizes], where: { field: $.a, eq: 1 }, on_drop: tombstone }", None),
        ("{ plugin: filter, where: { field: $.a, eq: 1 }, compacted: allow }", None),
        ("{ plugin: mask, key: { use: redact }, compacted: allow }", Some("redact in step 1 can make one key of two")),
    ] {
        let plan = build_steps("json", &[step]).unwrap();
        let lossy = plan.lossy_keys("t").into_iter().next();
        assert_eq!(lossy.is_some(), expected.is_some(), "{step}");
        assert!(lossy.zip(expected).is_none_or(|(lossy, expected)| lossy.why.starts_with(expected)), "{step}: {lossy:?}");
    }
    let plan = build_steps("json", &["{ plugin: filter, where: { field: $.a, eq: 1 } }"]).unwrap();
    assert_eq!(plan.lossy_keys("t").into_iter().next().unwrap().mend, "say what is meant: write on_drop");
}

/// A step without a setting that an effect belongs to does not have the effect, whatever its plugin answers.
#[test]
fn effects_follow_the_settings() {
    for (step, routes) in [(r#"{ plugin: route, to: "all" }"#, true), ("{ plugin: route, fields: { $.a: {} }, rekey: $.a }", false)] {
        let plan = build_steps("json", &[step]).unwrap();
        assert_eq!(plan.steps[0].routes(), routes, "{step}");
    }
}

#[test]
fn a_step_keeps_the_effects_that_it_is_there_for() {
    let edits = "and takes edit_fields away: every record would fail";
    let all = "takes away all that plugin filter does";
    for (step, told) in [
        ("{ plugin: mask, effects: [reject], fields: { $.a: { use: redact } } }", Some(edits)),
        ("{ plugin: mask, effects: [], fields: { $.a: { use: redact } } }", Some(edits)),
        ("{ plugin: mask, effects: [], mode: allow_list, key: clear, fields: { $.a: { use: redact } } }", Some(edits)),
        ("{ plugin: mask, effects: [edit_fields], fields: { $.a: { use: redact } } }", None),
        ("{ plugin: mask, effects: [], mode: allow_list, key: clear, keep: [$.a] }", None),
        ("{ plugin: mask, effects: [], key: \"null\" }", None),
        ("{ plugin: filter, effects: [], where: { field: $.a, eq: 1 } }", Some(all)),
        ("{ plugin: filter, effects: [reject], where: { field: $.a, eq: 1 } }", Some(all)),
        ("{ plugin: filter, effects: [drop], where: { field: $.a, eq: 1 } }", None),
    ] {
        let found = said(&[step]);
        assert_eq!(found.len(), usize::from(told.is_some()), "{step}: {found:?}");
        assert!(told.is_none_or(|told| found[0].starts_with("s.yaml:12:") && found[0].contains(told)), "{step}: {found:?}");
    }
}
