//! Bundles as a device meets them: good ones, and everything that somebody may do to one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod any_byte;
mod attacks;
mod codes;
mod packing;
mod peers;
mod roots;
mod world;
