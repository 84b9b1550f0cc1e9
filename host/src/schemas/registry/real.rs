//! The client against a real registry (Apicurio's Confluent interface), which `tests/run` starts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::error::Fault;
use super::super::{SchemaKind, SchemaRef};
use super::tests::{asked, registry};
use super::*;

fn address() -> String {
    std::env::var("SLUICE_TEST_REGISTRY").expect("tests/run starts a registry and says where")
}

/// A name that no other run uses.
fn fresh() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("client-{}", now.as_nanos())
}

fn register(subject: &str, kind: &str, text: &str, references: &[(&str, &str)]) -> u32 {
    let references: Vec<_> = references.iter().map(|(name, subject)| json!({ "name": name, "subject": subject, "version": 1 })).collect();
    let schema = json!({ "schemaType": kind, "schema": text, "references": references });
    let url = format!("{}/subjects/{}/versions", address(), escaped(subject));
    let response = ureq::post(url).content_type("application/json").send(schema.to_string()).unwrap();
    let answer: Value = serde_json::from_slice(&response.into_body().read_to_vec().unwrap()).unwrap();
    u32::try_from(answer["id"].as_u64().unwrap()).unwrap()
}

#[test]
#[ignore = "needs a real registry: tests/run starts one"]
fn real_registry_gives_schemas_with_what_they_refer_to() {
    let run = fresh();
    let (address_subject, money) = (format!("{run}.address"), format!("{run}/m/money.proto"));
    let address_text = format!(r#"{{"type":"record","name":"Address","namespace":"n{}","fields":[]}}"#, run.replace('-', "_"));
    let full_name = format!("n{}.Address", run.replace('-', "_"));
    let avro_text = format!(r#"{{"type":"record","name":"Pay","fields":[{{"name":"to","type":"{full_name}"}}]}}"#);
    let money_text = format!("syntax = \"proto3\"; package m; message Money {{ int64 units = 1; }} // {run}");
    let pay_text = format!("syntax = \"proto3\"; package p; import \"m/money.proto\"; message Pay {{ m.Money sum = 1; }} // {run}");
    let json_text = format!(r#"{{"$schema":"http://json-schema.org/draft-07/schema#","title":"{run}","type":"object"}}"#);
    register(&address_subject, "AVRO", &address_text, &[]);
    register(&money, "PROTOBUF", &money_text, &[]);
    let cases = [
        (SchemaKind::Avro, &avro_text, vec![(full_name.as_str(), address_subject.as_str(), &address_text)]),
        (SchemaKind::Protobuf, &pay_text, vec![("m/money.proto", money.as_str(), &money_text)]),
        (SchemaKind::Json, &json_text, vec![]),
    ];
    let client = registry(&[&address()], Duration::from_secs(10));
    for (kind, text, references) in cases {
        let subject = format!("{run}.{}-value", kind.word());
        let named: Vec<_> = references.iter().map(|(name, subject, _)| (*name, *subject)).collect();
        let id = register(&subject, kind.word(), text, &named);
        let schema = asked(&client, id).unwrap();
        assert_eq!((schema.kind, &schema.text), (kind, text));
        let found: Vec<_> = schema.references.iter().map(|r| (r.name.as_str(), r.subject.as_str(), &r.text)).collect();
        assert_eq!(found, references, "{kind}");
        let latest = client.latest(&subject, &|| false).unwrap();
        assert_eq!((latest.id, latest.version, &latest.schema), (id, 1, &*schema));
    }
    assert_eq!(client.subjects(&format!("{run}."), &|| false).unwrap().len(), 4);
}

#[test]
#[ignore = "needs a real registry: tests/run starts one"]
fn real_registry_says_no() {
    let client = registry(&[&address()], Duration::ZERO);
    assert_eq!(asked(&client, 2_000_000_000).unwrap_err(), LookupError::Unknown(SchemaRef::Id(2_000_000_000)));
    let subject = fresh();
    assert_eq!(client.latest(&subject, &|| false).unwrap_err(), LookupError::NoSubject { subject });
    // Apicurio does not know GUIDs at all, which says nothing about a schema.
    let unknown = client.schema(SchemaRef::Guid([7; 16]), &|| false).unwrap_err();
    assert!(matches!(&unknown, LookupError::Unavailable { last: Fault::Status { status: 404, .. }, .. }), "{unknown:?}");
}
