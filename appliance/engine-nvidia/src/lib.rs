//! The NVIDIA engine: our own CUDA kernels and TensorRT, opened at run time.
//!
//! Nothing of NVIDIA is linked: this crate builds, and the command starts, on a machine without any of it. [`gate`] asks the
//! CUDA driver first; only with the [`gate::Device`] that it gives can [`tensorrt`] be opened. [`plan_cache`] keeps what
//! TensorRT builds for a network on one device.
//!
//! [`kernels`] is the source of what runs on the device beside the network, and [`plan`] says which kernels run on which buffers
//! for one image: pure data, so that the same plan runs on a device, on the host and in an interpreter of the compiled code.

mod cuda;
mod engine;
pub mod gate;
pub mod kernels;
mod loader;
mod nvrtc;
pub mod plan;
pub mod plan_cache;
mod settings;
mod survey;
pub mod tensorrt;
mod vendor_text;

pub use engine::{BuildReport, NvidiaEngine, read_model};
pub use settings::{PlanBuilder, Settings};
pub use survey::{Step, Survey};
