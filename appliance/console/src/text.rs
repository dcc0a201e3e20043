//! Numbers and times for people.

use maud::{Markup, html};

/// A time in UTC, to the second.
pub fn time(at_ms: u64) -> Markup {
    let (date, clock) = parts(at_ms);
    html! { time datetime=(format!("{date}T{clock}Z")) { (date) " " (clock) " UTC" } }
}

/// Date and time of day of milliseconds since 1970 UTC, in the proleptic Gregorian calendar.
fn parts(at_ms: u64) -> (String, String) {
    let seconds = at_ms / 1000;
    // Howard Hinnant's days to civil date: years begin in March, so that the leap day is the last.
    let shifted = (seconds / 86_400).min(u64::from(u32::MAX)) + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
}

/// A share in whole percent; 0 of 0 is 0.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { ((part as f64 / whole as f64) * 100.0).round() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let said = |at_ms| {
            let (date, clock) = parts(at_ms);
            format!("{date} {clock}")
        };
        assert_eq!(said(0), "1970-01-01 00:00:00");
        assert_eq!(said(951_782_399_999), "2000-02-28 23:59:59");
        assert_eq!(said(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(said(1_795_618_800_000), "2026-11-25 15:00:00");
        assert_eq!(said(4_107_542_400_000), "2100-03-01 00:00:00");
        assert!(!said(u64::MAX).is_empty());
    }

    #[test]
    fn shares_are_rounded_and_never_divide_by_nothing() {
        assert_eq!([percent(0, 0), percent(1, 3), percent(2, 3), percent(5, 5)], [0, 33, 67, 100]);
    }
}
