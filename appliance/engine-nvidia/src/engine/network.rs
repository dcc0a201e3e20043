//! A network that is ready on the device, behind [`inference::Loaded`].

use std::time::Instant;

use imaging::{DecodedImage, prepare};
use inference::{Arithmetic, EngineError, Loaded, NetworkOutputs, RawOutputs};

use super::work::Work;
use crate::plan::plan;
use crate::tensorrt::Precision;

/// A loaded network. Once its device is lost, all it has there is left as it is: to free it could wait for ever.
pub(super) struct LoadedNetwork {
    arithmetic: Arithmetic,
    /// `None` when the device is lost.
    work: Option<Work>,
}

impl LoadedNetwork {
    pub(super) const fn new(work: Work, precision: Precision) -> Self {
        let arithmetic = match precision {
            Precision::Half => Arithmetic::Half,
            Precision::Single => Arithmetic::Single,
        };
        Self { arithmetic, work: Some(work) }
    }

    /// Does something with the device, and finds out whether it is still there when that fails.
    fn attempt<T>(&mut self, run: impl FnOnce(&mut Work) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let Some(work) = &mut self.work else {
            return Err(EngineError::Lost("it failed before, and has not been loaded again".into()));
        };
        let outcome = match run(work) {
            // What was queued before the failure still uses the buffers.
            Err(EngineError::Run(reason)) => match work.settle() {
                Ok(()) => Err(EngineError::Run(reason)),
                Err(lost) => Err(EngineError::Lost(format!("{reason}; {lost}"))),
            },
            outcome => outcome,
        };
        if matches!(outcome, Err(EngineError::Lost(_))) {
            std::mem::forget(self.work.take());
        }
        outcome
    }
}

impl Drop for LoadedNetwork {
    fn drop(&mut self) {
        // TensorRT's objects are destroyed on a thread that has the device.
        if self.work.as_mut().is_some_and(|work| work.settle().is_err()) {
            std::mem::forget(self.work.take());
        }
    }
}

impl Loaded for LoadedNetwork {
    fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    fn analyze(&mut self, image: &DecodedImage) -> Result<RawOutputs, EngineError> {
        let begun = Instant::now();
        self.attempt(|work| match plan(&work.spec, image.header(), work.precision) {
            Ok(plan) => work.analyze(image, &plan),
            Err(unsupported) => {
                tracing::debug!("prepared on the processor: {unsupported}");
                let input = prepare(image, &work.spec)?;
                let preprocess_ms = begun.elapsed().as_secs_f64() * 1e3;
                let begun = Instant::now();
                let NetworkOutputs { probability, logit, cam } = work.run(&input.tensor)?;
                let network_ms = begun.elapsed().as_secs_f64() * 1e3;
                let geometry = input.geometry;
                Ok(RawOutputs { probability, logit, cam, geometry, surface: None, preprocess_ms, network_ms })
            }
        })
    }

    fn run(&mut self, input: &[f32]) -> Result<NetworkOutputs, EngineError> {
        self.attempt(|work| work.run(input))
    }
}
