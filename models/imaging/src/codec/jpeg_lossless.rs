//! JPEG Lossless.

use super::{CodecError, FrameSpec};

/// Decodes one frame.
///
/// # Errors
/// [`CodecError`].
pub fn decode(_stream: &[u8], _frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    Err(CodecError::Unsupported { codec: "JPEG Lossless", what: "decoder is being written".into() })
}
