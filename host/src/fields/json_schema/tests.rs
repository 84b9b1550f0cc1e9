//! Schemas as places: what is listed, missed, unknown.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::super::{Containers, Selection, Selector};
use super::*;

const ORDER: &str = r##"{"type":"object","additionalProperties":false,"properties":{
    "id":{"type":"integer"},
    "customer":{"$ref":"#/definitions/Customer"},
    "status":{"type":["string","null"],"enum":["new","done",null]},
    "items":{"type":"array","items":{"type":"object","additionalProperties":false,"properties":{"note":{"type":"string"},"parts":{"$ref":"#/properties/items"}}}},
    "tags":{"type":"object","additionalProperties":{"type":"string"}},
    "payment":{"oneOf":[{"$ref":"card.json"},{"type":"object","additionalProperties":false,"properties":{"iban":{"type":"string"}}},{"type":"null"}]},
    "open":{"type":"object","properties":{"a":{"type":"boolean"}}},
    "odd":{"type":"object","patternProperties":{"^x":{"type":"number"}},"additionalProperties":false},
    "free":{}},
  "definitions":{"Customer":{"allOf":[{"$ref":"#/definitions/Person"},{"properties":{"vip":{"type":"boolean"}}}]},
    "Person":{"type":"object","additionalProperties":false,"properties":{"email":{"anyOf":[{"type":"null"},{"type":"string"}]},"uid":{"type":"string","format":"uuid"}}}}}"##;

const CARD: &str = r#"{"type":"object","additionalProperties":false,"properties":{"pan":{"type":"string"}}}"#;

fn plan_of(schema: &str, fields: &str, keep: Option<&str>, containers: Containers) -> Plan {
    let list = |list: &str| -> Vec<Selector> { list.split_whitespace().map(|text| Selector::parse(text).unwrap()).collect() };
    let selection = Selection::compile(&list(fields), keep.map(list).as_deref(), containers).unwrap();
    Plan::compile(&selection, &Schema::parse(schema, &[("card.json".to_owned(), CARD.to_owned())]))
}

fn plan(fields: &str, keep: Option<&str>) -> Plan {
    plan_of(ORDER, fields, keep, Containers::Expand)
}

#[test]
fn every_place_is_listed_with_its_type_and_its_field() {
    let leaves = plan("$.customer $.items[*].note $.payment.pan", None).leaves();
    let shown: Vec<String> = leaves.iter().map(|leaf| format!("{} {} {:?}", leaf.path, leaf.type_name, leaf.field)).collect();
    let wanted = [
        "$.customer.email null or string Some(0)",
        "$.customer.uid string Some(0)",
        "$.customer.vip boolean Some(0)",
        "$.free any None",
        "$.id integer None",
        "$.items[*].note string Some(1)",
        "$.items[*].parts[*].note string None",
        "$.odd[*] number None",
        "$.open.a boolean None",
        "$.payment null None",
        "$.payment.iban string None",
        "$.payment.pan string Some(2)",
        "$.status null or string None",
        "$.tags[*] string None",
    ];
    assert_eq!(shown, wanted);
    assert!(leaves.iter().all(|leaf| leaf.listed));
}

#[test]
fn what_an_allow_list_names_nowhere() {
    let keep = "$.id $.status $.items[*].note $.tags.vip $.open $.odd $.free $.payment";
    let found = plan("$.customer.email", Some(keep)).unlisted();
    assert_eq!(found, ["$.customer.uid", "$.customer.vip", "$.items[*].parts[*].note", "$.tags[*]"]);
    assert_eq!(plan("$", Some("")).unlisted(), [""; 0]);
}

#[test]
fn only_what_cannot_occur_is_a_typo() {
    for (selector, typo) in [
        ("$.customer.email", false),
        ("$.customer.mail", true),
        ("$.nothing", true),
        ("$.nothing.below", true),
        ("$.id.x", true),
        ("$.items[0].note", false),
        ("$.items[*].not", true),
        ("$.items.note", true),
        ("$..note", false),
        ("$..not", false),
        ("$.tags.vip", false),
        ("$.tags.vip.x", true),
        ("$.payment.pan", false),
        ("$.payment.cvc", true),
        ("$.open.b.c", false),
        ("$.odd.y", false),
        ("$.free.x[3].y", false),
        ("$", false),
    ] {
        assert_eq!(plan(selector, None).unmatched().len(), usize::from(typo), "{selector}");
    }
    // `..` of a schema that is closed throughout.
    assert_eq!(plan_of(CARD, "$..not $..pan", None, Containers::Expand).unmatched(), [0]);
    // References that lead nowhere, in circles, or to no schema at all allow everything.
    for schema in [r#"{"$ref":"other.json"}"#, r##"{"$ref":"#"}"##, "no JSON", "7", r##"{"$ref":"#/definitions/none"}"##] {
        assert_eq!(plan_of(schema, "$.a.b", None, Containers::Expand).unmatched(), [0; 0], "{schema}");
    }
    assert_eq!(plan_of("false", "$.a", None, Containers::Expand).unmatched(), [0]);
    // What a condition names may occur.
    for (more, typos) in [
        ("", &[0][..]),
        (r#","if":{"properties":{"a":{"const":1}}}"#, &[]),
        (r#","allOf":[{"dependentSchemas":{"id":{"properties":{"a":{}}}}}]"#, &[]),
    ] {
        let schema = format!(r#"{{"type":"object","properties":{{"id":{{}}}},"unevaluatedProperties":false{more}}}"#);
        assert_eq!(plan_of(&schema, "$.a", None, Containers::Expand).unmatched(), typos, "{schema}");
    }
}

#[test]
fn places_know_what_may_be_set() {
    let place = |selector: &str| plan(selector, None).places(0).next().unwrap();
    assert!(place("$.customer.email").nullable && place("$.customer.email").any_text && !place("$.customer.email").several);
    assert!(!place("$.id").any_text && place("$.id").kinds.contains(Kind::Integer) && !place("$.id").kinds.contains(Kind::Text));
    assert!(place("$.customer.uid").uuid && place("$.id").removable && !place("$.id").nullable);
    assert!(!place("$.status").any_text, "one of a list");
    assert!(place("$.free").several && place("$.free").any_text && place("$.free").kinds.contains(Kind::Boolean));
    let scalar = plan_of(r#"{"type":["string","integer"]}"#, "$", None, Containers::Expand);
    let place = scalar.places(0).next().unwrap();
    assert!(place.several && !place.removable);
    for (schema, any_text) in [
        (r#"{"anyOf":[{"enum":["x"]},{"type":"string"}]}"#, true),
        (r#"{"anyOf":[{"type":"null"},{"type":"string"}]}"#, true),
        (r#"{"oneOf":[{"type":"integer"},{"enum":["x"]}]}"#, false),
        (r#"{"allOf":[{"type":"string"},{"enum":["x"]}]}"#, false),
        (r#"{"type":"string","if":{"const":"y"},"then":{"const":"y"}}"#, true),
    ] {
        let plan = plan_of(schema, "$", None, Containers::Expand);
        assert_eq!(plan.places(0).next().unwrap().any_text, any_text, "{schema}");
    }
}

#[test]
fn maps_that_are_masked_keep_their_names() {
    let path = |selector: &str, containers| plan_of(ORDER, selector, None, containers).open_names().first().map(|(_, path)| path.clone());
    assert_eq!(path("$.tags", Containers::Expand).as_deref(), Some("$.tags"));
    assert_eq!(path("$.tags[*]", Containers::Expand).as_deref(), Some("$.tags"));
    assert_eq!(path("$", Containers::Expand).as_deref(), Some("$.odd"));
    for (selector, containers) in [("$.tags.vip", Containers::Expand), ("$.open", Containers::Expand), ("$.tags", Containers::Composite)] {
        assert_eq!(path(selector, containers), None, "{selector}");
    }
}

#[test]
fn maps_in_which_something_is_masked_keep_their_names() {
    let map = |of: &str| format!(r#"{{"type":"object","additionalProperties":{of}}}"#);
    let closed = |properties: &str| format!(r#"{{"type":"object","additionalProperties":false,"properties":{{{properties}}}}}"#);
    let person = r##"{"$ref":"#/definitions/C"}"##;
    let tree = r##"{"$ref":"#/definitions/T"}"##;
    for (of, fields, wanted) in [
        (map(person), "$.m[*].email", Some("$.m")),
        (map(person), "$..email", Some("$.m")),
        (map(person), "$.m.ana.email", None),
        (map(person), "$.m[*].other", None),
        (map(r#"{"type":"string"}"#), "$..email", None),
        (map(r#"{"type":"string"}"#), "$.m[*].x", None),
        (map(&map(person)), "$.m[*].home.email", Some("$.m")),
        (map(&map(person)), "$.m.ana[*].email", Some("$.m.ana")),
        (map(&format!(r#"{{"type":"array","items":{person}}}"#)), "$.m[*][0].email", Some("$.m")),
        (format!(r#"{{"anyOf":[{{"type":"null"}},{}]}}"#, map(person)), "$.m[*].email", Some("$.m")),
        (tree.to_owned(), "$..name", Some("$.m.kids")),
        // An entry deeper down may be called so.
        (tree.to_owned(), "$..email", Some("$.m.kids")),
        (tree.to_owned(), "$.m.name", None),
        // A pattern of names without a type is no map, as it is without the pattern.
        (r#"{"type":"object","patternProperties":{"^x-":{}}}"#.to_owned(), "$..email", None),
        (r#"{"type":"object","patternProperties":{"^x-":true}}"#.to_owned(), "$..email", None),
        (format!(r#"{{"type":"object","patternProperties":{{"^x-":{person}}}}}"#), "$..email", Some("$.m")),
        // What the schema leaves open may be there.
        (map(r#"{"type":"object"}"#), "$.m[*].email", Some("$.m")),
        (map(r#"{"type":"array"}"#), "$..email", Some("$.m")),
        (map(r#"{"title":"any"}"#), "$.m[*].a.email", Some("$.m")),
    ] {
        let definitions = format!(
            r#""C":{},"T":{}"#,
            closed(r#""email":{"type":"string"},"note":{"type":"string"}"#),
            closed(&format!(r#""name":{{"type":"string"}},"kids":{}"#, map(tree)))
        );
        let schema = closed(&format!(r#""m":{of}"#)).replacen('{', &format!(r#"{{"definitions":{{{definitions}}},"#), 1);
        let found = |fields, keep, containers| {
            plan_of(&schema, fields, keep, containers).open_names().first().map(|(field, path)| (*field, path.clone()))
        };
        assert_eq!(found(fields, None, Containers::Expand), wanted.map(|path| (0, path.to_owned())), "{fields} in {of}");
        assert_eq!(found(fields, None, Containers::Composite), None, "{fields}: nothing is edited");
        assert_eq!(found("", Some(fields), Containers::Expand), None, "{fields}: kept on purpose");
    }
}

#[test]
fn a_schema_that_multiplies_ends() {
    let mut texts = String::from(r#"{"type":"object","properties":{"#);
    for name in 0..40 {
        texts.push_str(&format!(r##""a{name}":{{"$ref":"#"}},"##));
    }
    texts.push_str(r##""z":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##);
    let plan = plan_of(&texts, "$..a1 $.a0.a1.a2[*].x", None, Containers::Expand);
    assert!(plan.leaves().len() <= MAX_LEAVES && plan.unmatched().is_empty());
}
