//! Did the last self-test pass, and is it recent?

use std::time::SystemTime;

use domain::UnixMillis;

use super::Finding;
use crate::commands::status::self_test;
use crate::selftest::{SelfTest, Verdict};

const CHECK: &str = "self-test";
/// It is meant to be daily.
const DAYS_MAX: u64 = 7;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How the device's `last` self-test ended.
pub fn check(last: Option<&SelfTest>, now: SystemTime) -> Finding {
    let Some(test) = last else { return Finding::ok(CHECK, "none was held yet: mamoru selftest holds one") };
    let days = days_between(test.at, now);
    let found = format!("{}, {days} days ago", self_test(test));
    match test.verdict {
        Verdict::Failed => {
            let next =
                "mamoru selftest repeats it and says what to do; until one passes, every result says that it failed";
            Finding::failed(CHECK, found, next)
        }
        Verdict::NotHeld => Finding::attention(CHECK, found, "mend that, then: mamoru selftest"),
        Verdict::Passed | Verdict::First if days > DAYS_MAX => {
            Finding::attention(CHECK, found, "mamoru selftest; have a timer do it daily")
        }
        Verdict::Passed | Verdict::First => Finding::ok(CHECK, found),
    }
}

fn days_between(at: UnixMillis, now: SystemTime) -> u64 {
    let now_ms = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u64::try_from(now_ms).unwrap_or(u64::MAX).saturating_sub(at.0) / DAY_MS
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contract::Digest;

    use super::*;
    use crate::doctor;
    use crate::selftest::Subject;

    #[test]
    fn a_failure_and_an_old_success_are_told() {
        let digest = Digest::of(b"x");
        let (model, version, software) = ("m".into(), "1".into(), "0".into());
        let subject = Subject { model, version, network: digest, preprocess: digest, engine: "tract".into(), software };
        let verdict = |verdict, days: u64| {
            let why = Some("L CC".to_owned());
            let test =
                SelfTest { number: 1, at: UnixMillis(0), verdict, why, subject: subject.clone(), images: vec![] };
            let now = SystemTime::UNIX_EPOCH + Duration::from_millis(days * DAY_MS);
            check(Some(&test), now).verdict
        };
        assert_eq!(check(None, SystemTime::now()).verdict, doctor::Verdict::Ok);
        assert_eq!(
            (verdict(Verdict::Passed, 7), verdict(Verdict::First, 7)),
            (doctor::Verdict::Ok, doctor::Verdict::Ok)
        );
        assert_eq!(verdict(Verdict::Passed, 8), doctor::Verdict::Attention);
        assert_eq!(verdict(Verdict::NotHeld, 0), doctor::Verdict::Attention);
        assert_eq!(verdict(Verdict::Failed, 0), doctor::Verdict::Failed);
    }
}
