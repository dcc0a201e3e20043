//! TensorRT without a GPU: the gate on a double of the driver, the shim built from real headers on a double of TensorRT, and
//! the real lean runtime on a machine without a driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod building;
mod doubles;
mod gate;
mod lean;
mod loading;
#[path = "../doubles/making.rs"]
mod making;
mod running;
