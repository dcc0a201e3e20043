//! Names of destinations.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The name that the configuration gives to a destination: 1 to 32 lower-case letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DestinationName(String);

/// A text that names no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a destination's name has 1 to 32 lower-case letters, digits, - and _")]
pub struct DestinationNameError;

impl DestinationName {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`DestinationNameError`].
    pub fn parse(text: &str) -> Result<Self, DestinationNameError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if text.is_empty() || text.len() > 32 || !text.bytes().all(allowed) {
            return Err(DestinationNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DestinationName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for DestinationName {
    type Error = DestinationNameError;

    fn try_from(text: String) -> Result<Self, DestinationNameError> {
        Self::parse(&text)
    }
}

impl From<DestinationName> for String {
    fn from(name: DestinationName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_a_path_and_a_log() {
        assert_eq!(DestinationName::parse("pacs-2_a").unwrap().as_str(), "pacs-2_a");
        for name in ["", "PACS", "a/b", "..", &"a".repeat(33)] {
            assert_eq!(DestinationName::parse(name), Err(DestinationNameError), "{name:?}");
        }
    }
}
