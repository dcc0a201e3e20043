//! May this instance be scored?

use contract::InstanceAttributes;
use serde::{Deserialize, Serialize};

use crate::{Laterality, View};

/// Why an instance is not for the network. The serde names are stable and machine-readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExclusionReason {
    /// Modality is not MG.
    NotMammography,
}

/// The gate's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eligibility {
    /// To be scored, as this view of this breast.
    Score {
        /// Which breast.
        laterality: Laterality,
        /// Which view.
        view: View,
    },
    /// Not for the network.
    Exclude(ExclusionReason),
}

/// What a site decides for itself (reference: clinical rules, "policy").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EligibilityPolicy {}

impl Default for EligibilityPolicy {
    fn default() -> Self {
        Self {}
    }
}

/// Judges one instance by its header alone.
#[must_use]
pub fn judge(_attributes: &InstanceAttributes, _policy: &EligibilityPolicy) -> Eligibility {
    Eligibility::Exclude(ExclusionReason::NotMammography)
}
