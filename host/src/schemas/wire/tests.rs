//! Every form of framing, what looks like one, and bytes at random.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;

use super::*;

const GUID: [u8; 16] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 1, 2, 3, 4, 5, 6, 7];

type Headers<'a> = &'a [(&'a str, Option<&'a [u8]>)];

/// Reference, start of the body, whether in a header.
type Found = Option<(SchemaRef, usize, bool)>;

/// The numbers, and how many bytes they took.
type Indexes = Result<(&'static [u32], usize), WireError>;

fn value<'a>(bytes: &[u8], headers: Headers<'a>) -> Result<Option<Framing<'a>>, WireError> {
    read(Part::Value, bytes, headers.iter().map(|(name, value)| (name.as_bytes(), *value)))
}

fn by_guid(rest: &[u8]) -> Vec<u8> {
    [&[1][..], &GUID, rest].concat()
}

#[test]
fn reads_each_form() {
    let guid = SchemaRef::Guid(GUID);
    let (guid_header, guid_prefix) = (by_guid(&[]), by_guid(b"body"));
    let ours = "__value_schema_id";
    let cases: [(&str, &[u8], Headers<'_>, Found); 15] = [
        ("an id", &[0, 0, 0, 1, 2, 9], &[], Some((SchemaRef::Id(258), 5, false))),
        ("the largest id", &[0, 255, 255, 255, 255], &[], Some((SchemaRef::Id(u32::MAX), 5, false))),
        ("a guid", &guid_prefix, &[], Some((guid, 17, false))),
        ("a guid alone", &guid_header, &[], Some((guid, 17, false))),
        ("a header", b"body", &[(ours, Some(&guid_header))], Some((guid, 0, true))),
        ("a header before a prefix", &[0, 0, 0, 0, 1], &[(ours, Some(&guid_header))], Some((guid, 0, true))),
        ("an id in a header", b"", &[(ours, Some(&[0, 0, 0, 0, 7]))], Some((SchemaRef::Id(7), 0, true))),
        ("the other half's header", &[0, 0, 0, 0, 1], &[("__key_schema_id", Some(&guid_header))], Some((SchemaRef::Id(1), 5, false))),
        ("a header of another name", b"{}", &[("__value_schema_ids", Some(&guid_header))], None),
        ("a header without a value", &[0, 0, 0, 0, 1], &[(ours, None)], Some((SchemaRef::Id(1), 5, false))),
        ("JSON", b"{}", &[], None),
        ("nothing", b"", &[], None),
        ("too short for an id", &[0, 0, 0, 0], &[], None),
        ("too short for a guid", &guid_header[..16], &[], None),
        ("another first byte", &[2, 0, 0, 0, 1], &[], None),
    ];
    for (title, bytes, headers, expected) in cases {
        let found = value(bytes, headers).unwrap().map(|f| (f.reference, f.body_start, f.in_header));
        assert_eq!(found, expected, "{title}");
    }
}

#[test]
fn refuses_headers_that_contradict_themselves() {
    let (ours, guid) = ("__value_schema_id", by_guid(&[]));
    let cases: [(&str, Headers<'_>, WireError); 6] = [
        ("two", &[(ours, Some(&guid)), (ours, Some(&guid))], WireError::SeveralHeaders),
        ("one of two without a value", &[(ours, None), ("x", None), (ours, Some(&guid))], WireError::SeveralHeaders),
        ("empty", &[(ours, Some(b""))], WireError::HeaderForm),
        ("cut short", &[(ours, Some(&guid[..16]))], WireError::HeaderForm),
        ("an unknown form", &[(ours, Some(&[2; 17]))], WireError::HeaderForm),
        ("a text", &[(ours, Some(b"7"))], WireError::HeaderForm),
    ];
    for (title, headers, expected) in cases {
        assert_eq!(value(&[0, 0, 0, 0, 1], headers), Err(expected), "{title}");
    }
}

#[test]
fn finds_the_body() {
    let (bare, indexed) = (by_guid(&[]), by_guid(&[0]));
    let header = |header: &[u8]| value(b"body", &[("__value_schema_id", Some(header))]).unwrap().unwrap().body();
    assert_eq!(value(&[0, 0, 0, 0, 1, 9], &[]).unwrap().unwrap().body(), Ok(5));
    assert_eq!(header(&bare), Ok(0));
    assert_eq!(header(&indexed), Err(WireError::HeaderRest));
}

#[test]
fn finds_the_message() {
    // Lists as Confluent's serializers write them.
    // A count of 65 and as many numbers.
    let deep = [&[0x82, 1][..], &[0; 65]].concat();
    let cases: [(&[u8], Indexes); 12] = [
        (&[0], Ok((&[0], 1))),
        (&[0, 9, 9], Ok((&[0], 1))),
        (&[2, 0], Ok((&[0], 2))),
        (&[2, 2], Ok((&[1], 2))),
        (&[4, 2, 6, 7], Ok((&[1, 3], 3))),
        (&[2, 0x80, 2], Ok((&[128], 3))),
        (&[2, 0xfe, 0xff, 0xff, 0xff, 0x0f], Ok((&[i32::MAX as u32], 6))),
        (&[], Err(WireError::MessageIndexes)),
        (&[4, 2], Err(WireError::MessageIndexes)),
        (&[1, 0], Err(WireError::MessageIndexes)), // a negative count
        (&deep, Err(WireError::MessageIndexes)),   // deeper than anybody nests
        (&[2, 0x80, 0x80, 0x80, 0x80, 0x80, 0], Err(WireError::MessageIndexes)),
    ];
    for (list, expected) in cases {
        let prefix = [&[0, 0, 0, 0, 1], list].concat();
        let framing = value(&prefix, &[]).unwrap().unwrap();
        let found = framing.message(&prefix).map(|(indexes, start)| (indexes.path(), start));
        assert_eq!(found, expected.map(|(path, length)| (path.to_vec(), 5 + length)), "{list:?} before the body");

        let header = by_guid(list);
        let headers: Headers<'_> = &[("__value_schema_id", Some(&header))];
        let found = value(b"", headers).unwrap().unwrap().message(b"").map(|(indexes, start)| (indexes.path(), start));
        let expected = expected.and_then(|(path, length)| match length == list.len() {
            true => Ok((path.to_vec(), 0)),
            false => Err(WireError::HeaderRest),
        });
        assert_eq!(found, expected, "{list:?} in a header");
    }
}

#[test]
fn names_as_people_know_them() {
    assert_eq!(SchemaRef::Id(7).to_string(), "id 7");
    assert_eq!(SchemaRef::Guid(GUID).to_string(), "GUID 01234567-89ab-cdef-0001-020304050607");
    assert_eq!(Part::Key.subject("orders"), "orders-key");
    assert_eq!(Part::Value.subject("orders"), "orders-value");
}

proptest! {
    #[test]
    fn never_panics(
        bytes in prop::collection::vec(0_u8..4, 0..40),
        header in prop::option::of(prop::collection::vec(any::<u8>().prop_map(|b| if b < 128 { b % 4 } else { b }), 0..40)),
    ) {
        let headers = header.as_ref().map(|value| (Part::Value.header().as_bytes(), Some(&value[..])));
        if let Ok(Some(framing)) = read(Part::Value, &bytes, headers) {
            prop_assert!(framing.body_start <= bytes.len());
            if let Ok((indexes, start)) = framing.message(&bytes) {
                prop_assert!(start <= bytes.len());
                prop_assert!(!indexes.path().is_empty());
            }
        }
    }
}
