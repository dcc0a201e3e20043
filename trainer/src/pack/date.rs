//! When a file was written, as a date of RFC 3339 in UTC.

use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::error::{Result, TrainerError};

/// When the file's content was last changed.
///
/// # Errors
/// When the file cannot be looked at.
pub(super) fn modified(path: &Path) -> Result<String> {
    let time = std::fs::metadata(path).and_then(|metadata| metadata.modified());
    let time = time.map_err(TrainerError::file("read", path))?;
    Ok(rfc3339(time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())))
}

/// Seconds since 1970 as a date; the calendar is that of H. Hinnant's `civil_from_days`.
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + 400 * era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), date);
        }
    }
}
