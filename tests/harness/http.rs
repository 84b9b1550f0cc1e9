//! A GET and a POST, no more: enough HTTP to look at the program's pages and to register a schema. Must not follow,
//! retry or pool.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How long a server may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a page answered.
pub struct Page {
    /// HTTP status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Page {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("page is not JSON ({e}): {}", self.body))
    }
}

/// GET from loopback; none where nobody listens or the answer is cut.
pub fn get(port: u16, path: &str) -> Option<Page> {
    get_within(port, path, PATIENCE)
}

/// The same, for a server that may not answer at all.
pub fn get_within(port: u16, path: &str, limit: Duration) -> Option<Page> {
    send(&format!("127.0.0.1:{port}"), &format!("GET {path}"), "", limit)
}

/// POST of JSON to an `http://` address; none where nobody listens or the answer is cut.
pub fn post(url: &str, json: &str) -> Option<Page> {
    let rest = url.strip_prefix("http://")?;
    let (server, path) = rest.split_at(rest.find('/')?);
    send(server, &format!("POST {path}"), json, PATIENCE)
}

fn send(server: &str, request: &str, body: &str, limit: Duration) -> Option<Page> {
    let mut stream = TcpStream::connect(server).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    let length = body.len();
    let head = format!("Host: {server}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    write!(stream, "{request} HTTP/1.1\r\n{head}{body}").ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { dechunk(body)? } else { body.to_owned() };
    Some(Page { status, body })
}

fn dechunk(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}

/// A part of an address as it was before escaping.
pub fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = part.get(part.len() - after.len()..part.len() - after.len() + 2).filter(|_| *first == b'%');
        let byte = escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Sum of all samples of `metric` whose labels contain every one of `labels` (`name="value"`).
pub fn metric(text: &str, metric: &str, labels: &[&str]) -> f64 {
    text.lines()
        .filter(|l| l.starts_with(metric) && l[metric.len()..].starts_with(['{', ' ']))
        .filter(|l| labels.iter().all(|label| l.contains(label)))
        .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
