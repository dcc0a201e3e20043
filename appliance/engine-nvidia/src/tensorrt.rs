//! TensorRT, opened at run time through our own shim.
//!
//! The words are TensorRT's: a [`Builder`] parses an ONNX file into a [`Network`], which is built into a
//! [`Plan`](crate::plan_cache::Plan) for this device; a [`Runtime`] makes an [`Engine`] of a plan, and an engine's
//! [`Context`] runs on a CUDA stream. What they say goes through the logger into `tracing`.
//!
//! TensorRT's C++ objects are reached through `shim/`, a library with a flat C interface that is built once per major from
//! the device's headers; [`TensorRt::load`] finds the two that belong together.

mod builder;
mod context;
mod engine;
mod error;
mod library;
mod logger;
mod nvinfer;
mod object;
mod runtime;
mod search;
mod shim;
mod version;

pub use builder::{BuildOptions, Builder, Built, Network, Precision};
pub use context::{Context, DeviceMemory, Stream};
pub use engine::{DataType, Direction, Engine, Tensor};
pub use error::{Failure, Said, TensorRtError};
pub use library::TensorRt;
pub use runtime::Runtime;
pub use search::Search;
pub use version::Version;
