//! The documented mapping against data that another library encoded, and what comes back changed or wrong.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn viewed(schema: &str, body: &[u8]) -> Result<String, DecodeError> {
    let mut out = b"before".to_vec();
    let result = to_json(&Schema::parse(schema, &[]).unwrap(), body, &mut out);
    let text = String::from_utf8(out.split_off(6)).unwrap();
    assert!(result.is_ok() || text.is_empty());
    result.map(|()| text)
}

fn back(schema: &str, json: &str) -> Result<Vec<u8>, ViewError> {
    let mut out = b"before".to_vec();
    let result = from_json(&Schema::parse(schema, &[]).unwrap(), json.as_bytes(), &mut out);
    let datum = out.split_off(6);
    assert!(result.is_ok() || datum.is_empty());
    result.map(|()| datum)
}

#[test]
fn data_of_another_library() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        assert_eq!(viewed(text("schema"), &bytes(text("hex"))).as_deref(), Ok(text("view")), "{vector}");
        // NaN has many forms; the sign of this library's differs from that of ours.
        if text("view") != "\"NaN\"" {
            assert_eq!(back(text("schema"), text("view")), Ok(bytes(text("hex"))), "{vector}");
        }
    }
}

#[test]
fn unions_stand_alone_where_json_tells_the_branch() {
    let cases = [
        (r#"["null","string"]"#, true),
        (r#"["string","long","boolean",{"type":"array","items":"int"},{"type":"map","values":"int"},"null"]"#, true),
        (r#"["null",{"type":"int","logicalType":"date"}]"#, true),
        (r#"["null",{"type":"int","logicalType":"date"},"string"]"#, false),
        (r#"["string","bytes"]"#, false),
        (r#"["int","long"]"#, false),
        // NaN is a string.
        (r#"["double","string"]"#, false),
        (r#"[{"type":"map","values":"int"},{"type":"record","name":"R","fields":[]}]"#, false),
    ];
    for (schema, alone) in cases {
        let schema = Schema::parse(schema, &[]).unwrap();
        let Type::Union(run) = schema.tables.get(schema.tables.root) else { panic!("no union") };
        assert_eq!(stand_alone(&schema.tables, run), alone, "{schema:?}");
    }
    let schema = r#"[{"type":"record","name":"a.R","fields":[]},{"type":"map","values":"int"}]"#;
    assert_eq!(viewed(schema, &[0]).unwrap(), r#"{"a.R":{}}"#);
    assert_eq!(viewed(schema, &[2, 0]).unwrap(), r#"{"map":{}}"#);
    assert_eq!(back(schema, r#" { "map" : { "k" : 1 } } "#), Ok(vec![2, 2, 2, b'k', 2, 0]));
}

const RECORD: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"a","type":"int"},{"name":"b","type":["null","string"]},{"name":"c","type":"string"}]}"#;

#[test]
fn members_may_stand_anywhere_and_null_ones_be_missing() {
    let cases = [
        (r#"{"a":1,"b":"x","c":"y"}"#, &[2, 2, 2, b'x', 2, b'y'][..]),
        (r#"{"c":"y","b":"x","a":1}"#, &[2, 2, 2, b'x', 2, b'y']),
        (r#"{"b":"x","a":1,"c":"y"}"#, &[2, 2, 2, b'x', 2, b'y']),
        (r#" { "a" : 1 , "\u0063" : "\u0079" } "#, &[2, 0, 2, b'y']),
    ];
    for (json, wanted) in cases {
        assert_eq!(back(RECORD, json).as_deref(), Ok(wanted), "{json}");
    }
}

#[test]
fn what_is_no_datum_is_refused() {
    let map = r#"{"type":"map","values":"int"}"#;
    let cases = [
        (RECORD, r#"{"a":1,"b":"x"}"#, "missing_field"),
        (RECORD, r#"{"a":1,"b":"x","c":"y","d":1}"#, "unknown_name"),
        (RECORD, r#"{"a":1,"a":1,"b":"x","c":"y"}"#, "duplicate_name"),
        (RECORD, r#"{"c":"y","a":1,"c":"y"}"#, "duplicate_name"),
        (RECORD, r#"{"a":1.5,"c":"y"}"#, "does_not_fit"),
        (RECORD, r#"{"a":2147483648,"c":"y"}"#, "does_not_fit"),
        (RECORD, r#"{"a":null,"c":"y"}"#, "does_not_fit"),
        (RECORD, r#"{"a":1,"b":2,"c":"y"}"#, "does_not_fit"),
        (RECORD, r#"[1]"#, "does_not_fit"),
        (RECORD, r#"7"#, "does_not_fit"),
        (RECORD, r#"{"a":1,"c":"y""#, "not_json"),
        (RECORD, r#"{"a":1,"c":"y"},"#, "not_json"),
        (RECORD, r#"{"a":1,,"c":"y"}"#, "not_json"),
        (RECORD, "", "not_json"),
        (map, r#"{"k":1,"\u006b":2}"#, "duplicate_name"),
        ("\"bytes\"", "\"not base64\"", "does_not_fit"),
        ("\"string\"", "\"\\ud800\"", "lone_surrogate"),
        (r#"{"type":"fixed","name":"F","size":2}"#, "\"YWJj\"", "does_not_fit"),
        (r#"{"type":"enum","name":"E","symbols":["A"]}"#, "\"B\"", "does_not_fit"),
        (r#"["int","long"]"#, "1", "does_not_fit"),
        (r#"["int","long"]"#, "{}", "does_not_fit"),
        (r#"["int","long"]"#, r#"{"string":"x"}"#, "unknown_name"),
        (r#"["int","long"]"#, r#"{"int":1,"long":2}"#, "does_not_fit"),
        (r#"["int","string"]"#, "null", "does_not_fit"),
    ];
    for (schema, json, code) in cases {
        assert_eq!(back(schema, json).unwrap_err().code(), code, "{schema} {json}");
    }
    let mut out = Vec::new();
    let string = Schema::parse("\"string\"", &[]).unwrap();
    assert_eq!(from_json(&string, b"\"\xff\"", &mut out).unwrap_err().code(), "invalid_utf8");
}

#[test]
fn what_the_logical_type_forbids_comes_back_all_the_same() {
    let decimal = r#"{"type":"bytes","logicalType":"decimal","precision":3,"scale":1}"#;
    assert_eq!(viewed(decimal, &[4, 0x30, 0x39]).unwrap(), "1234.5");
    assert_eq!(back(decimal, "1234.5"), Ok(vec![4, 0x30, 0x39]));
    let uuid = r#"{"type":"string","logicalType":"uuid"}"#;
    assert_eq!(back(uuid, "\"x\""), Ok(vec![2, b'x']));
    let date = r#"{"type":"int","logicalType":"date"}"#;
    let mut far = Vec::new();
    super::super::read::push_long(i32::MAX.into(), &mut far);
    assert_eq!(viewed(date, &far).unwrap(), "2147483647");
    assert_eq!(back(date, "2147483647"), Ok(far));
}

#[test]
fn a_map_with_a_key_twice_has_no_view() {
    let map = r#"{"type":"map","values":"int"}"#;
    assert_eq!(viewed(map, &[2, 2, b'k', 2, 2, 2, b'k', 4, 0]), Err(DecodeError::DuplicateName));
}

#[test]
fn views_end_at_128_levels() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]}"#;
    let deep = |levels: usize| [vec![2; levels - 1], vec![0]].concat();
    let view = viewed(schema, &deep(128)).unwrap();
    assert_eq!(back(schema, &view), Ok(deep(128)));
    assert_eq!(viewed(schema, &deep(129)), Err(DecodeError::TooDeep));
    let deeper = view.replace("null", r#"{"r":null}"#);
    assert_eq!(back(schema, &deeper), Err(ViewError::Json(DecodeError::TooDeep)));
    assert_eq!(back(schema, &"{\"r\":".repeat(100_000)).unwrap_err().code(), "too_deep");
}
