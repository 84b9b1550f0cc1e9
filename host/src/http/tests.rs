//! The pages over a real socket: what they answer, to whom, and that one which hangs holds up no other.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]
use super::*;
use crate::metrics::LaneState;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use tokio::sync::oneshot;

const ANY: &str = "127.0.0.1:0";

fn pages(ready: impl Fn() -> Result<(), Vec<String>> + Send + Sync + 'static) -> Pages {
    let status = || Status { version: "1.2.3".into(), pipelines: Vec::new() };
    Pages { status: Box::new(status), ready: Box::new(ready), metrics: Metrics::new("1.2.3") }
}

/// Serves while `then` runs, and sees the thread end.
fn with(listen: &str, pages: Pages, then: impl FnOnce(SocketAddr)) {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::start(listen.parse().unwrap(), Arc::new(pages), async move { assert!(stopped.await.is_ok()) }).unwrap();
    let mut address = server.address();
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    then(address);
    stop.send(()).unwrap();
    server.join().unwrap();
}

fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Head and body of a page.
fn page(address: SocketAddr, path: &str, host: &str) -> (String, String) {
    let answer =
        exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn every_page_answers() {
    let pages = pages(|| Ok(()));
    let lane = pages.metrics.lane("p", 0);
    lane.set(LaneState::Running, crate::metrics::Reason::None);
    with(ANY, pages, |address| {
        for (path, status, kind, body) in [
            ("/livez", "200 ok", "text/plain; charset=utf-8", "ok\n"),
            ("/readyz", "200 ok", "text/plain; charset=utf-8", "ready\n"),
            ("/status", "200 ok", "application/json", r#"{"version":"1.2.3","pipelines":[]}"#),
            ("/metrics", "200 ok", CONTENT_TYPE, r#"state="running",reason="none"} 1"#),
            ("/", "404 not found", "text/plain; charset=utf-8", "no such page"),
        ] {
            let (head, text) = page(address, path, "localhost");
            assert!(head.starts_with(&format!("http/1.1 {status}\r\n")), "{path}: {head}");
            assert!(head.contains(&format!("content-type: {kind}\r\n")), "{path}: {head}");
            assert!(text.contains(body), "{path}: {text}");
            assert!(head.contains("cache-control: no-store") && !head.contains("access-control"), "{path}: {head}");
        }
        let post = exchange(address, "POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    });
}

#[test]
fn not_ready_says_why() {
    let reasons = Arc::new(Mutex::new(vec!["no lane is assigned".to_owned()]));
    let shown = Arc::clone(&reasons);
    with(ANY, pages(move || Err(shown.lock().unwrap().clone())), |address| {
        let (head, body) = page(address, "/readyz", "localhost");
        assert!(head.starts_with("http/1.1 503"), "{head}");
        assert_eq!(body, "not ready\nno lane is assigned\n");
        *reasons.lock().unwrap() = (0..5).map(|lane| format!("p lane {lane}: gap")).collect();
        let (_, body) = page(address, "/readyz", "localhost");
        assert_eq!(body, "not ready\np lane 0: gap\np lane 1: gap\np lane 2: gap\nand 2 more; see /readyz?verbose\n");
        let (_, body) = page(address, "/readyz?verbose", "localhost");
        assert!(body.ends_with("p lane 4: gap\n"), "{body}");
    });
}

#[test]
fn only_names_that_rebinding_cannot_forge_are_answered() {
    let cases = [
        ("localhost", true, true),
        ("LocalHost:8088", true, true),
        ("127.0.0.1:8088", true, true),
        ("127.8.8.8", true, true),
        ("[::1]:8088", true, true),
        ("10.1.2.3:8088", false, true),
        ("evil.example", false, false),
        ("localhost.evil.example", false, false),
        ("127.0.0.1.evil.example:8088", false, false),
        ("localhost@evil.example", false, false),
        ("evil.example@localhost", false, false),
        ("", false, false),
        ("local host", false, false),
    ];
    for (host, loopback, open) in cases {
        assert_eq!(HostGuard { open: false }.admits(host), loopback, "{host}");
        assert_eq!(HostGuard { open: true }.admits(host), open, "{host}, not on loopback");
    }
    for (listen, literal) in [(ANY, "http/1.1 403"), ("0.0.0.0:0", "http/1.1 200")] {
        with(listen, pages(|| Ok(())), |address| {
            for path in ["/livez", "/readyz", "/metrics", "/status", "/"] {
                let (head, body) = page(address, path, "evil.example");
                assert!(head.starts_with("http/1.1 403"), "{path}: {head}");
                assert_eq!(body, "this host name is not answered; use localhost or 127.0.0.1\n");
            }
            assert!(page(address, "/livez", "10.1.2.3").0.starts_with(literal), "{listen}");
            for request in [
                "GET /status HTTP/1.0\r\n\r\n",
                "GET http://evil.example/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            ] {
                let answer = exchange(address, request);
                assert!(answer.starts_with("HTTP/1.0 403") || answer.starts_with("HTTP/1.1 403"), "{request}: {answer}");
            }
        });
    }
}

#[test]
fn a_page_that_hangs_or_panics_holds_nobody_else() {
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let (entered, inside) = std::sync::mpsc::channel();
    let mut slow = pages(|| panic!("a bug"));
    slow.status = Box::new(move || {
        entered.send(()).unwrap();
        assert!(gate.lock().unwrap().recv().is_err());
        Status { version: String::new(), pipelines: Vec::new() }
    });
    with(ANY, slow, |address| {
        let mut hanging = TcpStream::connect(address).unwrap();
        hanging.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        inside.recv().unwrap();
        assert!(page(address, "/livez", "localhost").0.starts_with("http/1.1 200"));
        assert!(page(address, "/readyz", "localhost").0.starts_with("http/1.1 500"));
        // The shutdown does not wait for it, nor for clients that say nothing or half of it.
        std::mem::forget(hanging);
        std::mem::forget(TcpStream::connect(address).unwrap());
        let mut half = TcpStream::connect(address).unwrap();
        half.write_all(b"GET /livez HT").unwrap();
        assert!(page(address, "/livez", "localhost").0.starts_with("http/1.1 200"));
        std::mem::forget(half);
    });
    drop(release);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind(ANY).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Server::start(address, Arc::new(pages(|| Ok(()))), async {}).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address} for the pages; choose another address with http.listen"));
    assert!(std::error::Error::source(&error).is_some());
}
