//! How long until the other side is asked again.

use std::time::Duration;

/// The first wait after a fault; it doubles with each one that follows.
const BACK_OFF_FIRST: Duration = Duration::from_secs(15);
/// The longest wait after faults.
const BACK_OFF_MAX: Duration = Duration::from_secs(3600);

/// The polling interval out of `HH:MM:SS`, as the server writes it.
pub(crate) fn interval(text: &str) -> Option<Duration> {
    let mut parts = text.split(':');
    let mut next = |max: u64| {
        let part = parts.next().filter(|part| (1..=4).contains(&part.len()))?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u64>().ok().filter(|number| is_number && *number <= max)
    };
    let (hours, minutes, seconds) = (next(9999)?, next(59)?, next(59)?);
    parts.next().is_none().then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

/// A tenth more or less, so that boxes that were switched on together do not ask together.
pub(crate) fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.9 + 0.2 * fastrand::f64())
}

/// The wait after so many faults in a row, from 1 on.
pub(crate) fn back_off(faults: u32) -> Duration {
    BACK_OFF_FIRST.saturating_mul(1 << faults.saturating_sub(1).min(16)).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_or_not() {
        for (text, seconds) in [("00:05:00", 300), ("12:00:00", 43_200), ("0:0:1", 1), ("9999:59:59", 35_999_999)] {
            assert_eq!(interval(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "5",
            "00:05",
            "00:05:00:00",
            "00:60:00",
            "00:00:60",
            "-1:00:00",
            "+1:00:00",
            "a:b:c",
            "00::00",
            "99999:00:00",
            "1 :00:00",
        ] {
            assert_eq!(interval(text), None, "{text}");
        }
    }

    #[test]
    fn waits_grow_to_an_hour_and_are_never_alike() {
        let waits: Vec<u64> = (1..=10).map(|faults| back_off(faults).as_secs()).collect();
        assert_eq!(waits, [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(back_off(u32::MAX), BACK_OFF_MAX);
        let hour = Duration::from_secs(3600);
        let some: Vec<Duration> = (0..100).map(|_| jittered(hour)).collect();
        assert!(some.iter().all(|wait| (3240..=3960).contains(&wait.as_secs())), "{some:?}");
        assert!(some.iter().any(|wait| *wait != some[0]));
    }
}
