//! Slips of the kind that people make: what was meant is told.

use super::{check, pipeline};

#[test]
fn a_step_that_names_no_plugin() {
    check(
        "a slip of the key",
        &pipeline("    steps: [{ plugn: mask, fields: {} }]\n"),
        &["s.yaml:10:13: pipelines[0].steps[0]: the required key \"plugin\" is missing; did you mean it by \"plugn\"?"],
    );
}

#[test]
fn a_path_that_a_filter_names_twice() {
    check(
        "two spellings",
        &pipeline("    steps: [{ plugin: filter, fields: { $.a: { eq: 1 }, \"$['a']\": { gt: 0 } } }]\n"),
        &["s.yaml:10:57: \"$['a']\" is the same path as \"$.a\" at s.yaml:10:41; give it once"],
    );
}

#[test]
fn a_selector_that_begins_with_a_bracket() {
    let text = pipeline("    steps: [{ plugin: mask, fields: { $['a']: { use: redact } } }]\n");
    let error = super::plan(&text).unwrap_err().to_string();
    assert!(error.contains("quote a key that has brackets"), "{error}");
}

#[test]
fn a_property_that_the_client_library_does_not_have() {
    assert_eq!(crate::config::property_hint("security.protcol"), "; did you mean \"security.protocol\"?");
    assert_eq!(crate::config::property_hint("no.such.property"), "");
}
