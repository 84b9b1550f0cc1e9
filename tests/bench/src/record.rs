//! The records of the bench, the same for the same number everywhere. It must not draw on a clock or on chance.

/// Which values a topic holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Bytes without a meaning.
    Opaque,
    /// A JSON payment with `$.customer.email` and `$.card.pan`.
    Json,
}

/// Smallest JSON value, bytes: the payment itself.
pub const SMALLEST_JSON: usize = 260;

/// A small generator (SplitMix64, public domain, <https://prng.di.unimi.it/splitmix64.c>): even bits, no state to carry.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Puts value `number` of `size` bytes into `out`.
pub fn write(shape: Shape, number: u64, size: usize, out: &mut Vec<u8>) {
    out.clear();
    if shape == Shape::Json {
        payment(number, out);
        let note = size.saturating_sub(out.len() + 2);
        letters(number, note, out);
        out.extend_from_slice(b"\"}");
    } else {
        letters(number, size, out);
    }
}

/// A payment up to the opening quote of its last field, which pads it.
fn payment(number: u64, out: &mut Vec<u8>) {
    let bits = mix(number);
    let (person, pan, cents) = (bits % 1_000_000, bits % 10_000_000_000, bits % 900_000 + 100);
    let status = ["captured", "refunded", "declined", "captured"][(bits >> 60) as usize % 4];
    let text = format!(
        r#"{{"id":"p-{number:012}","status":"{status}","amount":{}.{:02},"currency":"EUR","customer":{{"id":{person},"email":"person.{person:06}@example.com","country":"DE"}},"card":{{"pan":"499901{pan:010}","expires":"12/29"}},"at":"2026-01-01T00:00:00Z","note":""#,
        cents / 100,
        cents % 100,
    );
    out.extend_from_slice(text.as_bytes());
}

fn letters(number: u64, count: usize, out: &mut Vec<u8>) {
    let end = out.len() + count;
    let mut word = number;
    while out.len() < end {
        word = mix(word);
        let bytes = word.to_le_bytes().map(|byte| b'a' + byte % 26);
        let take = bytes.len().min(end - out.len());
        out.extend_from_slice(&bytes[..take]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_size_asked_for_and_do_not_change() {
        for (shape, size) in
            [(Shape::Opaque, 100), (Shape::Opaque, 1), (Shape::Json, 300), (Shape::Json, 1024), (Shape::Json, SMALLEST_JSON)]
        {
            for number in [0, 1, 7, 999_999_999_999] {
                let (mut value, mut again) = (Vec::new(), vec![1, 2, 3]);
                write(shape, number, size, &mut value);
                write(shape, number, size, &mut again);
                assert_eq!((value.len(), &value), (size, &again), "{shape:?} {size} {number}");
                assert!(value.is_ascii());
            }
        }
    }

    #[test]
    fn a_payment_has_both_fields_and_closes_what_it_opens() {
        let mut value = Vec::new();
        write(Shape::Json, 42, 300, &mut value);
        let text = String::from_utf8_lossy(&value);
        for part in [r#""email":"person."#, r#""pan":"499901"#] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        assert!(text.ends_with("\"}"));
    }
}
