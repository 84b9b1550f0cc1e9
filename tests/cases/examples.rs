//! The examples: each configuration is accepted by the program, each story does what its page says. The quickstart is
//! run by `demo`.

use crate::harness::guests::install;
use crate::harness::lab::{self, Lab, SOON};
use crate::harness::process::Sluice;
use crate::harness::verdict::base64;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Long enough for a key, and known to nobody's cluster.
const KEY: &str = "a key for the examples, long enough for one";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Copies an example's configurations to the case's directory, with the secrets that its page asks for.
pub(super) fn copied(dir: &Path, example: &str) -> Vec<PathBuf> {
    let to = dir.join(example);
    for folder in ["secrets", "plugins"] {
        fs::create_dir_all(to.join(folder)).expect("the case's directory is writable");
    }
    for secret in ["main.password", "pii.key"] {
        fs::write(to.join("secrets").join(secret), KEY).expect("the case's directory is writable");
    }
    let mut configurations = Vec::new();
    for entry in fs::read_dir(examples().join(example)).expect("the example is there") {
        let path = entry.expect("the example can be listed").path();
        let copy = to.join(path.file_name().expect("a file has a name"));
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") => configurations.push(copy.clone()),
            Some("key" | "csv") => {}
            _ => continue,
        }
        fs::copy(&path, &copy).expect("the example can be copied");
    }
    configurations
}

#[test]
fn every_configuration_is_accepted() {
    let dir = lab::scratch("examples");
    let secrets = ["PII_KEY", "OLD_KEY", "STAGING_KEY", "PARTNER_KEY", "LANDING_KEY_PASSWORD", "LANDING_PASSWORD", "REGISTRY_PASSWORD"];
    let secrets = secrets.map(|name| format!("SLUICE_{name}"));
    let env: Vec<(&str, &str)> = secrets.iter().map(|name| (name.as_str(), KEY)).collect();
    let mut accepted = 0;
    for example in ["quickstart", "two-stage", "staging", "partner", "every-key"] {
        for file in copied(&dir, example) {
            let file = file.to_str().expect("plain path");
            Sluice::start(&dir, "validate", 0, &["validate", "-f", file], &env).wait(SOON).expect_code(0);
            accepted += 1;
        }
    }
    assert_eq!(accepted, 6, "an example went, or came without being tried");
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// Each step that the plugins' page gives for a transform of Kafka Connect is one as it stands there.
#[test]
fn the_steps_for_kafka_connect_are_accepted() {
    let dir = lab::scratch("connect");
    let page = fs::read_to_string(examples().join("../plugins/README.md")).expect("the page is there");
    let (_, table) = page.split_once("## Coming from Kafka Connect").expect("the table is there");
    let steps: Vec<&str> = table.split('`').filter(|code| code.starts_with("{ plugin: ")).collect();
    assert!(steps.len() > 25, "the table is written in another way: {steps:?}");
    let mut text = "clusters: { a: { bootstrap_servers: \"a:1\" }, b: { bootstrap_servers: \"b:1\" } }\n\
                    keys: { pii: { env: SLUICE_PII_KEY } }\npipelines:\n"
        .to_owned();
    for (number, step) in steps.iter().enumerate() {
        text += &format!("  - {{ name: p{number}, source: a, target: b, topics: {{ include: [t] }}, steps: [{step}] }}\n");
    }
    let file = dir.join("connect.yaml");
    fs::write(&file, text).expect("the case's directory is writable");

    let file = file.to_str().expect("plain path");
    Sluice::start(&dir, "validate", 0, &["validate", "-f", file], &[("SLUICE_PII_KEY", KEY)]).wait(SOON).expect_code(0);
    fs::remove_dir_all(&dir).expect("the case's directory is ours");
}

/// The plugin of `examples/rust-plugin`, dropped into the plugin directory and named in a step.
#[test]
#[ignore = "needs brokers: tests/run"]
fn a_plugin_dropped_in_masks() {
    let lab = Lab::new("dropped-in");
    install(&lab, "rust-plugin");
    let topic = lab.topic("people");
    lab.create(&topic, 1);
    lab.produce(&topic, json!([{ "key": "k", "value": r#"{"id":1,"name":"CANARY-Ana María Núñez"}"# }]));
    let file = lab.config(&json!([{ "plugin": "initials", "fields": { "$.name": {} } }]), |_| ());

    lab.catch_up("run", &file, 0);

    assert_eq!(values(&lab, &topic), [r#"{"id":1,"name":"C.M.N."}"#]);
    lab.finish();
}

/// The two-stage move as its page has it, on topics of this case's own: masked on main, raw only on landing.
#[test]
#[ignore = "needs brokers: tests/run"]
fn the_two_stage_move() {
    let lab = Lab::new("two-stage");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    let pan = "4242424242424242";
    let good = json!({ "id": 1, "status": "ok", "amount": 2.50, "created_at": "2026-03-04T05:06:07Z", "card": { "pan": pan }, "secret": "CANARY-x",
                       "customer": { "id": "c1", "name": "Zoë", "email": "CANARY-zoe@example.com" } });
    lab.produce(&topic, json!([{ "key": "a", "value": good.to_string() }, { "key": "b", "value": format!("not JSON CANARY-{pan}") }]));
    let file =
        copied(&lab.dir, "two-stage").into_iter().find(|file| file.ends_with("sluice.yaml")).expect("the example has a configuration");
    let text = fs::read_to_string(&file).expect("the copy can be read");
    let text =
        text.replace("localhost:19092", &lab.a).replace("localhost:29092", &lab.b).replace("[\"payments\"]", &format!("[\"{topic}\"]"));
    fs::write(&file, text.replace("name: landing-to-main", &format!("name: {}", lab.pipeline()))).expect("the copy can be written");

    lab.run("run", &file, &["--until-caught-up"], &[("SLUICE_PII_KEY", KEY)]).wait(SOON).expect_code(0);

    let masked: Value = serde_json::from_str(&values(&lab, &topic)[0]).expect("the target holds JSON");
    assert_eq!((&masked["card"]["pan"], &masked["created_at"]), (&json!("************4242"), &json!("2026-03-04T00:00:00Z")));
    assert_eq!((masked.get("secret"), masked["customer"]["name"].as_str()), (None, Some("Z**")));
    let quarantine = format!("__sluice.{}.quarantine", lab.pipeline());
    assert!(values(&lab, &quarantine).iter().all(|value| !value.contains(pan)), "a raw value is on main");
    assert_eq!(lab.ends(&lab.a, &quarantine, true).iter().sum::<i64>(), 1, "the raw record is on landing");
    lab.finish();
}

/// Copies an example's configuration for this case's clusters, topic and pipeline.
fn adapted(lab: &Lab, example: &str, topic: &str, pipeline: &str, more: &[(&str, &str)]) -> PathBuf {
    let file = copied(&lab.dir, example).into_iter().find(|file| file.ends_with("sluice.yaml")).expect("the example has a configuration");
    let text = fs::read_to_string(&file).expect("the copy can be read");
    let mut text =
        text.replace("localhost:19092", &lab.a).replace("localhost:29092", &lab.b).replace("[\"payments\"]", &format!("[\"{topic}\"]"));
    for (from, to) in more {
        assert!(text.contains(from), "the example has no {from}");
        text = text.replace(from, to);
    }
    fs::write(&file, text.replace(&format!("name: {pipeline}"), &format!("name: {}", lab.pipeline()))).expect("the copy can be written");
    file
}

/// A tenth of production's customers reaches staging, all records of each, under other identities.
#[test]
#[ignore = "needs brokers: tests/run"]
fn production_to_staging() {
    let lab = Lab::new("staging");
    let topic = lab.topic("payments");
    lab.create(&topic, 3);
    let payment = |n: i64| {
        let customer = n % 200;
        let value = json!({ "id": n, "status": "ok", "currency": "EUR", "amount": 12.34, "created_at": "2026-03-04T05:06:07Z", "secret": "CANARY-x",
            "card": { "pan": "4242424242424242" }, "note": format!("write to c{customer}@example.com"),
            "customer": { "id": format!("c{customer}"), "name": "CANARY-Zoë", "email": format!("CANARY-c{customer}@example.com") } });
        json!({ "partition": n % 3, "key": n.to_string(), "value": value.to_string() })
    };
    let mut payments: Vec<Value> = (0..600).map(payment).collect();
    payments.extend((0..6).map(|n| json!({ "partition": n % 3, "key": n.to_string(), "value": null })));
    lab.produce(&topic, Value::Array(payments));
    let file = adapted(&lab, "staging", &topic, "production-to-staging", &[("start: latest", "start: earliest")]);

    lab.run("run", &file, &["--until-caught-up"], &[("SLUICE_STAGING_KEY", KEY)]).wait(SOON).expect_code(0);

    let all = lab.dump(&topic);
    let (deletions, payments): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|record| record["v"].is_null());
    assert_eq!(deletions.len(), 6, "deletions arrive, whoever's they are");
    let bytes = |half: &Value| base64(half.as_str().expect("a key and a value"));
    let mut records: Vec<Value> = Vec::new();
    for payment in payments {
        let value: Value = serde_json::from_slice(&bytes(&payment["v"])).expect("JSON");
        let key = String::from_utf8(bytes(&payment["k"])).expect("a token");
        assert!(key.len() == 32 && value["id"] == key, "the key is the token of the payment's id");
        records.push(value);
    }
    assert!(all.iter().map(|record| record["p"].as_i64()).collect::<std::collections::BTreeSet<_>>().len() == 3, "partitions stay");
    let mut by_customer = std::collections::BTreeMap::<String, usize>::new();
    for record in &records {
        *by_customer.entry(record["customer"]["id"].as_str().expect("a token").to_owned()).or_default() += 1;
        assert_eq!((&record["created_at"], record.get("secret")), (&json!("2026-03-04T00:00:00Z"), None));
        let text = record.to_string();
        assert!(!text.contains("example.com") && !text.contains("42424242424") && !text.contains("Zoë"), "{text}");
    }
    assert!((5..=45).contains(&by_customer.len()), "{} of 200 customers", by_customer.len());
    assert!(by_customer.values().all(|count| *count == 3), "all records of a customer, or none");
    lab.finish();
}

/// The partner has its own records alone, in the fields of the contract, by its own names.
#[test]
#[ignore = "needs brokers: tests/run"]
fn records_for_a_partner() {
    let lab = Lab::new("partner");
    let topic = lab.topic("payments");
    lab.create(&topic, 3);
    let payment = |id: i64, merchant: &str, status: &str, currency: &str| {
        let value = json!({ "id": id, "merchant": merchant, "status": status, "amount": 2.50, "currency": currency, "secret": "CANARY-x",
            "created_at": "2026-03-04T05:06:07Z", "customer": { "id": "c1", "name": "CANARY-Zoë" } });
        json!({ "partition": id % 3, "key": "CANARY-ours", "value": value.to_string() })
    };
    let records = [
        payment(1, "acme", "ok", "EUR"),
        payment(2, "other", "ok", "EUR"),
        payment(3, "acme", "void", "EUR"),
        payment(4, "acme", "ok", "CHF"),
    ];
    lab.produce(&topic, Value::Array(records.into()));
    let prefix = lab.topic("acme.payments");
    let file = adapted(&lab, "partner", &topic, "payments-for-acme", &[("acme.payments.", &format!("{prefix}."))]);

    lab.run("run", &file, &["--until-caught-up"], &[("SLUICE_PARTNER_KEY", KEY)]).wait(SOON).expect_code(0);

    for (name, reference) in [("EUR", 1), ("other", 4)] {
        let records = lab.dump(&format!("{prefix}.{name}"));
        assert_eq!((records.len(), &records[0]["k"]), (1, &Value::Null), "{name}");
        let value: Value = serde_json::from_str(&values(&lab, &format!("{prefix}.{name}"))[0]).expect("JSON");
        let mut names: Vec<&str> = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["amount", "currency", "customer", "day", "reference"]);
        assert_eq!(
            (&value["reference"], &value["day"], value["customer"].get("name")),
            (&json!(reference), &json!("2026-03-04T00:00:00Z"), None)
        );
    }
    assert!(lab.dump(&topic).is_empty(), "nothing under our name");
    lab.finish();
}

/// The values of a target topic as text.
fn values(lab: &Lab, topic: &str) -> Vec<String> {
    let text = |record: Value| String::from_utf8_lossy(&base64(record["v"].as_str().unwrap_or_default())).into_owned();
    lab.dump(topic).into_iter().map(text).collect()
}
