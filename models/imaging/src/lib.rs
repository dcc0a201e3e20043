//! From DICOM bytes to the network's input, on the CPU: the reference, used by serving and by training alike.
//!
//! Two steps, both pure: [`decode()`] turns a Part 10 file into a [`DecodedImage`], and [`prepare()`] turns that into a
//! [`ModelInput`] as a [`contract::PreprocessSpec`] says. The trainer calls the same two functions, so that training
//! and serving cannot drift. No network, no clock, no settings of its own, and no judgement of what an image is good
//! for.

pub mod codec;
pub mod decode;
mod grey;
pub mod image;
pub mod prepare;
mod resize;

pub use decode::{DecodeError, decode};
pub use grey::values;
pub use image::{DecodedHeader, DecodedImage, ImageError, Photometric, VoiFunction, Window};
pub use prepare::{ModelInput, PrepareError, prepare};
