//! The proleptic Gregorian calendar, as days since 1970-01-01. It must not know how dates are written.

/// Milliseconds of an hour and of a day.
pub const HOUR: i64 = 3_600_000;
pub const DAY: i64 = 24 * HOUR;
/// Instants further from 1970 than this (100 million days, the range of ECMAScript's dates) are taken for something
/// else: a number in another unit would come out barely changed.
const FURTHEST: i64 = 100_000_000 * DAY;

/// Whether a number of milliseconds since the epoch is one that a date has.
pub fn is_instant(millis: i64) -> bool {
    (-FURTHEST..=FURTHEST).contains(&millis)
}

/// Days of a month.
pub fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a number of days since 1970-01-01. Years begin in March here, so that the leap day is the last
/// of its year; 719,468 days lie between 0000-03-01 and the epoch.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// Days from 1970-01-01 to the first of a month; the inverse of [`civil`].
pub fn days_since_epoch(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let from_march = if month > 2 { month - 3 } else { month + 9 };
    let year_of_era = year.rem_euclid(400);
    let of_era = 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + (153 * from_march + 2) / 5;
    year.div_euclid(400) * 146_097 + of_era - 719_468
}

/// The day of the week, Monday 1 to Sunday 7 (ISO 8601); 1970-01-01 was a Thursday.
pub fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The week of the year (ISO 8601): week 1 is the one with the year's first Thursday, so the first days of January may
/// be in week 52 or 53, and the last of December in week 1.
pub fn week(days: i64) -> i64 {
    let thursday = days - weekday(days) + 4;
    let (year, _, _) = civil(thursday);
    (thursday - days_since_epoch(year, 1)) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_800_years_is_its_own_inverse() {
        for days in -292_194..=292_194 {
            let (year, month, day) = civil(days);
            assert_eq!(days_since_epoch(year, month) + day - 1, days);
            assert!((1..=days_of(year, month)).contains(&day));
        }
    }

    /// python3 -c 'from datetime import date; e = date(1970, 1, 1); [print(d, (d - e).days, d.isocalendar()) for d in (…)]'
    #[test]
    fn weeks_are_those_of_another_calendar() {
        for (days, expected) in [
            (0, (4, 1)),
            (20_527, (7, 11)),
            (18_627, (4, 53)),
            (19_722, (7, 52)),
            (19_723, (1, 1)),
            (20_088, (2, 1)),
            (-1, (3, 1)),
            (-25_567, (1, 1)),
        ] {
            assert_eq!((weekday(days), week(days)), expected, "{days}");
        }
    }
}
