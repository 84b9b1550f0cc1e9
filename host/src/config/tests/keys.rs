//! What a step says of the record's key: accepted and refused, with places.

use super::super::plan::{KeyMask, KeyRule, Step};
use super::*;

/// A step of `mask` with these keys, each on a line of its own from line 11 on.
fn with(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("        {line}\n")).collect();
    let steps = pipeline(&format!("    steps:\n      - plugin: mask\n{lines}"));
    format!("{steps}tables: {{ t: {{ file: t.csv, key: id }} }}\n")
}

fn step(lines: &[&str]) -> Step {
    plan(&with(lines)).unwrap().pipelines.remove(0).steps.remove(0)
}

fn mask(step: &Step) -> &KeyMask {
    let KeyRule::Masked(mask) = &step.key else { panic!("the key is masked") };
    mask
}

#[test]
fn a_key_is_masked_as_a_whole_or_in_places() {
    let one = step(&["fields: { $.a: {}, $.b: {} }", "key: { use: hmac, key: pii, then: { key: pii } }"]);
    let grants: Vec<_> = one.grants().map(|grant| (grant.selector.as_str(), grant.settings.to_string())).collect();
    let settings = r#"{"use":"hmac","key":"pii","then":{"key":"pii"}}"#;
    assert_eq!(grants, [("$.a", "{}".into()), ("$.b", "{}".into()), ("$", settings.into())]);
    assert!(mask(&one).is_whole() && one.names_key("pii"));
    let at = |pointer: &str| one.locate(pointer).to_string();
    assert_eq!((at("/key"), at("/fields/2"), at("/fields/2/use")), ("s.yaml:13:9".into(), "s.yaml:13:9".into(), "s.yaml:13:21".into()));

    // A field of the value and a place in the key may have one path.
    let two = step(&[
        "mode: allow_list",
        "fields: { $.id: { use: redact } }",
        "key: { keep: [$.region], fields: { $.id: { use: hmac, key: pii }, $.row: { use: x, table: t } } }",
    ]);
    let mask = mask(&two);
    assert_eq!(mask.fields.iter().map(|grant| grant.selector.as_str()).collect::<Vec<_>>(), ["$.id", "$.row"]);
    assert_eq!((mask.keep.as_slice(), mask.is_whole()), (&["$.region".to_owned()][..], false));
    assert!(two.tables.contains("t"));
    let at = |pointer: &str| two.locate(pointer).to_string();
    assert_eq!(
        (at("/fields/0"), at("/fields/1"), at("/fields/1/key")),
        ("s.yaml:13:19".into(), "s.yaml:14:44".into(), "s.yaml:14:68".into())
    );
    assert_eq!((at("/key"), at("/key/keep/0")), ("s.yaml:14:9".into(), "s.yaml:14:23".into()));
}

#[test]
fn one_meaning_is_one_hash_and_another_is_another() {
    let hash = |key: &str| plan(&with(&[key])).unwrap().pipelines[0].config_hash();
    let whole = hash("key: { use: hmac, key: pii }");
    assert_eq!(whole, hash("key: { fields: { $: { key: pii, use: hmac } } }"));
    for other in ["key: clear", "key: null", "key: { use: redact }", "key: { fields: { $.a: { use: hmac, key: pii } } }"] {
        assert_ne!(whole, hash(other), "{other}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_at_its_place() {
    for (lines, expected) in [
        (
            &["key: 5"][..],
            &["s.yaml:12:14: pipelines[0].steps[0].key: expected clear, null or a map such as { use: hmac, key: pii }, found a number"][..],
        ),
        (&["key: { use: hmac, key: pi }"], &["s.yaml:12:32: there is no key \"pi\"; did you mean \"pii\"?"]),
        (&["key: { use: detect, then: { key: x } }"], &["s.yaml:12:42: there is no key \"x\"; give it under \"keys\""]),
        (&["key: { use: x, table: tt }"], &["s.yaml:12:31: there is no table \"tt\"; did you mean \"t\"?"]),
        (
            &["key: { fields: {} }"],
            &["s.yaml:12:9: key.fields is a map of at least one place, such as { $.customer_id: { use: hmac, key: pii } }; for the \
               key as a whole write \"key: { use: hmac, key: pii }\""],
        ),
        (
            &["key: { fields: { $.a: redact, b: {}, $.c: {}, \"$['c']\": {} }, kep: [] }"],
            &[
                "s.yaml:12:31: the settings of a field are a map such as { use: redact }, not a text",
                "s.yaml:12:39: cannot read the selector \"b\": a path begins with $ (at character 1)",
                "s.yaml:12:55: \"$['c']\" is the same path as \"$.c\" at s.yaml:12:46; give it once",
                "s.yaml:12:71: unknown key \"kep\" in key; did you mean \"keep\"?",
            ],
        ),
        (
            &["key: { fields: { $.a: {} }, keep: [$.b] }"],
            &["s.yaml:12:37: keep has a meaning in mode: allow_list only; write that mode, or remove keep"],
        ),
        (
            &["mode: allow_list", "key: { fields: { $.a: {} }, keep: [$.a, 5], use: hmac }"],
            &[
                "s.yaml:13:44: the path \"$.a\" is given twice in this step; the first is at s.yaml:13:26",
                "s.yaml:13:49: key.keep is a list of selectors, and holds a number",
                "s.yaml:13:53: unknown key \"use\" in key; with fields, valid keys are fields, keep",
            ],
        ),
    ] {
        let errors = plan(&with(lines)).err().unwrap_or_else(|| panic!("{lines:?}: accepted")).to_string();
        assert_eq!(errors.lines().collect::<Vec<_>>(), expected, "{lines:?}");
    }
}
