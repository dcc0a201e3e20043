//! Why nothing was heard from the other side, in words for a technician. Repeats nothing that it sent.

use std::io;
use std::time::Duration;

use secure_transport::TlsFault;
use thiserror::Error;
use ureq::Error as WebError;

/// The longest time that a server may ask to be left alone.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Why an exchange failed. It is tried again later.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{words}")]
pub struct Fault {
    words: String,
    /// The status of an answer in HTTP.
    pub(crate) status: Option<u16>,
    /// What the server asked for.
    pub(crate) retry_after: Option<Duration>,
}

impl Fault {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), status: None, retry_after: None }
    }

    /// An answer that is no success.
    pub(crate) fn of_status(status: u16, retry_after: Option<&[u8]>) -> Self {
        let words = match status {
            300..=399 => "answers with a redirect, which is not followed: give its final address as `url`",
            401 | 403 => "does not accept the token: compare the credential file with the token on the server",
            404 => "does not know this address: check `url`, `tenant` and `controller`",
            429 | 503 => "is busy and asks to be left alone for a while",
            500..=599 => "is in trouble; its administrator should look at its log",
            _ => "answers with something that is no success",
        };
        let words = format!("the server {words} (status {status})");
        Self { words, status: Some(status), retry_after: retry_after.and_then(seconds) }
    }

    /// A request without a whole answer.
    pub(crate) fn of_web(error: &WebError) -> Self {
        Self::new(match error {
            WebError::Timeout(_) => "the server did not answer in time".into(),
            WebError::HostNotFound => UNKNOWN_NAME.into(),
            WebError::Io(error) => return Self::of_io(error),
            WebError::Protocol(_) => "the answer is no HTTP/1.1: is this the port of the update server?".into(),
            WebError::LargeResponseHeader(..) => "the answer's header is too large".into(),
            error => match TlsFault::find(error) {
                Some(fault) => fault.to_string(),
                None => "the request failed".into(),
            },
        })
    }

    pub(crate) fn of_io(error: &io::Error) -> Self {
        if let Some(fault) = TlsFault::find(error) {
            return Self::new(fault.to_string());
        }
        // ureq hides its own errors in those of reading.
        if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<WebError>())
            && !matches!(inner, WebError::Io(_))
        {
            return Self::of_web(inner);
        }
        // The standard library gives failed lookups no kind of their own; the text is its own too.
        if error.to_string().starts_with("failed to lookup address information") {
            return Self::new(UNKNOWN_NAME);
        }
        Self::new(match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "the server did not answer in time".into(),
            io::ErrorKind::ConnectionRefused => "nothing listens at the server's address and port".into(),
            kind => format!("the connection failed: {kind}"),
        })
    }
}

const UNKNOWN_NAME: &str = "the server's name is not known: check the name and this machine's DNS";

/// Retry-After in seconds (RFC 9110 section 10.2.3), at most [`RETRY_AFTER_MAX`]; its other form, a date, would be read on
/// another clock than it was written by.
fn seconds(value: &[u8]) -> Option<Duration> {
    let value = value.trim_ascii();
    if value.is_empty() || value.len() > 20 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = std::str::from_utf8(value).ok()?.parse::<u64>().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_ask_for_an_hour_at_most() {
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("3601", Some(3600)),
            ("99999999999999999999", Some(3600)),
            ("999999999999999999999", None),
            ("", None),
            ("-1", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ] {
            let fault = Fault::of_status(503, Some(value.as_bytes()));
            assert_eq!(fault.retry_after, expected.map(Duration::from_secs), "{value:?}");
        }
    }

    #[test]
    fn every_status_says_what_to_do() {
        for (status, words) in [(302, "redirect"), (401, "token"), (404, "tenant"), (429, "busy"), (500, "log")] {
            assert!(Fault::of_status(status, None).to_string().contains(words), "{status}");
        }
    }
}
