//! The operators on numbers, on columns. A number stays a number and text that is one stays text. They must not answer
//! anything but a number, text that is one, or a null.
use std::io::Write;

use sluice_plugin::host::{self, HMAC_BYTES};
use sluice_plugin::{Column, Kind, Value};

use super::Place;
use super::subject::subjects;
use crate::coarse::{self, Buckets};
use crate::decimal::Decimal;
use crate::geo;
use crate::noise::{self, Reach};
use crate::output::Output;
use crate::rejection::Rejection;
use crate::settings::{Key, Reader};

/// Decimal places of degrees unless `digits` says otherwise: about a kilometre.
const DEGREE_DIGITS: i64 = 2;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Numbers {
    /// The bucket that the number falls into.
    Bucket {
        /// All of them.
        buckets: Buckets,
        /// What they are called, instead of by their bounds; one more than there are bounds.
        labels: Option<Vec<String>>,
        /// The bucket's lower bound is the answer, not its name.
        lower: bool,
    },
    /// The nearest multiple.
    Round(Decimal),
    /// Degrees with fewer decimal places.
    GeoRound(i32),
    /// The number moved by what a keyed hash says.
    Noise {
        /// The key.
        key: Key,
        /// How far.
        reach: Reach,
        /// The index of the field whose value is the subject.
        by: Option<usize>,
    },
}

impl Numbers {
    pub fn read(name: &str, reader: &mut Reader<'_>) -> Option<Self> {
        match name {
            "bucket" => Self::bucket(reader),
            "round" => Self::round(reader),
            "geo_round" => {
                let digits = reader.signed("digits", DEGREE_DIGITS, 0, 6)?;
                Some(Self::GeoRound(i32::try_from(digits).ok()?))
            }
            _ => Self::noise(reader),
        }
    }

    fn bucket(reader: &mut Reader<'_>) -> Option<Self> {
        let lower = reader.one_of_or("output", &[("label", false), ("lower", true)], false);
        let (buckets, labels) = match (reader.has("size"), reader.has("bounds")) {
            (true, false) => (Buckets::Size(reader.above_zero("size")?), None),
            (false, true) => {
                let bounds = reader.ascending("bounds")?;
                let labels = if reader.has("labels") { Some(reader.texts("labels", bounds.len() + 1)?) } else { None };
                (Buckets::Bounds(bounds), labels)
            }
            (true, true) => {
                reader.problem("bounds", "`size` and `bounds` exclude each other".to_owned());
                return None;
            }
            (false, false) => {
                reader.missing_one_of(&["size", "bounds"]);
                return None;
            }
        };
        Some(Self::Bucket { buckets, labels, lower: lower? })
    }

    fn round(reader: &mut Reader<'_>) -> Option<Self> {
        match (reader.has("to"), reader.has("digits")) {
            (true, false) => reader.above_zero("to").map(Self::Round),
            (false, true) => {
                let digits = reader.signed("digits", 0, -18, 18)?;
                coarse::places(i32::try_from(digits).ok()?).map(Self::Round)
            }
            (true, true) => {
                reader.problem("digits", "`to` and `digits` exclude each other".to_owned());
                None
            }
            (false, false) => {
                reader.missing_one_of(&["to", "digits"]);
                None
            }
        }
    }

    fn noise(reader: &mut Reader<'_>) -> Option<Self> {
        let key = reader.key("noise");
        let by = if reader.has("by") { Some(reader.other_field("by")?) } else { None };
        let reach = match (reader.has("range"), reader.has("percent")) {
            (true, false) => reader.above_zero("range").map(Reach::Range),
            (false, true) => reader.above_zero("percent").map(Reach::Percent),
            (true, true) => {
                reader.problem("percent", "`range` and `percent` exclude each other".to_owned());
                None
            }
            (false, false) => {
                reader.missing_one_of(&["range", "percent"]);
                None
            }
        };
        Some(Self::Noise { key: key?, reach: reach?, by })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Bucket { .. } => "bucket",
            Self::Round(_) => "round",
            Self::GeoRound(_) => "geo_round",
            Self::Noise { .. } => "noise",
        }
    }

    pub fn answer(&self, place: Place<'_>, column: &Column) -> Result<Output, Rejection> {
        if let Self::Noise { key, reach, by } = self {
            return noisy(key, *reach, by.map(|by| place.columns.get(by)), column);
        }
        let mut output = Output::of(column);
        for (row, value) in column {
            match self {
                Self::Bucket { buckets, labels, lower } => bucket(&mut output, row, value, buckets, labels.as_deref(), *lower),
                Self::Round(to) => answer(&mut output, row, value, |number| coarse::round(number, *to)),
                Self::GeoRound(digits) => degrees(&mut output, row, value, *digits),
                Self::Noise { .. } => output.clear(),
            }
        }
        Ok(output)
    }
}

/// Answers with what `change` makes of the number, in the value's own kind.
fn answer(output: &mut Output, row: u32, value: Value<'_>, change: impl FnOnce(Decimal) -> Option<Decimal>) {
    if value.is_null() {
        return output.keep();
    }
    let Some(number) = read(value) else { return output.reject(row, refusal(value)) };
    match change(number) {
        Some(number) => set(output, value.kind, number),
        None => output.reject(row, Rejection::NumberOutOfRange),
    }
}

/// The number that a value is, or says as text.
fn read(value: Value<'_>) -> Option<Decimal> {
    let number = matches!(value.kind, Kind::INTEGER | Kind::DECIMAL | Kind::TEXT);
    if number { Decimal::parse(value.bytes) } else { None }
}

/// Why a value is no number here.
fn refusal(value: Value<'_>) -> Rejection {
    if value.is_number() { Rejection::NumberOutOfRange } else { Rejection::NotANumber }
}

/// Answers with a number of the kind that was there: an integer as long as it is one, a decimal with a point.
fn set(output: &mut Output, kind: Kind, number: Decimal) {
    let (kind, number) = match (kind, number.at(0)) {
        (Kind::INTEGER, Some(units)) => (kind, Decimal { units, scale: 0 }),
        (Kind::INTEGER, None) => (Kind::DECIMAL, number),
        (Kind::DECIMAL, _) if number.scale == 0 => {
            return output.write(kind, |out| {
                number.write(out);
                out.extend_from_slice(b".0");
            });
        }
        _ => (kind, number),
    };
    output.write(kind, |out| number.write(out));
}

fn bucket(output: &mut Output, row: u32, value: Value<'_>, buckets: &Buckets, labels: Option<&[String]>, lower: bool) {
    if value.is_null() {
        return output.keep();
    }
    let Some(number) = read(value) else { return output.reject(row, refusal(value)) };
    let Some(bucket) = buckets.find(number) else { return output.reject(row, Rejection::NumberOutOfRange) };
    match (lower, bucket.lower, labels) {
        (true, Some(bound), _) => set(output, value.kind, bound),
        // There is no number that is the lower bound of what lies below the first.
        (true, None, _) => output.clear(),
        (false, _, Some(labels)) => match labels.get(bucket.index) {
            Some(label) => output.set(Kind::TEXT, label.as_bytes()),
            None => output.clear(),
        },
        (false, _, None) => output.write(Kind::TEXT, |out| bucket.label(out)),
    }
}

fn degrees(output: &mut Output, row: u32, value: Value<'_>, digits: i32) {
    let mut text = Vec::new();
    match value.kind {
        Kind::NULL => output.keep(),
        Kind::TEXT if geo::text(&mut text, value.bytes, digits) => output.set(Kind::TEXT, &text),
        Kind::INTEGER | Kind::DECIMAL => match read(value).and_then(|number| geo::degree(number, digits)) {
            Some(number) => set(output, value.kind, number),
            None => output.reject(row, Rejection::NotACoordinate),
        },
        _ => output.reject(row, Rejection::NotACoordinate),
    }
}

/// Hashes each number, after its subject where there is one, and moves it by what the hash says.
fn noisy(key: &Key, reach: Reach, by: Option<Option<&Column>>, column: &Column) -> Result<Output, Rejection> {
    let found = by.map(|by| by.map_or_else(|| vec![None; column.len()], |by| subjects(column, by)));
    let joined = match (&found, by.flatten()) {
        (Some(found), Some(by)) => Some(join(column, by, found)),
        _ => None,
    };
    let hashes = host::hmac_sha256(&key.name, &key.domain, joined.as_ref().unwrap_or(column))?;
    let mut output = Output::of(column);
    for (n, ((row, value), hash)) in column.iter().zip(hashes.chunks_exact(HMAC_BYTES)).enumerate() {
        let alone = found.as_ref().is_some_and(|found| found.get(n).copied().flatten().is_none());
        if alone && !value.is_null() {
            output.reject(row, Rejection::NoSubject);
        } else {
            answer(&mut output, row, value, |number| noise::noise(number, reach, hash));
        }
    }
    Ok(output)
}

/// For each value, its subject and itself: `<bytes of the subject>:<subject><value>`, so that no two pairs read alike.
fn join(column: &Column, by: &Column, found: &[Option<usize>]) -> Column {
    let subjects: Vec<&[u8]> = by.iter().map(|(_, value)| value.bytes).collect();
    let mut joined = Column::new();
    let mut pair = Vec::new();
    for ((row, value), subject) in column.iter().zip(found) {
        let subject = subject.and_then(|at| subjects.get(at)).copied().unwrap_or_default();
        pair.clear();
        // Writing to a vector does not fail.
        write!(pair, "{}:", subject.len()).unwrap_or_default();
        pair.extend_from_slice(subject);
        pair.extend_from_slice(value.bytes);
        joined.push(row, Value { kind: value.kind, bytes: &pair });
    }
    joined
}
