//! Avro, Protobuf and JSON with a schema, as real serializers write them: masked on the encoded bytes, and read back by
//! real deserializers. What nobody can read never passes.

use crate::harness::lab::{Lab, SOON};
use crate::harness::registry::{self, FakeRegistry, NewSchema, Trouble};
use crate::harness::serdes::{self, Encoding, Framing, Place};
use crate::harness::verdict::quarantined;
use crate::harness::wait::{eventually, secs};
use crate::harness::{http, status};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

pub const AVRO: &str = r#"{"type":"record","name":"Pay","fields":[
    {"name":"to","type":{"type":"record","name":"To","fields":[{"name":"name","type":"string"},{"name":"city","type":["null","string"]}]}},
    {"name":"sum","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"tags","type":{"type":"array","items":"string"}},{"name":"by","type":{"type":"map","values":"string"}},
    {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["CARD","CASH"]}},{"name":"n","type":"long"}]}"#;

pub const PROTOBUF: &str = r#"syntax = "proto3"; package pay; message First {}
    message Pay { To to = 1; int64 sum = 2; repeated string tags = 3; map<string, string> by = 4; Kind kind = 5; oneof way { string iban = 6; int32 n = 7; }
      message To { string name = 1; string city = 2; } enum Kind { CARD = 0; CASH = 1; } }"#;

const JSON: &str =
    r#"{"$schema":"http://json-schema.org/draft-07/schema#","title":"Pay","type":"object","properties":{"to":{"type":"object"}}}"#;

/// A format, what is written, and what has to come out.
pub(super) struct Sample {
    pub name: &'static str,
    pub schema: NewSchema<'static>,
    pub encoding: Value,
    pub record: Value,
    pub masked: Value,
}

pub(super) fn samples() -> [Sample; 3] {
    let new = |kind, text| NewSchema { kind, text, references: &[] };
    [
        Sample {
            name: "avro",
            schema: new("AVRO", AVRO),
            encoding: json!({ "format": "avro" }),
            record: json!({ "to": { "name": "CANARY-Łukasz", "city": "CANARY-Łódź" }, "sum": { "$decimal": "12.30" },
                "tags": ["CANARY-a", ""], "by": { "x": "CANARY-y" }, "kind": "CASH", "n": 9_007_199_254_740_993_i64 }),
            masked: json!({ "to": { "name": "***********sz", "city": null }, "sum": { "$decimal": "0.00" },
                "tags": ["[redacted]", "[redacted]"], "by": { "x": "C*******" }, "kind": "CARD", "n": 9_007_199_254_740_993_i64 }),
        },
        Sample {
            name: "protobuf",
            schema: new("PROTOBUF", PROTOBUF),
            encoding: json!({ "format": "protobuf", "message": "pay.Pay" }),
            record: json!({ "to": { "name": "CANARY-Łukasz", "city": "CANARY-Łódź" }, "sum": "1230",
                "tags": ["CANARY-a", ""], "by": { "x": "CANARY-y" }, "kind": "CASH", "n": 7 }),
            masked: json!({ "to": { "name": "***********sz" }, "tags": ["[redacted]", "[redacted]"], "by": { "x": "C*******" }, "n": 7 }),
        },
        Sample {
            name: "json",
            schema: new("JSON", JSON),
            encoding: json!({ "format": "json_schema" }),
            record: json!({ "to": { "name": "CANARY-Łukasz", "city": "CANARY-Łódź" }, "sum": 12.30,
                "tags": ["CANARY-a", ""], "by": { "x": "CANARY-y" }, "kind": "CASH", "n": 7 }),
            masked: json!({ "to": { "name": "***********sz" }, "sum": null,
                "tags": ["[redacted]", "[redacted]"], "by": { "x": "C*******" }, "kind": "[redacted]", "n": 7 }),
        },
    ]
}

pub(super) fn steps() -> Value {
    json!([{ "plugin": "mask", "map_names": "clear", "fields": {
        "$.to.name": { "use": "keep_last", "n": 2 },
        "$.to.city": { "use": "remove" },
        "$.sum": { "use": "redact" },
        "$.tags[*]": { "use": "redact" },
        "$.by.*": { "use": "keep_first", "n": 1 },
        "$.kind": { "use": "redact" },
    } }])
}

/// The configuration of a case, with a registry for the source.
pub fn config(lab: &Lab, registry: &str, steps: &Value, change: impl FnOnce(&mut Value)) -> PathBuf {
    let file = lab.config(steps, change);
    let mut text: Value = serde_json::from_str(&fs::read_to_string(&file).expect("just written")).expect("JSON");
    text["clusters"]["landing"]["schema_registry"] = json!({ "url": registry, "timeout": "2s", "wait": "3s" });
    lab.write("sluice.yaml", &text)
}

fn masks(lab: &Lab, registry: &str, framing: Framing, register: impl Fn(&str, &NewSchema<'_>) -> u32) {
    for sample in samples() {
        let topic = lab.topic(sample.name);
        lab.create(&topic, 1);
        register(&format!("{topic}-value"), &sample.schema);
        let encoding = Encoding { framing, ..Encoding::of(sample.encoding) };
        let records = json!([{ "key": "k", "value": sample.record }, { "key": "k", "value": null }]);
        serdes::produce(Place { cluster: &lab.a, registry, topic: &topic }, &encoding, &records);
        let file = config(lab, registry, &steps(), |p| {
            p["name"] = json!(format!("{}-{}", lab.id, sample.name));
            p["topics"] = json!({ "include": [topic] });
        });
        lab.catch_up(sample.name, &file, 0);
        let read = serdes::read(Place { cluster: &lab.b, registry, topic: &topic }, &encoding);
        assert_eq!((read.len(), &read[0]["value"], &read[1]["value"]), (2, &sample.masked, &Value::Null), "{}", sample.name);
    }
}

#[test]
#[ignore = "needs brokers and a registry: tests/run"]
fn masked_behind_an_id() {
    let lab = Lab::new("formats");
    masks(&lab, &registry::address(), Framing::Prefix, registry::register);
    lab.finish();
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn masked_behind_a_guid_in_a_header() {
    let lab = Lab::new("formats-guid");
    let fake = FakeRegistry::start();
    masks(&lab, &fake.address(), Framing::Header, |subject, schema| fake.register(subject, schema));
    lab.finish();
}

const TWO: &str = r#"{"type":"record","name":"R","fields":[{"name":"id","type":"int"},{"name":"mail","type":"string"}]}"#;
const THREE: &str = r#"{"type":"record","name":"R","fields":[{"name":"id","type":"int"},{"name":"mail","type":"string"},{"name":"phone","type":"string","default":""}]}"#;

fn avro(text: &'static str) -> NewSchema<'static> {
    NewSchema { kind: "AVRO", text, references: &[] }
}

fn listed(more: &Value) -> Value {
    let mut step = json!({ "plugin": "mask", "mode": "allow_list", "keep": ["$.id"], "key": "clear",
        "fields": { "$.mail": { "use": "redact" } } });
    if let (Some(step), Some(more)) = (step.as_object_mut(), more.as_object()) {
        step.extend(more.clone());
    }
    json!([step])
}

/// A field that a new schema brings and the allow list does not name stops the partition before the first record of that
/// schema passes; dropping it is a choice.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_new_field_is_drift() {
    let lab = Lab::new("formats-drift");
    let fake = FakeRegistry::start();
    let (topic, address) = (lab.topic("people"), fake.address());
    lab.create(&topic, 1);
    let place = Place { cluster: &lab.a, registry: &address, topic: &topic };
    let encoding = Encoding::of(json!({ "format": "avro" }));
    fake.register(&format!("{topic}-value"), &avro(TWO));
    serdes::produce(place, &encoding, &json!([{ "key": "a", "value": { "id": 1, "mail": "CANARY-1" } }]));
    let file = config(&lab, &address, &listed(&json!({})), |_| ());
    lab.catch_up("two", &file, 0);
    fake.register(&format!("{topic}-value"), &avro(THREE));
    serdes::produce(place, &encoding, &json!([{ "key": "a", "value": { "id": 2, "mail": "CANARY-2", "phone": "CANARY-3" } }]));

    let halted = lab.catch_up("three", &file, 1);

    assert!(halted.stderr.contains("$.phone") && halted.stderr.contains("drift"), "{}", halted.stderr);
    let target = Place { cluster: &lab.b, ..place };
    assert_eq!(serdes::read(target, &encoding).len(), 1, "a record of the new schema passed");
    let file = config(&lab, &address, &listed(&json!({ "unlisted": "drop" })), |_| ());
    lab.catch_up("dropped", &file, 0);
    let read = serdes::read(target, &encoding);
    assert_eq!(read[1]["value"], json!({ "id": 2, "mail": "[redacted]", "phone": "" }));
    lab.finish();
}

/// Without the registry, records of schemas that are known go on, and one of an unknown schema stops its partition until
/// the registry is back; what the registry does not have, or what is no Avro, is put aside.
#[test]
#[ignore = "needs brokers: tests/run"]
fn without_an_answer_nothing_passes() {
    let lab = Lab::new("formats-down");
    let fake = FakeRegistry::start();
    let (topic, address) = (lab.topic("people"), fake.address());
    lab.create(&topic, 1);
    let place = Place { cluster: &lab.a, registry: &address, topic: &topic };
    let encoding = Encoding::of(json!({ "format": "avro" }));
    let mail = |n: u32| json!({ "key": "a", "value": { "id": n, "mail": format!("CANARY-{n}") } });
    fake.register(&format!("{topic}-value"), &avro(TWO));
    serdes::produce(place, &encoding, &json!([mail(1)]));
    let steps = json!([{ "plugin": "mask", "fields": { "$.mail": { "use": "redact" } } }]);
    let file = config(&lab, &address, &steps, |p| {
        p["on_error"] = json!("quarantine");
        p["lanes"] = json!(1);
    });
    let mut process = lab.run("run", &file, &[], &[]);
    process.wait_ready(SOON);
    let committed = || lab.ends(&lab.b, &topic, true).iter().sum::<i64>();
    eventually("the first is copied", SOON, || (committed() >= 1).then_some(()));

    serdes::produce(place, &encoding, &json!([mail(2)]));
    let bytes = Encoding::of(json!({ "format": "bytes" }));
    serdes::produce(place, &bytes, &json!([{ "key": "a", "value": "000000ffff43414e415259" }, { "key": "a", "value": "00000000010243" }]));
    eventually("two are put aside", SOON, || (quarantined(&lab) == [(0, 2), (0, 3)]).then_some(()));
    fake.register(&format!("{topic}-value"), &avro(THREE));
    serdes::produce(place, &encoding, &json!([{ "key": "a", "value": { "id": 3, "mail": "CANARY-3", "phone": "+1" } }]));
    eventually("the new schema's record is copied", SOON, || {
        (serdes::read(Place { cluster: &lab.b, ..place }, &encoding).len() == 3).then_some(())
    });

    let other = FakeRegistry::start();
    other.register("pad-1", &avro(TWO));
    other.register("pad-2", &avro(THREE));
    let [pad, fourth] =
        [r#"{"type":"record","name":"P","fields":[]}"#, r#"{"type":"record","name":"R","fields":[{"name":"mail","type":"string"}]}"#];
    other.register("pad-3", &avro(pad));
    let id = other.register(&format!("{topic}-value"), &avro(fourth));
    fake.set(Some(Trouble::Down));
    // A record of the first schema, written by hand: the registry is not there to be asked.
    serdes::produce(place, &bytes, &json!([{ "key": "a", "value": "00000000010a1043414e4152592d35" }]));
    eventually("a record whose schema is known goes on without the registry", SOON, || (lab.dump(&topic).len() == 4).then_some(()));
    serdes::produce(Place { registry: &other.address(), ..place }, &encoding, &json!([{ "key": "a", "value": { "mail": "CANARY-4" } }]));
    eventually("the lane says why it stands", SOON, || {
        let page = http::get(process.port, "/status")?;
        let status = status::find(&lab, &serde_json::from_str(&page.body).ok()?);
        (status["partitions"][0]["halted"]["code"] == "registry_unavailable").then_some(())
    });
    assert_eq!(quarantined(&lab).len(), 2, "nobody knows what it is: it is not put aside");
    assert_eq!(lab.dump(&topic).len(), 4, "what nobody can read passed");
    fake.register("pad-3", &avro(pad));
    assert_eq!(fake.register(&format!("{topic}-value"), &avro(fourth)), id);
    fake.set(None);
    eventually("the registry is back, and so is the partition", SOON, || (lab.dump(&topic).len() == 5).then_some(()));
    process.wait_ready(SOON);
    let read = serdes::read(Place { cluster: &lab.b, ..place }, &encoding);
    assert_eq!(read[4]["value"], json!({ "mail": "[redacted]" }));
    assert_eq!(quarantined(&lab).len(), 2);
    process.terminate(secs(60));
    lab.finish();
}

/// A record that is taken for one with a schema, and nobody can be asked for that, is told by its place alone: what it begins
/// with may be no reference but the record itself.
#[test]
#[ignore = "needs brokers: tests/run"]
fn what_a_record_begins_with_is_not_told() {
    let lab = Lab::new("formats-begin");
    let fake = FakeRegistry::start();
    let (topic, address) = (lab.topic("people"), fake.address());
    lab.create(&topic, 1);
    fake.set(Some(Trouble::Down));
    let place = Place { cluster: &lab.a, registry: &address, topic: &topic };
    // 1, which a GUID would follow, and "CANARY-0123456789"
    let begins = json!([{ "key": "a", "value": "0143414e4152592d30313233343536373839" }]);
    serdes::produce(place, &Encoding::of(json!({ "format": "bytes" })), &begins);
    let steps = json!([{ "plugin": "mask", "fields": { "$.mail": { "use": "redact" } } }]);
    let file = config(&lab, &address, &steps, |p| p["on_error"] = json!("quarantine"));
    let ended = lab.catch_up("run", &file, 1);
    ended.expect_line(&["registry_unavailable", &topic]);
    assert_eq!(quarantined(&lab), [], "nobody knows what it is");
    lab.finish();
}
