//! Leaves, unlisted places and what may be set, as lists.

use super::super::super::Containers;
use super::super::fixture::{ALL, Fixture, NEW};
use super::*;
use Containers::Expand;

fn leaves(fixture: &Fixture, fields: &str, keep: Option<&str>) -> Vec<String> {
    let leaf = |leaf: Leaf| {
        let field = leaf.field.map_or(String::new(), |field| format!(" <- {field}"));
        format!("{} {}{field}{}", leaf.path, leaf.type_name, if leaf.listed { "" } else { " unlisted" })
    };
    fixture.plan(fields, keep, Expand).leaves().into_iter().map(leaf).collect()
}

#[test]
fn every_place_is_listed_once() {
    let tree = Fixture::new(ALL, 1);
    let wanted = ["$.name string", "$.children[*].name string", "$.children[*].children[*] message t.Tree"];
    assert_eq!(leaves(&tree, "", None)[..3], wanted);
    assert_eq!(leaves(&tree, "", None).len(), 10);
    let found = leaves(&tree, "$.name $.children[0].name $.children[-1].leaf", None);
    for wanted in ["$.name string <- 0", "$.children[0].name string <- 1", "$.children[-1].leaf.size int32 <- 2", "$.leaf.size int32"] {
        assert!(found.iter().any(|leaf| leaf == wanted), "{wanted}: {found:#?}");
    }
    let found = leaves(&tree, "$..name", Some("$.leaf"));
    let wanted = [
        "$.name string <- 0",
        "$.children[*].name string <- 0",
        "$.children[*].children[*] message t.Tree",
        "$.children[*].parent message t.Tree",
        "$.children[*].leaf.size int32 unlisted",
    ];
    assert_eq!(found[..5], wanted, "{found:#?}");
    assert_eq!(found.last().map(String::as_str), Some("$.leaf.size int32"));
    let new = Fixture::new(NEW, 0);
    let found = leaves(&new, "$.parts['a-b'].name", Some("$.parts.x"));
    for wanted in
        ["$.parts['a-b'].name string <- 0", "$.parts.x.name string", "$.parts[*].name string unlisted", "$.color enum Color unlisted"]
    {
        assert!(found.iter().any(|leaf| leaf == wanted), "{wanted}: {found:#?}");
    }
}

#[test]
fn unlisted_and_unmatched() {
    let old = Fixture::new(ALL, 2);
    let plan = old.plan("$.name $.nmae $..text $.inners[0].x", Some("$.size $.inner"), Expand);
    assert_eq!(plan.unlisted(), ["$.color", "$.note", "$.inners[0].key", "$.inners[0].ratio", "$.inners[*].key", "$.inners[*].ratio"]);
    assert_eq!(plan.unmatched(), [1, 3]);
    assert_eq!(old.plan("$.name", None, Expand).unlisted(), [""; 0]);
    let all = Fixture::new(ALL, 0);
    let plan = all.plan("$.labels $.labels.x $.cardNumber $.numbers[7] $.pair.inner $ $.string.y $.labels[0]", None, Expand);
    assert_eq!(plan.unmatched(), [6, 7]);
}

#[test]
fn what_may_be_set() {
    let old = Fixture::new(ALL, 2);
    let plan = old.plan("$.name $..text $.inners[*].ratio $.color", None, Expand);
    let places = |field| -> Vec<String> {
        let one = |place: Place| {
            let kinds: Vec<u8> = (0..7).filter(|kind| place.kinds.contains(KINDS[usize::from(*kind)])).collect();
            let flags = [(place.nullable, " nullable"), (place.removable, " removable"), (place.any_text, " text")];
            let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
            format!("{} {} {kinds:?}{flags}", place.path, place.type_name)
        };
        plan.places(field).map(one).collect()
    };
    assert_eq!(places(0), ["$.name string [4] text"]);
    assert_eq!(places(1), ["$.inner.text string [0, 4] nullable removable text", "$.inners[*].text string [0, 4] nullable removable text"]);
    assert_eq!(places(2), ["$.inners[*].ratio double [2, 3]"]);
    assert_eq!(places(3), ["$.color enum t.Color [2, 4]"]);
    let new = Fixture::new(NEW, 0);
    let plan = new.plan("$.size $.ratios $.raw", None, Expand);
    let removable: Vec<(bool, bool)> = (0..3).flat_map(|field| plan.places(field)).map(|place| (place.nullable, place.removable)).collect();
    assert_eq!(removable, [(false, true); 3]);
}

const KINDS: [Kind; 7] = [Kind::Null, Kind::Boolean, Kind::Integer, Kind::Decimal, Kind::Text, Kind::Bytes, Kind::Composite];

#[test]
fn maps_that_are_masked_keep_their_keys() {
    let all = Fixture::new(ALL, 0);
    for (fields, wanted) in [
        ("$.labels", Some((0, "$.labels"))),
        ("$.labels[*]", Some((0, "$.labels"))),
        ("$.labels.x", None),
        ("$.labels.x $.labels.*", Some((1, "$.labels"))),
        ("$.labels[*].x", None),
        // A label in an entry may be called so.
        ("$..x", Some((0, "$.items[*].by_number"))),
        ("$.by_number[*].string", Some((0, "$.by_number"))),
        ("$.by_number['7'].string", None),
        ("$.by_number[*].by_number['7'].pair.left", Some((0, "$.by_number"))),
        ("$.by_number['7'].by_number[*].pair.left", Some((0, "$.by_number['7'].by_number"))),
        ("$.items[*].by_number[*].items[0].names", Some((0, "$.items[*].by_number"))),
        ("$..left", Some((0, "$.items[*].by_number"))),
    ] {
        let found = all.plan(fields, None, Expand).open_names();
        assert_eq!(found.first().map(|(field, path)| (*field, path.as_str())), wanted, "{fields}");
        assert_eq!(all.plan(fields, None, Containers::Composite).open_names(), [], "{fields}: nothing is edited");
    }
    assert_eq!(all.plan("", Some("$.by_number[*].string"), Expand).open_names(), [], "kept on purpose");
    let flat = Fixture::new(r#"syntax = "proto3"; message M { map<string, string> labels = 1; string x = 2; }"#, 0);
    assert_eq!(flat.plan("$..x", None, Expand).open_names(), [], "below an entry is nothing");
    assert!(all.plan("$", None, Expand).open_names().iter().any(|(_, path)| path == "$.labels"));
}
