//! The clients of a fleet against an update server and a broker that behave, and that do not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod certificates;
mod ddi;
mod http;
mod mqtt;
mod power;
