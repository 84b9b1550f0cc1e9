//! A cluster's schema registry: from file to plan. It reads certificates and secrets and connects to nothing.

use std::path::PathBuf;
use std::time::Duration;

use super::super::error::Report;
use super::super::file::{BasicFile, CertificateFile, RegistryFile, UrlsFile};
use super::super::place::{At, Location, Spot};
use super::super::secret::{Reference, Secret, read_file, resolve};
use super::super::units::Span;
use super::Context;
use super::cluster::{is_server, is_text, span_in_range};

/// A schema registry with Confluent's interface.
#[derive(Debug)]
pub struct SchemaRegistry {
    /// Its addresses, at least one: scheme, host, port and path, without a slash at the end, a query or credentials.
    pub urls: Vec<String>,
    /// The certificates that sign its own, PEM; none for those that the system trusts.
    pub ca: Option<Vec<u8>>,
    /// What it is shown where it asks.
    pub certificate: Option<ClientCertificate>,
    /// Who we are.
    pub auth: RegistryAuth,
    /// For one request, 100 ms to 1 min.
    pub timeout: Duration,
    /// For a schema that is not known yet, 0 to 10 min.
    pub wait: Duration,
    /// Where it stands.
    pub at: Location,
}

/// A client certificate; the key prints as `***`.
#[derive(Debug)]
pub struct ClientCertificate {
    /// PEM, with a certificate in it.
    pub chain: Vec<u8>,
    /// PKCS#8 in PEM.
    pub key: Secret,
}

/// What the registry is told about who we are.
#[derive(Debug)]
pub enum RegistryAuth {
    /// Nothing.
    None,
    /// Name and password.
    Basic {
        /// Without a colon.
        username: String,
        /// UTF-8.
        password: Secret,
    },
    /// A token: visible ASCII.
    Bearer(Secret),
}

/// The registry of a cluster. None where a certificate or the credentials cannot be had; that was reported.
pub(super) fn registry(file: &At<RegistryFile>, context: &Context<'_>, report: &mut Report) -> Option<SchemaRegistry> {
    let (spot, file) = (file.spot, &file.value);
    let urls = urls(&file.url, report);
    let over_tls = urls.iter().any(|url| url.starts_with("https:"));
    for (name, spot) in
        [("ca", file.ca.as_ref().map(|ca| ca.spot)), ("certificate", file.certificate.as_ref().map(|certificate| certificate.spot))]
    {
        if let (Some(spot), false) = (spot, over_tls || urls.is_empty()) {
            report.invalid(spot, format!("schema_registry.{name} has a meaning with https:// only; write that, or remove {name}"));
        }
    }
    let ca = file.ca.as_ref().map(|ca| certificates("ca", ca, context, report));
    let certificate = file.certificate.as_ref().map(|certificate| client_certificate(&certificate.value, context, report));
    let auth = auth(file, context, report);
    let seconds = |n| Span(Duration::from_secs(n));
    let shortest = Span(Duration::from_millis(100));
    let timeout = span_in_range("schema_registry.timeout", &file.timeout, shortest, seconds(60), report).0;
    let wait = span_in_range("schema_registry.wait", &file.wait, seconds(0), seconds(600), report).0;
    Some(SchemaRegistry {
        urls,
        ca: missing_is_none(ca)?,
        certificate: missing_is_none(certificate)?,
        auth: auth?,
        timeout,
        wait,
        at: report.locate(spot),
    })
}

/// What was given and is wrong is no value at all; what was not given is none.
fn missing_is_none<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        Some(None) => None,
        Some(value) => Some(value),
        None => Some(None),
    }
}

fn urls(file: &At<UrlsFile>, report: &mut Report) -> Vec<String> {
    let given: Vec<(Spot, &str)> = match &file.value {
        UrlsFile::One(url) => vec![(file.spot, url)],
        UrlsFile::Several(list) => list.iter().map(|url| (url.spot, url.value.as_str())).collect(),
    };
    if given.is_empty() {
        report.invalid(file.spot, "schema_registry.url is an empty list; write at least one address");
    }
    let mut urls: Vec<String> = Vec::new();
    for (spot, text) in given {
        match url(text) {
            Ok(url) if urls.contains(&url) => report.invalid(spot, format!("schema_registry.url: {url} is given twice")),
            Ok(url) => urls.push(url),
            Err(why) => report.invalid(spot, format!("schema_registry.url {why}")),
        }
    }
    urls
}

/// An address as requests are made from it. What is wrong is not repeated where it could hold a password.
fn url(text: &str) -> Result<String, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("has to begin with http:// or https://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !["http", "https"].contains(&scheme.as_str()) {
        return Err("has to begin with http:// or https://");
    }
    let rest = rest.trim_end_matches('/');
    let (server, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    if server.contains('@') {
        return Err("must not hold credentials; write them under basic");
    }
    let in_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%:+!$&'()*,;=".contains(&b);
    if !path.bytes().all(in_path) {
        return Err("ends in something that is not a path");
    }
    let with_port = match server.rsplit_once(':') {
        Some((host, _)) if !host.starts_with('[') || host.ends_with(']') => server.to_owned(),
        _ => format!("{server}:{}", if scheme == "https" { 443 } else { 80 }),
    };
    let in_host = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    if !is_server(&with_port) || !server.bytes().all(in_host) {
        return Err("has no host, or not a host and a port");
    }
    Ok(format!("{scheme}://{server}{path}"))
}

/// The file, with a certificate in it.
fn certificates(name: &str, path: &At<PathBuf>, context: &Context<'_>, report: &mut Report) -> Option<Vec<u8>> {
    let checked = match read_file(&context.base(path.spot).join(&path.value)) {
        Ok(pem) if holds(&pem, b"-----BEGIN CERTIFICATE-----") => return Some(pem),
        Ok(_) => "there is no certificate in PEM in it".to_owned(),
        Err(why) => why,
    };
    report.invalid(path.spot, format!("schema_registry.{name} cannot be used: {checked}"));
    None
}

fn client_certificate(file: &CertificateFile, context: &Context<'_>, report: &mut Report) -> Option<ClientCertificate> {
    let chain = certificates("certificate", &file.certificate, context, report);
    let key = secret("certificate.key", &file.key, context, report);
    if let Some(key) = &key
        && !holds(key.expose(), b"-----BEGIN PRIVATE KEY-----")
    {
        let message = "schema_registry.certificate.key is not PKCS#8 in PEM without a password; \
                       openssl pkcs8 -topk8 -nocrypt -in KEY makes it that";
        report.invalid(file.key.spot, message);
        return None;
    }
    Some(ClientCertificate { chain: chain?, key: key? })
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

fn auth(file: &RegistryFile, context: &Context<'_>, report: &mut Report) -> Option<RegistryAuth> {
    match (&file.basic, &file.bearer) {
        (None, None) => Some(RegistryAuth::None),
        (Some(basic), None) => self::basic(&basic.value, context, report),
        (None, Some(token)) => {
            let secret = secret("bearer", token, context, report)?;
            // RFC 6750, section 2.1, without the structure that no issuer minds.
            if secret.expose().is_empty() || !secret.expose().iter().all(u8::is_ascii_graphic) {
                report.invalid(token.spot, "schema_registry.bearer has to be visible ASCII without spaces");
                return None;
            }
            Some(RegistryAuth::Bearer(secret))
        }
        (Some(_), Some(token)) => {
            report.invalid(token.spot, "schema_registry has both basic and bearer; write one");
            None
        }
    }
}

fn basic(file: &BasicFile, context: &Context<'_>, report: &mut Report) -> Option<RegistryAuth> {
    let username = file.username.value.clone();
    let password = secret("basic.password", &file.password, context, report);
    if username.is_empty() || username.contains(':') || username.chars().any(char::is_control) {
        report.invalid(file.username.spot, "schema_registry.basic.username is empty or has a colon in it");
        return None;
    }
    let password = password?;
    if !is_text(&password) {
        report.invalid(file.password.spot, "schema_registry.basic.password must be UTF-8 text without NUL");
        return None;
    }
    Some(RegistryAuth::Basic { username, password })
}

fn secret(name: &str, reference: &At<Reference>, context: &Context<'_>, report: &mut Report) -> Option<Secret> {
    match resolve(&reference.value, context.base(reference.spot), &context.outside) {
        Ok(secret) => Some(secret),
        Err(why) => {
            report.invalid(reference.spot, format!("schema_registry.{name} cannot be had: {why}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("http://localhost:8081", Ok("http://localhost:8081")),
            ("HTTPS://Registry.example.com/", Ok("https://Registry.example.com")),
            ("http://h:1/apis/ccompat/v7/", Ok("http://h:1/apis/ccompat/v7")),
            ("https://[::1]:8081/x", Ok("https://[::1]:8081/x")),
            ("https://[::1]", Ok("https://[::1]")),
            ("localhost:8081", Err("has to begin with http:// or https://")),
            ("ftp://h", Err("has to begin with http:// or https://")),
            ("http://user:secret@h", Err("must not hold credentials; write them under basic")),
            ("http://", Err("has no host, or not a host and a port")),
            ("http://h:0", Err("has no host, or not a host and a port")),
            ("http://h:port", Err("has no host, or not a host and a port")),
            ("http://h h", Err("has no host, or not a host and a port")),
            ("http://h?x=1", Err("has no host, or not a host and a port")),
            ("http://h/a?x=1", Err("ends in something that is not a path")),
            ("http://h/a b", Err("ends in something that is not a path")),
        ];
        for (text, expected) in cases {
            assert_eq!(url(text), expected.map(str::to_owned), "{text}");
        }
    }
}
