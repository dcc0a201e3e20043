//! Models on the device.

use serde::Serialize;

use super::Id;

/// What a model is on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It scores.
    Active,
    /// It scores until it is confirmed or taken back.
    OnTrial,
    /// It was active before, and is what rolling back returns to.
    Previous,
    /// It scores silently beside the active one.
    Shadow,
    /// It is there and does nothing.
    Installed,
}

/// Whether a model gave its golden vectors on this device's engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "why", rename_all = "snake_case")]
pub enum SelfTest {
    /// Not tried here yet.
    NotRun,
    /// It did.
    Passed,
    /// It did not, and why.
    Failed(String),
}

/// One model.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    /// Of its bundle.
    pub id: Id,
    /// What it is on the device.
    pub role: Role,
    /// The manifest's name.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// What it may be used for.
    pub label: String,
    /// Rises with each release; `None` for what is built into the software.
    pub sequence: Option<u64>,
    /// Of the key that signed it; `None` for what is built into the software.
    pub key: Option<String>,
    /// On this device.
    pub self_test: SelfTest,
    /// More in plain words: starts used of a trial, comparisons of a shadow.
    pub notes: Vec<String>,
}

/// The models on the device.
#[derive(Clone, Debug, Serialize)]
pub struct Models {
    /// What scores first.
    pub models: Vec<Model>,
    /// How the last change ended, in plain words.
    pub last: Option<String>,
    /// Whether a model can be installed at all.
    pub can_install: bool,
}

/// What can be done with a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelChange {
    /// Self-test, then on trial.
    Activate,
    /// The one on trial becomes the active one.
    Confirm,
    /// The one named, on trial or active, is taken back, and the one before runs.
    RollBack,
    /// Out of the device.
    Remove,
    /// It scores silently beside the active one.
    Shadow,
}

impl ModelChange {
    /// All.
    pub const ALL: [Self; 5] = [Self::Activate, Self::Confirm, Self::RollBack, Self::Remove, Self::Shadow];

    /// Its name in addresses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Confirm => "confirm",
            Self::RollBack => "roll-back",
            Self::Remove => "remove",
            Self::Shadow => "shadow",
        }
    }
}

/// How far a long piece of work is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What is being done, in plain words.
    pub step: String,
    /// In any unit.
    pub done: u64,
    /// In the same unit; 0 when it is not known.
    pub total: u64,
}
