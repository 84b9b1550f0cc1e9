//! Adds noise that a hash decides. It must not leave a number as it was, and must not know keys.
use crate::decimal::{Decimal, power};

/// How far a number may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// So far in both directions; above zero.
    Range(Decimal),
    /// So many hundredths of the number itself; above zero.
    Percent(Decimal),
}

/// The number moved by `hash`: by a whole number of the smallest units of the number and the range, from 1 to the
/// reach in either direction, each as likely as any other. A reach below one unit is one. None where a number does not
/// fit.
pub fn noise(number: Decimal, reach: Reach, hash: &[u8]) -> Option<Decimal> {
    let (units, most, scale) = match reach {
        Reach::Range(range) => number.common(range)?,
        Reach::Percent(percent) => {
            let most = number.units.abs().checked_mul(percent.units)? / power(percent.scale.checked_add(2)?)?;
            (number.units, most, number.scale)
        }
    };
    let most = most.max(1);
    // Of 2 × most steps the lower half goes down, the upper half up, and none stays.
    let step = i128::try_from(choose(hash, u128::try_from(most).ok()?.checked_mul(2)?)?).ok()?;
    let moved = if step < most { step - most } else { step - most + 1 };
    Some(Decimal { units: units.checked_add(moved)?, scale })
}

/// The first 16 bytes of a hash as a number, the first byte the highest, modulo `n`, which is above zero. For an `n`
/// below 2^64 no number is likelier than another by more than 2^-64.
pub fn choose(hash: &[u8], n: u128) -> Option<u128> {
    let bytes = hash.first_chunk::<16>()?;
    u128::from_be_bytes(*bytes).checked_rem(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).expect(text)
    }

    fn moved(value: &str, reach: Reach, step: u128) -> String {
        let mut out = Vec::new();
        if let Some(number) = noise(number(value), reach, &step.to_be_bytes()) {
            number.write(&mut out);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_step_but_none_is_reached() {
        let all = |value: &str, reach: Reach, n: u128| (0..n).map(|step| moved(value, reach, step)).collect::<Vec<_>>();
        assert_eq!(all("40", Reach::Range(number("2")), 5), ["38", "39", "41", "42", "38"]);
        assert_eq!(all("1.5", Reach::Range(number("0.02")), 5), ["1.48", "1.49", "1.51", "1.52", "1.48"]);
        assert_eq!(all("-20", Reach::Percent(number("10")), 4), ["-22", "-21", "-19", "-18"]);
        assert_eq!(all("3", Reach::Percent(number("10")), 2), ["2", "4"]);
        assert_eq!(all("0", Reach::Percent(number("12.5")), 2), ["-1", "1"]);
        assert_eq!(all("100.0", Reach::Percent(number("0.1")), 2), ["99.9", "100.1"]);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        let far = number("1e36");
        assert_eq!(noise(far, Reach::Range(number("1e-30")), &[0; 32]), None);
        assert_eq!(noise(far, Reach::Percent(number("1000")), &[0; 32]), None);
        assert_eq!(noise(far, Reach::Range(number("1")), &[0; 8]), None);
        assert_eq!(choose(&[0xff; 32], 10), Some(u128::MAX % 10));
        assert_eq!(choose(&[0xff; 32], 0), None);
    }
}
