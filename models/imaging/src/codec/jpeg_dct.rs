//! JPEG Baseline and Extended.

use super::{CodecError, FrameSpec};

/// Decodes one frame.
///
/// # Errors
/// [`CodecError`].
pub fn decode(_stream: &[u8], _frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    Err(CodecError::Unsupported { codec: "JPEG Baseline and Extended", what: "decoder is being written".into() })
}
