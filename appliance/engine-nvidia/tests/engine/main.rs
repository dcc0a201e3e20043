//! The whole engine on doubles of a whole machine: the driver, whose kernels are the engine's own, NVRTC and TensorRT. First
//! the doubles themselves through an unmodified cudarc, then the engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod compiler;
mod conformance;
mod driver;
mod faults;
#[path = "../kernels/cases.rs"]
#[allow(dead_code)]
mod images;
mod machine;
#[path = "../doubles/making.rs"]
mod making;
mod reference;
