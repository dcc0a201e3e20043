//! Pixel decoders: one frame of compressed grey pixels in, stored values out.
//!
//! Each decoder takes the whole code stream of one frame and what the data set's header says of it. The header's rows
//! and columns bound every allocation; a stream that claims another size, precision or number of components is refused
//! before anything is allocated. Decoders may be slow on damaged input, but must neither panic nor read out of bounds;
//! the appliance runs them in a worker process with limits all the same.

mod jpeg;
pub mod jpeg_2000;
pub mod jpeg_dct;
pub mod jpeg_lossless;
pub mod jpeg_ls;
pub mod rle;
#[doc(hidden)]
pub mod testing;

use thiserror::Error;

/// What the data set's header says of a frame. Every decoder checks its stream against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameSpec {
    /// Rows (0028,0010), at least 1.
    pub rows: u32,
    /// Columns (0028,0011), at least 1.
    pub columns: u32,
    /// Bits Allocated (0028,0100): 8 or 16.
    pub bits_allocated: u16,
    /// Bits Stored (0028,0101): 1 to `bits_allocated`.
    pub bits_stored: u16,
    /// Pixel Representation (0028,0103) is 1: two's complement.
    pub signed: bool,
}

impl FrameSpec {
    /// Number of pixels.
    #[must_use]
    pub const fn pixels(&self) -> usize {
        self.rows as usize * self.columns as usize
    }
}

/// Why a frame could not be decoded. Texts name the stream's structure, never its content.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The stream ends early, or breaks its own format.
    #[error("{codec} stream is damaged: {what}")]
    Damaged {
        /// The codec.
        codec: &'static str,
        /// What is wrong, in words of the codec's standard.
        what: String,
    },
    /// The stream is sound but uses something that this decoder does not do.
    #[error("{codec} stream is not supported: {what}")]
    Unsupported {
        /// The codec.
        codec: &'static str,
        /// Which feature.
        what: String,
    },
    /// The stream's size, precision or components differ from the data set's header.
    #[error("{codec} stream says {stream}, the header says {header}")]
    Mismatch {
        /// The codec.
        codec: &'static str,
        /// What the stream says.
        stream: String,
        /// What the header says.
        header: String,
    },
}
