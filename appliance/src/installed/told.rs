//! Refusals as people read them.

use std::fmt;

use bundle::{Refusal, RootFault};
use updater::UpdateError;

/// What was not done, its code, and what to do.
#[derive(Debug)]
pub struct Told {
    /// Stands in `models/README.md`.
    pub code: &'static str,
    /// What was not done, and why.
    pub what: String,
    /// What to do.
    pub advice: &'static str,
}

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({}). {}", self.what, self.code, self.advice)
    }
}

impl std::error::Error for Told {}

impl From<UpdateError> for Told {
    fn from(error: UpdateError) -> Self {
        Self { code: error.code(), what: error.to_string(), advice: error.advice() }
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        UpdateError::Bundle(refusal).into()
    }
}

impl From<RootFault> for Told {
    fn from(fault: RootFault) -> Self {
        UpdateError::FirstKeys(fault).into()
    }
}
