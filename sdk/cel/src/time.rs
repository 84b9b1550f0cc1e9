//! Points in time and lengths of it, in UTC. It must not know a clock, nor the rules of any place.
use std::fmt;

const NANOS: i128 = 1_000_000_000;
const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z and the second after 9999-12-31T23:59:59Z, from the epoch.
const FIRST: i64 = -62_135_596_800;
const END: i64 = 253_402_300_800;

/// Nanoseconds since 1970, within the years 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    seconds: i64,
    nanos: u32,
}

/// A length of time, either way, of less than 20,000 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    /// Rounded down.
    seconds: i64,
    nanos: u32,
}

/// The parts of a point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    /// From 0.
    pub(crate) day_of_year: i64,
    /// From 0, a Sunday.
    pub(crate) day_of_week: i64,
    pub(crate) hours: i64,
    pub(crate) minutes: i64,
    pub(crate) seconds: i64,
    pub(crate) millis: i64,
}

impl Time {
    /// From seconds since 1970; none beyond the years 1 to 9999.
    #[must_use]
    pub fn of_seconds(seconds: i64) -> Option<Self> {
        (FIRST..END).contains(&seconds).then_some(Self { seconds, nanos: 0 })
    }

    /// From milliseconds since 1970, as Kafka stamps records.
    #[must_use]
    pub fn of_millis(millis: i64) -> Option<Self> {
        let nanos = u32::try_from(millis.rem_euclid(1000)).ok()? * 1_000_000;
        Self::of_seconds(millis.div_euclid(1000)).map(|time| Self { nanos, ..time })
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.seconds * 1000 + i64::from(self.nanos / 1_000_000)
    }

    pub(crate) fn seconds(self) -> i64 {
        self.seconds
    }

    fn of_nanos(nanos: i128) -> Option<Self> {
        let seconds = i64::try_from(nanos.div_euclid(NANOS)).ok()?;
        Self::of_seconds(seconds).map(|time| Self { nanos: nanos.rem_euclid(NANOS) as u32, ..time })
    }

    fn nanos(self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    pub(crate) fn after(self, length: Duration) -> Option<Self> {
        Self::of_nanos(self.nanos() + length.nanos())
    }

    pub(crate) fn since(self, other: Self) -> Option<Duration> {
        Duration::of_nanos(self.nanos() - other.nanos())
    }

    /// RFC 3339: `2026-01-31T10:20:30.5+01:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| {
            let digits = bytes.get(from..to).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
            Some(digits.iter().fold(0i64, |number, digit| number * 10 + i64::from(digit - b'0')))
        };
        let sign = |at: usize, signs: &[u8]| bytes.get(at).filter(|byte| signs.contains(byte)).map(|_| ());
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hours, minutes, seconds) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        sign(4, b"-")?;
        sign(7, b"-")?;
        sign(10, b"Tt")?;
        sign(13, b":")?;
        sign(16, b":")?;
        let fits = (1..=12).contains(&month) && day >= 1 && day <= days_in(year, month) && hours < 24 && minutes < 60 && seconds < 60;
        if !fits {
            return None;
        }
        let mut at = 19;
        let mut nanos = 0u32;
        if bytes.get(at) == Some(&b'.') {
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return None;
            }
            let fraction = u32::try_from(number(at + 1, at + 1 + digits)?).ok()?;
            nanos = fraction * 10u32.pow(9 - u32::try_from(digits).ok()?);
            at += 1 + digits;
        }
        let offset = match (bytes.get(at)?, bytes.len() - at) {
            (b'Z' | b'z', 1) => 0,
            (direction @ (b'+' | b'-'), 6) => {
                sign(at + 3, b":")?;
                let (hours, minutes) = (number(at + 1, at + 3)?, number(at + 4, at + 6)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 3600 + minutes * 60) * if *direction == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        let second = days_before(year, month, day) * DAY + hours * 3600 + minutes * 60 + seconds - offset;
        Self::of_seconds(second).map(|time| Self { nanos, ..time })
    }

    pub(crate) fn parts(self) -> Parts {
        let (days, second) = (self.seconds.div_euclid(DAY), self.seconds.rem_euclid(DAY));
        let (year, month, day) = date(days);
        Parts {
            year,
            month,
            day,
            day_of_year: days - days_before(year, 1, 1),
            // 1970-01-01 was a Thursday.
            day_of_week: (days + 4).rem_euclid(7),
            hours: second / 3600,
            minutes: second / 60 % 60,
            seconds: second % 60,
            millis: i64::from(self.nanos / 1_000_000),
        }
    }

    /// RFC 3339 in UTC with exactly three digits of a second: `2026-01-31T10:20:30.500Z`.
    #[must_use]
    pub fn with_millis(self) -> String {
        let parts = self.parts();
        format!("{}.{:03}Z", self.to_the_second(), parts.millis)
    }

    fn to_the_second(self) -> String {
        let Parts { year, month, day, hours, minutes, seconds, .. } = self.parts();
        format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}")
    }
}

/// RFC 3339 in UTC, without zeros at the end of the fraction.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}Z", self.to_the_second(), fraction(self.nanos))
    }
}

impl Duration {
    /// The limit of the language: 10,000 years, either way.
    const MOST: i128 = 315_576_000_000 * NANOS;

    fn of_nanos(nanos: i128) -> Option<Self> {
        if nanos.abs() > Self::MOST {
            return None;
        }
        Some(Self { seconds: i64::try_from(nanos.div_euclid(NANOS)).ok()?, nanos: nanos.rem_euclid(NANOS) as u32 })
    }

    fn nanos(self) -> i128 {
        i128::from(self.seconds) * NANOS + i128::from(self.nanos)
    }

    /// Whole seconds, towards zero.
    pub(crate) fn whole_seconds(self) -> i64 {
        i64::try_from(self.nanos() / NANOS).unwrap_or(0)
    }

    /// Milliseconds beside the whole seconds.
    pub(crate) fn millis(self) -> i64 {
        i64::try_from(self.nanos() / 1_000_000 % 1000).unwrap_or(0)
    }

    pub(crate) fn negated(self) -> Option<Self> {
        Self::of_nanos(-self.nanos())
    }

    pub(crate) fn sum(self, other: Self) -> Option<Self> {
        Self::of_nanos(self.nanos() + other.nanos())
    }

    /// `1h30m`, `-1.5s`, `10ms`: numbers with units of h, m, s, ms, us and ns.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest.is_empty() || rest.len() > 64 {
            return None;
        }
        if rest == "0" {
            return Self::of_nanos(0);
        }
        let mut sum = 0i128;
        while !rest.is_empty() {
            let whole = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (digits, after) = rest.split_at(whole);
            let (fraction, after) = match after.strip_prefix('.') {
                Some(after) => after.split_at(after.bytes().take_while(u8::is_ascii_digit).count()),
                None => ("", after),
            };
            if digits.is_empty() && fraction.is_empty() {
                return None;
            }
            let unit_length = after.chars().take_while(|letter| letter.is_alphabetic()).map(char::len_utf8).sum();
            let (unit, next) = after.split_at(unit_length);
            let unit: i128 = match unit {
                "h" => 3600 * NANOS,
                "m" => 60 * NANOS,
                "s" => NANOS,
                "ms" => 1_000_000,
                "us" | "µs" | "μs" => 1000,
                "ns" => 1,
                _ => return None,
            };
            let number = if digits.is_empty() { 0 } else { digits.parse::<i128>().ok()? };
            let fraction = fraction.get(..fraction.len().min(18))?;
            let parts = if fraction.is_empty() { 0 } else { fraction.parse::<i128>().ok()? * unit / 10i128.pow(fraction.len() as u32) };
            sum = sum.checked_add(number.checked_mul(unit)?)?.checked_add(parts)?;
            rest = next;
        }
        Self::of_nanos(if negative { -sum } else { sum })
    }
}

/// Seconds: `5400s`, `-1.5s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.nanos();
        let sign = if nanos < 0 { "-" } else { "" };
        let (seconds, rest) = (nanos.abs() / NANOS, nanos.abs() % NANOS);
        write!(f, "{sign}{seconds}{}s", fraction(u32::try_from(rest).unwrap_or(0)))
    }
}

fn fraction(nanos: u32) -> String {
    if nanos == 0 { String::new() } else { format!(".{nanos:09}").trim_end_matches('0').to_owned() }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to that date of the Gregorian calendar. Years begin in March here, so that a leap day is the
/// last of its year.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date that many days from 1970-01-01.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (month, day) = (if shifted < 10 { shifted + 3 } else { shifted - 9 }, of_year - (153 * shifted + 2) / 5 + 1);
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds, written) in [
            ("1970-01-01T00:00:00Z", Some(0), "1970-01-01T00:00:00Z"),
            ("2000-02-29T23:59:59.120Z", Some(951_868_799), "2000-02-29T23:59:59.12Z"),
            ("2026-01-31T10:20:30.000000001+01:00", Some(1_769_851_230), "2026-01-31T09:20:30.000000001Z"),
            ("0001-01-01T00:00:00Z", Some(FIRST), "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", Some(END - 1), "9999-12-31T23:59:59Z"),
            ("0001-01-01T00:00:00+00:01", None, ""),
            ("2026-02-29T00:00:00Z", None, ""),
            ("2026-13-01T00:00:00Z", None, ""),
            ("2026-01-01T24:00:00Z", None, ""),
            ("2026-01-01T00:00:00", None, ""),
            ("2026-01-01", None, ""),
            ("2026-01-01T00:00:00.Z", None, ""),
            ("2026-01-01T00:00:00Zx", None, ""),
            ("2026-01-01T00:00:00+24:00", None, ""),
            ("é026-01-01T00:00:00Z", None, ""),
        ] {
            let time = Time::parse(text);
            assert_eq!(time.map(Time::seconds), seconds, "{text}");
            assert_eq!(time.map(|time| time.to_string()), seconds.map(|_| written.to_owned()));
        }
    }

    #[test]
    fn lengths_are_read_and_written() {
        for (text, written) in [
            ("1h30m", Some("5400s")),
            ("-1.5s", Some("-1.5s")),
            ("10ms", Some("0.01s")),
            (".5h", Some("1800s")),
            ("0", Some("0s")),
            ("1s2s", Some("3s")),
            ("3µs", Some("0.000003s")),
            ("", None),
            ("-", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1d", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(Duration::parse(text).map(|length| length.to_string()), written.map(str::to_owned), "{text}");
        }
    }

    proptest! {
        #[test]
        fn dates_go_both_ways(days in FIRST / DAY..END / DAY) {
            let (year, month, day) = date(days);
            prop_assert_eq!(days_before(year, month, day), days);
            prop_assert!((1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day));
        }

        #[test]
        fn times_go_both_ways(seconds in FIRST..END, nanos in 0u32..1_000_000_000) {
            let time = Time { seconds, nanos };
            prop_assert_eq!(Time::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn no_text_is_too_odd(text in "\\PC{0,40}") {
            let _ = (Time::parse(&text), Duration::parse(&text));
        }
    }
}
