//! Columns through every operation, and what is refused of them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Instant;

use super::super::tests::{ring, unhex};
use super::*;
use crate::plugin::keys::Opener;

fn column<'a>(ends: &'a [u32], data: &'a [u8]) -> Column<'a> {
    Column { key: "pii", domain: "default", ends, data }
}

const AT: Coordinates<'_> = Coordinates { cluster: "landing", topic: "orders", partition: 3, step: 1, field: 2 };

fn encrypt(derived: &mut Derived, ring: &KeyRing, column: Column<'_>, rows: &[u32], origins: &[i64]) -> Result<Packed, Refusal> {
    derived.encrypt(ring, column, &AT, rows, origins)
}

fn split(packed: &Packed) -> Vec<Vec<u8>> {
    values(&packed.ends, &packed.data).unwrap().map(<[u8]>::to_vec).collect()
}

#[test]
fn a_domain_is_the_info_of_its_own_key() {
    let ring = ring(&[7; 32]);
    let mut derived = Derived::default();
    let tag = derived.hmac_sha256(&ring, column(&[5], b"alice")).unwrap();
    assert_eq!(tag, Keyed::derive(ring.current("pii").unwrap(), "default").tag(b"alice"));
    let other = derived.hmac_sha256(&ring, Column { domain: "other", ..column(&[5], b"alice") }).unwrap();
    assert_ne!(tag, other);
}

/// The script beside the SDK's stand-ins (`sealed_values_are_those_of_another_implementation`) printed these; the two must
/// agree, or a plugin tested against the stand-ins would do something else in the host.
#[test]
fn sealed_values_are_those_of_another_implementation() {
    let ring = ring(b"0123456789abcdef0123456789abcdef");
    let mut derived = Derived::default();
    assert_eq!(ring.key_id("pii").unwrap(), "15f23ee73b0ff623");
    let column = column(&[0, 15], b"ana@example.org");
    let sealed = split(&derived.seal(&ring, column).unwrap());
    assert_eq!(sealed[1], unhex("a10655b34ed31bb561c5a84e3428af121fdc0f99ad05863def9032e4d27eaf"));
    let at = Coordinates { cluster: "source", topic: "test", partition: 0, step: 0, field: 2 };
    let encrypted = split(&derived.encrypt(&ring, column, &at, &[0, 0], &[40]).unwrap());
    let want = "021c903afbddc4c513ff9dd7df628720fb5f83c7f5277c621b34e7e14ce1da9c4f5b29a22bd5c70fd0e493";
    assert_eq!(encrypted[1], unhex(want));
    let digits = Column { ends: &[16], data: b"4111111111111111", ..column };
    assert_eq!(split(&derived.fpe(&ring, digits, "0123456789").unwrap())[0], b"7946588305499601");
}

#[test]
fn every_operation_answers_every_value_and_the_program_opens_it() {
    let ring = ring(&[7; 32]);
    let mut derived = Derived::default();
    let column = column(&[6, 12, 19], b"1234561234567654321");
    let id = ring.key_id("pii").unwrap();
    let mut opener = Opener::new(&ring);
    let want: [&[u8]; 3] = [b"123456", b"123456", b"7654321"];

    let sealed = split(&derived.seal(&ring, column).unwrap());
    assert_eq!(sealed[0], sealed[1]);
    let same = split(&derived.fpe(&ring, column, "0123456789").unwrap());
    assert_eq!(same[0], same[1]);
    let encrypted = split(&encrypt(&mut derived, &ring, column, &[0, 1, 1], &[40, 41]).unwrap());
    assert_ne!(encrypted[0], encrypted[1]);
    for i in 0..3 {
        assert_eq!(opener.open(&id, "default", &sealed[i]).unwrap(), want[i]);
        assert_eq!(opener.fpe_open(&id, "default", "0123456789", &same[i]).unwrap(), want[i]);
        assert_eq!(opener.decrypt(&id, "default", &encrypted[i]).unwrap(), want[i]);
    }
}

#[test]
fn encryption_does_not_depend_on_where_a_batch_ends() {
    let ring = ring(&[7; 32]);
    let mut derived = Derived::default();
    // Records 40 (two values), 41 (as two rows, emitted by an earlier step) and 42.
    let (ends, data) = ([1, 2, 3, 4, 5], b"aaaaa");
    let whole = split(&encrypt(&mut derived, &ring, column(&ends, data), &[0, 0, 1, 2, 3], &[40, 41, 41, 42]).unwrap());
    let mut parts = split(&encrypt(&mut derived, &ring, column(&[1, 2], b"aa"), &[0, 0], &[40]).unwrap());
    parts.extend(split(&encrypt(&mut Derived::default(), &ring, column(&[1, 2], b"aa"), &[0, 1], &[41, 41]).unwrap()));
    parts.extend(split(&encrypt(&mut derived, &ring, column(&[1], b"a"), &[7], &[0, 0, 0, 0, 0, 0, 0, 42]).unwrap()));
    assert_eq!(whole, parts);
    let mut unique = whole.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), whole.len(), "no nonce twice");
}

#[test]
fn what_is_out_of_form_is_refused() {
    let ring = ring(&[7; 32]);
    let mut derived = Derived::default();
    let cases: [(&[u32], &[u8]); 4] = [(&[3, 2], b"abc"), (&[4], b"abc"), (&[2], b"abc"), (&[], b"a")];
    for (ends, data) in cases {
        let column = column(ends, data);
        let rows: Vec<u32> = ends.iter().map(|_| 0).collect();
        let got = [
            derived.hmac_sha256(&ring, column).map(|_| ()),
            derived.seal(&ring, column).map(|_| ()),
            derived.fpe(&ring, column, "abcdefghijklmnopqrstuvwxyz").map(|_| ()),
            encrypt(&mut derived, &ring, column, &rows, &[0]).map(|_| ()),
        ];
        assert_eq!(got, [Err(Refusal::Malformed); 4], "{ends:?}");
    }
    for rows in [&[0][..], &[0, 2], &[1, 0], &[0, 1, 1]] {
        let got = encrypt(&mut derived, &ring, column(&[1, 2], b"ab"), rows, &[5, 6]);
        assert_eq!(got.map(|_| ()), Err(Refusal::Malformed), "{rows:?}");
    }
    let unknown = Column { key: "nope", ..column(&[], b"") };
    assert_eq!(derived.hmac_sha256(&ring, unknown), Err(Refusal::UnknownKey));
    let long = "d".repeat(DOMAIN_BYTES + 1);
    assert_eq!(derived.hmac_sha256(&ring, Column { domain: &long, ..column(&[], b"") }), Err(Refusal::Malformed));
}

/// `cargo test --release -p sluice --lib -- --ignored --nocapture keyed_operations_cost`
#[test]
#[ignore = "a measurement, to be run alone on a quiet machine"]
#[allow(clippy::print_stdout, reason = "its result is a figure")]
fn keyed_operations_cost() {
    const VALUES: usize = 1000;
    let ring = ring(&[7; 32]);
    let mut derived = Derived::default();
    let data: Vec<u8> = (0..VALUES).flat_map(|i| format!("{:016}", i * 7_919).into_bytes()).collect();
    let ends: Vec<u32> = (1..=VALUES as u32).map(|i| 16 * i).collect();
    let rows: Vec<u32> = (0..VALUES as u32).collect();
    let origins: Vec<i64> = (0..VALUES as i64).collect();
    let column = column(&ends, &data);
    let measure = |name: &str, call: &mut dyn FnMut()| {
        call();
        let began = Instant::now();
        let mut calls = 0;
        while began.elapsed().as_millis() < 500 {
            call();
            calls += 1;
        }
        println!("{name:8} {:6.0} ns per 16-byte value", began.elapsed().as_nanos() as f64 / (calls * VALUES) as f64);
    };
    measure("hmac", &mut || drop(derived.hmac_sha256(&ring, column).unwrap()));
    measure("seal", &mut || drop(derived.seal(&ring, column).unwrap()));
    measure("fpe", &mut || drop(derived.fpe(&ring, column, "0123456789").unwrap()));
    measure("encrypt", &mut || drop(encrypt(&mut derived, &ring, column, &rows, &origins).unwrap()));
}
