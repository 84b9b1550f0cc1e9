//! What the stand-ins compute, against other implementations where there is one.
#![allow(clippy::unwrap_used, reason = "a test that panics is a test that fails")]
use super::*;
use crate::host::{self, Failure, WindowFailure};
use crate::{Column, Kind, Value};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn column(values: &[(u32, &str)]) -> Column {
    let mut column = Column::new();
    values.iter().for_each(|(row, text)| column.push(*row, Value { kind: Kind::TEXT, bytes: text.as_bytes() }));
    column
}

/// python3 - <<'EOF'
/// import hmac, hashlib
/// prk = hmac.new(b"\0" * 32, b"0123456789abcdef0123456789abcdef", hashlib.sha256).digest()
/// key = hmac.new(prk, b"sluice/hmac/default\x01", hashlib.sha256).digest()
/// for v in (b"ana@example.org", b""): print(hmac.new(key, v, hashlib.sha256).hexdigest())
/// EOF
#[test]
fn hmac_is_the_one_of_another_implementation() {
    reset();
    add_key("pii", b"0123456789abcdef0123456789abcdef");
    let tags = keys::hmac_sha256("pii", "default", &[15, 15], b"ana@example.org").unwrap();
    assert_eq!(hex(&tags[..32]), "223c73a7523c3279c2b39614443d9484ae02948d1f1b4c4d2cdf07e55bfc4381");
    assert_eq!(hex(&tags[32..]), "159e7314e62c7fce6509c4813bf0df365cc5b085accb0ce568c17cd516b4c7c0");
    assert!(matches!(keys::hmac_sha256("nope", "default", &[], &[]), Err(Failure::UnknownKey)));
    assert!(matches!(keys::hmac_sha256("pii", "default", &[3, 2], b"abc"), Err(Failure::Malformed)));
}

/// from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV, AESSIV
/// import hmac, hashlib, struct
/// def mac(key, text): return hmac.new(key, text, hashlib.sha256).digest()
/// prk = mac(b"\0" * 32, b"0123456789abcdef0123456789abcdef")
/// def derive(info): first = mac(prk, info + b"\x01"); return first + mac(prk, first + info + b"\x02")
/// value = b"ana@example.org"
/// print(derive(b"sluice/key-id")[:8].hex())
/// print(AESSIV(derive(b"sluice/siv/default")).encrypt(value, None).hex())
/// at = b"".join(struct.pack(">I", len(n)) + n for n in (b"source", b"test")) + struct.pack(">iIIqI", 0, 0, 2, 40, 1)
/// nonce = mac(derive(b"sluice/gcm-siv-nonce/default")[:32], at)[:12]
/// print((nonce + AESGCMSIV(derive(b"sluice/gcm-siv/default")[:32]).encrypt(nonce, value, None)).hex())
#[test]
fn sealed_values_are_those_of_another_implementation() {
    reset();
    add_key("pii", b"0123456789abcdef0123456789abcdef");
    at_offset(33);
    assert_eq!(host::key_id("pii").unwrap(), "15f23ee73b0ff623");
    let values = column(&[(7, ""), (7, "ana@example.org")]);
    let sealed = host::seal("pii", "default", &values).unwrap();
    assert_eq!(hex(sealed.iter().nth(1).unwrap()), "a10655b34ed31bb561c5a84e3428af121fdc0f99ad05863def9032e4d27eaf");
    let encrypted = host::encrypt("pii", "default", 2, &values).unwrap();
    let want = "021c903afbddc4c513ff9dd7df628720fb5f83c7f5277c621b34e7e14ce1da9c4f5b29a22bd5c70fd0e493";
    assert_eq!(hex(encrypted.iter().nth(1).unwrap()), want);
    let same = host::fpe("pii", "default", "0123456789", &column(&[(0, "4111111111111111")])).unwrap();
    assert_eq!(same.data, b"7946588305499601");
}

#[test]
fn keyed_values_keep_the_promises_of_their_lengths() {
    reset();
    add_key("pii", &[7; 32]);
    let values = column(&[(0, "4111111111111111"), (1, "4111111111111111"), (1, "0000001")]);
    let sealed: Vec<_> = host::seal("pii", "d", &values).unwrap().iter().map(<[u8]>::to_vec).collect();
    assert_eq!((sealed[0].len(), sealed[2].len()), (32, 23));
    assert_eq!(sealed[0], sealed[1]);
    let same: Vec<_> = host::fpe("pii", "d", "0123456789", &values).unwrap().iter().map(<[u8]>::to_vec).collect();
    assert!(same[0] == same[1] && same[0] != values.data[..16] && same[2].len() == 7);
    let encrypted: Vec<_> = host::encrypt("pii", "d", 0, &values).unwrap().iter().map(<[u8]>::to_vec).collect();
    assert!(encrypted[0] != encrypted[1] && encrypted[0].len() == 44);
    // A record's bytes are the same in whatever batch it comes.
    at_offset(1);
    let alone = host::encrypt("pii", "d", 0, &column(&[(0, "4111111111111111")])).unwrap();
    assert_eq!(alone.data, encrypted[1]);
    assert_eq!(host::key_id("pii").unwrap().len(), 16);
}

#[test]
fn fpe_refuses_what_it_cannot_hide() {
    reset();
    add_key("pii", &[7; 32]);
    let cases = [
        ("0123456789", "12345", Failure::DomainTooSmall),
        ("0123456789", "", Failure::DomainTooSmall),
        ("0123456789", "12345a", Failure::Malformed),
        ("0123456780", "123456", Failure::Malformed),
        ("0", "000000", Failure::Malformed),
    ];
    for (alphabet, text, want) in cases {
        let got = host::fpe("pii", "d", alphabet, &column(&[(0, text)]));
        assert_eq!(got.map(|_| ()).map_err(|failure| failure as u8), Err(want as u8), "{alphabet} {text}");
    }
}

#[test]
fn tables_answer_every_key() {
    reset();
    add_row("customers", b"c1", r#"{"tier":"gold"}"#);
    let found = host::look_up("customers", &column(&[(0, "c1"), (1, "c2"), (2, "c1")])).unwrap();
    let rows: Vec<_> = found.iter().collect();
    let gold = Some(&br#"{"tier":"gold"}"#[..]);
    assert_eq!(rows, [gold, None, gold]);
    assert!(matches!(host::look_up("nope", &Column::new()), Err(TableFailure::UnknownTable)));
}

#[test]
fn a_window_remembers_the_last_distinct_values() {
    reset();
    let see = |values: &[(u32, &str)]| host::seen("w", 2, &column(values)).unwrap();
    assert_eq!(see(&[(0, "a"), (0, "a"), (1, "b"), (2, "a")]), [false, false, false, true]);
    // The next batch: b was pushed out by c, since a was seen after it.
    assert_eq!(see(&[(0, "c"), (1, "b"), (1, "b"), (2, "c")]), [false, false, false, true]);
    assert!(matches!(host::seen("w", 0, &Column::new()), Err(WindowFailure::Malformed)));
}
