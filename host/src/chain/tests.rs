//! Keys through the real `mask`, in every format: what becomes of them, and what does not pass.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod closed;
mod guest;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::*;
use crate::cli::check_selector;
use crate::config::{self, Source};
use crate::fields::{avro, json_schema};
use crate::metrics::Metrics;
use crate::plugin::{Cache, Compile, KeyRing, Limits, Plugins, embedded};
use crate::plugins::{self, Registry};

mod shapes;

/// `ana@example.org` under the key of these tests, as every other test has it.
const ANA: &str = "223c73a7523c3279c2b39614443d9484";

/// An order with items.
const ORDER: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]},
    {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[{"name":"id","type":"long"}]}}}]}"#;

/// Types whose texts have a form, and some that are none.
const FORMS: &str = r#"{"type":"record","name":"Forms","fields":[{"name":"state","type":{"type":"enum","name":"State","symbols":["OPEN","SHUT"]}},
    {"name":"ref","type":{"type":"string","logicalType":"uuid"}},{"name":"ok","type":"boolean"},
    {"name":"tag","type":{"type":"fixed","name":"Tag","size":4}},{"name":"gone","type":"null"},{"name":"note","type":"string"}]}"#;

/// Two maps, of texts and of records.
const BOOK: &str = r#"{"type":"record","name":"Book","fields":[{"name":"texts","type":{"type":"map","values":"string"}},
    {"name":"people","type":{"type":"map","values":{"type":"record","name":"Person","fields":[{"name":"email","type":"string"},
        {"name":"note","type":"string"}]}}}]}"#;

const HMAC: &str = "{ use: hmac, key: pii }";

/// A host that compiles here: the program of a test is not a compiler.
fn host() -> &'static Plugins {
    static HOST: OnceLock<(tempfile::TempDir, Plugins)> = OnceLock::new();
    let made = || {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path().join("cache")).unwrap();
        (root, Plugins::new(Limits::default(), Compile::InProcess, cache).unwrap())
    };
    &HOST.get_or_init(made).1
}

/// A pipeline over topics of this format with one step.
fn build(format: &str, step: &str) -> Result<ChainPlan, Vec<PlanError>> {
    build_steps(format, &[step])
}

/// The same with these steps; the first one stands in line 12.
pub(super) fn build_steps(format: &str, steps: &[&str]) -> Result<ChainPlan, Vec<PlanError>> {
    let steps = steps.join("\n      - ");
    let text = format!(
        "clusters:\n  a: {{ bootstrap_servers: \"one:9092\", schema_registry: {{ url: \"http://localhost:1\" }} }}\n  b: {{ bootstrap_servers: \"two:9092\" }}\nkeys: {{ pii: {{ env: KEY }} }}\npipelines:\n  - name: p\n    source: a\n    target: b\n    topics: {{ include: [\"*\"] }}\n    format: {format}\n    steps:\n      - {steps}\n"
    );
    let source = Source { name: "s.yaml".into(), base: PathBuf::new(), text };
    let env = |_: &str| Some("0123456789abcdef0123456789abcdef".to_owned());
    let plan = config::plan_of(&[source], &check_selector, &env).unwrap();
    let needed = BTreeSet::from(["mask", "filter", "route", "enrich"]);
    let registry = Registry::load(host(), &plan.plugins, &needed).unwrap();
    let keys: KeyRing = plugins::key_ring(&plan.keys).unwrap();
    let lent = Lent { keys: Arc::new(keys), ..Lent::default() };
    let schemas = Schemas::new(&plan.pipelines[0]).unwrap();
    for (id, text) in [
        (1, r#""string""#),
        (2, r#""long""#),
        (3, r#"{"type":"record","name":"K","fields":[{"name":"id","type":"string"},{"name":"region","type":"string"}]}"#),
        (4, r#"{"type":"record","name":"M","fields":[{"name":"contacts","type":{"type":"map","values":"string"}}]}"#),
        (6, ORDER),
        (9, BOOK),
        (7, FORMS),
    ] {
        schemas.learn_avro(SchemaRef::Id(id), avro::Schema::parse(text, &[]).unwrap());
    }
    let order = r#"{"type":"object","additionalProperties":false,"properties":{"id":{"type":"string"},"n":{"type":"integer"}}}"#;
    schemas.keep(SchemaRef::Id(5), format::Parsed::Json(json_schema::Schema::parse(order, &[])));
    let meta = r#"{"type":"object","properties":{"meta":{"type":"object"}}}"#;
    schemas.keep(SchemaRef::Id(8), format::Parsed::Json(json_schema::Schema::parse(meta, &[])));
    ChainPlan::build(&plan.pipelines[0], &registry, &lent, &Metrics::new("test"), &Arc::new(schemas))
}

fn chain(format: &str, step: &str) -> Chain {
    let plan = build(format, step).unwrap_or_else(|problems| panic!("{step}: {problems:?}"));
    Chain::open(&Arc::new(plan)).unwrap()
}

fn record(key: Option<&[u8]>, value: Option<&str>) -> Sample {
    Sample { timestamp: 1, key: key.map(<[u8]>::to_vec), value: value.map(|value| value.as_bytes().to_vec()), ..Sample::default() }
}

/// What became of the key of one record, or the code that it failed with.
fn masked(chain: &mut Chain, record: Sample) -> Result<Option<Vec<u8>>, String> {
    let mut missed = vec![0; chain.selectors()];
    let records = [record];
    let mut done = chain.process("t", 0, &records, &mut missed).unwrap_or_else(|error| panic!("{error}"));
    match &done.verdicts[0] {
        Verdict::Failed(failed) => Err(failed.code.clone()),
        Verdict::Taken => Ok(done.rows.remove(0).key.map(|key| key.into_owned())),
    }
}

/// An Avro body behind the framing of schema `id`.
fn framed(id: u8, body: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, id], body].concat()
}

fn avro_text(text: &str) -> Vec<u8> {
    let length = 2 * text.len() as u64;
    let head = if length < 128 { vec![length as u8] } else { vec![length as u8 | 128, (length >> 7) as u8] };
    [&head[..], text.as_bytes()].concat()
}

#[test]
fn one_text_is_one_token_in_every_form() {
    let text = "ana@example.org";
    let whole = format!("{{ plugin: mask, key: {HMAC} }}");
    let placed = format!("{{ plugin: mask, key: {{ fields: {{ $.id: {HMAC} }} }} }}");
    let quoted = |text: &str| format!("\"{text}\"").into_bytes();
    let object = |id: &str| format!("{{\"id\": \"{id}\", \"region\":\"eu\"}}").into_bytes();
    let pair = |id: &str| framed(3, &[avro_text(id), avro_text("eu")].concat());
    for (format, step, key, expected) in [
        ("auto", &whole, text.as_bytes().to_vec(), ANA.as_bytes().to_vec()),
        ("{ key: text }", &whole, text.as_bytes().to_vec(), ANA.as_bytes().to_vec()),
        ("{ key: bytes }", &whole, text.as_bytes().to_vec(), ANA.as_bytes().to_vec()),
        ("{ key: json }", &whole, quoted(text), quoted(ANA)),
        ("{ key: json }", &whole, br#""ana\u0040example.org""#.to_vec(), quoted(ANA)),
        ("auto", &whole, framed(1, &avro_text(text)), framed(1, &avro_text(ANA))),
        ("{ key: avro }", &whole, framed(1, &avro_text(text)), framed(1, &avro_text(ANA))),
        ("auto", &placed, object(text), object(ANA)),
        ("{ key: avro }", &placed, pair(text), pair(ANA)),
    ] {
        let mut chain = chain(format, step);
        // A tombstone has a key, too.
        for value in [Some("{}"), None] {
            assert_eq!(masked(&mut chain, record(Some(&key), value)).as_ref(), Ok(&Some(expected.clone())), "{format} {step}");
        }
        assert_eq!(masked(&mut chain, record(None, Some("{}"))), Ok(None), "{format}: a null key stays null");
    }
}

#[test]
fn a_key_and_a_field_of_the_value_join() {
    let mut chain = chain(
        "{ value: json, key: text }",
        &format!("{{ plugin: mask, fields: {{ $.id: {HMAC}, $.n: {{ use: redact }} }}, key: {HMAC} }}"),
    );
    let values: Vec<String> = (0..40).map(|n| format!("{{\"n\":\"x\",\"id\":\"c-{}\"}}", n % 7)).collect();
    // Rows without a value, without a key, and that fail in between: answers are counted row by row.
    let records: Vec<Sample> = (0..40)
        .map(|n| {
            let key = format!("c-{}", n % 7);
            match n % 5 {
                0 => record(Some(key.as_bytes()), None),
                1 => record(None, Some(&values[n])),
                2 => record(Some(b"\xff"), Some(&values[n])),
                3 => record(Some(key.as_bytes()), Some("{")),
                _ => record(Some(key.as_bytes()), Some(&values[n])),
            }
        })
        .collect();
    let mut missed = vec![0; chain.selectors()];
    let done = chain.process("t", 0, &records, &mut missed).unwrap();
    let mut tokens = std::collections::BTreeMap::new();
    for row in &done.rows {
        let number = row.source % 7;
        let key = row.key.as_deref().map(|key| String::from_utf8(key.to_vec()).unwrap());
        let value: Option<serde_json::Value> = row.value.as_deref().map(|value| serde_json::from_slice(value).unwrap());
        let field = value.map(|value| value["id"].as_str().unwrap().to_owned());
        assert!(row.source % 5 == 1 || key.is_some(), "record {}", row.source);
        for token in [key, field].into_iter().flatten() {
            assert!(token.len() == 32 && *tokens.entry(number).or_insert(token.clone()) == token, "record {}", row.source);
        }
    }
    assert_eq!((tokens.len(), done.rows.len()), (7, 24));
    for (number, code) in [(2, "key_invalid_utf8"), (3, "not_json")] {
        assert_eq!(done.verdicts[number], Verdict::Failed(Failed { code: code.into(), step: Some(0) }));
    }
}

#[test]
fn other_keys_never_become_one() {
    let mut chain = chain("auto", &format!("{{ plugin: mask, key: {HMAC} }}"));
    let keys: [&[u8]; 9] = [b"7", b"\"7\"", b" 7", b"7.0", b"\xff", b"", b"{\"id\":7}", b"{\"id\": 7}", b"null"];
    let tokens: BTreeSet<_> = keys.iter().map(|key| masked(&mut chain, record(Some(key), None)).unwrap().unwrap()).collect();
    assert_eq!(tokens.len(), keys.len());
}

#[test]
fn what_cannot_be_masked_does_not_pass() {
    let listed = format!("{{ plugin: mask, mode: allow_list, key: {{ keep: [$.n], fields: {{ $.id: {HMAC} }} }} }}");
    let whole = format!("{{ plugin: mask, key: {HMAC} }}");
    let placed = format!("{{ plugin: mask, absent: reject, key: {{ fields: {{ $.id: {HMAC} }} }} }}");
    for (format, step, key, code) in [
        ("{ key: text }", &whole, &b"\xff"[..], "key_invalid_utf8"),
        ("{ key: json }", &whole, b"ana", "key_not_json"),
        ("{ key: avro }", &whole, b"ana", "key_not_framed"),
        ("{ key: protobuf }", &whole, b"\0\0\0\0\x01\x02a", "key_schema_kind"),
        ("auto", &whole, b"\0\0\0\0\x01\x04a", "key_truncated"),
        ("auto", &placed, b"ana", "key_not_json"),
        ("auto", &placed, b"{\"di\":1}", "key_field_absent"),
        ("auto", &placed, b"{\"id\":1,\"id\":2}", "key_duplicate_name"),
        ("auto", &listed, b"{\"id\":\"a\",\"n\":1,\"more\":2}", "key_unlisted"),
        ("auto", &listed, b"5", "key_root_not_listed"),
        ("auto", &"{ plugin: mask, key: { use: date_trunc, to: day } }".to_owned(), b"ana", "not_a_date"),
    ] {
        assert_eq!(masked(&mut chain(format, step), record(Some(key), None)), Err(code.to_owned()), "{format} {step}");
    }
    let mut chain = chain("auto", &listed);
    let kept = masked(&mut chain, record(Some(b"{\"id\":\"ana@example.org\",\"n\":1}"), Some("{}"))).unwrap().unwrap();
    assert_eq!(kept, format!("{{\"id\":\"{ANA}\",\"n\":1}}").into_bytes());
}

#[test]
fn a_place_that_no_key_has_is_drift() {
    let mut chain = chain("auto", &format!("{{ plugin: mask, key: {{ fields: {{ $.ids: {HMAC} }} }} }}"));
    let records: Vec<Sample> = (0..1_000).map(|offset| Sample { offset, ..record(Some(b"{\"id\":1}"), None) }).collect();
    let mut missed = vec![0; chain.selectors()];
    let done = chain.process("t", 0, &records, &mut missed).unwrap();
    let drift = done.drift.unwrap();
    assert!(drift.offset == 999 && drift.misfit.detail.contains("selector key $.ids of step 1"), "{drift}");
    // A schema says so at once.
    let done = chain
        .process("t", 0, &[record(Some(&framed(3, &[avro_text("a"), avro_text("b")].concat())), None)], &mut missed)
        .map(|done| done.drift);
    assert!(done.unwrap().unwrap().misfit.detail.contains("key $.ids of step 1 names nothing in the key's schema with id 3"));
}

/// What this program's own plugins do has no native short cut: without the components no step can be built.
#[test]
fn without_the_components_no_step_can_be_built() {
    for (plugin, step) in [
        ("mask", "{ plugin: mask, fields: { $.a: { use: redact } } }"),
        ("mask", "{ plugin: mask, key: { use: keep_last } }"),
        ("filter", "{ plugin: filter, where: { field: $.a, eq: 1 } }"),
        ("enrich", "{ plugin: enrich, sees: [value], rename: { $.a: b } }"),
        ("route", r#"{ plugin: route, to: "all-{topic}" }"#),
    ] {
        assert!(build("auto", step).is_ok(), "{step}");
        let told = embedded::without(|| build("auto", step)).map(|_| ()).unwrap_err().iter().map(ToString::to_string).collect::<String>();
        assert!(told.contains(&format!("no plugin is named \"{plugin}\" (there are: )")), "{told}");
    }
}

#[test]
fn a_step_that_cannot_mask_a_key_is_refused_at_its_place() {
    for (step, expected) in [
        (
            "{ plugin: filter, where: { field: $.a, eq: 1 }, key: { use: hmac } }",
            "s.yaml:12:57: key: plugin filter does not edit fields, and so masks no key; write key: in a step that does",
        ),
        ("{ plugin: mask, key: { use: hmca, key: pii } }", "s.yaml:12:37: plugin mask: unknown operator \"hmca\"; did you mean \"hmac\"?"),
        ("{ plugin: mask, key: { fields: { $.a: { use: hmac } } } }", "s.yaml:12:42: plugin mask: `key` is missing"),
        (
            "{ plugin: mask, key: { fields: { $.b.*: { use: redact }, $.*.c: { use: redact } } } }",
            "s.yaml:12:66: $.*.c and $.b.* can name the same value and are equally specific",
        ),
        ("{ plugin: mask, key: { use: remove } }", "s.yaml:12:25: key: the operator takes the whole key away; write \"key: null\""),
        (
            "{ plugin: route, sees: [key], fields: { $.a: {} }, rekey: $.a, key: { use: hmac } }",
            "s.yaml:12:72: key: plugin route does not edit fields",
        ),
    ] {
        let told = build("auto", step).map(|_| ()).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn a_plan_knows_where_it_may_make_one_key_of_two() {
    for (step, expected) in [
        (&format!("{{ plugin: mask, key: {HMAC} }}"), None),
        (&"{ plugin: mask, fields: { $.a: { use: redact } }, key: clear }".to_owned(), None),
        (
            &"{ plugin: mask, fields: { $.a: { use: redact } }, key: null }".to_owned(),
            Some(("s.yaml:12:59", "step 1 (mask) makes every key null")),
        ),
        (&"{ plugin: mask, key: { use: keep_first } }".to_owned(), Some(("s.yaml:12:25", "keep_first in step 1 can make one key of two"))),
        (&"{ plugin: mask, key: { use: encrypt, key: pii } }".to_owned(), Some(("s.yaml:12:25", "encrypt in step 1 makes another key"))),
    ] {
        let plan = build("{ key: text }", step).unwrap();
        let lossy = plan.lossy_keys("t").into_iter().next();
        assert_eq!(lossy.is_some(), expected.is_some(), "{step}");
        if let (Some(lossy), Some((at, why))) = (lossy, expected) {
            assert!(lossy.at.to_string() == at && lossy.why.contains(why), "{}: {}", lossy.at, lossy.why);
        }
    }
}
