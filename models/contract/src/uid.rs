//! DICOM unique identifiers: validated, and printed redacted.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A DICOM UID (PS3.5 section 9): 1 to 64 characters of digits and dots.
///
/// Leading zeros of a component are accepted, because devices in the field send them. `Display` and `Debug` print a
/// short digest and never the UID: an instance or study UID identifies a patient's examination, and may not reach a
/// log. Use [`Uid::as_str`] where the text itself is needed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Uid(String);

/// Why a text is no UID. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UidError {
    /// No character at all.
    #[error("UID is empty")]
    Empty,
    /// More than 64 characters.
    #[error("UID has {0} characters, more than 64")]
    TooLong(usize),
    /// A character other than a digit or a dot.
    #[error("UID holds a character other than digits and dots")]
    BadCharacter,
    /// An empty component: a dot at an end, or two dots in a row.
    #[error("UID has an empty component")]
    EmptyComponent,
}

/// Mamoru's Implementation Class UID (PS3.7 annex D.3.3.2), below the UUID root: stands in every file that it writes.
pub const IMPLEMENTATION_CLASS: &str = "2.25.145137866320264512874113284410526098021";

/// The most characters that a UID may have (PS3.5 section 9.1).
pub const UID_CHARACTERS_MAX: usize = 64;

impl Uid {
    /// Parses `text`; one trailing NUL or trailing spaces (the paddings of the wire) are removed first.
    ///
    /// # Errors
    /// [`UidError`] says which rule is broken, without the text.
    pub fn parse(text: &str) -> Result<Self, UidError> {
        let text = text.trim_end_matches(['\0', ' ']);
        if text.is_empty() {
            return Err(UidError::Empty);
        }
        if text.len() > UID_CHARACTERS_MAX {
            return Err(UidError::TooLong(text.len()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(UidError::BadCharacter);
        }
        if text.split('.').any(str::is_empty) {
            return Err(UidError::EmptyComponent);
        }
        Ok(Self(text.to_owned()))
    }

    /// The UID's own text: for the wire and for storage, never for a log or a path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A UID below the root `2.25` whose number is the first 128 bits of the SHA-256 of `parts`, each preceded by
    /// its length (PS3.5 annex B.2 gives the form): the same parts always give the same UID.
    #[must_use]
    pub fn derived(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        let mut number = [0_u8; 16];
        number.copy_from_slice(&digest[..16]);
        Self(format!("2.25.{}", u128::from_be_bytes(number)))
    }

    /// Eight hexadecimal digits that stand for this UID in logs and on the page.
    #[must_use]
    pub fn redacted(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "uid#{}", self.redacted())
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl TryFrom<String> for Uid {
    type Error = UidError;

    fn try_from(text: String) -> Result<Self, UidError> {
        Self::parse(&text)
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_uid() {
        let cases = [
            ("", UidError::Empty),
            ("\0", UidError::Empty),
            ("1.2.a", UidError::BadCharacter),
            ("../../etc", UidError::BadCharacter),
            ("1..2", UidError::EmptyComponent),
            (".1", UidError::EmptyComponent),
            ("1.2.", UidError::EmptyComponent),
        ];
        for (text, error) in cases {
            assert_eq!(Uid::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(Uid::parse(&"1".repeat(65)), Err(UidError::TooLong(65)));
    }

    #[test]
    fn accepts_padding_and_the_longest_uid() {
        assert_eq!(Uid::parse("1.2.840.10008.1.1\0").unwrap().as_str(), "1.2.840.10008.1.1");
        assert!(Uid::parse(&"1".repeat(64)).is_ok());
    }

    #[test]
    fn never_prints_itself() {
        let uid = Uid::parse("1.2.840.113619.2.1").unwrap();
        for text in [format!("{uid}"), format!("{uid:?}")] {
            assert!(!text.contains("113619"), "{text}");
        }
    }

    #[test]
    fn derived_uids_are_repeatable_valid_and_distinct() {
        let first = Uid::derived(&["ab", "c"]);
        assert_eq!(first, Uid::derived(&["ab", "c"]));
        assert_ne!(first, Uid::derived(&["a", "bc"]));
        assert_eq!(Uid::parse(first.as_str()).unwrap(), first);
    }
}
