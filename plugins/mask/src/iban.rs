//! Masks an international bank account number. It must not keep anything of what is none, nor the check digits: they are
//! computed from what is masked and would tell a 97th of it.
use crate::keep::whole;

/// Letters and digits of an IBAN (ISO 13616-1): country, check digits and up to 30 of the account. 15 is the shortest
/// in use.
pub const FEWEST: usize = 15;
pub const MOST: usize = 34;

/// Appends an IBAN with its country and its `last` letters or digits; spaces stay. Anything else is masked whole.
pub fn iban(out: &mut Vec<u8>, value: &[u8], last: usize) {
    let Some(count) = length_of(value) else { return whole(out, value) };
    let mut n = 0;
    for &byte in value {
        if byte == b' ' {
            out.push(byte);
            continue;
        }
        out.push(if n < 2 || n + last >= count { byte } else { b'*' });
        n += 1;
    }
}

/// How many letters and digits an IBAN has; none where the text is none: a country, two check digits, letters and
/// digits with single spaces between them, and the remainder of ISO 7064 MOD 97-10.
pub fn length_of(text: &[u8]) -> Option<usize> {
    let mut count = 0;
    let mut spaced = true;
    for byte in text {
        spaced = match (count, byte) {
            (_, b' ') if !spaced => true,
            (0 | 1, b'a'..=b'z' | b'A'..=b'Z') | (2 | 3, b'0'..=b'9') => false,
            (4.., byte) if byte.is_ascii_alphanumeric() => false,
            _ => return None,
        };
        count += usize::from(!spaced);
    }
    ((FEWEST..=MOST).contains(&count) && !spaced && remainder(text) == 1).then_some(count)
}

/// The number that the IBAN is, its first four places moved to the end and letters counted from A = 10, modulo 97.
fn remainder(text: &[u8]) -> u32 {
    let places = || text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    places().skip(4).chain(places().take(4)).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter.to_ascii_uppercase() - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the IBAN registry.
    const REAL: [&str; 6] = [
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "nl91abna0417164300",
    ];

    #[test]
    fn country_and_end_stay() {
        for (value, last, expected) in [
            ("DE89370400440532013000", 4, "DE****************3000"),
            ("GB29 NWBK 6016 1331 9268 19", 4, "GB** **** **** **** **68 19"),
            ("NO9386011117947", 0, "NO*************"),
            ("DE88370400440532013000", 4, "**********************"),
            ("DE89 3704  0044 0532 0130 00", 4, "****************************"),
            ("DE89370400440532013000 ", 4, "***********************"),
            ("IBAN DE89370400440532013000", 4, "***************************"),
            ("D389370400440532013000", 4, "**********************"),
            ("", 4, ""),
        ] {
            let mut out = b"before ".to_vec();
            iban(&mut out, value.as_bytes(), last);
            assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{value}");
        }
    }

    #[test]
    fn one_letter_off_is_no_iban() {
        for real in REAL {
            assert!(length_of(real.as_bytes()).is_some(), "{real}");
            for (at, byte) in real.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()) {
                let mut other = real.as_bytes().to_vec();
                other[at] = if byte == b'9' { b'0' } else { byte + 1 };
                assert_eq!(length_of(&other), None, "{real} at {at}");
            }
        }
    }
}
