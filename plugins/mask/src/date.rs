//! Reads dates and makes them coarser, in the form they came in. It must not guess: what is neither RFC 3339 nor an
//! instant is no date.
use std::ops::Range;

use crate::calendar::{DAY, HOUR, civil, days_of, days_since_epoch, is_instant};

/// The smallest unit that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// January 1st, midnight.
    Year,
    /// The 1st, midnight.
    Month,
    /// Midnight.
    Day,
    /// The full hour.
    Hour,
}

/// RFC 3339 text that was checked: a date and time, or a date alone (`full-date`).
#[derive(Debug, Clone)]
pub struct Text<'a> {
    /// All of it.
    pub text: &'a [u8],
    /// Days from 1970-01-01 to its date, in its own local time.
    pub days: i64,
    /// The hour of its own local time; none for a date alone.
    pub hour: Option<i64>,
    /// The digits of the fraction of a second; empty where there are none.
    fraction: Range<usize>,
}

impl<'a> Text<'a> {
    /// Checks every part, down to the days of the month; none where the text is no date.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let date = text.get(..10)?;
        let (year, month, day) = (digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?);
        if date[4] != b'-' || date[7] != b'-' || !(1..=12).contains(&month) || day < 1 || day > days_of(year, month) {
            return None;
        }
        let days = days_since_epoch(year, month) + day - 1;
        if text.len() == 10 {
            return Some(Self { text, days, hour: None, fraction: 0..0 });
        }
        let time = text.get(10..19)?;
        // RFC 3339 section 5.6 allows lower case, and a space for readability.
        let separated = matches!(time[0], b'T' | b't' | b' ') && time[3] == b':' && time[6] == b':';
        // A leap second is 60.
        let hour = digits(&time[1..3])?;
        if !separated || hour > 23 || digits(&time[4..6])? > 59 || digits(&time[7..9])? > 60 {
            return None;
        }
        let mut end = 19;
        if text.get(end) == Some(&b'.') {
            end += 1 + text.get(20..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if end == 20 {
                return None;
            }
        }
        is_offset(text.get(end..)?).then_some(Self { text, days, hour: Some(hour), fraction: 20.min(end)..end })
    }

    /// Appends the date truncated to `unit`, in its own local time: the offset stays, and so do the separator and the
    /// number of digits.
    pub fn truncate(&self, out: &mut Vec<u8>, unit: Unit) {
        let start = out.len();
        out.extend_from_slice(self.text);
        let Some(text) = out.get_mut(start..) else { return };
        let mut put = |at: Range<usize>, with: &[u8; 2]| {
            if let Some(two) = text.get_mut(at) {
                two.copy_from_slice(with);
            }
        };
        if unit < Unit::Month {
            put(5..7, b"01");
        }
        if unit < Unit::Day {
            put(8..10, b"01");
        }
        if self.text.len() == 10 {
            return;
        }
        if unit < Unit::Hour {
            put(11..13, b"00");
        }
        put(14..16, b"00");
        put(17..19, b"00");
        if let Some(fraction) = text.get_mut(self.fraction.clone()) {
            fraction.fill(b'0');
        }
    }
}

/// Milliseconds since the epoch truncated to `unit` in UTC, towards the past; none for what is no instant.
pub fn truncate_millis(millis: i64, unit: Unit) -> Option<i64> {
    if !is_instant(millis) {
        return None;
    }
    let days = millis.div_euclid(DAY);
    let (year, month, _) = civil(days);
    Some(match unit {
        Unit::Hour => millis.div_euclid(HOUR) * HOUR,
        Unit::Day => days * DAY,
        Unit::Month => days_since_epoch(year, month) * DAY,
        Unit::Year => days_since_epoch(year, 1) * DAY,
    })
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// `Z`, or `+HH:MM`.
fn is_offset(text: &[u8]) -> bool {
    match text {
        b"Z" | b"z" => true,
        [b'+' | b'-', hours @ .., b':', m1, m2] if hours.len() == 2 => {
            digits(hours).is_some_and(|hours| hours <= 23) && digits(&[*m1, *m2]).is_some_and(|minutes| minutes <= 59)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: [Unit; 4] = [Unit::Year, Unit::Month, Unit::Day, Unit::Hour];

    #[test]
    fn text_keeps_its_form() {
        for (text, expected) in [
            ("2026-03-15T10:20:30Z", ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-03-15T00:00:00Z", "2026-03-15T10:00:00Z"]),
            (
                "2026-03-01t00:20:30.123+02:00",
                [
                    "2026-01-01t00:00:00.000+02:00",
                    "2026-03-01t00:00:00.000+02:00",
                    "2026-03-01t00:00:00.000+02:00",
                    "2026-03-01t00:00:00.000+02:00",
                ],
            ),
            (
                "2024-02-29 23:59:60.9-00:00",
                [
                    "2024-01-01 00:00:00.0-00:00",
                    "2024-02-01 00:00:00.0-00:00",
                    "2024-02-29 00:00:00.0-00:00",
                    "2024-02-29 23:00:00.0-00:00",
                ],
            ),
            ("1986-11-30", ["1986-01-01", "1986-11-01", "1986-11-30", "1986-11-30"]),
        ] {
            for (unit, expected) in UNITS.into_iter().zip(expected) {
                let mut out = b"before ".to_vec();
                let parsed = Text::parse(text.as_bytes());
                assert!(parsed.is_some(), "{text}");
                parsed.into_iter().for_each(|date| date.truncate(&mut out, unit));
                assert_eq!(String::from_utf8_lossy(&out), format!("before {expected}"), "{text} {unit:?}");
            }
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026",
            "2026-3-15",
            "2026-13-01",
            "2026-00-01",
            "2026-02-30",
            "2025-02-29",
            "1900-02-29",
            "2026-03-15T",
            "2026-03-15T10:20",
            "2026-03-15T10:20:30",
            "2026-03-15T24:00:00Z",
            "2026-03-15T10:60:00Z",
            "2026-03-15T10:20:61Z",
            "2026-03-15T10:20:30.Z",
            "2026-03-15T10:20:30+2:00",
            "2026-03-15T10:20:30+24:00",
            "2026-03-15T10:20:30+0200",
            "2026-03-15T10:20:30Zulu",
            "2026/03/15",
            "15.03.2026",
            "1773570030000",
            "2026-03-15 ",
            "２026-03-15",
            "+026-03-15",
            "2026-03-15T10:20:30.5",
        ] {
            assert!(Text::parse(text.as_bytes()).is_none(), "{text}");
        }
    }

    /// python3 - <<'EOF'
    /// from datetime import datetime, timedelta
    /// e = datetime(1970, 1, 1); ms = lambda d: (d - e) // timedelta(milliseconds=1)
    /// for v in (1773570030123, -1, 951825600000, -62135596800000 + 5, 253402300799999):
    ///     d = e + timedelta(milliseconds=v); h = d.replace(minute=0, second=0, microsecond=0); y = h.replace(hour=0)
    ///     print(v, [ms(y.replace(month=1, day=1)), ms(y.replace(day=1)), ms(y), ms(h)])
    /// EOF
    #[test]
    fn millis_are_those_of_another_calendar() {
        for (millis, expected) in [
            (1_773_570_030_123, [1_767_225_600_000, 1_772_323_200_000, 1_773_532_800_000, 1_773_568_800_000]),
            (-1, [-31_536_000_000, -2_678_400_000, -86_400_000, -3_600_000]),
            (951_825_600_000, [946_684_800_000, 949_363_200_000, 951_782_400_000, 951_825_600_000]),
            (-62_135_596_799_995, [-62_135_596_800_000, -62_135_596_800_000, -62_135_596_800_000, -62_135_596_800_000]),
            (253_402_300_799_999, [253_370_764_800_000, 253_399_622_400_000, 253_402_214_400_000, 253_402_297_200_000]),
        ] {
            assert_eq!(UNITS.map(|unit| truncate_millis(millis, unit)), expected.map(Some), "{millis}");
        }
        assert_eq!(truncate_millis(i64::MAX, Unit::Year), None);
        assert_eq!(truncate_millis(100_000_000 * DAY + 1, Unit::Year), None);
    }
}
