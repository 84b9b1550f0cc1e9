//! The view in both directions, table by table, and random messages there and back.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use prost_reflect::prost::Message as _;

use super::super::fixture::{ALL, Fixture, NEW};
use super::super::random::{Random, random_message, random_schema};
use super::*;

fn view(fixture: &Fixture, body: &[u8]) -> Result<String, DecodeError> {
    let mut out = b"before".to_vec();
    let result = to_json(&fixture.schema, fixture.id, body, &mut out);
    let json = String::from_utf8(out.split_off(6)).unwrap();
    assert_eq!(out, b"before");
    result.map(|()| json).inspect_err(|_| assert_eq!(out.len(), 6))
}

fn back(fixture: &Fixture, json: &str) -> Result<Vec<u8>, &'static str> {
    let mut out = b"before".to_vec();
    let result = from_json(&fixture.schema, fixture.id, json.as_bytes(), &mut out);
    let body = out.split_off(6);
    assert_eq!(out, b"before");
    result.map(|()| body).map_err(ViewError::code)
}

#[test]
fn every_type_there_and_back() {
    let fixture = Fixture::new(ALL, 0);
    let cases = [
        ("", "{}"),
        ("double: 1 float: 0.1", r#"{"double":1.0,"float":0.1}"#),
        ("double: inf float: -inf", r#"{"double":"Infinity","float":"-Infinity"}"#),
        (
            "int32: -1 uint32: 4294967295 sint32: -5 fixed32: 7 sfixed32: -7",
            r#"{"int32":-1,"uint32":4294967295,"sint32":-5,"fixed32":7,"sfixed32":-7}"#,
        ),
        (
            "int64: -9223372036854775808 uint64: 18446744073709551615 sint64: -5 fixed64: 7 sfixed64: -7",
            r#"{"int64":"-9223372036854775808","uint64":"18446744073709551615","sint64":"-5","fixed64":"7","sfixed64":"-7"}"#,
        ),
        ("bool: true string: 'a\"\\né' bytes: '\\377\\000'", r#"{"bool":true,"string":"a\"\né","bytes":"/wA="}"#),
        ("color: DARK colors: [RED, GREEN]", r#"{"color":"DARK","colors":["RED","GREEN"]}"#),
        ("Pair { left: 'l' inner { left: 'm' } inner {} }", r#"{"pair":{"left":"l","inner":[{"left":"m"},{}]}}"#),
        ("numbers: [1, 2] packed: [-3] names: 'n'", r#"{"numbers":[1,2],"packed":["-3"],"names":["n"]}"#),
        ("items { int32: 1 } items {} card_number: 'c'", r#"{"items":[{"int32":1},{}],"card_number":"c"}"#),
        (
            "labels { key: 'x' value: 'y' } by_number { key: -1 value { bool: false } }",
            r#"{"labels":{"x":"y"},"by_number":{"-1":{"bool":false}}}"#,
        ),
        ("by_bool { key: true value: 'T' } by_color { key: 3 value: RED }", r#"{"by_bool":{"true":"VA=="},"by_color":{"3":"RED"}}"#),
        ("[t.nick]: 'n' [t.marks]: [1, 2]", r#"{"[t.nick]":"n","[t.marks]":[1,2]}"#),
        ("other { other {} }", r#"{"other":{"other":{}}}"#),
    ];
    for (text, json) in cases {
        let body = fixture.encode(text);
        assert_eq!(view(&fixture, &body).as_deref(), Ok(json), "{text}");
        assert!(fixture.same(&back(&fixture, json).unwrap(), &body), "{text}");
    }
}

#[test]
fn what_readers_make_of_odd_messages() {
    let fixture = Fixture::new(ALL, 0);
    let cases: [(&[u8], &str); 11] = [
        // The last scalar; messages joined; entries replaced; packed and not.
        (b"\x18\x01\x18\x02", r#"{"int32":2}"#),
        (b"\x82\x07\x02\x18\x01\x82\x07\x04\x72\x02ab", r#"{"other":{"int32":1,"string":"ab"}}"#),
        (b"\xd2\x06\x06\x0a\x01x\x12\x01a\xd2\x06\x03\x0a\x01y\xd2\x06\x06\x0a\x01x\x12\x01b", r#"{"labels":{"y":"","x":"b"}}"#),
        (b"\xd2\x06\x00", r#"{"labels":{"":""}}"#),
        (b"\xda\x06\x00", r#"{"by_number":{"0":{}}}"#),
        (b"\xa0\x06\x01\xa2\x06\x02\x02\x03", r#"{"numbers":[1,2,3]}"#),
        (b"\xaa\x06\x00", r#"{"packed":[]}"#),
        (b"\x80\x01\x09", r#"{"color":9}"#),
        (b"\x68\x05", r#"{"bool":true}"#),
        (b"\x98\x06\x07\x18\x01", r#"{"int32":1,"$unknown":"mAYH"}"#),
        (b"\x9b\x06\x08\x01\x9c\x06", r#"{"$unknown":"mwYIAZwG"}"#),
    ];
    for (body, json) in cases {
        assert_eq!(view(&fixture, body).as_deref(), Ok(json), "{body:x?}");
        assert!(fixture.same(&back(&fixture, json).unwrap(), body), "{body:x?}");
    }
    // A number of the schema as another wire type is as unknown as any.
    assert_eq!(view(&fixture, b"\x70\x01\x18\x01").as_deref(), Ok(r#"{"int32":1,"$unknown":"cAE="}"#));
    assert_eq!(back(&fixture, r#"{"int32":1,"$unknown":"cAE="}"#).as_deref(), Ok(&b"\x18\x01\x70\x01"[..]));
    let refused: [(&[u8], DecodeError); 6] = [
        (b"\x72\x01\xff", DecodeError::InvalidUtf8),
        (b"\xd2\x06\x02\x18\x01", DecodeError::UnknownField),
        (b"\x72\x05", DecodeError::Truncated),
        (b"\xc2\x06\x02\x72\x05", DecodeError::Truncated),
        (b"\x8b\x01\x0a\x01a", DecodeError::Truncated),
        (b"\x07", DecodeError::NotProtobuf),
    ];
    for (body, error) in refused {
        assert_eq!(view(&fixture, body), Err(error), "{body:x?}");
    }
}

#[test]
fn back_takes_other_forms_of_the_same() {
    let fixture = Fixture::new(ALL, 0);
    let cases = [
        (r#" { "int64" : 5 , "int32" : "-5" } "#, "int64: 5 int32: -5"),
        (r#"{"cardNumber":"c"}"#, "card_number: 'c'"),
        (r#"{"string":null,"items":null,"labels":null}"#, ""),
        (r#"{"items":[],"labels":{},"packed":[]}"#, ""),
        (r#"{"double":1,"float":1e2}"#, "double: 1 float: 100"),
        (r#"{"color":2}"#, "color: GREEN"),
        (r#"{"\u0073tring":"\ud83d\ude00\n"}"#, "string: '\u{1f600}\\n'"),
        (r#"{"string":"a","int32":3}"#, "int32: 3 string: 'a'"),
    ];
    for (json, text) in cases {
        assert!(fixture.same(&back(&fixture, json).unwrap(), &fixture.encode(text)), "{json}");
    }
    assert_eq!(view(&fixture, &back(&fixture, r#"{"double":"NaN"}"#).unwrap()).as_deref(), Ok(r#"{"double":"NaN"}"#));
    // proto3: what is the default is not written.
    let new = Fixture::new(NEW, 0);
    assert_eq!(back(&new, r#"{"name":"","size":0,"ratio":0.0,"flag":false,"color":"NONE","raw":"","large":"0"}"#), Ok(Vec::new()));
    assert_eq!(back(&new, r#"{"ratio":-0.0,"nick":"","number":"0"}"#).unwrap().len(), 9 + 2 + 2);
}

#[test]
fn refusals_have_codes() {
    let fixture = Fixture::new(ALL, 0);
    let cases = [
        ("", "not_json"),
        ("{", "not_json"),
        ("{} x", "not_json"),
        (r#"{"int32":1,}"#, "not_json"),
        (r#"{"int32" 1}"#, "not_json"),
        (r#"{"int32":01}"#, "not_json"),
        (r#"{"numbers":[1 2]}"#, "not_json"),
        (r#"{"string":"\ud800"}"#, "lone_surrogate"),
        ("[]", "does_not_fit"),
        ("null", "does_not_fit"),
        (r#"{"int32":2147483648}"#, "does_not_fit"),
        (r#"{"int32":1.0}"#, "does_not_fit"),
        (r#"{"int32":"x"}"#, "does_not_fit"),
        (r#"{"int32":true}"#, "does_not_fit"),
        (r#"{"int32":[1]}"#, "does_not_fit"),
        (r#"{"string":1}"#, "does_not_fit"),
        (r#"{"bytes":"a"}"#, "does_not_fit"),
        (r#"{"color":"PINK"}"#, "does_not_fit"),
        (r#"{"numbers":1}"#, "does_not_fit"),
        (r#"{"numbers":[null]}"#, "does_not_fit"),
        (r#"{"labels":{"a":null}}"#, "does_not_fit"),
        (r#"{"by_number":{"x":{}}}"#, "does_not_fit"),
        (r#"{"by_bool":{"1":""}}"#, "does_not_fit"),
        (r#"{"items":[1]}"#, "does_not_fit"),
        (r#"{"other":"x"}"#, "does_not_fit"),
        (r#"{"$unknown":"CA=="}"#, "does_not_fit"),
        (r#"{"$unknown":1}"#, "does_not_fit"),
        (r#"{"nope":1}"#, "unknown_name"),
        (r#"{"int32":1,"int32":1}"#, "duplicate_name"),
        (r#"{"cardNumber":"a","card_number":"a"}"#, "duplicate_name"),
        (r#"{"labels":{"a":"","a":""}}"#, "duplicate_name"),
    ];
    for (json, code) in cases {
        assert_eq!(back(&fixture, json), Err(code), "{json}");
    }
    let old = Fixture::new(ALL, 2);
    assert_eq!(back(&old, r#"{"name":"n","size":1,"color":"RED"}"#), Err("missing_field"));
    assert_eq!(back(&old, r#"{"name":null,"size":1,"color":"RED","inner":{"key":"","ratio":1}}"#), Err("missing_field"));
    let nest = |depth: usize| format!("{}{{}}{}", r#"{"parent":"#.repeat(depth), "}".repeat(depth));
    let tree = Fixture::new(ALL, 1);
    let body = back(&tree, &nest(127)).unwrap();
    assert_eq!(view(&tree, &body), Ok(nest(127)));
    assert_eq!(back(&tree, &nest(128)), Err("too_deep"));
    assert_eq!(back(&tree, &nest(100_000)), Err("too_deep"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn there_and_back_is_the_same_message(seed: u64, unknown in prop::collection::vec(any::<u8>(), 0..6)) {
        let random = &mut Random::new(seed);
        let fixture = Fixture::new(&random_schema(random), 0);
        let mut body = random_message(&fixture.descriptor(), random, 4).encode_to_vec();
        // Number 2000 is in no schema.
        body.extend_from_slice(b"\x82\x7d");
        body.push(unknown.len() as u8);
        body.extend_from_slice(&unknown);
        let json = view(&fixture, &body).unwrap();
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
        let again = back(&fixture, &json).unwrap();
        prop_assert!(fixture.same(&again, &body));
    }

    #[test]
    fn damaged_messages_never_panic(seed: u64, at: prop::sample::Index, byte: u8) {
        let random = &mut Random::new(seed);
        let fixture = Fixture::new(ALL, 0);
        let mut body = random_message(&fixture.descriptor(), random, 4).encode_to_vec();
        if !body.is_empty() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok(json) = view(&fixture, &body) {
            prop_assert!(back(&fixture, &json).is_ok());
            let mut damaged = json.into_bytes();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            // Whatever it is, there is an answer.
            if from_json(&fixture.schema, fixture.id, &damaged, &mut body).is_ok() {
                prop_assert!(std::str::from_utf8(&damaged).is_ok());
            }
        }
    }
}
