//! How a request ended, and what a status means for a delivery.

use std::time::Duration;

/// The longest wait that a server may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// How a request ended. Its words hold numbers and kinds of errors, and nothing else that came from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The destination has it.
    Taken,
    /// This object did not succeed now; the same request may succeed later.
    Failed {
        /// What happened.
        why: String,
    },
    /// The destination does not take this kind of object: another kind, or another form of it, may do.
    NotAccepted {
        /// What happened.
        why: String,
    },
    /// The destination will never take this object.
    Refused {
        /// What happened.
        why: String,
    },
    /// The destination as a whole is at fault, not this object: not reached, not trusted, overloaded, or not what the
    /// configuration takes it for.
    Unreachable {
        /// What happened.
        why: String,
        /// How long the destination asks to be left alone, at most [`RETRY_AFTER_MAX`].
        retry_after: Option<Duration>,
    },
}

impl Answer {
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::Failed { why: why.into() }
    }

    pub(crate) fn unreachable(why: impl Into<String>) -> Self {
        Self::Unreachable { why: why.into(), retry_after: None }
    }
}

/// What a status other than success means (RFC 9110 section 15; for STOW-RS PS3.18 table 10.5.3-1, where 409 and success
/// are judged by the answer's body before). `retry_after` is the header's value.
pub(crate) fn of_status(status: u16, retry_after: Option<&[u8]>) -> Answer {
    match status {
        300..=399 | 401 | 403 | 404 | 405 | 407 => {
            Answer::unreachable(format!("the destination is configured wrongly (status {status})"))
        }
        408 | 425 | 429 | 500..=599 => {
            let why = format!("the destination cannot take anything now (status {status})");
            Answer::Unreachable { why, retry_after: retry_after.and_then(seconds) }
        }
        415 => Answer::NotAccepted { why: "the destination does not take this type (status 415)".into() },
        // 400, 406, 409, 410, 413, 422, and by RFC 9110 section 15.5 whatever else begins with 4.
        400..=499 => Answer::Refused { why: format!("the destination refused it (status {status})") },
        _ => Answer::unreachable(format!("the destination answered with status {status}, which means nothing here")),
    }
}

/// Retry-After in seconds (RFC 9110 section 10.2.3), at most [`RETRY_AFTER_MAX`]. Its other form, a date, would be read on
/// another clock than it was written by; without it the own growing waits hold.
fn seconds(value: &[u8]) -> Option<Duration> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > 20 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Digits that are no u64 are more than an hour.
    let seconds = std::str::from_utf8(value).ok()?.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_means_something() {
        for status in 100..1000 {
            assert_ne!(of_status(status, None), Answer::Taken, "{status}");
        }
    }

    #[test]
    fn a_server_may_ask_for_an_hour_at_most() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3600", Some(3600)),
            ("3601", Some(3600)),
            ("99999999999999999999", Some(3600)),
            ("999999999999999999999", None),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("+5", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ] {
            assert_eq!(seconds(value.as_bytes()), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
