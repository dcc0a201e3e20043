//! Running an engine.

use std::ffi::{CString, c_void};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::engine::Tensor;
use super::error::TensorRtError;
use super::library::TensorRt;
use super::object::{ContextKind, Object};

/// Memory of the device: an address as the CUDA driver gives it (`CUdeviceptr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// Where it begins.
    pub address: NonZeroU64,
    /// How many bytes it has.
    pub bytes: u64,
}

/// A CUDA stream (`CUstream`), null for the default one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream(pub *mut c_void);

/// A context: the state of one run. For one thread at a time, on which the device's CUDA context is current.
pub struct Context {
    tensorrt: TensorRt,
    object: Arc<Object<ContextKind>>,
    tensors: Arc<[Tensor]>,
    /// For each tensor whether memory is bound to it.
    bound: Vec<bool>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Context").field("bound", &self.bound).finish_non_exhaustive()
    }
}

impl Context {
    pub(super) fn new(tensorrt: TensorRt, object: Arc<Object<ContextKind>>, tensors: Arc<[Tensor]>) -> Self {
        let bound = vec![false; tensors.len()];
        Self { tensorrt, object, tensors, bound }
    }

    /// Binds memory to a tensor, for all runs until other memory is bound to it.
    ///
    /// # Errors
    /// [`TensorRtError::UnknownTensor`], [`TensorRtError::MemoryTooSmall`], [`TensorRtError::Failed`]. What was bound to
    /// the tensor before stays only where nothing was called.
    pub fn bind(&mut self, name: &str, memory: DeviceMemory) -> Result<(), TensorRtError> {
        let unknown = || TensorRtError::UnknownTensor { name: name.into() };
        let index = self.tensors.iter().position(|tensor| tensor.name == name).ok_or_else(unknown)?;
        let needed = self.tensors[index].bytes();
        if memory.bytes < needed {
            return Err(TensorRtError::MemoryTooSmall { name: name.into(), needed, given: memory.bytes });
        }
        let c_name = CString::new(name).map_err(|_| unknown())?;
        self.bound[index] = false;
        let address = memory.address.get();
        self.tensorrt.call("bind a tensor", |shim| shim.bind(&self.object, &c_name, address))?;
        self.bound[index] = true;
        Ok(())
    }

    /// Queues a run on a stream (`enqueueV3`), and returns before it is done.
    ///
    /// # Safety
    /// What is bound is memory of this device, of at least the size that was given, and until the work on the stream is
    /// done it is neither freed nor used otherwise, and the context is not dropped. The stream is one of this device.
    ///
    /// # Errors
    /// [`TensorRtError::Unbound`] before anything is called, [`TensorRtError::Failed`].
    #[allow(unsafe_code)]
    pub unsafe fn enqueue(&mut self, stream: Stream) -> Result<(), TensorRtError> {
        let unbound = self.tensors.iter().zip(&self.bound).filter(|(_, bound)| !**bound);
        let names: Vec<&str> = unbound.map(|(tensor, _)| tensor.name.as_str()).collect();
        if !names.is_empty() {
            return Err(TensorRtError::Unbound { names: names.join(", ") });
        }
        // SAFETY: the caller's promise.
        self.tensorrt.call("run the engine", |shim| unsafe { shim.enqueue(&self.object, stream.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorrt::{Builder, Engine, Network, Runtime};

    #[test]
    fn what_a_worker_owns_can_go_to_its_thread_and_an_engine_can_be_shared() {
        const fn sent<T: Send>() {}
        const fn shared<T: Send + Sync>() {}
        const { sent::<Builder>() };
        const { sent::<Network>() };
        const { sent::<Runtime>() };
        const { sent::<Context>() };
        const { shared::<Engine>() };
        const { shared::<TensorRt>() };
    }
}
