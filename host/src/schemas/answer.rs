//! What a registry's JSON has to be. It reads bytes and says what is wrong in fixed words: no part of an answer gets
//! into a message.

use serde::Deserialize;

use super::SchemaRef;
use super::wire::Uuid;

/// A schema as registered, with what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The registry's word; none for Avro.
    pub(super) kind: Option<String>,
    pub(super) text: String,
    pub(super) references: Vec<Pointer>,
}

/// A name that a schema uses, and where what it stands for is registered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Pointer {
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: u32,
}

/// A version of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) version: u32,
    pub(super) id: u32,
    pub(super) found: Found,
}

/// Every field that any of the answers has; what else is there is of later versions.
#[derive(Deserialize)]
struct Body {
    schema: String,
    #[serde(rename = "schemaType")]
    kind: Option<String>,
    references: Option<Vec<Pointer>>,
    id: Option<u32>,
    guid: Option<String>,
    subject: Option<String>,
    version: Option<u32>,
}

impl Body {
    fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let body: Self = serde_json::from_slice(bytes).map_err(|_| "it is not a schema")?;
        let named = |pointer: &Pointer| !pointer.name.is_empty() && !pointer.subject.is_empty() && pointer.version > 0;
        if !body.references.iter().flatten().all(named) {
            return Err("a reference names nothing");
        }
        Ok(body)
    }

    fn found(self) -> Found {
        Found { kind: self.kind, text: self.schema, references: self.references.unwrap_or_default() }
    }
}

/// The answer to `/schemas/ids/…` and `/schemas/guids/…`. Where it names an id or a GUID, they are those asked for.
pub(super) fn schema(bytes: &[u8], asked: SchemaRef) -> Result<Found, &'static str> {
    let body = Body::read(bytes)?;
    let other = match asked {
        SchemaRef::Id(id) => body.id.is_some_and(|found| found != id),
        SchemaRef::Guid(guid) => body.guid.as_ref().is_some_and(|found| !found.eq_ignore_ascii_case(&Uuid(&guid).to_string())),
    };
    if other { Err("it is another schema") } else { Ok(body.found()) }
}

/// The answer to `/subjects/…/versions/…`; `version` none means the latest.
pub(super) fn version(bytes: &[u8], subject: &str, version: Option<u32>) -> Result<Version, &'static str> {
    let body = Body::read(bytes)?;
    // A qualified name (`:.context:subject`) may come back without its context.
    let named = body.subject.as_deref().ok_or("it names no subject")?;
    if named != subject && !subject.ends_with(&format!(":{named}")) {
        return Err("it is another subject");
    }
    let found = body.version.filter(|found| *found > 0).ok_or("it names no version")?;
    if version.is_some_and(|asked| asked != found) {
        return Err("it is another version");
    }
    let id = body.id.ok_or("it names no id")?;
    Ok(Version { version: found, id, found: body.found() })
}

/// The answer to `/subjects`.
pub(super) fn subjects(bytes: &[u8]) -> Result<Vec<String>, &'static str> {
    serde_json::from_slice(bytes).map_err(|_| "it is not a list of subjects")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas() {
        let avro = Found { kind: None, text: "\"int\"".into(), references: Vec::new() };
        let pointer = Pointer { name: "a.B".into(), subject: "s".into(), version: 2 };
        let guid = SchemaRef::Guid([0xab; 16]);
        let cases = [
            (SchemaRef::Id(1), r#"{"schema":"\"int\""}"#, Ok(avro.clone())),
            (SchemaRef::Id(1), r#"{"schema":"\"int\"","references":null,"id":1,"maxId":9,"metadata":{}}"#, Ok(avro.clone())),
            (guid, r#"{"schema":"\"int\"","guid":"ABABABAB-abab-abab-abab-abababababab","id":5}"#, Ok(avro.clone())),
            (
                SchemaRef::Id(1),
                r#"{"schema":"x","schemaType":"PROTOBUF","references":[{"name":"a.B","subject":"s","version":2}]}"#,
                Ok(Found { kind: Some("PROTOBUF".into()), text: "x".into(), references: vec![pointer] }),
            ),
            (SchemaRef::Id(1), r#"{"schema":"\"int\"","id":2}"#, Err("it is another schema")),
            (guid, r#"{"schema":"\"int\"","guid":"00000000-0000-0000-0000-000000000000"}"#, Err("it is another schema")),
            (SchemaRef::Id(1), r#"{"schemaType":"AVRO"}"#, Err("it is not a schema")),
            (SchemaRef::Id(1), r#"{"schema":{}}"#, Err("it is not a schema")),
            (SchemaRef::Id(1), r#"{"schema":"x""#, Err("it is not a schema")),
            (SchemaRef::Id(1), "<html>", Err("it is not a schema")),
            (SchemaRef::Id(1), r#"{"schema":"x","references":[{"name":"a","subject":"s","version":0}]}"#, Err("a reference names nothing")),
            (SchemaRef::Id(1), r#"{"schema":"x","references":[{"name":"a","subject":"s","version":-1}]}"#, Err("it is not a schema")),
        ];
        for (asked, text, expected) in cases {
            assert_eq!(schema(text.as_bytes(), asked), expected, "{text}");
        }
    }

    #[test]
    fn versions() {
        let cases = [
            ("s", Some(2), r#"{"subject":"s","version":2,"id":7,"schema":"x"}"#, Ok((2, 7))),
            ("s", None, r#"{"subject":"s","version":3,"id":7,"schema":"x"}"#, Ok((3, 7))),
            (":.c:s", None, r#"{"subject":"s","version":3,"id":7,"schema":"x"}"#, Ok((3, 7))),
            ("s", Some(2), r#"{"subject":"s","version":3,"id":7,"schema":"x"}"#, Err("it is another version")),
            ("s", Some(2), r#"{"subject":"t","version":2,"id":7,"schema":"x"}"#, Err("it is another subject")),
            ("s", Some(2), r#"{"version":2,"id":7,"schema":"x"}"#, Err("it names no subject")),
            ("s", Some(2), r#"{"subject":"s","id":7,"schema":"x"}"#, Err("it names no version")),
            ("s", Some(2), r#"{"subject":"s","version":2,"schema":"x"}"#, Err("it names no id")),
        ];
        for (subject, asked, text, expected) in cases {
            let found = version(text.as_bytes(), subject, asked).map(|v| (v.version, v.id));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(subjects(br#"["a","b"]"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(subjects(br#"{"a":1}"#), Err("it is not a list of subjects"));
    }
}
