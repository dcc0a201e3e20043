//! Everything that the engine opens on a machine, in the order in which each thing may be touched.

use std::path::Path;

use inference::EngineError;

use super::lost_or_load;
use crate::cuda::{CudaFault, Gpu, Module};
use crate::gate::{self, DRIVER_LIBRARY, Device};
use crate::nvrtc::Nvrtc;
use crate::plan_cache::{KernelsKey, PlanCache};
use crate::settings::Settings;
use crate::tensorrt::{Search, TensorRt};

/// A device that can be used, and TensorRT on it.
pub(super) struct Opened {
    pub(super) tensorrt: TensorRt,
    pub(super) cache: PlanCache,
    pub(super) device: Device,
    pub(super) gpu: Gpu,
}

impl Opened {
    /// Opens everything but the compiler of kernels, and makes the device current on this thread.
    ///
    /// # Errors
    /// [`EngineError::Load`] in words of a technician; [`EngineError::Lost`].
    pub(super) fn open(settings: &Settings) -> Result<Self, EngineError> {
        let device = device(settings)?;
        let gpu = Gpu::open(&device, settings.answer_wait_max).map_err(lost_or_load)?;
        let tensorrt = TensorRt::load(&device, &search(settings)).map_err(load)?;
        let cache = PlanCache::open(&settings.cache_folder).map_err(load)?;
        gpu.bind().map_err(lost_or_load)?;
        Ok(Self { tensorrt, cache, device, gpu })
    }

    /// Our kernels, from the cache or compiled.
    ///
    /// # Errors
    /// [`EngineError::Load`]; [`EngineError::Lost`].
    pub(super) fn kernels(&self) -> Result<Module, EngineError> {
        let nvrtc = Nvrtc::open().map_err(load)?;
        let key = KernelsKey::new(&self.device, nvrtc.version);
        let compile = || {
            tracing::info!(compiler = %nvrtc.version, library = nvrtc.library, "compiling the kernels for this GPU");
            nvrtc.compile(self.device.compute_capability)
        };
        let obtain = || self.cache.obtain_kernels(&key, compile).map_err(load);
        match Module::load(&self.gpu, obtain()?) {
            // They may be of the cache, and the driver another one since: once more, with what the compiler makes now.
            Err(fault) if !fault.is_lost() => {
                tracing::warn!("the kernels are not taken and compiled again: {fault}");
                self.cache.discard_kernels(&key).map_err(load)?;
                Module::load(&self.gpu, obtain()?)
            }
            loaded => loaded,
        }
        .map_err(lost_or_load)
    }
}

/// What the gate says of the device.
///
/// # Errors
/// [`EngineError::Load`].
pub(super) fn device(settings: &Settings) -> Result<Device, EngineError> {
    gate::open(Path::new(DRIVER_LIBRARY), settings.device).map_err(load)
}

/// Where TensorRT and its shim are looked for.
pub(super) fn search(settings: &Settings) -> Search {
    Search::installed(settings.shim_folder.as_deref())
}

/// A reason not to load.
pub(super) fn load(fault: impl std::fmt::Display) -> EngineError {
    EngineError::Load(fault.to_string())
}

/// A reason not to run.
pub(super) fn run(fault: CudaFault) -> EngineError {
    if fault.is_lost() { EngineError::Lost(fault.to_string()) } else { EngineError::Run(fault.to_string()) }
}
