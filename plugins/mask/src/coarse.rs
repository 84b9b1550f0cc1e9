//! Makes numbers coarser: to a multiple, to decimal places, to a bucket. It must not answer a number that is more exact
//! than asked for.
use crate::decimal::{Decimal, divide, power};

/// The multiple of `to`, which is above zero, that is nearest; of two that are equally near, the one further from
/// zero. It has as many decimal places as `to`. None where a number does not fit.
pub fn round(number: Decimal, to: Decimal) -> Option<Decimal> {
    let (units, step, scale) = number.common(to)?;
    let (multiples, rest) = divide(units, step)?;
    // Twice the rest could overflow where a subtraction cannot.
    let away = i128::from(rest.abs() >= step - rest.abs()) * units.signum();
    let rounded = (multiples + away).checked_mul(step)?;
    Decimal { units: rounded, scale }.at(to.scale).map(|units| Decimal { units, scale: to.scale })
}

/// What [`round`] takes to round to that many decimal places; below zero, to tens, hundreds and so on.
pub fn places(digits: i32) -> Option<Decimal> {
    match u32::try_from(digits) {
        Ok(scale) => Some(Decimal { units: 1, scale }),
        Err(_) => Some(Decimal { units: power(digits.unsigned_abs())?, scale: 0 }),
    }
}

/// How numbers fall into buckets; each has its lower bound in it and its upper one not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buckets {
    /// Of one size, above zero, from zero in both directions.
    Size(Decimal),
    /// Between bounds that ascend, at least one; below the first and from the last on are buckets too.
    Bounds(Vec<Decimal>),
}

/// A bucket: its number among those of bounds (0 is below the first), where it begins and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Counted from 0; always 0 where all have one size.
    pub index: usize,
    /// None: below the first bound.
    pub lower: Option<Decimal>,
    /// None: from the last bound on.
    pub upper: Option<Decimal>,
}

impl Buckets {
    /// The bucket of a number. None where a number does not fit.
    pub fn find(&self, number: Decimal) -> Option<Bucket> {
        match self {
            Self::Size(size) => {
                let (units, step, scale) = number.common(*size)?;
                let lower = units.div_euclid(step).checked_mul(step)?;
                let bound = |units| Decimal { units, scale }.at(size.scale).map(|units| Decimal { units, scale: size.scale });
                Some(Bucket { index: 0, lower: Some(bound(lower)?), upper: Some(bound(lower.checked_add(step)?)?) })
            }
            Self::Bounds(bounds) => {
                let mut index = 0_usize;
                for bound in bounds {
                    let (units, bound, _) = number.common(*bound)?;
                    if units < bound {
                        break;
                    }
                    index += 1;
                }
                let lower = index.checked_sub(1).and_then(|before| bounds.get(before));
                Some(Bucket { index, lower: lower.copied(), upper: bounds.get(index).copied() })
            }
        }
    }
}

impl Bucket {
    /// Appends `[18,30)`, `<18` or `>=65`.
    pub fn label(&self, out: &mut Vec<u8>) {
        match (self.lower, self.upper) {
            (Some(lower), Some(upper)) => {
                out.push(b'[');
                lower.write(out);
                out.push(b',');
                upper.write(out);
                out.push(b')');
            }
            (None, Some(upper)) => {
                out.push(b'<');
                upper.write(out);
            }
            (lower, None) => {
                out.extend_from_slice(b">=");
                lower.unwrap_or(Decimal { units: 0, scale: 0 }).write(out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).expect(text)
    }

    fn text(number: Decimal) -> String {
        let mut out = Vec::new();
        number.write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// python3 -c 'from decimal import *; print([str((Decimal(v)/Decimal(t)).quantize(Decimal(1), ROUND_HALF_UP)*Decimal(t)) for v, t in …])'
    #[test]
    fn the_nearest_multiple_is_found() {
        for (value, to, expected) in [
            ("1234", "100", "1200"),
            ("1250", "100", "1300"),
            ("-1250", "100", "-1300"),
            ("-1249.99", "100", "-1200"),
            ("49", "100", "0"),
            ("12.345", "0.01", "12.35"),
            ("-12.345", "0.01", "-12.35"),
            ("12.34", "0.05", "12.35"),
            ("12.30", "0.25", "12.25"),
            ("7", "2.5", "7.5"),
            ("12.3", "1", "12"),
            ("1e3", "300", "900"),
            ("0", "5", "0"),
        ] {
            assert_eq!(round(number(value), number(to)).map(text), Some(expected.to_owned()), "{value} to {to}");
        }
        assert_eq!(round(number("1e36"), number("1e-20")), None);
        assert_eq!(places(-3).map(text).as_deref(), Some("1000"));
        assert_eq!(places(2).map(text).as_deref(), Some("0.01"));
    }

    #[test]
    fn numbers_fall_into_buckets() {
        let ages = Buckets::Bounds(["18", "30.5", "65"].map(number).to_vec());
        for (buckets, value, index, label) in [
            (&ages, "17.99", 0, "<18"),
            (&ages, "-3", 0, "<18"),
            (&ages, "18", 1, "[18,30.5)"),
            (&ages, "30", 1, "[18,30.5)"),
            (&ages, "30.5", 2, "[30.5,65)"),
            (&ages, "65", 3, ">=65"),
            (&ages, "1e30", 3, ">=65"),
            (&Buckets::Size(number("10")), "39.9", 0, "[30,40)"),
            (&Buckets::Size(number("10")), "40", 0, "[40,50)"),
            (&Buckets::Size(number("10")), "0", 0, "[0,10)"),
            (&Buckets::Size(number("10")), "-0.1", 0, "[-10,0)"),
            (&Buckets::Size(number("0.25")), "1.3", 0, "[1.25,1.50)"),
        ] {
            let bucket = buckets.find(number(value)).expect("it fits");
            let mut out = Vec::new();
            bucket.label(&mut out);
            assert_eq!((bucket.index, String::from_utf8_lossy(&out).as_ref()), (index, label), "{value}");
        }
    }
}
