//! The CUDA driver's work: a context, a stream, memory, kernels, graphs; through cudarc, which opens the driver at run time.
//!
//! cudarc panics where the driver or one of its functions is not there, so [`Gpu::open`] looks first, and only with a
//! [`Gpu`] can anything else be had. Nothing waits without a deadline: who calls the driver to wait may wait for ever on a
//! device that hangs, so [`Gpu::wait`] asks and looks at the clock. A device that failed for good, or does not answer, is
//! lost ([`CudaFault::is_lost`]): what was on it is then left where it is ([`std::mem::forget`]), for to free it would wait.
//!
//! One stream does everything in its order, so cudarc's own tracking of who reads what is switched off.

mod error;
mod gpu;
mod graph;
mod memory;
mod module;

pub(crate) use error::CudaFault;
pub(crate) use gpu::{Gpu, Mark};
pub(crate) use graph::{Graph, Recording};
pub(crate) use memory::{Memory, Pinned};
pub(crate) use module::Module;
