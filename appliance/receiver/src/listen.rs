//! Where the receiver listens.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use domain::AeTitle;
use secure_transport::{AcceptorFiles, ClientCertificate, ExpectedCertificate, PORT, RequestorFiles};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where associations without TLS are taken: an address and port, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// Here.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// A text that is neither an address nor `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an address to listen on is written IP:PORT, for example 0.0.0.0:11112, or it is `off`")]
pub struct ListenError;

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At).map_err(|_| ListenError) }
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::At(address)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(formatter),
            Self::Off => formatter.write_str("off"),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = ListenError;

    fn try_from(text: String) -> Result<Self, ListenError> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

/// Where and how associations over TLS are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Address and port.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// PEM file: our certificate, and after it those between it and its authority.
    pub certificate: PathBuf,
    /// PEM file: its private key, which nobody else may read.
    pub key: PathBuf,
    /// PEM file: the authorities of peers' certificates.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Must peers show a certificate?
    #[serde(default)]
    pub client_certificate: ClientCertificate,
    /// The certificates of calling AE titles. A title that is here is only for who has one of its certificates, on every
    /// listener; others are for everybody who gets in.
    #[serde(default)]
    pub ae_certificates: BTreeMap<AeTitle, Vec<ExpectedCertificate>>,
}

/// Loopback, with the port of PS3.15 annex B.12.
fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))
}

impl TlsConfig {
    pub(crate) fn acceptor_files(&self) -> AcceptorFiles {
        AcceptorFiles {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            client_ca: self.client_ca.clone(),
            client_certificate: self.client_certificate,
        }
    }

    /// For associations of our own: the same certificate, and the same authorities; `None` where there are none.
    pub(crate) fn requestor_files(&self) -> Option<RequestorFiles> {
        Some(RequestorFiles {
            ca: self.client_ca.clone()?,
            certificate: Some(self.certificate.clone()),
            key: Some(self.key.clone()),
            server_name: None,
        })
    }

    /// What does not go together, in words of a technician.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(error) = self.acceptor_files().check() {
            faults.push(format!("receiver.tls.client_ca: {error}"));
        }
        if self.client_certificate == ClientCertificate::None && !self.ae_certificates.is_empty() {
            faults.push("receiver.tls.ae_certificates: no certificate is asked for, so nobody could show one".into());
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_an_address_or_off() {
        for text in ["127.0.0.1:11112", "[::]:104", "off"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in ["", "OFF", "nowhere", "127.0.0.1", "localhost:104"] {
            assert_eq!(text.parse::<Listen>(), Err(ListenError), "{text:?}");
        }
    }

    #[test]
    fn keys_have_their_defaults_and_contradictions_are_said() {
        let parse = |text: &str| toml::from_str::<TlsConfig>(&format!("certificate = 'a'\nkey = 'b'\n{text}"));
        let plain = parse("client_ca = 'c'").unwrap();
        assert_eq!((plain.listen.to_string().as_str(), plain.faults()), ("127.0.0.1:2762", vec![]));
        assert_eq!(plain.client_certificate, ClientCertificate::Required);
        let bound = "client_ca = 'c'\nae_certificates = { MAMMO1 = ['CN=mammo1'] }";
        assert_eq!(parse(bound).unwrap().faults(), [""; 0]);
        for (text, why) in [
            ("", "receiver.tls.client_ca: `client_ca` is needed"),
            ("client_certificate = 'optional'", "receiver.tls.client_ca: `client_ca` is needed"),
            (&format!("client_certificate = 'none'\n{bound}"), "receiver.tls.ae_certificates: no certificate"),
        ] {
            let faults = parse(text).unwrap().faults();
            assert!(faults.len() == 1 && faults[0].starts_with(why), "{text}: {faults:?}");
        }
        for text in ["colour = 1", "client_certificate = 'maybe'", "ae_certificates = { MAMMO1 = ['mammo1'] }"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
