//! What steps say of the places of a schema, and what they refuse, before a record passes: Avro, Protobuf, JSON Schema.
// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::fields::{Containers, Path, avro, json_schema};

/// The schema of the settings of the plugin that masks.
const MASK: &str = include_str!("../../../../plugins/mask/src/field.schema.json");

const AVRO: &str = r#"{"type":"record","name":"R","fields":[{"name":"id","type":"long"},{"name":"name","type":"string"},
    {"name":"note","type":["null","string"]},{"name":"payload","type":"string"}]}"#;

const PROTOBUF: &str = r#"syntax = "proto3"; package pay; message Ping { string name = 1; }
    message Pay { int64 id = 1; string name = 2; optional string note = 3; string payload = 4; } message Late { string name = 1; int64 id = 2; }"#;

fn avro() -> Parsed {
    Parsed::Avro(avro::Schema::parse(AVRO, &[]).unwrap())
}

fn protobuf(text: &str) -> Parsed {
    Parsed::Protobuf(proto::Schema::parse(text, &[]).unwrap())
}

/// One step with these fields, explained.
fn explained(fields: &[(&str, &str)], keep: Option<&[&str]>, schema: &Parsed) -> SchemaExplained {
    let path = |text: &str| Path::parse(text).unwrap();
    let paths: Vec<Path> = fields.iter().map(|(selector, _)| path(selector)).collect();
    let kept: Option<Vec<Path>> = keep.map(|keep| keep.iter().map(|text| path(text)).collect());
    let nest = Nest::compile(&paths, kept.as_deref(), Containers::Expand).unwrap();
    let names: Vec<String> = fields.iter().map(|(selector, _)| (*selector).to_owned()).collect();
    let schema_of_settings = serde_json::from_str(MASK).unwrap();
    let operator = |(_, settings): &(&str, &str)| Operator::new(&serde_json::from_str(settings).unwrap(), "mask", &schema_of_settings);
    let operators: Vec<Operator> = fields.iter().map(operator).collect();
    let subject = Subject {
        step: 1,
        plugin: "mask",
        part: Part::Value,
        nest: &nest,
        names: &names,
        operators: &operators,
        allow_list: keep.is_some(),
        watch: Watch {
            unmatched: Watching::Halts,
            unlisted: if keep.is_some() { Watching::Halts } else { Watching::Ignored },
            names: Watching::Halts,
            types: Watching::Halts,
        },
    };
    explain(&[subject], schema)
}

/// Each place as one line.
fn places(explained: &SchemaExplained) -> Vec<String> {
    let words = |place: &Explained| {
        let becomes = place.operator.as_deref().or(place.otherwise).unwrap_or_default();
        format!("{} {} {becomes} {}", place.path, place.type_name, place.nature.unwrap_or_default()).trim_end().to_owned()
    };
    explained.steps[0].places.iter().map(words).collect()
}

#[test]
fn every_place_says_what_becomes_of_it() {
    let fields = [("$.name", r#"{"use":"tokenize","key":"pii"}"#), ("$.payload >> $.email", r#"{"use":"hmac","key":"pii"}"#)];
    for (schema, note, string) in [(avro(), "null or string", "string"), (protobuf(PROTOBUF), "string", "string")] {
        let open = explained(&fields, None, &schema);
        assert_eq!(
            places(&open),
            [
                format!("$.id {} clear", if note == string { "int64" } else { "long" }),
                format!("$.name {string} tokenize reversible"),
                format!("$.note {note} clear"),
                format!("$.payload >> $.email JSON in {string} hmac pseudonymised"),
                format!("$.payload >> … JSON in {string} clear"),
            ]
        );
        assert!(open.steps[0].errors.is_empty(), "{:?}", open.steps[0].errors);
        let closed = explained(&fields, Some(&["$.id"]), &schema);
        assert_eq!(places(&closed)[2], format!("$.note {note} dropped"));
        assert_eq!(places(&closed)[4], format!("$.payload >> … JSON in {string} dropped"));
        assert_eq!(closed.steps[0].errors, ["$.note is neither masked nor kept: the step halts at this schema"]);
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let hmac = r#"{"use":"hmac","key":"pii"}"#;
    let cases = [
        ("$.nam", hmac, Some("selector $.nam names nothing in the schema")),
        ("$.nam >> $.a", hmac, Some("selector $.nam >> $.a names nothing in the schema")),
        ("$.id", hmac, Some("hmac at $.id does not fit")),
        ("$.id", r#"{"use":"hmac","key":"pii","output":"integer"}"#, None),
        ("$.id", r#"{"use":"redact"}"#, None),
        ("$.note", r#"{"use":"null"}"#, None),
        ("$.id", r#"{"use":"null"}"#, Some("null at $.id does not fit")),
        ("$.id >> $.a", hmac, Some("$.id is opened by `>>`, and holds no text")),
        ("$.note >> $.a", hmac, None),
    ];
    for schema in [avro(), protobuf(PROTOBUF)] {
        for (selector, settings, wanted) in cases {
            let errors = explained(&[(selector, settings), ("$.payload", r#"{"use":"redact"}"#)], None, &schema).steps.remove(0).errors;
            assert_eq!(errors.len(), usize::from(wanted.is_some()), "{selector}: {errors:?}");
            assert!(wanted.is_none_or(|wanted| errors[0].contains(wanted)), "{selector}: {errors:?}");
        }
    }
}

#[test]
fn forms_are_held_against_types() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"x","type":"double"},{"name":"s","type":["null","string"]},
        {"name":"d","type":{"type":"int","logicalType":"date"}},{"name":"u","type":{"type":"string","logicalType":"uuid"}},{"name":"b","type":"boolean"},{"name":"y","type":"bytes"}]}"#;
    let schema = Parsed::Avro(avro::Schema::parse(schema, &[]).unwrap());
    let uuid = r#"{"use":"hmac","key":"pii","output":"uuid"}"#;
    let part = r#"{"use":"date_part","part":"month"}"#;
    let value = |value: &str| format!(r#"{{"use":"replace","value":{value}}}"#);
    for (selector, settings, fits) in [
        ("$.u", uuid, true),
        ("$.s", uuid, true),
        ("$.n", uuid, false),
        ("$.u", r#"{"use":"hmac","key":"pii"}"#, false),
        ("$.n", part, true),
        ("$.s", part, true),
        ("$.d", part, false),
        ("$.d", r#"{"use":"date_trunc","to":"month"}"#, true),
        ("$.n", &value("\"x\""), false),
        ("$.n", &value("7"), true),
        ("$.n", &value("7.5"), false),
        ("$.x", &value("7.5"), true),
        ("$.x", &value("7"), true),
        ("$.s", &value("7"), false),
        ("$.s", &value("null"), true),
        ("$.n", &value("null"), false),
        ("$.b", &value("true"), true),
        ("$.y", r#"{"use":"hmac","key":"pii"}"#, true),
        ("$.y", uuid, true),
        ("$.y", &value("\"x\""), true),
        ("$.y", &value("7"), false),
        ("$.b", r#"{"use":"hmac","key":"pii"}"#, false),
        ("$.s", &value("true"), false),
        ("$.n", r#"{"use":"fpe","key":"pii","alphabet":"digits"}"#, true),
        ("$.n", r#"{"use":"fpe","key":"pii","alphabet":"lower"}"#, false),
    ] {
        let errors = explained(&[(selector, settings)], None, &schema).steps.remove(0).errors;
        assert_eq!(errors.is_empty(), fits, "{selector} {settings}: {errors:?}");
    }
}

#[test]
fn a_json_schema_is_explained_like_the_others() {
    let text = r#"{"type":"object","additionalProperties":false,"properties":{"id":{"type":"integer"},"name":{"type":"string"},"more":{"type":"object"}}}"#;
    let schema = Parsed::Json(json_schema::Schema::parse(text, &[]));
    let hmac = r#"{"use":"hmac","key":"pii"}"#;
    let open = explained(&[("$.name", hmac)], None, &schema);
    assert_eq!(places(&open), ["$.id integer clear", "$.more object clear", "$.name string hmac pseudonymised"]);
    let closed = explained(&[("$.name", hmac), ("$.more.x", hmac), ("$.nam", hmac), ("$.id", hmac)], Some(&[]), &schema);
    assert_eq!(closed.steps[0].errors, ["selector $.nam names nothing in the schema", "hmac at $.id does not fit: it is integer"]);
    let closed = explained(&[("$.name", hmac)], Some(&["$.more"]), &schema);
    assert_eq!(closed.steps[0].errors, ["$.id is neither masked nor kept: the step halts at this schema"]);
}

#[test]
fn names_of_maps_are_shown_and_refused() {
    let schema = Parsed::Avro(avro::Schema::parse(r#"{"type":"map","values":"string"}"#, &[]).unwrap());
    let found = explained(&[("$", r#"{"use":"redact"}"#)], None, &schema);
    assert_eq!(places(&found), ["$[*] string redact one-way", "$ names of the map clear"]);
    assert!(
        found.steps[0].errors[0].starts_with("$ of the schema is a map, and step 1 masks what stands in it ($)"),
        "{:?}",
        found.steps[0].errors
    );
}

#[test]
fn the_message_that_the_selectors_fit_best() {
    let redact = r#"{"use":"redact"}"#;
    let cases: [(&[&str], &str); 5] = [
        (&["$.name"], "pay.Ping"),
        (&["$.name", "$.id"], "pay.Pay"),
        (&["$.note", "$.name"], "pay.Pay"),
        (&["$.name", "$.unknown"], "pay.Ping"),
        (&["$.payload >> $.a"], "pay.Pay"),
    ];
    for (selectors, message) in cases {
        let fields: Vec<(&str, &str)> = selectors.iter().map(|selector| (*selector, redact)).collect();
        let explained = explained(&fields, None, &protobuf(PROTOBUF));
        assert_eq!(explained.message.as_deref(), Some(message), "{selectors:?}");
    }
    // Nothing to hold the steps against.
    let none = explained(&[("$.a", redact)], None, &protobuf("syntax = \"proto3\"; enum E { A = 0; }"));
    assert_eq!(none, SchemaExplained::default());
    assert_eq!(explained(&[("$.a", redact)], None, &Parsed::Unusable("x")), SchemaExplained::default());
}
