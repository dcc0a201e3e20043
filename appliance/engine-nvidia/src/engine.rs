//! The engine: gate, kernels, plan and TensorRT put together behind [`inference::Engine`].

use std::time::Duration;

use inference::{Engine, EngineError, EngineInfo, Loaded, ModelFiles, Unavailable};

use crate::settings::Settings;
use crate::survey::Survey;

/// The NVIDIA engine. Nothing of NVIDIA is opened before it is asked to probe, to build or to load.
#[derive(Debug, Clone)]
pub struct NvidiaEngine {
    settings: Settings,
}

/// What a plan's build came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildReport {
    /// Whether the plan lay in the cache already.
    pub was_cached: bool,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the plan.
    pub plan_bytes: u64,
}

impl NvidiaEngine {
    /// An engine with these settings.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Whether a CUDA driver's library is installed, usable or not. Opens nothing else and calls nothing.
    #[must_use]
    pub fn is_driver_installed() -> bool {
        todo!()
    }

    /// Looks for everything that the engine needs, and says of each thing what was found.
    #[must_use]
    pub fn survey(&self) -> Survey {
        todo!()
    }

    /// Obtains the plan of a model's network, from the cache or by building it as the settings say. Takes minutes.
    ///
    /// # Errors
    /// [`EngineError::Load`].
    pub fn build(&self, model: &ModelFiles) -> Result<BuildReport, EngineError> {
        let _ = model;
        todo!()
    }
}

impl Engine for NvidiaEngine {
    fn name(&self) -> &'static str {
        "nvidia"
    }

    fn probe(&self) -> Result<EngineInfo, Unavailable> {
        todo!()
    }

    fn load(&self, _model: &ModelFiles) -> Result<Box<dyn Loaded>, EngineError> {
        let _ = &self.settings;
        todo!()
    }
}
