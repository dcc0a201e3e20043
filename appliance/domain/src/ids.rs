//! Identifiers that come from a peer, parsed at the border.

use std::fmt;

use contract::Uid;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ResultKind;

/// Names one instance: its SOP Instance UID. Prints redacted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceKey(pub Uid);

/// Names one study: its Study Instance UID. Prints redacted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StudyKey(pub Uid);

impl StudyKey {
    /// The series of this study's result objects of `kind`, in every revision: one for all Secondary Captures, and one for
    /// each other kind, because their modalities differ.
    #[must_use]
    pub fn result_series(&self, kind: ResultKind) -> Uid {
        match kind {
            ResultKind::Json | ResultKind::Summary | ResultKind::Heatmap | ResultKind::Fhir => {
                Uid::derived(&["mamoru series", self.0.as_str()])
            }
            ResultKind::CadSr | ResultKind::ComprehensiveSr | ResultKind::PresentationState => {
                Uid::derived(&["mamoru series", self.0.as_str(), kind.name()])
            }
        }
    }

    /// Is `series` one of ours? What comes back from an archive in it is our own result and no new image.
    #[must_use]
    pub fn is_result_series(&self, series: &Uid) -> bool {
        ResultKind::ALL.iter().any(|kind| self.result_series(*kind) == *series)
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "instance#{}", self.0.redacted())
    }
}

impl fmt::Display for StudyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "study#{}", self.0.redacted())
    }
}

/// An application entity title (PS3.8 section 9.3.2, VR AE): 1 to 16 printable ASCII characters, no backslash,
/// spaces at the ends not significant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AeTitle(String);

/// A text that is no AE title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an AE title has 1 to 16 printable ASCII characters and no backslash")]
pub struct AeTitleError;

impl AeTitle {
    /// Parses `text` after removing spaces at both ends.
    ///
    /// # Errors
    /// [`AeTitleError`] when nothing is left, more than 16 characters are, or one is not allowed.
    pub fn parse(text: &str) -> Result<Self, AeTitleError> {
        let text = text.trim_matches([' ', '\0']);
        let allowed = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'\\';
        if text.is_empty() || text.len() > 16 || !text.bytes().all(allowed) {
            return Err(AeTitleError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The title without padding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for AeTitle {
    type Error = AeTitleError;

    fn try_from(text: String) -> Result<Self, AeTitleError> {
        Self::parse(&text)
    }
}

impl From<AeTitle> for String {
    fn from(title: AeTitle) -> Self {
        title.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ae_titles_are_trimmed_and_checked() {
        assert_eq!(AeTitle::parse("  MAMORU  ").unwrap().as_str(), "MAMORU");
        for text in ["", "    ", "SEVENTEEN_LETTERS", "BACK\\SLASH", "TAB\tTAB", "ÜBER"] {
            assert_eq!(AeTitle::parse(text), Err(AeTitleError), "{text:?}");
        }
    }

    #[test]
    fn keys_print_redacted() {
        let uid = Uid::parse("1.2.840.99999.7").unwrap();
        for text in [format!("{}", InstanceKey(uid.clone())), format!("{:?}", StudyKey(uid))] {
            assert!(!text.contains("99999"), "{text}");
        }
    }
}
