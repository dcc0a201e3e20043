//! Where reports go, parsed at the border.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an address begins with that is called over TLS.
const TLS: &str = "tls://";

/// `host:port` of a peer that takes reports of storage commitment, or `tls://host:port` of one that takes them over TLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReportAddress {
    address: String,
    is_tls: bool,
}

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an address is written HOST:PORT, for example 192.0.2.7:104, or tls://HOST:PORT")]
pub struct ReportAddressError;

impl ReportAddress {
    /// Parses `host:port` or `tls://host:port`; the port is none of 0.
    ///
    /// # Errors
    /// [`ReportAddressError`].
    pub fn parse(text: &str) -> Result<Self, ReportAddressError> {
        let (address, is_tls) = text.strip_prefix(TLS).map_or((text, false), |address| (address, true));
        let is_sound = scu::is_host_and_port(address) && !address.contains('/');
        if is_sound { Ok(Self { address: address.to_owned(), is_tls }) } else { Err(ReportAddressError) }
    }

    /// The host and the port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Is it called over TLS?
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl fmt::Display for ReportAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.is_tls { TLS } else { "" }, self.address)
    }
}

impl TryFrom<String> for ReportAddress {
    type Error = ReportAddressError;

    fn try_from(text: String) -> Result<Self, ReportAddressError> {
        Self::parse(&text)
    }
}

impl From<ReportAddress> for String {
    fn from(address: ReportAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["192.0.2.7:104", "unit.example:11112", "[2001:db8::1]:104"] {
            let address = ReportAddress::parse(text).unwrap();
            assert_eq!((address.as_str(), address.is_tls(), address.to_string()), (text, false, text.to_owned()));
        }
        let address = ReportAddress::parse("tls://192.0.2.7:2762").unwrap();
        assert_eq!((address.as_str(), address.is_tls()), ("192.0.2.7:2762", true));
        assert_eq!(String::from(address), "tls://192.0.2.7:2762");
        for text in
            ["", "192.0.2.7", ":104", "192.0.2.7:0", "192.0.2.7:99999", "192.0.2.7:dicom", "tls://", "http://a:1"]
        {
            assert_eq!(ReportAddress::parse(text), Err(ReportAddressError), "{text:?}");
        }
    }
}
