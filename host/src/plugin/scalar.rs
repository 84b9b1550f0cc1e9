//! The grammar of numbers as text, as the contract has it. It must not parse them into machine numbers: their text
//! is exact and may be of any length.

/// `-?(0|[1-9][0-9]*)`.
pub fn is_integer(text: &[u8]) -> bool {
    integer(text).is_some_and(<[u8]>::is_empty)
}

/// A JSON number (RFC 8259, section 6) that is not an integer.
pub fn is_decimal(text: &[u8]) -> bool {
    let Some(mut rest) = integer(text) else {
        return false;
    };
    if rest.is_empty() {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let Some(after) = digits(fraction) else {
            return false;
        };
        rest = after;
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let sign = exponent.first().is_some_and(|b| matches!(b, b'+' | b'-'));
        let Some(after) = digits(&exponent[usize::from(sign)..]) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

/// What follows an integer at the start.
fn integer(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    match text.first()? {
        b'0' => Some(&text[1..]),
        _ => digits(text),
    }
}

/// What follows at least one digit at the start.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let n = text.iter().take_while(|b| b.is_ascii_digit()).count();
    (n > 0).then(|| &text[n..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_an_integer_or_a_decimal_or_none() {
        let integers = ["0", "-0", "7", "-12", "90071992547409931234567890"];
        let decimals = ["1.50", "0.0", "-0.1", "1e400", "1E+2", "0e-1", "12.5e0"];
        let neither = ["", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e1", "0x1", "1 ", " 1", "NaN", "1.5.5", "1e1e1"];
        for (texts, integer, decimal) in [(&integers[..], true, false), (&decimals, false, true), (&neither, false, false)] {
            for text in texts {
                assert_eq!(is_integer(text.as_bytes()), integer, "{text}");
                assert_eq!(is_decimal(text.as_bytes()), decimal, "{text}");
            }
        }
    }
}
