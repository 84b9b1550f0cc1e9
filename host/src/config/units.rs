//! Durations, sizes and moments as people write them. It knows no setting and no range of one.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

/// A duration: a whole number and one of `ms`, `s`, `m`, `h`, `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A size: a whole number of bytes, or with one of `B`, `KiB`, `MiB`, `GiB` (1024) or `kB`, `KB`, `MB`, `GB` (1000).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A moment: RFC 3339, kept as milliseconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub i64);

const SPANS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

const SIZES: [(&str, u64); 9] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1000),
    ("KB", 1000),
    ("B", 1),
    ("", 1),
];

/// A whole number and a unit, multiplied; none if either is not one, or the product does not fit.
fn measure(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_prefix(' ').unwrap_or(unit);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

impl Span {
    /// `30s`, `500ms`, `1m`, `1h`, `7d`.
    pub fn parse(text: &str) -> Option<Self> {
        measure(text, &SPANS).map(|ms| Self(Duration::from_millis(ms)))
    }
}

impl Size {
    /// `4MiB`, `64KiB`, `1MB`, `4096`.
    pub fn parse(text: &str) -> Option<Self> {
        measure(text, &SIZES).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let fits = SPANS.iter().find(|(_, factor)| ms != 0 && ms.is_multiple_of(*factor));
        let (unit, factor) = fits.unwrap_or(&("ms", 1));
        write!(f, "{}{unit}", ms / factor)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = SIZES.iter().take(3);
        let mut fits = binary.filter(|(_, factor)| self.0 != 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = fits.next().unwrap_or(&("", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Moment {
    /// `2026-01-01T00:00:00Z`, with a fraction (cut to milliseconds) or an offset such as `+01:00` if wanted. RFC 3339,
    /// section 5.6; a leap second counts as the second after.
    pub fn parse(text: &str) -> Option<Self> {
        let part = |from: usize, to: usize| -> Option<i64> {
            let digits = text.get(from..to)?;
            let all = digits.bytes().all(|b| b.is_ascii_digit());
            all.then(|| digits.parse().ok()).flatten()
        };
        let mark = |at: usize, marks: &str| text.get(at..=at).is_some_and(|c| marks.contains(c));
        if !(mark(4, "-") && mark(7, "-") && mark(10, "Tt ") && mark(13, ":") && mark(16, ":")) {
            return None;
        }
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut millis = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, after) = fraction.split_at(digits);
            let three: String = fraction.chars().chain("000".chars()).take(3).collect();
            millis = if digits == 0 { return None } else { three.parse().ok()? };
            rest = after;
        }
        let seconds = days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        Some(Self((seconds - offset(rest)?) * 1000 + millis))
    }
}

/// Seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    if text == "Z" || text == "z" {
        return Some(0);
    }
    let sign = match text.get(0..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let two = |t: &str| -> Option<i64> {
        let digits = t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| t.parse().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let leaps = |y: i64| y / 4 - y / 100 + y / 400;
    let years = match year {
        // Year 0 is a leap year, and the first of all that can be written.
        0 => -(1969 * 365 + leaps(1969) + 366),
        _ => (year - 1970) * 365 + leaps(year - 1) - leaps(1969),
    };
    years + (1..month).map(|m| days_of(year, m)).sum::<i64>() + day - 1
}

/// What a text has to look like, for the one visitor of all three.
struct Written<T> {
    parse: fn(&str) -> Option<T>,
    bare: fn(u64) -> Option<T>,
    expecting: &'static str,
}

impl<T> Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::custom(format_args!("\"{text}\" is not {}", self.expecting)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        (self.bare)(number).ok_or_else(|| E::custom(format_args!("{number} is not {}", self.expecting)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            parse: Self::parse,
            bare: |_| None,
            expecting: "a duration such as 30s; the units are ms, s, m, h and d",
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            parse: Self::parse,
            bare: |bytes| Some(Self(bytes)),
            expecting: "a size such as 4MiB; the units are B, KiB, MiB, GiB, kB, MB and GB",
        })
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written {
            parse: Self::parse,
            bare: |_| None,
            expecting: "a moment such as 2026-01-01T00:00:00Z (RFC 3339)",
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! written_schema {
    ($type:ident, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

written_schema!(Span, "Duration", { "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h|d)$" });
written_schema!(Size, "Size", {
    "type": ["string", "integer"],
    "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB|kB|KB|MB|GB)?$",
    "minimum": 0
});
written_schema!(Moment, "Moment", { "type": "string", "format": "date-time" });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            ("30s", Some(30_000)),
            ("500ms", Some(500)),
            ("1m", Some(60_000)),
            ("1h", Some(3_600_000)),
            ("7d", Some(604_800_000)),
            ("7 d", Some(604_800_000)),
            ("0s", Some(0)),
            ("30", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|ms| Span(Duration::from_millis(ms)));
            assert_eq!(Span::parse(text), expected, "{text}");
        }
        assert_eq!(Span(Duration::from_millis(90_000)).to_string(), "90s");
    }

    #[test]
    fn sizes() {
        let cases = [
            ("4MiB", Some(4 << 20)),
            ("64KiB", Some(64 << 10)),
            ("1GiB", Some(1 << 30)),
            ("1MB", Some(1_000_000)),
            ("12", Some(12)),
            ("12B", Some(12)),
            ("4mib", None),
            ("", None),
            ("18446744073709551615GiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Size::parse(text), expected.map(Size), "{text}");
        }
        assert_eq!(Size(256 << 20).to_string(), "256MiB");
    }

    #[test]
    fn moments() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-01-01T00:00:00Z", Some(1_767_225_600_000)),
            ("2024-02-29T12:30:45.1239Z", Some(1_709_209_845_123)),
            ("2026-01-01T01:00:00+01:00", Some(1_767_225_600_000)),
            ("2025-12-31T19:30:00-04:30", Some(1_767_225_600_000)),
            ("1969-12-31T23:59:59.5Z", Some(-500)),
            ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800_000)),
            ("2025-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01T00:00:00+1:00", None),
            ("2026-01-01T00:00:00.Z", None),
            ("é026-01-01T00:00:00Z", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Moment::parse(text), expected.map(Moment), "{text}");
        }
    }
}
