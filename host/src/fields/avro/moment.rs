//! Dates, times and timestamps between their counts and their texts (RFC 3339), in the proleptic Gregorian calendar. Knows
//! no time zones but offsets, and no leap seconds: neither do the counts.

use super::logical::Unit;

const SECONDS_PER_DAY: i64 = 86_400;

/// 0000-01-01 and 9999-12-31: the years that the text has digits for.
const DAYS: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;

/// Days from 0000-03-01, where leap days end the year, to 1970-01-01.
const EPOCH: i64 = 719_468;

const DAYS_PER_ERA: i64 = 146_097;

/// Whether the day has a text.
pub(super) fn is_date(days: i64) -> bool {
    DAYS.contains(&days)
}

/// Whether the count lies within a day.
pub(super) fn is_time(unit: Unit, count: i64) -> bool {
    (0..SECONDS_PER_DAY * unit.per_second()).contains(&count)
}

/// Whether the timestamp has a text.
pub(super) fn is_timestamp(unit: Unit, count: i64) -> bool {
    is_date(count.div_euclid(SECONDS_PER_DAY * unit.per_second()))
}

/// Appends `2026-01-31`.
pub(super) fn push_date(days: i64, out: &mut Vec<u8>) {
    // Eras of 400 years, which are all alike; years from March on.
    let shifted = days + EPOCH;
    let (era, day) = (shifted.div_euclid(DAYS_PER_ERA), shifted.rem_euclid(DAYS_PER_ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + i64::from(month <= 2);
    push_digits(year, 4, out);
    out.push(b'-');
    push_digits(month, 2, out);
    out.push(b'-');
    push_digits(day, 2, out);
}

/// Appends `23:59:59.123`, with as many digits as the unit has.
pub(super) fn push_time(unit: Unit, count: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (count / unit.per_second(), count % unit.per_second());
    push_digits(seconds / 3_600, 2, out);
    out.push(b':');
    push_digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    push_digits(seconds % 60, 2, out);
    out.push(b'.');
    push_digits(fraction, unit.digits(), out);
}

/// Appends `2026-01-31T23:59:59.123Z`, a local one without `Z`.
pub(super) fn push_timestamp(unit: Unit, local: bool, count: i64, out: &mut Vec<u8>) {
    let day = SECONDS_PER_DAY * unit.per_second();
    push_date(count.div_euclid(day), out);
    out.push(b'T');
    push_time(unit, count.rem_euclid(day), out);
    if !local {
        out.push(b'Z');
    }
}

fn push_digits(number: i64, digits: usize, out: &mut Vec<u8>) {
    let mut rest = number;
    let start = out.len();
    out.resize(start + digits, b'0');
    for digit in out.iter_mut().skip(start).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// The day of `2026-01-31`.
pub(super) fn date(text: &[u8]) -> Option<i64> {
    let mut text = Text(text);
    let days = text.date()?;
    text.0.is_empty().then_some(days)
}

/// The count of `23:59:59`, with a fraction or none. Digits beyond the unit must be 0: nothing is rounded.
pub(super) fn time(unit: Unit, text: &[u8]) -> Option<i64> {
    let mut text = Text(text);
    let count = text.time(unit)?;
    text.0.is_empty().then_some(count)
}

/// The count of an RFC 3339 timestamp: with `Z` or an offset, a local one with neither.
pub(super) fn timestamp(unit: Unit, local: bool, text: &[u8]) -> Option<i64> {
    let mut text = Text(text);
    let days = text.date()?;
    text.take(|byte| matches!(byte, b'T' | b't' | b' '))?;
    let time = text.time(unit)?;
    let offset = if local { 0 } else { text.offset()? };
    let seconds = days * SECONDS_PER_DAY - offset;
    if !text.0.is_empty() {
        return None;
    }
    // The very first one would not fit without its fraction.
    i64::try_from(i128::from(seconds) * i128::from(unit.per_second()) + i128::from(time)).ok()
}

/// What is left of a text.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn take(&mut self, wanted: impl Fn(u8) -> bool) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        wanted(first).then_some(first)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        (0..count).try_fold(0, |number, _| Some(number * 10 + i64::from(self.take(|byte| byte.is_ascii_digit())? - b'0')))
    }

    fn sign(&mut self, sign: u8) -> Option<u8> {
        self.take(|byte| byte == sign)
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4)?;
        self.sign(b'-')?;
        let month = self.digits(2)?;
        self.sign(b'-')?;
        let day = self.digits(2)?;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=length).contains(&day) {
            return None;
        }
        let year = year - i64::from(month <= 2);
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let from_march = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Some(era * DAYS_PER_ERA + 365 * year + year / 4 - year / 100 + from_march - EPOCH)
    }

    fn time(&mut self, unit: Unit) -> Option<i64> {
        let hours = self.digits(2).filter(|&hours| hours < 24)?;
        self.sign(b':')?;
        let minutes = self.digits(2).filter(|&minutes| minutes < 60)?;
        self.sign(b':')?;
        let seconds = self.digits(2).filter(|&seconds| seconds < 60)?;
        Some((hours * 3_600 + minutes * 60 + seconds) * unit.per_second() + self.fraction(unit)?)
    }

    fn fraction(&mut self, unit: Unit) -> Option<i64> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.sign(b'.')?;
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        let exact = digits.iter().skip(unit.digits()).all(|&digit| digit == b'0');
        if digits.is_empty() || !exact {
            return None;
        }
        self.0 = rest;
        let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(unit.digits());
        Some(padded.fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
    }

    /// East of Greenwich, in seconds.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.take(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'))? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.digits(2).filter(|&hours| hours < 24)?;
        self.sign(b':')?;
        let minutes = self.digits(2).filter(|&minutes| minutes < 60)?;
        Some(sign * (hours * 3_600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    // A test that cannot go on may panic.
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_days() {
        let cases = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (20_484, "2026-01-31"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (-719_528, "0000-01-01"),
            (2_932_896, "9999-12-31"),
        ];
        for (days, wanted) in cases {
            assert_eq!(text(|out| push_date(days, out)), wanted);
            assert_eq!(date(wanted.as_bytes()), Some(days), "{wanted}");
        }
        assert!(is_date(2_932_896) && is_date(-719_528) && !is_date(2_932_897) && !is_date(-719_529));
    }

    #[test]
    fn timestamps_and_times() {
        let cases = [
            (Unit::Millis, false, 1_769_903_999_123, "2026-01-31T23:59:59.123Z"),
            (Unit::Micros, false, -1, "1969-12-31T23:59:59.999999Z"),
            (Unit::Nanos, true, i64::MAX, "2262-04-11T23:47:16.854775807"),
            (Unit::Nanos, false, i64::MIN, "1677-09-21T00:12:43.145224192Z"),
            (Unit::Millis, true, 0, "1970-01-01T00:00:00.000"),
        ];
        for (unit, local, count, wanted) in cases {
            assert_eq!(text(|out| push_timestamp(unit, local, count, out)), wanted);
            assert_eq!(timestamp(unit, local, wanted.as_bytes()), Some(count), "{wanted}");
        }
        assert_eq!(text(|out| push_time(Unit::Micros, 86_399_999_999, out)), "23:59:59.999999");
        assert!(is_time(Unit::Millis, 86_399_999) && !is_time(Unit::Millis, 86_400_000) && !is_time(Unit::Micros, -1));
        assert!(is_timestamp(Unit::Millis, 253_402_300_799_999) && !is_timestamp(Unit::Millis, 253_402_300_800_000));
    }

    #[test]
    fn other_forms_that_lose_nothing() {
        let millis = |text: &str| timestamp(Unit::Millis, false, text.as_bytes());
        for same in ["2026-01-31T23:59:59.5Z", "2026-01-31t23:59:59.500000z", "2026-02-01 01:59:59.5+02:00", "2026-01-31T18:29:59.5-05:30"]
        {
            assert_eq!(millis(same), Some(1_769_903_999_500), "{same}");
        }
        assert_eq!(time(Unit::Millis, b"01:02:03"), Some(3_723_000));
        let wrong = [
            "2026-01-31T23:59:59.1234Z",
            "2026-01-31T23:59:59.Z",
            "2026-01-31T23:59:59",
            "2026-01-31",
            "2026-02-29T00:00:00Z",
            "",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:60:00Z",
            "2026-01-31T23:59:60Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "12026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Zx",
            "2026-01-01T00:00:00+0200",
        ];
        for wrong in wrong {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
        assert_eq!(timestamp(Unit::Millis, true, b"2026-01-31T23:59:59.123Z"), None);
        assert_eq!(timestamp(Unit::Nanos, false, b"2262-04-11T23:47:17Z"), None);
    }

    proptest! {
        #[test]
        fn texts_read_back(days in -719_528..=2_932_896_i64, unit in prop::sample::select(vec![Unit::Millis, Unit::Micros, Unit::Nanos]), count: i64) {
            prop_assert_eq!(date(text(|out| push_date(days, out)).as_bytes()), Some(days));
            if is_timestamp(unit, count) {
                let written = text(|out| push_timestamp(unit, false, count, out));
                prop_assert_eq!(timestamp(unit, false, written.as_bytes()), Some(count), "{}", written);
            }
        }
    }
}
