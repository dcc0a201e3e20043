//! Where a server is: checked when the configuration is read, and compared when the server names a place itself.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::pki_types::ServerName;
use thiserror::Error;
use ureq::http::Uri;

/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// What is wrong with a URL, which is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct AddressFault(&'static str);

/// Scheme, host and port: who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) is_tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL that may be asked: `https://` everywhere, `http://` at a loopback address alone, no user name.
    pub(crate) fn of(url: &str) -> Result<Self, AddressFault> {
        if url.len() > URL_BYTES_MAX {
            return Err(AddressFault("is longer than 2048 bytes"));
        }
        if url.contains('#') {
            return Err(AddressFault("must not have a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| AddressFault("is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(AddressFault("must begin with https://"));
        };
        if authority.as_str().contains('@') {
            return Err(AddressFault("must not have a user name or password: secrets belong in the credential file"));
        }
        let host = authority.host();
        let port = &authority.as_str()[host.len()..];
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if ServerName::try_from(bare).is_err() {
            return Err(AddressFault("must have a host name or an address"));
        }
        let is_tls = scheme.eq_ignore_ascii_case("https");
        if !is_tls && !scheme.eq_ignore_ascii_case("http") {
            return Err(AddressFault("must begin with https://"));
        }
        if !is_tls && !is_loopback(bare) {
            return Err(AddressFault(
                "must begin with https://: a token does not cross a network in the clear (http:// only to a loopback \
                 address, as in http://127.0.0.1:8080)",
            ));
        }
        let port = match port.strip_prefix(':').map(str::parse) {
            None if port.is_empty() => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            Some(Ok(port)) if port > 0 => port,
            _ => return Err(AddressFault("must have a port from 1 to 65535, or none")),
        };
        Ok(Self { is_tls, host: bare.to_ascii_lowercase(), port })
    }

    /// The origin of a URL without query, to which paths are added.
    pub(crate) fn of_base(url: &str) -> Result<Self, AddressFault> {
        if url.contains('?') {
            return Err(AddressFault("must not have a query"));
        }
        Self::of(url)
    }
}

/// An address of this machine, written as one: what the name `localhost` means, a resolver decides.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leaves_the_machine_over_tls_alone() {
        for url in ["http://updates.example/a", "http://10.1.2.3", "http://localhost:8080", "http://127.0.0.1.example"]
        {
            assert!(Origin::of(url).unwrap_err().to_string().contains("in the clear"), "{url}");
        }
        for url in ["http://127.0.0.1:8080/", "http://[::1]/a", "https://updates.example/a?b=c", "HTTPS://10.1.2.3"] {
            assert!(Origin::of(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn urls_that_are_more_or_less_than_a_place_are_refused() {
        let long = format!("https://a.example/{}", "a".repeat(URL_BYTES_MAX));
        for url in [
            "",
            "a.example",
            "/a",
            "ftp://a.example",
            "https://",
            "https://u:hush@a.example/",
            "https://u@a.example/",
            "https://a.example/#b",
            "https://a.example:0/",
            "https://a.example:70000/",
            "https://a b/",
            &long,
        ] {
            let fault = Origin::of(url).unwrap_err().to_string();
            assert!(!fault.contains("hush"), "{url}");
        }
        assert!(Origin::of_base("https://a.example/?b").is_err());
    }

    #[test]
    fn the_same_origin_is_known_however_it_is_written() {
        let origin = Origin::of("https://A.example/one").unwrap();
        assert_eq!(Origin::of("https://a.example:443/two?three"), Ok(origin.clone()));
        for other in ["https://a.example:8443/", "https://b.example/", "https://a.example.org/"] {
            assert_ne!(Origin::of(other).unwrap(), origin, "{other}");
        }
        assert_ne!(Origin::of("http://127.0.0.1:443").unwrap(), Origin::of("https://127.0.0.1").unwrap());
    }
}
