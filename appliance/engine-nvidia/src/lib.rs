//! The NVIDIA engine: TensorRT on CUDA, opened at run time.
//!
//! Nothing of NVIDIA is linked: this crate builds, and the command starts, on a machine without any of it. [`gate`] asks the
//! CUDA driver first; only with the [`gate::Device`] that it gives can [`tensorrt`] be opened. [`plan_cache`] keeps what
//! TensorRT builds for a network on one device.

pub mod gate;
mod loader;
pub mod plan_cache;
pub mod tensorrt;
mod vendor_text;
