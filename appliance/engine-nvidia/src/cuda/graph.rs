//! Recorded work. Unsafe code: a graph goes with its owner from thread to thread.
#![allow(unsafe_code)]

use cudarc::driver::{CudaGraph, sys};

use super::error::CudaFault;
use super::gpu::Gpu;

/// Work that was recorded and can be launched as a whole.
pub(crate) struct Graph(CudaGraph);

// SAFETY: a graph may be used from any thread, by one at a time: it is reached through `&mut` or an owner alone.
unsafe impl Send for Graph {}

/// A stream that records what is queued instead of running it, until [`Recording::end`].
#[must_use]
pub(crate) struct Recording(());

impl Recording {
    /// Begins to record.
    pub(crate) fn begin(gpu: &Gpu) -> Result<Self, CudaFault> {
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        gpu.cuda_stream().begin_capture(mode).map_err(CudaFault::of("begin to record")).map(|()| Self(()))
    }

    /// Ends to record. To be called whatever happened in between, so that the stream runs again.
    pub(crate) fn end(self, gpu: &Gpu) -> Result<Graph, CudaFault> {
        let recorded = gpu.cuda_stream().end_capture(sys::CUgraphInstantiate_flags(0));
        recorded.map_err(CudaFault::of("record a graph"))?.map(Graph).ok_or(CudaFault::NoGraph)
    }
}

impl Graph {
    /// Queues the recorded work.
    ///
    /// # Safety
    /// What was recorded still holds: the same memory is there, for the same use.
    pub(crate) unsafe fn launch(&mut self) -> Result<(), CudaFault> {
        self.0.launch().map_err(CudaFault::of("launch a graph"))
    }
}
