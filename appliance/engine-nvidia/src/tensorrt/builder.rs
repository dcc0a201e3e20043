//! From an ONNX file to a plan.

use std::ffi::CString;
use std::sync::Arc;

use super::error::TensorRtError;
use super::library::TensorRt;
use super::object::{BuilderKind, NetworkKind, Object};
use super::shim::{HALF, NO_TF32};
use crate::plan_cache::{Plan, TimingCache};

/// What a network is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Half precision. On TensorRT 8 a flag; from 10 on networks are strongly typed, and the ONNX file must have halves.
    Half,
    /// Single precision, not rounded to TF32. From 10 on the ONNX file must have singles.
    Single,
}

/// How to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildOptions {
    /// Precision.
    pub precision: Precision,
    /// Limit of a layer's scratch memory on the device, in bytes.
    pub workspace_bytes: u64,
}

/// A builder. One network is built with one builder: they are for one thread at a time.
pub struct Builder {
    tensorrt: TensorRt,
    object: Arc<Object<BuilderKind>>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Builder {
    /// A builder for the CUDA device that is current on this thread.
    ///
    /// # Errors
    /// [`TensorRtError::SymbolMissing`] where only the lean runtime is installed, [`TensorRtError::Failed`].
    pub fn new(tensorrt: &TensorRt) -> Result<Self, TensorRtError> {
        let nvinfer = tensorrt.nvinfer();
        let factory = nvinfer.builder_factory.ok_or_else(|| TensorRtError::SymbolMissing {
            library: nvinfer.name.clone(),
            symbol: "createInferBuilder_INTERNAL",
        })?;
        let object = tensorrt.call("make a builder", |shim| shim.builder(factory, tensorrt.logger()))?;
        Ok(Self { tensorrt: tensorrt.clone(), object })
    }

    /// Reads a whole ONNX file, whose digest the caller has checked.
    ///
    /// # Errors
    /// [`TensorRtError::ParserMissing`], [`TensorRtError::Network`] with the parser's reasons, [`TensorRtError::Failed`].
    pub fn parse(self, onnx: &[u8]) -> Result<Network, TensorRtError> {
        let Self { tensorrt, object: builder } = self;
        let factory = tensorrt.parser_factory()?;
        let object =
            tensorrt.call("parse the network", |shim| shim.network(&builder, factory, tensorrt.logger(), onnx))?;
        Ok(Network { tensorrt, builder, object })
    }
}

/// A network that was read, not yet built.
pub struct Network {
    tensorrt: TensorRt,
    builder: Arc<Object<BuilderKind>>,
    object: Arc<Object<NetworkKind>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Network").finish_non_exhaustive()
    }
}

/// What a build gives.
#[derive(Debug)]
pub struct Built {
    /// The engine, serialised.
    pub plan: Plan,
    /// What was measured, for the next build on this device; `None` where TensorRT gives none.
    pub timing_cache: Option<TimingCache>,
}

impl Network {
    /// Fixes the shape of the input `name`: the ONNX file leaves the batch open, and a plan for one shape needs no profile.
    ///
    /// # Errors
    /// [`TensorRtError::NoInput`], [`TensorRtError::Failed`] for a shape of more than 8 dimensions.
    pub fn fix_input(&mut self, name: &str, shape: &[u32]) -> Result<(), TensorRtError> {
        let no_input = || TensorRtError::NoInput { name: name.into() };
        let c_name = CString::new(name).map_err(|_| no_input())?;
        let shape: Vec<i64> = shape.iter().copied().map(i64::from).collect();
        let fixed = self.tensorrt.call("fix the input's shape", |shim| shim.fix_input(&self.object, &c_name, &shape));
        fixed.map_err(|fault| match fault {
            TensorRtError::Failed { failure: super::Failure::Refused, .. } => no_input(),
            fault => fault,
        })
    }

    /// Builds the plan, which takes minutes and measures on the device: nothing else should run on it.
    ///
    /// # Errors
    /// [`TensorRtError::Failed`].
    pub fn build(self, options: &BuildOptions, timing_cache: Option<&TimingCache>) -> Result<Built, TensorRtError> {
        let flags = match options.precision {
            Precision::Half => HALF,
            Precision::Single => NO_TF32,
        };
        let timing = timing_cache.map_or(&[][..], TimingCache::bytes);
        let config = self
            .tensorrt
            .call("configure the build", |shim| shim.config(&self.builder, flags, options.workspace_bytes, timing))?;
        let plan = self.tensorrt.call("build the engine", |shim| shim.build(&self.builder, &self.object, &config))?;
        // The plan is what counts: a cache that cannot be had costs time at the next build.
        let timing_cache = self.tensorrt.call("serialise the timing cache", |shim| shim.timing(&config));
        Ok(Built { plan: Plan::built(plan), timing_cache: timing_cache.ok().map(TimingCache::measured) })
    }
}
