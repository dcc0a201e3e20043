//! What a certificate says, as facts.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_parser::parse_x509_certificate;

/// Days of validity below which a certificate is warned about.
pub const WARN_DAYS: i64 = 30;
/// The longest common name that is kept, in characters (RFC 5280 appendix A: ub-common-name is 64).
const COMMON_NAME_CHARACTERS_MAX: usize = 64;
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Who a certificate is for, as far as anything is compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256 of the whole certificate.
    pub fingerprint: [u8; 32],
    /// The common name of the subject, when there is exactly one. A peer's text: never for a log.
    pub(crate) common_name: Option<String>,
}

impl Identity {
    /// Of a certificate that was checked, or is ours.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self { fingerprint: Sha256::digest(certificate).into(), common_name: common_name(certificate) }
    }
}

/// The fingerprint in hexadecimal.
impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fingerprint.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = parse_x509_certificate(certificate).ok()?;
    let mut names = parsed.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?;
    // With two of them it is anybody's guess which one counts.
    (names.next().is_none() && name.chars().count() <= COMMON_NAME_CHARACTERS_MAX).then(|| name.to_owned())
}

/// How long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Valid from, in seconds since 1970.
    pub not_before: i64,
    /// Valid until, in seconds since 1970.
    pub not_after: i64,
}

impl CertificateFacts {
    /// Of a certificate; `None` when it cannot be read.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = parse_x509_certificate(certificate).ok()?;
        let validity = parsed.validity();
        Some(Self { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() })
    }

    /// Whole days of validity that are left `at`; negative once it has expired.
    #[must_use]
    pub fn days_left(&self, at: SystemTime) -> i64 {
        (self.not_after - seconds(at)).div_euclid(DAY_SECONDS)
    }

    /// Is it valid `at`?
    #[must_use]
    pub fn is_valid(&self, at: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&seconds(at))
    }

    /// What a technician should be told of it `at`, if anything: expired, not yet valid, or fewer than [`WARN_DAYS`] days.
    #[must_use]
    pub fn warning(&self, at: SystemTime) -> Option<String> {
        let now = seconds(at);
        if now > self.not_after {
            Some("has expired: peers will not talk to us".into())
        } else if now < self.not_before {
            Some("is not valid yet, or this machine's clock is wrong".into())
        } else {
            let days = self.days_left(at);
            (days < WARN_DAYS).then(|| format!("expires in {days} days"))
        }
    }
}

fn seconds(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_counted_down_and_warned_about() {
        let facts = CertificateFacts { not_before: 0, not_after: 100 * DAY_SECONDS };
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
        let day = |days: i64| at(days * DAY_SECONDS);
        assert_eq!((facts.days_left(day(0)), facts.days_left(day(99)), facts.days_left(day(100))), (100, 1, 0));
        assert_eq!(facts.days_left(at(100 * DAY_SECONDS + 1)), -1);
        assert_eq!(facts.warning(day(70)), None, "30 days are left");
        assert_eq!(facts.warning(at(70 * DAY_SECONDS + 1)).unwrap(), "expires in 29 days");
        assert!(facts.is_valid(day(100)) && facts.warning(day(100)).unwrap().starts_with("expires in 0"));
        let late = at(100 * DAY_SECONDS + 1);
        assert!(!facts.is_valid(late) && facts.warning(late).unwrap().starts_with("has expired"));
        let early = CertificateFacts { not_before: DAY_SECONDS, ..facts };
        assert!(!early.is_valid(day(0)) && early.warning(day(0)).unwrap().starts_with("is not valid yet"));
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        let junk = CertificateDer::from(vec![0x30, 0x82, 0xFF, 0xFF]);
        assert_eq!(CertificateFacts::of(&junk), None);
        assert_eq!(Identity::of(&junk).common_name, None);
    }
}
