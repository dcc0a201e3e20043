//! JPEG 2000 (ITU-T T.800) and High-Throughput JPEG 2000 (T.814), through OpenJPEG.
//!
//! OpenJPEG is the C library, built by cargo with the C compiler alone: it is as fast as the best pure-Rust decoder on
//! JPEG 2000, decodes code blocks in parallel, and is more than twice as fast as its own Rust port on HTJ2K, which no
//! other maintained crate reads. The main header is parsed here first, so that the library never allocates for a size
//! that is not the data set's. For signed data the output is the two's complement pattern in 16 bits.

use jpeg2k::{DecodeParameters, Image};

use super::jpeg::Blame;
use super::{CodecError, FrameSpec};

const BLAME: Blame = Blame("JPEG 2000");

/// Start of codestream, followed by the SIZ marker.
const CODESTREAM_START: [u8; 4] = [0xFF, 0x4F, 0xFF, 0x51];
/// The first box of a JP2 file.
const JP2_SIGNATURE: [u8; 8] = [0, 0, 0, 12, b'j', b'P', b' ', b' '];
/// The codestream of a JP2 file begins within so many bytes.
const BOXES_BYTES_MAX: usize = 64 << 10;

/// Decodes one frame.
///
/// # Errors
/// [`CodecError`], a size, precision or number of components other than the header's before anything is allocated. A
/// stream that ends early is an error and never half an image.
pub fn decode(stream: &[u8], frame: &FrameSpec) -> Result<Vec<u16>, CodecError> {
    let codestream = codestream(stream)?;
    let signed = check_size_marker(codestream, frame)?;
    let image = Image::from_bytes_with(codestream, DecodeParameters::new().strict(true))
        .map_err(|_| BLAME.damaged("OpenJPEG refuses it"))?;
    let [component] = image.components() else {
        return Err(BLAME.damaged("it decodes to several components"));
    };
    let values = component.data();
    if values.len() != frame.pixels() {
        return Err(BLAME.damaged("it decodes to another number of pixels"));
    }
    if signed && !frame.signed {
        // Two's complement in the stream, unsigned in the header: the header is what other viewers go by.
        let mask = u16::MAX >> (16 - frame.bits_stored.clamp(1, 16));
        return Ok(values.iter().map(|&value| value as u16 & mask).collect());
    }
    Ok(values.iter().map(|&value| value as u16).collect())
}

/// The codestream itself, also where a sender put a whole JP2 file into the data set.
fn codestream(stream: &[u8]) -> Result<&[u8], CodecError> {
    let start = if stream.starts_with(&JP2_SIGNATURE) {
        let boxes = &stream[..stream.len().min(BOXES_BYTES_MAX)];
        boxes.windows(4).position(|bytes| bytes == CODESTREAM_START)
    } else {
        stream.starts_with(&CODESTREAM_START).then_some(0)
    };
    start.map(|start| &stream[start..]).ok_or_else(|| BLAME.damaged("there is no start of codestream"))
}

/// Holds the SIZ marker segment (T.800 annex A.5.1) against the header; says whether samples are signed.
fn check_size_marker(codestream: &[u8], frame: &FrameSpec) -> Result<bool, CodecError> {
    let siz = codestream.get(4..4 + 41).ok_or_else(|| BLAME.damaged("its size marker is short"))?;
    let number = |at: usize| u32::from_be_bytes([siz[at], siz[at + 1], siz[at + 2], siz[at + 3]]);
    let components = u16::from_be_bytes([siz[36], siz[37]]);
    if components != 1 {
        return Err(BLAME.mismatch(format!("{components} components"), "1 sample per pixel".into()));
    }
    let (columns, rows) = (number(4).checked_sub(number(12)), number(8).checked_sub(number(16)));
    let (Some(columns), Some(rows)) = (columns, rows) else {
        return Err(BLAME.damaged("its image area is empty"));
    };
    let (tile_columns, tile_rows) = (number(20), number(24));
    if tile_columns == 0 || tile_rows == 0 {
        return Err(BLAME.damaged("its tiles are empty"));
    }
    let depth = siz[38];
    BLAME.check_size(frame, rows, columns, u32::from(depth & 0x7F) + 1)?;
    if (siz[39], siz[40]) != (1, 1) {
        return Err(BLAME.unsupported("subsampled components"));
    }
    Ok(depth & 0x80 != 0)
}

#[cfg(test)]
mod tests;
