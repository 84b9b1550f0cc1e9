//! What patching writes and refuses, table by table. Random messages are in `properties`.

// A test that cannot go on may panic.
#![allow(clippy::unwrap_used)]

use super::super::super::{Containers, Edit, Hits, PatchError};
use super::super::fixture::{ALL, CLEAR, Fixture, NEW, set};
use super::super::wire;
use super::*;
use Edit::Remove;

fn raw(kind: u8, data: &[u8]) -> Edit<'_> {
    Edit::Set { kind, data }
}

#[test]
fn every_type_takes_what_it_hands_out_and_more() {
    let fixture = Fixture::new(ALL, 0);
    let cases = [
        ("double: 1", set(3, "0.25"), "double:0.25"),
        ("double: 1", set(3, "1e3"), "double:1000.0"),
        ("double: 1", set(2, "7"), "double:7.0"),
        ("double: 1", set(4, "NaN"), "double:NaN"),
        ("double: 1", set(4, "-Infinity"), "double:-inf"),
        ("float: 1", set(3, "0.1"), "float:0.1"),
        ("float: 1", set(4, "Infinity"), "float:inf"),
        ("int32: 1", set(2, "-2147483648"), "int32:-2147483648"),
        ("int64: 1", set(2, "9223372036854775807"), "int64:9223372036854775807"),
        ("uint32: 1", set(2, "4294967295"), "uint32:4294967295"),
        ("uint32: 1", set(2, "-0"), "uint32:0"),
        ("uint64: 1", set(2, "18446744073709551615"), "uint64:18446744073709551615"),
        ("sint32: 1", set(2, "-2147483648"), "sint32:-2147483648"),
        ("sint64: 1", set(2, "-9223372036854775808"), "sint64:-9223372036854775808"),
        ("fixed32: 1", set(2, "4294967295"), "fixed32:4294967295"),
        ("fixed64: 1", set(2, "18446744073709551615"), "fixed64:18446744073709551615"),
        ("sfixed32: 1", set(2, "-2147483648"), "sfixed32:-2147483648"),
        ("sfixed64: 1", set(2, "-9223372036854775808"), "sfixed64:-9223372036854775808"),
        ("bool: true", set(1, "false"), "bool:false"),
        ("string: 'a'", set(4, "é"), "string:\"\\303\\251\""),
        ("string: 'a'", set(4, ""), "string:\"\""),
        ("bytes: 'a'", raw(5, b"\xff\x00"), "bytes:\"\\377\\000\""),
        ("color: RED", set(4, "DARK"), "color:DARK"),
        ("color: RED", set(2, "-3"), "color:DARK"),
        ("color: RED", set(2, "2147483647"), "color:2147483647"),
    ];
    for (text, edit, wanted) in cases {
        let name = text.split(':').next().unwrap();
        assert_eq!(fixture.patched_text(text, &format!("$.{name}"), None, &[edit]).as_deref(), Ok(wanted), "{text} {edit:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let fixture = Fixture::new(ALL, 0);
    let cases = [
        ("int32: 1", set(2, "2147483648"), "does_not_fit"),
        ("int32: 1", set(3, "1.0"), "does_not_fit"),
        ("int32: 1", set(4, "1"), "does_not_fit"),
        ("int32: 1", set(1, "true"), "does_not_fit"),
        ("uint32: 1", set(2, "-1"), "does_not_fit"),
        ("uint64: 1", set(2, "18446744073709551616"), "does_not_fit"),
        ("sint32: 1", set(2, "-2147483649"), "does_not_fit"),
        ("fixed32: 1", set(2, "4294967296"), "does_not_fit"),
        ("sfixed64: 1", set(2, "9223372036854775808"), "does_not_fit"),
        ("bool: true", set(2, "1"), "does_not_fit"),
        ("string: 'a'", set(2, "1"), "does_not_fit"),
        ("string: 'a'", set(5, "a"), "does_not_fit"),
        ("bytes: 'a'", set(4, "a"), "does_not_fit"),
        ("double: 1", set(3, "1e400"), "does_not_fit"),
        ("double: 1", set(4, "1.0"), "does_not_fit"),
        ("double: 1", set(4, "inf"), "does_not_fit"),
        ("float: 1", set(3, "1e39"), "does_not_fit"),
        ("color: RED", set(4, "PINK"), "does_not_fit"),
        ("color: RED", set(2, "2147483648"), "does_not_fit"),
        ("color: RED", set(1, "true"), "does_not_fit"),
        ("names: 'a'", set(0, ""), "does_not_fit"),
        ("labels { key: 'a' value: 'b' }", set(0, ""), "does_not_fit"),
        ("int32: 1", set(0, "x"), "not_null"),
        ("int32: 1", set(1, "yes"), "not_boolean"),
        ("int32: 1", set(2, "01"), "not_integer"),
        ("double: 1", set(3, "1"), "not_decimal"),
        ("string: 'a'", raw(4, b"\xff"), "not_text"),
        ("string: 'a'", Edit::Clear { text: b"\xff" }, "not_text"),
        ("int32: 1", Edit::Clear { text: b"\xff" }, "not_text"),
        ("int32: 1", set(6, ""), "unsupported_kind"),
        ("int32: 1", set(7, ""), "unsupported_kind"),
    ];
    for (text, edit, code) in cases {
        let name = text.split([':', ' ']).next().unwrap();
        // The first edit is fine, and nothing of it stays.
        let text = format!("{text} items {{ string: 'x' }}");
        let result = fixture.patched_text(&text, &format!("$.items[0].string $.{name}"), None, &[set(4, "y"), edit]);
        assert_eq!(result.map_err(PatchError::code), Err(code), "{text} {edit:?}");
    }
    let old = Fixture::new(ALL, 2);
    let text = "name: 'n' size: 1 color: RED inner { key: 'k' ratio: 1 }";
    for (field, edit) in [("$.name", Remove), ("$.size", set(0, "")), ("$.size", Remove), ("$.inner", Remove)] {
        assert_eq!(old.patched_text(text, field, None, &[edit]), Err(PatchError::DoesNotFit), "{field}");
    }
    let new = Fixture::new(NEW, 0);
    assert_eq!(new.patched_text("size: 1", "$.size", None, &[set(0, "")]), Err(PatchError::DoesNotFit));
}

#[test]
fn composites_are_not_edited() {
    let fixture = Fixture::new(ALL, 0);
    let body = fixture.encode("items {} numbers: 1");
    for (field, edit) in [("$.items", Remove), ("$.numbers", CLEAR), ("$", set(0, ""))] {
        let plan = fixture.plan(field, None, Containers::Composite);
        let mut hits = Hits::new();
        plan.select(&body, &mut hits).unwrap();
        assert_eq!(plan.patch(&body, &hits, |_, _| edit, &mut Vec::new()), Err(PatchError::Composite), "{field}");
        assert_eq!(plan.patch(&body, &hits, |_, _| Edit::Keep, &mut Vec::new()), Ok(Patched::Unchanged), "{field}");
    }
}

#[test]
fn removed_nulled_and_cleared() {
    let fixture = Fixture::new(ALL, 0);
    let text = "int32: 5 string: 's' bytes: 'b' color: GREEN numbers: [1, 2] packed: [3, 4] names: ['a', 'b'] colors: [RED, GREEN] \
        items { int32: 6 bool: true } labels { key: 'y' value: 'Y' } by_number { key: 1 value { int32: 7 } } \
        by_bool { key: true value: 'T' } by_color { key: 2 value: GREEN } card_number: 'c' [t.nick]: 'n'";
    let all = fixture.decode(&fixture.encode(text));
    let cases = [
        ("$.int32", Remove, "int32:5,", ""),
        ("$.int32", set(0, ""), "int32:5,", ""),
        ("$.int32", CLEAR, "int32:5,", ""),
        ("$.string", Remove, "string:\"s\",", ""),
        ("$.string", CLEAR, "\"s\"", "\"[gone]\""),
        ("$.bytes", CLEAR, "bytes:\"b\",", ""),
        ("$.color", CLEAR, "color:GREEN,", ""),
        ("$.numbers", Remove, "numbers:[1,2],", ""),
        ("$.numbers[0]", Remove, "[1,2]", "[2]"),
        ("$.numbers[-1]", CLEAR, "[1,2]", "[1,0]"),
        ("$.packed", Remove, "packed:[3,4],", ""),
        ("$.packed[0]", Remove, "[3,4]", "[4]"),
        ("$.packed[*]", CLEAR, "[3,4]", "[0,0]"),
        ("$.packed[1]", set(2, "-1000000"), "[3,4]", "[3,-1000000]"),
        ("$.names[0]", Remove, "[\"a\",\"b\"]", "[\"b\"]"),
        ("$.names", CLEAR, "[\"a\",\"b\"]", "[\"[gone]\",\"[gone]\"]"),
        ("$.colors[1]", CLEAR, "[RED,GREEN]", "[RED,RED]"),
        ("$.items[0].int32", Remove, "{int32:6,bool:true}", "{bool:true}"),
        ("$.items[0]", Remove, "{int32:6,bool:true}", "{}"),
        ("$.labels.y", set(4, "longer"), "\"Y\"", "\"longer\""),
        ("$.labels", Remove, "labels:[{key:\"y\",value:\"Y\"}],", ""),
        ("$.by_number['1'].int32", Remove, "value{int32:7}", "value{}"),
        ("$.by_bool.true", CLEAR, "\"T\"", "\"\""),
        ("$.by_color['2']", CLEAR, "value:GREEN", "value:RED"),
        ("$.card_number", Remove, "card_number:\"c\",", ""),
        ("$['[t.nick]']", CLEAR, "\"n\"", "\"[gone]\""),
    ];
    for (field, edit, old, new) in cases {
        let wanted = all.replace(old, new);
        assert_ne!(wanted, all, "{field}: {all}");
        assert_eq!(fixture.patched_text(text, field, None, &[edit]), Ok(wanted), "{field} {edit:?}");
    }
    let old = Fixture::new(ALL, 2);
    let text = "name: 'n' size: 1 color: GREEN inner { key: 'k' text: 't' ratio: 1 }";
    let wanted = "name:\"[gone]\",size:0,color:RED,inner{key:\"\",text:\"[gone]\",ratio:0.0}";
    assert_eq!(old.patched_text(text, "$", None, &[CLEAR]).as_deref(), Ok(wanted));
    let new = Fixture::new(NEW, 0);
    let text = "name: 'n' size: 1 nick: 'k' color: RED raw: 'r' ratio: 2 number: 3 parts { key: 'p' value { size: 4 } } ratios: 5";
    let wanted = "name:\"[gone]\",nick:\"[gone]\",ratios:[0.0],parts:[{key:\"p\",value{}}]";
    assert_eq!(new.patched_text(text, "$", None, &[CLEAR]).as_deref(), Ok(wanted));
}

#[test]
fn lengths_around_a_change_are_mended() {
    let fixture = Fixture::new(ALL, 1);
    for before in [0, 1, 100, 120, 127, 128, 16_370, 16_383, 16_384] {
        for after in [0, 1, 119, 127, 128, 129, 16_382, 16_384, 2_097_152] {
            let text = |length: usize| {
                let name = "n".repeat(length);
                format!(
                    "name: 'a' children {{ name: 'b' children {{ name: '{name}' leaf {{ size: 1 }} }} parent {{ leaf {{}} }} }} \
                     children {{ parent {{ parent {{ name: '{name}' }} }} }} leaf {{ size: 3 }}"
                )
            };
            let new = "n".repeat(after);
            let edits = [set(4, &new), set(4, &new)];
            let patched = fixture.patched(
                &fixture.encode(&text(before)),
                "$.children[0].children[0].name $.children[1].parent.parent.name",
                None,
                &edits,
            );
            let wanted = (before != after).then(|| fixture.encode(&text(after)));
            assert!(patched == Ok(wanted), "{before} {after}");
        }
    }
}

#[test]
fn what_is_not_touched_stays_byte_for_byte() {
    let fixture = Fixture::new(ALL, 0);
    // A tag, a length and a number with needless bytes; an unknown field; fields out of order; an empty packed field.
    let odd = b"\x98\x86\x00\x81\x00\x72\x81\x80\x00s\x98\x80\x00\x80\x00\xf2\xff\xff\xff\x0f\x01u\xaa\x06\x00\x08\x01";
    let odd = &odd[..odd.len() - 2];
    let inner = [odd, b"\x7a\x01b"].concat();
    let mut body = odd.to_vec();
    body.extend_from_slice(b"\xc2\x06");
    // Its length with a needless byte too.
    body.extend_from_slice(&[inner.len() as u8 | 0x80, 0]);
    body.extend_from_slice(&inner);
    body.extend_from_slice(b"\x7a\x01c");
    let patched = fixture.patched(&body, "$.bytes", None, &[raw(5, b"longer")]).unwrap().unwrap();
    assert_eq!(patched, [&body[..body.len() - 2], b"\x06longer"].concat());
    // Of the same length: the needless byte stays. Of another: the length is written anew.
    let at = odd.len() + 4 + inner.len() - 1;
    let patched = fixture.patched(&body, "$.items[0].bytes", None, &[raw(5, b"B")]).unwrap().unwrap();
    let mut wanted = body.clone();
    wanted[at] = b'B';
    assert_eq!(patched, wanted);
    let patched = fixture.patched(&body, "$.items[0].bytes", None, &[raw(5, b"")]).unwrap().unwrap();
    assert_eq!(patched, [odd, b"\xc2\x06", &[inner.len() as u8 - 1], &inner[..inner.len() - 2], b"\x00\x7a\x01c"].concat());
    assert_eq!(fixture.patched(&body, "$.bytes $.items[0].bytes $.string", None, &[Edit::Keep; 3]), Ok(None));
}

#[test]
fn the_value_that_an_entry_does_not_write() {
    let fixture = Fixture::new(ALL, 0);
    // labels: {x: (not written)}, {(neither)}; by_color: {(neither)}; in items, so that lengths change.
    let body = b"\xc2\x06\x0c\xd2\x06\x03\x0a\x01x\xd2\x06\x00\xea\x06\x00";
    let body = &[&body[..2], &[body.len() as u8 - 3], &body[3..]].concat();
    let cases: [(&str, Edit<'_>, Option<&[u8]>); 6] = [
        ("$.items[0].labels", set(4, "v"), Some(b"\xc2\x06\x12\xd2\x06\x06\x12\x01v\x0a\x01x\xd2\x06\x03\x12\x01v\xea\x06\x00")),
        ("$.items[0].labels", set(4, ""), None),
        ("$.items[0].labels", Remove, Some(b"\xc2\x06\x03\xea\x06\x00")),
        ("$.items[0].labels.x", CLEAR, Some(b"\xc2\x06\x14\xd2\x06\x0b\x12\x06[gone]\x0a\x01x\xd2\x06\x00\xea\x06\x00")),
        ("$.items[0].by_color", CLEAR, None),
        ("$.items[0].by_color", set(4, "GREEN"), Some(b"\xc2\x06\x0e\xd2\x06\x03\x0a\x01x\xd2\x06\x00\xea\x06\x02\x10\x02")),
    ];
    for (field, edit, wanted) in cases {
        let patched = fixture.patched(body, field, None, &[edit]).unwrap();
        assert_eq!(patched.as_deref(), wanted, "{field} {edit:?} {:x?} {wanted:x?}", patched);
    }
}

#[test]
fn what_is_the_same_is_unchanged() {
    let fixture = Fixture::new(ALL, 0);
    let cases: [(&[u8], &str, Edit<'_>); 10] = [
        (b"\x72\x81\x00s", "$.string", set(4, "s")),
        (b"\x18\x81\x00", "$.int32", set(2, "1")),
        (b"\x18\xff\xff\xff\xff\x0f", "$.int32", set(2, "-1")),
        (b"\x68\x02", "$.bool", set(1, "true")),
        (b"\x80\x01\x01", "$.color", set(4, "RED")),
        (b"\x80\x01\x01", "$.color", set(2, "1")),
        (b"\x80\x01\x09", "$.color", set(2, "9")),
        (b"\x15\x01\x00\xc0\x7f", "$.float", set(4, "NaN")),
        (b"\x15\x00\x00\x80\x3f", "$.float", set(3, "1.00")),
        (b"\xaa\x06\x02\x00\x00", "$.packed", CLEAR),
    ];
    for (body, field, edit) in cases {
        assert_eq!(fixture.patched(body, field, None, &[edit]), Ok(None), "{body:x?} {edit:?}");
    }
}

#[test]
fn an_allow_list_cuts_the_rest_out() {
    let fixture = Fixture::new(ALL, 0);
    let text = "int32: 5 string: 's' numbers: [1, 2] packed: [3, 4, 5] items { int32: 6 string: 't' } items { names: 'q' } \
        labels { key: 'x' value: 'X' } labels { key: 'y' value: 'Y' } by_number { key: 1 value { int32: 7 string: 'u' } } Pair { left: 'l' }";
    let cases = [
        ("$.string", "", "string:\"new\""),
        ("$.string", "$.int32 $.packed", "int32:5,string:\"new\",packed:[3,4,5]"),
        ("", "$.packed[1] $.numbers[0]", "numbers:[1],packed:[4]"),
        ("$.items[*].string", "$.items[0].names", "items:[{string:\"new\"},{}]"),
        ("", "$.labels.x", "labels:[{key:\"x\",value:\"X\"}]"),
        ("$.labels.y", "", "labels:[{key:\"y\",value:\"new\"}]"),
        ("$.by_number['1'].string", "", "by_number:[{key:1,value{string:\"new\"}}]"),
        ("", "$.by_number.*.int32", "by_number:[{key:1,value{int32:7}}]"),
        ("", "$.pair", "Pair{left:\"l\"}"),
        ("$.pair.left", "", "Pair{left:\"new\"}"),
        ("", "$.pair.inner", "Pair{}"),
        ("", "", ""),
        ("", "$", "unchanged"),
    ];
    for (fields, keep, wanted) in cases {
        assert_eq!(fixture.patched_text(text, fields, Some(keep), &[set(4, "new")]).as_deref(), Ok(wanted), "{fields} {keep}");
    }
    // What has to stand is emptied.
    let old = Fixture::new(ALL, 2);
    let text = "name: 'n' size: 1 color: GREEN inner { key: 'k' text: 't' ratio: 1 } note: 'o' inners { key: 'i' ratio: 2 }";
    let cases = [
        ("", "", "name:\"\",size:0,color:RED,inner{key:\"\",ratio:0.0}"),
        ("$.name", "$.inner.ratio", "name:\"new\",size:0,color:RED,inner{key:\"\",ratio:1.0}"),
        ("", "$.inners[0].ratio $.size", "name:\"\",size:1,color:RED,inner{key:\"\",ratio:0.0},inners:[{key:\"\",ratio:2.0}]"),
    ];
    for (fields, keep, wanted) in cases {
        assert_eq!(old.patched_text(text, fields, Some(keep), &[set(4, "new")]).as_deref(), Ok(wanted), "{fields} {keep}");
    }
}

#[test]
fn a_huge_nested_message_is_patched() {
    let fixture = Fixture::new(ALL, 1);
    let nest = |name: &str| {
        let mut body = [b"\x0a".to_vec(), Varint::new(name.len() as u64).bytes().to_vec(), name.as_bytes().to_vec()].concat();
        for _ in 1..100 {
            let mut outer = b"\x1a".to_vec();
            wire::push_varint(body.len() as u64, &mut outer);
            outer.extend_from_slice(&body);
            body = outer;
        }
        body
    };
    let (short, long) = ("s", "x".repeat(10 << 20));
    assert!(fixture.patched(&nest(short), "$..name", None, &[set(4, &long)]) == Ok(Some(nest(&long))));
    assert!(fixture.patched(&nest(&long), "$..name", None, &[set(4, short)]) == Ok(Some(nest(short))));
}

#[test]
fn hits_of_another_message_never_panic() {
    let fixture = Fixture::new(ALL, 0);
    let body = fixture.encode("string: 'something' items { names: 'a' bytes: 'b' } packed: [1, 2, 3] labels { key: 'x' value: 'y' }");
    let plan = fixture.plan("$", None, Containers::Expand);
    let mut hits = Hits::new();
    plan.select(&body, &mut hits).unwrap();
    for length in 0..body.len() {
        for edit in [Remove, CLEAR, set(4, "z"), set(2, "1"), Edit::Keep] {
            let other = &body[body.len() - length..];
            // Whatever comes out, nothing breaks.
            let mut out = b"before".to_vec();
            if plan.patch(other, &hits, |_, _| edit, &mut out) != Ok(Patched::Changed) {
                assert_eq!(out, b"before");
            }
            assert!(hits.hits().iter().all(|hit| plan.append_value(other, hit, &mut out).is_ok() || out.len() >= 6));
        }
    }
}
