//! A cluster's schema registry as it is written in the file. It checks shape only.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::super::place::At;
use super::super::secret::Reference;
use super::super::units::Span;

/// A schema registry with Confluent's interface: Confluent's own, Karapace, Redpanda's, Apicurio's under
/// `/apis/ccompat/v7`. Without `basic` and `bearer` no credentials are sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { url: \"https://host:8081\" }")]
pub struct RegistryFile {
    /// Its address, or a list of addresses of one and the same registry: where one gives no answer the next is asked.
    pub url: At<UrlsFile>,
    /// A PEM file with the certificates that its own has to be signed by, relative to the directory of this file.
    /// Default: those that the system trusts.
    pub ca: Option<At<PathBuf>>,
    /// The certificate that it is shown, where it asks for one.
    pub certificate: Option<At<CertificateFile>>,
    /// Name and password (RFC 7617).
    pub basic: Option<At<BasicFile>>,
    /// Instead of `basic`: a token (RFC 6750).
    pub bearer: Option<At<Reference>>,
    /// How long one request may take, 100ms to 1m. Default 5s: a registry answers from its memory.
    #[serde(default = "five_seconds")]
    pub timeout: At<Span>,
    /// How long a record whose schema is not known yet waits while no address answers, 0s to 10m. Then its partition
    /// halts; it never passes. Default 30s: a registry's restart. Schemas that are known need no registry.
    #[serde(default = "thirty_seconds")]
    pub wait: At<Span>,
}

fn five_seconds() -> At<Span> {
    At::preset(Span(Duration::from_secs(5)))
}

fn thirty_seconds() -> At<Span> {
    At::preset(Span(Duration::from_secs(30)))
}

/// One address or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum UrlsFile {
    /// `http://` or `https://`, host, port and path.
    One(String),
    /// The same, each.
    Several(Vec<At<String>>),
}

impl<'de> Deserialize<'de> for UrlsFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = UrlsFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address such as \"https://host:8081\", or a list of them")
            }

            fn visit_str<E>(self, value: &str) -> Result<UrlsFile, E> {
                Ok(UrlsFile::One(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<UrlsFile, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(UrlsFile::Several)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A client certificate and its key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { certificate: client.pem, key: { file: client.key } }")]
pub struct CertificateFile {
    /// A PEM file with the certificate and those between it and the registry's root, relative to the directory of this
    /// file.
    pub certificate: At<PathBuf>,
    /// Its key: PKCS#8 in PEM (`BEGIN PRIVATE KEY`), without a password.
    pub key: At<Reference>,
}

/// Name and password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map such as { username: sluice, password: { env: NAME } }")]
pub struct BasicFile {
    /// The name; without a colon.
    pub username: At<String>,
    /// The password.
    pub password: At<Reference>,
}
