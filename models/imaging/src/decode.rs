//! Decoding: a Part 10 file to a [`DecodedImage`], for every transfer syntax of [`contract::transfer_syntax`].

use std::io::{Read, Seek};

use contract::{Uid, transfer_syntax as syntax};
use dataset::attributes::LookupTable;
use dataset::pixels::{FrameBytes, to_little_endian};
use dataset::{FrameError, InspectError, PixelHeader, PixelPlace, read_frame, read_pixel_header};
use thiserror::Error;

use crate::codec::{CodecError, FrameSpec, jpeg_2000, jpeg_dct, jpeg_lossless, jpeg_ls, rle};
use crate::image::{
    DecodedHeader, DecodedImage, ImageError, Lut, Modality, PIXELS_MAX, Photometric, VoiFunction, Window,
};

/// Why a file could not be decoded. No text holds a value of a patient.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The header could not be read.
    #[error(transparent)]
    Header(#[from] InspectError),
    /// The pixel data could not be read.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The compressed stream is at fault.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Samples and header contradict each other.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// An attribute that decoding needs is missing or has a value that is not allowed.
    #[error("image attribute {0} is missing or invalid")]
    Attribute(&'static str),
    /// Something legal that Mamoru does not do.
    #[error("image is not supported: {0}")]
    Unsupported(&'static str),
}

impl DecodeError {
    /// Stable and machine-readable.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Header(error) => error.code(),
            Self::Frame(_) => "pixel_data_unreadable",
            Self::Codec(CodecError::Damaged { .. }) => "pixel_stream_damaged",
            Self::Codec(CodecError::Unsupported { .. }) => "pixel_stream_unsupported",
            Self::Codec(CodecError::Mismatch { .. }) => "pixel_stream_mismatch",
            Self::Image(_) => "pixel_data_invalid",
            Self::Attribute(_) => "image_attribute_invalid",
            Self::Unsupported(_) => "image_unsupported",
        }
    }
}

/// Decodes the first frame of the Part 10 file in `reader`.
///
/// # Errors
/// [`DecodeError`]. Sizes are checked before anything is allocated for them: at most [`PIXELS_MAX`] pixels.
pub fn decode<R: Read + Seek>(mut reader: R) -> Result<DecodedImage, DecodeError> {
    let header = read_pixel_header(&mut reader)?;
    let (frame, shift) = frame_spec(&header)?;
    let place = header.scan.pixels.clone().ok_or(DecodeError::Attribute("Pixel Data"))?;
    let bytes = frame.pixels() as u64 * u64::from(frame.bits_allocated / 8);
    let wanted = FrameBytes {
        frames: header.frames,
        native_bytes: bytes,
        // No lossless code grows noise by more than a fraction; twice the raw size is generous.
        encoded_bytes_max: 2 * bytes + (1 << 20),
    };
    let stream = read_frame(&mut reader, header.dataset_offset, &header.transfer_syntax, &place, wanted)?;
    let mut samples = match place {
        PixelPlace::Native { .. } => native(stream, &header.transfer_syntax, &frame),
        PixelPlace::Encapsulated { .. } => compressed(&stream, &header.transfer_syntax, &frame)?,
    };
    let bias = if frame.signed { 1_i32 << (frame.bits_stored - 1) } else { 0 };
    unbias(&mut samples, &frame, shift, bias as u16);
    Ok(DecodedImage::from_parts(decoded_header(header, &frame, bias)?, samples)?)
}

/// What the header says of a frame, and by how many bits its values stand too high.
fn frame_spec(header: &PixelHeader) -> Result<(FrameSpec, u16), DecodeError> {
    let need = |value: Option<u16>, name| value.filter(|&value| value > 0).ok_or(DecodeError::Attribute(name));
    let rows = u32::from(need(header.rows, "Rows")?);
    let columns = u32::from(need(header.columns, "Columns")?);
    let bits_allocated = need(header.bits_allocated, "Bits Allocated")?;
    let bits_stored = need(header.bits_stored, "Bits Stored")?;
    if header.samples_per_pixel != 1 {
        return Err(DecodeError::Unsupported("more than one sample per pixel"));
    }
    if !matches!(bits_allocated, 8 | 16) {
        return Err(DecodeError::Unsupported("bits allocated other than 8 or 16"));
    }
    if !(8..=bits_allocated).contains(&bits_stored) {
        return Err(DecodeError::Attribute("Bits Stored"));
    }
    if u64::from(rows) * u64::from(columns) > PIXELS_MAX {
        return Err(DecodeError::Unsupported("more than 8192 x 8192 pixels"));
    }
    let high_bit = header.high_bit.unwrap_or(bits_stored - 1);
    let shift = (high_bit + 1).checked_sub(bits_stored).filter(|_| high_bit < bits_allocated);
    let shift = shift.ok_or(DecodeError::Attribute("High Bit"))?;
    Ok((FrameSpec { rows, columns, bits_allocated, bits_stored, signed: header.signed }, shift))
}

fn native(mut bytes: Vec<u8>, transfer_syntax: &Uid, frame: &FrameSpec) -> Vec<u16> {
    if frame.bits_allocated == 8 {
        return bytes.into_iter().map(u16::from).collect();
    }
    to_little_endian(transfer_syntax, frame.bits_allocated, &mut bytes);
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

fn compressed(stream: &[u8], transfer_syntax: &Uid, frame: &FrameSpec) -> Result<Vec<u16>, DecodeError> {
    let samples = match transfer_syntax.as_str() {
        syntax::RLE_LOSSLESS => rle::decode(stream, frame)?,
        syntax::JPEG_BASELINE | syntax::JPEG_EXTENDED => jpeg_dct::decode(stream, frame)?,
        syntax::JPEG_LOSSLESS | syntax::JPEG_LOSSLESS_SV1 => jpeg_lossless::decode(stream, frame)?,
        syntax::JPEG_LS_LOSSLESS | syntax::JPEG_LS_NEAR => jpeg_ls::decode(stream, frame)?,
        syntax::JPEG_2000_LOSSLESS
        | syntax::JPEG_2000
        | syntax::HTJ2K_LOSSLESS
        | syntax::HTJ2K_LOSSLESS_RPCL
        | syntax::HTJ2K => jpeg_2000::decode(stream, frame)?,
        _ => return Err(DecodeError::Unsupported("this compressed transfer syntax")),
    };
    Ok(samples)
}

/// Moves values down to bit 0, masks what is above Bits Stored (overlays, sign bits) and adds the bias.
fn unbias(samples: &mut [u16], frame: &FrameSpec, shift: u16, bias: u16) {
    let mask = u16::MAX >> (16 - frame.bits_stored);
    if shift == 0 && mask == u16::MAX && bias == 0 {
        return;
    }
    samples.iter_mut().for_each(|sample| *sample = (*sample >> shift).wrapping_add(bias) & mask);
}

fn decoded_header(header: PixelHeader, frame: &FrameSpec, sample_bias: i32) -> Result<DecodedHeader, DecodeError> {
    let photometric = match header.photometric.as_deref() {
        Some("MONOCHROME1") => Photometric::Monochrome1,
        Some("MONOCHROME2") => Photometric::Monochrome2,
        _ => return Err(DecodeError::Attribute("Photometric Interpretation")),
    };
    let voi_function = match header.voi_function.as_deref() {
        None | Some("LINEAR") => VoiFunction::Linear,
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        Some(_) => return Err(DecodeError::Attribute("VOI LUT Function")),
    };
    let lut = |table: LookupTable| Lut { first: table.first, values: table.values };
    let modality = match (header.modality_lut, header.rescale) {
        (Some(table), _) => Modality::Lut(lut(table)),
        (None, Some((slope, intercept))) if slope != 0.0 => Modality::Rescale { slope, intercept },
        (None, Some(_)) => return Err(DecodeError::Attribute("Rescale Slope")),
        (None, None) => Modality::Rescale { slope: 1.0, intercept: 0.0 },
    };
    // A width below 1 has no meaning for LINEAR, and one of 0 or less for none.
    let windows = header.windows.into_iter().filter(|(_, width)| *width > 0.0);
    Ok(DecodedHeader {
        rows: frame.rows,
        columns: frame.columns,
        bits_stored: frame.bits_stored,
        sample_bias,
        photometric,
        modality,
        windows: windows.map(|(center, width)| Window { center, width }).collect(),
        voi_function,
        voi_lut: header.voi_lut.map(lut),
        padding: header.padding,
    })
}
