//! Versions of the software that serves.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `major.minor.patch`, compared in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SoftwareVersion {
    /// Of an incompatible change.
    pub major: u16,
    /// Of an addition.
    pub minor: u16,
    /// Of a repair.
    pub patch: u16,
}

/// A text that is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a software version is three numbers up to 65535, for example 0.3.0")]
pub struct VersionError;

impl SoftwareVersion {
    /// Reads `major.minor.patch`.
    ///
    /// # Errors
    /// [`VersionError`].
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let number = |part: &str| part.parse::<u16>().ok().filter(|number| number.to_string() == part);
        let numbers = text.split('.').map(number).collect::<Option<Vec<_>>>();
        match numbers.as_deref() {
            Some(&[major, minor, patch]) => Ok(Self { major, minor, patch }),
            _ => Err(VersionError),
        }
    }
}

impl fmt::Display for SoftwareVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl From<SoftwareVersion> for String {
    fn from(version: SoftwareVersion) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for SoftwareVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_three_numbers_in_order() {
        let version = |text| SoftwareVersion::parse(text).unwrap();
        assert!(version("0.9.12") < version("0.10.0") && version("0.10.0") < version("1.0.0"));
        assert_eq!(version("65535.0.1").to_string(), "65535.0.1");
        for other in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.-3", "1.2.3 ", "65536.0.0", "+1.0.0"] {
            assert_eq!(SoftwareVersion::parse(other), Err(VersionError), "{other}");
        }
    }
}
