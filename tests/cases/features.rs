//! Ways to prove who one is that are build features, each by a program that has it: OAUTHBEARER with OIDC (tokens from an
//! endpoint of the harness, checked by the brokers) and Kerberos (a KDC of the run). `tests/run --full` builds the
//! programs and names them in SLUICE_TEST_BIN; the names of the cases begin with the feature's.

use super::auth::config_with;
use crate::harness::config;
use crate::harness::lab::{Lab, SOON, home};
use crate::harness::tokens;
use crate::harness::verdict::ask;
use serde_json::{Value, json};

/// Ports of the listeners, counted from the plaintext one; as in `tests/kafka/start`.
const OAUTH: u16 = 5;
const KERBEROS: u16 = 9;

fn oidc(lab: &Lab, secret: &str) -> Value {
    let file = lab.dir.join("secret");
    std::fs::write(&file, secret).expect("the case's directory is writable");
    json!({
        "security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": tokens::CLIENT, "sasl.oauthbearer.client.secret": { "file": file },
        "sasl.oauthbearer.token.endpoint.url": tokens::start(),
    })
}

fn kerberos(principal: &str) -> Value {
    json!({
        "security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI", "sasl.kerberos.service.name": "kafka",
        "sasl.kerberos.principal": principal, "sasl.kerberos.keytab": home().join("conf/krb5/client.keytab"),
    })
}

/// Copies a hundred records through the listener.
fn way_in(lab: Lab, listener: u16, properties: Value, env: &[(&str, &str)]) {
    let topic = lab.topic("payments");
    lab.create(&topic, 2);
    lab.generate(json!({ "topic": topic, "partitions": 2, "count": 100 }));
    let steps = config::fields();
    let file = config_with(&lab, &steps, listener, properties);

    lab.run("run", &file, &["--until-caught-up"], env).wait(SOON).expect_code(0);

    ask(&lab, &topic, &steps).right();
    lab.finish();
}

/// Ends with a reason that has these words in it; answers with all that was said.
fn refused(lab: Lab, listener: u16, properties: Value, env: &[(&str, &str)], words: &str) -> String {
    lab.create(&lab.topic("payments"), 1);
    let file = config_with(&lab, &json!([]), listener, properties);

    let ended = lab.run("run", &file, &["--until-caught-up"], env).wait(SOON);

    // a cluster that does not let it in is one that it cannot reach
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.to_lowercase().contains(words), "no reason given:\n{}", ended.stderr);
    lab.finish();
    ended.stderr
}

#[test]
#[ignore = "needs brokers and a program with the feature oidc: tests/run --full"]
fn oidc_is_a_way_in() {
    let lab = Lab::new("oidc");
    let properties = oidc(&lab, tokens::SECRET);
    way_in(lab, OAUTH, properties, &[]);
}

#[test]
#[ignore = "needs brokers and a program with the feature oidc: tests/run --full"]
fn oidc_refused() {
    let lab = Lab::new("oidc-refused");
    let properties = oidc(&lab, "not-the-secret");
    let said = refused(lab, OAUTH, properties, &[], "oidc token");
    assert!(!said.contains("not-the-secret"), "the secret is in the output");
}

/// Where the run's realm is, and tickets of one case alone.
fn realm(lab: &Lab) -> [(String, String); 2] {
    let file = home().join("conf/krb5/krb5.conf").display().to_string();
    [("KRB5_CONFIG".into(), file), ("KRB5CCNAME".into(), format!("FILE:{}", lab.dir.join("tickets").display()))]
}

#[test]
#[ignore = "needs brokers, a KDC and a program with the feature kerberos: tests/run --full"]
fn kerberos_is_a_way_in() {
    let lab = Lab::new("kerberos");
    let realm = realm(&lab);
    let env: Vec<(&str, &str)> = realm.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    way_in(lab, KERBEROS, kerberos("sluice-kerberos"), &env);
}

#[test]
#[ignore = "needs brokers, a KDC and a program with the feature kerberos: tests/run --full"]
fn kerberos_refused() {
    let lab = Lab::new("kerberos-refused");
    let realm = realm(&lab);
    let env: Vec<(&str, &str)> = realm.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    refused(lab, KERBEROS, kerberos("stranger"), &env, "kinit");
}
