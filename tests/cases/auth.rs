//! Ways to prove who one is: TLS, mutual TLS, SASL PLAIN and SCRAM; `oidc` has the one that is a build feature.

use crate::harness::config;
use crate::harness::lab::{Lab, SOON, home};
use crate::harness::verdict::ask;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Offsets of the secure listeners from the plaintext port; as in `tests/kafka/start`.
const SASL: u16 = 2;
const MTLS: u16 = 3;
const TLS: u16 = 4;

fn tls_file(name: &str) -> PathBuf {
    home().join("conf/tls").join(name)
}

fn secure(address: &str, offset: u16) -> String {
    let port: u16 = address.rsplit(':').next().and_then(|p| p.parse().ok()).expect("an address ends with a port");
    format!("localhost:{}", port + offset)
}

/// A configuration whose two clusters are reached at the listener `offset` with these properties.
pub(super) fn config_with(lab: &Lab, steps: &Value, offset: u16, mut properties: Value) -> PathBuf {
    properties["ssl.ca.location"] = json!(tls_file("ca.pem"));
    let path = lab.config(steps, |_| ());
    let text = std::fs::read_to_string(&path).expect("the configuration was just written");
    let mut all: Value = serde_json::from_str(&text).expect("it was written as JSON");
    for (name, address) in [("landing", &lab.a), ("main", &lab.b)] {
        all["clusters"][name] = json!({ "bootstrap_servers": secure(address, offset), "properties": properties });
    }
    lab.write("secure.yaml", &all)
}

fn sasl(lab: &Lab, mechanism: &str, user: &str, password: &str) -> Value {
    let file = lab.dir.join("password");
    std::fs::write(&file, password).expect("the case's directory is writable");
    json!({
        "security.protocol": "sasl_ssl", "sasl.mechanism": mechanism,
        "sasl.username": user, "sasl.password": { "file": file },
    })
}

fn certificate(name: &str) -> Value {
    json!({
        "security.protocol": "ssl",
        "ssl.certificate.location": tls_file(&format!("{name}.crt")),
        "ssl.key.location": tls_file(&format!("{name}.key")),
    })
}

#[test]
#[ignore = "needs brokers: tests/run"]
fn each_way_in() {
    for (name, offset) in [("tls", TLS), ("mtls", MTLS), ("PLAIN", SASL), ("SCRAM-SHA-256", SASL), ("SCRAM-SHA-512", SASL)] {
        let lab = Lab::new(&format!("auth-{}", name.to_lowercase()));
        let topic = lab.topic("payments");
        lab.create(&topic, 2);
        lab.generate(json!({ "topic": topic, "partitions": 2, "count": 100 }));
        let steps = config::fields();
        let properties = match name {
            "tls" => json!({ "security.protocol": "ssl" }),
            "mtls" => certificate("client"),
            _ => sasl(&lab, name, "admin", "admin-secret"),
        };
        let file = config_with(&lab, &steps, offset, properties);

        lab.catch_up(name, &file, 0);

        ask(&lab, &topic, &steps).right_and_accounted(&file);
        lab.finish();
    }
}

/// A wrong password, a stranger's certificate, a missing one: an end with a reason, and no secret in it.
#[test]
#[ignore = "needs brokers: tests/run"]
fn refused() {
    for (name, offset) in [("PLAIN", SASL), ("SCRAM-SHA-256", SASL), ("stranger", MTLS), ("none", MTLS)] {
        let lab = Lab::new(&format!("refused-{}", name.to_lowercase()));
        lab.create(&lab.topic("payments"), 1);
        let properties = match name {
            "stranger" => certificate("stranger"),
            "none" => json!({ "security.protocol": "ssl" }),
            _ => sasl(&lab, name, "admin", "not-the-secret"),
        };
        let file = config_with(&lab, &json!([]), offset, properties);

        let ended = lab.run("run", &file, &["--until-caught-up"], &[]).wait(SOON);

        // a cluster that does not let it in is one that it cannot reach
        assert_eq!(ended.code, Some(4), "{name}:\n{}", ended.stderr);
        let said = ended.stderr.to_lowercase();
        let reason = if name.contains('-') || name == "PLAIN" { "authentication" } else { "ssl" };
        assert!(said.contains(reason), "{name}: no reason given:\n{}", ended.stderr);
        assert!(!said.contains("not-the-secret"), "{name}: the password is in the output");
    }
}

/// Who may not read, reads not: bob has no rights.
#[test]
#[ignore = "needs brokers: tests/run"]
fn without_rights() {
    let lab = Lab::new("rights");
    let topic = lab.topic("payments");
    lab.create(&topic, 1);
    lab.generate(json!({ "topic": topic, "count": 10 }));
    let properties = sasl(&lab, "SCRAM-SHA-256", "bob", "bob-secret");
    let file = config_with(&lab, &json!([]), SASL, properties);

    let ended = lab.run("run", &file, &["--until-caught-up"], &[]).wait(SOON);

    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.to_lowercase().contains("authorized"), "{}", ended.stderr);
    lab.finish();
}
