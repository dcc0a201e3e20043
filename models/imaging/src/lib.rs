//! imaging
pub mod codec;
