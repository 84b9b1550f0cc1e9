//! What a walk finds and refuses, table by table. Random messages are in `properties`; editing is not touched.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::{Containers, DecodeError, Hits};
use super::super::fixture::{ALL, Fixture, NEW};
use super::MAX_DEPTH;
use Containers::{Composite, Expand};

#[test]
fn every_type_crosses_as_agreed() {
    let fixture = Fixture::new(ALL, 0);
    let cases = [
        ("double: 1", "3:1.0"),
        ("double: 0.1", "3:0.1"),
        ("double: -0.0", "3:-0.0"),
        ("double: 1e300", "3:1e300"),
        ("double: nan", "4:NaN"),
        ("double: inf", "4:Infinity"),
        ("double: -inf", "4:-Infinity"),
        ("float: 0.1", "3:0.1"),
        ("float: 16777216", "3:16777216.0"),
        ("float: -inf", "4:-Infinity"),
        ("int32: -2147483648", "2:-2147483648"),
        ("int64: -9223372036854775808", "2:-9223372036854775808"),
        ("uint32: 4294967295", "2:4294967295"),
        ("uint64: 18446744073709551615", "2:18446744073709551615"),
        ("sint32: -2147483648", "2:-2147483648"),
        ("sint64: -9223372036854775808", "2:-9223372036854775808"),
        ("fixed32: 4294967295", "2:4294967295"),
        ("fixed64: 18446744073709551615", "2:18446744073709551615"),
        ("sfixed32: -1", "2:-1"),
        ("sfixed64: -9223372036854775808", "2:-9223372036854775808"),
        ("bool: true", "1:true"),
        ("bool: false", "1:false"),
        ("string: 'é😀'", "4:é😀"),
        ("string: ''", "4:"),
        ("bytes: 'ab'", "5:ab"),
        ("color: GREEN", "4:GREEN"),
        ("color: DARK", "4:DARK"),
    ];
    for (text, wanted) in cases {
        let name = text.split(':').next().unwrap();
        let found = fixture.found(&fixture.encode(text), &format!("$.{name}"), Expand);
        assert_eq!(found, Ok(format!("0:{wanted}")), "{text}");
        assert_eq!(fixture.found(&fixture.encode(text), "$", Expand), Ok(format!("0:{wanted}")), "{text}");
    }
    // A number without a name; more than 32 bits, of which readers take the low ones; a bool that is not 1.
    let raw: [(&[u8], &str); 4] = [
        (b"\x80\x01\x07", "0:2:7"),
        (b"\x18\xff\xff\xff\xff\x7f", "0:2:-1"),
        (b"\x28\x81\x80\x80\x80\x10", "0:2:1"),
        (b"\x68\x80\x80\x01", "0:1:true"),
    ];
    for (body, wanted) in raw {
        assert_eq!(fixture.found(body, "$", Expand).as_deref(), Ok(wanted), "{body:x?}");
    }
}

#[test]
fn paths_lead_where_the_schema_says() {
    let fixture = Fixture::new(ALL, 0);
    let text = "string: 'root' Pair { left: 'l' inner { left: 'm' inner { left: 'n' } } } numbers: [1, 2, 3] packed: [-4, 5, -6]
        fours: [7, 8] names: ['a', 'b'] items { string: 'i' items { string: 'j' } } items { int32: 9 } colors: [RED, DARK]
        labels { key: 'x' value: 'X' } by_number { key: -5 value { string: 'five' } }
        by_bool { key: true value: 'T' } by_color { key: -7 value: RED } card_number: '4111' [t.nick]: 'N' [t.marks]: [1, 2]";
    // An entry at a time: prost has its own order of those of one map.
    let body = [fixture.encode(text), fixture.encode("labels { key: 'y' value: 'Y' }")].concat();
    let cases = [
        ("$.string", "0:4:root"),
        ("$.card_number", "0:4:4111"),
        ("$.cardNumber", "0:4:4111"),
        ("$.account", ""),
        ("$.pair.left", "0:4:l"),
        ("$.pair.inner[0].left", "0:4:m"),
        ("$.pair..left", "0:4:l 0:4:m 0:4:n"),
        ("$.numbers", "0:2:1 0:2:2 0:2:3"),
        ("$.numbers[*]", "0:2:1 0:2:2 0:2:3"),
        ("$.numbers[1]", "0:2:2"),
        ("$.numbers[-1]", "0:2:3"),
        ("$.numbers[3]", ""),
        ("$.packed[*]", "0:2:-4 0:2:5 0:2:-6"),
        ("$.packed[0]", "0:2:-4"),
        ("$.packed[-2]", "0:2:5"),
        ("$.fours[-1]", "0:2:8"),
        ("$.colors[*]", "0:4:RED 0:4:DARK"),
        ("$.names[1]", "0:4:b"),
        ("$.names.a", ""),
        ("$.items[*].string", "0:4:i"),
        ("$.items..string", "0:4:i 0:4:j"),
        ("$.items[-1]", "0:2:9"),
        ("$.items[0].items[0].string", "0:4:j"),
        ("$..string", "0:4:root 0:4:i 0:4:j 0:4:five"),
        ("$.labels", "0:4:X 0:4:Y"),
        ("$.labels.y", "0:4:Y"),
        ("$.labels.*", "0:4:X 0:4:Y"),
        ("$.labels[0]", ""),
        ("$.by_number['-5'].string", "0:4:five"),
        ("$.byNumber['-5']", "0:4:five"),
        ("$.by_bool.true", "0:5:T"),
        ("$.by_bool.false", ""),
        ("$.by_color['-7']", "0:4:RED"),
        ("$['[t.nick]']", "0:4:N"),
        ("$['[t.marks]'][1]", "0:2:2"),
        ("$.string.x", ""),
        ("$.string[0]", ""),
    ];
    for (selector, wanted) in cases {
        assert_eq!(fixture.found(&body, selector, Expand).as_deref(), Ok(wanted), "{selector}");
    }
}

#[test]
fn composites_are_handed_over_as_one() {
    let fixture = Fixture::new(ALL, 0);
    let body =
        fixture.encode("Pair { left: 'l' } numbers: [1, 2] packed: [3] items {} items { names: 'n' } labels { key: 'x' } string: 's'");
    let cases = [
        ("$", "0:6:"),
        ("$.pair", "0:6:"),
        ("$.numbers", "0:6:"),
        ("$.packed $.packed[0]", "0:6: 1:2:3"),
        ("$.items", "0:6:"),
        ("$.items[*]", "0:6: 0:6:"),
        ("$.items[1] $.items[1].names", "0:6: 1:6:"),
        ("$.labels $.string $..*", "1:4:s 2:4:s 0:6: 2:6:"),
        ("$.names", ""),
    ];
    for (selectors, wanted) in cases {
        let found = fixture.found(&body, selectors, Composite).unwrap();
        let sorted = |text: &str| {
            let mut list: Vec<String> = text.split(' ').map(str::to_owned).collect();
            list.sort();
            list
        };
        if selectors.contains("..*") {
            assert!(sorted(wanted).iter().all(|hit| sorted(&found).contains(hit)), "{selectors}: {found}");
        } else {
            assert_eq!(found, wanted, "{selectors}");
        }
    }
}

#[test]
fn matches_are_marked_without_a_value_too() {
    let fixture = Fixture::new(ALL, 0);
    let body = fixture.encode("items {} labels { key: 'x' }");
    let plan = fixture.plan("$.items $.items[0].string $.labels.x $.labels.y $ $.numbers", None, Expand);
    let mut hits = Hits::new();
    plan.select(&body, &mut hits).unwrap();
    assert_eq!([0, 1, 2, 3, 4, 5].map(|field| hits.matched(field)), [true, false, true, false, true, false]);
    plan.select(b"\x08", &mut hits).unwrap_err();
    assert_eq!((hits.matched_words(), hits.hits().len(), hits.pruned()), (&[0][..], 0, 0));
}

#[test]
fn every_occurrence_is_selected() {
    let fixture = Fixture::new(ALL, 0);
    let part = |text: &str| fixture.encode(text);
    let twice = [part("string: 'a'"), part("string: 'b'")].concat();
    assert_eq!(fixture.found(&twice, "$.string", Expand).as_deref(), Ok("0:4:a 0:4:b"));
    let both = [part("account: 1"), part("card_number: 'c'")].concat();
    assert_eq!(fixture.found(&both, "$.account $.card_number", Expand).as_deref(), Ok("0:2:1 1:4:c"));
    let parts = [part("other { string: 'a' names: 'x' }"), part("other { string: 'b' names: 'y' }")].concat();
    assert_eq!(fixture.found(&parts, "$.other.string", Expand).as_deref(), Ok("0:4:a 0:4:b"));
    assert_eq!(fixture.found(&parts, "$.other.names[*]", Expand).as_deref(), Ok("0:4:x 0:4:y"));
    // Readers would find y at 1.
    assert_eq!(fixture.found(&parts, "$.other.names[1]", Expand), Err(DecodeError::SplitMessage));
    assert_eq!(fixture.found(&parts, "$.other..items[-1]", Expand), Err(DecodeError::SplitMessage));
    // Packed and not, mixed, is one list.
    let mixed = [part("numbers: 1"), b"\xa2\x06\x02\x02\x03".to_vec(), part("numbers: 4")].concat();
    assert_eq!(fixture.found(&mixed, "$.numbers[0] $.numbers[2] $.numbers[-1]", Expand).as_deref(), Ok("0:2:1 1:2:3 2:2:4"));
    // An entry that stands twice: the last counts, but both are there.
    let entries = [part("labels { key: 'x' value: '1' }"), part("labels { key: 'x' value: '2' }")].concat();
    assert_eq!(fixture.found(&entries, "$.labels.x", Expand).as_deref(), Ok("0:4:1 0:4:2"));
    // Value before key, and neither.
    assert_eq!(fixture.found(b"\xd2\x06\x06\x12\x01v\x0a\x01x", "$.labels.x", Expand).as_deref(), Ok("0:4:v"));
    assert_eq!(fixture.found(b"\xd2\x06\x03\x12\x01v", "$.labels['']", Expand).as_deref(), Ok("0:4:v"));
    assert_eq!(
        fixture.found(b"\xda\x06\x07\x12\x03\x72\x01v\x08\x05\x72\x01w", "$.by_number['5'].string $.string $.double", Expand).as_deref(),
        Ok("0:4:v 1:4:w")
    );
    // A value that is not written is zero.
    assert_eq!(fixture.found(b"\xd2\x06\x03\x0a\x01x\xd2\x06\x00", "$.labels", Expand).as_deref(), Ok("0:4: 0:4:"));
    assert_eq!(fixture.found(b"\xea\x06\x00", "$.by_color['0']", Expand).as_deref(), Ok("0:4:RED"));
    assert_eq!(fixture.found(b"\xda\x06\x05\x12\x03\x72\x01v", "$.by_number['0'].string", Expand).as_deref(), Ok("0:4:v"));
}

#[test]
fn unknown_fields_pass_go_or_refuse() {
    let fixture = Fixture::new(ALL, 0);
    // Number 99 of each wire type, and a string beside.
    let body =
        [&b"\x98\x06\x01\x99\x0612345678\x9a\x06\x02ab\x9b\x06\x08\x01\x9c\x06\x9d\x061234"[..], &fixture.encode("string: 's' items {}")]
            .concat();
    let cases = [
        ("$.string", None, Ok((1, 0))),
        ("$..string", None, Ok((1, 0))),
        ("$.items", None, Ok((0, 0))),
        ("$", None, Err(DecodeError::UnknownField)),
        ("$.*", None, Err(DecodeError::UnknownField)),
        ("$..*", None, Err(DecodeError::UnknownField)),
        ("$.string", Some(""), Ok((1, 6))),
        ("$.string", Some("$.items"), Ok((1, 5))),
        ("$.string", Some("$"), Ok((1, 0))),
        ("$.string", Some("$.*"), Ok((1, 0))),
        ("$.string", Some("$..items"), Ok((1, 5))),
        ("", Some(""), Ok((0, 7))),
    ];
    for (fields, keep, wanted) in cases {
        let plan = fixture.plan(fields, keep, Expand);
        let mut hits = Hits::new();
        let result = plan.select(&body, &mut hits).map(|()| (hits.hits().len(), hits.pruned()));
        assert_eq!(result, wanted, "{fields} {keep:?}");
    }
    // Also in a message that has no fields of its own.
    let tree = Fixture::new(ALL, 1);
    assert_eq!(tree.found(b"\x2a\x02\x08\x01", "$.empty", Expand), Err(DecodeError::UnknownField));
    assert_eq!(tree.found(b"\x2a\x02\x08\x01", "$..name", Expand).as_deref(), Ok(""));
    // Where nothing is edited nothing is refused.
    assert_eq!(fixture.found(&body, "$.*", Composite).as_deref(), Ok("0:4:s 0:6:"));
}

#[test]
fn another_wire_type_than_the_schemas_is_refused_where_it_counts() {
    let fixture = Fixture::new(ALL, 0);
    type Case = (&'static [u8], &'static str, Option<&'static str>, Result<usize, DecodeError>);
    let cases: [Case; 12] = [
        (b"\x70\x01", "$.string", None, Err(DecodeError::WireType)),
        (b"\x70\x01", "$.bytes", None, Ok(0)),
        (b"\x70\x01", "$.bytes", Some("$.string"), Err(DecodeError::WireType)),
        (b"\x70\x01", "$.bytes", Some(""), Err(DecodeError::WireType)),
        (b"\x70\x01", "$.bytes", Some("$"), Err(DecodeError::WireType)),
        (b"\x1a\x01x", "$.int32", None, Err(DecodeError::WireType)),
        (b"\x8a\x01\x02\x08\x01", "$.pair.left", None, Err(DecodeError::WireType)),
        (b"\x8a\x01\x02\x08\x01", "$.string", None, Ok(0)),
        // Packed without being declared so, and the other way round: readers take both.
        (b"\xa2\x06\x02\x01\x02", "$.numbers", None, Ok(2)),
        (b"\xa8\x06\x01", "$.packed", None, Ok(1)),
        (b"\xa5\x06\x01\x00\x00\x00", "$.numbers", None, Err(DecodeError::WireType)),
        (b"\xd2\x06\x02\x08\x01", "$.labels", None, Err(DecodeError::WireType)),
    ];
    for (body, fields, keep, wanted) in cases {
        let plan = fixture.plan(fields, keep, Expand);
        let mut hits = Hits::new();
        assert_eq!(plan.select(body, &mut hits).map(|()| hits.hits().len()), wanted, "{body:x?} {fields}");
    }
}

#[test]
fn refusals_have_codes() {
    let fixture = Fixture::new(ALL, 0);
    let cases: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"\x72", "truncated"),
        (b"\x72\x05abc", "truncated"),
        (b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "bad_length"),
        (b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "bad_varint"),
        (b"\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "bad_varint"),
        (b"\x02\x00", "not_protobuf"),
        (b"\x0e", "not_protobuf"),
        (b"\x0c", "not_protobuf"),
        (b"\x72\x01\xff", "invalid_utf8"),
        (b"\x7a\x01\xff", ""),
        (b"\xc2\x06\x03\x72\x05a", "truncated"),
        (b"\xc2\x06\x04\x72\x05ab", "truncated"),
        (b"\xaa\x06\x01\x80", "truncated"),
        (b"\xb2\x06\x03123", "truncated"),
        (b"\x8b\x01\x0a\x01a\x8c\x01", ""),
        (b"\x8b\x01\x0a\x01a", "truncated"),
        (b"\x8b\x01\x0a\x01a\x94\x01", "not_protobuf"),
        (b"\xc2\x06\x05\x8b\x01\x0a\x01a\x8c\x01", "truncated"),
        (b"\xd2\x06\x06\x0a\x01x\x0a\x01x", "duplicate_name"),
        (b"\xd2\x06\x06\x12\x01x\x12\x01x", "duplicate_name"),
        (b"\xd2\x06\x02\x18\x01", "unknown_field"),
        (b"\xd2\x06\x03\x0a\x01\xff", "invalid_utf8"),
    ];
    for (body, code) in cases {
        let plan = fixture.plan("$.string $.int32 $.items[*].string $.packed $.fours $.pair $.labels $.labels.x", None, Expand);
        let result = plan.select(body, &mut Hits::new());
        assert_eq!(result.map_or_else(DecodeError::code, |()| ""), *code, "{body:x?}");
    }
}

#[test]
fn depth_ends_at_the_limit() {
    let fixture = Fixture::new(ALL, 1);
    let nest = |depth: usize| {
        let mut body = b"\x0a\x01n".to_vec();
        for _ in 1..depth {
            let mut outer = vec![0x1a];
            super::wire::push_varint(body.len() as u64, &mut outer);
            outer.extend_from_slice(&body);
            body = outer;
        }
        body
    };
    for fields in ["$..name", "$", "$..children[-1]"] {
        let plan = fixture.plan(fields, None, Expand);
        let mut hits = Hits::new();
        assert_eq!(plan.select(&nest(MAX_DEPTH), &mut hits), Ok(()), "{fields}");
        assert_eq!(plan.select(&nest(MAX_DEPTH + 1), &mut hits), Err(DecodeError::TooDeep), "{fields}");
        assert_eq!(plan.select(&nest(10_000), &mut hits), Err(DecodeError::TooDeep), "{fields}");
    }
    // What is not walked may be as deep as it likes.
    assert_eq!(fixture.plan("$.name", None, Expand).select(&nest(10_000), &mut Hits::new()), Ok(()));
}

#[test]
fn messages_in_which_nothing_is_asked_for_are_not_entered() {
    let fixture = Fixture::new(ALL, 1);
    // The leaf is no message, but nobody looks.
    let body = b"\x0a\x01n\x22\x01\xff";
    assert_eq!(fixture.found(body, "$..name", Expand).as_deref(), Ok("0:4:n"));
    assert_eq!(fixture.found(body, "$..size", Expand), Err(DecodeError::Truncated));
}

#[test]
fn a_huge_message_does_not_hold_its_memory() {
    let fixture = Fixture::new(ALL, 0);
    let body = [&b"\xaa\x06\xa0\x8d\x06"[..], &[2; 100_000]].concat();
    let plan = fixture.plan("$.packed[-1] $.packed", None, Expand);
    let mut hits = Hits::new();
    plan.select(&body, &mut hits).unwrap();
    assert_eq!(hits.hits().len(), 100_000);
    plan.select(b"", &mut hits).unwrap();
    assert!(hits.hits.capacity() < 100_000);
}

#[test]
fn proto3_absent_is_absent() {
    let fixture = Fixture::new(NEW, 0);
    assert_eq!(fixture.found(&fixture.encode("size: 0 name: ''"), "$.size $.name", Expand).as_deref(), Ok(""));
    assert_eq!(fixture.found(&fixture.encode("nick: '' number: 0"), "$.nick $.number", Expand).as_deref(), Ok("0:4: 1:2:0"));
}
