//! JPEG 2000 and HTJ2K.

use super::{CodecError, FrameSpec};

/// Decodes one frame.
///
/// # Errors
/// [`CodecError`].
pub fn decode(_stream: &[u8], _frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    Err(CodecError::Unsupported { codec: "JPEG 2000 and HTJ2K", what: "decoder is being written".into() })
}
