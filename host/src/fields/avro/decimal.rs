//! Avro's decimals between their bytes, the two's complement of the unscaled number, and their text. Exact: nothing is
//! rounded.

/// At most so many bytes a decimal is read from, enough for every precision that counts. Stops one of megabytes, whose text
/// takes the square of its length to make.
pub(super) const MAX_BYTES: usize = 830;

/// All digits that so many bytes can have.
pub(super) const MAX_DIGITS: u32 = 2_000;

const GROUP: u64 = 1_000_000_000;
const GROUP_DIGITS: usize = 9;

/// Appends the number with all digits of its scale: `-0.05`.
pub(super) fn push(bytes: &[u8], scale: u32, out: &mut Vec<u8>) {
    let negative = bytes.first().is_some_and(|&first| first >= 0x80);
    let mut limbs = magnitude(bytes, negative);
    // From the last digit to the first.
    let mut digits = Vec::new();
    while !limbs.is_empty() {
        let mut rest = divide(&mut limbs);
        for _ in 0..GROUP_DIGITS {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
    }
    let scale = scale as usize;
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.len() <= scale {
        digits.resize(scale + 1, b'0');
    }
    if negative {
        out.push(b'-');
    }
    let (fraction, whole) = digits.split_at(scale);
    out.extend(whole.iter().rev());
    if scale > 0 {
        out.push(b'.');
        out.extend(fraction.iter().rev());
    }
}

/// The number's limbs of 32 bits without its sign, the lowest first, without zeros at the end.
fn magnitude(bytes: &[u8], negative: bool) -> Vec<u32> {
    let filler = if negative { 0xff } else { 0 };
    let mut carry = negative;
    let mut limbs: Vec<u32> = bytes
        .rchunks(4)
        .map(|chunk| {
            let mut limb = [filler; 4];
            limb[4 - chunk.len()..].copy_from_slice(chunk);
            let limb = u32::from_be_bytes(limb);
            if !negative {
                return limb;
            }
            let (limb, over) = (!limb).overflowing_add(u32::from(carry));
            carry = over;
            limb
        })
        .collect();
    trim(&mut limbs);
    limbs
}

fn trim(limbs: &mut Vec<u32>) {
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
}

/// Divides by a group of digits; answers the rest.
fn divide(limbs: &mut Vec<u32>) -> u64 {
    let mut rest = 0;
    for limb in limbs.iter_mut().rev() {
        let value = rest << 32 | u64::from(*limb);
        *limb = (value / GROUP) as u32;
        rest = value % GROUP;
    }
    trim(limbs);
    rest
}

/// The bytes, as few as can be, of a JSON number at a scale. None if it has digits beyond the scale, or more than
/// `precision` in all.
pub(super) fn parse(text: &str, precision: u32, scale: u32) -> Option<Vec<u8>> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(vec![0]);
    }
    // Of the significant digits, in units of the scale. An exponent beyond 64 bits is beyond any precision.
    let exponent: i64 = exponent.parse().ok()?;
    let shift = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(i64::from(scale))?;
    let zeros = shift.checked_add(i64::try_from(digits.len() - significant.len()).ok()?)?;
    let zeros = u32::try_from(zeros).ok()?;
    let length = u32::try_from(significant.len()).ok()?.checked_add(zeros)?;
    if length > precision.min(MAX_DIGITS) {
        return None;
    }
    let zeros = std::iter::repeat_n(b'0', zeros as usize);
    let mut limbs: Vec<u32> = Vec::new();
    for digit in significant.bytes().chain(zeros) {
        multiply_add(&mut limbs, digit - b'0');
    }
    Some(bytes(limbs, negative))
}

fn multiply_add(limbs: &mut Vec<u32>, digit: u8) {
    let mut carry = u64::from(digit);
    for limb in limbs.iter_mut() {
        let value = u64::from(*limb) * 10 + carry;
        *limb = value as u32;
        carry = value >> 32;
    }
    if carry > 0 {
        limbs.push(carry as u32);
    }
}

/// The two's complement, the highest byte first.
fn bytes(mut limbs: Vec<u32>, negative: bool) -> Vec<u8> {
    // Room for the sign.
    limbs.push(0);
    if negative {
        let mut carry = true;
        for limb in &mut limbs {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
    }
    let bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    let filler = if negative { 0xff } else { 0 };
    let spare = bytes.windows(2).take_while(|pair| pair[0] == filler && (pair[1] >= 0x80) == negative).count();
    bytes[spare..].to_vec()
}

/// The same number in exactly `size` bytes, if it fits.
pub(super) fn widen(bytes: &[u8], size: usize) -> Option<Vec<u8>> {
    let filler = if bytes.first().is_some_and(|&first| first >= 0x80) { 0xff } else { 0 };
    let spare = size.checked_sub(bytes.len())?;
    Some(std::iter::repeat_n(filler, spare).chain(bytes.iter().copied()).collect())
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8], scale: u32) -> String {
        let mut out = Vec::new();
        push(bytes, scale, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_to_text() {
        let cases: [(&[u8], u32, &str); 12] = [
            (&[], 0, "0"),
            (&[], 2, "0.00"),
            (&[0], 2, "0.00"),
            (&[5], 2, "0.05"),
            (&[0xfb], 2, "-0.05"),
            (&[0x04, 0xd2], 2, "12.34"),
            (&[0x00, 0x00, 0x04, 0xd2], 0, "1234"),
            (&[0xff, 0xfb, 0x2e], 3, "-1.234"),
            (&[0x80], 0, "-128"),
            (&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 4, "922337203685477.5807"),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0], 0, "-9223372036854775808"),
            (&[0x01, 0, 0, 0, 0, 0, 0, 0, 0], 1, "1844674407370955161.6"),
        ];
        for (bytes, scale, wanted) in cases {
            assert_eq!(text(bytes, scale), wanted);
        }
    }

    #[test]
    fn text_to_bytes() {
        let cases: [(&str, u32, u32, Option<&[u8]>); 16] = [
            ("0", 4, 2, Some(&[0])),
            ("-0.000", 4, 2, Some(&[0])),
            ("12.34", 4, 2, Some(&[0x04, 0xd2])),
            ("12.3400", 4, 2, Some(&[0x04, 0xd2])),
            ("12.345", 9, 2, None),
            ("123.4", 4, 2, None),
            ("123.4", 5, 2, Some(&[0x30, 0x34])),
            ("1e2", 5, 2, Some(&[0x27, 0x10])),
            ("1E+2", 4, 2, None),
            ("1234e-2", 4, 2, Some(&[0x04, 0xd2])),
            ("1e99999999999999999999", 4, 2, None),
            ("1e-99999999999999999999", 4, 2, None),
            ("0e99999999999999999999", 4, 2, Some(&[0])),
            ("-128", 4, 0, Some(&[0x80])),
            ("128", 4, 0, Some(&[0x00, 0x80])),
            ("-129", 4, 0, Some(&[0xff, 0x7f])),
        ];
        for (text, precision, scale, wanted) in cases {
            assert_eq!(parse(text, precision, scale).as_deref(), wanted, "{text}");
        }
        assert_eq!(widen(&[0xff, 0x7f], 4), Some(vec![0xff, 0xff, 0xff, 0x7f]));
        assert_eq!(widen(&[0x12, 0x34], 1), None);
    }

    proptest! {
        #[test]
        fn as_128_bit_numbers_have_it(number: i128, scale in 0..45_u32) {
            let written = text(&number.to_be_bytes(), scale);
            prop_assert_eq!(written.replace('.', "").parse::<i128>().unwrap(), number);
            let bytes = parse(&written, 60, scale).unwrap();
            prop_assert_eq!(widen(&bytes, 16).unwrap(), number.to_be_bytes());
        }

        #[test]
        fn long_ones_read_back(bytes in prop::collection::vec(any::<u8>(), 1..200), scale in 0..300_u32) {
            let written = text(&bytes, scale);
            let parsed = parse(&written, MAX_DIGITS, scale).unwrap();
            prop_assert_eq!(text(&parsed, scale), written);
            prop_assert!(parsed.len() <= bytes.len());
        }
    }
}
