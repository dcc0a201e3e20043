//! The section `[updates]`.

use serde::{Deserialize, Serialize};

/// Who confirms a model on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfirmedBy {
    /// The service, once the model scored a synthetic exam.
    #[default]
    Service,
    /// `mamoru bundle confirm`.
    Person,
}

/// Models that are installed while the device is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpdatesConfig {
    /// Who confirms a model on trial.
    pub confirmed_by: ConfirmedBy,
}
