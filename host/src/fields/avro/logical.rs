//! Logical types: which meaning an annotation gives to a type, as the specification allows it. One that is unknown, or
//! does not go with its type, is no error: the specification has readers ignore it.

use serde_json::{Map, Value};

/// At most this many digits a decimal may have. Stops a schema whose precision or scale would make one value a text of
/// gigabytes; a decimal beyond it crosses as the bytes it is.
pub(super) const MAX_PRECISION: u32 = 1_990;

/// What a value means beyond its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    None,
    Decimal {
        precision: u32,
        scale: u32,
    },
    Uuid,
    /// Twelve bytes; crosses as they are.
    Duration,
    /// Days since 1970-01-01.
    Date,
    /// Since midnight.
    Time(Unit),
    /// Since 1970-01-01T00:00:00, in UTC or wherever the reader is.
    Timestamp {
        unit: Unit,
        local: bool,
    },
}

/// What a time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl Unit {
    /// How many there are in a second.
    pub(super) fn per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => 1_000_000_000,
        }
    }

    /// How many digits a fraction of a second has.
    pub(super) fn digits(self) -> usize {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Millis => "millis",
            Self::Micros => "micros",
            Self::Nanos => "nanos",
        }
    }
}

/// The primitive or fixed type that an annotation stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Int,
    Long,
    Bytes,
    String,
    Fixed(u32),
}

impl Logical {
    /// What the attributes of a type say.
    pub(super) fn of(attributes: &Map<String, Value>, base: Base) -> Self {
        let Some(name) = attributes.get("logicalType").and_then(Value::as_str) else { return Self::None };
        match (name, base) {
            ("decimal", Base::Bytes | Base::Fixed(_)) => decimal(attributes, base),
            ("uuid", Base::String | Base::Fixed(16)) => Self::Uuid,
            ("duration", Base::Fixed(12)) => Self::Duration,
            ("date", Base::Int) => Self::Date,
            ("time-millis", Base::Int) => Self::Time(Unit::Millis),
            ("time-micros", Base::Long) => Self::Time(Unit::Micros),
            ("timestamp-millis", Base::Long) => Self::Timestamp { unit: Unit::Millis, local: false },
            ("timestamp-micros", Base::Long) => Self::Timestamp { unit: Unit::Micros, local: false },
            ("timestamp-nanos", Base::Long) => Self::Timestamp { unit: Unit::Nanos, local: false },
            ("local-timestamp-millis", Base::Long) => Self::Timestamp { unit: Unit::Millis, local: true },
            ("local-timestamp-micros", Base::Long) => Self::Timestamp { unit: Unit::Micros, local: true },
            ("local-timestamp-nanos", Base::Long) => Self::Timestamp { unit: Unit::Nanos, local: true },
            _ => Self::None,
        }
    }

    /// As `explain` shows it; nothing for none.
    pub(super) fn words(self) -> Option<String> {
        Some(match self {
            Self::None => return None,
            Self::Decimal { precision, scale } => format!("decimal {precision},{scale}"),
            Self::Uuid => "uuid".to_owned(),
            Self::Duration => "duration".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Time(unit) => format!("time-{}", unit.word()),
            Self::Timestamp { unit, local } => format!("{}timestamp-{}", if local { "local-" } else { "" }, unit.word()),
        })
    }
}

fn decimal(attributes: &Map<String, Value>, base: Base) -> Logical {
    let number = |name| attributes.get(name).map(|value: &Value| value.as_u64().and_then(|value| u32::try_from(value).ok()));
    let precision = number("precision").flatten().unwrap_or(0);
    let Some(scale) = number("scale").unwrap_or(Some(0)) else { return Logical::None };
    let most = match base {
        // The most digits that every number of so many digits fits into: floor(log10(2^(8 size - 1) - 1)). The
        // fraction is log10(2) from below, good for more digits than the limit has.
        Base::Fixed(size) => (8 * u64::from(size)).saturating_sub(1) * 30_102_999_566 / 100_000_000_000,
        _ => u64::from(MAX_PRECISION),
    };
    let most = most.min(u64::from(MAX_PRECISION));
    if precision == 0 || u64::from(precision) > most || scale > precision { Logical::None } else { Logical::Decimal { precision, scale } }
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn annotations_count_where_they_are_valid() {
        let cases = [
            (r#"{"logicalType":"date"}"#, Base::Int, "date"),
            (r#"{"logicalType":"date"}"#, Base::Long, ""),
            (r#"{"logicalType":"date"}"#, Base::String, ""),
            (r#"{"logicalType":7}"#, Base::Int, ""),
            (r#"{"logicalType":"who-knows"}"#, Base::Int, ""),
            (r#"{}"#, Base::Int, ""),
            (r#"{"logicalType":"time-millis"}"#, Base::Int, "time-millis"),
            (r#"{"logicalType":"time-micros"}"#, Base::Long, "time-micros"),
            (r#"{"logicalType":"time-micros"}"#, Base::Int, ""),
            (r#"{"logicalType":"timestamp-nanos"}"#, Base::Long, "timestamp-nanos"),
            (r#"{"logicalType":"local-timestamp-micros"}"#, Base::Long, "local-timestamp-micros"),
            (r#"{"logicalType":"uuid"}"#, Base::String, "uuid"),
            (r#"{"logicalType":"uuid"}"#, Base::Fixed(16), "uuid"),
            (r#"{"logicalType":"uuid"}"#, Base::Fixed(15), ""),
            (r#"{"logicalType":"duration"}"#, Base::Fixed(12), "duration"),
            (r#"{"logicalType":"decimal","precision":9,"scale":2}"#, Base::Bytes, "decimal 9,2"),
            (r#"{"logicalType":"decimal","precision":9}"#, Base::Bytes, "decimal 9,0"),
            (r#"{"logicalType":"decimal","precision":9,"scale":null}"#, Base::Bytes, ""),
            (r#"{"logicalType":"decimal","precision":9,"scale":10}"#, Base::Bytes, ""),
            (r#"{"logicalType":"decimal","precision":9,"scale":-1}"#, Base::Bytes, ""),
            (r#"{"logicalType":"decimal","precision":0}"#, Base::Bytes, ""),
            (r#"{"logicalType":"decimal","scale":2}"#, Base::Bytes, ""),
            (r#"{"logicalType":"decimal","precision":1991}"#, Base::Bytes, ""),
            // 2^31 - 1 has ten digits, but not every number of ten digits fits.
            (r#"{"logicalType":"decimal","precision":9}"#, Base::Fixed(4), "decimal 9,0"),
            (r#"{"logicalType":"decimal","precision":10}"#, Base::Fixed(4), ""),
            (r#"{"logicalType":"decimal","precision":18}"#, Base::Fixed(8), "decimal 18,0"),
            (r#"{"logicalType":"decimal","precision":19}"#, Base::Fixed(8), ""),
            (r#"{"logicalType":"decimal","precision":38}"#, Base::Fixed(16), "decimal 38,0"),
            (r#"{"logicalType":"decimal","precision":1}"#, Base::Fixed(0), ""),
        ];
        for (attributes, base, words) in cases {
            let attributes: Map<String, Value> = serde_json::from_str(attributes).unwrap();
            assert_eq!(Logical::of(&attributes, base).words().unwrap_or_default(), words, "{attributes:?} {base:?}");
        }
    }
}
