//! Transitions that are not made.

/// Why a transition is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A trial must end first.
    #[error("a model is on trial")]
    OnTrial,
    /// Nothing to do.
    #[error("this bundle is installed already")]
    AlreadyInstalled,
    /// No such bundle.
    #[error("no such bundle is installed and waits")]
    NotInstalled,
    /// It runs, or is what a rollback returns to.
    #[error("this model runs, or is on trial")]
    Running,
    /// There is no model from before.
    #[error("there is no model from before to roll back to")]
    NothingBefore,
    /// Nothing is on trial, or another bundle.
    #[error("this bundle is not on trial")]
    NotOnTrial,
    /// It has not run yet.
    #[error("the model on trial has not been started yet")]
    NotStarted,
    /// Nothing is being staged.
    #[error("no bundle is being installed")]
    NotStaging,
}

impl Refused {
    /// Its code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::OnTrial => "U101",
            Self::AlreadyInstalled => "U102",
            Self::NotInstalled => "U103",
            Self::Running => "U104",
            Self::NothingBefore => "U105",
            Self::NotOnTrial => "U106",
            Self::NotStarted => "U107",
            Self::NotStaging => "U108",
        }
    }

    /// What to do, for a technician.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::OnTrial => "Confirm the model on trial, or roll back.",
            Self::AlreadyInstalled => "Nothing needs to be done; the list of models shows where it is.",
            Self::NotInstalled | Self::NotStaging => {
                "The list of models shows which bundles are installed; install it first."
            }
            Self::Running => "Roll back first, then remove it.",
            Self::NothingBefore => "Install the bundle that shall run instead.",
            Self::NotOnTrial => "The list of models shows which one is on trial; activate this one first.",
            Self::NotStarted => "Restart the service, so that the model runs, then confirm.",
        }
    }
}
