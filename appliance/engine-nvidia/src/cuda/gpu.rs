//! A context and its one stream. Unsafe code: the driver's own functions.
#![allow(unsafe_code)]

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, sys};

use super::error::CudaFault;
use crate::gate::{DRIVER_LIBRARY, Device};
use crate::loader;
use crate::tensorrt::Stream;

/// Between two questions whether the device is done: short beside an image's time on the device.
const ASK_AGAIN: Duration = Duration::from_micros(100);

/// Every function of the driver that is called, here and inside of cudarc: it panics where one is missing.
const FUNCTIONS: [&str; 34] = [
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventElapsedTime",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAllocAsync",
    "cuMemAlloc_v2",
    "cuMemFreeAsync",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemHostAlloc",
    "cuMemHostGetDevicePointer_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
];

/// A device in use: its primary context, which TensorRT uses too, and a stream.
pub(crate) struct Gpu {
    stream: Arc<CudaStream>,
    context: Arc<CudaContext>,
    wait_max: Duration,
}

/// A point in the stream's work.
pub(crate) struct Mark(CudaEvent);

impl Gpu {
    /// Begins to use the device that the gate found. After `wait_max` without an answer it will count as lost.
    pub(crate) fn open(device: &Device, wait_max: Duration) -> Result<Self, CudaFault> {
        guard()?;
        let context = CudaContext::new(device.ordinal as usize).map_err(CudaFault::of("begin to use the GPU"))?;
        // SAFETY: one stream does all work in its order, and memory is freed only when it is done.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream().map_err(CudaFault::of("make a stream"))?;
        Ok(Self { stream, context, wait_max })
    }

    /// Makes the context this thread's own, as TensorRT wants it before each of its calls.
    pub(crate) fn bind(&self) -> Result<(), CudaFault> {
        self.context.bind_to_thread().map_err(CudaFault::of("use the GPU on this thread"))
    }

    pub(super) const fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    pub(super) const fn cuda_stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    /// The stream, for TensorRT.
    pub(crate) fn stream(&self) -> Stream {
        Stream(self.stream.cu_stream().cast())
    }

    /// A mark for times and for waiting, not in the stream yet.
    pub(crate) fn mark(&self) -> Result<Mark, CudaFault> {
        let event = self.context.new_event(Some(sys::CUevent_flags::CU_EVENT_DEFAULT));
        event.map(Mark).map_err(CudaFault::of("make an event"))
    }

    /// Puts a mark behind all work that was queued so far.
    pub(crate) fn record(&self, mark: &Mark) -> Result<(), CudaFault> {
        mark.0.record(&self.stream).map_err(CudaFault::of("record an event"))
    }

    /// Waits until the work before a recorded mark is done.
    ///
    /// # Errors
    /// What went wrong in that work; [`CudaFault::Silent`] when it is not done in time.
    pub(crate) fn wait(&self, mark: &Mark) -> Result<(), CudaFault> {
        self.bind()?;
        let begun = Instant::now();
        loop {
            if mark.0.try_is_complete().map_err(CudaFault::of("run"))? {
                return Ok(());
            }
            if begun.elapsed() >= self.wait_max {
                return Err(CudaFault::Silent(self.wait_max));
            }
            thread::sleep(ASK_AGAIN);
        }
    }

    /// Milliseconds on the device between two marks that were waited for.
    pub(crate) fn milliseconds(&self, from: &Mark, to: &Mark) -> Result<f64, CudaFault> {
        from.0.elapsed_ms(&to.0).map(f64::from).map_err(CudaFault::of("tell a time"))
    }
}

/// Refuses a driver that cudarc would panic about.
fn guard() -> Result<(), CudaFault> {
    // SAFETY: the gate has opened the driver already, and called it.
    let library = unsafe { loader::open(Path::new(DRIVER_LIBRARY)) };
    let library = library.map_err(|fault| CudaFault::Driver(format!("{DRIVER_LIBRARY}: {fault:?}")))?;
    for function in FUNCTIONS {
        // SAFETY: the pointer is not called.
        unsafe { loader::function::<*const ()>(&library, function) }
            .map_err(|symbol| CudaFault::Driver(format!("{DRIVER_LIBRARY} lacks {symbol}")))?;
    }
    // SAFETY: as above; it opens the library by the names that cudarc knows.
    if unsafe { sys::is_culib_present() } {
        Ok(())
    } else {
        Err(CudaFault::Driver("cudarc does not find its library".into()))
    }
}
