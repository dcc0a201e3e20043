//! Whom to call, and how long to wait.

use std::fmt;
use std::time::Duration;

use domain::AeTitle;
use secure_transport::Requestor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A peer's address and the two AE titles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `host:port`.
    pub address: String,
    /// The peer's AE title.
    pub called_ae: AeTitle,
    /// Ours.
    pub calling_ae: AeTitle,
    /// Calls it over TLS.
    pub tls: Option<Requestor>,
}

/// A text that names no peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a peer is written AET@HOST:PORT, for example PACS@192.0.2.7:104")]
pub struct PeerError;

impl Peer {
    /// A peer that is called without TLS.
    #[must_use]
    pub const fn plain(address: String, called_ae: AeTitle, calling_ae: AeTitle) -> Self {
        Self { address, called_ae, calling_ae, tls: None }
    }

    /// Parses `AET@HOST:PORT`, a peer that is called without TLS.
    ///
    /// # Errors
    /// [`PeerError`].
    pub fn parse(text: &str, calling_ae: AeTitle) -> Result<Self, PeerError> {
        let (title, address) = text.rsplit_once('@').ok_or(PeerError)?;
        let peer = Self::plain(address.to_owned(), AeTitle::parse(title).map_err(|_| PeerError)?, calling_ae);
        if peer.has_valid_address() { Ok(peer) } else { Err(PeerError) }
    }

    /// Is the address a host and a port?
    #[must_use]
    pub fn has_valid_address(&self) -> bool {
        is_host_and_port(&self.address)
    }
}

/// Is `text` a host and a port, `host:port` with a port from 1 on?
#[must_use]
pub fn is_host_and_port(text: &str) -> bool {
    let parts = text.rsplit_once(':');
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0))
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.called_ae, self.address)
    }
}

/// How long to wait, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// For the TCP connection and A-ASSOCIATE.
    pub connect_ms: u64,
    /// For one PDU to leave.
    pub send_ms: u64,
    /// For a response: a peer may store an image before it answers.
    pub response_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect_ms: 10_000, send_ms: 30_000, response_ms: 120_000 }
    }
}

impl Timeouts {
    pub(crate) const fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub(crate) const fn send(&self) -> Duration {
        Duration::from_millis(self.send_ms)
    }

    pub(crate) const fn response(&self) -> Duration {
        Duration::from_millis(self.response_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_parsed_whole() {
        let us = || AeTitle::parse("MAMORU").unwrap();
        let peer = Peer::parse("PACS@localhost:104", us()).unwrap();
        assert_eq!((peer.called_ae.as_str(), peer.address.as_str()), ("PACS", "localhost:104"));
        assert!(Peer::parse("PACS@[::1]:104", us()).is_ok());
        for text in
            ["", "PACS", "PACS@host", "@host:1", "PACS@host:0", "PACS@host:99999", "PACS@:104", "SEVENTEEN_LETTERS@h:1"]
        {
            assert_eq!(Peer::parse(text, us()), Err(PeerError), "{text:?}");
        }
    }
}
