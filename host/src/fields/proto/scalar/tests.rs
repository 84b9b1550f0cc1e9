//! Texts of numbers in both directions, at their edges. Places and messages are in the tests of `walk` and `patch`.

use super::*;

static TABLES: Tables = Tables::EMPTY;

#[test]
fn numbers_read_back_from_their_text() {
    let doubles =
        [0.0, -0.0, 1.0, 0.1, 1e16, 1e-7, 123_456.789, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    for value in doubles {
        let old = Value::Double(value);
        let mut text = Vec::new();
        old.push(&mut text);
        let new = Encoded::new(Scalar::Double, &TABLES, old.kind() as u8, &text).expect("it takes what it hands out");
        let raw = new.parts().concat();
        let again = read(Scalar::Double, &TABLES, &raw).expect("a double");
        assert!(again.is(old.kind() as u8, &text, &mut Vec::new()), "{value}");
        if value.is_finite() {
            assert!(text.iter().any(|byte| matches!(byte, b'.' | b'e')), "{value}");
            assert_eq!(raw, value.to_le_bytes());
        }
    }
    for value in [0.1_f32, 16_777_216.0, f32::MAX, 1e-45] {
        let mut text = Vec::new();
        Value::Float(value).push(&mut text);
        let new = Encoded::new(Scalar::Float, &TABLES, 3, &text).expect("it takes what it hands out");
        assert_eq!(new.parts().concat(), value.to_le_bytes());
    }
}

#[test]
fn integers_that_a_float_does_not_have_are_refused() {
    for (scalar, text, fits) in [
        (Scalar::Double, "9007199254740992", true),
        (Scalar::Double, "9007199254740993", false),
        (Scalar::Double, "-0", true),
        (Scalar::Double, &"9".repeat(400), false),
        (Scalar::Float, "16777216", true),
        (Scalar::Float, "16777217", false),
        (Scalar::Float, "-16777217", false),
    ] {
        let new = Encoded::new(scalar, &TABLES, 2, text.as_bytes());
        assert_eq!(new.err(), (!fits).then_some(PatchError::DoesNotFit), "{scalar:?} {text}");
    }
}

#[test]
fn zigzag_halves_are_those_of_readers() {
    // sint32 out of a varint of more bits: the low 32 count.
    let raw = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert_eq!(read(Scalar::Sint32, &TABLES, &raw), Ok(Value::Signed(i32::MIN.into())));
    assert_eq!(read(Scalar::Sint64, &TABLES, &raw), Ok(Value::Signed(i64::MIN)));
    assert_eq!(read(Scalar::Int32, &TABLES, &raw), Ok(Value::Signed(-1)));
    assert_eq!(read(Scalar::Uint32, &TABLES, &raw), Ok(Value::Unsigned(u32::MAX.into())));
    assert_eq!(read(Scalar::Uint64, &TABLES, &raw), Ok(Value::Unsigned(u64::MAX)));
}

#[test]
fn bytes_of_another_type_are_errors() {
    for scalar in [Scalar::Double, Scalar::Float, Scalar::Int32, Scalar::String, Scalar::Bytes, Scalar::Fixed64] {
        assert_eq!(read(scalar, &TABLES, b""), Err(DecodeError::Truncated), "{scalar:?}");
    }
    assert_eq!(read(Scalar::String, &TABLES, b"\x02a"), Err(DecodeError::Truncated));
    assert_eq!(read(Scalar::String, &TABLES, b"\x01\xff"), Err(DecodeError::InvalidUtf8));
}
