//! An OAuth token endpoint (RFC 6749, client credentials) that hands out the token that the brokers of the run accept.
//! Knows one client; must not hand a token to another.

use super::lab::home;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// The one client, as HTTP's basic authentication writes `sluice:token-secret`.
const KNOWN: &str = "basic c2x1awnlonrva2vulxnly3jlda==";

/// The client's name.
pub const CLIENT: &str = "sluice";
/// Its secret.
pub const SECRET: &str = "token-secret";

/// Starts the endpoint and answers with its address; it ends with the process.
pub fn start() -> String {
    let token = std::fs::read_to_string(home().join("conf/tls/token")).expect("tests/kafka/start --secure makes a token");
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // a client that hangs up gets no answer
            drop(answer(&stream, &token));
        }
    });
    format!("http://{address}/token")
}

fn answer(mut stream: &TcpStream, token: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut known) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        // base64 in lower case is as good a comparison for one known text
        let line = line.trim().to_ascii_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("authorization", value)) => known = value == KNOWN,
            Some(_) => {}
            None if line.is_empty() => break,
            None => {}
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form)?;
    let asked = String::from_utf8_lossy(&form).contains("grant_type=client_credentials");
    let (status, body) = if known && asked {
        ("200 OK", format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#))
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned())
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
