//! What of NVIDIA is found on a machine, step by step.

/// One thing that the engine needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name, for people: `GPU and driver`, `CUDA`, `kernel compiler`, `TensorRT`, `network parser`, `cache folder`.
    pub name: &'static str,
    /// What was found, or why it cannot be used, in words of a technician; `None` where a step before it failed.
    pub found: Option<Result<String, String>>,
}

/// All steps in the order in which they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The steps.
    pub steps: Vec<Step>,
}

impl Survey {
    /// Whether the engine can be used.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.steps.iter().all(|step| matches!(step.found, Some(Ok(_))))
    }
}
