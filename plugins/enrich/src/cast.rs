//! Casts one value to another type. It must not lose anything: what does not fit exactly is no cast.
use sluice_json::{Json, Kind, quote};

use crate::Fault;

/// Most digits of an integer that an exponent is written out to. Stops `1e999999999` from becoming a gigabyte.
const MOST_DIGITS: i64 = 100;

/// What a value becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// A string.
    Text,
    /// A number without a point and without an exponent.
    Integer,
    /// A number with a point or an exponent.
    Decimal,
    /// `true` or `false`.
    Boolean,
}

impl Cast {
    /// Each by its name in settings.
    pub const NAMES: [(&'static str, Self); 4] =
        [("text", Self::Text), ("integer", Self::Integer), ("decimal", Self::Decimal), ("boolean", Self::Boolean)];
}

/// The value as another type, as JSON; none where it stays as it is. Null is null in every type.
pub fn cast(json: Json<'_>, to: Cast) -> Result<Option<Vec<u8>>, Fault> {
    let written = json.written();
    match (json.kind(), to) {
        (Kind::Null, _)
        | (Kind::Text, Cast::Text)
        | (Kind::Integer, Cast::Integer)
        | (Kind::Decimal, Cast::Decimal)
        | (Kind::Boolean, Cast::Boolean) => Ok(None),
        (Kind::Array | Kind::Object, _) | (Kind::Boolean, Cast::Decimal) | (Kind::Decimal, Cast::Boolean) => Err(Fault::CastFailed),
        (_, Cast::Text) => {
            let mut text = Vec::with_capacity(written.len() + 2);
            quote(written, &mut text);
            Ok(Some(text))
        }
        (Kind::Boolean, Cast::Integer) => Ok(Some(if written == "true" { b"1".to_vec() } else { b"0".to_vec() })),
        (Kind::Integer, Cast::Boolean) => boolean(written).map(Some),
        (Kind::Integer, Cast::Decimal) => Ok(Some(format!("{written}.0").into_bytes())),
        (Kind::Decimal, Cast::Integer) => integer(written).map(Some),
        (Kind::Text, _) => {
            let text = json.text().ok_or(Fault::NotText)?;
            if to == Cast::Boolean {
                return boolean(&text).map(Some);
            }
            let number = Json::parse(text.as_bytes()).ok().filter(|number| number.bytes().len() == text.len());
            let number = number.filter(|number| matches!(number.kind(), Kind::Integer | Kind::Decimal)).ok_or(Fault::CastFailed)?;
            let cast = cast(number, to)?;
            Ok(Some(cast.unwrap_or_else(|| number.bytes().to_vec())))
        }
    }
}

fn boolean(text: &str) -> Result<Vec<u8>, Fault> {
    match text {
        "true" | "1" => Ok(b"true".to_vec()),
        "false" | "0" => Ok(b"false".to_vec()),
        _ => Err(Fault::CastFailed),
    }
}

/// A decimal number that is whole, written without point and exponent.
fn integer(decimal: &str) -> Result<Vec<u8>, Fault> {
    let (sign, decimal) = decimal.strip_prefix('-').map_or(("", decimal), |rest| ("-", rest));
    let (mantissa, exponent) = decimal.split_once(['e', 'E']).unwrap_or((decimal, "0"));
    let exponent: i64 = exponent.parse().map_err(|_| Fault::CastFailed)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(b"0".to_vec());
    }
    // The power of ten of the last digit.
    let significant = digits.trim_end_matches('0');
    let zeros = i64::try_from(digits.len() - significant.len()).unwrap_or(i64::MAX);
    let fraction = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    let last = exponent.saturating_sub(fraction).saturating_add(zeros);
    let length = last.saturating_add(i64::try_from(significant.len()).unwrap_or(i64::MAX));
    if last < 0 || length > MOST_DIGITS {
        return Err(Fault::CastFailed);
    }
    let zeros = usize::try_from(last).map_err(|_| Fault::CastFailed)?;
    Ok(format!("{sign}{significant}{}", "0".repeat(zeros)).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_another_type_without_loss() {
        use Cast::{Boolean, Decimal, Integer, Text};
        for (json, to, expected) in [
            ("1.50", Text, Ok(Some("\"1.50\""))),
            ("9007199254740993", Text, Ok(Some("\"9007199254740993\""))),
            ("true", Text, Ok(Some("\"true\""))),
            ("\"a\"", Text, Ok(None)),
            ("null", Text, Ok(None)),
            ("{}", Text, Err(Fault::CastFailed)),
            ("\"42\"", Integer, Ok(Some("42"))),
            ("\"-0\"", Integer, Ok(Some("-0"))),
            ("\"042\"", Integer, Err(Fault::CastFailed)),
            ("\" 42\"", Integer, Err(Fault::CastFailed)),
            ("\"\"", Integer, Err(Fault::CastFailed)),
            ("\"true\"", Integer, Err(Fault::CastFailed)),
            ("\"\\u0034\"", Integer, Ok(Some("4"))),
            ("\"1.0\"", Integer, Ok(Some("1"))),
            ("1.0", Integer, Ok(Some("1"))),
            ("-12.50e1", Integer, Ok(Some("-125"))),
            ("-12.50e2", Integer, Ok(Some("-1250"))),
            ("0.0e-5", Integer, Ok(Some("0"))),
            ("12e-1", Integer, Err(Fault::CastFailed)),
            ("1.5", Integer, Err(Fault::CastFailed)),
            (
                "1e99",
                Integer,
                Ok(Some("1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000")),
            ),
            ("1e100", Integer, Err(Fault::CastFailed)),
            ("1e999999999", Integer, Err(Fault::CastFailed)),
            ("1e99999999999999999999", Integer, Err(Fault::CastFailed)),
            ("7", Integer, Ok(None)),
            ("false", Integer, Ok(Some("0"))),
            ("7", Decimal, Ok(Some("7.0"))),
            ("\"7\"", Decimal, Ok(Some("7.0"))),
            ("\"7.10\"", Decimal, Ok(Some("7.10"))),
            ("7.1", Decimal, Ok(None)),
            ("true", Decimal, Err(Fault::CastFailed)),
            ("\"true\"", Boolean, Ok(Some("true"))),
            ("0", Boolean, Ok(Some("false"))),
            ("2", Boolean, Err(Fault::CastFailed)),
            ("1.0", Boolean, Err(Fault::CastFailed)),
            ("\"yes\"", Boolean, Err(Fault::CastFailed)),
        ] {
            let found = Json::parse(json.as_bytes()).map_err(|_| Fault::NotJson).and_then(|json| cast(json, to));
            let found = found.map(|json| json.map(|json| String::from_utf8_lossy(&json).into_owned()));
            assert_eq!(found, expected.map(|json| json.map(str::to_owned)), "{json} {to:?}");
        }
    }
}
