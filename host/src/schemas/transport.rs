//! HTTP to the addresses of one registry: TLS, credentials, bounds of time and size. One request, one outcome: it
//! neither retries nor knows what an answer means.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use ureq::Agent;
use ureq::http::HeaderValue;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

use super::error::Fault;
use crate::config::plan::{ClientCertificate, RegistryAuth, SchemaRegistry};

/// The most bytes of an answer: a registry that goes mad, or another server at its address, fills no memory. The
/// largest schemas that people register have a hundredth of it.
const MAX_ANSWER_BYTES: u64 = 8 << 20;

/// The most bytes of an answer's headers, for the same reason.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// The registry's own type first; plain JSON is what proxies and other makes answer with.
const ACCEPT: &str = "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json; q=0.9, application/json; q=0.5";

/// The error codes beside HTTP 404 that mean a registry's no: no such subject, version or schema. A 404 without one
/// comes from something else at that address, and says nothing about a schema.
/// <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>
const MISSING: [u32; 3] = [40401, 40402, 40403];

/// The client cannot be built from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use the {what} of the schema registry: {why}")]
pub struct SetupError {
    what: &'static str,
    why: String,
}

/// What a registry said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Yes: the body.
    Found(Vec<u8>),
    /// No.
    Missing,
    /// Yes, with more bytes than are read.
    TooLarge,
}

/// The HTTP client of one registry and its addresses.
pub(super) struct Transport {
    agent: Agent,
    urls: Vec<String>,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Transport {
    /// Connects to nothing yet. Certificates and credentials that TLS or a header cannot take are refused.
    pub(super) fn new(config: &SchemaRegistry) -> Result<Self, SetupError> {
        let agent = Agent::config_builder()
            .tls_config(tls(config)?)
            .http_status_as_error(false)
            // A redirect would carry the credentials to an address that nobody wrote down.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // What the configuration says is what is connected to, as for Kafka.
            .proxy(None)
            .max_response_header_size(MAX_HEADER_BYTES)
            .accept(ACCEPT)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, urls: config.urls.clone(), authorization: authorization(&config.auth)?, timeout: config.timeout })
    }

    /// How many addresses there are.
    pub(super) fn addresses(&self) -> usize {
        self.urls.len()
    }

    /// One GET of `path`, which begins with a slash, from one of the addresses; `within` bounds it further.
    pub(super) fn get(&self, address: usize, path: &str, within: Duration) -> Result<Outcome, Fault> {
        let url = &self.urls[address % self.urls.len()];
        let timeout = self.timeout.min(within);
        let failed = |error| fault(url, timeout, &error);
        let mut request = self.agent.get(format!("{url}{path}"));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization.clone());
        }
        let response = request.config().timeout_global(Some(timeout)).build().call().map_err(failed)?;
        let status = response.status().as_u16();
        let body = response.into_body().into_with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        match (status, body) {
            (200, Ok(body)) => Ok(Outcome::Found(body)),
            (200, Err(ureq::Error::BodyExceedsLimit(_))) => Ok(Outcome::TooLarge),
            (200, Err(error)) => Err(failed(error)),
            (404, Ok(body)) if is_no(&body) => Ok(Outcome::Missing),
            (401 | 403, _) => Err(Fault::Unauthorized { url: url.clone(), status }),
            _ => Err(Fault::Status { url: url.clone(), status }),
        }
    }

    /// What an answer of that address lacks.
    pub(super) fn wrong(&self, address: usize, what: &'static str) -> Fault {
        Fault::Answer { url: self.urls[address % self.urls.len()].clone(), what }
    }
}

fn is_no(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct No {
        error_code: u32,
    }
    serde_json::from_slice::<No>(body).is_ok_and(|no| MISSING.contains(&no.error_code))
}

/// The library's error as a fault. Its words about what came over the wire are not repeated.
fn fault(url: &str, timeout: Duration, error: &ureq::Error) -> Fault {
    let url = url.to_owned();
    let why = match error {
        ureq::Error::Timeout(_) => return Fault::Timeout { url, timeout },
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => return Fault::Answer { url, what: "it is not HTTP" },
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Fault::Answer { url, what: "it is cut short" };
        }
        ureq::Error::HostNotFound => "its name is not known".into(),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    };
    Fault::Unreachable { url, why }
}

/// RFC 7617 and RFC 6750.
fn authorization(auth: &RegistryAuth) -> Result<Option<HeaderValue>, SetupError> {
    let text = match auth {
        RegistryAuth::None => return Ok(None),
        RegistryAuth::Basic { username, password } => {
            let pair = [username.as_bytes(), b":", password.expose()].concat();
            format!("Basic {}", STANDARD.encode(pair))
        }
        RegistryAuth::Bearer(token) => format!("Bearer {}", String::from_utf8_lossy(token.expose())),
    };
    let refused = |_| SetupError { what: "bearer token", why: "it has characters that no HTTP header may have".into() };
    let mut value = HeaderValue::from_str(&text).map_err(refused)?;
    value.set_sensitive(true);
    Ok(Some(value))
}

fn tls(config: &SchemaRegistry) -> Result<TlsConfig, SetupError> {
    let roots = match &config.ca {
        // Those of the system; the library finds them where distributions put them.
        None => RootCerts::PlatformVerifier,
        Some(pem) => RootCerts::Specific(Arc::new(certificates("ca", pem)?)),
    };
    let client = config.certificate.as_ref().map(client_certificate).transpose()?;
    // The TLS library that the Kafka client has already brought into the program.
    Ok(TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).client_cert(client).build())
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<Certificate<'static>>, SetupError> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(SetupError { what, why: error.to_string() }),
        }
    }
    if found.is_empty() {
        return Err(SetupError { what, why: "there is no certificate in it".into() });
    }
    Ok(found)
}

fn client_certificate(pair: &ClientCertificate) -> Result<ClientCert, SetupError> {
    let chain = certificates("client certificate", &pair.chain)?;
    // The library's words could quote the key.
    let refused = |_| SetupError { what: "client certificate's key", why: "it is not PKCS#8 in PEM".into() };
    let key = PrivateKey::from_pem(pair.key.expose()).map_err(refused)?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

#[cfg(test)]
mod tests;
