//! Schema registries for cases: the real one of the run, and one of our own that gives GUIDs and misbehaves on demand.
//! Registers schemas and answers for them; must not know what they mean.

use super::http;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A schema to register: `kind` is AVRO, PROTOBUF or JSON.
#[derive(Clone, Debug)]
pub struct NewSchema<'a> {
    pub kind: &'a str,
    pub text: &'a str,
    /// Name, subject and version of each schema that it refers to.
    pub references: &'a [(&'a str, &'a str, u32)],
}

impl NewSchema<'_> {
    fn json(&self) -> Value {
        let references: Vec<_> = self
            .references
            .iter()
            .map(|(name, subject, version)| json!({ "name": name, "subject": subject, "version": version }))
            .collect();
        json!({ "schemaType": self.kind, "schema": self.text, "references": references })
    }
}

/// The base address of the real registry, which `tests/run` starts.
pub fn address() -> String {
    std::env::var("SLUICE_TEST_REGISTRY")
        .unwrap_or_else(|_| panic!("SLUICE_TEST_REGISTRY is not set: tests/run starts a registry and sets it"))
}

/// Registers a schema with the real registry and answers with its id.
#[track_caller]
pub fn register(subject: &str, schema: &NewSchema<'_>) -> u32 {
    let page = http::post(&format!("{}/subjects/{subject}/versions", address()), &schema.json().to_string());
    let page = page.expect("the registry answers");
    let id = page.json()["id"].as_u64().and_then(|id| u32::try_from(id).ok());
    id.unwrap_or_else(|| panic!("{subject} is not registered: HTTP {}: {}", page.status, page.body))
}

/// What our own registry does instead of answering.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// Closes every connection.
    Down,
    /// Answers, but late.
    Slow(Duration),
    /// This status, with an error of the same number.
    Status(u16),
    /// 200 with this body.
    Body(String),
    /// The answer's head and half of its body.
    Cut,
}

#[derive(Default)]
struct State {
    trouble: Option<Trouble>,
    requests: Vec<String>,
    /// By id, from 1 on.
    schemas: Vec<Value>,
    /// Ids by subject, in order.
    subjects: HashMap<String, Vec<usize>>,
}

/// A registry in this process that gives GUIDs; it ends with the process.
pub struct FakeRegistry {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl FakeRegistry {
    /// Starts on a free port of loopback, without schemas.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || while serve(&stream, &state).is_some() {});
            }
        });
        Self { port, state }
    }

    /// Its base address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Adds the next version of a subject and answers with the schema's id.
    pub fn register(&self, subject: &str, schema: &NewSchema<'_>) -> u32 {
        let mut state = self.state();
        let mut entry = schema.json();
        if schema.kind == "AVRO" {
            // as Confluent's does
            entry.as_object_mut().expect("an object").remove("schemaType");
        }
        let id = state.schemas.len() + 1;
        entry["id"] = json!(id);
        entry["guid"] = json!(guid(&entry));
        state.schemas.push(entry);
        state.subjects.entry(subject.to_owned()).or_default().push(id);
        u32::try_from(id).expect("a few schemas")
    }

    /// The GUID of a schema.
    pub fn guid(&self, id: u32) -> String {
        let guid = &self.state().schemas[id as usize - 1]["guid"];
        guid.as_str().expect("every schema has one").to_owned()
    }

    /// From now on it does this; none: it answers.
    pub fn set(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble;
    }

    /// What was asked so far, in order: `GET /schemas/ids/1`.
    pub fn requests(&self) -> Vec<String> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

/// Sixteen bytes that follow from the schema, as a UUID. Confluent's are an MD5; readers must not care.
fn guid(schema: &Value) -> String {
    let text = json!([schema["schema"], schema["references"], schema["schemaType"]]).to_string();
    let hash = |seed: u64| text.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let (high, low) = (hash(0xcbf2_9ce4_8422_2325), hash(0x9e37_79b9_7f4a_7c15));
    let hex = format!("{high:016x}{low:016x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn serve(mut stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let head: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let request = head.first()?.rsplit_once(' ')?.0.to_owned();
    let (trouble, (status, body)) = {
        let mut state = state.lock().expect("no holder panics");
        state.requests.push(request.clone());
        (state.trouble.clone(), answer(&state, request.strip_prefix("GET ")?))
    };
    let cut = matches!(trouble, Some(Trouble::Cut));
    let (status, body) = match trouble {
        None | Some(Trouble::Cut) => (status, body),
        Some(Trouble::Down) => {
            stream.shutdown(Shutdown::Both).ok()?;
            return None;
        }
        Some(Trouble::Slow(span)) => {
            super::wait::pass(span);
            (status, body)
        }
        Some(Trouble::Status(status)) => (status, json!({ "error_code": status, "message": "trouble" }).to_string()),
        Some(Trouble::Body(body)) => (200, body),
    };
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len()).ok()?;
    if cut {
        stream.write_all(&body.as_bytes()[..body.len() / 2]).ok()?;
        stream.shutdown(Shutdown::Both).ok()?;
        return None;
    }
    stream.write_all(body.as_bytes()).ok()?;
    let last = head.iter().any(|line| line.eq_ignore_ascii_case("connection: close"));
    (!last).then_some(())
}

fn answer(state: &State, target: &str) -> (u16, String) {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let found = match parts.as_slice() {
        ["schemas", "ids", id] => id.parse::<usize>().ok().and_then(|id| state.schemas.get(id.checked_sub(1)?)).cloned().ok_or(40403),
        ["schemas", "guids", guid] => state.schemas.iter().find(|schema| schema["guid"] == **guid).cloned().ok_or(40403),
        ["subjects"] => Ok(json!(state.subjects.keys().collect::<Vec<_>>())),
        ["subjects", subject, "versions", version] => self::version(state, &http::decoded(subject), version),
        _ => Err(404),
    };
    match found {
        Ok(body) => (200, body.to_string()),
        Err(code) => (404, json!({ "error_code": code, "message": "not found" }).to_string()),
    }
}

fn version(state: &State, subject: &str, version: &str) -> Result<Value, u32> {
    let ids = state.subjects.get(subject).ok_or(40401_u32)?;
    let version = if version == "latest" { Some(ids.len()) } else { version.parse().ok() };
    let version = version.ok_or(40402_u32)?;
    let id = version.checked_sub(1).and_then(|i| ids.get(i)).ok_or(40402_u32)?;
    let mut found = state.schemas[id - 1].clone();
    found["subject"] = json!(subject);
    found["version"] = json!(version);
    Ok(found)
}
