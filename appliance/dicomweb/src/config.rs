//! Where a web destination is and how it is reached.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use ureq::http::Uri;

/// The longest URL.
const URL_BYTES_MAX: usize = 2048;
/// The longest deadline: an hour.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

/// One web destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebConfig {
    /// STOW-RS: the base URL of the service, to which `/studies` is added. Documents: where they are posted.
    /// `https://` everywhere, `http://` to a loopback address alone.
    pub url: String,
    /// PEM file with the only roots that are trusted then, for instance the hospital's own; without it those of this
    /// machine's operating system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// File with the value of the Authorization header, for instance `Bearer ...`: one line of at most 8 KiB. It is read
    /// at every request, so that whoever renews the token only replaces the file.
    #[serde(default)]
    pub authorization_file: Option<PathBuf>,
    /// How long to wait.
    #[serde(default)]
    pub timeouts: WebTimeouts,
}

/// How long to wait for a web destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebTimeouts {
    /// For name, connection and TLS.
    pub connect_ms: u64,
    /// For a whole request, from the name to the last byte of the answer: it is the deadline of a server that is slow on
    /// purpose, and a large object has to go through the line in it.
    pub total_ms: u64,
}

impl Default for WebTimeouts {
    fn default() -> Self {
        Self { connect_ms: 10_000, total_ms: 120_000 }
    }
}

impl WebTimeouts {
    pub(crate) const fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) const fn total(&self) -> Duration {
        Duration::from_millis(self.total_ms)
    }
}

/// Why a configuration makes no client. No text of a file or of the URL is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WebError {
    /// The URL is none, or has parts that it may not have.
    #[error("`url` {0}")]
    Url(&'static str),
    /// A deadline that is none.
    #[error("`connect_ms` and `total_ms` must be from 1 to {TIMEOUT_MS_MAX}")]
    Timeouts,
    /// The file of roots cannot be used.
    #[error("`ca_file` {0}")]
    CaFile(String),
    /// No `ca_file`, and the operating system has no roots.
    #[error("this machine has no trusted certificates: install them, or give `ca_file`")]
    NoRoots,
}

/// A URL that was found in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Scheme, authority and path.
    pub(crate) url: String,
    /// Is it reached over TLS?
    pub(crate) is_tls: bool,
}

impl WebConfig {
    /// Finds what can be found wrong without reading a file.
    ///
    /// # Errors
    /// [`WebError`], in words for a technician.
    pub fn check(&self) -> Result<(), WebError> {
        self.target()?;
        self.timeouts().map(drop)
    }

    /// The URL, when patient data may go there.
    pub(crate) fn target(&self) -> Result<Target, WebError> {
        let url = self.url.as_str();
        if url.len() > URL_BYTES_MAX {
            return Err(WebError::Url("is longer than 2048 bytes"));
        }
        // The parser drops what stands behind it.
        if url.contains('#') {
            return Err(WebError::Url("must not have a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| WebError::Url("is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(WebError::Url("must begin with https://"));
        };
        if authority.as_str().contains('@') {
            return Err(WebError::Url("must not have a user name or password: use `authorization_file`"));
        }
        if uri.query().is_some() {
            return Err(WebError::Url("must not have a query"));
        }
        let host = authority.host();
        let port = &authority.as_str()[host.len()..];
        let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return Err(WebError::Url("must have a port from 1 to 65535, or none"));
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if ServerName::try_from(bare).is_err() {
            return Err(WebError::Url("must have a host name or an address"));
        }
        match scheme {
            "https" => Ok(Target { url: url.to_owned(), is_tls: true }),
            "http" if is_loopback(bare) => Ok(Target { url: url.to_owned(), is_tls: false }),
            "http" => Err(WebError::Url(
                "must begin with https://: patient data does not cross a network in the clear (http:// only to a \
                 loopback address, as in http://127.0.0.1:8042)",
            )),
            _ => Err(WebError::Url("must begin with https://")),
        }
    }

    /// The deadlines, when they are ones.
    pub(crate) fn timeouts(&self) -> Result<WebTimeouts, WebError> {
        let WebTimeouts { connect_ms, total_ms } = self.timeouts;
        let is_deadline = |ms: u64| (1..=TIMEOUT_MS_MAX).contains(&ms);
        if is_deadline(connect_ms) && is_deadline(total_ms) { Ok(self.timeouts) } else { Err(WebError::Timeouts) }
    }
}

/// An address of this machine, written as one: what the name `localhost` means, a resolver decides.
fn is_loopback(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> WebConfig {
        WebConfig { url: url.into(), ca_file: None, authorization_file: None, timeouts: WebTimeouts::default() }
    }

    #[test]
    fn patient_data_leaves_the_machine_over_tls_alone() {
        for url in [
            "http://pacs.example/dicom-web",
            "http://10.1.2.3/dicom-web",
            "http://192.168.0.4:8042",
            "http://[fe80::1]/a",
            "http://localhost:8042",
            "http://127.0.0.1.example.org",
            "http://0.0.0.0:80",
            "http://[::]:80",
        ] {
            let error = config(url).target().unwrap_err();
            assert!(error.to_string().contains("in the clear"), "{url}: {error}");
        }
        for (url, is_tls) in [
            ("http://127.0.0.1:8042/dicom-web/", false),
            ("http://127.3.2.1", false),
            ("http://[::1]:8042/a", false),
            ("https://pacs.example/dicom-web", true),
            ("https://10.1.2.3:8443", true),
            ("https://[2001:db8::1]/a/b", true),
            ("HTTPS://pacs.example/a", true),
        ] {
            assert_eq!(config(url).target(), Ok(Target { url: url.into(), is_tls }), "{url}");
        }
    }

    #[test]
    fn urls_that_are_more_or_less_than_a_place_are_refused() {
        let long = format!("https://pacs.example/{}", "a".repeat(URL_BYTES_MAX));
        for url in [
            "",
            "pacs.example",
            "/dicom-web",
            "ftp://pacs.example/",
            "https://",
            "https:///studies",
            "https://user:secret@pacs.example/",
            "https://user@pacs.example/",
            "http://user@127.0.0.1/",
            "http://127.0.0.1@pacs.example/",
            "https://pacs.example/a?token=secret",
            "https://pacs.example/a?",
            "https://pacs.example/a#b",
            "https://pacs.example:0/",
            "https://pacs.example:/",
            "https://pacs.example:65536/",
            "https://pacs.example:http/",
            "https://pacs example/",
            "https://pacs.example/a\r\nHost: other",
            "https://pacs_/../ /",
            "https://[::1/",
            &long,
        ] {
            let error = config(url).target().expect_err(url);
            assert!(matches!(error, WebError::Url(_)), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn deadlines_are_there() {
        for (connect_ms, total_ms, is_good) in
            [(1, 1, true), (0, 1, false), (1, 0, false), (3_600_000, 3_600_000, true), (1, 3_600_001, false)]
        {
            let config = WebConfig { timeouts: WebTimeouts { connect_ms, total_ms }, ..config("https://a") };
            assert_eq!(config.timeouts().is_ok(), is_good, "{connect_ms} {total_ms}");
        }
    }

    #[test]
    fn a_configuration_is_read_and_unknown_keys_are_not_passed_over() {
        let read: WebConfig = toml::from_str("url = \"https://a\"\ntimeouts = { total_ms = 5 }").unwrap();
        assert_eq!(
            read,
            WebConfig { timeouts: WebTimeouts { total_ms: 5, ..Default::default() }, ..config("https://a") }
        );
        for text in ["", "url = \"https://a\"\nca_fil = \"x\"", "url = \"https://a\"\ntimeouts = { total = 5 }"] {
            assert!(toml::from_str::<WebConfig>(text).is_err(), "{text}");
        }
    }
}
