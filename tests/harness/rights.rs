//! bob, who has no rights on the clusters but those that a case grants him. Names are those of Kafka's own enumerations.

use super::java;
use super::lab::{Lab, home};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Offset of the listener with passwords from the plaintext port; as in `tests/kafka/start`.
const SASL: u16 = 2;

/// Rights of bob on one cluster.
pub struct Rights(Value);

impl Rights {
    /// `rights`: an array of [type, pattern, name, operation, permission].
    pub fn new(bootstrap: &str, rights: Value) -> Self {
        Self(json!({ "bootstrap": bootstrap, "user": "bob", "rights": rights }))
    }

    /// All that the case's pipeline wants.
    pub fn all(lab: &Lab, bootstrap: &str) -> Self {
        let id = lab.pipeline();
        let own = |kind: &str, name: String| json!([kind, "PREFIXED", name, "ALL", "ALLOW"]);
        let rights = [
            own("TOPIC", id.to_owned()),
            own("TOPIC", format!("__sluice.{id}")),
            own("GROUP", format!("sluice.{id}")),
            own("TRANSACTIONAL_ID", format!("sluice.{id}")),
        ];
        Self::new(bootstrap, json!(rights))
    }

    /// `operation` on this very topic, denied.
    pub fn denied(bootstrap: &str, topic: &str, operation: &str) -> Self {
        Self::new(bootstrap, json!([["TOPIC", "LITERAL", topic, operation, "DENY"]]))
    }

    pub fn grant(&self) {
        java::call("grant", self.0.clone());
    }

    /// Takes back what was granted, or denied.
    pub fn revoke(&self) {
        java::call("revoke", self.0.clone());
    }
}

/// The case's configuration with a cluster of it, `landing` or `main`, that is reached as bob.
pub fn as_bob(lab: &Lab, file: &Path, cluster: &str) -> PathBuf {
    let mut all: Value = serde_json::from_str(&fs::read_to_string(file).expect("written before")).expect("JSON");
    let plain = all["clusters"][cluster]["bootstrap_servers"].as_str();
    let port: u16 = plain.and_then(|plain| plain.rsplit(':').next()?.parse().ok()).expect("an address ends with a port");
    let password = lab.dir.join("password");
    fs::write(&password, "bob-secret").expect("the case's directory is writable");
    all["clusters"][cluster] = json!({
        "bootstrap_servers": format!("localhost:{}", port + SASL),
        "properties": {
            "security.protocol": "sasl_ssl", "sasl.mechanism": "SCRAM-SHA-256", "sasl.username": "bob",
            "sasl.password": { "file": password }, "ssl.ca.location": home().join("conf/tls/ca.pem"),
        },
    });
    lab.write("bob.yaml", &all)
}
