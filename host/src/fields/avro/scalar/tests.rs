//! What every type hands out, and what it takes.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::{Containers, Edit, Hits, Patched, Selection, Selector};
use super::super::{Plan, Schema};
use super::*;

const DATE: &str = r#"{"type":"int","logicalType":"date"}"#;
const TIME: &str = r#"{"type":"int","logicalType":"time-millis"}"#;
const MICROS: &str = r#"{"type":"long","logicalType":"time-micros"}"#;
const TIMESTAMP: &str = r#"{"type":"long","logicalType":"timestamp-millis"}"#;
const LOCAL: &str = r#"{"type":"long","logicalType":"local-timestamp-nanos"}"#;
const DECIMAL: &str = r#"{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}"#;
const WHOLE: &str = r#"{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":9}"#;
const UUID: &str = r#"{"type":"string","logicalType":"uuid"}"#;
const FIXED_UUID: &str = r#"{"type":"fixed","name":"F","size":16,"logicalType":"uuid"}"#;
const DURATION: &str = r#"{"type":"fixed","name":"F","size":12,"logicalType":"duration"}"#;
const FIXED: &str = r#"{"type":"fixed","name":"F","size":2}"#;
const ENUM: &str = r#"{"type":"enum","name":"E","symbols":["A","B"]}"#;

fn plan(schema: &str) -> Plan {
    let selection = Selection::compile(&[Selector::parse("$").unwrap()], None, Containers::Expand).unwrap();
    Plan::compile(&selection, &Schema::parse(schema, &[]).unwrap()).unwrap()
}

fn long(number: i64) -> Vec<u8> {
    let mut out = Vec::new();
    push_long(number, &mut out);
    out
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_bytes(bytes, &mut out);
    out
}

/// Kind and bytes of the datum's one value.
fn handed_out(schema: &str, body: &[u8]) -> Result<(u8, Vec<u8>), DecodeError> {
    let plan = plan(schema);
    let mut hits = Hits::new();
    plan.select(body, &mut hits)?;
    let mut out = Vec::new();
    plan.append_value(body, &hits.hits()[0], &mut out)?;
    Ok((hits.hits()[0].kind as u8, out))
}

#[test]
fn values_and_their_texts() {
    let uuid: Vec<u8> = (0..16).collect();
    let cases: Vec<(&str, Vec<u8>, u8, &[u8])> = vec![
        ("\"null\"", vec![], 0, b""),
        ("\"boolean\"", vec![1], 1, b"true"),
        ("\"int\"", long(i32::MIN.into()), 2, b"-2147483648"),
        ("\"long\"", long(i64::MIN), 2, b"-9223372036854775808"),
        ("\"float\"", 0.1_f32.to_le_bytes().to_vec(), 3, b"0.1"),
        ("\"float\"", 16_777_216_f32.to_le_bytes().to_vec(), 3, b"16777216.0"),
        ("\"double\"", 1_f64.to_le_bytes().to_vec(), 3, b"1.0"),
        ("\"double\"", (-0.0_f64).to_le_bytes().to_vec(), 3, b"-0.0"),
        ("\"double\"", 5e-324_f64.to_le_bytes().to_vec(), 3, b"5e-324"),
        ("\"double\"", f64::NAN.to_le_bytes().to_vec(), 4, b"NaN"),
        ("\"float\"", f32::NEG_INFINITY.to_le_bytes().to_vec(), 4, b"-Infinity"),
        ("\"bytes\"", sized(&[0, 255]), 5, &[0, 255]),
        ("\"string\"", sized("é".as_bytes()), 4, "é".as_bytes()),
        (FIXED, vec![1, 2], 5, &[1, 2]),
        (DURATION, vec![7; 12], 5, &[7; 12]),
        (ENUM, vec![2], 4, b"B"),
        (DATE, long(20_484), 4, b"2026-01-31"),
        (DATE, long(-719_529), 2, b"-719529"),
        (TIME, long(86_399_999), 4, b"23:59:59.999"),
        (TIME, long(86_400_000), 2, b"86400000"),
        (MICROS, long(1), 4, b"00:00:00.000001"),
        (TIMESTAMP, long(-1), 4, b"1969-12-31T23:59:59.999Z"),
        (TIMESTAMP, long(i64::MAX), 2, b"9223372036854775807"),
        (LOCAL, long(1), 4, b"1970-01-01T00:00:00.000000001"),
        (DECIMAL, sized(&[0xfb]), 3, b"-0.05"),
        (DECIMAL, sized(&[]), 3, b"0.00"),
        (WHOLE, vec![0xff, 0xff, 0xff, 0xfe], 2, b"-2"),
        (UUID, sized(b"anything"), 4, b"anything"),
        (FIXED_UUID, uuid, 4, b"00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ];
    for (schema, body, kind, text) in cases {
        assert_eq!(handed_out(schema, &body), Ok((kind, text.to_vec())), "{schema} {body:?}");
        // What is handed out is taken back, and changes nothing.
        assert_eq!(set(schema, &body, kind, text), Ok(None), "{schema} {body:?}");
    }
    assert_eq!(handed_out(DECIMAL, &sized(&[1; 831])), Err(DecodeError::BadValue));
    assert_eq!(handed_out("\"boolean\"", &[2]), Err(DecodeError::BadValue));
    assert_eq!(handed_out(ENUM, &[4]), Err(DecodeError::BadIndex));
    assert_eq!(handed_out(ENUM, &[1]), Err(DecodeError::BadIndex));
    assert_eq!(handed_out("[]", &[0]), Err(DecodeError::BadIndex));
}

/// The datum after its value was set; none if it is the same.
fn set(schema: &str, body: &[u8], kind: u8, data: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let plan = plan(schema);
    let mut hits = Hits::new();
    plan.select(body, &mut hits).unwrap();
    let mut out = Vec::new();
    match plan.patch(body, &hits, |_, _| Edit::Set { kind, data }, &mut out) {
        Ok(Patched::Changed) => Ok(Some(out)),
        Ok(Patched::Unchanged) => Ok(None),
        Err(error) => Err(error.code().to_owned()),
    }
}

/// Schema, datum, kind and bytes of the answer, datum.
type Taken<'a> = (&'a str, Vec<u8>, u8, &'a str, Vec<u8>);

#[test]
fn what_a_type_takes() {
    let cases: Vec<Taken<'_>> = vec![
        ("\"boolean\"", vec![1], 1, "false", vec![0]),
        ("\"int\"", vec![0], 2, "2147483647", long(i32::MAX.into())),
        ("\"int\"", vec![2], 2, "-0", vec![0]),
        ("\"long\"", vec![0], 2, "-9223372036854775808", long(i64::MIN)),
        ("\"float\"", vec![0; 4], 3, "0.1", 0.1_f32.to_le_bytes().to_vec()),
        // As near as the type has it.
        ("\"double\"", vec![0; 8], 3, "0.10000000000000000001", 0.1_f64.to_le_bytes().to_vec()),
        ("\"double\"", vec![0; 8], 2, "9007199254740992", 9_007_199_254_740_992_f64.to_le_bytes().to_vec()),
        ("\"double\"", vec![0; 8], 4, "-Infinity", f64::NEG_INFINITY.to_le_bytes().to_vec()),
        ("\"string\"", vec![0], 4, "é", sized("é".as_bytes())),
        ("\"bytes\"", vec![0], 5, "xy", sized(b"xy")),
        (FIXED, vec![0; 2], 5, "xy", b"xy".to_vec()),
        (ENUM, vec![0], 4, "B", vec![2]),
        (DATE, vec![0], 4, "2026-01-31", long(20_484)),
        (DATE, vec![0], 2, "20484", long(20_484)),
        (TIMESTAMP, vec![0], 4, "1970-01-01T02:00:00.5+02:00", long(500)),
        (TIMESTAMP, vec![0], 2, "-5", long(-5)),
        (LOCAL, vec![0], 4, "1970-01-01T00:00:01", long(1_000_000_000)),
        (TIME, vec![0], 4, "00:00:01", long(1_000)),
        (DECIMAL, sized(&[1]), 3, "-1.5", sized(&[0xff, 0x6a])),
        (DECIMAL, sized(&[1]), 2, "999", sized(&[0x01, 0x86, 0x3c])),
        (WHOLE, vec![0; 4], 2, "-2", vec![0xff, 0xff, 0xff, 0xfe]),
        (UUID, sized(b"x"), 4, "01234567-89AB-cdef-0123-456789abcdef", sized(b"01234567-89AB-cdef-0123-456789abcdef")),
        (FIXED_UUID, vec![0; 16], 4, "01234567-89AB-cdef-0123-456789abcdef", [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef].repeat(2)),
    ];
    for (schema, body, kind, data, wanted) in cases {
        assert_eq!(set(schema, &body, kind, data.as_bytes()), Ok(Some(wanted)), "{schema} {data}");
    }
}

/// Schema, datum, answers by kind and bytes.
type Refused<'a> = (&'a str, Vec<u8>, Vec<(u8, &'a [u8])>);

#[test]
fn what_does_not_fit_is_refused() {
    let cases: Vec<Refused<'_>> = vec![
        ("\"null\"", vec![], vec![(4, b""), (2, b"0")]),
        ("\"boolean\"", vec![0], vec![(2, b"0"), (4, b"true"), (0, b"")]),
        ("\"int\"", vec![0], vec![(2, b"2147483648"), (3, b"1.0"), (4, b"1"), (0, b""), (5, b"1")]),
        ("\"long\"", vec![0], vec![(2, b"9223372036854775808"), (4, b"1970-01-01")]),
        ("\"float\"", vec![0; 4], vec![(2, b"16777217"), (3, b"1e40"), (4, b"nan"), (4, b"1.0")]),
        ("\"double\"", vec![0; 8], vec![(2, b"9007199254740993"), (3, b"1e999"), (4, b"inf")]),
        ("\"string\"", vec![0], vec![(2, b"1"), (5, b"x"), (0, b""), (1, b"true")]),
        ("\"bytes\"", vec![0], vec![(4, b"x")]),
        (FIXED, vec![0; 2], vec![(5, b"x"), (5, b"xyz"), (4, b"xy")]),
        (DURATION, vec![0; 12], vec![(5, b"x")]),
        (ENUM, vec![0], vec![(4, b"C"), (4, b""), (2, b"1")]),
        (DATE, vec![0], vec![(4, b"2026-02-30"), (4, b"2026-01-31T00:00:00Z"), (2, b"2147483648"), (3, b"1.0")]),
        (TIME, vec![0], vec![(4, b"24:00:00"), (4, b"00:00:00.0001")]),
        (TIMESTAMP, vec![0], vec![(4, b"2026-01-31"), (4, b"2026-01-31T00:00:00"), (4, b"2026-01-31T00:00:00.0001Z")]),
        (LOCAL, vec![0], vec![(4, b"2026-01-31T00:00:00Z"), (4, b"2263-01-01T00:00:00")]),
        (DECIMAL, sized(&[1]), vec![(3, b"0.005"), (2, b"1000"), (4, b"1.00"), (5, b"x")]),
        (WHOLE, vec![0; 4], vec![(2, b"1000000000"), (3, b"1.5")]),
        (UUID, sized(b"y"), vec![(4, b"x"), (4, b"0123456789ab-cdef-0123-456789abcdef--"), (4, b"0123456789abcdef0123456789abcdefghij")]),
        (FIXED_UUID, vec![0; 16], vec![(4, b"x"), (5, &[0; 16])]),
    ];
    for (schema, body, answers) in cases {
        for (kind, data) in answers {
            assert_eq!(set(schema, &body, kind, data), Err("does_not_fit".to_owned()), "{schema} {kind} {data:?}");
        }
    }
    let wrong: [(u8, &[u8], &str); 8] = [
        (0, b"x", "not_null"),
        (1, b"yes", "not_boolean"),
        (2, b"1.5", "not_integer"),
        (2, b"", "not_integer"),
        (3, b"1", "not_decimal"),
        (4, b"\xff", "not_text"),
        (6, b"", "unsupported_kind"),
        (9, b"", "unsupported_kind"),
    ];
    for (kind, data, code) in wrong {
        assert_eq!(set("\"string\"", &[0], kind, data), Err(code.to_owned()));
    }
}
