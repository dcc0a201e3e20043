//! Decoding in a supervised worker process.
//!
//! Codecs and parsers may panic, stall, overflow the stack or eat memory on damaged input. So the appliance never runs
//! them itself: it starts its own binary in another mode for each image, with limits on address space, processor time
//! and wall time, and takes the pixels back through an anonymous file in memory. Whatever happens in there costs one
//! image, which then ends as failed with a reason.
//!
//! Data enter as a spooled file (the worker's standard input) and leave as [`Inspection`] or
//! [`imaging::DecodedImage`] (the worker's standard output, see [`wire`]). The worker opens no file, no socket and
//! writes no log; what it prints on standard error is discarded.

mod slots;
mod supervisor;
mod wire;
mod worker;

pub use supervisor::{DecodeFailure, Decoder, WorkerLimits};
pub use wire::{Inspection, Task};
pub use worker::run_worker;
