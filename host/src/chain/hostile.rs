//! What hostile values meet in the whole chain, in each format: the record gets a named code, its neighbours pass, and
//! nothing of it is in any row or any word about it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;

use serde_json::json;
use tempfile::TempDir;

use super::format::Parsed;
use super::{Chain, Sample, Verdict};
use crate::cli::check_selector;
use crate::config::{Source, plan_of};
use crate::gateway::{Prepared, prepare_with};
use crate::plugin::{Cache, Compile, Limits, LogMode, Plugins};
use crate::plugins::Registry;
use crate::schemas::{Schema, SchemaKind, SchemaRef};

const AVRO: &str = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"next","type":["null","R"]}]}"#;
const PROTOBUF: &str = r#"syntax = "proto3"; message R { string a = 1; R next = 2; }"#;

/// Framing of the Avro schema, of the Protobuf one, of one that the registry does not have, and of one that is none.
const AVRO_ID: &[u8] = &[0, 0, 0, 0, 1];
const PROTOBUF_ID: &[u8] = &[0, 0, 0, 0, 2, 0];
const UNKNOWN_ID: &[u8] = &[0, 0, 0, 0, 3];
const BROKEN_ID: &[u8] = &[0, 0, 0, 0, 4];

const DEEP: usize = 10_000;
const LONG: usize = 10 << 20;

/// A chain that redacts `$..a` in topics of this format.
fn prepared(format: &str, cache: &TempDir) -> Prepared {
    let text = json!({
        "clusters": { "a": { "bootstrap_servers": "127.0.0.1:1", "schema_registry": { "url": "http://127.0.0.1:1" } },
            "b": { "bootstrap_servers": "127.0.0.1:2" } },
        "pipelines": [{ "name": "p", "source": "a", "target": "b", "topics": { "include": ["t"] }, "format": format,
            "steps": [{ "plugin": "mask", "unmatched": "allow", "fields": { "$..a": { "use": "redact" } } }] }],
    });
    let source = Source { name: "hostile".to_owned(), base: ".".into(), text: text.to_string() };
    let plan = plan_of(&[source], &check_selector, &|_| None).unwrap();
    let host = Plugins::new(Limits::default(), Compile::InProcess, Cache::open(cache.path().join("cache")).unwrap()).unwrap();
    let registry = Registry::load(&host, &plan.plugins, &BTreeSet::from(["mask"])).unwrap();
    let prepared = prepare_with(&plan, registry, LogMode::Count).unwrap_or_else(|error| panic!("{error}"));
    let schemas = &prepared.chains[0].schemas;
    for (id, kind, text) in [(1, SchemaKind::Avro, AVRO), (2, SchemaKind::Protobuf, PROTOBUF), (4, SchemaKind::Avro, "{\"type\":")] {
        let schema = Schema { kind, text: text.to_owned(), references: Vec::new() };
        schemas.keep(SchemaRef::Id(id), Parsed::of(&schema));
    }
    schemas.keep(SchemaRef::Id(3), Parsed::Unusable("schema_unknown"));
    prepared
}

/// `CANARY` at the bottom of so many levels.
fn nested_json(levels: usize) -> Vec<u8> {
    [br#"{"next":"#.repeat(levels), br#"{"a":"CANARY"}"#.to_vec(), b"}".repeat(levels)].concat()
}

fn nested_avro(levels: usize) -> Vec<u8> {
    [AVRO_ID, &[0, 2].repeat(levels), b"\x0cCANARY\x00"].concat()
}

fn nested_protobuf(levels: usize) -> Vec<u8> {
    let mut message = b"\x0a\x06CANARY".to_vec();
    for _ in 0..levels {
        message = [&[0x12][..], &varint(message.len()), &message].concat();
    }
    [PROTOBUF_ID, &message].concat()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn long() -> Vec<u8> {
    b"CANARY".iter().copied().cycle().take(LONG).collect()
}

/// Each format's good record, and its hostile ones: the code, or none where it passes masked.
type Cases = (&'static str, Vec<u8>, Vec<(Vec<u8>, Option<&'static str>)>);

fn cases() -> [Cases; 3] {
    let (long, half) = (long(), LONG / 2);
    let json = vec![
        (br#"{"a":"CANARY""#.to_vec(), Some("not_json")),
        (b"{\"a\":\"CANARY\xff\"}".to_vec(), Some("invalid_utf8")),
        (br#"{"a":"CANARY","a":"CANARY"}"#.to_vec(), Some("duplicate_name")),
        (br#"{"a":"CANARY\ud800"}"#.to_vec(), Some("lone_surrogate")),
        (nested_json(DEEP), Some("too_deep")),
        ([b"[".repeat(DEEP), b"\"CANARY".to_vec()].concat(), Some("too_deep")),
        ([br#"{"a":""#, &long[..half]].concat(), Some("not_json")),
        ([br#"{"a":""#, &long[..], b"\"}"].concat(), None),
    ];
    let size = varint(LONG * 2);
    let avro = vec![
        (b"CANARY".to_vec(), Some("not_framed")),
        ([AVRO_ID, b"\x0cCANA"].concat(), Some("truncated")),
        ([AVRO_ID, b"\x0cCANARY\x00CANARY"].concat(), Some("trailing_bytes")),
        ([AVRO_ID, b"\x0cCANARY\x08"].concat(), Some("bad_index")),
        ([AVRO_ID, b"\x0dCANARY\x00"].concat(), Some("bad_length")),
        ([AVRO_ID, b"\x0cCANAR\xff\x00"].concat(), Some("invalid_utf8")),
        ([UNKNOWN_ID, b"\x0cCANARY\x00"].concat(), Some("schema_unknown")),
        ([BROKEN_ID, b"\x0cCANARY\x00"].concat(), Some("schema_unusable")),
        ([PROTOBUF_ID, b"\x0a\x06CANARY"].concat(), Some("schema_kind")),
        (nested_avro(DEEP), Some("too_deep")),
        ([AVRO_ID, &size, &long[..half]].concat(), Some("truncated")),
        ([AVRO_ID, &size, &long[..], b"\x00"].concat(), None),
    ];
    let size = varint(LONG);
    let protobuf = vec![
        (b"CANARY".to_vec(), Some("not_framed")),
        ([PROTOBUF_ID, b"\x0a\x06CANA"].concat(), Some("truncated")),
        ([PROTOBUF_ID, b"\x0f\x06CANARY"].concat(), Some("not_protobuf")),
        ([PROTOBUF_ID, b"\x09\x06CANARY\x00"].concat(), Some("wire_type")),
        ([PROTOBUF_ID, b"\x0a\x06CANAR\xff"].concat(), Some("invalid_utf8")),
        ([PROTOBUF_ID[..5].to_vec(), b"\x02\x0aCANARY".to_vec()].concat(), Some("message_unknown")),
        ([PROTOBUF_ID[..5].to_vec(), b"\x01CANARY".to_vec()].concat(), Some("message_indexes")),
        ([UNKNOWN_ID, b"\x00\x0a\x06CANARY"].concat(), Some("schema_unknown")),
        ([AVRO_ID, b"\x0cCANARY\x00"].concat(), Some("schema_kind")),
        (nested_protobuf(DEEP), Some("too_deep")),
        ([PROTOBUF_ID, b"\x0a", &size, &long[..half]].concat(), Some("truncated")),
        ([PROTOBUF_ID, b"\x0a", &size, &long[..]].concat(), None),
    ];
    [
        ("json", br#"{"a":"CANARY"}"#.to_vec(), json),
        ("avro", [AVRO_ID, b"\x0cCANARY\x00"].concat(), avro),
        ("protobuf", [PROTOBUF_ID, b"\x0a\x06CANARY"].concat(), protobuf),
    ]
}

#[test]
fn hostile_values_get_a_name_and_leak_nothing() {
    let cache = tempfile::tempdir().unwrap();
    for (format, good, cases) in cases() {
        let prepared = prepared(format, &cache);
        let mut chain = Chain::open(&prepared.chains[0]).unwrap();
        let mut missed = vec![0; chain.selectors()];
        for (number, (value, code)) in cases.into_iter().enumerate() {
            let sample = |offset, value: &[u8]| Sample { offset, timestamp: 1, value: Some(value.to_vec()), ..Sample::default() };
            let records = [sample(0, &good), sample(1, &value), sample(2, &good)];

            let processed = chain.process("t", 0, &records, &mut missed).unwrap_or_else(|error| panic!("{format} {number}: {error}"));

            let found = match &processed.verdicts[1] {
                Verdict::Taken => None,
                Verdict::Failed(failed) => Some(failed.code.as_str()),
            };
            assert_eq!(found, code, "{format} {number}");
            assert_eq!([&processed.verdicts[0], &processed.verdicts[2]], [&Verdict::Taken, &Verdict::Taken], "{format} {number}");
            let sources: Vec<usize> = processed.rows.iter().map(|row| row.source).collect();
            assert_eq!(sources, if code.is_some() { vec![0, 2] } else { vec![0, 1, 2] }, "{format} {number}");
            for row in &processed.rows {
                let value = row.value.as_deref().unwrap();
                assert!(memchr::memmem::find(value, b"CANARY").is_none(), "{format} {number}: it leaks");
                assert!(memchr::memmem::find(value, b"[redacted]").is_some(), "{format} {number}");
            }
            assert!(processed.drift.is_none() && !format!("{:?}", processed.verdicts).contains("CANARY"), "{format} {number}");
        }
    }
}
