//! `view: json`: a value as JSON for a plugin that sees it whole, and back into what it was written in, under the same
//! schema and behind the same framing. It must not let a text pass that does not come back exactly.

use super::{Unread, Written};
use crate::fields::{self, avro, proto};
use crate::schemas::wire::Part;

/// A header, as a row has it.
type Header = (Vec<u8>, Option<Vec<u8>>);

/// Why a plugin's JSON is not a value of the record's schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    #[error(transparent)]
    Avro(avro::json::ViewError),
    #[error(transparent)]
    Protobuf(proto::json::ViewError),
    #[error("the new value is not JSON")]
    Json(fields::DecodeError),
    /// The record had no value, so that nothing says which schema a new one has.
    #[error("a value for a record that had none, and so no schema")]
    NoSchema,
}

impl ViewError {
    /// A stable name, for metrics and quarantine records.
    pub fn code(self) -> String {
        match self {
            Self::Avro(error) => format!("view_{}", error.code()),
            Self::Protobuf(error) => format!("view_{}", error.code()),
            Self::Json(error) => format!("view_{}", error.code()),
            Self::NoSchema => "view_no_schema".to_owned(),
        }
    }
}

/// How the value of one row is shown and read again.
#[derive(Clone, Debug, Default)]
pub struct Viewed {
    form: Form,
    /// What stands before the body and names the schema.
    framing: Vec<u8>,
    /// The header that names it instead.
    header: Option<Header>,
}

#[derive(Clone, Debug, Default)]
enum Form {
    /// There is no value, and nothing that says what one would be written in.
    #[default]
    None,
    Json,
    Avro(avro::Schema),
    Protobuf(proto::Schema, proto::MessageId),
}

impl Viewed {
    /// Of a row without a value, in a topic where all are written like this; none: where each says so itself.
    pub fn absent(fixed: Option<&Written>) -> Self {
        let form = if let Some(Written::Json) = fixed { Form::Json } else { Form::None };
        Self { form, ..Self::default() }
    }

    /// Of a row whose value is written like this, with what stands before its body, and the headers that may name its
    /// schema.
    pub fn of(written: &Written, framing: &[u8], headers: &[Header]) -> Result<Self, Unread> {
        let form = match written {
            Written::Json | Written::JsonSchema(..) => Form::Json,
            Written::Avro(_, schema) => Form::Avro(schema.clone()),
            Written::Protobuf(_, schema, indexes) => {
                let message = schema.message(indexes).map_err(|_| Unread::code("message_unknown"))?;
                Form::Protobuf(schema.clone(), message)
            }
            // The configuration refuses the view where a topic's values are one scalar.
            Written::Whole(_) => return Err(Unread::code("view_scalar")),
        };
        let header = headers.iter().find(|(_, value)| value.is_some()).cloned();
        Ok(Self { form, framing: framing.to_vec(), header })
    }

    /// Whether a schema says what the value is: one of another type, in its place, would be read as this one.
    pub fn has_schema(&self) -> bool {
        matches!(self.form, Form::Avro(_) | Form::Protobuf(..)) || !self.framing.is_empty() || self.header.is_some()
    }

    /// Appends a body as JSON.
    pub fn show(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), fields::DecodeError> {
        match &self.form {
            Form::None => Ok(()),
            Form::Json => {
                fields::check_json(body)?;
                out.extend_from_slice(body);
                Ok(())
            }
            Form::Avro(schema) => avro::json::to_json(schema, body, out),
            Form::Protobuf(schema, message) => proto::json::to_json(schema, *message, body, out),
        }
    }

    /// The value that a JSON text stands for, framing included.
    pub fn read(&self, json: &[u8]) -> Result<Vec<u8>, ViewError> {
        let mut value = self.framing.clone();
        match &self.form {
            Form::None => return Err(ViewError::NoSchema),
            Form::Json => {
                fields::check_json(json).map_err(ViewError::Json)?;
                value.extend_from_slice(json);
            }
            Form::Avro(schema) => avro::json::from_json(schema, json, &mut value).map_err(ViewError::Avro)?,
            Form::Protobuf(schema, message) => {
                proto::json::from_json(schema, *message, json, &mut value).map_err(ViewError::Protobuf)?;
            }
        }
        Ok(value)
    }

    /// Adds the header that names the schema to those of a new record, where one does and they have none.
    pub fn name_schema(&self, headers: &mut Vec<Header>) {
        if let Some(header) = &self.header
            && !headers.iter().any(|(name, _)| name == Part::Value.header().as_bytes())
        {
            headers.push(header.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;
    use crate::fields::Kind;
    use crate::schemas::SchemaRef;

    fn avro() -> Written {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"n","type":"int"},{"name":"s","type":["null","string"]}]}"#;
        Written::Avro(SchemaRef::Id(7), avro::Schema::parse(schema, &[]).unwrap())
    }

    fn protobuf() -> Written {
        let schema = r#"syntax = "proto3"; message Other {} message R { int32 n = 1; string s = 2; }"#;
        Written::Protobuf(SchemaRef::Id(7), proto::Schema::parse(schema, &[]).unwrap(), vec![1])
    }

    fn shown(view: &Viewed, body: &[u8]) -> Result<String, fields::DecodeError> {
        let mut out = Vec::new();
        view.show(body, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn there_and_back_behind_the_same_framing() {
        type Case<'a> = (Written, &'a [u8], &'a [u8], &'a str, &'a str, &'a [u8]);
        let cases: [Case<'_>; 4] = [
            (Written::Json, b"", b"{ \"n\":1}", "{ \"n\":1}", "{\"n\" :2}", b"{\"n\" :2}"),
            (Written::Json, b"\0\0\0\0\x07", b"[1]", "[1]", "[2]", b"\0\0\0\0\x07[2]"),
            (avro(), b"\0\0\0\0\x07", b"\x02\x02\x02a", r#"{"n":1,"s":"a"}"#, r#"{"s":null, "n":2}"#, b"\0\0\0\0\x07\x04\0"),
            (
                protobuf(),
                b"\0\0\0\0\x07\x02\x02",
                b"\x08\x01",
                r#"{"n":1}"#,
                r#"{"n":2,"s":"a"}"#,
                b"\0\0\0\0\x07\x02\x02\x08\x02\x12\x01a",
            ),
        ];
        for (written, framing, body, json, set, wanted) in cases {
            let view = Viewed::of(&written, framing, &[]).unwrap();
            assert_eq!((shown(&view, body).as_deref(), view.has_schema()), (Ok(json), !framing.is_empty()));
            assert_eq!(view.read(set.as_bytes()).as_deref(), Ok(wanted), "{set}");
            assert_eq!(view.read(json.as_bytes()).unwrap(), [framing, body].concat());
        }
    }

    #[test]
    fn what_does_not_come_back_has_a_code() {
        let json = Viewed::of(&Written::Json, b"", &[]).unwrap();
        let avro = Viewed::of(&avro(), b"", &[]).unwrap();
        let protobuf = Viewed::of(&protobuf(), b"", &[]).unwrap();
        let cases = [
            (&json, "{", "view_not_json"),
            (&json, "1 2", "view_not_json"),
            (&avro, "{\"n\":1,\"s\":null", "view_not_json"),
            (&avro, r#"{"n":2147483648}"#, "view_does_not_fit"),
            (&avro, r#"{"n":1,"m":1}"#, "view_unknown_name"),
            (&avro, r#"{"s":"a"}"#, "view_missing_field"),
            (&avro, r#"{"n":1,"n":1}"#, "view_duplicate_name"),
            (&protobuf, r#"{"n":"a"}"#, "view_does_not_fit"),
            (&protobuf, r#"{"m":1}"#, "view_unknown_name"),
            (&Viewed::absent(None), "{}", "view_no_schema"),
        ];
        for (view, text, code) in cases {
            assert_eq!(view.read(text.as_bytes()).map_err(ViewError::code), Err(code.to_owned()), "{text}");
        }
        assert_eq!(shown(&json, b"abc"), Err(fields::DecodeError::NotJson));
        assert_eq!(shown(&avro, b"\x02"), Err(fields::DecodeError::Truncated));
        // A deletion in a topic that is JSON without exception may become a document.
        assert_eq!(Viewed::absent(Some(&Written::Json)).read(b"{}"), Ok(b"{}".to_vec()));
        assert_eq!(Viewed::of(&Written::Whole(Kind::Text), b"", &[]).unwrap_err(), Unread::code("view_scalar"));
    }

    #[test]
    fn a_header_that_names_the_schema_goes_along() {
        let name = || Part::Value.header().as_bytes().to_vec();
        let header = (name(), Some(b"\x00\0\0\0\x07".to_vec()));
        let view = Viewed::of(&avro(), b"", &[(name(), None), header.clone()]).unwrap();
        let mut headers = vec![(b"x".to_vec(), None)];
        view.name_schema(&mut headers);
        assert_eq!(headers[1..], [header]);
        let own = (name(), Some(b"own".to_vec()));
        let mut headers = vec![own.clone()];
        view.name_schema(&mut headers);
        assert_eq!(headers, [own]);
        let mut headers = Vec::new();
        Viewed::of(&avro(), b"", &[]).unwrap().name_schema(&mut headers);
        assert!(headers.is_empty());
    }
}
