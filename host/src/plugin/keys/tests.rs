//! Secrets, their names and ids, and the derivation of keys.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

pub(super) fn ring(secret: &[u8]) -> KeyRing {
    let mut ring = KeyRing::new();
    ring.add("pii", secret.to_vec()).unwrap();
    ring
}

#[test]
fn derivation_answers_the_vectors_of_rfc_5869() {
    // Test case 3: empty salt and info, as every derivation here has an empty salt.
    let out: [u8; 42] = Secret(&[0x0b; 22]).derive(&[]);
    let okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
    assert_eq!(out.to_vec(), unhex(okm));
}

#[test]
fn an_info_may_come_in_pieces() {
    let secret = Secret(&[7; 32]);
    assert_eq!(secret.derive::<32>(&["sluice/", "siv/", "d"]), secret.derive::<32>(&["sluice/siv/d"]));
}

#[test]
fn secrets_stay_secret() {
    let mut ring = ring(b"0123456789abcdef0123456789abcdef");
    assert_eq!(format!("{ring:?} {:?}", ring.current("pii").unwrap()), r#"{"pii": "***"} ***"#);
    assert_eq!(ring.add("s", vec![1; 31]), Err(KeyTooShort { name: "s".into(), bytes: 31 }));
    assert_eq!(ring.add_rotated("s", vec![1; 32], vec![vec![]]), Err(KeyTooShort { name: "s".into(), bytes: 0 }));
    assert_eq!(ring.key_id("pii").unwrap().len(), 16);
    assert_ne!(ring.key_id("pii"), super::tests::ring(&[7; 32]).key_id("pii"));
    assert_eq!(ring.key_id("s"), None);
    assert!(ring.by_id(&ring.key_id("pii").unwrap()).is_some() && ring.by_id("").is_none());
}
