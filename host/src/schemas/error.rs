//! Why a schema cannot be had, and what follows for the record. No word of a registry's answer and no secret is in a
//! message.

use std::time::Duration;

use super::SchemaRef;

/// What one request to one registry came to, besides an answer. All of these may pass, so the next address is asked,
/// and then all of them again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection, or one that broke.
    #[error("cannot talk to {url}: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// The system's or the TLS library's words.
        why: String,
    },
    /// It did not answer within `timeout`.
    #[error("{url} did not answer within {}", seconds(*.timeout))]
    Timeout {
        /// The address.
        url: String,
        /// The bound.
        timeout: Duration,
    },
    /// 401 or 403.
    #[error("{url} refuses the credentials (HTTP {status})")]
    Unauthorized {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Another status than a registry's yes or no: a failure of its own, or something else lives there.
    #[error("{url} answered with HTTP {status}")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// What came is not what was asked for.
    #[error("{url} gave an answer that is not one: {what}")]
    Answer {
        /// The address.
        url: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

/// A schema that was found and cannot be used; asking again brings the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Neither Avro nor Protobuf nor JSON Schema.
    #[error("its language is not known")]
    Kind,
    /// A schema that it refers to is written in another language.
    #[error("it refers to a schema of another language")]
    ReferenceKind,
    /// A schema that it refers to is not there.
    #[error("it refers to a schema that the registry does not have")]
    ReferenceMissing,
    /// Two different schemas go by one name.
    #[error("it refers to two schemas by one name")]
    ReferenceConflict,
    /// It refers to itself by others.
    #[error("it refers to itself")]
    Circle,
    /// More references, deeper ones or longer texts than are followed.
    #[error("it or what it refers to is too large")]
    TooLarge,
}

/// A schema cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The registry has none of that id or GUID.
    #[error("the registry has no schema with {0}")]
    Unknown(SchemaRef),
    /// The registry has no such subject, or none with a version.
    #[error("the registry has no subject {subject:?}")]
    NoSubject {
        /// The subject.
        subject: String,
    },
    /// It was found, and is of no use.
    #[error("the schema cannot be used: {0}")]
    Unusable(#[from] Unusable),
    /// No registry gave an answer in time.
    #[error("no answer about {asked} within {}", seconds(*.waited))]
    Unavailable {
        /// What was asked for.
        asked: String,
        /// How long it was tried.
        waited: Duration,
        /// What the last try came to.
        #[source]
        last: Fault,
    },
    /// Whoever asked has to stop.
    #[error("stopped while waiting for the registry")]
    Stopped,
}

/// What follows for the record that needs the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The record cannot be read: it follows `on_error`.
    Record,
    /// Nothing is known about the record yet: its partition halts.
    Halt,
    /// Nobody waits any more.
    Stop,
}

impl LookupError {
    /// What follows for the record.
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::Unknown(_) | Self::NoSubject { .. } | Self::Unusable(_) => Consequence::Record,
            Self::Unavailable { .. } => Consequence::Halt,
            Self::Stopped => Consequence::Stop,
        }
    }

    /// The code that a record is set aside with, or a partition halts with.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unknown(_) | Self::NoSubject { .. } => "schema_unknown",
            Self::Unusable(_) => "schema_unusable",
            Self::Unavailable { .. } | Self::Stopped => "registry_unavailable",
        }
    }
}

/// `30s`, or `0.2s`.
fn seconds(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("{}s", span.as_secs()),
        _ => format!("{:.1}s", span.as_secs_f64()),
    }
}
