//! Where reports go, parsed at the border.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// `host:port` of a peer that takes reports of storage commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReportAddress(String);

/// A text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an address is written HOST:PORT, for example 192.0.2.7:104")]
pub struct ReportAddressError;

impl ReportAddress {
    /// Parses `host:port`; the port is none of 0.
    ///
    /// # Errors
    /// [`ReportAddressError`].
    pub fn parse(text: &str) -> Result<Self, ReportAddressError> {
        if scu::is_host_and_port(text) { Ok(Self(text.to_owned())) } else { Err(ReportAddressError) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReportAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
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
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for text in ["192.0.2.7:104", "unit.example:11112", "[2001:db8::1]:104"] {
            assert_eq!(ReportAddress::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "192.0.2.7", ":104", "192.0.2.7:0", "192.0.2.7:99999", "192.0.2.7:dicom"] {
            assert_eq!(ReportAddress::parse(text), Err(ReportAddressError), "{text:?}");
        }
    }
}
