//! Values that a plugin sees as JSON, whatever they are written in, and documents inside texts: written by real
//! serializers, read back by real deserializers.

use super::formats::{AVRO, PROTOBUF, config};
use crate::harness::guests;
use crate::harness::lab::Lab;
use crate::harness::random;
use crate::harness::registry::{self, FakeRegistry, NewSchema};
use crate::harness::serdes::{self, Encoding, Framing, Place};
use crate::harness::verdict::quarantined;
use serde_json::{Value, json};

/// A format, what is written, and what has to come out.
struct Sample {
    name: &'static str,
    schema: NewSchema<'static>,
    encoding: Value,
    record: Value,
    edited: Value,
}

fn new(kind: &'static str, text: &'static str) -> NewSchema<'static> {
    NewSchema { kind, text, references: &[] }
}

fn samples() -> [Sample; 2] {
    let to = json!({ "name": "CANARY-Łukasz", "city": "CANARY-Łódź" });
    [
        Sample {
            name: "avro",
            schema: new("AVRO", AVRO),
            encoding: json!({ "format": "avro" }),
            record: json!({ "to": to, "sum": { "$decimal": "12.30" }, "tags": ["a", ""], "by": { "x": "CANARY-y", "z": "" },
                "kind": "CASH", "n": 9_007_199_254_740_993_i64 }),
            edited: json!({ "to": { "name": "x", "city": "CASH" }, "sum": { "$decimal": "12.30" }, "tags": ["a", ""], "by": { "z": "" },
                "kind": "CASH", "n": 9_007_199_254_740_994_i64 }),
        },
        Sample {
            name: "protobuf",
            schema: new("PROTOBUF", PROTOBUF),
            encoding: json!({ "format": "protobuf", "message": "pay.Pay" }),
            record: json!({ "to": to, "sum": "9007199254740993", "tags": ["a", ""], "by": { "x": "CANARY-y", "z": "" }, "kind": "CASH", "n": 7 }),
            edited: json!({ "to": { "name": "x", "city": "CASH" }, "sum": "9007199254740993", "tags": ["a", ""], "by": { "z": "" },
                "kind": "CASH", "n": 8 }),
        },
    ]
}

/// A step that sees the whole value as JSON.
fn enrich(sections: &Value) -> Value {
    let mut step = json!({ "plugin": "enrich", "sees": ["value"], "view": "json" });
    if let (Some(step), Some(sections)) = (step.as_object_mut(), sections.as_object()) {
        step.extend(sections.clone());
    }
    json!([step])
}

fn edits() -> Value {
    enrich(&json!({
        "set": [
            { "to": "$.to.name", "value": "x" },
            { "to": "$.to.city", "from": "$.kind" },
            { "to": "$.n", "cel": "n + 1", "with": { "n": "$.n" } },
        ],
        "drop": ["$.by.x"],
    }))
}

/// Runs `steps` over a topic of its own with the sample's record and a deletion in it.
fn through(lab: &Lab, registry: &str, sample: &Sample, encoding: &Encoding, steps: &Value) -> String {
    let topic = lab.topic(&format!("{}.{}", sample.name, random::suffix()));
    lab.create(&topic, 1);
    let records = json!([{ "key": "k", "value": sample.record }, { "key": "k", "value": null }]);
    registry::register(&format!("{topic}-value"), &sample.schema);
    serdes::produce(Place { cluster: &lab.a, registry, topic: &topic }, encoding, &records);
    let file = config(lab, registry, steps, |p| {
        p["name"] = json!(topic);
        p["topics"] = json!({ "include": [topic] });
    });
    lab.catch_up(sample.name, &file, 0);
    topic
}

#[test]
#[ignore = "needs brokers and a registry: tests/run"]
fn edited_as_json() {
    let lab = Lab::new("views");
    let registry = registry::address();
    for sample in samples() {
        let encoding = Encoding::of(sample.encoding.clone());
        let topic = through(&lab, &registry, &sample, &encoding, &edits());
        let read = serdes::read(Place { cluster: &lab.b, registry: &registry, topic: &topic }, &encoding);
        assert_eq!((read.len(), &read[0]["value"], &read[1]["value"]), (2, &sample.edited, &Value::Null), "{}", sample.name);
    }
    lab.finish();
}

/// A plugin that sees a value and leaves it leaves its bytes, framing included.
#[test]
#[ignore = "needs brokers and a registry: tests/run"]
fn what_is_left_keeps_its_bytes() {
    let lab = Lab::new("views-same");
    let registry = registry::address();
    for mut sample in samples() {
        // Nothing masks here.
        sample.record["to"] = json!({ "name": "CANARY-Łukasz", "city": "Łódź" });
        sample.record["by"] = json!({ "x": "", "z": "z", "a": "a" });
        let topic =
            through(&lab, &registry, &sample, &Encoding::of(sample.encoding.clone()), &enrich(&json!({ "cast": { "$.kind": "text" } })));
        let bytes = Encoding::of(json!({ "format": "bytes" }));
        let raw = |cluster| serdes::read(Place { cluster, registry: &registry, topic: &topic }, &bytes);
        let (before, after) = (raw(&lab.a), raw(&lab.b));
        assert_eq!((&after[0]["value"], &after[1]["value"]), (&before[0]["value"], &Value::Null), "{}", sample.name);
    }
    lab.finish_clear();
}

#[test]
#[ignore = "needs brokers and a registry: tests/run"]
fn what_does_not_come_back_is_put_aside() {
    let lab = Lab::new("views-misfit");
    let registry = registry::address();
    let topics = samples().map(|sample| {
        let topic = lab.topic(sample.name);
        lab.create(&topic, 1);
        registry::register(&format!("{topic}-value"), &sample.schema);
        let encoding = Encoding::of(sample.encoding);
        let records = json!([{ "key": "k", "value": sample.record }, { "key": "k", "value": null }]);
        serdes::produce(Place { cluster: &lab.a, registry: &registry, topic: &topic }, &encoding, &records);
        (topic, encoding)
    });
    let unknown = enrich(&json!({ "set": [{ "to": "$.more", "value": 1 }] }));
    let file = config(&lab, &registry, &unknown, |p| p["on_error"] = json!("quarantine"));

    lab.catch_up("run", &file, 0);

    for (topic, encoding) in topics {
        let read = serdes::read(Place { cluster: &lab.b, registry: &registry, topic: &topic }, &encoding);
        assert_eq!((read.len(), &read[0]["value"]), (1, &Value::Null), "{topic}");
    }
    assert_eq!(quarantined(&lab), [(0, 0), (0, 0)]);
    lab.finish();
}

/// Records that a plugin makes of what it saw are written under the schema of the record that they came from, a header
/// that names it included.
#[test]
#[ignore = "needs brokers: tests/run"]
fn emitted_as_json() {
    let lab = Lab::new("views-emit");
    guests::install(&lab, "guest-split");
    let steps = json!([{ "plugin": "guest-split", "sees": ["key", "value", "headers"], "view": "json", "copies": 2 }]);
    let fake = FakeRegistry::start();
    for mut sample in samples() {
        sample.record["to"] = json!({ "name": "CANARY-Łukasz", "city": "Łódź" });
        sample.record["by"] = json!({ "x": "y" });
        let topic = lab.topic(sample.name);
        lab.create(&topic, 1);
        fake.register(&format!("{topic}-value"), &sample.schema);
        let address = fake.address();
        let place = Place { cluster: &lab.a, registry: &address, topic: &topic };
        let encoding = Encoding { framing: Framing::Header, ..Encoding::of(sample.encoding.clone()) };
        serdes::produce(place, &encoding, &json!([{ "key": "k", "value": sample.record }]));
        let file = config(&lab, &address, &steps, |p| {
            p["name"] = json!(format!("{}-{}", lab.id, sample.name));
            p["topics"] = json!({ "include": [topic] });
        });
        lab.catch_up(sample.name, &file, 0);
        let read = serdes::read(Place { cluster: &lab.b, ..place }, &encoding);
        assert_eq!(read.iter().map(|record| &record["value"]).collect::<Vec<_>>(), [&sample.record, &sample.record], "{}", sample.name);
    }
    lab.finish_clear();
}

const AVRO_TEXT: &str = r#"{"type":"record","name":"T","fields":[{"name":"id","type":"int"},{"name":"payload","type":["null","string"]}]}"#;
const PROTOBUF_TEXT: &str = r#"syntax = "proto3"; message T { int32 id = 1; optional string payload = 2; }"#;

/// Documents inside texts, and inside texts of those: masked where they stand, what nobody lists dropped, every other byte
/// as it was; a text that is no document is put aside.
#[test]
#[ignore = "needs brokers and a registry: tests/run"]
fn masked_inside_texts() {
    let lab = Lab::new("texts");
    let registry = registry::address();
    let steps = json!([{ "plugin": "mask", "mode": "allow_list", "key": "clear",
        "keep": ["$.id", "$.payload >> $.total", "$.payload >> $.deep >> $.ok"],
        "fields": { "$.payload >> $.email": { "use": "redact" }, "$.payload >> $.deep >> $.iban": { "use": "keep_last", "n": 1 } } }]);
    let raw = r#"{ "email": "CANARY-1","secret":["CANARY-3"], "total": 1.50, "deep": "{\"iban\":\"CANARY-2\",\"\u006fk\":true}" }"#;
    let masked = r#"{ "email": "[redacted]", "total": 1.50, "deep": "{\"iban\":\"*******2\",\"\u006fk\":true}" }"#;
    let formats = [
        ("avro", Some(new("AVRO", AVRO_TEXT)), json!({ "format": "avro" })),
        ("protobuf", Some(new("PROTOBUF", PROTOBUF_TEXT)), json!({ "format": "protobuf", "message": "T" })),
        ("json", None, json!({ "format": "json" })),
    ];
    let topics = formats.map(|(name, schema, encoding)| {
        let topic = lab.topic(name);
        lab.create(&topic, 1);
        if let Some(schema) = &schema {
            registry::register(&format!("{topic}-value"), schema);
        }
        let encoding = Encoding::of(encoding);
        let record = |id: u32, payload: Value| json!({ "key": "k", "value": { "id": id, "payload": payload } });
        let records = json!([record(1, json!(raw)), record(2, json!("CANARY-4 is no JSON")), record(3, json!("{}"))]);
        serdes::produce(Place { cluster: &lab.a, registry: &registry, topic: &topic }, &encoding, &records);
        (topic, encoding)
    });
    let file = config(&lab, &registry, &steps, |p| p["on_error"] = json!("quarantine"));

    lab.catch_up("run", &file, 0);

    for (topic, encoding) in topics {
        let read = serdes::read(Place { cluster: &lab.b, registry: &registry, topic: &topic }, &encoding);
        let values: Vec<&Value> = read.iter().map(|record| &record["value"]).collect();
        assert_eq!(values, [&json!({ "id": 1, "payload": masked }), &json!({ "id": 3, "payload": "{}" })], "{topic}");
    }
    assert_eq!(quarantined(&lab), [(0, 1), (0, 1), (0, 1)]);
    lab.finish();
}
