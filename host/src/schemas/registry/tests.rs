//! The client against a server of the test's own that misbehaves on purpose.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use super::super::error::{Consequence, Fault};
use super::super::{SchemaKind, SchemaRef};
use super::*;
use crate::config::plan::RegistryAuth;
use crate::config::{Location, Secret};

/// What the server does with a request.
#[derive(Clone)]
enum Reply {
    Json(u16, String),
    /// The bytes as they are, then the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, for longer than anybody waits.
    Silence,
}

/// A server on loopback whose answers come from a list; the last one stays. It ends with the process.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn ok(body: &str) -> Reply {
    Reply::Json(200, body.into())
}

fn serve(replies: Vec<Reply>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let replies = Arc::new(Mutex::new(replies));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (log, replies) = (Arc::clone(&log), Arc::clone(&replies));
            thread::spawn(move || while answer(&stream, &log, &replies).is_some() {});
        }
    });
    Server { url, seen }
}

fn answer(mut stream: &TcpStream, log: &Mutex<Vec<String>>, replies: &Mutex<Vec<Reply>>) -> Option<()> {
    let head: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let request = head.first()?.clone();
    let authorization = head.iter().find(|line| line.starts_with("authorization: "));
    let line = authorization.map_or(request.clone(), |authorization| format!("{request} {authorization}"));
    log.lock().unwrap().push(line);
    let reply = {
        let mut replies = replies.lock().unwrap();
        if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
    };
    match reply {
        Reply::Json(status, body) => write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok(),
        Reply::Raw(bytes) => {
            stream.write_all(&bytes).ok()?;
            stream.shutdown(std::net::Shutdown::Both).ok()?;
            None
        }
        Reply::Silence => {
            thread::sleep(Duration::from_secs(60));
            None
        }
    }
}

fn config(urls: &[&str], wait: Duration) -> SchemaRegistry {
    SchemaRegistry {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        ca: None,
        certificate: None,
        auth: RegistryAuth::None,
        timeout: Duration::from_millis(300),
        wait,
        at: Location { file: "s.yaml".into(), line: 1, column: 1 },
    }
}

pub(super) fn registry(urls: &[&str], wait: Duration) -> Registry {
    Registry::new(&config(urls, wait)).unwrap()
}

pub(super) fn asked(registry: &Registry, id: u32) -> Result<Arc<Schema>, LookupError> {
    registry.schema(SchemaRef::Id(id), &|| false)
}

/// An address where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn finds_a_schema_and_asks_once() {
    let server = serve(vec![ok(r#"{"schema":"\"int\""}"#)]);
    let registry = registry(&[&server.url], Duration::ZERO);
    for _ in 0..3 {
        let schema = asked(&registry, 7).unwrap();
        assert_eq!((schema.kind, schema.text.as_str()), (SchemaKind::Avro, "\"int\""));
    }
    assert_eq!(*server.seen.lock().unwrap(), ["GET /schemas/ids/7 HTTP/1.1"]);
    assert_eq!((registry.counters().hits(), registry.counters().misses(), registry.counters().failures()), (2, 1, 0));
}

#[test]
fn fetches_what_it_refers_to() {
    let pointer = r#"[{"name":"a.proto","subject":"a b/ü","version":2}]"#;
    let server = serve(vec![
        ok(&format!(r#"{{"schema":"root","schemaType":"PROTOBUF","references":{pointer}}}"#)),
        ok(r#"{"subject":"a b/ü","version":2,"id":1,"schema":"A","schemaType":"PROTOBUF"}"#),
    ]);
    let guid = SchemaRef::Guid([0xcd; 16]);
    let schema = registry(&[&server.url], Duration::ZERO).schema(guid, &|| false).unwrap();
    assert_eq!(schema.references[0].text, "A");
    let expected = [
        "GET /schemas/guids/cdcdcdcd-cdcd-cdcd-cdcd-cdcdcdcdcdcd HTTP/1.1",
        "GET /subjects/a%20b%2F%C3%BC/versions/2?deleted=true HTTP/1.1",
    ];
    assert_eq!(*server.seen.lock().unwrap(), expected);
}

#[test]
fn knows_subjects() {
    let server = serve(vec![
        ok(r#"{"subject":"t-value","version":3,"id":9,"schema":"{}","schemaType":"JSON"}"#),
        ok(r#"["t-key","t-value","u-value"]"#),
        Reply::Json(404, r#"{"error_code":40401,"message":"no"}"#.into()),
    ]);
    let registry = registry(&[&server.url], Duration::ZERO);
    let latest = registry.latest("t-value", &|| false).unwrap();
    assert_eq!((latest.version, latest.id, latest.schema.kind), (3, 9, SchemaKind::Json));
    assert_eq!(registry.subjects("t-", &|| false).unwrap(), ["t-key", "t-value"]);
    assert_eq!(registry.latest("none", &|| false), Err(LookupError::NoSubject { subject: "none".into() }));
    assert_eq!(server.seen.lock().unwrap()[1], "GET /subjects?subjectPrefix=t- HTTP/1.1");
}

#[test]
fn sends_credentials() {
    let cases = [
        (
            RegistryAuth::Basic { username: "Aladdin".into(), password: Secret::new(b"open sesame".to_vec()) },
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (RegistryAuth::Bearer(Secret::new(b"mF_9.B5f-4.1JqM".to_vec())), "Bearer mF_9.B5f-4.1JqM"),
    ];
    for (auth, expected) in cases {
        let server = serve(vec![ok(r#"{"schema":"\"int\""}"#)]);
        let registry = Registry::new(&SchemaRegistry { auth, ..config(&[&server.url], Duration::ZERO) }).unwrap();
        asked(&registry, 7).unwrap();
        assert_eq!(*server.seen.lock().unwrap(), [format!("GET /schemas/ids/7 HTTP/1.1 authorization: {expected}")]);
    }
}

#[test]
fn names_every_fault_and_repeats_no_answer() {
    let secret = "swordfish";
    let body = |status: u16| Reply::Json(status, format!(r#"{{"error_code":{status}99,"message":"{secret}"}}"#));
    let raw = |text: &str| Reply::Raw(text.as_bytes().to_vec());
    let halts: [(&str, Reply, &str); 12] = [
        ("500", body(500), "answered with HTTP 500"),
        ("429", body(429), "answered with HTTP 429"),
        ("401", body(401), "refuses the credentials (HTTP 401)"),
        ("403", body(403), "refuses the credentials (HTTP 403)"),
        ("404 of somebody else", Reply::Json(404, secret.into()), "answered with HTTP 404"),
        ("404 of an unknown path", Reply::Json(404, r#"{"error_code":404}"#.into()), "answered with HTTP 404"),
        ("redirect", raw("HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"), "answered with HTTP 302"),
        ("not JSON", ok(secret), "gave an answer that is not one: it is not a schema"),
        ("another schema", ok(r#"{"schema":"x","id":8}"#), "gave an answer that is not one: it is another schema"),
        ("cut short", raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"schema\":"), "gave an answer that is not one: it is cut short"),
        ("not HTTP", raw("swordfish\r\n\r\n"), "gave an answer that is not one: it is not HTTP"),
        ("silence", Reply::Silence, "did not answer within 0.3s"),
    ];
    for (title, reply, expected) in halts {
        let server = serve(vec![reply]);
        let registry = registry(&[&server.url], Duration::ZERO);
        let error = asked(&registry, 7).unwrap_err();
        let LookupError::Unavailable { last, .. } = &error else { panic!("{title}: {error:?}") };
        assert_eq!(last.to_string(), format!("{} {expected}", server.url), "{title}");
        assert!(!format!("{error:?} {error}").contains(secret), "{title}");
        assert_eq!((error.consequence(), registry.counters().failures()), (Consequence::Halt, 1), "{title}");
    }
    let error = asked(&registry(&[&nowhere()], Duration::ZERO), 7).unwrap_err();
    assert!(matches!(&error, LookupError::Unavailable { last: Fault::Unreachable { .. }, .. }), "{error:?}");

    let huge = Reply::Json(200, format!(r#"{{"schema":"{}"}}"#, "x".repeat(9 << 20)));
    let records = [
        ("404", Reply::Json(404, r#"{"error_code":40403,"message":"x"}"#.into()), LookupError::Unknown(SchemaRef::Id(7))),
        ("another language", ok(r#"{"schema":"x","schemaType":"THRIFT"}"#), Unusable::Kind.into()),
        ("too large", huge, Unusable::TooLarge.into()),
    ];
    for (title, reply, expected) in records {
        let server = serve(vec![reply]);
        let error = asked(&registry(&[&server.url], Duration::ZERO), 7).unwrap_err();
        assert_eq!((error.consequence(), error), (Consequence::Record, expected), "{title}");
    }
}

#[test]
fn asks_the_next_address_and_stays_there() {
    let bad = serve(vec![Reply::Json(503, String::new())]);
    let good = serve(vec![ok(r#"{"schema":"\"int\""}"#)]);
    let registry = registry(&[&nowhere(), &bad.url, &good.url], Duration::ZERO);
    for id in 1..=3 {
        asked(&registry, id).unwrap();
    }
    assert_eq!((bad.seen.lock().unwrap().len(), good.seen.lock().unwrap().len()), (1, 3));
    assert_eq!(registry.counters().failures(), 2);
}

#[test]
fn waits_for_a_registry_that_comes_back() {
    let mut replies = vec![Reply::Json(500, String::new()); 3];
    replies.push(ok(r#"{"schema":"\"int\""}"#));
    let server = serve(replies);
    let registry = registry(&[&server.url], Duration::from_secs(30));
    let start = Instant::now();
    asked(&registry, 7).unwrap();
    // 100, 200 and 400 ms.
    assert!(start.elapsed() >= Duration::from_millis(700));
    assert_eq!(registry.counters().failures(), 3);
}

#[test]
fn gives_up_in_time_and_known_schemas_go_on() {
    let server = serve(vec![ok(r#"{"schema":"\"int\""}"#), Reply::Json(500, String::new())]);
    let registry = registry(&[&server.url], Duration::from_secs(1));
    asked(&registry, 1).unwrap();
    let start = Instant::now();
    let error = asked(&registry, 2).unwrap_err();
    assert_eq!(error.to_string(), "no answer about a schema within 1s");
    assert!((Duration::from_millis(700)..Duration::from_millis(1500)).contains(&start.elapsed()), "{:?}", start.elapsed());
    asked(&registry, 1).unwrap();
}

#[test]
fn stops_when_told() {
    let server = serve(vec![Reply::Json(500, String::new())]);
    let registry = registry(&[&server.url], Duration::from_secs(60));
    let start = Instant::now();
    let stop = || start.elapsed() > Duration::from_millis(200);
    assert_eq!(registry.schema(SchemaRef::Id(7), &stop), Err(LookupError::Stopped));
    assert!(start.elapsed() < Duration::from_secs(5));
}
