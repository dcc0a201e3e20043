//! Which files, and what is asked of peers.

use std::path::PathBuf;

use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Files of an association acceptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptorFiles {
    /// PEM: our certificate, and after it those between it and its authority.
    pub certificate: PathBuf,
    /// PEM: its private key, which nobody else may read.
    pub key: PathBuf,
    /// PEM: the authorities of peers' certificates.
    pub client_ca: Option<PathBuf>,
    /// What is asked of peers.
    pub client_certificate: ClientCertificate,
}

/// Must a peer that connects show a certificate?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificate {
    /// Without a certificate that an authority of ours signed there is no association.
    #[default]
    Required,
    /// It may; one that it shows is checked.
    Optional,
    /// It is not asked.
    None,
}

/// Files of an association requestor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestorFiles {
    /// PEM: the authorities of the peer's certificate; no others are trusted.
    pub ca: PathBuf,
    /// PEM: our certificate, for peers that ask for one.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// PEM: its private key, which nobody else may read.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// The name in the peer's certificate; the host of its address when left out.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// Settings that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Peers' certificates cannot be checked.
    #[error("`client_ca` is needed where peers are asked for certificates")]
    NoClientCa,
    /// One without the other.
    #[error("`certificate` and `key` go together")]
    HalfPair,
    /// No name could be compared.
    #[error("`server_name` must be a DNS name or an IP address")]
    ServerName,
}

impl AcceptorFiles {
    /// Do the settings go together? Looks at no file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub const fn check(&self) -> Result<(), ConfigError> {
        match (self.client_certificate, &self.client_ca) {
            (ClientCertificate::Required | ClientCertificate::Optional, None) => Err(ConfigError::NoClientCa),
            _ => Ok(()),
        }
    }
}

impl RequestorFiles {
    /// Do the settings go together? Looks at no file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err(ConfigError::HalfPair);
        }
        match &self.server_name {
            Some(name) if ServerName::try_from(name.as_str()).is_err() => Err(ConfigError::ServerName),
            _ => Ok(()),
        }
    }

    /// The name that the certificate of the peer at `address` (`host:port`) must be for.
    #[must_use]
    pub fn name_of(&self, address: &str) -> String {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        self.server_name.clone().unwrap_or_else(|| host.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requestor(text: &str) -> RequestorFiles {
        toml::from_str(&format!("ca = 'ca.pem'\n{text}")).unwrap()
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        assert_eq!(requestor("").check(), Ok(()));
        assert_eq!(requestor("certificate = 'a'\nkey = 'b'\nserver_name = 'pacs.example'").check(), Ok(()));
        assert_eq!(requestor("server_name = '192.0.2.7'").check(), Ok(()));
        assert_eq!(requestor("certificate = 'a'").check(), Err(ConfigError::HalfPair));
        assert_eq!(requestor("key = 'a'").check(), Err(ConfigError::HalfPair));
        assert_eq!(requestor("server_name = 'a b'").check(), Err(ConfigError::ServerName));
        assert!(toml::from_str::<RequestorFiles>("certificate = 'a'\nkey = 'b'").is_err(), "some authority is needed");
        let mut acceptor = AcceptorFiles {
            certificate: "a".into(),
            key: "b".into(),
            client_ca: None,
            client_certificate: ClientCertificate::None,
        };
        assert_eq!(acceptor.check(), Ok(()));
        for asked in [ClientCertificate::Required, ClientCertificate::Optional] {
            acceptor.client_certificate = asked;
            assert_eq!(acceptor.check(), Err(ConfigError::NoClientCa));
        }
        assert_eq!(ClientCertificate::default(), ClientCertificate::Required);
    }

    #[test]
    fn the_name_is_the_host_unless_one_is_given() {
        for (address, name) in [
            ("pacs.example:2762", "pacs.example"),
            ("192.0.2.7:2762", "192.0.2.7"),
            ("[2001:db8::1]:2762", "2001:db8::1"),
        ] {
            assert_eq!(requestor("").name_of(address), name);
        }
        assert_eq!(requestor("server_name = 'pacs'").name_of("192.0.2.7:2762"), "pacs");
    }
}
