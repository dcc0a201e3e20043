//! The engine for NVIDIA devices. Built everywhere; nothing of CUDA or TensorRT is linked or needed to build it.
//!
//! [`kernels`] is the source of what runs on the device, and [`plan`] says which kernels run on which buffers for one image:
//! pure data, so that the same plan runs on a device, on the host and in an interpreter of the compiled code.

pub mod kernels;
pub mod plan;
