//! Calendar dates and times of day, in UTC.

use domain::UnixMillis;

const DAY_MS: u64 = 86_400_000;
/// The last millisecond of the year 9999: DICOM's dates have four digits for the year.
const LAST: u64 = 253_402_300_799_999;

/// A date and a time of day in UTC, of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    year: u64,
    month: u64,
    day: u64,
    ms_of_day: u64,
}

impl Civil {
    /// The date and time at `time`, at most the end of the year 9999.
    pub(crate) fn of(time: UnixMillis) -> Self {
        let ms = time.0.min(LAST);
        // Years begin in March here, so that a leap day is a year's last one and months follow one pattern; eras have
        // 400 years. 719,468 days lie between 0000-03-01 and 1970-01-01.
        let days = ms / DAY_MS + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months_from_march = (5 * day_of_year + 2) / 153;
        let month = if months_from_march < 10 { months_from_march + 3 } else { months_from_march - 9 };
        Self {
            year: 400 * era + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * months_from_march + 2) / 5 + 1,
            ms_of_day: ms % DAY_MS,
        }
    }

    /// As DICOM's DA: `YYYYMMDD`.
    pub(crate) fn da(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }

    /// As DICOM's TM: `HHMMSS.FFF`.
    pub(crate) fn tm(self) -> String {
        let [hours, minutes, seconds] = self.hours_minutes_seconds();
        format!("{hours:02}{minutes:02}{seconds:02}.{:03}", self.ms_of_day % 1_000)
    }

    /// For people: `YYYY-MM-DD HH:MM:SS UTC`.
    pub(crate) fn text(self) -> String {
        let [hours, minutes, seconds] = self.hours_minutes_seconds();
        let Self { year, month, day, .. } = self;
        format!("{year:04}-{month:02}-{day:02} {hours:02}:{minutes:02}:{seconds:02} UTC")
    }

    /// As FHIR's instant: `YYYY-MM-DDTHH:MM:SS.FFFZ`.
    pub(crate) fn instant(self) -> String {
        let [hours, minutes, seconds] = self.hours_minutes_seconds();
        let Self { year, month, day, ms_of_day } = self;
        format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", ms_of_day % 1_000)
    }

    const fn hours_minutes_seconds(self) -> [u64; 3] {
        let seconds = self.ms_of_day / 1_000;
        [seconds / 3_600, seconds / 60 % 60, seconds % 60]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        // Figures of `date -u -d @SECONDS`.
        let cases = [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (1_767_225_600, "2026-01-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ];
        for (seconds, text) in cases {
            assert_eq!(Civil::of(UnixMillis(seconds * 1_000)).text(), text);
        }
        let time = Civil::of(UnixMillis(1_767_225_599_042));
        assert_eq!((time.da().as_str(), time.tm().as_str()), ("20251231", "235959.042"));
        assert_eq!(time.instant(), "2025-12-31T23:59:59.042Z");
    }

    #[test]
    fn the_end_of_time_has_four_digits() {
        assert_eq!(Civil::of(UnixMillis(u64::MAX)).text(), "9999-12-31 23:59:59 UTC");
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let length = |year: u64, month: u64| match month {
            2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1970, 1, 1);
        for day in 0..200_000 {
            let Civil { year, month, day, .. } = Civil::of(UnixMillis(day * DAY_MS));
            assert_eq!((year, month, day), expected);
            expected = match (year, month, day) {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == length(year, month) => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
        }
    }
}
