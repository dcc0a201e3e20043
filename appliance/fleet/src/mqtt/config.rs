//! Settings of the broker.

use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use secure_transport::{ConfigError, RequestorFiles};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::source::PatientData;
use crate::address::is_loopback;

/// The longest topic prefix and box name, in bytes.
const TOPIC_BYTES_MAX: usize = 256;
/// The longest user name, in bytes.
const USER_BYTES_MAX: usize = 256;
/// The largest limit of a document, in bytes: what fits a packet with room for its topic.
const DOCUMENT_BYTES_MAX: u64 = 64 << 20;
/// The longest deadline, in milliseconds: ten minutes.
const TIMEOUT_MS_MAX: u64 = 600_000;

/// A broker and what is sent there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// `host:port`; an IPv6 address in brackets.
    pub address: String,
    /// TLS with the authorities of the broker, and our certificate where it wants one. Without it `address` must be a
    /// loopback address.
    #[serde(default)]
    pub tls: Option<RequestorFiles>,
    /// The user on the broker.
    #[serde(default)]
    pub user: Option<String>,
    /// File with the user's password: one line, mode 0600 or 0400. It is read at every connection.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// What all topics begin with, for instance `hospital/mammography`.
    pub prefix: String,
    /// The name of this box, also its client id on the broker: no other client may use it.
    #[serde(rename = "box")]
    pub box_name: String,
    /// Does the site want patient data in the results? Everybody who may read the topics reads it then.
    #[serde(default)]
    pub patient_data: bool,
    /// The largest result, in bytes.
    #[serde(default = "default_document_bytes_max")]
    pub document_bytes_max: u64,
    /// How long the broker may take for a connection or an answer, in milliseconds.
    #[serde(default = "default_silence_ms_max")]
    pub silence_ms_max: u64,
    /// After how long without a sign of life the broker tells others that the box is offline, in seconds, one and a half
    /// times.
    #[serde(default = "default_keep_alive_s")]
    pub keep_alive_s: u16,
}

const fn default_document_bytes_max() -> u64 {
    1 << 20
}

const fn default_silence_ms_max() -> u64 {
    20_000
}

const fn default_keep_alive_s() -> u16 {
    60
}

/// What is wrong with the settings, by their key. No value is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MqttFault {
    /// No host, or no port.
    #[error("`address` must be host:port, for instance broker.example:8883")]
    Address,
    /// Results in the clear.
    #[error(
        "`tls` is needed: results and passwords do not cross a network in the clear (without it only to 127.0.0.1)"
    )]
    NoTls,
    /// The files of TLS.
    #[error("`tls`: {0}")]
    Tls(#[from] ConfigError),
    /// One without the other.
    #[error("`password_file` needs `user`")]
    NoUser,
    /// A user name that is none.
    #[error("`user` must have 1 to 256 characters and no control characters")]
    User,
    /// A prefix that is none.
    #[error(
        "`prefix` must have 1 to 256 letters, digits, `.`, `_`, `-` and `/`, and not begin or end with `/` or have two \
         in a row"
    )]
    Prefix,
    /// A name that is none.
    #[error("`box` must have 1 to 64 letters, digits, `.`, `_` and `-`")]
    Box,
    /// A limit that is none.
    #[error("`document_bytes_max` must be from 1 to {DOCUMENT_BYTES_MAX}")]
    DocumentBytes,
    /// A time that is none.
    #[error("`silence_ms_max` must be from 1 to {TIMEOUT_MS_MAX}, and `keep_alive_s` from 5 to 3600")]
    Times,
}

impl MqttConfig {
    /// Finds what can be found wrong without reading a file.
    ///
    /// # Errors
    /// [`MqttFault`], in words for a technician.
    pub fn check(&self) -> Result<(), MqttFault> {
        let host = self.host().ok_or(MqttFault::Address)?;
        match &self.tls {
            Some(files) => files.check()?,
            None if is_loopback(host) => {}
            None => return Err(MqttFault::NoTls),
        }
        if self.password_file.is_some() && self.user.is_none() {
            return Err(MqttFault::NoUser);
        }
        let is_user = |user: &String| (1..=USER_BYTES_MAX).contains(&user.len()) && !user.chars().any(char::is_control);
        if !self.user.as_ref().is_none_or(is_user) {
            return Err(MqttFault::User);
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_prefix = self.prefix.len() <= TOPIC_BYTES_MAX
            && self.prefix.split('/').all(|level| !level.is_empty() && level.bytes().all(is_plain));
        if !is_prefix {
            return Err(MqttFault::Prefix);
        }
        if !(1..=64).contains(&self.box_name.len()) || !self.box_name.bytes().all(is_plain) {
            return Err(MqttFault::Box);
        }
        if !(1..=DOCUMENT_BYTES_MAX).contains(&self.document_bytes_max) {
            return Err(MqttFault::DocumentBytes);
        }
        if !(1..=TIMEOUT_MS_MAX).contains(&self.silence_ms_max) || !(5..=3600).contains(&self.keep_alive_s) {
            return Err(MqttFault::Times);
        }
        Ok(())
    }

    /// The host of the address, without brackets.
    fn host(&self) -> Option<&str> {
        let (host, port) = self.address.rsplit_once(':')?;
        port.parse::<u16>().ok().filter(|number| *number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()))?;
        let bare = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        ServerName::try_from(bare).is_ok().then_some(bare)
    }

    pub(super) const fn wants(&self) -> PatientData {
        if self.patient_data { PatientData::With } else { PatientData::Without }
    }

    pub(super) const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms_max)
    }

    pub(super) fn status_topic(&self) -> String {
        format!("{}/{}/status", self.prefix, self.box_name)
    }

    pub(super) fn result_topic(&self, study: &contract::Digest) -> String {
        format!("{}/{}/results/{study}", self.prefix, self.box_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> MqttConfig {
        let mut table: toml::Table =
            toml::from_str("address = 'broker.example:8883'\nprefix = 'a/b'\nbox = 'box-7'\ntls = {ca = 'x'}").unwrap();
        table.extend(toml::from_str::<toml::Table>(text).unwrap());
        table.try_into().unwrap()
    }

    #[test]
    fn the_least_is_enough() {
        assert_eq!(config("").check(), Ok(()));
        assert!(!config("").patient_data);
        let local = MqttConfig { tls: None, address: "127.0.0.1:1883".into(), ..config("") };
        assert_eq!(local.check(), Ok(()));
        assert_eq!(MqttConfig { address: "[::1]:1883".into(), ..local }.check(), Ok(()));
    }

    #[test]
    fn nothing_crosses_a_network_in_the_clear() {
        for address in ["broker.example:1883", "10.0.0.1:1883", "localhost:1883", "[fe80::1]:1883"] {
            let open = MqttConfig { tls: None, address: address.into(), ..config("") };
            assert_eq!(open.check(), Err(MqttFault::NoTls), "{address}");
        }
    }

    #[test]
    fn what_cannot_be_is_said_by_its_key() {
        for (text, fault) in [
            ("address = 'broker.example'", MqttFault::Address),
            ("address = ':1883'", MqttFault::Address),
            ("address = 'a b:1883'", MqttFault::Address),
            ("address = '::1:1883'", MqttFault::Address),
            ("address = 'broker.example:0'", MqttFault::Address),
            ("address = 'broker.example:+1'", MqttFault::Address),
            ("tls = {ca = 'x', key = 'y'}", MqttFault::Tls(ConfigError::HalfPair)),
            ("password_file = 'x'", MqttFault::NoUser),
            ("user = ''", MqttFault::User),
            ("prefix = ''", MqttFault::Prefix),
            ("prefix = '/a'", MqttFault::Prefix),
            ("prefix = 'a//b'", MqttFault::Prefix),
            ("prefix = 'a/#'", MqttFault::Prefix),
            ("prefix = '+'", MqttFault::Prefix),
            ("prefix = '$SYS'", MqttFault::Prefix),
            ("box = 'a/b'", MqttFault::Box),
            ("box = ''", MqttFault::Box),
            ("document_bytes_max = 0", MqttFault::DocumentBytes),
            ("silence_ms_max = 0", MqttFault::Times),
            ("keep_alive_s = 4", MqttFault::Times),
        ] {
            assert_eq!(config(text).check(), Err(fault), "{text}");
        }
    }
}
