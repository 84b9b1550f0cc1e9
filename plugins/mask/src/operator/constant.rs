//! The operators whose answer does not depend on what the value says. They must not keep a value but a null, `keep`
//! aside.
use serde_json::Value as Json;
use sluice_plugin::{Column, Kind};

use crate::output::{Output, REDACTED};
use crate::settings::Reader;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constant {
    /// Text becomes `[redacted]`, anything else null, or its type's zero.
    Redact,
    /// The field or array element goes.
    Remove,
    /// The value becomes null.
    Null,
    /// The value becomes a fixed one, nulls too.
    Replace {
        /// The kind of the fixed value.
        kind: Kind,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The value stays: another operator reads it, or it is listed so that nobody wonders.
    Keep,
}

impl Constant {
    pub fn read(name: &str, reader: &mut Reader<'_>) -> Option<Self> {
        Some(match name {
            "remove" => Self::Remove,
            "null" => Self::Null,
            "replace" => Self::replace(reader)?,
            "keep" => Self::Keep,
            _ => Self::Redact,
        })
    }

    fn replace(reader: &mut Reader<'_>) -> Option<Self> {
        let (kind, bytes) = match reader.get("value") {
            Some(Json::Null) => (Kind::NULL, Vec::new()),
            Some(Json::Bool(value)) => (Kind::BOOLEAN, value.to_string().into_bytes()),
            Some(Json::String(text)) => (Kind::TEXT, text.clone().into_bytes()),
            Some(Json::Number(number)) => {
                let text = number.to_string();
                (if text.contains(['.', 'e', 'E']) { Kind::DECIMAL } else { Kind::INTEGER }, text.into_bytes())
            }
            Some(Json::Array(_) | Json::Object(_)) => {
                reader.problem("value", "must be text, a number, a boolean or null".to_owned());
                return None;
            }
            None => {
                reader.missing("value");
                return None;
            }
        };
        Some(Self::Replace { kind, bytes })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Remove => "remove",
            Self::Null => "null",
            Self::Replace { .. } => "replace",
            Self::Keep => "keep",
        }
    }

    pub fn answer(&self, column: &Column) -> Output {
        let mut output = Output::with_bytes(column, column.len() * self.bytes());
        for (_, value) in column {
            match self {
                Self::Remove => output.remove(),
                // Bytes stay bytes.
                Self::Replace { kind: Kind::TEXT, bytes } if value.kind == Kind::BYTES => output.set(Kind::BYTES, bytes),
                Self::Replace { kind, bytes } => output.set(*kind, bytes),
                Self::Keep => output.keep(),
                _ if value.is_null() => output.keep(),
                Self::Null => output.null(),
                Self::Redact => output.clear(),
            }
        }
        output
    }

    /// Bytes of one answer.
    fn bytes(&self) -> usize {
        match self {
            Self::Redact => REDACTED.len(),
            Self::Replace { bytes, .. } => bytes.len(),
            Self::Remove | Self::Null | Self::Keep => 0,
        }
    }
}
