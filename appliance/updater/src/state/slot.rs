//! Slots, and the models that can run.

use contract::{Digest, ModelLabel};
use serde::{Deserialize, Serialize};

/// An installed bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Its folder's number, never used twice.
    pub number: u64,
    /// SHA-256 of the bundle's manifest.
    pub bundle: Digest,
    /// The model's name.
    pub name: String,
    /// The model's version.
    pub version: String,
    /// The bundle's sequence.
    pub sequence: u64,
    /// What the model may be used for.
    pub label: ModelLabel,
}

impl Slot {
    /// The folder of the model within the updater's.
    #[must_use]
    pub fn model_folder(&self) -> String {
        format!("{}/model", self.folder())
    }

    pub(crate) fn folder(&self) -> String {
        format!("slots/{}", self.number)
    }
}

/// A model that can run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// The one of the software itself.
    BuiltIn,
    /// An installed one.
    Slot(Slot),
}

impl Model {
    /// The slot, unless it is the built-in one.
    #[must_use]
    pub const fn slot(&self) -> Option<&Slot> {
        match self {
            Self::BuiltIn => None,
            Self::Slot(slot) => Some(slot),
        }
    }
}
