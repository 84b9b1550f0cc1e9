//! The cases as files, and the schema that goes with the settings.
use std::collections::BTreeSet;

use sluice_plugin::testing::{CaseFailure, check_cases};

use super::*;

#[test]
fn cases_hold() -> Result<(), CaseFailure> {
    check_cases::<Mask>(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}

/// The variants of the schema, by operator.
fn variants() -> serde_json::Result<Vec<(String, Value)>> {
    let schema: Value = serde_json::from_str(&Mask::describe().field_settings_schema)?;
    let variants = schema["oneOf"].as_array().cloned().unwrap_or_default();
    Ok(variants.into_iter().map(|one| (one["properties"]["use"]["const"].as_str().unwrap_or_default().to_owned(), one)).collect())
}

#[test]
fn each_operator_has_its_settings_in_the_schema() -> serde_json::Result<()> {
    let mut listed: Vec<String> = variants()?.into_iter().map(|(name, _)| name).collect();
    listed.dedup();
    assert_eq!(listed, OPERATORS);
    Ok(())
}

/// What the program reads to say which fields can be opened again, joined, or used as a key.
#[test]
fn each_variant_says_what_it_does_to_a_value() -> serde_json::Result<()> {
    for (name, variant) in variants()? {
        let says = &variant["x-sluice"];
        let keys: BTreeSet<&str> = says.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let mut expected = BTreeSet::from(["deterministic", "injective", "keyed", "output", "reversible"]);
        if variant["properties"]["then"].is_object() {
            expected.insert("as");
        }
        assert_eq!(keys, expected, "{name}");
        assert!(
            ["text", "uuid", "letters", "form", "same", "part", "null", "none", "setting", "cleared"]
                .contains(&says["output"].as_str().unwrap_or_default()),
            "{name}"
        );
        let keyed = variant["required"].as_array().into_iter().flatten().any(|key| key == "key");
        assert_eq!(says["keyed"], keyed, "{name}");
        assert_eq!(variant["additionalProperties"], false, "{name}");
    }
    Ok(())
}
