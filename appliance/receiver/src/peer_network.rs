//! Addresses that may connect, parsed at the border.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An IP address, or a network in CIDR notation (RFC 4632 section 3.1): `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`.
///
/// Bits behind the prefix are not significant. An IPv4 address that comes mapped into IPv6 counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PeerNetwork {
    address: IpAddr,
    prefix_bits: u8,
}

/// A text that is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a peer is an IP address, or a network as address/prefix")]
pub struct PeerNetworkError;

impl PeerNetwork {
    /// Parses an address or a network.
    ///
    /// # Errors
    /// [`PeerNetworkError`].
    pub fn parse(text: &str) -> Result<Self, PeerNetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PeerNetworkError)?;
        let bits = address_bits(address);
        let prefix_bits = match prefix {
            // `u8::from_str` would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| PeerNetworkError)?
            }
            Some(_) => return Err(PeerNetworkError),
            None => bits,
        };
        if prefix_bits > bits { Err(PeerNetworkError) } else { Ok(Self { address, prefix_bits }) }
    }

    /// Is `peer` in this network?
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        let (ours, theirs) = match (self.address, peer.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => (u128::from(ours.to_bits()), u128::from(theirs.to_bits())),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits()),
            _ => return false,
        };
        let host_bits = u32::from(address_bits(self.address) - self.prefix_bits);
        // A shift by all 128 bits leaves nothing to differ.
        (ours ^ theirs).checked_shr(host_bits).unwrap_or(0) == 0
    }
}

const fn address_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for PeerNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix_bits)
    }
}

impl TryFrom<String> for PeerNetwork {
    type Error = PeerNetworkError;

    fn try_from(text: String) -> Result<Self, PeerNetworkError> {
        Self::parse(&text)
    }
}

impl From<PeerNetwork> for String {
    fn from(network: PeerNetwork) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        for (network, peer, inside) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("192.0.2.99/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("192.0.2.0/25", "192.0.2.128", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:db8::2", false),
        ] {
            let parsed = PeerNetwork::parse(network).unwrap();
            assert_eq!(parsed.contains(peer.parse().unwrap()), inside, "{peer} in {network}");
            assert_eq!(PeerNetwork::parse(&parsed.to_string()), Ok(parsed));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "/", "192.0.2", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/+8", "192.0.2.0/24/8", "host"]
        {
            assert_eq!(PeerNetwork::parse(text), Err(PeerNetworkError), "{text:?}");
        }
    }
}
