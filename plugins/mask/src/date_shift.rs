//! Moves dates by whole days, in the form they came in. It must not move any by none, nor out of the years that its form
//! can say.
use std::io::Write;

use crate::calendar::{DAY, civil, is_instant};
use crate::date::Text;
use crate::noise::choose;

/// Days to move the dates of a subject by, from `-most` to `most` without 0, each as likely as any other; `most` is
/// above 0.
pub fn days(hash: &[u8], most: u32) -> Option<i64> {
    let step = i64::try_from(choose(hash, u128::from(most) * 2)?).ok()?;
    let most = i64::from(most);
    Some(if step < most { step - most } else { step - most + 1 })
}

/// Appends the date moved by `days`; all behind the date stays. False, and nothing appended, where its year would not
/// have four digits.
pub fn shift_text(out: &mut Vec<u8>, date: &Text<'_>, days: i64) -> bool {
    let (year, month, day) = civil(date.days + days);
    let start = out.len();
    let written = (0..=9_999).contains(&year) && write!(out, "{year:04}-{month:02}-{day:02}").is_ok();
    if !written {
        out.truncate(start);
        return false;
    }
    out.extend_from_slice(date.text.get(10..).unwrap_or_default());
    true
}

/// Milliseconds since the epoch moved by `days`; none for what is no instant, before or after.
pub fn shift_millis(millis: i64, days: i64) -> Option<i64> {
    let moved = Some(millis).filter(|&millis| is_instant(millis))?.checked_add(days.checked_mul(DAY)?)?;
    is_instant(moved).then_some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_but_none_is_reached() {
        let reached: Vec<_> = (0..7_u128).filter_map(|step| days(&step.to_be_bytes(), 3)).collect();
        assert_eq!(reached, [-3, -2, -1, 1, 2, 3, -3]);
    }

    #[test]
    fn dates_move_in_their_form() {
        for (text, days, expected) in [
            ("2026-03-15T23:20:30.5-09:00", 20, "2026-04-04T23:20:30.5-09:00"),
            ("2024-03-01", -1, "2024-02-29"),
            ("2025-12-31t00:00:00z", 1, "2026-01-01t00:00:00z"),
            ("0000-01-01", -1, ""),
            ("9999-12-31", 1, ""),
        ] {
            let mut out = b"before ".to_vec();
            let date = Text::parse(text.as_bytes()).expect(text);
            let moved = shift_text(&mut out, &date, days);
            assert_eq!((moved, String::from_utf8_lossy(&out).into_owned()), (!expected.is_empty(), format!("before {expected}")), "{text}");
        }
        assert_eq!(shift_millis(1_773_570_030_123, -2), Some(1_773_397_230_123));
        assert_eq!([shift_millis(i64::MAX, 1), shift_millis(100_000_000 * DAY, 1), shift_millis(0, i64::MAX)], [None; 3]);
    }
}
