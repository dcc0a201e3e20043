//! From a plan to an engine.

use std::sync::Arc;

use super::engine::Engine;
use super::error::TensorRtError;
use super::library::TensorRt;
use super::object::{Object, RuntimeKind};
use crate::plan_cache::Plan;

/// A runtime.
pub struct Runtime {
    tensorrt: TensorRt,
    object: Arc<Object<RuntimeKind>>,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime for the CUDA device that is current on this thread.
    ///
    /// # Errors
    /// [`TensorRtError::Failed`].
    pub fn new(tensorrt: &TensorRt) -> Result<Self, TensorRtError> {
        let factory = tensorrt.nvinfer().runtime_factory;
        let object = tensorrt.call("make a runtime", |shim| shim.runtime(factory, tensorrt.logger()))?;
        Ok(Self { tensorrt: tensorrt.clone(), object })
    }

    /// Makes an engine of a plan. A plan is code: that is why only a builder or the plan cache gives one.
    ///
    /// # Errors
    /// [`TensorRtError::Failed`] when TensorRT does not take the plan, which is then to be built again;
    /// [`TensorRtError::Tensor`] for an engine that cannot be used.
    pub fn deserialize(&mut self, plan: &Plan) -> Result<Engine, TensorRtError> {
        let object = self.tensorrt.call("load the plan", |shim| shim.engine(&self.object, plan.bytes()))?;
        Engine::new(self.tensorrt.clone(), object)
    }
}
