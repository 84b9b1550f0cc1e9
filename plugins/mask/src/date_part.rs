//! Takes one part out of a date. It must not answer what the date does not say: a date alone has no hour.
use crate::calendar::{DAY, HOUR, civil, is_instant, week, weekday};
use crate::date::Text;

/// What is left of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// 2026.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// 1 to 53, ISO 8601.
    Week,
    /// Day of the month, 1 to 31.
    Day,
    /// Monday 1 to Sunday 7, ISO 8601.
    Weekday,
    /// 0 to 23.
    Hour,
}

/// The part of a date as text, in its own local time; none where it has none.
pub fn of_text(date: &Text<'_>, part: Part) -> Option<i64> {
    of(date.days, date.hour, part)
}

/// The part of milliseconds since the epoch, in UTC; none for what is no instant.
pub fn of_millis(millis: i64, part: Part) -> Option<i64> {
    if !is_instant(millis) {
        return None;
    }
    of(millis.div_euclid(DAY), Some(millis.rem_euclid(DAY) / HOUR), part)
}

fn of(days: i64, hour: Option<i64>, part: Part) -> Option<i64> {
    let (year, month, day) = civil(days);
    Some(match part {
        Part::Year => year,
        Part::Quarter => (month + 2) / 3,
        Part::Month => month,
        Part::Week => week(days),
        Part::Day => day,
        Part::Weekday => weekday(days),
        Part::Hour => return hour,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 7] = [Part::Year, Part::Quarter, Part::Month, Part::Week, Part::Day, Part::Weekday, Part::Hour];

    #[test]
    fn parts_are_those_of_the_local_time() {
        for (text, expected) in [
            ("2026-03-15T23:20:30-09:00", [2026, 1, 3, 11, 15, 7, 23].map(Some)),
            ("2024-12-30T00:00:00Z", [2024, 4, 12, 1, 30, 1, 0].map(Some)),
            ("1986-11-30", [Some(1986), Some(4), Some(11), Some(48), Some(30), Some(7), None]),
        ] {
            let date = Text::parse(text.as_bytes()).expect(text);
            assert_eq!(PARTS.map(|part| of_text(&date, part)), expected, "{text}");
        }
    }

    #[test]
    fn parts_of_millis_are_in_utc() {
        assert_eq!(PARTS.map(|part| of_millis(1_773_570_030_123, part)), [2026, 1, 3, 11, 15, 7, 10].map(Some));
        assert_eq!(PARTS.map(|part| of_millis(-1, part)), [1969, 4, 12, 1, 31, 3, 23].map(Some));
        assert_eq!(of_millis(i64::MAX, Part::Year), None);
    }
}
