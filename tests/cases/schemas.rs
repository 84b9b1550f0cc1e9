//! The serializers themselves: what Confluent's client writes by a schema it reads back, and it writes the framing that
//! Sluice expects. No program of ours is involved; other cases build on it.

use crate::harness::http;
use crate::harness::lab::Lab;
use crate::harness::registry::{self, FakeRegistry, NewSchema, Trouble};
use crate::harness::serdes::{self, Encoding, Framing, Place};
use crate::harness::wait::secs;
use serde_json::{Value, json};
use std::time::Instant;

const AVRO: NewSchema<'_> = NewSchema {
    kind: "AVRO",
    text: r#"{"type":"record","name":"Pay","fields":[{"name":"to","type":"common.Address"},
        {"name":"sum","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"note","type":["null","long","string"]},{"name":"raw","type":"bytes"},{"name":"share","type":"double"}]}"#,
    references: &[],
};

const ADDRESS: NewSchema<'_> = NewSchema {
    kind: "AVRO",
    text: r#"{"type":"record","name":"Address","namespace":"common","fields":[{"name":"city","type":"string"}]}"#,
    references: &[],
};

const PROTOBUF: NewSchema<'_> = NewSchema {
    kind: "PROTOBUF",
    text: r#"syntax = "proto3"; package pay; import "m/money.proto"; import "google/protobuf/timestamp.proto";
        message First {} message Pay { m.Money sum = 1; google.protobuf.Timestamp at = 2; Inner inner = 3;
        message Other {} message Inner { repeated string tags = 1; } }"#,
    references: &[],
};

const MONEY: NewSchema<'_> =
    NewSchema { kind: "PROTOBUF", text: r#"syntax = "proto3"; package m; message Money { int64 units = 1; }"#, references: &[] };

const JSON: NewSchema<'_> = NewSchema {
    kind: "JSON",
    text: r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Pay","type":"object","properties":{"city":{"type":"string"}}}"#,
    references: &[],
};

/// A format, its message, one value, and what comes before the body.
struct Sample {
    name: &'static str,
    value: Value,
    record: Value,
    indexes: &'static str,
}

fn samples() -> [Sample; 4] {
    [
        Sample {
            name: "avro",
            value: json!({ "format": "avro" }),
            record: json!({ "to": { "city": "Łódź" }, "sum": { "$decimal": "12.30" }, "raw": { "$bytes": "00ff" }, "note": 7,
                "at": { "$timestamp": "2026-01-31T00:00:00.123000+00:00" }, "share": { "$float": "nan" } }),
            indexes: "",
        },
        Sample {
            name: "protobuf",
            value: json!({ "format": "protobuf", "message": "pay.Pay" }),
            record: json!({ "sum": { "units": "9007199254740993" }, "at": "2026-01-31T00:00:00Z", "inner": { "tags": ["a", ""] } }),
            indexes: "0202", // one number: 1
        },
        Sample {
            name: "protobuf-inner",
            value: json!({ "format": "protobuf", "message": "pay.Pay.Inner" }),
            record: json!({ "tags": ["x"] }),
            indexes: "040202", // two: 1, 1
        },
        Sample { name: "json", value: json!({ "format": "json_schema" }), record: json!({ "city": "Łódź" }), indexes: "" },
    ]
}

/// Registers everything under the topics' subjects by `register`, and answers with the values' ids.
fn register_all(lab: &Lab, mut register: impl FnMut(&str, &NewSchema<'_>) -> u32) -> Vec<u32> {
    let (address, money) = (format!("{}.address", lab.id), format!("{}.money", lab.id));
    register(&address, &ADDRESS);
    register(&money, &MONEY);
    let avro = NewSchema { references: &[("common.Address", &address, 1)], ..AVRO };
    let protobuf = NewSchema { references: &[("m/money.proto", &money, 1)], ..PROTOBUF };
    let of = |sample: &Sample| match sample.name {
        "avro" => avro.clone(),
        "json" => JSON,
        _ => protobuf.clone(),
    };
    samples().iter().map(|sample| register(&format!("{}-value", lab.topic(sample.name)), &of(sample))).collect()
}

/// Writes and reads each sample, and answers with the bytes that came before the body or stand in the header, as hex.
fn round_trip(lab: &Lab, registry: &str, framing: Framing) -> Vec<(String, Vec<String>)> {
    let mut seen = Vec::new();
    for sample in samples() {
        let topic = lab.topic(sample.name);
        lab.create(&topic, 1);
        let place = Place { cluster: &lab.a, registry, topic: &topic };
        let encoding = Encoding { framing, ..Encoding::of(sample.value) };
        let records = json!([{ "key": "k", "value": sample.record }, { "key": "k", "value": null }]);
        assert_eq!(serdes::produce(place, &encoding, &records), [0, 1], "{}", sample.name);
        let read = serdes::read(place, &encoding);
        assert_eq!(read[0]["value"], sample.record, "{}", sample.name);
        assert_eq!((&read[0]["key"], &read[1]["value"]), (&json!("k"), &Value::Null), "{}", sample.name);
        let raw = serdes::read(place, &Encoding::of(json!({ "format": "bytes" })));
        let headers = raw[0]["headers"].as_array().into_iter().flatten().map(Value::to_string);
        seen.push((raw[0]["value"].as_str().expect("bytes as hex").to_owned(), headers.collect()));
    }
    seen
}

#[test]
#[ignore = "needs brokers and a registry: tests/run"]
fn real_serializers_write_ids_before_the_body() {
    let lab = Lab::new("serdes");
    let ids = register_all(&lab, registry::register);
    let seen = round_trip(&lab, &registry::address(), Framing::Prefix);
    for ((sample, id), (value, headers)) in samples().iter().zip(ids).zip(seen) {
        let expected = format!("00{id:08x}{}", sample.indexes);
        assert!(value.starts_with(&expected), "{}: {value}", sample.name);
        assert!(headers.is_empty(), "{}", sample.name);
    }
    lab.finish();
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn real_serializers_write_guids_into_headers() {
    let lab = Lab::new("serdes-header");
    let fake = FakeRegistry::start();
    let ids = register_all(&lab, |subject, schema| fake.register(subject, schema));
    let seen = round_trip(&lab, &fake.address(), Framing::Header);
    for ((sample, id), (value, headers)) in samples().iter().zip(ids).zip(seen) {
        let guid = fake.guid(id).replace('-', "");
        let expected = json!(["__value_schema_id", format!("01{guid}{}", sample.indexes)]).to_string();
        assert_eq!(headers, [expected], "{}", sample.name);
        assert!(!value.starts_with("00000000"), "{}: {value}", sample.name);
    }
    lab.finish();
}

#[test]
fn the_registry_of_our_own_answers_and_misbehaves() {
    let fake = FakeRegistry::start();
    let id = fake.register("a/b", &JSON);
    let get = |path: &str| http::get(fake.port(), path);
    let known = format!("/schemas/ids/{id}");
    let guid = format!("/schemas/guids/{}", fake.guid(id));
    for path in [&known, &guid, "/subjects/a%2Fb/versions/latest", "/subjects/a%2Fb/versions/1?deleted=true"] {
        let page = get(path).unwrap_or_else(|| panic!("{path} answers"));
        assert_eq!((page.status, &page.json()["schema"]), (200, &json!(JSON.text)), "{path}");
    }
    let codes =
        [("/schemas/ids/9", 40403), ("/schemas/ids/0", 40403), ("/subjects/x/versions/1", 40401), ("/subjects/a%2Fb/versions/2", 40402)];
    for (path, code) in codes {
        let page = get(path).unwrap_or_else(|| panic!("{path} answers"));
        assert_eq!((page.status, &page.json()["error_code"]), (404, &json!(code)), "{path}");
    }
    assert_eq!(fake.requests()[0], format!("GET {known}"));

    fake.set(Some(Trouble::Down));
    assert!(get(&known).is_none());
    fake.set(Some(Trouble::Cut));
    assert!(get(&known).is_some_and(|page| serde_json::from_str::<Value>(&page.body).is_err()));
    fake.set(Some(Trouble::Status(503)));
    assert_eq!(get(&known).map(|page| page.status), Some(503));
    fake.set(Some(Trouble::Body("else".into())));
    assert_eq!(get(&known).map(|page| page.body), Some("else".to_owned()));
    fake.set(Some(Trouble::Slow(secs(1))));
    let start = Instant::now();
    assert!(get(&known).is_some() && start.elapsed() >= secs(1));
    fake.set(None);
    assert_eq!(get(&known).map(|page| page.status), Some(200));
}
