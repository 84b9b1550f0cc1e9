//! TLS: whose certificate is taken, and which one is shown.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name};

use super::*;
use crate::config::{Location, Secret};

/// A certificate and its key.
#[derive(Clone)]
struct Pair {
    certificate: X509,
    key: PKey<Private>,
}

impl Pair {
    /// For loopback, signed by `authority`, or by itself to be one.
    fn new(name: &str, authority: Option<&Self>) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut subject = X509Name::builder().unwrap();
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let subject = subject.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        let signer = match authority {
            Some(authority) => {
                builder.set_issuer_name(authority.certificate.subject_name()).unwrap();
                let names = SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(None, None)).unwrap();
                builder.append_extension(names).unwrap();
                &authority.key
            }
            None => {
                builder.set_issuer_name(&subject).unwrap();
                builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
                &key
            }
        };
        builder.sign(signer, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    fn client(&self) -> ClientCertificate {
        ClientCertificate { chain: self.pem(), key: Secret::new(self.key.private_key_to_pem_pkcs8().unwrap()) }
    }
}

/// An HTTPS server that shows `server` and, where `clients` is given, wants a certificate that it signed.
fn serve(server: &Pair, clients: Option<&Pair>) -> u16 {
    let mut acceptor = SslAcceptor::mozilla_intermediate(SslMethod::tls_server()).unwrap();
    acceptor.set_private_key(&server.key).unwrap();
    acceptor.set_certificate(&server.certificate).unwrap();
    if let Some(clients) = clients {
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        acceptor.cert_store_mut().add_cert(clients.certificate.clone()).unwrap();
    }
    let acceptor = acceptor.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(mut stream) = acceptor.accept(stream) else { continue };
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok_and(|n| n > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
            }
        }
    });
    port
}

fn config(url: String, ca: Option<&Pair>, certificate: Option<ClientCertificate>) -> SchemaRegistry {
    SchemaRegistry {
        urls: vec![url],
        ca: ca.map(Pair::pem),
        certificate,
        auth: RegistryAuth::None,
        timeout: Duration::from_secs(10),
        wait: Duration::ZERO,
        at: Location { file: "s.yaml".into(), line: 1, column: 1 },
    }
}

fn get(config: &SchemaRegistry) -> Result<Outcome, Fault> {
    Transport::new(config).unwrap().get(0, "/x", Duration::MAX)
}

#[test]
fn takes_a_certificate_of_the_given_authority_alone() {
    let (ours, strangers) = (Pair::new("ours", None), Pair::new("strangers", None));
    let port = serve(&Pair::new("server", Some(&ours)), None);
    let url = format!("https://127.0.0.1:{port}");
    assert_eq!(get(&config(url.clone(), Some(&ours), None)), Ok(Outcome::Found(b"{}".to_vec())));
    let refused = [
        ("a stranger's authority", config(url.clone(), Some(&strangers), None)),
        ("the system's authorities", config(url, None, None)),
        ("a name that is not in the certificate", config(format!("https://localhost:{port}"), Some(&ours), None)),
        ("a server without TLS", config(format!("https://{}", plain_server()), Some(&ours), None)),
    ];
    for (title, config) in refused {
        assert!(matches!(get(&config), Err(Fault::Unreachable { .. })), "{title}: {:?}", get(&config));
    }
}

fn plain_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
        }
    });
    address
}

#[test]
fn shows_its_own_certificate() {
    let (ours, strangers) = (Pair::new("ours", None), Pair::new("strangers", None));
    let port = serve(&Pair::new("server", Some(&ours)), Some(&ours));
    let with = |client: Option<&Pair>| get(&config(format!("https://127.0.0.1:{port}"), Some(&ours), client.map(Pair::client)));
    assert_eq!(with(Some(&Pair::new("client", Some(&ours)))), Ok(Outcome::Found(b"{}".to_vec())));
    assert!(with(None).is_err(), "no certificate");
    assert!(with(Some(&Pair::new("client", Some(&strangers)))).is_err(), "a stranger's");
}

#[test]
fn refuses_files_that_hold_nothing_of_use() {
    let ours = Pair::new("ours", None);
    let url = || "https://h".to_owned();
    let key = |pem: &[u8]| Some(ClientCertificate { chain: ours.pem(), key: Secret::new(pem.to_vec()) });
    let no_chain = ClientCertificate { chain: b"x".to_vec(), ..ours.client() };
    let cases = [
        (
            SchemaRegistry { ca: Some(b"nothing".to_vec()), ..config(url(), None, None) },
            "cannot use the ca of the schema registry: there is no certificate in it",
        ),
        (config(url(), None, Some(no_chain)), "cannot use the client certificate of the schema registry: there is no certificate in it"),
        (config(url(), None, key(b"x")), "cannot use the client certificate's key of the schema registry: it is not PKCS#8 in PEM"),
    ];
    for (config, expected) in cases {
        assert_eq!(Transport::new(&config).err().unwrap().to_string(), expected);
    }
}
