//! Rounds coordinates. It must not take what is no coordinate for one: degrees beyond 180 reject their record.
use crate::coarse::{places, round};
use crate::decimal::Decimal;

/// A degree of latitude or longitude rounded to `digits` decimal places, with that many; none where it is not between
/// -180 and 180.
pub fn degree(number: Decimal, digits: i32) -> Option<Decimal> {
    let (units, most, _) = number.common(Decimal { units: 180, scale: 0 })?;
    if units.abs() > most {
        return None;
    }
    round(number, places(digits)?)
}

/// Appends text of one degree, or of two with a comma between them and at most one space behind it, each rounded;
/// false, and nothing appended, where the text is something else.
pub fn text(out: &mut Vec<u8>, value: &[u8], digits: i32) -> bool {
    let start = out.len();
    for (n, part) in value.split(|&byte| byte == b',').enumerate() {
        let spaced = n > 0 && part.starts_with(b" ");
        let rounded = part.get(usize::from(spaced)..).and_then(Decimal::parse).and_then(|number| degree(number, digits));
        let Some(rounded) = rounded.filter(|_| n < 2) else {
            out.truncate(start);
            return false;
        };
        if n > 0 {
            out.push(b',');
        }
        if spaced {
            out.push(b' ');
        }
        rounded.write(out);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_lose_their_last_places() {
        for (value, digits, expected) in [
            ("52.520008,13.404954", 2, Some("52.52,13.40")),
            ("-33.865, 151.2094", 1, Some("-33.9, 151.2")),
            ("52.520008", 0, Some("53")),
            ("180", 2, Some("180.00")),
            ("-180.0,0", 2, Some("-180.00,0.00")),
            ("180.01", 2, None),
            ("52.5,13.4,35", 2, None),
            ("52.5;13.4", 2, None),
            ("52.5,  13.4", 2, None),
            (" 52.5", 2, None),
            ("N 52", 2, None),
            (",", 2, None),
            ("", 2, None),
        ] {
            let mut out = b"before ".to_vec();
            let read = text(&mut out, value.as_bytes(), digits);
            assert_eq!(
                (read, String::from_utf8_lossy(&out).into_owned()),
                (expected.is_some(), format!("before {}", expected.unwrap_or_default())),
                "{value}"
            );
        }
    }
}
