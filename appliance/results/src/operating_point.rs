//! Which of a model's operating points decides what is called.

use std::borrow::Cow;
use std::fmt;

use contract::{OperatingPoint, Target};
use domain::{InstanceOutcome, StudyReport};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A site's choice among the operating points of its model. As text: `first`, `sensitivity 0.9`, `specificity 0.8`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum OperatingPointChoice {
    /// The model's first one.
    #[default]
    First,
    /// The one that was chosen for this target.
    For(Target),
}

/// A text that chooses no operating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an operating point is \"first\", or \"sensitivity\" or \"specificity\" and a share from 0 to 1")]
pub struct OperatingPointError;

impl OperatingPointChoice {
    /// Parses `text`.
    ///
    /// # Errors
    /// [`OperatingPointError`].
    pub fn parse(text: &str) -> Result<Self, OperatingPointError> {
        if text == "first" {
            return Ok(Self::First);
        }
        let (name, share) = text.split_once(' ').ok_or(OperatingPointError)?;
        let share = share.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or(OperatingPointError)?;
        match name {
            "sensitivity" => Ok(Self::For(Target::Sensitivity(share))),
            "specificity" => Ok(Self::For(Target::Specificity(share))),
            _ => Err(OperatingPointError),
        }
    }

    /// Is there such a point among those of a model?
    #[must_use]
    pub fn is_among(self, points: &[OperatingPoint]) -> bool {
        match self {
            Self::First => true,
            Self::For(target) => points.iter().any(|point| point.target == target),
        }
    }

    /// `report` with the chosen point of each finding as its first one. A finding without it, of a model before, keeps its own
    /// first one; what is said of it says which one that is.
    pub(crate) fn applied_to(self, report: &StudyReport) -> Cow<'_, StudyReport> {
        let Self::For(target) = self else { return Cow::Borrowed(report) };
        let mut report = report.clone();
        for image in &mut report.images {
            let InstanceOutcome::Scored(finding) = &mut image.outcome else { continue };
            if let Some(index) = finding.operating_points.iter().position(|call| call.target == target) {
                finding.operating_points[..=index].rotate_right(1);
            }
        }
        Cow::Owned(report)
    }
}

impl fmt::Display for OperatingPointChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => formatter.write_str("first"),
            Self::For(Target::Sensitivity(share)) => write!(formatter, "sensitivity {share}"),
            Self::For(Target::Specificity(share)) => write!(formatter, "specificity {share}"),
        }
    }
}

impl TryFrom<String> for OperatingPointChoice {
    type Error = OperatingPointError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<OperatingPointChoice> for String {
    fn from(choice: OperatingPointChoice) -> Self {
        choice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_choice_is_refused_and_the_others_come_back() {
        for text in [
            "",
            "last",
            "1",
            "sensitivity",
            "sensitivity 1.1",
            "sensitivity -0.1",
            "sensitivity NaN",
            "SENSITIVITY 0.9",
        ] {
            assert_eq!(OperatingPointChoice::parse(text), Err(OperatingPointError), "{text:?}");
        }
        for text in ["first", "sensitivity 0.9", "specificity 0", "specificity 1"] {
            assert_eq!(OperatingPointChoice::parse(text).unwrap().to_string(), text);
        }
    }
}
