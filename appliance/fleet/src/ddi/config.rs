//! Settings of the update server.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::address::{AddressFault, Origin};

/// The longest tenant or controller id, in characters.
const NAME_CHARS_MAX: usize = 128;
/// Bounds of the bounds on the polling interval, in seconds.
const INTERVAL_S: std::ops::RangeInclusive<u64> = 5..=86_400;
/// The largest bundle that can be allowed, in bytes: 64 GiB.
const BUNDLE_BYTES_MAX: u64 = 64 << 30;
/// The longest deadline, in milliseconds: a day.
const TIMEOUT_MS_MAX: u64 = 86_400_000;
/// The most other places for artifacts.
const ORIGINS_MAX: usize = 16;

/// What the token in the credential file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// Of this box alone (hawkBit's target token).
    Target,
    /// Of all boxes of the tenant (hawkBit's gateway token).
    Gateway,
}

/// An update server and how this box is known there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DdiConfig {
    /// The server's address without a path of its API: `https://` everywhere, `http://` to a loopback address alone.
    pub url: String,
    /// The tenant; `DEFAULT` where the server has one only.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// The id of this box on the server.
    pub controller: String,
    /// PEM file with the only authorities that are trusted then; without it those of this machine's operating system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// File with the token: one line, mode 0600 or 0400. It is read at every request, so that it can be replaced.
    pub token_file: PathBuf,
    /// What the token is.
    pub token: TokenKind,
    /// Other places that bundles may come from (`https://host:port`), which the token is not shown to.
    #[serde(default)]
    pub artifact_origins: Vec<String>,
    /// The shortest time between two polls, in seconds, whatever the server asks for.
    #[serde(default = "default_interval_s_min")]
    pub interval_s_min: u64,
    /// The longest time between two polls, in seconds, whatever the server asks for.
    #[serde(default = "default_interval_s_max")]
    pub interval_s_max: u64,
    /// The largest bundle, in bytes.
    #[serde(default = "default_bundle_bytes_max")]
    pub bundle_bytes_max: u64,
    /// The longest silence of the server, in milliseconds; also the deadline of everything but downloads.
    #[serde(default = "default_silence_ms_max")]
    pub silence_ms_max: u64,
    /// The longest one try of a download may take, in milliseconds. What it got is kept for the next one.
    #[serde(default = "default_download_ms_max")]
    pub download_ms_max: u64,
}

fn default_tenant() -> String {
    "DEFAULT".into()
}

const fn default_interval_s_min() -> u64 {
    30
}

const fn default_interval_s_max() -> u64 {
    43_200
}

const fn default_bundle_bytes_max() -> u64 {
    4 << 30
}

const fn default_silence_ms_max() -> u64 {
    30_000
}

const fn default_download_ms_max() -> u64 {
    3_600_000
}

/// What is wrong with the settings, by their key. No value is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConfigFault {
    /// The URL is none, or has parts that it may not have.
    #[error("`url` {0}")]
    Url(AddressFault),
    /// A name that cannot be part of an address.
    #[error("`{0}` must have 1 to 128 letters, digits, `.`, `_`, `-` or `:`, and not be `.` or `..`")]
    Name(&'static str),
    /// One of the other places.
    #[error("`artifact_origins` has at most 16 entries, and each {0}")]
    ArtifactOrigin(AddressFault),
    /// Too many of them.
    #[error("`artifact_origins` may have at most 16 entries")]
    ArtifactOrigins,
    /// Bounds that are none.
    #[error("`interval_s_min` and `interval_s_max` must be from 5 to 86400, the first not above the second")]
    Interval,
    /// A limit that is none.
    #[error("`bundle_bytes_max` must be from 1 to {BUNDLE_BYTES_MAX}")]
    BundleBytes,
    /// A deadline that is none.
    #[error("`silence_ms_max` and `download_ms_max` must be from 1 to {TIMEOUT_MS_MAX}")]
    Timeouts,
}

impl DdiConfig {
    /// Finds what can be found wrong without reading a file.
    ///
    /// # Errors
    /// [`ConfigFault`], in words for a technician.
    pub fn check(&self) -> Result<(), ConfigFault> {
        Origin::of_base(&self.url).map_err(ConfigFault::Url)?;
        for (key, name) in [("tenant", &self.tenant), ("controller", &self.controller)] {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':');
            let is_name = (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_plain);
            if !is_name || matches!(name.as_str(), "." | "..") {
                return Err(ConfigFault::Name(key));
            }
        }
        if self.artifact_origins.len() > ORIGINS_MAX {
            return Err(ConfigFault::ArtifactOrigins);
        }
        for origin in &self.artifact_origins {
            Origin::of_base(origin).map_err(ConfigFault::ArtifactOrigin)?;
        }
        let (min, max) = (self.interval_s_min, self.interval_s_max);
        if min > max || !INTERVAL_S.contains(&min) || !INTERVAL_S.contains(&max) {
            return Err(ConfigFault::Interval);
        }
        if !(1..=BUNDLE_BYTES_MAX).contains(&self.bundle_bytes_max) {
            return Err(ConfigFault::BundleBytes);
        }
        let is_deadline = |ms: u64| (1..=TIMEOUT_MS_MAX).contains(&ms);
        if !is_deadline(self.silence_ms_max) || !is_deadline(self.download_ms_max) {
            return Err(ConfigFault::Timeouts);
        }
        Ok(())
    }

    pub(crate) const fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms_max)
    }

    pub(crate) const fn download(&self) -> Duration {
        Duration::from_millis(self.download_ms_max)
    }

    pub(crate) const fn interval_min(&self) -> Duration {
        Duration::from_secs(self.interval_s_min)
    }

    pub(crate) const fn interval_max(&self) -> Duration {
        Duration::from_secs(self.interval_s_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DdiConfig {
        let base = "url = 'https://updates.example'\ncontroller = 'box-7'\ntoken_file = 't'\ntoken = 'target'\n";
        let mut table: toml::Table = toml::from_str(base).unwrap();
        table.extend(toml::from_str::<toml::Table>(text).unwrap());
        table.try_into().unwrap()
    }

    #[test]
    fn the_least_is_enough() {
        assert_eq!(config("").check(), Ok(()));
        assert_eq!(config("").tenant, "DEFAULT");
        assert_eq!(config("artifact_origins = ['https://cdn.example:8443']\ntoken = 'gateway'").check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_is_said_by_its_key() {
        for (text, key) in [
            ("url = 'http://updates.example'", "`url`"),
            ("url = 'https://updates.example/?a'", "`url`"),
            ("controller = ''", "`controller`"),
            ("controller = 'a/b'", "`controller`"),
            ("controller = '..'", "`controller`"),
            ("tenant = 'a b'", "`tenant`"),
            ("artifact_origins = ['http://cdn.example']", "`artifact_origins`"),
            ("interval_s_min = 4", "`interval_s_min`"),
            ("interval_s_min = 60\ninterval_s_max = 59", "`interval_s_min`"),
            ("interval_s_max = 86401", "`interval_s_min`"),
            ("bundle_bytes_max = 0", "`bundle_bytes_max`"),
            ("silence_ms_max = 0", "`silence_ms_max`"),
            ("download_ms_max = 86400001", "`silence_ms_max`"),
        ] {
            let fault = config(text).check().unwrap_err().to_string();
            assert!(fault.starts_with(key), "{text}: {fault}");
        }
        let many = DdiConfig { artifact_origins: vec!["https://a.example".into(); 17], ..config("") };
        assert_eq!(many.check(), Err(ConfigFault::ArtifactOrigins));
    }
}
