//! What an update ends with when it does not end well. Codes stay, as those of the bundle's checks do.

use bundle::{Refusal, RootFault};

use crate::state::Refused;

/// Why an operation was not done. Unless it says otherwise, nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The bundle is not taken.
    #[error(transparent)]
    Bundle(#[from] Refusal),
    /// The models are not in the state for it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too little room (step 6 of a bundle's checks).
    #[error("the model needs {needed} bytes of disk, {free} are free")]
    NoRoom {
        /// With what must stay free.
        needed: u64,
        /// What there is.
        free: u64,
    },
    /// The disk fails.
    #[error("{what}: {source}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another process works on the models.
    #[error("another process works on the models just now")]
    InUse,
    /// The model does not compute here what it should, and was removed.
    #[error("the model failed its self-test on this device and was removed: {0}")]
    SelfTest(String),
    /// A file of the slot is not what was installed.
    #[error("the installed model is damaged: {0}")]
    Damaged(String),
    /// The state was written by later software.
    #[error("the models' state was written by later software")]
    LaterState,
    /// The device's key sets are older than those that it had.
    #[error("the device's key sets end at version {found}, it had followed them up to {floor}")]
    OldKeys {
        /// The newest that is whole.
        found: u32,
        /// The newest that there was.
        floor: u32,
    },
    /// The key set that the device was set up with is none.
    #[error("the device's first key set cannot be used: {0}")]
    FirstKeys(#[from] RootFault),
}

impl UpdateError {
    /// Its code, which is never given to another reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Bundle(refusal) => refusal.code(),
            Self::Refused(refused) => refused.code(),
            Self::NoRoom { .. } => "U201",
            Self::Disk { .. } => "U202",
            Self::InUse => "U203",
            Self::SelfTest(_) => "U301",
            Self::Damaged(_) => "U302",
            Self::LaterState => "U303",
            Self::OldKeys { .. } => "U304",
            Self::FirstKeys(_) => "U305",
        }
    }

    /// What to do, for a technician.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Bundle(refusal) => refusal.advice(),
            Self::Refused(refused) => refused.advice(),
            Self::NoRoom { .. } => {
                "Free disk space: remove models that are not used, or shorten retention. Then try again."
            }
            Self::Disk { .. } => "Look after the device's disk, then try again.",
            Self::InUse => "Wait until the other operation is done, then try again.",
            Self::SelfTest(_) => "The model that ran before runs on. Tell the model's maker what the self-test said.",
            Self::Damaged(_) => "Install the bundle again. If it happens twice, have the disk checked.",
            Self::LaterState => "Install the later software again, or ask its maker how to go back.",
            Self::OldKeys { .. } => {
                "Install a bundle that brings every key set since the one that the device was set up with."
            }
            Self::FirstKeys(_) => "Set the device up with a key set of its maker.",
        }
    }
}
